"""How do LEAN's US equity files (minute quotes, minute trades, daily bars) become a tape?

Rules:

- Prices are 1/10000 dollar in the files; the grid is one cent unless a quote needs 0.0001. Trade bars are rounded half
  to even to the grid (sub-penny prints exist). Nothing is repaired: a first minute that still holds a pre-split print
  (AAPL, 2014-06-09, at 04:00) is read as it is, after the split. It lies outside the regular session, which is all that
  is read unless ``extended=True``.
- Prices are as traded, and splits, dividends, renames and delistings are ``Tape.actions``, where LEAN's factor and map
  files lie where LEAN keeps them (``factor_files`` and ``map_files`` beside ``minute`` and ``daily``):
  :mod:`vtrade.market.lean_factors`. ``adjusted=True`` gives prices comparable with those of the tape's last day
  instead, and no actions: the grid is then 0.0001, bids are rounded down and offers up, and sizes and volumes are
  those of split shares.
- Minutes are labelled with their start, in New York time; ``ts_ns`` counts from the Unix epoch.
- Trade files alone are bars. Quote files alone are ``QUOTE`` rows: the closing bid and ask of each minute, at its end;
  the minute that ends at the open gives the quote that stands at the open. With both, the quotes move the book and each
  trade bar is one ``TRADE`` of the minute's volume at its close price, at the minute's end, just before that minute's
  closing quote; its side is a buyer's above the middle of that quote, a seller's below, unknown on it.
- When both sides of a quote move, the side that makes room moves first, so the book is not crossed in between.
- Daily files are daily bars between the session's open and close.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from vtrade.domain.actions import CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.errors import TapeError
from vtrade.market.bars import Bars, bar_events
from vtrade.market.calendars import NS_PER_DAY, Days, day_ns, session_times, to_utc
from vtrade.market.dtype import EVENT, Events, Kind, SessionStatus
from vtrade.market.files import Ints, columns, existing, halves_to_even, near, read_file, read_zip
from vtrade.market.lean_factors import Factors, Names, actions_of, adjustment, beside, read_factors, read_names
from vtrade.market.listings import listed
from vtrade.market.tape import Tape, check_tape

CALENDAR: Final = "XNYS"
TIMEZONE: Final = "America/New_York"
MINUTE_NS: Final = 60 * 10**9

Kinds = dict[str, str]

_PRICES: Final = ("open", "high", "low", "close")
_TRADE: Final = {"time": "int", **dict.fromkeys(_PRICES, "int"), "volume": "int"}
_QUOTE: Final = {
    "time": "int",
    **{f"bid {p}": "int?" for p in _PRICES},
    "bid size": "int?",
    **{f"ask {p}": "int?" for p in _PRICES},
    "ask size": "int?",
}
_KINDS: Final = {"trade": _TRADE, "quote": _QUOTE}
_DAILY: Final = {**_TRADE, "time": "text"}
_MINUTE_FILE = re.compile(r"(?P<day>\d{8})_(?P<what>trade|quote)\.(zip|csv)")


def load_lean(
    path: str | Path,
    *,
    day: str = "",
    use: str = "",
    extended: bool = False,
    symbol: str = "",
    adjusted: bool = False,
    factors: str | Path = "",
) -> Tape:
    """Read LEAN minute or daily data of one US equity.

    Parameters
    ----------
    path : path
        A symbol's minute folder (``.../minute/aapl``), one minute file (``20140605_trade.zip``) or a daily file
        (``.../daily/aapl.zip``). A folder may be followed by ``:YYYYMMDD`` for one day of it.
    day : str
        ``YYYYMMDD``: the only day wanted of a folder.
    use : {"", "trade", "quote", "both"}
        Which files of a folder; by default both if each day has both, else the kind each day has.
    extended : bool
        Read all minutes of a day, not only the regular session.
    symbol : str
        By default from the path, or the map file's name of the tape's first day.
    adjusted : bool
        Back-adjusted prices instead of corporate actions (see the module).
    factors : path
        The factor file; by default the one that lies where LEAN keeps it, if any. ``"none"`` reads neither factors nor
        names.

    Returns
    -------
    Tape
        Depth ``"bars"``, or ``"L1"`` with quotes.

    Raises
    ------
    TapeError
        Naming the file, row and column.
    """
    text = str(path)
    if not day and (found := re.search(r":(\d{8})$", text)):
        day, text = found[1], text[: found.start()]
    path = existing(Path(text))
    if use not in ("", "trade", "quote", "both"):
        raise TapeError(
            f"{path}: use={use!r} is not known{near(use, ['trade', 'quote', 'both'])}; "
            "give 'trade', 'quote', 'both' or nothing"
        )
    named = _MINUTE_FILE.fullmatch(path.name)
    folder = path.name if path.is_dir() else path.parent.name if named else path.stem
    share = _share(path, folder, symbol, factors, adjusted)
    if path.is_dir():
        return _minutes(path, _files(path, day, use), share, extended)
    if named:
        return _minutes(path, {named["day"]: {named["what"]: path}}, share, extended)
    return _daily(path, share)


@dataclass(frozen=True)
class _Share:
    """What is known about the share besides its prices."""

    symbol: str
    factors: Factors | None
    names: Names | None
    adjusted: bool

    def called(self, day: np.datetime64) -> str:
        """Its symbol at the tape's begin."""
        return self.symbol if self.names is None else self.names.on(day)

    def actions(self, events: Events, instrument: Instrument) -> tuple[CorporateAction, ...]:
        """What happens to it, in time order."""
        return actions_of(events, instrument, None if self.adjusted else self.factors, self.names, TIMEZONE)


