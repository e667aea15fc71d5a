"""What does a desk remember of its talk with the tutor, and how does an answer come while the market goes on?

Rules: one conversation a desk, bounded; a cell (``desk.ask``) and a panel see the same one. A panel's question is
answered in a thread of its own, one at a time, with a deadline; what is stopped, late or forgotten is over at once,
whatever its thread still does: its text goes nowhere, and it puts no order forward. The room's lock is never taken
while the conversation is locked.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import cards
from vtrade.desk.errands import tell
from vtrade.desk.evidence import DeskEvidence
from vtrade.desk.order import find_record
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, VTradeError
from vtrade.tutor import ask as ask_tutor
from vtrade.tutor.answer import HINT_LEVEL_MAX, Answer, EvidenceUsed, Proposal
from vtrade.tutor.dialogue import Limits
from vtrade.tutor.proposals import OrderDraft
from vtrade.tutor.recognise import QUESTION_CHARACTERS_MAX

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.order import Order

TURNS_KEPT: Final = 20
"""Turns of the conversation with the tutor that are remembered."""
ANSWER_S: Final = 60.0
"""A language model has so long for an answer."""
DEADLINE_S: Final = 75.0
"""An answer that is not there by then is given up."""
LEFT_BEHIND_MAX: Final = 3
"""Threads of questions that were given up and that still wait for a language model."""
CLOSE_WAIT_S: Final = 0.5
"""How long closing a desk waits for the thread of a question."""
TEXT_CHARACTERS_MAX: Final = 20_000
"""Of one answer, as it comes."""
EVIDENCE_SHOWN: Final = 12
EVIDENCE_CHARACTERS_MAX: Final = 300
MORE: Final = "Give me another hint."
"""What asking for the next hint says."""

WRITING, DONE, STOPPED, LATE, FAILED = "writing", "done", "stopped", "late", "failed"


@dataclass(slots=True, eq=False)
class Said:
    """One question and what came back, as far as it has come."""

    id: str
    question: str
    started_ns: int
    alone: bool
    """Whether a thread of its own answers it, which may be given up."""
    text: str = ""
    state: str = WRITING
    source: str = ""
    notices: tuple[str, ...] = ()
    evidence: tuple[dict[str, str], ...] = ()
    hint_level: int = 0
    proposals: tuple[str, ...] = ()


class Over(Exception):
    """The question was stopped, given up or forgotten; raised inside its own thread only."""


class Coach:
    """The conversation of one desk."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.said: deque[Said] = deque(maxlen=TURNS_KEPT)
        self.cards = cards.Cards()
        self.threads: list[threading.Thread] = []
        self.count = 0

    @property
    def writing(self) -> list[Said]:
        """Questions that are being answered."""
        return [said for said in self.said if said.state == WRITING]

    def begin(self, desk: Desk, question: str, *, alone: bool) -> Said:
        """Put a question into the conversation."""
        with self.lock:
            self.count += 1
            said = Said(
                f"t{self.count}", question[:QUESTION_CHARACTERS_MAX], desk._wiring.clock.monotonic_ns(), alone
            )  # fmt: skip
            self.said.append(said)
            return said

    def give_up(self, desk: Desk) -> None:
        """End the question of a panel that has taken too long."""
        with self.lock:
            late_ns = desk._wiring.clock.monotonic_ns() - int(DEADLINE_S * NS_PER_S)
            for said in self.writing:
                if said.alone and said.started_ns <= late_ns:
                    said.state = LATE
                    said.notices = (f"There was no whole answer within {DEADLINE_S:g} s, so it was given up.",)


def of(desk: Desk) -> Coach:
    """The conversation of a desk; a fork begins its own."""
    kept: Coach = vars(desk).setdefault("_coach", Coach())
    return kept


# --- asking ----------------------------------------------------------------------------------------------------------


