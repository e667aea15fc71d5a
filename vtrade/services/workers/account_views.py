"""How does an account look to others, as bytes, and what of it has changed?

Rules: whole numbers beyond 64 bits, which MessagePack cannot hold, are written as decimal text and read back as the
same numbers. Of what was told before, a position leaves only a short mark behind, so that tens of thousands of accounts
fit into memory.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from vtrade.domain.portfolio_wire import (
    AccountDelta,
    AccountFull,
    AccountRecord,
    HotView,
    decode_view,
    encode_account,
)
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.portfolio.views import AccountView, PositionView

FULL_EVERY: Final = 64
"""After so many deltas an account is told in full again."""

_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1
_FIELDS: Final = AccountView.__struct_fields__
_encoder = msgspec.msgpack.Encoder()
_account_decoder = msgspec.msgpack.Decoder(AccountView, strict=False)
_positions_decoder = msgspec.msgpack.Decoder(list[PositionView], strict=False)
_NONE: Final = msgspec.Raw(_encoder.encode([]))


class Looked(NamedTuple):
    """An account at a moment."""

    seq: int
    ts_ns: int
    view: AccountView
    positions: list[PositionView]


def look(engine: PortfolioEngine, account: str) -> Looked:
    """An account as it is now."""
    return Looked(engine.seq, engine.ts_ns, engine.account(account), engine.positions(account))


def raw(value: Any) -> msgspec.Raw:
    """A view, or a list of them, encoded.

    Examples
    --------
    >>> msgspec.msgpack.decode(raw([2**70, 1]))
    ['1180591620717411303424', 1]
    """
    try:
        return msgspec.Raw(_encoder.encode(value))
    except OverflowError:
        return msgspec.Raw(_encoder.encode(_narrow(msgspec.to_builtins(value))))


def _narrow(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if _INT64_MIN <= value <= _UINT64_MAX else str(value)
    if isinstance(value, list | tuple):
        return [_narrow(item) for item in value]
    if isinstance(value, dict):
        return {key: _narrow(item) for key, item in value.items()}
    return value


def hot_view(looked: Looked, *, lag_s: float) -> bytes:
    """What Redis holds of an account."""
    return encode_account(HotView(looked.seq, looked.ts_ns, lag_s, raw(looked.view), raw(looked.positions)))


def read_hot_view(data: bytes) -> tuple[HotView, AccountView, list[PositionView]]:
    """What :func:`hot_view` wrote: as of when, the account, what it holds.

    Raises
    ------
    msgspec.MsgspecError
        If the bytes are none.
    """
    hot = decode_view(data)
    return hot, _account_decoder.decode(hot.account), _positions_decoder.decode(hot.positions)


class Told(NamedTuple):
    """What was told of an account before."""

    seq: int
    deltas: int
    money: tuple[Any, ...]
    marks: dict[str, int]


class Telling:
    """Makes the records of the portfolio topic for the accounts of a room.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import AccountOpened, CashMoved, RoomOpened
    >>> engine, telling = PortfolioEngine(), Telling()
    >>> engine.apply_all([RoomOpened(1, 0, "room", (Instrument.make("ACME"),)), AccountOpened(2, 0, "ana", 500, "USD")])
    >>> type(telling.tell(look(engine, "ana"))).__name__, telling.tell(look(engine, "ana"))
    ('AccountFull', None)
    >>> engine.apply(CashMoved(3, 9, "ana", "USD", -20, "fine"))
    >>> delta = telling.tell(look(engine, "ana"))
    >>> delta.money["nav"], delta.money["fines"], delta.after
    (480, 20, 2)
    """

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def tell(self, looked: Looked) -> AccountRecord | None:
        """What to write about an account; ``None`` where nothing has changed."""
        view, name = looked.view, looked.view.account
        money = msgspec.structs.astuple(view)
        marks = {p.symbol: _mark(p) for p in looked.positions}
        before = self._told.get(name)
        if before is None or before.deltas >= FULL_EVERY:
            self._told[name] = Told(looked.seq, 0, money, marks)
            return AccountFull(looked.seq, looked.ts_ns, raw(view), raw(looked.positions))
        changed = {
            field: new for field, new, old in zip(_FIELDS, money, before.money, strict=True)
            if new != old and (new == new or old == old)
        }  # fmt: skip
        moved = [p for p in looked.positions if before.marks.get(p.symbol) != marks[p.symbol]]
        gone = tuple(symbol for symbol in before.marks if symbol not in marks)
        if not changed and not moved and not gone:
            return None
        self._told[name] = Told(looked.seq, before.deltas + 1, money, marks)
        positions = raw(moved) if moved else _NONE
        return AccountDelta(looked.seq, looked.ts_ns, before.seq, _narrow(changed), positions, gone)


def _mark(position: PositionView) -> int:
    """A number that changes when anything about a position but its weight does."""
    p = position
    return hash((p.quantity, p.cost_basis, p.market_value, p.realized_pnl, p.fees, p.dividends, p.borrow_fees))


__all__ = ["FULL_EVERY", "Looked", "Telling", "hot_view", "look", "raw", "read_hot_view"]
