"""What do averages, bands and oscillators say about a row of bars? Folded bar by bar, so a new bar costs one step.

Rules: a value depends on its own bar and on those before it, never on later ones; one definition serves charts and
code, so that both show the same numbers to the last bit. Before a study has seen enough bars it says NaN. A name
carries its parameters (``"macd:12:26:9"``); each has a default and bounds. Prices and volumes are floats, for display
and study; nothing that decides about an order looks here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from vtrade.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

PERIOD_MAX: Final = 500
"""Bars that a study looks back at most."""

STUDIES_MAX: Final = 8
"""Studies of one chart or table."""

DAY_S: Final = 86_400

NAN: Final = math.nan

Values = tuple[float, ...]


class Bars(Protocol):
    """Columns of bars, oldest first: wall-clock seconds, prices and volume."""

    @property
    def t(self) -> Sequence[int]:
        """Where they begin."""

    @property
    def high(self) -> Sequence[float]:
        """Highest prices."""

    @property
    def low(self) -> Sequence[float]:
        """Lowest prices."""

    @property
    def close(self) -> Sequence[float]:
        """Last prices."""

    @property
    def volume(self) -> Sequence[float]:
        """What was traded."""


Step = Callable[[Bars, int, Any], tuple[Any, Values]]
"""From the bars, the number of one of them and the state before it: the state after it, and a value for each line."""


class Line(NamedTuple):
    """One column of a study: its key in tables, how a legend names it, and how it is drawn (line or histogram)."""

    key: str
    title: str
    style: str = "line"


class Parameter(NamedTuple):
    """A number in a study's name: what it is, its default, its bounds."""

    name: str
    default: float
    least: float
    most: float
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class Study:
    """An indicator with its parameters; see :func:`study`.

    Attributes
    ----------
    name, title : str
        ``"sma:20"``, ``"SMA 20"``.
    pane : str
        ``"price"`` where it is drawn over the candles, else the name of a pane of its own.
    lines : tuple of Line
    levels : tuple of float
        Where its pane has guide lines.
    begin : object
        State before the first bar.
    step : callable
        See ``Step``.
    """

    name: str
    title: str
    pane: str
    lines: tuple[Line, ...]
    levels: tuple[float, ...] = ()
    begin: Any = None
    step: Step


class Family(NamedTuple):
    """An indicator without its parameters: as a menu lists it."""

    title: str
    about: str
    pane: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Study]


# --- the definitions -------------------------------------------------------------------------------------------------

Smoothed = tuple[int, float]
"""Values so far, and their sum until there are enough, then their average."""


def _smooth(state: Smoothed, x: float, n: int, alpha: float) -> Smoothed:
    """One value more: the mean of the first ``n``, afterwards ``alpha`` of the way towards each new one."""
    count, value = state
    if count >= n:
        return count, value + alpha * (x - value)
    count, value = count + 1, value + x
    return (count, value / n) if count == n else (count, value)


def _sma(name: str, n: int) -> Study:
    def step(bars: Bars, i: int, state: None) -> tuple[None, Values]:
        return None, (math.fsum(bars.close[i - n + 1 : i + 1]) / n if i >= n - 1 else NAN,)

    return Study(name=name, title=f"SMA {n}", pane="price", lines=(Line(name, f"SMA {n}"),), step=step)


def _ema(name: str, n: int) -> Study:
    alpha = 2 / (n + 1)

    def step(bars: Bars, i: int, state: Smoothed) -> tuple[Smoothed, Values]:
        state = _smooth(state, bars.close[i], n, alpha)
        return state, (state[1] if state[0] == n else NAN,)

    return Study(name=name, title=f"EMA {n}", pane="price", lines=(Line(name, f"EMA {n}"),), begin=(0, 0.0), step=step)


def _bollinger(name: str, n: int, width: float) -> Study:
    root = math.sqrt(n)

    def step(bars: Bars, i: int, state: None) -> tuple[None, Values]:
        if i < n - 1:
            return None, (NAN, NAN, NAN)
        closes = bars.close[i - n + 1 : i + 1]
        mean = math.fsum(closes) / n
        reach = width * math.dist(closes, (mean,) * n) / root
        return None, (mean, mean + reach, mean - reach)

    title = f"Bollinger {n}, {width:g}"
    lines = tuple(Line(f"{name} {word}", f"{title} {word}") for word in ("middle", "upper", "lower"))
    return Study(name=name, title=title, pane="price", lines=lines, step=step)


def _vwap(name: str) -> Study:
    def step(bars: Bars, i: int, state: tuple[int, float, float]) -> tuple[tuple[int, float, float], Values]:
        session, money, volume = state
        today, v = bars.t[i] // DAY_S, bars.volume[i]
        if today != session:
            money = volume = 0.0
        money += (bars.high[i] + bars.low[i] + bars.close[i]) / 3 * v
        volume += v
        return (today, money, volume), (money / volume if volume else NAN,)

    return Study(name=name, title="VWAP", pane="price", lines=(Line(name, "VWAP"),), begin=(-1, 0.0, 0.0), step=step)


def _rsi(name: str, n: int) -> Study:
    flat: Smoothed = (0, 0.0)

    def step(
        bars: Bars, i: int, state: tuple[float, Smoothed, Smoothed]
    ) -> tuple[tuple[float, Smoothed, Smoothed], Values]:
        last, ups, downs = state
        close = bars.close[i]
        if last == last:  # the first bar has nothing to be compared with
            change = close - last
            ups = _smooth(ups, max(change, 0.0), n, 1 / n)
            downs = _smooth(downs, max(-change, 0.0), n, 1 / n)
        both = ups[1] + downs[1]
        value = (100 * ups[1] / both if both else 50.0) if ups[0] == n else NAN
        return (close, ups, downs), (value,)

    lines = (Line(name, f"RSI {n}"),)
    return Study(
        name=name, title=f"RSI {n}", pane="rsi", lines=lines, levels=(30.0, 70.0), begin=(NAN, flat, flat), step=step
    )


def _macd(name: str, fast: int, slow: int, signal: int) -> Study:
    if fast >= slow:
        raise SettingsError(f"in {name!r} the fast period {fast} is not below the slow one {slow}; write macd:12:26:9")
    alphas = [2 / (n + 1) for n in (fast, slow, signal)]

    def step(
        bars: Bars, i: int, state: tuple[Smoothed, Smoothed, Smoothed]
    ) -> tuple[tuple[Smoothed, Smoothed, Smoothed], Values]:
        quick, slower, smooth = state
        quick = _smooth(quick, bars.close[i], fast, alphas[0])
        slower = _smooth(slower, bars.close[i], slow, alphas[1])
        if slower[0] < slow:
            return (quick, slower, smooth), (NAN, NAN, NAN)
        value = quick[1] - slower[1]
        smooth = _smooth(smooth, value, signal, alphas[2])
        if smooth[0] < signal:
            return (quick, slower, smooth), (value, NAN, NAN)
        return (quick, slower, smooth), (value, smooth[1], value - smooth[1])

    title = f"MACD {fast}, {slow}, {signal}"
    lines = (
        Line(name, title), Line(f"{name} signal", f"{title} signal"),
        Line(f"{name} histogram", f"{title} histogram", "histogram"),
    )  # fmt: skip
    empty: Smoothed = (0, 0.0)
    return Study(
        name=name, title=title, pane="macd", lines=lines, levels=(0.0,), begin=(empty, empty, empty), step=step
    )


def _atr(name: str, n: int) -> Study:
    def step(bars: Bars, i: int, state: tuple[float, Smoothed]) -> tuple[tuple[float, Smoothed], Values]:
        last, mean = state
        high, low = bars.high[i], bars.low[i]
        if last == last:
            high, low = max(high, last), min(low, last)
        mean = _smooth(mean, high - low, n, 1 / n)
        return (bars.close[i], mean), (mean[1] if mean[0] == n else NAN,)

    return Study(
        name=name, title=f"ATR {n}", pane="atr", lines=(Line(name, f"ATR {n}"),), begin=(NAN, (0, 0.0)), step=step
    )


def _period(name: str, default: int) -> Parameter:
    return Parameter(name, default, 1, PERIOD_MAX)


INDICATORS: Final[dict[str, Family]] = {
    "sma": Family("Moving average", "mean of the last closes", "price", (_period("period", 20),), _sma),
    "ema": Family(
        "Exponential average", "average of all closes, newer ones weigh more", "price", (_period("period", 20),), _ema
    ),
    "bollinger": Family(
        "Bollinger bands", "average, and so many standard deviations around it", "price",
        (Parameter("period", 20, 2, PERIOD_MAX), Parameter("width", 2.0, 0.1, 10.0, whole=False)), _bollinger,
    ),
    "vwap": Family("VWAP", "average price of the session, weighted by volume", "price", (), _vwap),
    "rsi": Family("RSI", "strength of rises against falls, 0 to 100", "rsi", (_period("period", 14),), _rsi),
    "macd": Family(
        "MACD", "fast average less slow average, and its own average", "macd",
        (_period("fast", 12), _period("slow", 26), _period("signal", 9)), _macd,
    ),
    "atr": Family("ATR", "average true range of a bar", "atr", (_period("period", 14),), _atr),
}  # fmt: skip
"""Every indicator there is, by its name without parameters."""


# --- names -----------------------------------------------------------------------------------------------------------


def study(name: str) -> Study:
    r"""An indicator by its name; parameters that are left out have their usual values.

    Parameters
    ----------
    name : str
        ``sma[:period]``, ``ema[:period]``, ``bollinger[:period[:width]]``, ``vwap``, ``rsi[:period]``,
        ``macd[:fast[:slow[:signal]]]`` or ``atr[:period]``; periods in bars, from 1 to ``PERIOD_MAX``.

    Returns
    -------
    Study
        Its ``name`` carries all parameters.

    Raises
    ------
    SettingsError
        Naming what is wrong with it.

    Notes
    -----
    With closes :math:`c_i`, highs :math:`h_i`, lows :math:`l_i` and volumes :math:`v_i`:

    - SMA: mean of the last ``n`` closes.
    - EMA: :math:`e_i = e_{i-1} + \alpha (c_i - e_{i-1})` with :math:`\alpha = 2/(n+1)`; it begins with the mean of
      the first ``n`` closes.
    - Bollinger bands: the SMA, and ``width`` standard deviations of the same closes (divided by ``n``) around it.
    - VWAP: :math:`\sum p_i v_i / \sum v_i` with :math:`p_i = (h_i + l_i + c_i)/3`, from the first bar of the day on
      the tape's wall clock; NaN while nothing was traded.
    - RSI: :math:`100\,U/(U+D)`, where ``U`` and ``D`` are averages of rises and falls from close to close in Wilder's
      smoothing: the mean of the first ``n``, then :math:`U_i = U_{i-1} + (u_i - U_{i-1})/n`. 50 where nothing moved.
    - MACD: EMA(fast) less EMA(slow), each begun with a mean of its own first closes; the signal is the EMA of that
      difference, the histogram what is between the two.
    - ATR: Wilder's smoothing of the true range :math:`\max(h_i, c_{i-1}) - \min(l_i, c_{i-1})`; the first bar, which
      has no close before it, counts with :math:`h - l`.

    References
    ----------
    J. W. Wilder (1978), *New Concepts in Technical Trading Systems* (RSI, ATR, their smoothing).
    J. Bollinger (2001), *Bollinger on Bollinger Bands*. G. Appel (2005), *Technical Analysis: Power Tools for Active
    Investors* (MACD). S. Berkowitz, D. Logue, E. Noser (1988), "The Total Cost of Transactions on the NYSE", Journal of
    Finance 43 (VWAP).

    Examples
    --------
    >>> study("sma").name, study("bollinger:20:2.5").title, study("macd").pane
    ('sma:20', 'Bollinger 20, 2.5', 'macd')
    >>> [line.key for line in study("macd").lines]
    ['macd:12:26:9', 'macd:12:26:9 signal', 'macd:12:26:9 histogram']
    >>> study("sma:0")
    Traceback (most recent call last):
        ...
    vtrade.errors.SettingsError: the period '0' in 'sma:0' is not a whole number from 1 to 500; write sma:20
    """
    if not isinstance(name, str):
        raise SettingsError(f"{name!r} names no indicator; write one as text, such as 'sma:20'")
    word, *given = (part.strip() for part in name.lower().split(":"))
    family = INDICATORS.get(word)
    if family is None:
        raise SettingsError(f"the indicator {name[:40]!r} is unknown; choose one of {', '.join(INDICATORS)}")
    usual = ":".join([word, *(f"{p.default:g}" for p in family.parameters)])
    if len(given) > len(family.parameters):
        most = len(family.parameters)
        raise SettingsError(f"{name[:40]!r} has more parameters than the {most} of {word}; write {usual}")
    numbers = [
        _number(given[n] if n < len(given) else f"{p.default:g}", p, name, usual)
        for n, p in enumerate(family.parameters)
    ]
    return family.make(":".join([word, *(f"{number:g}" for number in numbers)]), *numbers)


