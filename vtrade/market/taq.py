"""How do raw NYSE TAQ quotes and trades become a tape of best quotes and prints?

Rules:

- *Quotes.* The tape shows the best bid and offer over all exchanges, with the sizes of all that are at it (a size of 1
  is a round lot of 100 shares), or one exchange's own quotes. A row whose bid locks or crosses its offer is dropped. A
  zero price or size says that the exchange quotes nothing on that side. A quote that the newest row locks or crosses
  from another exchange is stale: it counts for nothing until its exchange speaks again. So the tape is never locked or
  crossed. Each day begins with nothing; what stands at the open is told there.
- *Prints.* Dropped are those that were corrected or canceled later (``CORR`` other than 0), those whose sale condition
  (``DROPPED``) says that they were no trade at the price of that moment, those without price or size, and those above
  the offer or below the bid by more than the spread (rule T4 of [1]_) and by more than ``through_bps``: over all
  exchanges the spread is often a cent, and their clocks differ by more than that. Odd lots, intermarket sweeps and
  crosses stay.
- The print of an opening, reopening or closing auction is flagged ``FLAG_AUCTION`` and has no side; a closing auction
  prints some seconds after the close, and the tape's day lasts until then. A print off exchange (``D``) is flagged
  ``FLAG_HIDDEN``: it met no quote that the tape shows.
- *Who was the aggressor* is not in the data. By default a print above the middle of the quote that stood before its
  moment is a buyer's, below it a seller's; at the middle, or without a quote, the tick test tells: the side is that of
  the last change of price [2]_. With ``side="tick"`` the tick test tells alone, with ``side="none"`` nothing does.
- A print is told before the quotes of the same moment, since it caused them. A tick is a cent unless a quote needs
  0.0001. A print between two ticks is rounded to the aggressor's better side, so that it never claims to have reached
  a level that it did not reach; half to even without a side.
- Times are New York's, or UTC where they would otherwise lie outside 03:30 to 20:30, when nothing is open. ``ts_ns``
  counts from the Unix epoch. Only the regular session is read unless ``extended=True``.
- Every row that is dropped is counted in the report (:func:`read_taq`).

References
----------
.. [1] Barndorff-Nielsen, O. E., Hansen, P. R., Lunde, A. & Shephard, N. (2009). Realized kernels in practice: trades
   and quotes. The Econometrics Journal 12(3), C1-C32.
.. [2] Lee, C. M. C. & Ready, M. J. (1991). Inferring trade direction from intraday data. The Journal of Finance 46(2),
   733-746.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from vtrade.domain.instruments import FeeSchedule
from vtrade.errors import TapeError
from vtrade.market.calendars import NS_PER_DAY, NS_PER_HOUR, Days, days_of, session_times, to_local, to_utc, zone
from vtrade.market.dtype import EVENT, FLAG_AUCTION, FLAG_HIDDEN, Events, Kind, SessionStatus
from vtrade.market.files import Ints, halves_to_even, near
from vtrade.market.listings import listed
from vtrade.market.several import files_of
from vtrade.market.tape import Tape, check_tape
from vtrade.market.taq_read import Table, read_tables

CALENDAR: Final = "XNYS"
TIMEZONE: Final = "America/New_York"
ROUND_LOT: Final = 100
THROUGH_BPS: Final = 10
"""How far through the quotes a print may be, unless a reader is told otherwise."""

DROPPED: Final = {
    "4": "derivatively priced", "7": "qualified contingent", "V": "contingent", "B": "average price or bunched",
    "W": "average price", "C": "cash settlement", "N": "next-day settlement", "R": "seller's settlement",
    "G": "bunched and sold late", "H": "price variation", "L": "sold late", "Z": "out of sequence",
    "U": "out of sequence, extended hours", "P": "prior reference price", "M": "official close, no trade",
    "Q": "official open, no trade", "9": "corrected close, no trade",
}  # fmt: skip
"""Sale conditions that make a print no trade at the price of its moment."""

AUCTIONS: Final = "O56"
"""Sale conditions of an opening, reopening and closing auction."""

OFF_EXCHANGE: Final = "D"
SIDES: Final = ("lee-ready", "tick", "none")

_CLOSE: Final = "6"
_LATE_NS: Final = NS_PER_HOUR // 2
_FAR: Final = 2**62
_CENT: Final = 10_000


@dataclass(frozen=True)
class TaqReport:
    """What was read, and what was left out.

    Attributes
    ----------
    quotes : int
        Quote rows read.
    crossed : int
        Rows whose bid was at or above their own offer: dropped.
    withdrawn : int
        Rows with a zero: that side of that exchange is empty.
    stale : int
        Quotes that a newer one of another exchange locked or crossed.
    trades : int
        Trade rows read.
    corrected, conditions, zero, outside, through : int
        Prints dropped: corrected later, by sale condition, without price or size, outside the session, through the
        quotes.
    rounded : int
        Prints between two ticks.
    """

    quotes: int = 0
    crossed: int = 0
    withdrawn: int = 0
    stale: int = 0
    trades: int = 0
    corrected: int = 0
    conditions: int = 0
    zero: int = 0
    outside: int = 0
    through: int = 0
    rounded: int = 0


@dataclass(frozen=True)
class _Quotes:
    """Best quotes in micro-units and shares after each row; an empty side has price and size 0."""

    ts_ns: Ints
    day: Ints
    bid: Ints
    bid_size: Ints
    ask: Ints
    ask_size: Ints


def load_taq(
    path: str | Path,
    *,
    symbol: str = "",
    exchange: str = "",
    day: str = "",
    side: str = "lee-ready",
    timezone: str = "",
    extended: bool = False,
    round_lot: int = ROUND_LOT,
    through_bps: int = THROUGH_BPS,
    fees: FeeSchedule | None = None,
) -> Tape:
    """Read raw TAQ quotes and trades (CSV, also ``.gz``) of one symbol.

    Parameters
    ----------
    path : path
        A folder with quote and trade files, several files joined by ``+``, or one file (then there are only quotes, or
        only prints). A folder may be followed by ``:YYYYMMDD`` for the files whose name holds that day. Files are told
        apart by their columns: ``DT, EX, SYMBOL`` and ``BID, BIDSIZ, OFR, OFRSIZ`` or ``PRICE, SIZE, COND, CORR``.
    symbol : str
        Needed only where there are several.
    exchange : str
        One exchange's letter, such as ``"N"``, for its own quotes and prints; by default all, at their best.
    day : str
        ``YYYYMMDD``: the only files wanted of a folder.
    side : {"lee-ready", "tick", "none"}
        How the aggressor of a print is inferred (see the module).
    timezone : str
        Zone of the times; by default found out (see the module).
    extended : bool
        Read the hours before the open and after the close, too.
    round_lot : int
        Shares for each unit of a quoted size: 1 for files that count shares.
    through_bps : int
        How far outside the quotes a print may be at least, in basis points of its price; 0 allows the spread alone.
    fees : FeeSchedule, optional
        By default the house fee per share.

    Returns
    -------
    Tape
        Depth ``"L1"``.

    Raises
    ------
    TapeError
        Naming the file, row and column.
    """
    return read_taq(
        path, symbol=symbol, exchange=exchange, day=day, side=side, timezone=timezone, extended=extended,
        round_lot=round_lot, through_bps=through_bps, fees=fees,
    )[0]  # fmt: skip


def read_taq(
    path: str | Path,
    *,
    symbol: str = "",
    exchange: str = "",
    day: str = "",
    side: str = "lee-ready",
    timezone: str = "",
    extended: bool = False,
    round_lot: int = ROUND_LOT,
    through_bps: int = THROUGH_BPS,
    fees: FeeSchedule | None = None,
) -> tuple[Tape, TaqReport]:
    """The tape, as :func:`load_taq` reads it, and the report of what was left out."""
    if side not in SIDES:
        raise TapeError(f"side={side!r} is not known{near(side, SIDES)}; give one of {', '.join(SIDES)}")
    if round_lot < 1:
        raise TapeError(f"round_lot={round_lot} is not a number of shares; give 100, or 1 where sizes are shares")
    if through_bps < 0:
        raise TapeError(f"through_bps={through_bps} is negative; give basis points, or 0 for the spread alone")
    where = str(path)
    quotes, trades, symbols = read_tables(files_of(where, day=day, what="TAQ file"))
    symbol = symbol or (symbols[0] if len(symbols) == 1 else "")
    if symbol not in symbols:
        told = f"has no symbol {symbol!r}{near(symbol, symbols)}" if symbol else "holds several symbols"
        raise TapeError(f"{where}: {told}; pass symbol= one of {', '.join(symbols[:8])}")
    quotes, trades = (_of(table, symbol, exchange) for table in (quotes, trades))
    walls = [table.numbers["DT"] for table in (quotes, trades) if table is not None and len(table)]
    if not walls:
        exchanges = sorted({word for table in (quotes, trades) if table is not None for word in table.words["EX"]})
        raise TapeError(f"{where}: has no row of exchange {exchange!r}; it has {', '.join(exchanges)}")
    source = timezone or _zone(walls, where)
    zone(source)
    dates = np.unique(np.concatenate([days_of(to_local(to_utc(wall, source), TIMEZONE)) for wall in walls]))
    sessions = _sessions(dates, trades, source, extended)
    best, counts = _Quotes(*[np.zeros(0, dtype=np.int64)] * 6), dict[str, int]()
    if quotes is not None and len(quotes):
        best, counts = _best(quotes, source, dates, round_lot)
    tick = "0.0001" if (np.concatenate([best.bid, best.ask]) % _CENT).any() else "0.01"
    instrument = listed(symbol, tick=tick, fees=fees)
    parts = [_quote_rows(best, sessions, instrument.tick_size)]
    if trades is not None and len(trades):
        rows, dropped = _prints(
            trades, best, source, dates, sessions, tick=instrument.tick_size, rule=side, through_bps=through_bps
        )
        parts.insert(0, rows)
        counts |= dropped
    events = _on_one_line(parts, sessions)
    if not len(events):
        raise TapeError(f"{where}: has no quote or print of {symbol} in the regular session; try extended=True")
    first, last = str(dates[0]), str(dates[-1])
    days = first if first == last else f"{first} to {last}"
    name = f"{symbol} {days}, {f'exchange {exchange}' if exchange else 'best of all exchanges'}"
    tape = Tape(name=name, instruments=(instrument,), events=events, depth="L1", timezone=TIMEZONE)
    return check_tape(tape), TaqReport(**counts)


def _of(table: Table | None, symbol: str, exchange: str) -> Table | None:
    """The rows of one symbol, and of one exchange."""
    if table is None:
        return None
    keep = np.array([word == symbol for word in table.words["SYMBOL"]])[table.codes["SYMBOL"]]
    if exchange:
        keep &= np.array([word == exchange for word in table.words["EX"]])[table.codes["EX"]]
    return table.take(np.flatnonzero(keep))


def _zone(walls: Sequence[Ints], where: str) -> str:
    """New York's time, or UTC, whichever has all rows between 03:30 and 20:30 in New York."""
    for name in (TIMEZONE, "UTC"):
        of_day = np.concatenate([to_local(to_utc(wall, name), TIMEZONE) % NS_PER_DAY for wall in walls])
        if of_day.min() >= 3.5 * NS_PER_HOUR and of_day.max() <= 20.5 * NS_PER_HOUR:
            return name
    raise TapeError(f"{where}: times are those of an open market neither in New York nor in UTC; pass timezone='...'")


