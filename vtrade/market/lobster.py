"""How does a LOBSTER day (message and orderbook file) become an exact L3 tape?

Rules:

- After the rows of each message the book is the recorded orderbook row, on all visible levels and with nothing beyond.
  Messages alone do not give that, since levels enter and leave the visible window without one; so a ``LEVEL`` row
  follows a message wherever, and only where, the message by itself would leave the book different. A level that leaves
  the window gets ``LEVEL`` 0: what happens to it out of sight is unknown.
- The n-th submission of the file has ``order_id`` n. An order that was there before the tape, or whose level has since
  been out of sight, is referred to as 0.
- The first orderbook row is the state *after* the first message, so the tape starts with that state; the first message
  is left out, unless it is a print or a halt.
- Times are exact to the nanosecond and count from midnight; the tape's date comes from the file name.
- The grid is one cent unless a visible price needs 0.0001. Hidden orders do trade between two ticks (at the midpoint):
  such a print is rounded to the tick on the aggressor's better side, so that it never claims to have reached a resting
  order that it did not reach. The prints' sizes, and all visible prices, are exact.
- Types: 1 ``ADD``, 2 ``REDUCE``, 3 ``DELETE``, 4 ``EXECUTE``, 5 ``TRADE`` with ``FLAG_HIDDEN``, 6 (cross) ``TRADE`` of
  no side, 7 ``STATUS`` (halted until trading, not only quoting, resumes). LOBSTER gives the side of the resting order;
  the aggressor of a ``TRADE`` is the opposite one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import TapeError
from vtrade.market.dtype import EVENT, FLAG_HIDDEN, Events, Kind, SessionStatus
from vtrade.market.files import Ints, columns, existing, halves_to_even, read_file, read_zip
from vtrade.market.listings import listed
from vtrade.market.tape import Tape, check_tape

MICROS_PER_PRICE: Final = 100
"""A LOBSTER price is in 1/10000 of a dollar."""

_NAME = re.compile(r"(?P<symbol>[A-Za-z0-9.\-]+)_(?P<date>\d{4}-\d{2}-\d{2})_.*(message|orderbook)", re.IGNORECASE)
_KINDS: Final = (0, Kind.ADD, Kind.REDUCE, Kind.DELETE, Kind.EXECUTE, Kind.TRADE, Kind.TRADE, Kind.STATUS)
_ADD, _EXECUTION, _HIDDEN, _CROSS, _HALT = 1, 4, 5, 6, 7
_TRADING_RESUMES: Final = 1
_MESSAGE: Final = {
    "time": "seconds",
    "type": "int",
    "order id": "int",
    "size": "int",
    "price": "int",
    "direction": "int",
}


@dataclass(frozen=True)
class _Messages:
    """The message file as columns."""

    ts_ns: Ints
    type: Ints
    order: Ints
    size: Ints
    price: Ints
    side: Ints


def load_lobster(path: str | Path, *, symbol: str = "", date: str = "") -> Tape:
    """Read one LOBSTER day.

    Parameters
    ----------
    path : path
        The zip, or either CSV of the pair (the other lies beside it: ``message`` and ``orderbook`` swap in its name),
        or a folder with one pair.
    symbol, date : str
        Needed only where the file name does not follow ``SYMBOL_YYYY-MM-DD_START_END_message_LEVELS.csv``.

    Returns
    -------
    Tape
        Depth ``"L3"``.

    Raises
    ------
    TapeError
        Naming the file and row, if the pair is incomplete, truncated, out of time order or not LOBSTER data.
    """
    path = Path(path)
    names, raw = _pair(existing(path))
    named = _NAME.match(names[0])
    symbol = symbol or (named["symbol"].upper() if named else "")
    date = date or (named["date"] if named else "")
    if not symbol:
        raise TapeError(f"{path}: the name {names[0]} does not tell the symbol; pass symbol='...'")
    prices, sizes = _book(raw.pop(), names[1])
    messages = _messages(raw.pop(), names[0])
    levels = len(prices) // 2
    if len(messages.ts_ns) != prices.shape[1]:
        raise TapeError(
            f"{path}: {len(messages.ts_ns):,} messages but {prices.shape[1]:,} orderbook rows; "
            "one file is truncated, or they are not of the same day: fetch the pair again"
        )
    visible = prices[sizes > 0]
    cent = not (visible % 100).any() and not (messages.price[messages.type <= _EXECUTION] % 100).any()
    instrument = listed(symbol, tick="0.01" if cent else "0.0001")
    events = _events(messages, prices, sizes, instrument.tick_size // MICROS_PER_PRICE)
    name = f"{symbol} {date}, {levels} level{'s' if levels > 1 else ''}".replace(" ,", ",")
    return check_tape(Tape(name=name, instruments=(instrument,), events=events, depth="L3", date=date))


def _pair(path: Path) -> tuple[tuple[str, str], list[bytes]]:
    """Names and bytes of the message and orderbook file."""
    if path.suffix == ".zip":
        inside = read_zip(path, lambda name: name.endswith(".csv"))
        found = [[n for n in sorted(inside) if word in n.lower()] for word in ("message", "orderbook")]
        if [len(f) for f in found] != [1, 1]:
            raise TapeError(f"{path}: holds {sorted(inside) or 'no CSV'}, not one message and one orderbook file")
        return (found[0][0], found[1][0]), [inside[found[0][0]], inside[found[1][0]]]
    if path.is_dir():
        pairs = sorted(p for p in path.iterdir() if re.search(r"message.*\.csv$", p.name, re.IGNORECASE))
        if len(pairs) != 1:
            raise TapeError(f"{path}: holds {len(pairs)} message files; name one of them")
        path = pairs[0]
    if not re.search("message|orderbook", path.name, re.IGNORECASE):
        raise TapeError(f"{path}: not a LOBSTER file; its name should hold 'message' or 'orderbook', or end in .zip")
    message = path.with_name(_swap(path.name, "orderbook", "message"))
    book = path.with_name(_swap(path.name, "message", "orderbook"))
    return (message.name, book.name), [read_file(message), read_file(book)]


def _swap(name: str, old: str, new: str) -> str:
    return re.sub(old, lambda found: new.capitalize() if found[0][0].isupper() else new, name, flags=re.IGNORECASE)


def _messages(data: bytes, where: str) -> _Messages:
    messages = _Messages(*columns(data, _MESSAGE, where=where, more=True))
    kind = messages.type
    normal = (kind >= _ADD) & (kind <= _HIDDEN)
    checks = (
        ("time", "goes back in time", np.diff(messages.ts_ns, prepend=messages.ts_ns[:1]) < 0, messages.ts_ns),
        ("type", "is not a LOBSTER event type (1 to 7)", (kind < _ADD) | (kind > _HALT), kind),
        ("size", "is not a positive size", normal & (messages.size <= 0), messages.size),
        ("price", "is not a positive price", normal & (messages.price <= 0), messages.price),
        ("direction", "is not 1 (buy) or -1 (sell)", normal & (np.abs(messages.side) != 1), messages.side),
    )
    for column, what, bad, values in checks:
        if bad.any():
            row = int(np.argmax(bad))
            raise TapeError(f"{where}: row {row + 1}, column {column!r}: {values[row]} {what}; mend or drop that row")
    return messages


def _book(data: bytes, where: str) -> tuple[Ints, Ints]:
    """Prices and sizes, (2 x levels, N): the asks from the best, then the bids; an empty level has size 0."""
    levels = data[: data.find(b"\n")].count(b",") // 4 + 1
    kinds = {
        f"{side} {what} {n + 1}": "int" for n in range(levels) for side in ("ask", "bid") for what in ("price", "size")
    }
    table = columns(data, kinds, where=where)
    del data
    shape = (2 * levels, len(table[0]))
    prices, sizes = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.int64)
    for row in reversed(range(2 * levels)):  # ask price, ask size, bid price, bid size, level after level
        place = row // 2 + levels * (row % 2)
        sizes[place], prices[place] = table.pop(), table.pop()
    real = sizes > 0
    checks = [
        ("a negative size", (sizes < 0).any(axis=0)),
        ("a price that is not positive", (real & (prices <= 0)).any(axis=0)),
    ]
    for side, first in ((1, 0), (-1, levels)):
        rows = slice(first, first + levels)
        ladder, shown = prices[rows], real[rows]
        disorder = shown[1:] & (~shown[:-1] | ((ladder[1:] - ladder[:-1]) * side <= 0))
        checks.append(("levels out of price order", disorder.any(axis=0)))
    for what, bad in checks:
        if bad.any():
            raise TapeError(
                f"{where}: row {int(np.argmax(bad)) + 1} has {what}; is this the orderbook file of the pair?"
            )
    return prices, sizes


def _events(messages: _Messages, prices: Ints, sizes: Ints, step: int) -> Events:
    """Event rows of a day; ``step`` is a tick in LOBSTER's 1/10000 dollar."""
    n, levels = len(messages.ts_ns), len(prices) // 2
    found = [
        _repairs(messages, prices[rows], sizes[rows], side)
        for side, rows in ((-1, slice(0, levels)), (1, slice(levels, None)))
    ]
    at, side, price, total = (np.concatenate([f[c] for f in found]) for c in range(4))
    order = np.lexsort((total > 0, at))  # per message: first what goes, then what comes
    at, side, price, total = at[order], side[order], price[order], total[order]

    first = 0 if messages.type[0] >= _EXECUTION else 1  # the first orderbook row already holds message 0
    shown = sizes[:, 0] > 0
    opening = int(shown.sum())
    count = np.bincount(at, minlength=n)
    earlier = np.cumsum(count) - count
    place = 1 + opening + earlier + np.arange(n) - first  # row of each message
    events = np.zeros(1 + opening + n - first + len(at) + 1, dtype=EVENT)

    edge = events[[0, -1]]
    edge["ts_ns"], edge["kind"] = messages.ts_ns[[0, -1]], Kind.STATUS
    edge["quantity"] = SessionStatus.OPEN, SessionStatus.CLOSED
    events[[0, -1]] = edge

    start = events[1 : 1 + opening]
    start["ts_ns"], start["kind"] = messages.ts_ns[0], Kind.LEVEL
    start["price"], start["quantity"] = prices[shown, 0] // step, sizes[shown, 0]
    start["side"] = np.repeat(np.array([-1, 1], dtype=np.int8), levels)[shown]

    for name, column in _message_columns(messages, step).items():
        events[name][place[first:]] = column[first:]
    wiped = total == 0
    events["order_id"][place[first:]] = _order_ids(messages, at[wiped], side[wiped], price[wiped])[first:]

    rows = place[at] + 1 + np.arange(len(at)) - earlier[at]
    events["ts_ns"][rows], events["kind"][rows] = messages.ts_ns[at], Kind.LEVEL
    events["price"][rows], events["quantity"][rows], events["side"][rows] = price // step, total, side
    return events


