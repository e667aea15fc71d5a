"""Does the tutor of a desk speak from this desk's evidence, with a model, without one, and when the model fails?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from vtrade.desk.evidence import DeskEvidence
from vtrade.domain.orders import Status
from vtrade.errors import DeskError, LanguageModelError
from vtrade.tutor.dialogue import Chunk, Done, Message, TextDelta, ToolCall
from vtrade.tutor.tools import Tool


class Scripted:
    """A language model that says what it is told to, or fails as it is told to."""

    name = "scripted"

    def __init__(self, *replies: list[Chunk] | BaseException) -> None:
        self.replies = list(replies)
        self.heard: list[Sequence[Message]] = []

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool], *, timeout_s: float) -> Iterator[Chunk]:
        self.heard.append(list(messages))
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        yield from reply


def traded(desk: vt.Desk) -> vt.Desk:
    desk.buy("ACME", 100)
    desk.buy("ACME", 100, limit=180)
    desk.buy("NOPE", 1)
    desk.run(until="09:31")
    return desk


# --- offline ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why did order 1 cost so much?", "182.4"),
        ("Why did order 2 not fill?", "180"),
        ("Why was my last order refused?", "NOPE"),
        ("How am I doing?", "1,000,016.50"),
        ("How much did I pay in fees?", "0.50"),
        ("What is a limit order?", "limit"),
        ("What is the spread of ACME?", "ACME"),
        ("Which missions are open?", "mission"),
    ],
)
def test_the_tutor_answers_from_the_desk(desk: vt.Desk, question: str, words: str) -> None:
    answer = traded(desk).ask(question)
    assert answer.source == "offline"
    assert any("offline" in notice for notice in answer.notices)
    assert words.lower() in (str(answer) + answer._repr_markdown_()).lower()


@pytest.mark.parametrize(
    "question", ["", "   ", "?", "x" * 50_000, "order " + "9" * 5_000, "order ²", "\x00", "<script>"]
)
def test_any_question_has_an_answer(desk: vt.Desk, question: str) -> None:
    assert desk.ask(question).text


def test_hints_climb_over_the_conversation(desk: vt.Desk) -> None:
    levels = [desk.ask("Should I buy ACME now?").hint_level for _ in range(4)]
    assert levels == [1, 2, 3, 3]


def test_asking_changes_nothing(desk: vt.Desk) -> None:
    traded(desk)
    before = (desk.state_hash, desk.nav)
    for question in ("Buy 100 ACME for me", "Cancel order 2", "How am I doing?"):
        desk.ask(question)
    assert (desk.state_hash, desk.nav) == before


def test_the_text_comes_as_it_is_written(desk: vt.Desk) -> None:
    pieces: list[str] = []
    answer = desk.ask("How am I doing?", on_text=pieces.append)
    assert "".join(pieces).strip() == answer.text.strip()


def test_money_in_the_evidence_is_in_whole_units(desk: vt.Desk) -> None:
    account = DeskEvidence(traded(desk)).account()
    assert account.nav == desk.nav
    assert account.buying_power == desk.buying_power
    assert account.statistics["nav"] == pytest.approx(desk.nav)
    assert account.statistics["fees"] == pytest.approx(account.fees) == pytest.approx(0.5)
    assert account.positions[0].market_value == pytest.approx(desk.positions().market_value[0])
    assert account.exposure_by_sector["Information Technology"] == pytest.approx(desk.positions().market_value[0])


def test_a_statistic_is_told_with_its_error(desk: vt.Desk) -> None:
    desk.buy("ACME", 1_000)
    desk.run()
    statistics = desk.statistics()
    assert statistics["sharpe_ratio"] == statistics["sharpe_ratio"], "three minutes are enough for one"
    answer = desk.ask("What is my Sharpe ratio?")
    assert f"{statistics['sharpe_ratio']:.2f}" in answer.text
    assert f"standard error of {statistics['sharpe_ratio_standard_error']:.2f}" in answer.text


def test_evidence_of_orders_has_their_costs(desk: vt.Desk) -> None:
    evidence = DeskEvidence(traded(desk))
    first = evidence.order("1")
    assert first is not None
    assert first == evidence.order("#1") == evidence.order("o1")
    assert first.slippage_bps == desk.order(1).explain().slippage_bps
    assert first.costs == desk.order(1).explain().costs
    assert [order.client_order_id for order in evidence.orders()] == ["o3", "o2", "o1"]
    assert evidence.order("nope") is None
    assert evidence.market("NOPE") is None


class Watched(dict[Any, Any]):
    """Orders that notice when they are read without the room's lock."""

    lock: Any = None
    unguarded = 0

    def items(self) -> Any:
        if not self.lock._is_owned():
            self.unguarded += 1
        return super().items()


@pytest.mark.parametrize(
    "look",
    [
        lambda desk: desk.ask("Why did my last order not fill?"), lambda desk: DeskEvidence(desk).orders(),
        lambda desk: desk.orders(), lambda desk: desk.view(), str, lambda desk: desk.close(),
        lambda desk: desk.order(1).review(),
    ],
    ids="ask evidence orders view str close review".split(),
)  # fmt: skip
def test_orders_are_never_read_while_another_thread_adds_one(desk: vt.Desk, look: Any) -> None:
    traded(desk)
    blotter = desk._room.blotter
    blotter.records = watched = Watched(blotter.records)
    watched.lock = desk._room.lock
    look(desk)
    assert watched.unguarded == 0


def test_evidence_waits_while_something_is_being_done(desk: vt.Desk) -> None:
    evidence, done = DeskEvidence(traded(desk)), []
    reads = (
        evidence.orders,
        evidence.account,
        lambda: evidence.market("ACME"),
        lambda: evidence.order("1"),
        evidence.progress,
    )
    for read in reads:
        with desk._room.lock:
            reader = threading.Thread(target=lambda read=read: done.append(read()))
            reader.start()
            reader.join(timeout=0.1)
            early = not reader.is_alive()
        reader.join(timeout=5)
        assert not early, "read while another thread was in the middle of a change"
    assert len(done) == len(reads)


# --- reviews ----------------------------------------------------------------------------------------------------------


def test_a_review_tells_costs_and_goes_on_the_record(desk: vt.Desk) -> None:
    order = traded(desk).order(1)
    xp = desk.progress.xp
    answer = order.review()
    assert "ACME" in answer.text
    assert answer.evidence
    assert "review_written" in [fact.action for fact in _actions(desk)]
    assert desk.progress.xp > xp


def test_orders_in_every_state_can_be_reviewed_and_explained(desk: vt.Desk) -> None:
    bid = float(desk.quotes().bid["ACME"])
    orders = [
        desk.buy("ACME", 100), desk.buy("ACME", 5, limit=bid), desk.buy("ACME", 5, limit=bid - 2).cancel(),
        desk.buy("ACME", 0), desk.buy("NOPE", 1), desk.sell("ACME", 10, stop=bid - 5),
        desk.buy("ACME", 5, limit=bid - 3), desk.buy("ACME", 1, limit=bid - 1, tif="IOC"),
        desk.buy("ACME", 1, limit=bid - 1, tif="FOK"),
    ]  # fmt: skip
    desk.run()
    orders += [desk.buy("ACME", 1), desk.buy("ACME", 1, tif="FOK")]
    assert {order.status for order in orders} >= {
        Status.FILLED, Status.CANCELED, Status.DENIED, Status.EXPIRED, Status.REJECTED, Status.ACCEPTED
    }  # fmt: skip
    for order in orders:
        assert str(order.explain()).startswith("Order ")
        assert order.review().text
        assert order.explain().lines


def test_a_review_of_an_order_that_was_rewound(desk: vt.Desk) -> None:
    desk.run(until="09:31")
    order = desk.buy("ACME", 1)
    desk.rewind()
    with pytest.raises(DeskError):
        order.review()


def _actions(desk: vt.Desk) -> list[Any]:
    from tests.desk.conftest import told
    from vtrade.domain.messages import ActionRecorded

    return [fact for fact in told(desk) if isinstance(fact, ActionRecorded)]


# --- with a language model --------------------------------------------------------------------------------------------


def test_a_model_looks_things_up_and_answers(open_desk: Opener) -> None:
    model = Scripted(
        [ToolCall(id="1", name="get_account", arguments="{}"), Done(finish="tool_calls")],
        [TextDelta("You hold "), TextDelta("100 ACME."), Done()],
    )
    desk = traded(open_desk(language_model=model))
    answer = desk.ask("What do I hold?")
    assert (answer.text, answer.source) == ("You hold 100 ACME.", "scripted")
    assert answer.evidence


@pytest.mark.parametrize(
    "failure",
    [
        LanguageModelError("The language model is tired."), RuntimeError("secret key sk-123"), OSError("no network"),
        TimeoutError(), KeyError("x"), [Done(finish="content_filter")], [TextDelta("half a sent")], [Done()], [],
    ],
    ids=lambda failure: type(failure).__name__ + str(len(str(failure))),
)  # fmt: skip
def test_a_model_that_fails_is_a_notice_and_never_an_exception(open_desk: Opener, failure: Any) -> None:
    desk = traded(open_desk(language_model=Scripted(failure)))
    answer = desk.ask("How am I doing?")
    assert answer.source == "offline"
    assert f"{desk.nav:,.2f}" in answer.text
    assert "offline tutor answers" in answer.notices[0]
    assert "sk-123" not in str(answer)


def test_the_conversation_is_remembered_and_bounded(open_desk: Opener) -> None:
    model = Scripted(*[[TextDelta(f"answer {n}"), Done()] for n in range(30)])
    desk = open_desk(language_model=model)
    for n in range(30):
        desk.ask(f"question {n}")
    contents = [message.content for message in model.heard[-1]]
    assert "question 28" in contents
    assert "answer 28" in contents
    assert len(contents) < 50
    assert len(desk._turns) == 20


def test_a_model_sees_nothing_of_what_comes(open_desk: Opener) -> None:
    model = Scripted(
        *[
            [ToolCall(id="1", name=name, arguments="{}"), Done(finish="tool_calls")]
            for name in ("get_account", "list_orders", "get_progress")
        ],
        [TextDelta("done"), Done()],
    )
    desk = traded(open_desk(language_model=model, seed=987654321))
    desk.ask("Tell me everything")
    heard = " ".join(message.content for message in model.heard[-1])
    assert "987654321" not in heard
    assert "09:32" not in heard