def _sessions(dates: Days, trades: Table | None, source: str, extended: bool) -> tuple[Ints, Ints]:
    """First and last moment of each day; a closing auction may print some seconds after the close."""
    if extended:
        midnight = dates.astype("datetime64[D]").astype(np.int64) * NS_PER_DAY
        return to_utc(midnight, TIMEZONE), to_utc(midnight + NS_PER_DAY, TIMEZONE) - 1
    opens, closes = session_times(CALENDAR, dates)
    if trades is not None:
        closing = np.array([_CLOSE in word for word in trades.words["COND"]], dtype=bool)[trades.codes["COND"]]
        for ts_ns in to_utc(trades.numbers["DT"][closing], source).tolist():
            at = int(np.searchsorted(closes, ts_ns)) - 1
            if at >= 0 and ts_ns <= closes[at] + _LATE_NS:
                closes[at] = max(closes[at], ts_ns)
    return opens, closes


def _placed(wall: Ints, source: str, dates: Days) -> tuple[Ints, Ints]:
    """UTC, and which of the dates."""
    ts_ns = to_utc(wall, source)
    return ts_ns, np.searchsorted(dates, days_of(to_local(ts_ns, TIMEZONE))).astype(np.int64)


def _best(table: Table, source: str, dates: Days, round_lot: int) -> tuple[_Quotes, dict[str, int]]:
    """The best quotes after each row that counts."""
    bid, ask = table.numbers["BID"], table.numbers["OFR"]
    bid_size, ask_size = table.numbers["BIDSIZ"] * round_lot, table.numbers["OFRSIZ"] * round_lot
    no_bid, no_ask = (bid == 0) | (bid_size == 0), (ask == 0) | (ask_size == 0)
    crossed = ~no_bid & ~no_ask & (bid >= ask)
    keep = np.flatnonzero(~crossed)
    ts_ns, day = _placed(table.numbers["DT"][keep], source, dates)
    columns = (
        day, table.codes["EX"][keep], np.where(no_bid, 0, bid)[keep], bid_size[keep], np.where(no_ask, _FAR, ask)[keep],
        ask_size[keep],
    )  # fmt: skip
    states, stale = _consolidated(*(column.tolist() for column in columns), exchanges=len(table.words["EX"]))
    best = _Quotes(ts_ns, day, *np.array(states, dtype=np.int64).reshape(-1, 4).T)
    counts = {"quotes": len(table), "crossed": int(crossed.sum()), "withdrawn": int((no_bid | no_ask).sum())}
    return best, {**counts, "stale": stale}