def _share(path: Path, folder: str, symbol: str, factors: str | Path, adjusted: bool) -> _Share:
    """The factor and map files that belong to a share."""
    wanted = str(factors) != "none"
    at = Path(factors) if str(factors) and wanted else beside(path, "factor_files", folder) if wanted else None
    if adjusted and at is None:
        raise TapeError(
            f"{path}: cannot be adjusted without factors; put factor_files/{folder.lower()}.csv beside the minute and "
            "daily folders, or pass factors='FILE.csv'"
        )
    names = beside(path, "map_files", folder) if wanted and not symbol else None
    return _Share(
        symbol or folder.upper(), read_factors(at) if at else None, read_names(names) if names else None, adjusted
    )


def _files(folder: Path, day: str, use: str) -> dict[str, dict[str, Path]]:
    """The minute files of a folder, by day and kind."""
    days: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        if named := _MINUTE_FILE.fullmatch(file.name):
            days.setdefault(named["day"], {})[named["what"]] = file
    if not days:
        raise TapeError(f"{folder}: holds no LEAN minute file such as 20140605_trade.zip; name a symbol's folder")
    if day:
        if day not in days:
            raise TapeError(f"{folder}: has no day {day}{near(day, days)}; it has {', '.join(sorted(days)[:8])}")
        days = {day: days[day]}
    common = set.intersection(*(set(found) for found in days.values()))
    wanted = {"both": {"trade", "quote"}, "": common}.get(use, {use})
    missing = [f"{d}_{what}.zip" for d, found in days.items() for what in sorted(wanted - set(found))]
    if missing or not wanted:
        raise TapeError(
            f"{folder}: {', '.join(missing) or 'trade and quote files of the same days'} missing; "
            "give day='YYYYMMDD', or use='trade' or 'quote'"
        )
    return {d: {what: found[what] for what in wanted} for d, found in days.items()}


def _read(path: Path, kinds: Kinds) -> list[Ints]:
    """The only CSV of a zip (or a bare CSV), as columns."""
    if path.suffix != ".zip":
        return columns(read_file(path), kinds, where=str(path))
    inside = read_zip(path, lambda name: name.endswith(".csv"))
    if len(inside) != 1:
        raise TapeError(f"{path}: holds {sorted(inside) or 'no CSV'}, not one CSV of LEAN data")
    name, data = inside.popitem()
    return columns(data, kinds, where=f"{path.name}/{name}")