def ask(desk: Desk, question: str, *, on_text: Callable[[str], None] | None = None, proposals: bool = True) -> Answer:
    """Ask the tutor; it sees this account's own evidence, gives hints first and can send no order.

    Parameters
    ----------
    question : str
    on_text : callable, optional
        Receives the text as it comes.
    proposals : bool
        Whether an order may be put forward, where the question asks for one: ``answer.proposals[0].confirm()`` sends
        it, and only you can.

    Returns
    -------
    Answer

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1), language_model=None)
    >>> order = desk.buy("ACME", 100)
    >>> answer = ask(desk, "How would I protect this position?")
    >>> answer.proposals[0].terms.side, answer.proposals[0].terms.quantity
    ('sell', 100.0)
    >>> answer.proposals[0].confirm().status
    <Status.ACCEPTED: 'ACCEPTED'>
    >>> desk.close_desk()
    """
    said = of(desk).begin(desk, str(question), alone=False)
    try:
        return _answer(desk, said, str(question), on_text, proposals)
    except Over:
        return Answer(question=said.question, text=said.text, notices=("This answer was stopped.",), source=said.source)


def start(desk: Desk, question: str) -> str:
    """Have a question answered in the background; the section of the coach shows how it goes.

    Raises
    ------
    DeskError
        If it cannot be asked now.
    """
    text = question.strip()
    if not text:
        raise DeskError("the question is empty; write one, such as: Why is my order still waiting?")
    if len(text) > QUESTION_CHARACTERS_MAX:
        raise DeskError(f"the question has {len(text):,} letters; the coach reads {QUESTION_CHARACTERS_MAX:,}")
    refusal = why_not(desk)
    if refusal:
        raise DeskError(refusal)
    coach = of(desk)
    with coach.lock:
        coach.give_up(desk)
        coach.threads = [thread for thread in coach.threads if thread.is_alive()]
        if coach.writing:
            raise DeskError("the coach is still answering the question before; wait for it, or stop it")
        if len(coach.threads) >= LEFT_BEHIND_MAX:
            raise DeskError(
                f"the language model still keeps {len(coach.threads)} earlier questions busy; try again in a minute"
            )
        said = coach.begin(desk, text, alone=True)
        thread = threading.Thread(target=_run, args=(desk, said), name="vtrade-coach", daemon=True)
        coach.threads.append(thread)
        thread.start()
    tell(desk)
    return "the coach is answering"


def why_not(desk: Desk) -> str:
    """Why nothing can be asked here; empty where it can."""
    if desk.closed:
        return "this desk is closed; make a new one, or open its journal again, to go on asking"
    if desk.account not in desk._room.portfolio.accounts:
        return "the coach speaks of one's own orders and money, and whoever runs a room has no account in it"
    return ""


def next_hint(desk: Desk) -> str:
    """Ask for the next hint about what was asked last."""
    coach = of(desk)
    with coach.lock:
        last = coach.said[-1] if coach.said else None
        if last is None or not more_hints(last):
            raise DeskError("there is no further hint; ask the question anew, or another one")
    return start(desk, MORE)


def more_hints(said: Said) -> bool:
    """Whether another hint follows an answer."""
    return said.state == DONE and 0 < said.hint_level < HINT_LEVEL_MAX


def stop(desk: Desk) -> str:
    """End the answer that is being written; what has come stays."""
    coach = of(desk)
    with coach.lock:
        stopped = coach.writing
        for said in stopped:
            said.state, said.notices = STOPPED, ("You stopped this answer.",)
    if not stopped:
        raise DeskError("nothing is being answered")
    tell(desk)
    return "stopped"


def forget(desk: Desk) -> str:
    """Forget the conversation, and the cards that came of it; orders that were confirmed stay."""
    coach = of(desk)
    with coach.lock:
        for said in coach.writing:
            said.state = STOPPED
        coach.said.clear()
        coach.cards.forget()
        desk._turns = ()
    tell(desk)
    return "the conversation is forgotten"


def close(desk: Desk) -> None:
    """End what is being answered; the desk is being closed."""
    coach: Coach | None = vars(desk).get("_coach")
    if coach is None:
        return
    with coach.lock:
        for said in coach.writing:
            said.state, said.notices = STOPPED, ("The desk was closed.",)
        threads = list(coach.threads)
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(CLOSE_WAIT_S / len(threads))


# --- confirming ------------------------------------------------------------------------------------------------------


def show_card(desk: Desk, name: str) -> tuple[str, float]:
    """A ticket for whoever a card is shown to, and for how many seconds it is good; see :mod:`vtrade.desk.cards`."""
    return cards.show(desk, of(desk).cards, name)


def confirm(desk: Desk, name: str, ticket: str) -> Order:
    """Send the order of a card, with the ticket that came when the card was shown."""
    return cards.confirm(desk, of(desk).cards, name, ticket)


def discard(desk: Desk, name: str) -> None:
    """Let a card go; that goes on the record."""
    cards.discard(desk, of(desk).cards, name)


# --- answering -------------------------------------------------------------------------------------------------------


def _run(desk: Desk, said: Said) -> None:
    """Answer a panel's question in this thread, and end it whatever happens."""
    with contextlib.suppress(Exception):  # it is told in the conversation, and nobody else is there to hear of it
        _answer(desk, said, said.question, None, True)
    tell(desk)


def _answer(desk: Desk, said: Said, question: str, on_text: Callable[[str], None] | None, proposals: bool) -> Answer:
    coach = of(desk)
    made: list[str] = []

    def heard(piece: str) -> None:
        with coach.lock:
            if said.state != WRITING:
                raise Over
            said.text = (said.text + piece)[:TEXT_CHARACTERS_MAX]
        tell(desk)
        if on_text is not None:
            on_text(piece)

    def propose(draft: OrderDraft) -> Proposal:
        with coach.lock:
            if said.state != WRITING:
                raise Over
            proposal = cards.put(desk, coach.cards, draft)
            made.append(proposal.id)
            return proposal

    try:
        model = desk._wiring.model()
        said.source = "offline" if model is None else model.name
        answer = ask_tutor(
            question, DeskEvidence(desk), model=model, history=desk._turns, on_text=heard,
            limits=Limits(time_s=ANSWER_S), propose=propose if proposals else None,
        )  # fmt: skip
        evidence = _evidence_rows(desk, answer.evidence)
        with coach.lock:
            if said.state != WRITING:
                raise Over
            said.text, said.source, said.notices = answer.text, answer.source, answer.notices
            said.evidence, said.hint_level = evidence, answer.hint_level
            said.proposals = tuple(proposal.id for proposal in answer.proposals)
            said.state = DONE
            desk._turns = (*desk._turns[1 - TURNS_KEPT :], answer.turn)
    except BaseException as error:
        with coach.lock:
            for name in made:
                coach.cards.withdraw(name)
            if said.state == WRITING:
                why = str(error) if isinstance(error, VTradeError) else f"{type(error).__name__}"
                said.state, said.notices = FAILED, (f"The coach could not answer: {why}",)
        raise
    tell(desk)
    return answer


def _evidence_rows(desk: Desk, evidence: tuple[EvidenceUsed, ...]) -> tuple[dict[str, str], ...]:
    """What an answer rests on, and the order to open where it is one."""
    found = []
    with desk._room.lock:
        for used in evidence[:EVIDENCE_SHOWN]:
            order = ""
            if used.source.startswith("order "):
                name = used.source.removeprefix("order ").removesuffix(" explained")
                record = find_record(desk._room.blotter, desk.account, name)
                order = record.client_order_id if record is not None else ""
            found.append({"label": used.source, "value": used.text[:EVIDENCE_CHARACTERS_MAX], "order": order})
    return tuple(found)


def cards_of(desk: Desk) -> list[dict[str, Any]]:
    """The cards of a desk as a panel shows them."""
    return cards.rows(desk, of(desk).cards)