def _consolidated(
    days: list[int],
    places: list[int],
    bids: list[int],
    bid_sizes: list[int],
    asks: list[int],
    ask_sizes: list[int],
    *,
    exchanges: int,
) -> tuple[list[tuple[int, int, int, int]], int]:
    """Best bid, its size, best ask, its size after each row, and how many quotes were stale."""
    out: list[tuple[int, int, int, int]] = []
    stale, today = 0, -1
    bid, bid_size, ask, ask_size = [0], [0], [_FAR], [0]
    for day, at, b, bs, a, as_ in zip(days, places, bids, bid_sizes, asks, ask_sizes, strict=True):
        if day != today:
            today = day
            bid, bid_size = [0] * exchanges, [0] * exchanges
            ask, ask_size = [_FAR] * exchanges, [0] * exchanges
        bid[at], bid_size[at], ask[at], ask_size[at] = b, bs, a, as_
        top, low = max(bid), min(ask)
        if top >= low:
            for other in range(exchanges):
                if other != at and ask[other] <= b:
                    ask[other] = _FAR
                    stale += 1
                if other != at and bid[other] >= a:
                    bid[other] = 0
                    stale += 1
            top, low = max(bid), min(ask)
        out.append((
            top, sum(size for price, size in zip(bid, bid_size, strict=True) if price == top) if top else 0,
            low if low != _FAR else 0,
            sum(size for price, size in zip(ask, ask_size, strict=True) if price == low) if low != _FAR else 0,
        ))  # fmt: skip
    return out, stale


