"""How long do messages travel, which prices are out of bounds, and what else is special about this venue?

Rules: luck is keyed by the room's seed, the account and the number of the order, so one order's delay never changes
another's; messages of one account never overtake each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vtrade.domain.luck import uniforms
from vtrade.domain.messages import SubmitOrder

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account, Refusal
    from vtrade.execution.working import Working

_SCALE: Final = 2**52


class Venue:
    """What the venue keeps beside the book."""

    def due(self, engine: Engine, account: Account, number: int) -> int:
        """When a message sent now reaches the market."""
        latency = engine.rules.latency
        if latency.none:
            return engine.now
        way = latency.entry_ns
        if latency.recorded or latency.jitter_ns:
            luck = int(uniforms(engine.seed, f"latency/{account.name}", 1, index=number)[0] * _SCALE)
            if latency.recorded:
                way = latency.recorded[luck * len(latency.recorded) // _SCALE]
            else:
                way += luck * latency.jitter_ns // _SCALE
        due = engine.now + latency.feed_ns + way
        if due <= account.due_ns:  # behind what is on its way; what is due now has not arrived yet
            due = max(account.due_ns, engine.now + 1)
        if due > engine.now:
            account.due_ns = due
        return due

    def refusal(self, engine: Engine, k: int, m: SubmitOrder) -> Refusal | None:
        """Why the venue's own rules deny an order, or ``None``."""
        return None

    def watch(self, engine: Engine) -> None:
        """After market data: move bands, begin and end halts."""

    def session(self, engine: Engine, k: int, status: str) -> None:
        """An instrument's session changed."""

    def sold(self, engine: Engine, order: Working, px: int, lots: int) -> None:
        """An order filled: proceeds of sales settle later."""

    def dump(self) -> bytes:
        """What decides future facts, as bytes."""
        return b""

    def load(self, data: bytes) -> None:
        """Put back what :meth:`dump` gave."""