def _message_columns(messages: _Messages, step: int) -> dict[str, NDArray[Any]]:
    """What a message says by itself, as columns of ``EVENT``."""
    hidden, cross, halt = (messages.type == kind for kind in (_HIDDEN, _CROSS, _HALT))
    kind = np.array(_KINDS, dtype=np.uint8)[messages.type]
    side = np.where(hidden, -messages.side, messages.side)
    side[cross | halt] = 0
    if messages.type[0] == _EXECUTION:  # its effect is already in the opening state, so it is a mere print
        kind[0], side[0] = Kind.TRADE, -side[0]
    price = messages.price // step
    price += (messages.price % step != 0) & hidden & (side < 0)  # a seller's better side is up
    price[cross] = halves_to_even(messages.price[cross], step)
    price[halt] = 0
    status = np.where(messages.price == _TRADING_RESUMES, SessionStatus.RESUMED, SessionStatus.HALTED)
    return {
        "ts_ns": messages.ts_ns,
        "price": price,
        "quantity": np.where(halt, status, messages.size),
        "kind": kind,
        "side": side,
        "flags": FLAG_HIDDEN * hidden,
    }


def _repairs(messages: _Messages, prices: Ints, sizes: Ints, side: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Where a message alone does not lead from one orderbook row of a side to the next.

    Returns
    -------
    at, side, price, total : (R,) int64
        After message ``at`` the level at ``price`` must be set to ``total``.
    """
    moves = (messages.type <= _EXECUTION) & (messages.side == side)
    changed = (prices[:, 1:] != prices[:, :-1]).any(axis=0) | (sizes[:, 1:] != sizes[:, :-1]).any(axis=0) | moves[1:]
    at = np.flatnonzero(changed) + 1
    old, new = prices[:, at - 1], prices[:, at]
    had, has = sizes[:, at - 1], sizes[:, at]
    mine = moves[at]
    touched = np.where(mine, messages.price[at], -1)
    expected = np.where(mine, np.where(messages.type[at] == _ADD, messages.size[at], -messages.size[at]), 0)
    was, stays = np.zeros_like(has), np.zeros(old.shape, dtype=bool)
    for i in range(len(old)):
        expected += had[i] * (old[i] == touched)
        for j in range(len(new)):
            same = (old[i] == new[j]) & (had[i] > 0) & (has[j] > 0)
            was[j] += had[i] * same
            stays[i] |= same
    recorded = (has * (new == touched)).sum(axis=0)
    gone = (had > 0) & ~stays & (old != touched)
    come = (has > 0) & (was != has) & (new != touched)
    wrong = mine & (expected != recorded)
    found = [
        (np.nonzero(gone)[1], old[gone], np.zeros(int(gone.sum()), dtype=np.int64)),
        (np.nonzero(come)[1], new[come], has[come]),
        (np.flatnonzero(wrong), touched[wrong], recorded[wrong]),
    ]
    where, price, total = (np.concatenate([f[c] for f in found]) for c in range(3))
    return at[where], np.full(len(where), side, dtype=np.int64), price, total


def _order_ids(messages: _Messages, wiped_at: Ints, wiped_side: Ints, wiped_price: Ints) -> Ints:
    """The id each message refers to: n for the n-th submission, 0 for an order the tape does not know (any more)."""
    n = len(messages.ts_ns)
    adds = messages.type == _ADD
    adds[0] = False  # the first message is part of the opening state
    ids: Ints = np.where(adds, np.cumsum(adds), 0)
    by_order = np.argsort(messages.order, kind="stable")
    key, is_add = messages.order[by_order], adds[by_order]
    place = np.arange(n)
    group = np.maximum.accumulate(np.where(np.diff(key, prepend=key[:1] - 1) != 0, place, 0))
    source = np.maximum.accumulate(np.where(is_add, place, -1))  # the latest submission so far, maybe of another order
    size = messages.size[by_order]
    spent = np.cumsum(np.where(is_add | (messages.type[by_order] > _EXECUTION), 0, size))
    known = (source >= group) & ~is_add & (messages.type[by_order] <= _EXECUTION)
    refers = by_order[known]
    source = source[known]
    born = by_order[source]
    left = size[source] - (spent[known] - messages.size[refers] - spent[source])
    alive = (
        (left > 0) & (messages.price[refers] == messages.price[born]) & (messages.side[refers] == messages.side[born])
    )
    # A wipe of the order's level between its birth and this message makes it unknown.
    level_of = _level_codes(wiped_price, wiped_side)
    wipes = np.sort(level_of * n + wiped_at)
    levels = _level_codes(messages.price[refers], messages.side[refers])
    latest = np.searchsorted(wipes, levels * n + refers) - 1
    seen = np.where(latest >= 0, wipes[np.maximum(latest, 0)], -1) if len(wipes) else np.full(len(refers), -1)
    alive &= seen < levels * n + born
    ids[refers] = np.where(alive, ids[born], 0)
    return ids


def _level_codes(price: Ints, side: Ints) -> NDArray[np.int64]:
    return 2 * price + (side > 0)