def _quote_rows(best: _Quotes, sessions: tuple[Ints, Ints], tick: int) -> tuple[Events, Ints, Ints]:
    """``QUOTE`` rows where a side changes, with their days and order; what stands at the open is told there."""
    opens, closes = sessions[0][best.day], sessions[1][best.day]
    before = best.ts_ns < opens
    last_before = before & np.append(~before[1:] | (best.day[1:] != best.day[:-1]), True)[: len(before)]
    keep = np.flatnonzero(last_before | (~before & (best.ts_ns <= closes)))
    ts_ns, day = np.maximum(best.ts_ns, opens)[keep], best.day[keep]
    new_day = np.diff(day, prepend=-1) != 0
    parts = []
    rises = np.zeros(len(keep), dtype=bool)
    for side, prices, sizes in ((1, best.bid, best.bid_size), (-1, best.ask, best.ask_size)):
        price, size = prices[keep] // tick, sizes[keep]
        shown = np.diff(price, prepend=0) != 0
        shown |= (np.diff(size, prepend=0) != 0) | (new_day & (size > 0))
        if side == 1:  # where the bid rises, the ask makes room first
            rises = np.diff(price, prepend=0) > 0
        rows = np.zeros(int(shown.sum()), dtype=EVENT)
        rows["ts_ns"], rows["kind"], rows["side"] = ts_ns[shown], Kind.QUOTE, side
        rows["price"], rows["quantity"] = price[shown], size[shown]
        phase = np.where(rises[shown], 3, 1) if side == 1 else 2
        order = 4 * np.flatnonzero(shown) + phase
        parts.append((rows, day[shown], order))
    rows, day, order = (np.concatenate([part[c] for part in parts]) for c in range(3))
    return rows, day, order


