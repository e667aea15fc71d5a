"""Does an order only come forward where the student asks for one, in terms that could be sent, and never more?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.tutor.test_dialogue import Script, call, says
from vtrade.errors import DeskError, LanguageModelError, TutorError
from vtrade.tutor.answer import Answer, EvidenceUsed, OrderTerms, Proposal, Turn
from vtrade.tutor.dialogue import Done, ask, ask_model
from vtrade.tutor.evidence import Evidence
from vtrade.tutor.offline import answer_offline
from vtrade.tutor.proposals import PER_ANSWER_MAX, OrderDraft, asks_for_order, read_draft
from vtrade.tutor.recognise import kind_of, read_question

STOP = {
    "symbol": "ACME", "side": "sell", "type": "stop_market", "quantity": 500, "stop_price": 99.5, "tif": "GTC",
    "reduce_only": True, "why": "It would close 500 ACME at about 99.50.",
}  # fmt: skip
"""The student holds 2,000 ACME at 100.00; the bid is 100.03."""


class Board:
    """Takes proposals, as a desk would."""

    def __init__(self) -> None:
        self.kept: list[Proposal] = []

    def __call__(self, draft: OrderDraft) -> Proposal:
        n = len(self.kept) + 1
        self.kept.append(
            Proposal(id=f"p{n}", terms=draft.terms, why=draft.why, evidence=draft.evidence, source=draft.source,
                     expires_ns=0)
        )  # fmt: skip
        return self.kept[-1]


def look_up(name: str = "get_account", arguments: str = "{}") -> list[Any]:
    return [call(name, arguments), Done()]


def proposes(**changed: Any) -> list[Any]:
    terms = {name: value for name, value in {**STOP, **changed}.items() if value is not ...}
    return [call("propose_order", json.dumps(terms)), Done()]


def told(model: Script) -> dict[str, Any]:
    """What the model heard last."""
    return dict(json.loads(model.sent[-1][-1].content))


# --- a language model -------------------------------------------------------------------------------------------------


def test_a_proposal_is_a_value_that_rests_on_evidence(evidence: Evidence) -> None:
    board = Board()
    model = Script(look_up(), proposes(), says("A card shows it; only you can confirm it."))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=board)
    (proposal,) = answer.proposals
    assert answer.proposals == tuple(board.kept)
    assert proposal.terms == OrderTerms(
        symbol="ACME", side="sell", type="stop_market", quantity=500, stop_price=99.5, tif="GTC", reduce_only=True
    )
    assert (proposal.source, proposal.evidence[0].source) == ("script", "account")
    assert "You cannot confirm it" in told(model)["result"]
    assert "Only you can confirm it" in str(answer)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Answer) == answer


def test_the_tool_is_offered_only_where_somebody_takes_proposals(evidence: Evidence) -> None:
    model = Script(proposes(), says("no"))
    answer = ask("How would I protect my ACME?", evidence, model=model)
    assert "propose_order" not in model.tools
    assert "there is no tool propose_order" in told(model)["error"]
    assert answer.proposals == ()
    offered = Script(says("ok"))
    ask("How would I protect my ACME?", evidence, model=offered, propose=Board())
    assert [name for name in offered.tools if name not in model.tools] == ["propose_order"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"quantity": 1e15}, "more than the 1,000,000"),
        ({"quantity": 0}, "give a number above 0"),
        ({"quantity": -5}, "give a number above 0"),
        ({"quantity": "many"}, "Expected `float`"),
        ({"quantity": True}, "Expected `float`"),
        ({"quantity": 2_001}, "at most the 2,000 ACME held"),
        ({"quantity": 2_001, "reduce_only": False}, "may not sell short"),
        ({"symbol": "QQZ"}, "nothing called QQZ trades here"),
        ({"side": "hold"}, "Invalid enum value"),
        ({"type": "bracket"}, "Invalid enum value"),
        ({"tif": "forever"}, "Invalid enum value"),
        ({"stop_price": ...}, "has a stop_price"),
        ({"limit_price": 99.0}, "has no limit_price"),
        ({"stop_price": 99.503}, "price steps"),
        ({"stop_price": 0}, "above 0"),
        ({"stop_price": 5}, "too far from the market"),
        ({"stop_price": 101}, "stands below the market"),
        ({"side": "buy", "stop_price": 100, "reduce_only": False}, "stands above the market"),
        ({"side": "buy", "type": "market", "stop_price": ..., "quantity": 9_000, "reduce_only": False}, "buying power"),
        ({"why": ""}, "one sentence why"),
        ({"why": "x" * 301}, "300"),
        ({"why": "x" * 3_000}, "more than 2,000 characters"),
        ({"ticket": "card_abc"}, "unknown field"),
        ({"account": "teacher"}, "unknown field"),
    ],
)
def test_what_could_not_be_sent_is_refused_to_the_model(changed: dict[str, Any], said: str, evidence: Evidence) -> None:
    model = Script(look_up(), proposes(**changed), says("Then not."))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=Board())
    assert said in told(model)["error"]
    assert (answer.proposals, answer.source) == ((), "script")


@pytest.mark.parametrize("arguments", ["", "[]", "{", '{"quantity": NaN}', '{"quantity": 1e999}', "\ud800", "null"])
def test_arguments_that_are_no_order(arguments: str, evidence: Evidence) -> None:
    assert "cannot be read" in str(read_draft(arguments, evidence))


def test_a_headline_cannot_bring_a_proposal_about(evidence: Evidence) -> None:
    """A model that obeys the headline of ZEN, whatever was asked."""
    obeys = {"symbol": "ZEN", "side": "buy", "type": "limit", "limit_price": 50.96, "stop_price": ..., "quantity": 100}
    look = look_up("get_market", '{"symbol": "ZEN"}')
    for question in ("What is new in ZEN?", "How am I doing?", "What is slippage?", "Should I buy ZEN?"):
        board = Board()
        model = Script(look, proposes(**obeys, reduce_only=False), says("No."))
        ask(question, evidence, model=model, propose=board)
        assert "propose nothing" in told(model)["error"], question
        assert not board.kept
    # Not even beside an order that was asked for: that one is about ACME, and is to make the position smaller.
    board, model = Board(), Script(look, proposes(**obeys, reduce_only=False), says("No."))
    ask("How would I protect my ACME?", evidence, model=model, propose=board)
    assert "makes it smaller" in told(model)["error"]
    model = Script(look, proposes(**obeys, reduce_only=False), says("No."))
    ask("Propose an order for ACME", evidence, model=model, propose=board)
    assert "has not spoken of ZEN" in told(model)["error"]
    model = Script(look, proposes(**{**obeys, "symbol": "ACME", "limit_price": 99.9}, reduce_only=False), says("Yes."))
    ask("Propose an order for ACME", evidence, model=model, propose=board)
    assert [str(proposal.terms) for proposal in board.kept] == ["buy 100 ACME at 99.90 or better, GTC"]


def test_the_decision_itself_never_gets_an_order_at_any_hint_level(evidence: Evidence) -> None:
    history: tuple[Turn, ...] = ()
    for level in (1, 2, 3, 3):
        buys = {"side": "buy", "type": "market", "stop_price": ..., "quantity": 10, "reduce_only": False}
        model = Script(look_up(), proposes(**buys), says(f"hint {level}"))
        answer = ask("Should I buy ACME?", evidence, model=model, propose=Board(), history=history)
        assert (answer.hint_level, answer.proposals) == (level, ())
        assert "asks for the decision itself" in told(model)["error"]
        history += (answer.turn,)


def test_an_order_without_a_look_at_the_evidence_is_refused(evidence: Evidence) -> None:
    model = Script(proposes(), says("ok"))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=Board())
    assert "rests on evidence" in told(model)["error"]
    assert answer.proposals == ()


def test_proposals_of_one_answer_are_few_and_differ(evidence: Evidence) -> None:
    orders = [proposes(quantity=q) for q in (100, 100, 200, 300)]
    board, model = Board(), Script(look_up(), *orders, says("done"))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=board)
    assert [p.terms.quantity for p in answer.proposals] == [100, 200]
    assert len(board.kept) == PER_ANSWER_MAX
    errors = [json.loads(m.content).get("error", "") for m in model.sent[-1] if m.role == "tool"]
    assert [error[:30] for error in errors[2:]] == [
        "this order is on a card alread",
        "",
        "one answer puts at most 2 orde",
    ]


def test_an_answer_that_breaks_off_leaves_no_proposal(evidence: Evidence) -> None:
    board = Board()
    model = Script(look_up(), proposes(), [LanguageModelError("It broke off.")])
    answer = ask("What would protect this?", evidence, model=model, propose=board)
    assert answer.source == "offline"
    assert all(p.source == "offline" for p in answer.proposals)
    assert all(p.source == "offline" for p in board.kept)
    with pytest.raises(LanguageModelError):
        ask_model("Protect my ACME", evidence, Script(look_up(), proposes(), []), propose=board)
    assert all(p.source == "offline" for p in board.kept)


def test_a_desk_that_takes_none_is_told_in_a_notice(evidence: Evidence) -> None:
    def full(draft: OrderDraft) -> Proposal:
        raise DeskError("this desk is closed")

    model = Script(look_up(), proposes(), says("done"))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=full)
    assert answer.proposals == ()
    assert answer.notices == ("An order was not put forward: this desk is closed",)


def test_numbers_in_the_reason_are_checked_against_the_evidence(evidence: Evidence) -> None:
    model = Script(look_up(), proposes(why="The price will reach 777.25."), says("See the card."))
    answer = ask("How would I protect my ACME?", evidence, model=model, propose=Board())
    assert "777.25" in answer.notices[0]


def test_a_proposal_of_no_desk_cannot_be_confirmed() -> None:
    terms = OrderTerms(symbol="ACME", side="buy", type="market", quantity=1)
    proposal = Proposal(id="p1", terms=terms, why="x", expires_ns=0, evidence=(EvidenceUsed("account", "NAV"),))
    for act in (proposal.confirm, proposal.discard):
        with pytest.raises(TutorError, match="not on a desk"):
            act()


# --- offline ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_position(evidence: Evidence) -> Evidence:
    """2,000 ACME at 100.00, bid 100.03, NAV 1,002,000.00, and no orders."""
    account = msgspec.structs.replace(evidence.held_account, positions=evidence.held_account.positions[:1])
    return Evidence(held_account=account, held_markets=evidence.held_markets, held_rules=evidence.held_rules)


@pytest.mark.parametrize(
    "question",
    [
        "How would I protect this position?", "how can I protect my ACME", "Protect my position",
        "how do I limit my loss in ACME?", "HOW WOULD I PROTECT THIS POSITION",
    ],
)  # fmt: skip
def test_a_stop_is_worked_out_in_the_students_own_numbers(question: str, one_position: Evidence) -> None:
    answer = answer_offline(question, one_position, propose=Board())
    (proposal,) = answer.proposals
    # 1 % of NAV is 10,020.00; over 2,000 units 5.01 a unit, which is more than 5 % of the bid: 5.0015 below 100.03.
    assert str(proposal.terms) == "sell 2,000 ACME at market once it trades at 95.02, GTC, only to reduce the position"
    assert "10,020.00 USD" in answer.text or "5.0 % of the price" in answer.text
    assert f"{(100.03 - 95.02) * 2_000:,.2f} USD" in answer.text
    assert "at which price would you say that you were wrong" in answer.text
    assert {used.source for used in proposal.evidence} == {"position ACME", "account", "market ACME"}
    assert "Nothing is sent unless you confirm it" in answer.text


def test_a_large_position_risks_one_percent_of_nav(one_position: Evidence) -> None:
    large = msgspec.structs.replace(one_position.held_account.positions[0], quantity=20_000)
    account = msgspec.structs.replace(one_position.held_account, positions=(large,))
    held = Evidence(held_account=account, held_markets=one_position.held_markets, held_rules=one_position.held_rules)
    (proposal,) = answer_offline("protect my position", held, propose=Board()).proposals
    stop = proposal.terms.stop_price
    assert stop == 99.52, "100.03 - 10,020 / 20,000 = 99.529, and down to the next tick"


def test_a_short_position_is_bought_back_above_the_market(one_position: Evidence) -> None:
    short = msgspec.structs.replace(one_position.held_account.positions[0], quantity=-20_000)
    account = msgspec.structs.replace(one_position.held_account, positions=(short,))
    held = Evidence(held_account=account, held_markets=one_position.held_markets, held_rules=one_position.held_rules)
    (proposal,) = answer_offline("how do I protect this position?", held, propose=Board()).proposals
    assert (proposal.terms.side, proposal.terms.stop_price) == ("buy", 100.56)
    assert proposal.terms.reduce_only


def test_a_price_that_the_student_names_is_taken_as_it_is(one_position: Evidence) -> None:
    (proposal,) = answer_offline("Protect my ACME with a stop at 98.50", one_position, propose=Board()).proposals
    assert proposal.terms.stop_price == 98.5
    wrong = answer_offline("Protect my ACME with a stop at 101", one_position, propose=Board())
    assert wrong.proposals == ()
    assert "stands below the market, which is at 100.03" in wrong.text


def test_what_is_covered_already_and_what_is_not_held(one_position: Evidence, evidence: Evidence) -> None:
    waiting = msgspec.structs.replace(
        evidence.held_orders[4], order_id="9", side="sell", type="stop_market", quantity=2_000, limit_price=None,
        stop_price=98.0,
    )  # fmt: skip
    covered = Evidence(
        held_account=one_position.held_account, held_orders=(waiting,), held_markets=one_position.held_markets,
        held_rules=one_position.held_rules,
    )  # fmt: skip
    answer = answer_offline("how would I protect this position", covered, propose=Board())
    assert answer.proposals == ()
    assert "has a stop already: order 9" in answer.text
    part = Evidence(
        held_account=one_position.held_account, held_orders=(msgspec.structs.replace(waiting, quantity=1_500),),
        held_markets=one_position.held_markets, held_rules=one_position.held_rules,
    )  # fmt: skip
    (rest,) = answer_offline("how would I protect this position", part, propose=Board()).proposals
    assert rest.terms.quantity == 500
    nothing = answer_offline("how would I protect my ZEN?", one_position, propose=Board())
    assert nothing.proposals == ()
    assert "You hold no position in ZEN" in nothing.text


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("buy 100 ACME", "buy 100 ACME at market, DAY"),
        ("please buy 1,000 shares of acme at 99.95 for me", "buy 1,000 ACME at 99.95 or better, DAY"),
        ("Can you sell 50 ACME with a limit of 100.10?", "sell 50 ACME at 100.10 or better, DAY"),
        ("I want to buy 10 ACME at market", "buy 10 ACME at market, DAY"),
    ],
)
def test_an_order_that_the_student_names_in_full_becomes_a_card(question: str, terms: str, evidence: Evidence) -> None:
    answer = answer_offline(question, evidence, propose=Board())
    assert [str(p.terms) for p in answer.proposals] == [terms]
    assert "I cannot place, change or cancel orders" in answer.text
    assert "why now?" in answer.text


@pytest.mark.parametrize(
    "question",
    [
        "buy ACME", "buy some ACME", "sell everything", "cancel order 2", "buy 100 QQZ", "should I buy 100 ACME?",
        "which stock should I buy", "buy 100 ACME and 50 ZEN", "buy 100 ACME unless it falls", "what to buy?",
        "buy 99999999999 ACME", "sell 5,000 ACME",
    ],
)  # fmt: skip
def test_nothing_is_put_forward_that_was_not_asked_for_in_full(question: str, evidence: Evidence) -> None:
    board = Board()
    assert answer_offline(question, evidence, propose=board).proposals == ()
    assert not board.kept


def test_without_a_desk_the_terms_are_told_and_no_card_is_made(one_position: Evidence) -> None:
    answer = answer_offline("protect my position", one_position)
    assert answer.proposals == ()
    assert "Only you can send it" in answer.text


def test_no_question_of_the_table_but_an_order_gets_a_card(evidence: Evidence) -> None:
    for line in Path(__file__).with_name("questions.txt").read_text(encoding="utf-8").splitlines():
        kind, _, question = line.partition("|")
        if not kind.startswith("#") and kind.strip() != "act":
            assert answer_offline(question, evidence, propose=Board()).proposals == (), question


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Draft a sell order for half of it", True),
        ("propose a stop for ACME", True),
        ("help me reduce ACME", True),
        ("why did my protective stop not fill?", False),
        ("What does protect mean?", False),
        ("give me a hint", False),
        ("Should I place a stop?", False),
    ],
)
def test_which_words_ask_for_an_order(question: str, asks: bool) -> None:
    read = read_question(question, symbols=("ACME",))
    assert asks_for_order(read, kind_of(read)) is asks


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Why does order #2 not fill, and should I wait?", "not_filled"),
        ("Why was order #4 refused, and what should I do instead?", "denied"),
        ("How would I protect my position in ACME?", "protect"),
        ("I want to sell 5 ACME", "act"),
        ("Should I protect my position?", "exercise"),
        ("why did you protect me", "unknown"),
    ],
)
def test_what_these_questions_are_about(question: str, kind: str) -> None:
    assert kind_of(read_question(question, order_ids=("2", "4"), symbols=("ACME", "ZEN"))) == kind
