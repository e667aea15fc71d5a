"""How does a table of bars (open, high, low, close, volume), from a file or a DataFrame, become a tape?

Rules:

- Prices are rounded half to even to the tick: data has float noise, and adjusted prices have many decimals. A tick so
  coarse that it would move a price by more than 0.5 % is refused. Volumes are rounded to lots.
- Bars are checked after rounding: low <= open and close <= high, times rising. The first bar that is wrong is named;
  nothing is dropped or repaired.
- Daily bars (about a day or more apart) run from the session's open to its close. An intraday time is the bar's start
  unless ``label="right"``; a bar lasts the median step within a day, but neither into the next bar nor beyond the
  session's close.
- Times without a zone are wall-clock times of ``timezone``; ``ts_ns`` counts from the Unix epoch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.values import MICRO, Number, plain_micros
from vtrade.errors import TapeError
from vtrade.market.bars import Bars, bar_events, ticks
from vtrade.market.calendars import (
    ALWAYS,
    NS_PER_DAY,
    NS_PER_HOUR,
    calendar_zone,
    days_of,
    session_times,
    to_local,
    to_utc,
    zone,
)
from vtrade.market.files import Ints, near
from vtrade.market.listings import listed
from vtrade.market.tables import PRICES, Frame, frames, read_table
from vtrade.market.tape import Tape, check_tape

if TYPE_CHECKING:
    import pandas as pd

ROUNDING_LIMIT: Final = 0.005
"""Share of itself that rounding to the tick may move a price."""

_DAILY_STEP_NS: Final = 20 * NS_PER_HOUR
_WEEKLY_STEP_NS: Final = 5 * NS_PER_DAY


def from_ohlcv(
    data: pd.DataFrame | str | Path,
    *,
    symbol: str = "",
    tick: Number = "0.01",
    lot: Number = 1,
    timezone: str = "",
    calendar: str = "XNYS",
    label: str = "left",
    adjusted: bool = False,
    fees: FeeSchedule | None = None,
    name: str = "",
) -> Tape:
    """Bars from a DataFrame, a CSV file (also ``.gz``) or a Parquet file.

    Parameters
    ----------
    data : DataFrame or path
        Columns for time, open, high, low, close, volume, and optionally adjusted close and symbol, under the names
        that yfinance and most brokers use; a DataFrame may carry the time in its index.
    symbol : str
        The one to take from a table of several; or the name of the only one, by default from the file's name.
    tick, lot : number
        Smallest price and quantity step.
    timezone : str
        Zone of times that have none, and of the tape; by default the calendar's.
    calendar : str
        Gives daily bars their hours; ``"24/7"`` for a market that never closes.
    label : {"left", "right"}
        Whether an intraday time is the start or the end of its bar.
    adjusted : bool
        Adjust for splits and dividends by the adjusted close, as of the last bar: it keeps its traded price, and
        volume shrinks as prices grow.
    fees : FeeSchedule, optional
        By default the house fee per share on the New York calendar, else none.
    name : str
        Of the tape; by default its symbols and days.

    Returns
    -------
    Tape
        Depth ``"bars"``.

    Raises
    ------
    TapeError
        Naming the row and column that is wrong, and the mend.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.DataFrame({"Date": ["2024-01-02", "2024-01-03"], "Open": [10, 10.5], "High": [11, 10.8],
    ...                      "Low": [9.9, 10.2], "Close": [10.5, 10.4], "Volume": [1000, 900]})
    >>> from_ohlcv(days, symbol="ACME")
    Tape('ACME 2024-01-02 to 2024-01-03, daily', bars, 12 events, ACME)
    """
    if label not in ("left", "right"):
        raise TapeError(f"label={label!r} is not known; give 'left' (a time is its bar's start) or 'right' (its end)")
    timezone = timezone or calendar_zone(calendar)
    zone(timezone)
    if isinstance(data, str | Path):
        where, table, fallback = str(data), read_table(Path(data)), symbol or Path(data).name.split(".")[0].upper()
    else:
        where, table, fallback = "DataFrame", data, symbol
    found = dict(frames(table, where, fallback))
    if symbol and symbol not in found:
        raise TapeError(f"{where}: has no symbol {symbol!r}{near(symbol, found)}; it has {', '.join(sorted(found))}")
    if symbol:
        found = {symbol: found[symbol]}
    instruments = [listed(one, tick=tick, lot=lot, calendar=calendar, fees=fees) for one in found]
    series = [adjust(frame) if adjusted else frame for frame in found.values()]
    return frame_tape(series, instruments, timezone=timezone, label=label, name=name)


def frame_tape(
    series: Sequence[Frame], instruments: Sequence[Instrument], *, timezone: str, label: str = "left", name: str = ""
) -> Tape:
    """The tape of several instruments' bars, on one time line."""
    made = [frame_bars(f, i, timezone=timezone, label=label) for f, i in zip(series, instruments, strict=True)]
    bars, daily = [one for one, _ in made], all(is_daily for _, is_daily in made)
    ends = np.array([min(b.start_ns[0] for b in bars), max(b.end_ns[-1] for b in bars) - 1])
    first, last = days_of(to_local(ends, timezone))
    symbols = [i.symbol for i in instruments]
    shown = ", ".join(symbols[:6]) + (", ..." if len(symbols) > 6 else "")
    name = name or f"{shown} {first} to {last}, {'daily' if daily else 'intraday'}"
    events = bar_events(bars)
    return check_tape(Tape(name=name, instruments=tuple(instruments), events=events, depth="bars", timezone=timezone))