def _prints(
    table: Table,
    best: _Quotes,
    source: str,
    dates: Days,
    sessions: tuple[Ints, Ints],
    *,
    tick: int,
    rule: str,
    through_bps: int,
) -> tuple[tuple[Events, Ints, Ints], dict[str, int]]:
    """``TRADE`` rows with their days and order, and how many prints were dropped for what."""
    ts_ns, day = _placed(table.numbers["DT"], source, dates)
    price, size = table.numbers["PRICE"], table.numbers["SIZE"]
    codes = table.codes["COND"]
    odd = np.array([any(letter in DROPPED for letter in word) for word in table.words["COND"]], dtype=bool)[codes]
    auction = np.array([any(letter in AUCTIONS for letter in word) for word in table.words["COND"]], dtype=bool)[codes]
    right = np.array([word.strip("0") == "" for word in table.words["CORR"]], dtype=bool)[table.codes["CORR"]]
    # The quote that stood before the print's moment, if it is of the same day and has both sides.
    at = np.searchsorted(best.ts_ns, ts_ns, side="left") - 1
    quoted = at >= 0
    bid, ask = np.zeros_like(price), np.zeros_like(price)
    if len(best.ts_ns):
        quoted &= best.day[np.maximum(at, 0)] == day
        bid, ask = best.bid[np.maximum(at, 0)], best.ask[np.maximum(at, 0)]
        quoted &= (bid > 0) & (ask > 0)
    room = np.maximum(ask - bid, price * through_bps // 10_000)
    checks = (
        ("corrected", ~right),
        ("conditions", odd),
        ("zero", (price == 0) | (size == 0)),
        ("outside", (ts_ns < sessions[0][day]) | (ts_ns > sessions[1][day])),
        ("through", quoted & ~auction & ((price > ask + room) | (price < bid - room))),
    )
    keep = np.ones(len(table), dtype=bool)
    counts = {"trades": len(table)}
    for what, bad in checks:
        counts[what] = int((keep & bad).sum())
        keep &= ~bad
    ts_ns, day, price, size = (column[keep] for column in (ts_ns, day, price, size))
    auction, quoted = auction[keep], quoted[keep]
    side = np.zeros(len(price), dtype=np.int64)
    if rule != "none":
        side = tick_test(price, day)
        middle = np.sign(2 * price - bid[keep] - ask[keep])
        if rule == "lee-ready":
            side = np.where(quoted & (middle != 0), middle, side)
    side[auction] = 0
    off = price % tick != 0
    counts["rounded"] = int(off.sum())
    rows = np.zeros(len(price), dtype=EVENT)
    rows["ts_ns"], rows["kind"], rows["side"], rows["quantity"] = ts_ns, Kind.TRADE, side, size
    up = price // tick + (off & (side < 0))
    rows["price"] = np.maximum(np.where(off & (side == 0), halves_to_even(price, tick), up), 1)
    elsewhere = np.array([word == OFF_EXCHANGE for word in table.words["EX"]], dtype=bool)[table.codes["EX"][keep]]
    rows["flags"] = FLAG_AUCTION * auction + FLAG_HIDDEN * elsewhere
    return (rows, day, np.arange(len(rows)) - 2**40), counts


def tick_test(price: Ints, day: Ints) -> Ints:
    """Side of each print by the tick test: that of the price's last change.

    Parameters
    ----------
    price, day : (N,) int64
        Prices in order of time, and the number of the day of each.

    Returns
    -------
    (N,) int64
        +1 after the price rose, -1 after it fell, 0 before it changed that day.

    Examples
    --------
    >>> tick_test(np.array([10, 10, 11, 11, 9, 12, 12]), np.array([0, 0, 0, 0, 0, 1, 1]))
    array([ 0,  0,  1,  1, -1,  0,  0])
    """
    change = np.sign(np.diff(price, prepend=price[:1]))
    first = np.diff(day, prepend=-1) != 0
    change[first] = 0
    known = np.maximum.accumulate(np.where((change != 0) | first, np.arange(len(price)), 0))
    side: Ints = change[known]
    return side


def _on_one_line(parts: Sequence[tuple[Events, Ints, Ints]], sessions: tuple[Ints, Ints]) -> Events:
    """All rows in order, each day between its ``STATUS`` rows; a day lasts as its rows do where it has no session."""
    rows, days, order = (np.concatenate([part[c] for part in parts]) for c in range(3))
    by = np.lexsort((order, rows["ts_ns"]))
    rows, days = rows[by], days[by]
    edge = np.flatnonzero(np.diff(days, prepend=-1))
    here = days[edge]
    status = np.zeros(2 * len(edge), dtype=EVENT)
    status["kind"] = Kind.STATUS
    status["ts_ns"][::2], status["quantity"][::2] = sessions[0][here], SessionStatus.OPEN
    status["ts_ns"][1::2], status["quantity"][1::2] = sessions[1][here], SessionStatus.CLOSED
    whole = np.concatenate([rows, status])
    phase = np.concatenate([np.zeros(len(rows)), np.tile([-1, 1], len(edge))])
    return whole[np.lexsort((phase, whole["ts_ns"]))]
