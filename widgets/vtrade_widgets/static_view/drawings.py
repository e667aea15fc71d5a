"""How are prices and an account's value drawn without a browser's help?

Rules: a drawing is a handful of paths, so that a still picture stays small; coordinates are rounded, so that equal
values draw equal pictures. Shapes carry the meaning: rising bars are hollow, falling ones filled, purchases point up
and sales point down. What a drawing shows is also told in a sentence.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any, Final

from vtrade.domain.display import ACCENT, DOWN, QUIET, UP, Picture, number, percent, units

WIDTH: Final = 640
LETTER: Final = 6.8
"""Pixels of a digit on the axis to the right."""
BARS_MAX: Final = 120
POINTS_MAX: Final = 140
_DAY_S: Final = 86_400
_SPANS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def clock(seconds: float, *, days: bool) -> str:
    """Wall seconds as a time, or as a day where the span is of days.

    Examples
    --------
    >>> clock(34_200, days=False), clock(1_340_285_400, days=True)
    ('09:30', '2012-06-21')
    """
    if days:
        import datetime as dt

        return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d}"
    return f"{int(seconds) // 3_600 % 24:02d}:{int(seconds) // 60 % 60:02d}"


def length(seconds: float) -> str:
    """How long a bar is.

    Examples
    --------
    >>> length(60), length(900), length(86_400)
    ('1 minute', '15 minutes', '1 day')
    """
    for unit, name in _SPANS:
        if seconds >= unit and seconds % unit == 0:
            count = int(seconds // unit)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds:g} seconds"


def candles(bars: Mapping[str, Any], fills: Iterable[Mapping[str, Any]], decimals: int, symbol: str) -> Picture:
    """Candles and volume, with own fills.

    Parameters
    ----------
    bars : mapping
        ``seconds`` and equally long lists ``t, o, h, l, c, v``; the last 120 are drawn.
    fills : iterable of mapping
        ``t, side, price`` of own fills, by bar.
    decimals : int
        Of a price.
    symbol : str
    """
    t, o, h, low, c, v = (list(bars[name])[-BARS_MAX:] for name in "tohlcv")
    step = float(bars.get("seconds") or 60)
    shown = [fill for fill in fills if t[0] <= fill["t"] < t[-1] + step]
    height, top, bottom = 240, 12.0, 180.0
    highest, lowest = max(h), min(low)
    span = (highest - lowest) or max(abs(highest), 1.0) * 0.001
    if highest == lowest:
        highest, lowest = highest + span / 2, lowest - span / 2
    grid = _Grid(lowest, highest, c[-1], decimals)
    slot = grid.right / max(len(c), 20)
    wide = max(1.0, round(slot * 0.62, 1))

    def y(price: float) -> float:
        return round(float(top + (bottom - top) * (highest - price) / span), 1)

    def x(n: int) -> float:
        return round(slot * (n + 0.5), 1)

    wicks: list[str] = []
    volume: list[str] = []
    rising: list[tuple[str, str]] = []
    falling: list[tuple[str, str]] = []
    tallest = max(v, default=0) or 1
    for n in range(len(c)):
        up = c[n] >= o[n]
        above, below = y(max(o[n], c[n])), y(min(o[n], c[n]))
        body = f"M{x(n) - wide / 2:.1f} {above}h{wide}v{max(below - above, 0.8):.1f}h-{wide}z"
        (rising if up else falling).append((f"M{x(n)} {y(h[n])}V{above}M{x(n)} {below}V{y(low[n])}", body))
        tall = round(30 * v[n] / tallest, 1)
        volume.append(f"M{x(n) - wide / 2:.1f} {height - 22}v-{tall}h{wide}v{tall}z")
    for group, colour, fill in ((rising, UP, "none"), (falling, DOWN, DOWN)):
        if group:
            wicks.append(f'<path d="{"".join(wick for wick, _ in group)}" stroke="{colour}" fill="none"/>')
            wicks.append(f'<path d="{"".join(body for _, body in group)}" stroke="{colour}" fill="{fill}"/>')
    marks = []
    for own in shown:
        at, way = x(max(0, bisect_right(t, own["t"]) - 1)), 1 if own["side"] == "buy" else -1
        px = y(min(max(own["price"], lowest), highest))
        marks.append(
            f'<path d="M{at} {px + 2 * way:.1f}l-5 {9 * way}h10z" fill="{ACCENT}" stroke="#fff" stroke-width=".8"/>'
        )
    days = t[-1] - t[0] > 2 * _DAY_S
    drawing = [
        *grid.lines(y), f'<path d="{"".join(volume)}" fill="{QUIET}" fill-opacity=".5"/>',
        *wicks, *marks, *grid.times([(x(n), clock(t[n], days=days)) for n in _spread(len(t))], height),
    ]  # fmt: skip
    told = (
        f"{symbol}: {len(c)} {'bars' if len(c) != 1 else 'bar'} of {length(step)}, "
        f"{clock(t[0], days=days)} to {clock(t[-1], days=days)}: from {number(o[0], decimals)} to "
        f"{number(c[-1], decimals)}, between {number(min(low), decimals)} and {number(max(h), decimals)}; "
        f"volume {units(sum(v))}."
    )
    bought, sold = (sum(fill["side"] == side for fill in shown) for side in ("buy", "sell"))
    if shown:
        told += (
            f" Your fills: ▲ {bought} {'buys' if bought != 1 else 'buy'}, ▼ {sold} {'sales' if sold != 1 else 'sale'}."
        )
    return Picture("".join(drawing), told, WIDTH, height)


def equity(curve: Mapping[str, Any]) -> Picture:
    """The value of an account under its high-water mark, the drawdown shaded.

    Parameters
    ----------
    curve : mapping
        Equally long lists ``t``, ``nav``, ``high``, with ``currency``, ``now`` and ``max_drawdown``.
    """
    places = _thinned(len(curve["t"]))
    t, nav, high = ([curve[name][n] for n in places] for name in ("t", "nav", "high"))
    high = [mark if mark is not None else value for mark, value in zip(high, nav, strict=True)]
    height, top, bottom = 150, 10.0, 122.0
    highest, lowest = max(*high, *nav), min(nav)
    span = (highest - lowest) or max(abs(highest), 1.0) * 0.001
    if highest == lowest:
        highest, lowest = highest + span / 2, lowest - span / 2
    grid = _Grid(lowest, highest, nav[-1], 2 if span < 1_000 else 0)
    begin, took = t[0], (t[-1] - t[0]) or 1.0

    def y(value: float) -> float:
        return round(float(top + (bottom - top) * (highest - value) / span), 1)

    def x(moment: float) -> float:
        return round(float((grid.right - 2) * (moment - begin) / took), 1)

    line = _steps([(x(a), y(b)) for a, b in zip(t, nav, strict=True)])
    mark = _steps([(x(a), y(b)) for a, b in zip(t, high, strict=True)])
    back = "".join(f"L{a} {b}" for a, b in reversed(_corners([(x(a), y(b)) for a, b in zip(t, nav, strict=True)])))
    days = took > 2 * _DAY_S
    drawing = [
        f'<path d="{mark}{back}z" fill="{DOWN}" fill-opacity=".28"/>',
        *grid.lines(y),
        f'<path d="{mark}" fill="none" stroke="{QUIET}" stroke-dasharray="3 3"/>',
        f'<path d="{line}" fill="none" stroke="{ACCENT}" stroke-width="1.6"/>',
        *grid.times([(x(t[n]), clock(t[n], days=days)) for n in (0, len(t) - 1)], height),
    ]  # fmt: skip
    told = (
        f"NAV from {number(nav[0])} to {number(nav[-1])} {curve.get('currency', '')}, "
        f"{clock(t[0], days=days)} to {clock(t[-1], days=days)}; below its high-water mark now "
        f"{percent(curve.get('now')) or '0.00 %'}, at worst {percent(curve.get('max_drawdown')) or '0.00 %'}."
    )
    return Picture("".join(drawing), " ".join(told.split()), WIDTH, height)


def spark(points: Sequence[float]) -> str:
    """A line of a few letters that rises and falls as the points do.

    Examples
    --------
    >>> spark([0, 50, 100]), spark([7, 7])
    ('▁▅█', '▁▁')
    """
    if not points:
        return ""
    steps = "▁▂▃▄▅▆▇█"
    chosen = points if len(points) <= 16 else [points[round(n * (len(points) - 1) / 15)] for n in range(16)]
    low, span = min(chosen), (max(chosen) - min(chosen)) or 1
    return "".join(steps[round(7 * (point - low) / span)] for point in chosen)


# --- pieces of a drawing ---------------------------------------------------------------------------------------------


class _Grid:
    """Round prices and the last one to the right, times below."""

    def __init__(self, low: float, high: float, last: float, decimals: int) -> None:
        self.last, self.decimals = last, decimals
        self.ticks = ticks(low, high)
        widest = max(len(number(price, decimals)) for price in (*self.ticks, last))
        self.right = round(WIDTH - 10 - LETTER * widest)

    def lines(self, y: Callable[[float], float]) -> list[str]:
        """Lines at round prices with their names, and a dashed one at the last."""
        drawn, at = [], y(self.last)
        for price in self.ticks:
            if abs(y(price) - at) >= 12:
                drawn.append(f'<path d="M0 {y(price)}H{self.right}" stroke="{QUIET}" stroke-opacity=".25"/>')
                drawn.append(self._name(price, y(price)))
        drawn.append(f'<path d="M0 {at}H{self.right}" stroke="{ACCENT}" stroke-dasharray="2 3"/>')
        return [*drawn, self._name(self.last, at, f' font-weight="700" fill="{ACCENT}"')]

    def _name(self, price: float, at: float, look: str = "") -> str:
        return f'<text x="{self.right + 6}" y="{at + 4:.1f}"{look}>{number(price, self.decimals)}</text>'

    def times(self, labels: Sequence[tuple[float, str]], height: int) -> list[str]:
        """Times by their places."""
        drawn = []
        for n, (at, name) in enumerate(labels):
            anchor = "start" if n == 0 else "end" if at > self.right - 40 else "middle"
            drawn.append(f'<text x="{at if n else 0}" y="{height - 5}" text-anchor="{anchor}">{name}</text>')
        return drawn


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values between two.

    Examples
    --------
    >>> ticks(181.67, 182.96)
    [182.0, 182.5]
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    step = power * next(n for n in (1, 2, 5, 10) if n * power >= rough * 0.999)
    first = ceil(low / step)
    return [round(n * step, 9) for n in range(first, floor(high / step) + 1)]


def _spread(count: int) -> list[int]:
    """Places of the labels under so many bars."""
    return sorted({0, count // 2, count - 1}) if count > 12 else [0]


def _thinned(count: int) -> list[int]:
    if count <= POINTS_MAX:
        return list(range(count))
    return sorted({round(n * (count - 1) / (POINTS_MAX - 1)) for n in range(POINTS_MAX)})


def _corners(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of a line that keeps its height until the next point."""
    corners = [points[0]]
    for (_, before), (at, height) in pairwise(points):
        corners += [(at, before), (at, height)] if before != height else [(at, height)]
    return corners


def _steps(points: Sequence[tuple[float, float]]) -> str:
    (at, height), *others = _corners(points)
    return f"M{at} {height}" + "".join(f"L{a} {b}" for a, b in others)