def adjust(frame: Frame) -> Frame:
    """Prices and volume as if every split and dividend up to the last bar had happened before the first."""
    if frame.adjusted is None:
        raise TapeError(f"{frame.where}: cannot be adjusted without an adjusted close (a column 'Adj Close')")
    factor = frame.adjusted / frame.prices[3]
    factor = factor / factor[-1]
    return Frame(
        frame.where, frame.rows, frame.time_ns, frame.utc, frame.prices * factor, frame.volume / factor, frame.adjusted
    )


def frame_bars(frame: Frame, instrument: Instrument, *, timezone: str, label: str) -> tuple[Bars, bool]:
    """One instrument's bars on its grid, and whether they are daily."""
    late = np.diff(frame.time_ns) <= 0
    if late.any():
        bar = int(np.argmax(late)) + 1
        what = "repeats" if frame.time_ns[bar] == frame.time_ns[bar - 1] else "is before"
        raise frame.wrong(bar, f" {what} the time of the row above it; sort the rows by time and drop doubles")
    tick = instrument.tick_size
    prices = ticks(frame.prices, tick)
    moved = np.abs(prices * (tick / MICRO) - frame.prices) > ROUNDING_LIMIT * frame.prices
    if moved.any():
        column, bar = (int(place[0]) for place in np.nonzero(moved))
        price = float(frame.prices[column, bar])
        finer = max(1, round(10.0 ** (math.floor(math.log10(price)) - 3) * MICRO))
        raise frame.wrong(
            bar,
            f", column {PRICES[column]!r}: a tick of {plain_micros(tick)} is too coarse for the price {price:g}; "
            f"pass a finer one, such as tick='{plain_micros(finer)}'",
        )
    open_, high, low, close = prices
    checks = (
        ("the high is below the low", high < low),
        ("the open is not between low and high", (open_ > high) | (open_ < low)),
        ("the close is not between low and high", (close > high) | (close < low)),
    )
    for what, bad in checks:
        if bad.any():
            bar = int(np.argmax(bad))
            said = ", ".join(f"{name} {value:g}" for name, value in zip(PRICES, frame.prices[:, bar], strict=True))
            raise frame.wrong(bar, f": {what} ({said}); mend or drop that row")
    start, end, day, daily = _spans(frame, timezone, instrument.calendar, label)
    return Bars(start, end, open_, high, low, close, ticks(frame.volume, instrument.lot_size), day), daily


def _spans(frame: Frame, timezone: str, calendar: str, label: str) -> tuple[Ints, Ints, Ints, bool]:
    """Start, end and session number of each bar, and whether the bars are daily.

    A market that never closes has one session: the whole tape.
    """
    local = to_local(frame.time_ns, timezone) if frame.utc else frame.time_ns
    steps = np.diff(frame.time_ns)
    step = int(np.median(steps)) if len(steps) else 0
    sessions = int(calendar != ALWAYS)
    if step > _WEEKLY_STEP_NS:
        raise TapeError(
            f"{frame.where}: bars are about {step / NS_PER_DAY:.0f} days apart; give daily or intraday bars"
        )
    if step >= _DAILY_STEP_NS or (not step and _midnights(local)):
        # A day written as midnight UTC is that day, also west of Greenwich.
        days = days_of(frame.time_ns if not _midnights(local) and _midnights(frame.time_ns) else local)
        return *session_times(calendar, days, timezone=timezone), days.astype(np.int64) * sessions, True
    days = days_of(local)
    within = steps[days[1:] == days[:-1]]
    if not len(within):
        raise frame.wrong(0, ": cannot tell how long one intraday bar lasts; give at least two bars of a day")
    length = int(np.median(within))
    time = frame.time_ns if frame.utc else to_utc(frame.time_ns, timezone)
    start, end = time.copy(), time + length
    if label == "right":
        start, end = time - length, time.copy()
        start[1:] = np.maximum(start[1:], end[:-1])
    else:
        end[:-1] = np.minimum(end[:-1], start[1:])
        if sessions:
            close = session_times(calendar, days)[1]
            end = np.where((start < close) & (close < end), close, end)
    return start, end, to_local(start, timezone) // NS_PER_DAY * sessions, False


def _midnights(wall_ns: Ints) -> bool:
    return bool((wall_ns % NS_PER_DAY == 0).all())
