"""Does a desk hold one conversation, answer in the background, and let nobody but the student confirm an order?"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

import vtrade as vt
from tests.desk.conftest import Opener, told, until
from tests.desk.test_tutor import Scripted
from tests.services.loopback import Class, SharedOver, class_tape
from vtrade.desk import cards, coach
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import ActionRecorded
from vtrade.domain.orders import Status
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, LanguageModelError
from vtrade.tutor.dialogue import Chunk, Done, Message, TextDelta, ToolCall
from vtrade.tutor.tools import Tool

PROTECT = "How would I protect this position?"


class Slow:
    """A model that waits, in the middle of its answer, for the test."""

    name = "slow"

    def __init__(self, *first: Chunk) -> None:
        self.first = first or (TextDelta("It begins"),)
        self.go, self.reached = threading.Event(), threading.Event()
        self.then: tuple[Chunk, ...] = (TextDelta(" and ends."), Done())

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool], *, timeout_s: float) -> Iterator[Chunk]:
        yield from self.first
        self.reached.set()
        assert self.go.wait(10)
        yield from self.then


def seen(desk: vt.Desk) -> dict[str, Any]:
    view = desk.view(sections=["coach", "coach_turns", "coach_text"])
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    return view


def do(desk: vt.Desk, intent: str, **fields: Any) -> dict[str, Any]:
    return dict(desk.handle({"intent": intent, **fields}))


def quiet(desk: vt.Desk) -> dict[str, Any]:
    """The view, once nothing is being answered."""
    until(lambda: not seen(desk)["coach"]["busy"])
    return seen(desk)


def words(view: dict[str, Any], turn: str) -> str:
    return "".join(piece["text"] for piece in view["coach_text"] if piece["turn"] == turn)


def actions(desk: vt.Desk) -> list[tuple[str, str]]:
    return [(f.action, f.subject) for f in told(desk) if isinstance(f, ActionRecorded)]


def held(open_desk: Opener, **options: Any) -> vt.Desk:
    desk = open_desk(**options)
    desk.buy("ACME", 100)
    return desk


def card(desk: vt.Desk, n: int = -1) -> dict[str, Any]:
    return dict(seen(desk)["coach"]["cards"][n])


def shown(desk: vt.Desk, name: str) -> str:
    return str(do(desk, "show_proposal", id=name)["data"]["ticket"])


# --- the conversation -------------------------------------------------------------------------------------------------


def test_a_new_desk_suggests_questions_from_its_own_state(desk: vt.Desk) -> None:
    assert seen(desk)["coach"]["first"][0] == "What is a limit order?"
    desk.buy("ACME", 100)
    desk.buy("ACME", 10, limit=150)
    desk.buy("NOPE", 1)
    first = seen(desk)["coach"]["first"]
    assert first == [
        "Why is order 2 still waiting?", "Why was order o3 refused?", "What did order 1 cost me?",
        "How would I protect my position in ACME?",
    ]  # fmt: skip
    for question in first:
        assert "I cannot tell" not in coach.ask(desk, question).text
    assert seen(desk)["coach"]["first"] == []


def test_a_question_of_a_panel_is_answered_in_the_background(open_desk: Opener) -> None:
    desk = held(open_desk)
    assert do(desk, "ask", question="  What did order 1 cost me? ") == {"kind": "ok", "text": "the coach is answering"}
    view = quiet(desk)
    (turn,) = view["coach_turns"]
    assert (turn["question"], turn["state"], turn["source"]) == ("What did order 1 cost me?", "done", "offline coach")
    assert "1.50 USD" in words(view, turn["id"])
    cited = {row["label"]: row for row in turn["evidence"]}
    assert cited["order 1"]["order"] == "o1"
    assert "100 of 100 filled" in cited["order 1"]["value"]
    assert turn["notices"] == [], "that it is offline stands above, once"
    assert "OPENAI_API_KEY" in view["coach"]["why"]


def test_a_cell_and_a_panel_share_the_conversation(open_desk: Opener) -> None:
    desk = held(open_desk)
    coach.ask(desk, "Should I buy ACME?")
    assert seen(desk)["coach_turns"][0]["more_hints"]
    assert do(desk, "hint")["kind"] == "ok"
    turns = quiet(desk)["coach_turns"]
    assert [turn["hint"] for turn in turns] == [1, 2]
    assert [turn["more_hints"] for turn in turns] == [False, True]
    assert coach.ask(desk, "another hint please").hint_level == 3
    reply = do(desk, "hint")
    assert (reply["kind"], "no further hint" in reply["text"]) == ("error", True)


def test_text_grows_while_it_is_written_and_listeners_hear_of_it(open_desk: Opener) -> None:
    model = Slow(TextDelta("x" * 1_000), TextDelta("y"))
    desk = held(open_desk, language_model=model)
    heard: list[int] = []
    desk.on_change(lambda: heard.append(1))
    do(desk, "ask", question="Tell me a story")
    assert model.reached.wait(10)
    count = len(heard)
    view = seen(desk)
    assert view["coach"]["busy"]
    assert (view["coach_turns"][0]["state"], view["coach_turns"][0]["source"]) == ("writing", "slow")
    assert [piece["text"] for piece in view["coach_text"]] == ["x" * 400, "x" * 400, "x" * 200 + "y"]
    model.go.set()
    after = quiet(desk)
    assert after["coach_text"][:2] == view["coach_text"][:2], "pieces that are full are not sent again"
    assert words(after, "t1").endswith("y and ends.")
    assert len(heard) > count > 0


def test_one_question_at_a_time(open_desk: Opener) -> None:
    model = Slow()
    desk = held(open_desk, language_model=model)
    do(desk, "ask", question="one")
    assert model.reached.wait(10)
    reply = do(desk, "ask", question="two")
    assert (reply["kind"], reply["field"]) == ("error", "question")
    assert "still answering" in reply["text"]
    model.go.set()
    assert len(quiet(desk)["coach_turns"]) == 1


@pytest.mark.parametrize("question", ["", "   ", None, 7, ["x"], "x" * 2_001])
def test_a_question_that_is_none_is_refused_beside_its_field(desk: vt.Desk, question: Any) -> None:
    reply = do(desk, "ask", question=question)
    assert (reply["kind"], reply["field"]) == ("error", "question")
    assert seen(desk)["coach_turns"] == []


def test_stopping_ends_an_answer_at_once_and_what_comes_later_goes_nowhere(open_desk: Opener) -> None:
    model = Slow()
    desk = held(open_desk, language_model=model)
    do(desk, "ask", question="one")
    assert model.reached.wait(10)
    assert do(desk, "stop")["kind"] == "ok"
    view = seen(desk)
    assert not view["coach"]["busy"]
    assert (view["coach_turns"][0]["state"], words(view, "t1")) == ("stopped", "It begins")
    model.go.set()
    until(lambda: not [t for t in threading.enumerate() if t.name == "vtrade-coach"])
    assert words(seen(desk), "t1") == "It begins"
    assert desk._turns == (), "what was stopped is no history"
    assert do(desk, "stop") == {"kind": "error", "text": "nothing is being answered"}


def test_an_answer_that_is_late_is_given_up_and_threads_stay_few(open_desk: Opener) -> None:
    model = Slow()
    desk = held(open_desk, language_model=model)
    clock = Clock(desk)
    for n in range(coach.LEFT_BEHIND_MAX):
        model.reached.clear()
        assert do(desk, "ask", question=f"question {n}")["kind"] == "ok"
        assert model.reached.wait(10)
        clock.forward(coach.DEADLINE_S + 1)
        assert seen(desk)["coach_turns"][-1]["state"] == "late"
    reply = do(desk, "ask", question="one more")
    assert "earlier questions busy" in reply["text"]
    model.go.set()
    until(lambda: do(desk, "ask", question="How am I doing?")["kind"] == "ok")
    quiet(desk)


def test_closing_the_desk_ends_what_is_being_answered(open_desk: Opener) -> None:
    model = Slow()
    desk = held(open_desk, language_model=model)
    do(desk, "ask", question="one")
    assert model.reached.wait(10)
    model.go.set()
    coach.close(desk)
    desk.close_desk()
    assert not [t for t in threading.enumerate() if t.name == "vtrade-coach"]
    assert seen(desk)["coach_turns"][0]["state"] == "stopped"
    assert "closed" in do(desk, "ask", question="two")["text"]


def test_a_coach_that_fails_says_so_and_can_be_asked_again(open_desk: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = held(open_desk)
    with monkeypatch.context() as patched:
        patched.setattr(coach, "ask_tutor", lambda *_, **__: 1 / 0)
        do(desk, "ask", question="one")
        (turn,) = quiet(desk)["coach_turns"]
    assert (turn["state"], turn["notices"]) == ("failed", ["The coach could not answer: ZeroDivisionError"])
    do(desk, "ask", question="How am I doing?")
    assert quiet(desk)["coach_turns"][-1]["state"] == "done"


def test_a_model_that_fails_is_a_notice_on_its_turn(open_desk: Opener) -> None:
    desk = held(open_desk, language_model=Scripted(LanguageModelError("It is tired.")))
    do(desk, "ask", question="How am I doing?")
    (turn,) = quiet(desk)["coach_turns"]
    assert turn["source"] == "offline coach"
    assert turn["notices"] == ["It is tired. The offline tutor answers instead."]


def test_the_conversation_is_bounded_and_can_be_forgotten(open_desk: Opener) -> None:
    desk = open_desk(language_model=Scripted(*[[TextDelta(f"{n}" * 4_000), Done()] for n in range(30)]))
    for n in range(30):
        coach.ask(desk, f"question {n}")
    view = seen(desk)
    assert view["coach_turns"][-1]["question"] == "question 29"
    assert sum(len(piece["text"]) for piece in view["coach_text"]) <= 24_000
    assert len(coach.of(desk).said) == len(desk._turns) == coach.TURNS_KEPT
    assert do(desk, "forget")["kind"] == "ok"
    assert seen(desk)["coach_turns"] == []
    assert desk._turns == ()


def test_whoever_runs_a_room_is_told_why_there_is_no_coach(tape: vt.Tape) -> None:
    room = SharedOver(class_tape(tape), {"ana": RiskLimits()})
    try:
        from tests.services.loopback import wiring
        from vtrade.desk import Desk

        teacher = Desk.on(room, "teacher", wiring())
        assert not seen(teacher)["coach"]["may_ask"]
        assert "no account" in seen(teacher)["coach"]["why"]
        assert "no account" in do(teacher, "ask", question="How am I doing?")["text"]
    finally:
        room.close()


# --- cards ------------------------------------------------------------------------------------------------------------


class Clock:
    """The desk's clock, to be set forward."""

    def __init__(self, desk: vt.Desk) -> None:
        self.under, self.ahead_ns = desk._wiring.clock, 0
        desk._wiring = replace(desk._wiring, clock=self)

    def forward(self, seconds: float) -> None:
        self.ahead_ns += int(seconds * NS_PER_S)

    def monotonic_ns(self) -> int:
        return self.under.monotonic_ns() + self.ahead_ns

    def wall_ns(self) -> int:
        return self.under.wall_ns()

    def sleep(self, seconds: float) -> None:
        self.under.sleep(seconds)


