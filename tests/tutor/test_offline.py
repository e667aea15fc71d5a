"""Does the offline tutor answer each kind of question from the evidence, with its numbers, and nothing invented?"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from vtrade.tutor.answer import Answer, Turn
from vtrade.tutor.evidence import AccountEvidence, Evidence, OrderEvidence, PositionEvidence
from vtrade.tutor.offline import answer_offline

ADVICE = re.compile(
    r"\byou should (?:buy|sell|hold|short)\b|\bi (?:recommend|advise)\b|\bis a good (?:buy|sale)\b", re.IGNORECASE
)


def test_a_market_order_that_walked_the_book_is_explained_with_levels_and_distance(evidence: Evidence) -> None:
    answer = answer_offline("Why did order 1 fill at this price?", evidence)
    assert "200 at 100.05, 250 at 100.08, 50 at 100.10" in answer.text
    assert "2 ticks (2.0 bps) worse than the best ask on arrival" in answer.text
    assert "more than the 200 showing there" in answer.text
    assert answer.evidence[0].source == "order 1"
    assert "500 of 500 filled at 100.07 on average" in answer.evidence[0].text
    assert answer.evidence[1].text == "Took three levels of the ask side."
    assert answer.source == "offline"


def test_the_cost_is_split_and_adds_up(evidence: Evidence) -> None:
    text = str(answer_offline("what did #1 cost me?", evidence))
    assert "17.50 USD in all, 3.5 bps of the 50,035.00 USD traded" in text
    parts = [float(amount) for amount in re.findall(r"^- \w+: (-?[\d.]+) USD", text, re.MULTILINE)]
    assert parts == [5.0, 10.0, 2.5]
    assert sum(parts) == 17.5
    assert "Slippage against the arrival price: 3.0 bps (a cost)" in text


def test_a_maker_fill_is_a_gain_not_a_cost(evidence: Evidence) -> None:
    text = str(answer_offline("what did #3 cost me?", evidence))
    assert "It earned 2.25 USD in all" in text
    assert "spread: -3.00 USD (a gain)" in text


def test_a_waiting_order_is_explained_by_distance_and_queue(evidence: Evidence) -> None:
    answer = answer_offline("Why has order 2 not filled?", evidence)
    assert "your limit of 99.90 is 15 ticks (15.0 bps) below it" in answer.text
    assert "1,200 stood ahead of it at 99.90" in answer.text
    assert {used.source for used in answer.evidence} == {"order 2", "market ACME"}


def test_a_partial_fill_says_what_filled_and_why_the_rest_waits(evidence: Evidence) -> None:
    text = answer_offline("why was #3 only partly filled", evidence).text
    assert "150 of 400 have filled, at 100.06 on average; 250 are left" in text
    assert "your turn in the queue had come" in text
    assert "700 stood ahead of it" in text


def test_a_denial_names_reason_detail_and_the_room_there_is(evidence: Evidence) -> None:
    answer = answer_offline("Why was my order denied?", evidence)
    assert "Order 4" in answer.text
    assert "a larger share of your account into one instrument than the limit allows" in answer.text
    assert "ZEN would be 52.0 % of NAV, the limit is 25.0 %" in answer.text
    assert "670,030.00 USD" in answer.text
    assert [used.source for used in answer.evidence] == ["order 4", "account"]


def test_a_killed_order_names_its_time_in_force(evidence: Evidence) -> None:
    text = answer_offline("why was order 5 canceled?", evidence).text
    assert "fill-or-kill" in text
    assert "canceled with nothing filled" in text


def test_a_stop_that_slipped_is_measured_from_the_stop(evidence: Evidence) -> None:
    assert "4 ticks (8.1 bps) worse" in answer_offline("why this price for order c-7", evidence).text


@pytest.mark.parametrize(
    ("question", "corrected"),
    [
        ("why did order 1 not fill?", "So it did fill."),
        ("why did order 1 fill only partly?", "in full, not in part"),
        ("why was order 1 denied?", "neither denied nor rejected"),
        ("why was order 1 canceled?", "neither canceled, nor did it expire"),
        ("why did order 2 fill?", "no fill to explain"),
    ],
)
def test_a_wrong_assumption_is_corrected(question: str, corrected: str, evidence: Evidence) -> None:
    assert corrected in answer_offline(question, evidence).text


def test_without_a_number_the_newest_order_that_fits_is_meant_and_named(evidence: Evidence) -> None:
    assert "Order 5" in answer_offline("why did my order not fill?", evidence).text
    assert "Order 3" in answer_offline("why is my order still waiting?", evidence).text
    assert "Order 2" in answer_offline("why is my buy order in ACME not filling?", evidence).text
    assert "Order c-7" in answer_offline("why did my stop order fill?", evidence).text
    assert "Order c-7" in answer_offline("what about my last order?", evidence).text
    assert "Order 1" in answer_offline("tell me about my first order", evidence).text
    several = answer_offline("why did my order fill?", evidence).text
    assert "2 more like it" in several


def test_it_means_the_order_spoken_of(evidence: Evidence) -> None:
    first = answer_offline("why did order 1 fill?", evidence)
    assert "17.50 USD" in answer_offline("and what did it cost?", evidence, history=(first.turn,)).text
    assert "54.50 USD" in answer_offline("and what did it cost?", evidence).text


def test_two_orders_at_once(evidence: Evidence) -> None:
    answer = answer_offline("what did orders 1 and 3 cost", evidence)
    assert "17.50 USD" in answer.text
    assert "2.25 USD" in answer.text
    assert {"order 1", "order 3"} <= {used.source for used in answer.evidence}


def test_an_order_that_is_not_there_is_not_invented(evidence: Evidence, newcomer: Evidence) -> None:
    assert (
        "There is no order 9 of yours. Your newest is order c-7." in answer_offline("why did #9 fill?", evidence).text
    )
    assert "You have sent no order yet" in answer_offline("why did #9 fill?", newcomer).text
    assert "You have sent no order yet" in answer_offline("why did my order not fill?", newcomer).text
    nowhere = answer_offline("why did my market order in ZEN fill?", evidence).text
    assert nowhere.startswith("You have sent no order of that kind in ZEN yet")


def test_no_denial_means_the_limits_are_told(newcomer: Evidence, evidence: Evidence) -> None:
    text = answer_offline("why can't I buy more?", newcomer).text
    assert "None of your orders that fit the question was denied or rejected" in text
    assert "25.0 % of NAV" in text
    assert "None of your orders" in answer_offline("why can't I sell ACME?", evidence).text


def test_performance_tells_money_drawdown_and_where_it_comes_from(evidence: Evidence) -> None:
    text = str(answer_offline("How am I doing?", evidence))
    for number in (
        "1,002,000.00 USD",
        "+2,000.00 USD",
        "+500.00 USD realized",
        "1.2 % below",
        "ZEN +1,920.00 USD",
        "60.0 %",
    ):
        assert number in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("what is my drawdown?", "-1.2 % from the highest NAV"),
        ("what is my sharpe ratio?", "1.25 with a standard error of 0.90"),
        ("what is my hit rate and profit", "60.0 %"),
        ("my sortino ratio?", "There is no Sortino ratio of yours yet"),
        ("what is my nav", "Your NAV now: 1,002,000.00 USD"),
    ],
)
def test_own_statistics(question: str, said: str, evidence: Evidence) -> None:
    assert said in str(answer_offline(question, evidence))


def test_concentration_is_compared_with_the_limit(evidence: Evidence, newcomer: Evidence) -> None:
    text = str(answer_offline("Am I too concentrated?", evidence))
    assert "ACME with 20.0 % of NAV, within the limit of 25.0 %" in text
    assert "Tools 20.0 %, Tea 10.2 %" in text
    assert "spread like 1.8 positions of equal size" in text
    assert "all cash" in answer_offline("Am I too concentrated?", newcomer).text


@pytest.mark.parametrize(
    ("value", "said"), [(24_000.0, "near the limit"), (26_000.0, "**above** the limit"), (10_000.0, "10.0 % of NAV")]
)
def test_near_and_above_the_limit_are_said(value: float, said: str) -> None:
    position = PositionEvidence(symbol="ACME", quantity=1, market_value=value)
    account = AccountEvidence(
        nav=100_000.0, cash=0.0, buying_power=0.0, positions=(position,), concentration_limit=0.25
    )
    assert said in answer_offline("am I too concentrated", Evidence(held_account=account)).text


def test_money_questions(evidence: Evidence) -> None:
    assert "Your buying power is **670,030.00 USD**" in answer_offline("what's my buying power?", evidence).text
    afford = answer_offline("can I afford 1,000 ACME?", evidence).text
    assert "100,050.00 USD before fees and worse levels, which is within your buying power" in afford
    assert "30.0 % of NAV (limit 25.0 %)" in afford
    assert "is more than your buying power" in answer_offline("can I afford 10000 ACME?", evidence).text
    total = str(answer_offline("what did trading cost me in total?", evidence))
    assert "3 orders with fills cost 69.75 USD in all" in total
    assert "The dearest was order c-7 with 54.50 USD" in total


def test_market_questions(evidence: Evidence) -> None:
    text = str(answer_offline("what is the spread of acme?", evidence))
    assert "0.02 (2 ticks, 2.0 bps)" in text
    assert "300 at 100.03, 500 at 100.02" in text
    halted = answer_offline("is ZEN halted?", evidence)
    assert "**ZEN** is halted" in halted.text
    assert "Nobody offers" in halted.text
    assert "IGNORE" not in str(halted), "a headline is somebody else's text"
    assert (
        "Nothing called QQZ trades here. What trades here: ACME, ZEN." in answer_offline("price of QQZ?", evidence).text
    )
    assert "Which one do you mean?" in answer_offline("what is the last price?", evidence).text


def test_an_unknown_symbol_in_an_order_question_is_noticed(evidence: Evidence) -> None:
    assert "Nothing called QQZ trades here" in answer_offline("why did my QQZ order fill?", evidence).notices[0]


def test_progress_and_next_step(evidence: Evidence) -> None:
    assert "level **3** with 450 XP; 150 XP to the next level" in answer_offline("what is my level?", evidence).text
    text = answer_offline("what next?", evidence).text
    assert "Write three plans: 2 of 3" in text
    assert "nearest to its goal is **Write three plans**" in text
    assert "2 of your orders still wait" in text
    assert "desk.order('c-7').review()" in text


def test_terms_show_the_own_number_where_there_is_one(evidence: Evidence) -> None:
    answer = answer_offline("what is drawdown?", evidence)
    assert "high-water mark" in answer.text
    assert "Your drawdown now: -1.2 %" in answer.text
    assert [used.source for used in answer.evidence] == ["glossary", "account"]
    both = answer_offline("what is the difference between IOC and FOK?", evidence).text
    assert "cancels the rest" in both
    assert "or nothing at all" in both


def test_hints_climb_and_never_decide(evidence: Evidence) -> None:
    history: tuple[Turn, ...] = ()
    answers: list[Answer] = []
    for question in ("Should I buy ACME?", "give me the answer", "another hint please", "Should I buy ACME?"):
        answers.append(answer_offline(question, evidence, history=history))
        history += (answers[-1].turn,)
    assert [answer.hint_level for answer in answers] == [1, 2, 3, 3]
    assert answers[0].text.endswith("?**")
    assert not re.search(r"\d{2}", answers[0].text), "the first hint gives no numbers"
    assert "100.03" in answers[2].text
    assert "50,420.00 USD of ACME" in answers[2].text, "0.25 x 1,002,000 - 200,080"
    assert answer_offline("Should I buy ZEN?", evidence, history=history).hint_level == 1, "another subject starts anew"
    assert not any(ADVICE.search(answer.text) for answer in answers)


def test_hints_about_a_topic(evidence: Evidence) -> None:
    first = answer_offline("What is the solution to the slippage exercise?", evidence)
    second = answer_offline("hint", evidence, history=(first.turn,))
    third = answer_offline("hint", evidence, history=(first.turn, second.turn))
    assert "Which price did you have in mind" in first.text
    assert "(average price - arrival price)" in second.text
    assert "4 bps" in third.text
    assert "4 bps" not in first.text + second.text


def test_orders_are_not_taken(evidence: Evidence) -> None:
    answer = answer_offline("buy 100 ACME for me", evidence)
    assert "I cannot place, change or cancel orders" in answer.text
    assert answer.proposals == ()


def test_what_cannot_be_told_is_said_with_what_can_be_asked(evidence: Evidence) -> None:
    text = answer_offline("what is the capital of France?", evidence).text
    assert text.startswith("I cannot tell that from the evidence I have.")
    assert "Why did order 3 not fill?" in text
    assert "explain what happened" in answer_offline("", evidence).text


def test_every_question_of_the_table_is_answered_without_advice(evidence: Evidence, newcomer: Evidence) -> None:
    for line in Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines():
        question = line.rpartition("|")[2]
        for held in (evidence, newcomer):
            answer = answer_offline(question, held)
            assert answer.text
            assert not ADVICE.search(answer.text), question
            assert answer == answer_offline(question, held)
            assert answer._repr_markdown_()


def test_a_long_question_is_cut_with_a_notice(evidence: Evidence) -> None:
    answer = answer_offline("why was order 4 denied? " + "please " * 1000, evidence)
    assert answer.notices == ("Only the first 2,000 characters of the question were read.",)
    assert "Order 4" in answer.text


def test_foreign_text_is_shown_letter_by_letter() -> None:
    hostile = "**bold** <script>alert(1)</script> $x$ [a](http://b)\n# head"
    order = OrderEvidence(
        order_id="1",
        symbol="ACME",
        side="buy",
        type="limit",
        quantity=1,
        status="REJECTED",
        reason="HALTED",
        reason_detail=hostile,
    )
    account = AccountEvidence(nav=1.0, cash=1.0, buying_power=1.0)
    answer = answer_offline("why was order 1 rejected", Evidence(held_account=account, held_orders=(order,)))
    for active in ("**bold**", "<script>", "$x$", "[a](", "\n# head"):
        assert active not in answer.text
    assert "**bold** <script>alert(1)</script> $x$ [a](http://b) # head" in str(answer)


def test_numbers_that_are_none_or_not_a_number_do_no_harm() -> None:
    nan = float("nan")
    order = OrderEvidence(
        order_id="1", symbol="ACME", side="buy", type="market", quantity=nan, filled=nan, status="FILLED", avg_px=nan
    )
    account = AccountEvidence(nav=nan, cash=nan, buying_power=nan, drawdown=nan)
    held = Evidence(held_account=account, held_orders=(order,))
    for question in (
        "why did order 1 fill",
        "what did order 1 cost",
        "how am I doing",
        "am I too concentrated",
        "review order 1",
    ):
        assert answer_offline(question, held).text


def test_an_answer_is_a_value_that_goes_over_the_wire(evidence: Evidence) -> None:
    answer = answer_offline("how am I doing?", evidence)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer
