"""Which bars does a desk show, and which lengths are there?

Rules: the chart and ``desk.bars`` read the same series, so they never differ. A series is kept as long as the candles
it is made of, so a view pays for what is new only; whoever calls holds the room's lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from vtrade.desk import checks
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError, SettingsError
from vtrade.market.bar_series import BarSeries, wall_clock
from vtrade.market.candles import Candles
from vtrade.market.indicators import studies
from vtrade.services.visible import newer_candles

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

LENGTHS: Final = {
    1: "1 s", 5: "5 s", 15: "15 s", 60: "1 min", 300: "5 min", 900: "15 min", 3_600: "1 h", 86_400: "1 day",
}  # fmt: skip
"""Lengths of a bar that a chart offers, in seconds, and their names."""

SERIES_KEPT: Final = 32
"""Series of one room; the one that was not looked at longest goes first."""

_Key = tuple[int, int, int, int]

_KEPT: Final[WeakKeyDictionary[Candles, dict[_Key, BarSeries]]] = WeakKeyDictionary()


def check_look(look: Look) -> None:
    """Refuse a look at indicators that cannot be.

    Raises
    ------
    DeskError
        Naming what is wrong with one.
    """
    try:
        studies(look.indicators)
    except SettingsError as error:
        raise DeskError(str(error)) from None


def shortest(desk: Desk) -> int:
    """Seconds of the shortest bar there is: a second, or a bar of a tape that is made of bars.

    Examples
    --------
    >>> import vtrade as vt
    >>> with_days = vt.Desk("sample:AAPL")
    >>> shortest(with_days)
    86400
    >>> with_days.close_desk()
    """
    head = desk._room.head
    return max(1, round(desk._room.base_rate())) if head is not None and head.depth == "bars" else 1


def offered(desk: Desk) -> dict[int, str]:
    """Lengths of a bar that make sense here, in seconds, and their names."""
    least = shortest(desk)
    own = {} if least in LENGTHS else {least: length_text(least)}
    return own | {seconds: name for seconds, name in LENGTHS.items() if seconds >= least}


def length_text(seconds: int) -> str:
    """A length in words.

    Examples
    --------
    >>> length_text(60), length_text(7_200), length_text(90)
    ('1 min', '2 h', '90 s')
    """
    for unit, name in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}s" if name == "day" and count > 1 else f"{count} {name}"
    return f"{seconds} s"


def series(desk: Desk, k: int, seconds: int) -> BarSeries:
    """Bars of an instrument up to now."""
    room, i = desk._room, desk.instruments[k]
    length = 0 if seconds <= shortest(desk) and shortest(desk) > 1 else seconds
    candles = room.candles
    kept = _KEPT.setdefault(candles, {})
    key = (k, length, i.tick_size, i.lot_size)
    found = kept.pop(key, None)
    if found is None:
        wall = wall_clock(room.head.timezone) if room.head is not None else int
        found = BarSeries(length, price=i.price, quantity=i.quantity, wall=wall)
    kept[key] = found
    if len(kept) > SERIES_KEPT:
        del kept[next(iter(kept))]
    found.take(newer_candles(candles, k, found.known))
    return found


def table(desk: Desk, symbol: str, seconds: int = 60, *, indicators: str | Iterable[str] = ()) -> pd.DataFrame:
    """Candles of the prints so far, and indicators of them: the numbers that the chart shows.

    Parameters
    ----------
    symbol : str
    seconds : int
        Length of a bar; on a tape of bars those stay as they are where they are longer.
    indicators : str or iterable of str
        Such as ``"sma:20"``, ``"bollinger:20:2"``, ``"macd:12:26:9"``; see :func:`vtrade.market.indicators.study`.

    Returns
    -------
    DataFrame
        By time on the tape's clock: ``open, high, low, close, volume`` in whole units, and a column for each line of
        an indicator, NaN where too few bars were seen.

    Raises
    ------
    DeskError
        If there is no such instrument, or ``seconds`` is no whole number.
    SettingsError
        If an indicator cannot be.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
    >>> _ = desk.step(seconds=30)
    >>> table(desk, "ACME", 5, indicators=["sma:3", "rsi"]).columns.tolist()
    ['open', 'high', 'low', 'close', 'volume', 'sma:3', 'rsi:14']
    >>> desk.close_desk()
    """
    import pandas as pd

    k = desk._room.engine.index(symbol) if isinstance(symbol, str) else None
    if k is None:
        raise DeskError(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols)}")
    seconds, chosen = checks.count(seconds, "seconds of a bar"), studies(indicators)
    with desk._room.lock:
        found = series(desk, k, seconds)
        times = [desk._time(start * NS_PER_S)[:-4] for start in found.start]
        columns: dict[str, array[float]] = {
            "open": found.open, "high": found.high, "low": found.low, "close": found.close, "volume": found.volume,
        }  # fmt: skip
        for one in chosen:
            columns |= found.along(one)
        numbers = {name: pd.Series(column, dtype="float64") for name, column in columns.items()}
    rows = pd.DataFrame({"time": pd.Series(times, dtype="str"), **numbers})
    return rows.set_index("time")