def test_a_card_is_confirmed_with_its_ticket_and_goes_the_way_of_every_order(open_desk: Opener) -> None:
    desk = held(open_desk)
    do(desk, "ask", question=PROTECT)
    view = quiet(desk)
    (row,) = view["coach"]["cards"]
    assert view["coach_turns"][0]["cards"] == [row["id"]]
    assert (row["state"], row["from"]) == ("open", "offline")
    assert row["terms"].startswith("sell 100 ACME at market once it trades at ")
    before = desk.orders()
    reply = do(desk, "confirm_proposal", id=row["id"], ticket=shown(desk, row["id"]))
    assert reply["kind"] == "ok"
    assert "ACCEPTED" in reply["text"]
    order = desk.order("proposal-1")
    assert (order.symbol, order.side, order.quantity, order.working) == ("ACME", "sell", 100, True)
    assert order.instructions == {"reduce_only": True}
    assert order.stop_price == row["ask"]["stop_price"]
    assert len(desk.orders()) == len(before) + 1
    assert card(desk)["state"] == "confirmed"
    assert card(desk)["order"] == "proposal-1"
    assert actions(desk) == [("proposal_confirmed", "proposal-1")]
    assert desk.verify().ok


def test_in_code_the_owner_confirms_the_answers_proposal(open_desk: Opener) -> None:
    desk = held(open_desk)
    (proposal,) = coach.ask(desk, PROTECT).proposals
    order = proposal.confirm()
    assert (order.client_order_id, order.status) == ("proposal-1", Status.ACCEPTED)
    with pytest.raises(DeskError, match="was confirmed before"):
        proposal.confirm()
    order.cancel()
    (second,) = coach.ask(desk, PROTECT).proposals
    second.discard()
    with pytest.raises(DeskError, match="was discarded"):
        second.confirm()
    assert actions(desk) == [("proposal_confirmed", "proposal-1"), ("proposal_discarded", "p2")]


def test_a_ticket_is_good_once_for_one_card_of_one_desk(open_desk: Opener) -> None:
    desk, other = held(open_desk), held(open_desk)
    for each in (desk, other):
        coach.ask(each, PROTECT)
        coach.ask(each, "buy 5 ACME")
    one, two = (row["id"] for row in seen(desk)["coach"]["cards"])
    good, foreign, of_two = shown(desk, one), shown(other, one), shown(desk, two)
    orders = len(desk.orders())
    for wrong in ("", "card_", "x" * 10_000, "\ud800", foreign, of_two, good[:-1], good.upper(), None, 7):
        reply = do(desk, "confirm_proposal", id=one, ticket=wrong)
        assert reply["kind"] == "error", wrong
    assert len(desk.orders()) == orders
    assert do(desk, "confirm_proposal", id=one, ticket=good)["kind"] == "ok"
    assert "was confirmed before" in do(desk, "confirm_proposal", id=one, ticket=good)["text"]
    assert len(desk.orders()) == orders + 1
    assert do(desk, "confirm_proposal", id=two, ticket=good)["kind"] == "error"
    assert do(desk, "confirm_proposal", id="p99", ticket=good)["kind"] == "error"


def test_a_ticket_is_bound_to_the_terms_and_the_account(open_desk: Opener) -> None:
    desk = held(open_desk)
    coach.ask(desk, PROTECT)
    ticket = shown(desk, "p1")
    kept = coach.of(desk).cards.cards["p1"]
    was = kept.proposal
    import msgspec

    kept.proposal = msgspec.structs.replace(was, terms=msgspec.structs.replace(was.terms, quantity=99.0))
    assert "is not good" in do(desk, "confirm_proposal", id="p1", ticket=ticket)["text"]
    kept.proposal, again = was, shown(desk, "p1")
    desk.account = "somebody"
    with pytest.raises(DeskError, match="is not good"):
        coach.confirm(desk, "p1", again)
    desk.account = "you"
    assert len(desk.orders()) == 1


def test_two_views_of_a_card_have_a_ticket_each_and_only_one_confirms(open_desk: Opener) -> None:
    desk = held(open_desk)
    coach.ask(desk, PROTECT)
    tickets = [shown(desk, "p1") for _ in range(cards.TICKETS_MAX + 1)]
    assert len(set(tickets)) == len(tickets)
    assert do(desk, "confirm_proposal", id="p1", ticket=tickets[0])["kind"] == "error", "too many looked since"
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda t=t: results.append(do(desk, "confirm_proposal", id="p1", ticket=t)["kind"]))
        for t in tickets[1:]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["error", "error", "error", "ok"]
    assert len(desk.orders()) == 2


def test_a_card_expires_with_its_tickets(open_desk: Opener) -> None:
    desk = held(open_desk)
    clock = Clock(desk)
    coach.ask(desk, PROTECT)
    ticket = shown(desk, "p1")
    assert 0 < do(desk, "show_proposal", id="p1")["data"]["left_s"] <= cards.CARD_LIFE_S
    clock.forward(cards.CARD_LIFE_S)
    assert "has expired" in do(desk, "confirm_proposal", id="p1", ticket=ticket)["text"]
    assert card(desk)["state"] == "expired"
    assert do(desk, "show_proposal", id="p1")["kind"] == "error"
    assert do(desk, "discard_proposal", id="p1")["kind"] == "error"
    assert len(desk.orders()) == 1


def test_a_rewind_ends_the_cards_that_were_made_later(open_desk: Opener) -> None:
    desk = open_desk()
    desk.run(until="09:31")
    desk.buy("ACME", 100)
    coach.ask(desk, PROTECT)
    desk.rewind()
    assert card(desk)["state"] == "expired"
    assert "rewound" in card(desk)["told"]