def _minutes(path: Path, days: dict[str, dict[str, Path]], share: _Share, extended: bool) -> Tape:
    whats = sorted(next(iter(days.values())))
    read = {what: [_read(files[what], _KINDS[what]) for files in days.values()] for what in whats}
    dates = _days(list(days), path)
    tables = {what: _dated(parts, dates, what, _KINDS[what]) for what, parts in read.items()}
    if share.adjusted:
        tables = {what: _adjusted(table, what, share, dates) for what, table in tables.items()}
    quote = tables.get("quote")
    visible = np.concatenate([quote[4], quote[9]]) if quote else np.zeros(0, dtype=np.int64)
    symbol = share.called(dates[0])
    instrument = listed(symbol, tick="0.0001" if share.adjusted or (visible % 100).any() else "0.01")
    opens, closes = session_times(CALENDAR, dates)
    for what, table in tables.items():
        at = table[-1]
        start, end = table[0], table[0] + MINUTE_NS
        keep = np.ones(len(at), dtype=bool)
        if not extended:  # the quote of the minute that ends at the open is the one that stands there
            keep = (end >= opens[at] if what == "quote" else start >= opens[at]) & (end <= closes[at])
        tables[what] = [column[keep] for column in table]
        if not keep.any():
            raise TapeError(f"{path}: no minute of the regular session in the {what} data; try extended=True")
    trade = tables.get("trade")
    if quote := tables.get("quote"):
        events, depth = _quote_events(quote, trade, instrument, None if extended else (opens, closes)), "L1"
    else:
        assert trade is not None
        events, depth = bar_events([_bars(trade, trade[0], trade[0] + MINUTE_NS, trade[-1], instrument)]), "bars"
    first, last = str(dates[0]), str(dates[-1])
    name = f"{symbol} {first if first == last else f'{first} to {last}'}, minute {' and '.join(w + 's' for w in whats)}"
    return _tape(f"{name}, adjusted" if share.adjusted else name, instrument, events, depth, share)


def _tape(name: str, instrument: Instrument, events: Events, depth: str, share: _Share) -> Tape:
    actions = share.actions(events, instrument)
    return check_tape(
        Tape(name=name, instruments=(instrument,), events=events, depth=depth, timezone=TIMEZONE, actions=actions)
    )


def _adjusted(table: list[Ints], what: str, share: _Share, dates: Days) -> list[Ints]:
    """A table with prices and sizes as of the last day; in the file's unit, 1/10000 dollar."""
    assert share.factors is not None
    prices, splits = (of_day[table[-1]] for of_day in adjustment(share.factors, dates))
    out = list(table)
    trades, bids, asks = range(1, 5), range(1, 5), range(6, 10)
    for column in trades if what == "trade" else (*bids, *asks):
        exact = table[column] * prices
        whole = np.rint(exact)
        if what == "quote":  # float noise aside, bids go down and offers up
            clear = np.abs(exact - whole) > 1e-6
            whole = np.where(clear, np.floor(exact) if column in bids else np.ceil(exact), whole)
        out[column] = np.maximum(whole, table[column] > 0).astype(np.int64)
    for column in (5,) if what == "trade" else (5, 10):
        out[column] = np.maximum(np.rint(table[column] / splits), table[column] > 0).astype(np.int64)
    return out


def _days(texts: Sequence[str], path: Path) -> Days:
    """Days that LEAN writes as ``20140605`` or ``20140605 00:00``."""
    try:
        return np.array([f"{text[:4]}-{text[4:6]}-{text[6:8]}" for text in texts], dtype="datetime64[D]")
    except ValueError as error:
        raise TapeError(f"{path}: {error}; LEAN writes days as '20140605 00:00'") from None


def _dated(parts: Sequence[list[Ints]], dates: Days, what: str, kinds: Kinds) -> list[Ints]:
    """Several days as one table: column 0 becomes the minute's start in UTC, a last column numbers the day."""
    for day, part in zip(dates, parts, strict=True):
        where, time = f"{day} {what}", part[0]
        bad = (time < 0) | (time * 1_000_000 >= NS_PER_DAY) | (np.diff(time, prepend=-1) <= 0)
        if bad.any():
            row = int(np.argmax(bad))
            raise TapeError(
                f"{where}: row {row + 1}, column 'time': {time[row]} ms is not a later time of the same day; "
                "sort the rows and drop doubles"
            )
        _check(part, where, kinds)
    table = [np.concatenate(column) for column in zip(*parts, strict=True)]
    day_of = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    return [to_utc(day_ns(dates)[day_of] + table[0] * 1_000_000, TIMEZONE), *table[1:], day_of]


def _check(table: Sequence[Ints], where: str, kinds: Kinds) -> None:
    """Refuse negative numbers, and trade bars whose open or close is not between low and high."""
    for name, column in list(zip(kinds, table, strict=True))[1:]:
        if (column < 0).any():
            row = int(np.argmax(column < 0))
            raise TapeError(f"{where}: row {row + 1}, column {name!r}: {column[row]} is negative; mend that row")
    if "volume" in kinds:
        open_, high, low, close = table[1:5]
        bad = (low <= 0) | (low > np.minimum(open_, close)) | (high < np.maximum(open_, close))
        if bad.any():
            row = int(np.argmax(bad))
            raise TapeError(
                f"{where}: row {row + 1}: open {open_[row]}, high {high[row]}, low {low[row]}, "
                f"close {close[row]} do not make a bar; mend or drop that row"
            )


