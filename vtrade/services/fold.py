"""How does a room's log become facts, and how is that proven? One step of the fold, used wherever a log is folded.

Rules: a step takes a message as it stands on the wire; the facts, their bytes and the chain value follow from it and
from what came before, and from nothing else. A message that cannot belong to the log changes nothing.
"""

from __future__ import annotations

import hashlib
from typing import Final

from vtrade.domain.messages import Fact, Inbound, encode_facts
from vtrade.execution.engine import Engine
from vtrade.ports import Entry

GENESIS: Final = bytes(32)
"""Chain value before the first record."""


def link(previous: bytes, message: bytes, facts: bytes) -> bytes:
    """Chain value of a record: SHA-256 over the previous value, the message and the facts, with their lengths."""
    digest = hashlib.sha256(previous)
    digest.update(len(message).to_bytes(8, "big"))
    digest.update(message)
    digest.update(facts)
    return digest.digest()


class RoomFold:
    """An engine with its place in the log.

    Attributes
    ----------
    engine : Engine
    seq : int
        Records folded so far.
    chain : bytes
        Chain value after the last of them.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import OpenRoom, encode_inbound
    >>> fold = RoomFold()
    >>> message = OpenRoom(0, "room", (Instrument.make("ACME"),))
    >>> entry, facts = fold.step(encode_inbound(message), message)
    >>> entry.seq, fold.seq, type(facts[0]).__name__, entry.chain == fold.chain
    (1, 1, 'RoomOpened', True)
    """

    def __init__(self, engine: Engine | None = None, *, seq: int = 0, chain: bytes = GENESIS) -> None:
        self.engine = engine if engine is not None else Engine()
        self.seq = seq
        self.chain = chain

    def moves(self, message: Inbound) -> bool:
        """Whether the time of a message makes something due, so that the engine moves on even where it is refused.

        Whoever goes on after a refusal has to fold again without such a message: it is not in the log, and what it set
        off, with a fact or without one, would not come out of the log.
        """
        engine = self.engine
        return bool(engine.agenda) and engine.agenda.due_ns < max(engine.now, message.ts_ns)

    def step(self, wire: bytes, message: Inbound) -> tuple[Entry, list[Fact]]:
        """Fold one message, given also as it stands on the wire.

        Raises
        ------
        VTradeError
            If the message cannot belong to this log. Nothing has changed, unless it :meth:`moves`.
        """
        facts = self.engine.process(message)
        told = encode_facts(facts)
        self.seq += 1
        self.chain = link(self.chain, wire, told)
        return Entry(self.seq, wire, told, self.chain), facts