def test_a_forked_desk_has_no_cards_and_no_talk_of_the_other(open_desk: Opener) -> None:
    desk = held(open_desk)
    coach.ask(desk, PROTECT)
    branch = desk.fork()
    try:
        assert seen(branch)["coach_turns"] == []
        assert do(branch, "confirm_proposal", id="p1", ticket=shown(desk, "p1"))["kind"] == "error"
    finally:
        branch.close_desk()


def test_a_confirmed_order_that_the_risk_check_denies_is_told_with_its_reason(open_desk: Opener) -> None:
    desk = held(open_desk)
    coach.ask(desk, "buy 1000 ACME")
    ticket = shown(desk, "p1")
    desk.buy("BYTE", 2_000)
    desk.buy("ACME", 1_000)
    reply = do(desk, "confirm_proposal", id="p1", ticket=ticket)
    assert reply["kind"] == "error"
    assert "DENIED" in reply["text"]
    assert "DENIED" in card(desk)["told"]


def test_cards_are_bounded(open_desk: Opener) -> None:
    desk = held(open_desk)
    for n in range(cards.CARDS_MAX + 3):
        coach.ask(desk, f"buy {n + 1} ACME")
    rows = seen(desk)["coach"]["cards"]
    assert [row["id"] for row in rows] == [f"p{n}" for n in range(4, 4 + cards.CARDS_MAX)]


# --- against a model that means ill -----------------------------------------------------------------------------------


def test_no_secret_of_a_card_ever_reaches_a_model_a_view_or_the_journal(open_desk: Opener) -> None:
    model = Scripted(*[[TextDelta("All of it."), Done()] for _ in range(2)])
    desk = held(open_desk, language_model=None)
    coach.ask(desk, PROTECT)
    desk._wiring = replace(desk._wiring, model=lambda: model)
    ticket = shown(desk, "p1")
    coach.ask(desk, "Tell me everything you know of that card")
    do(desk, "confirm_proposal", id="p1", ticket=ticket)
    answer = coach.ask(desk, "And now?")
    heard = repr([model.heard, msgspec.to_builtins(answer), desk.view(), seen(desk), told(desk)])
    assert "card_" not in heard
    assert ticket not in heard


class Adversary:
    """A model that tries to trade by itself: one tool call after another, whatever it is told."""

    name = "adversary"

    def __init__(self, *calls: tuple[str, dict[str, Any]]) -> None:
        self.calls = list(calls)
        self.heard: list[dict[str, Any]] = []

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool], *, timeout_s: float) -> Iterator[Chunk]:
        if messages[-1].role == "tool":
            self.heard.append(json.loads(messages[-1].content))
        if self.calls:
            name, arguments = self.calls.pop(0)
            yield ToolCall(id=f"c{len(self.calls)}", name=name, arguments=json.dumps(arguments))
            yield Done(finish="tool_calls")
        else:
            yield TextDelta("I confirmed it with ticket card_aaaa: confirm_proposal(id='p1'). Done!")
            yield Done()


def buys(**changed: Any) -> dict[str, Any]:
    return {"symbol": "ACME", "side": "buy", "type": "market", "quantity": 5, "why": "Because.", **changed}


def test_a_model_that_tries_to_trade_by_itself_sends_nothing(open_desk: Opener) -> None:
    desk = held(open_desk, language_model=None)
    coach.ask(desk, "buy 5 ACME")
    ticket = shown(desk, "p1")
    desk._wiring = replace(desk._wiring, model=lambda: model)
    model = Adversary(
        ("get_account", {}),
        ("confirm_proposal", {"id": "p1", "ticket": ticket}),
        ("show_proposal", {"id": "p1"}),
        ("submit", buys()),
        ("propose_order", buys(quantity=1e15)),
    )
    answer = coach.ask(desk, "buy 7 ACME for me")
    assert answer.proposals == ()
    errors = [told["error"] for told in model.heard[1:]]
    assert [error.split(";")[0] for error in errors[:3]] == [
        f"there is no tool {name}" for name in ("confirm_proposal", "show_proposal", "submit")
    ]
    assert "one order may have" in errors[3]
    assert len(desk.orders()) == 1
    assert card(desk)["state"] == "open", "what it wrote about the card changed nothing"
    model.calls = [("get_account", {}), ("propose_order", buys(ticket=ticket)), ("propose_order", buys(confirm=True))]
    coach.ask(desk, "buy 7 ACME for me")
    assert all("unknown field" in told["error"] for told in model.heard[-2:])
    assert len(desk.orders()) == 1