def _number(text: str, p: Parameter, name: str, usual: str) -> float:
    try:
        number = int(text) if p.whole else float(text)
    except ValueError:
        number = NAN
    if not p.least <= number <= p.most:
        what = "whole number" if p.whole else "number"
        raise SettingsError(
            f"the {p.name} {text[:20]!r} in {name[:40]!r} is not a {what} from {p.least:g} to {p.most:g}; write {usual}"
        )
    return number


def studies(names: str | Iterable[str]) -> list[Study]:
    """Several indicators, each once.

    Raises
    ------
    SettingsError
        If there are more than ``STUDIES_MAX``, or one of them cannot be.

    Examples
    --------
    >>> [s.name for s in studies(["sma", "sma:20", "vwap"])]
    ['sma:20', 'vwap']
    """
    try:
        found = {s.name: s for s in map(study, [names] if isinstance(names, str) else names)}
    except TypeError:
        raise SettingsError(f"{names!r} is no list of indicators; write one such as ['sma:20', 'rsi:14']") from None
    if len(found) > STUDIES_MAX:
        raise SettingsError(f"{len(found)} indicators are more than the {STUDIES_MAX} that fit; leave some out")
    return list(found.values())


# --- tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """Bars that are all there; see :class:`Bars`."""

    t: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]


def fold(one: Study, bars: Bars) -> dict[str, array[float]]:
    """All values of a study, by the keys of its lines.

    Examples
    --------
    >>> closes = [10.0, 11.0, 12.0, 14.0]
    >>> fold(study("sma:2"), Columns(range(4), closes, closes, closes, closes, closes))
    {'sma:2': array('d', [nan, 10.5, 11.5, 13.0])}
    """
    columns = {line.key: array("d") for line in one.lines}
    places = list(columns.values())
    state = one.begin
    for i in range(len(bars.close)):
        state, values = one.step(bars, i, state)
        for column, value in zip(places, values, strict=True):
            column.append(value)
    return columns


def indicators(bars: pd.DataFrame, names: str | Iterable[str]) -> pd.DataFrame:
    """Indicators of a table of bars, as the chart shows them.

    Parameters
    ----------
    bars : DataFrame
        Columns ``open, high, low, close, volume``, oldest first, as ``desk.bars(symbol)`` gives them. Its index tells
        the days for the VWAP: moments, or text that begins with a date; without dates all bars are of one day.
    names : str or iterable of str
        See :func:`study`.

    Returns
    -------
    DataFrame
        On the same index, a column for each line; NaN where too few bars were seen.

    Raises
    ------
    SettingsError
        If a name cannot be, a column is missing, or a number is none.

    Examples
    --------
    >>> import pandas as pd
    >>> closes = [10.0, 11.0, 12.0, 14.0]
    >>> bars = pd.DataFrame({name: closes for name in ("open", "high", "low", "close", "volume")})
    >>> indicators(bars, ["sma:2", "vwap"]).round(3)
       sma:2    vwap
    0    NaN  10.000
    1   10.5  10.524
    2   11.5  11.061
    3   13.0  11.936
    """
    import numpy as np
    import pandas as pd

    chosen = studies(names)
    missing = [name for name in ("open", "high", "low", "close", "volume") if name not in bars.columns]
    if missing:
        raise SettingsError(f"bars without {', '.join(missing)} are none; desk.bars(symbol) has what is needed")
    table = bars[["open", "high", "low", "close", "volume"]].to_numpy(np.float64)
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(axis=1)))
        raise SettingsError(f"bar {bars.index[row]!r} holds a number that is none; drop or mend that row")
    columns = Columns(_days(bars.index), *(array("d", column.tolist()) for column in table.T))
    found: dict[str, Any] = {}
    for one in chosen:
        found |= {key: np.array(values) for key, values in fold(one, columns).items()}
    return pd.DataFrame(found, index=bars.index)


def _days(index: pd.Index[Any]) -> list[int]:
    """Seconds that fall on the same day where the moments of an index do."""
    import pandas as pd

    if isinstance(index, pd.DatetimeIndex):
        dates: Sequence[object] = list(index.date)
    else:
        dates = [moment[:10] if isinstance(moment, str) and moment[4:5] == "-" else "" for moment in index]
    number, days = 0, []
    for i, date in enumerate(dates):
        number += i > 0 and date != dates[i - 1]
        days.append(number * DAY_S)
    return days