def _grid(prices: Ints, instrument: Instrument) -> Ints:
    return halves_to_even(prices * 100, instrument.tick_size)


def _bars(table: list[Ints], start: Ints, end: Ints, day: Ints, instrument: Instrument) -> Bars:
    open_, high, low, close = (_grid(table[column], instrument) for column in range(1, 5))
    return Bars(start, end, open_, high, low, close, table[5], day)


def _quote_events(
    quote: list[Ints], trade: list[Ints] | None, instrument: Instrument, sessions: tuple[Ints, Ints] | None
) -> Events:
    """Quotes, prints and session status of all days in time order; without sessions a day lasts as its rows do."""
    end, day = quote[0] + MINUTE_NS, quote[-1]
    bid, bid_size, ask, ask_size = _grid(quote[4], instrument), quote[5], _grid(quote[9], instrument), quote[10]
    bid_size, ask_size = np.where(bid > 0, bid_size, 0), np.where(ask > 0, ask_size, 0)
    rises = bid > np.concatenate([[0], bid[:-1]])  # then the ask makes room first
    parts = [
        _rows(end, day, 1 + rises, Kind.QUOTE, bid, bid_size, 1),
        _rows(end, day, 2 - rises, Kind.QUOTE, ask, ask_size, -1),
    ]
    if trade is not None:
        trade = [column[trade[5] > 0] for column in trade]
        at, price = trade[0] + MINUTE_NS, _grid(trade[4], instrument)
        seen = np.minimum(np.searchsorted(end, at), len(end) - 1)
        side = np.sign(2 * price - bid[seen] - ask[seen]) * ((bid_size[seen] > 0) & (ask_size[seen] > 0))
        parts.append(_rows(at, trade[-1], 0, Kind.TRADE, price, trade[5], side))
    events, days = _sorted(parts)
    edge = np.flatnonzero(np.diff(days, prepend=-1))
    here = days[edge]
    opens, closes = events["ts_ns"][edge], events["ts_ns"][np.append(edge[1:], len(days)) - 1]
    if sessions is not None:
        opens, closes = sessions[0][here], sessions[1][here]
    parts.append(_rows(opens, here, -1, Kind.STATUS, 0, SessionStatus.OPEN, 0))
    parts.append(_rows(closes, here, 3, Kind.STATUS, 0, SessionStatus.CLOSED, 0))
    return _sorted(parts)[0]


def _rows(
    ts_ns: Ints, day: Ints, phase: Ints | int, kind: Kind, price: Ints | int, quantity: Ints | int, side: Ints | int
) -> tuple[Events, Ints, Ints]:
    out = np.zeros(len(ts_ns), dtype=EVENT)
    out["ts_ns"], out["kind"], out["price"], out["quantity"], out["side"] = ts_ns, kind, price, quantity, side
    return out, day, np.broadcast_to(np.asarray(phase, dtype=np.int64), ts_ns.shape)


def _sorted(parts: Sequence[tuple[Events, Ints, Ints]]) -> tuple[Events, Ints]:
    """All rows by time, then phase; and the day of each."""
    events, days, phase = (np.concatenate([part[c] for part in parts]) for c in range(3))
    order = np.lexsort((phase, events["ts_ns"]))
    return events[order], days[order]


def _daily(path: Path, share: _Share) -> Tape:
    table = _read(path, _DAILY)
    days = _days([text.decode("ascii", "replace") for text in table[0].tolist()], path)
    bad = np.diff(days.astype(np.int64), prepend=days[:1].astype(np.int64) - 1) <= 0
    if bad.any():
        row = int(np.argmax(bad))
        raise TapeError(f"{path}: row {row + 1}: {days[row]} is not after the day before it; sort and drop doubles")
    _check(table, str(path), _DAILY)
    if share.adjusted:
        table = _adjusted([*table, np.arange(len(days))], "trade", share, days)[:-1]
    symbol = share.called(days[0])
    instrument = listed(symbol, tick="0.0001" if share.adjusted else "0.01")
    opens, closes = session_times(CALENDAR, days)
    events = bar_events([_bars(table, opens, closes, np.arange(len(days)), instrument)])
    name = f"{symbol} {days[0]} to {days[-1]}, daily, {'adjusted' if share.adjusted else 'as traded'}"
    return _tape(name, instrument, events, "bars", share)