def test_news_and_names_cannot_bring_a_card_about(open_desk: Opener) -> None:
    model = Adversary(("get_market", {"symbol": "BYTE"}), ("propose_order", buys(symbol="BYTE")))
    desk = held(open_desk, language_model=model)
    coach.ask(desk, "What is new in BYTE?")
    assert "does not ask for an order" in model.heard[-1]["error"]
    model.calls = [("get_market", {"symbol": "BYTE"}), ("propose_order", buys(symbol="BYTE"))]
    coach.ask(desk, "Protect my ACME please")
    assert "makes it smaller" in model.heard[-1]["error"]
    model.calls = [("get_market", {"symbol": "BYTE"}), ("propose_order", buys(symbol="BYTE"))]
    coach.ask(desk, "buy 5 ACME for me")
    assert "has not spoken of BYTE" in model.heard[-1]["error"]
    assert seen(desk)["coach"]["cards"] == []


def test_a_proposal_of_a_conversation_that_was_forgotten_comes_to_nothing(open_desk: Opener) -> None:
    model = Slow(ToolCall(id="1", name="get_account", arguments="{}"))
    model.then = (ToolCall(id="2", name="propose_order", arguments=json.dumps(buys())), Done(finish="tool_calls"))
    desk = held(open_desk, language_model=model)
    for end in ("forget", "stop"):
        model.go.clear()
        model.reached.clear()
        do(desk, "ask", question="buy 5 ACME for me")
        assert model.reached.wait(10)
        assert do(desk, end)["kind"] == "ok"
        model.go.set()
        until(lambda: not [t for t in threading.enumerate() if t.name == "vtrade-coach"])
        assert seen(desk)["coach"]["cards"] == []
    assert len(desk.orders()) == 1


def test_a_card_that_was_forgotten_cannot_be_confirmed(open_desk: Opener) -> None:
    desk = held(open_desk)
    (proposal,) = coach.ask(desk, PROTECT).proposals
    ticket = shown(desk, "p1")
    do(desk, "forget")
    assert "any more" in do(desk, "confirm_proposal", id="p1", ticket=ticket)["text"]
    with pytest.raises(DeskError, match="any more"):
        proposal.confirm()
    assert len(desk.orders()) == 1


def test_an_answer_without_proposals_where_none_are_wanted(open_desk: Opener) -> None:
    desk = held(open_desk)
    assert coach.ask(desk, PROTECT, proposals=False).proposals == ()
    assert seen(desk)["coach"]["cards"] == []


# --- far away ---------------------------------------------------------------------------------------------------------


def test_the_coach_works_on_a_desk_behind_a_gateway(tape: vt.Tape) -> None:
    school = Class(SharedOver(class_tape(tape), {"ana": RiskLimits(), "bob": RiskLimits()}))
    try:
        ana, bob = school.join("ana"), school.join("bob")
        ana.buy("ACME", 100)
        ana.buy("ACME", 50, limit=150)
        school.settle()
        assert seen(ana)["coach"]["first"][0] == "Why is order 2 still waiting?"
        do(ana, "ask", question="Why is order 2 still waiting?")
        view = quiet(ana)
        assert "150" in words(view, "t1")
        assert view["coach_turns"][0]["evidence"][0]["order"] == ana.order(2).client_order_id
        do(ana, "ask", question=PROTECT)
        quiet(ana)
        reply = do(ana, "confirm_proposal", id="p1", ticket=shown(ana, "p1"))
        assert reply["kind"] == "ok", reply
        school.settle()
        assert ana.order("proposal-1").working
        assert seen(bob)["coach_turns"] == []
        near = school.near("ana")
        assert near.order("proposal-1").stop_price == card(ana)["ask"]["stop_price"]
    finally:
        for each in ("ana", "bob"):
            school.remotes[each].close()
        school.close()
