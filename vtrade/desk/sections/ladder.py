"""What waits at each price, where do own orders stand in their queues, and what traded last?

Rules: prices on the ladder are whole ticks, so that a rung is found without rounding; sizes are whole units. A place in
a queue is told with its bounds and why they are as wide as they are. What the tape does not hold is said in a sentence,
never shown as a zero. Own fills stand among the prints at their time; nobody else's do.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import checks
from vtrade.desk.sections.listing import listing
from vtrade.desk.sections.words import has_account, local_s
from vtrade.domain.orders import TRANSITIONS, OrderEvent, Reason
from vtrade.domain.stream import LEVELS
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError
from vtrade.execution.explain import units_text
from vtrade.execution.places import BOOK, EXACT, SIGHT, WORDS, QueuePlace
from vtrade.market.prints import PRINTS_KEPT, Print

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.domain.instruments import Instrument
    from vtrade.execution.blotter import Record
    from vtrade.services.shared import OrderLook

RUNGS: Final = 20
"""Levels of each side on the ladder, where the room tells so many."""
BALANCE_LEVELS: Final = 10
"""Levels of each side that the imbalance counts."""
ORDERS_SHOWN: Final = 100
"""Own orders on one ladder; older ones go first."""
FILLS_SHOWN: Final = 200
"""Newest own fills, of all instruments, that are looked through for those to be shown among the prints."""

NO_DEPTH: Final = "These are bars: they tell no depth and no queue. Orders can still be placed at any price."
TOUCH_ONLY: Final = "This tape holds the best bid and ask only: what waits behind them is not known."
NO_PRINTS: Final = "These are bars: single trades are not on this tape."
NONE_YET: Final = "Nothing has traded yet."
SUMS: Final = "Agents trade here: a row sums up what traded in one moment, without saying who began."

_INTENTS: Final = {OrderEvent.CANCEL: "cancel", OrderEvent.REPLACE: "replace"}
_MICROSECOND: Final = 1_000

QUEUE_COLUMNS: Final = {
    "order_id": "Int64", "client_order_id": "str", "symbol": "str", "side": "str", "price": "float64",
    "quantity": "float64", "ahead": "float64", "low": "float64", "high": "float64", "exact": "bool", "why": "str",
    "status": "str",
}  # fmt: skip
PRINT_COLUMNS: Final = {"time": "str", "price": "float64", "quantity": "float64", "side": "str"}


# --- the ladder --------------------------------------------------------------------------------------------------


def ladder(desk: Desk, look: Look) -> dict[str, Any]:
    """Levels in ticks, and what they come to."""
    k = look.index(desk)
    i, engine = desk.instruments[k], desk._room.engine
    bids, asks = _depth(desk, k, 1), _depth(desk, k, -1)
    bid, _, ask, _ = engine.touch(k)
    last = engine.last(k)
    return {
        "symbol": i.symbol, "tick": i.price(1), "decimals": i.price_decimals, "lot": i.quantity(1),
        "bids": [[px, i.quantity(lots)] for px, lots in bids], "asks": [[px, i.quantity(lots)] for px, lots in asks],
        "bid": bid or None, "ask": ask or None, "last": last or None, "spread": _spread(i, bid, ask),
        "mid": i.price(bid + ask) / 2 if bid and ask else None, "balance": _balance(i, bids, asks),
        "bars": _on_bars(desk), "note": _note(desk, k, bids, asks), "session": engine.session(k),
        "trades": has_account(desk) and not desk.closed, "quantity": _suggested(desk, k),
    }  # fmt: skip


def _depth(desk: Desk, k: int, side: int) -> list[tuple[int, int]]:
    try:
        return desk._room.engine.depth(k, side, RUNGS)
    except DeskError:  # a gateway tells fewer
        return desk._room.engine.depth(k, side, LEVELS)


def _spread(i: Instrument, bid: int, ask: int) -> dict[str, Any] | None:
    if not bid or not ask:
        return None
    ticks = ask - bid
    return {"price": i.price(ticks), "ticks": ticks, "bps": round(20_000 * ticks / (bid + ask), 2)}


def _balance(i: Instrument, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> dict[str, Any] | None:
    """Which side shows more; ``share`` goes from -1 (only asks) to 1 (only bids)."""
    buying, selling = (sum(lots for _, lots in side[:BALANCE_LEVELS]) for side in (bids, asks))
    if not buying + selling:
        return None
    share = (buying - selling) / (buying + selling)
    bid_share = round(50 * (1 + share))
    words = f"bids {bid_share} %, asks {100 - bid_share} %"
    about = f"{units_text(i.quantity(buying))} wait to buy and {units_text(i.quantity(selling))} to sell"
    levels = max(len(bids[:BALANCE_LEVELS]), len(asks[:BALANCE_LEVELS]))
    within = f"on the best {levels} levels of each side" if levels > 1 else "at the best prices"
    return {
        "share": round(share, 3), "bid": i.quantity(buying), "ask": i.quantity(selling), "text": words,
        "about": f"{about} {within}",
    }  # fmt: skip


def _on_bars(desk: Desk) -> bool:
    head = desk._room.head
    return head is not None and head.depth == "bars"


def _note(desk: Desk, k: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> str:
    """Why the ladder shows less than one might expect; empty where nothing is missing."""
    if _on_bars(desk):
        return NO_DEPTH
    session = desk._room.engine.session(k)
    if not bids and not asks:
        if session in ("CLOSED", "HALTED"):
            return f"The market is {session.lower()}: nobody shows a price."
        return "Nobody shows a price now."
    if not bids or not asks:
        return f"Nobody wants to {'buy' if not bids else 'sell'} now."
    head = desk._room.head
    return TOUCH_ONLY if head is not None and head.depth == "L1" else ""


def _suggested(desk: Desk, k: int) -> float:
    """A quantity to begin with: 100, or about a hundredth of the account where that is less."""
    i, lot = desk.instruments[k], desk.instruments[k].quantity(1)
    price = i.price(desk._room.engine.last(k) or desk._room.engine.touch(k)[2])
    if not has_account(desk) or not price:
        return max(lot, 1.0)
    units = desk._room.portfolio.account(desk.account).nav / 1e8 / price
    if units < lot:
        return lot
    power = 10.0 ** math.floor(math.log10(units))
    units = min(100.0, next(n for n in (5, 2, 1) if n * power <= units) * power)
    return max(lot, round(math.floor(round(units / lot, 9)) * lot, 9))


# --- own orders --------------------------------------------------------------------------------------------------


def _working(desk: Desk, k: int | None = None) -> list[tuple[OrderLook, Record]]:
    """Own working orders with their stories, oldest first."""
    records = [
        r for r in listing(desk).working.values() if r.order_id and k in (None, desk._room.engine.index(r.symbol))
    ]
    looks = desk._room.engine.orders if records else {}
    return [(looks[r.order_id], r) for r in records if r.order_id in looks]


def ladder_orders(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """Own working orders on their rungs, oldest first, with their places in the queues."""
    k = look.index(desk)
    return [row for order, r in _working(desk, k)[-ORDERS_SHOWN:] if (row := _row(desk, order, r)) is not None]


def _row(desk: Desk, order: OrderLook, r: Record) -> dict[str, Any] | None:
    """An own order on its rung; ``None`` for one that has no price of its own."""
    room, i = desk._room, desk.instruments[order.k]
    place = room.place(order.order_id)
    rests = place is not None and room.engine.session(order.k) == "OPEN"  # then it waits for nothing but the market
    waiting = Reason.NONE if rests else room.engine.waiting(order.order_id)
    stop = room.engine.stop_price(order.order_id) if waiting == Reason.WAITING_FOR_TRIGGER else None
    sleeps = stop is not None
    ticks = stop if sleeps else order.limit
    if ticks is None:
        return None
    flies = waiting == Reason.WAITING_IN_FLIGHT
    slow = not room.engine.rules.latency.none
    moving = flies or (slow and room.on_its_way(desk.account, r.client_order_id))
    shown = order.terms.display_quantity if order.terms is not None else 0
    may = [word for event, word in _INTENTS.items() if event in TRANSITIONS[r.status]]
    if sleeps:
        then = f", then limit {i.price_text(order.limit)}" if order.limit else ""
        text, why = f"stop: sleeps until the market trades here{then}", ""
    elif place is not None and rests:
        text, why = place_text(i, place), WORDS[place.why]
    else:
        text, why = desk._reason(r), ""
    return {
        "id": r.client_order_id, "number": r.order_id, "side": r.side.name.lower(), "ticks": ticks,
        "kind": "stop" if sleeps else "limit", "quantity": i.quantity(order.leaves),
        "shown": i.quantity(min(shown, order.leaves)) if shown else None,
        "state": "moving" if moving else "queue" if place is not None else "waits",
        "text": f"{'it' if flies else 'a change'} is on its way to the venue" if moving else text, "why": why,
        **_place(i, place), "intents": [] if moving else may,
    }  # fmt: skip


def _place(i: Instrument, place: QueuePlace | None) -> dict[str, float | None]:
    if place is None:
        return {"ahead": None, "low": None, "high": None}
    high = None if place.high < 0 else i.quantity(place.high)
    return {"ahead": i.quantity(place.ahead), "low": i.quantity(place.low), "high": high}


def place_text(i: Instrument, place: QueuePlace) -> str:
    """A place in a queue in a few words.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> acme = Instrument.make("ACME")
    >>> place_text(acme, QueuePlace(120, 80, 200, "totals")), place_text(acme, QueuePlace(120, 120, 120, "orders"))
    ('~120 ahead (80 to 200)', '120 ahead')
    >>> place_text(acme, QueuePlace(0, 0, 0, "book")), place_text(acme, QueuePlace(0, 0, -1, "sight"))
    ('first in its queue', 'queue not shown')
    """
    ahead = units_text(i.quantity(place.ahead))
    if place.why == SIGHT and place.high < 0:
        known = f", {ahead} or more ahead" if place.ahead else ""
        return f"queue not shown{known}"
    if place.low == place.high:
        return f"{ahead} ahead" if place.ahead else "first in its queue"
    high = "?" if place.high < 0 else units_text(i.quantity(place.high))
    return f"~{ahead} ahead ({units_text(i.quantity(place.low))} to {high})"


# --- time and sales ------------------------------------------------------------------------------------------------


def prints(desk: Desk, look: Look) -> dict[str, Any]:
    """The newest prints and own fills among them, as columns, oldest first; times are seconds of the tape's clock."""
    k = look.index(desk)
    i, room = desk.instruments[k], desk._room
    rows = _newest(i, room.prints.of(k), look)
    own = _own_fills(desk, i.symbol, since_ns=rows[0].ts_ns if rows else 0)
    merged = _merged(rows, own)[-look.prints :]
    offset = local_s(desk, merged[-1][1] // NS_PER_S) - merged[-1][1] // NS_PER_S if merged else 0
    return {
        "symbol": i.symbol, "n": [row[0] for row in merged],
        "t": [round(row[1] // _MICROSECOND / 1e6 + offset, 6) for row in merged],
        "px": [i.price(row[2]) for row in merged], "qty": [i.quantity(row[3]) if row[3] else None for row in merged],
        "side": [row[4] for row in merged], "own": [row[5] for row in merged], "decimals": i.price_decimals,
        "count": room.prints.count(k), "note": _print_note(desk, rows, k), "least": look.least_print,
    }  # fmt: skip


def _newest(i: Instrument, rows: list[Print], look: Look) -> list[Print]:
    """The newest of at least the size that is looked for."""
    if look.least_print:
        rows = [one for one in rows if i.quantity(one.lots) >= look.least_print]
    return rows[-look.prints :]


def _own_fills(desk: Desk, symbol: str, *, since_ns: int) -> list[tuple[int, int, int, int]]:
    """Own fills in a symbol since a moment, oldest first: time, ticks, lots, side."""
    if not has_account(desk):
        return []
    newest = (fill for _, fill in islice(reversed(listing(desk).fills), FILLS_SHOWN))
    mine = [f for f in newest if f.symbol == symbol and f.ts_ns >= since_ns]
    return [(f.ts_ns, f.last_px, f.last_qty, int(f.side)) for f in reversed(mine)]


Row = tuple[float, int, int, int, int, int]
"""Number, time, ticks, lots, side, and 1 for an own fill."""


def _merged(rows: list[Print], own: list[tuple[int, int, int, int]]) -> list[Row]:
    """Prints and own fills by time; a fill stands after the print that brought it, under a broken number."""
    out: list[Row] = []
    waiting = own[::-1]
    number, broken = (rows[0].n - 1 if rows else 0), 0
    for one in rows:
        while waiting and waiting[-1][0] < one.ts_ns:
            broken += 1
            out.append((number + broken / 1_000, *waiting.pop(), 1))
        out.append((*one, 0))
        number, broken = one.n, 0
    for fill in reversed(waiting):
        broken += 1
        out.append((number + broken / 1_000, *fill, 1))
    return out


def _print_note(desk: Desk, rows: list[Print], k: int) -> str:
    if _on_bars(desk):
        return NO_PRINTS
    if not desk._room.prints.count(k):
        return NONE_YET
    head = desk._room.head
    return SUMS if head is not None and head.depth == "exchange" else ""


# --- for code ------------------------------------------------------------------------------------------------------


def print_frame(desk: Desk, symbol: str | None = None, n: int = 50) -> pd.DataFrame:
    """Time and sales: the newest prints of an instrument, newest first.

    Parameters
    ----------
    symbol : str, optional
        The first instrument without it.
    n : int
        Prints, 1 to 500.

    Returns
    -------
    DataFrame
        ``time``, ``price``, ``quantity`` (NaN where nobody told it) and ``side``: ``"buy"`` where a buyer began,
        ``"sell"``, or empty where that is not known. The index is the print's number since the market began, so that a
        gap shows. Empty on bars, which tell no prints.

    Raises
    ------
    DeskError
        If the instrument is unknown, or ``n`` is no whole number from 1 to 500.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
    >>> _ = desk.step(seconds=30)
    >>> table = print_frame(desk, "ACME", 3)
    >>> list(table.columns), len(table)
    (['time', 'price', 'quantity', 'side'], 3)
    >>> desk.close_desk()
    """
    import pandas as pd

    if checks.count(n, "prints") > PRINTS_KEPT:
        raise DeskError(f"{n} prints are more than the {PRINTS_KEPT} that are kept; ask for {PRINTS_KEPT} or fewer")
    k = 0 if symbol is None else desk._room.engine.index(symbol) if isinstance(symbol, str) else None
    if k is None:
        raise DeskError(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
    i = desk.instruments[k]
    with desk._room.lock:
        rows = desk._room.prints.of(k, last=n)[::-1]
    words = {1: "buy", -1: "sell"}
    table = pd.DataFrame(
        [
            (
                desk._time(one.ts_ns), i.price(one.price), i.quantity(one.lots) if one.lots else None,
                words.get(one.side, ""),
            )
            for one in rows
        ],
        columns=list(PRINT_COLUMNS),
        index=pd.Index([one.n for one in rows], name="print", dtype="int64"),
    )  # fmt: skip
    return table.astype(PRINT_COLUMNS)


def queue_frame(desk: Desk) -> pd.DataFrame:
    """Where own working orders stand in their queues, and how sure that is.

    Returns
    -------
    DataFrame
        A row for every working order that rests in a queue: its ``price`` and open ``quantity``; ``ahead``, the units
        that trade before it by the room's queue model; ``low`` and ``high``, the least and the most that can be ahead
        (NaN where nobody knows); ``exact`` where the market tells all of it; ``why`` in words; ``status``.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
    >>> order = desk.buy("ACME", 100, limit=desk.book("ACME").bid[0])
    >>> row = queue_frame(desk).iloc[0]
    >>> bool(row.low == row.ahead == row.high), row.why
    (True, 'exact: the feed names every order')
    >>> desk.close_desk()
    """
    import pandas as pd

    rows = []
    with desk._room.lock:
        for order, r in _working(desk):
            place = desk._room.place(order.order_id)
            if place is None or order.limit is None:
                continue
            i = desk.instruments[order.k]
            rows.append(
                (
                    r.order_id, r.client_order_id, i.symbol, r.side.name.lower(), i.price(order.limit),
                    i.quantity(order.leaves), *_place(i, place).values(), place.why in (EXACT, BOOK), WORDS[place.why],
                    str(r.status),
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(QUEUE_COLUMNS)).astype(QUEUE_COLUMNS)
