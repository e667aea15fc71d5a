"""When does an alert fire? Prints in, firings out; the same prints give the same firings however they are cut.

Rules: every print since the last look is considered, so that a spike between two looks is not missed. Where a desk has
the tape, the prints are those of the tape; else (an exchange room, a room behind a gateway) they are read off its
candles, to the second: open, the extremes, close. Time is simulated time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vtrade.desk.alert_terms import Alert, price_text, span_text
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.execution.explain import units_text
from vtrade.market.dtype import FLAG_HIDDEN, Kind

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.market.candles import Candle
    from vtrade.market.dtype import Events

AGAIN_S: Final = 60
"""An alert that tells every time is quiet for so many simulated seconds after it told."""
_LOOK: Final = 8
_DAY_S: Final = 86_400

Ints = NDArray[np.int64]


class Prints(NamedTuple):
    """Prints of one instrument: nanoseconds, ticks, lots; in order of time."""

    ts: Ints
    px: Ints
    qty: Ints

    def after(self, at: int) -> Prints:
        """Without the first ``at``."""
        return Prints(self.ts[at:], self.px[at:], self.qty[at:])

    def first(self, many: int) -> Prints:
        """The first ``many`` of them."""
        return Prints(self.ts[:many], self.px[:many], self.qty[:many])

    def then(self, more: Prints) -> Prints:
        """These and then those."""
        return Prints(*(np.concatenate([a, b]) for a, b in zip(self, more, strict=True)))


NONE: Final = Prints(*(np.empty(0, np.int64) for _ in range(3)))


# --- where prints come from ------------------------------------------------------------------------------------------


class TapePrints:
    """Prints of a tape, as far as the room has played it."""

    def __init__(self, desk: Desk) -> None:
        events = _events(desk)
        self._row = len(events)
        self._volumes = _volumes(events)

    def history(self, desk: Desk, k: int, since_ns: int) -> Prints:
        """Prints from ``since_ns`` on, as far as :meth:`new` has told of them."""
        events = _events(desk)[: self._row]
        first = int(np.searchsorted(events["ts_ns"], since_ns))
        return _picked(events[first:], k, _volumes(events[:first]).get(k, 0))

    def new(self, desk: Desk, ks: set[int]) -> dict[int, Prints]:
        """Prints since the last time."""
        events = _events(desk)
        fresh, self._row = events[self._row :], len(events)
        found = {k: _picked(fresh, k, self._volumes.get(k, 0)) for k in ks} if len(fresh) else {}
        self._volumes |= _volumes(fresh)
        return {k: prints for k, prints in found.items() if len(prints.ts)}


def _events(desk: Desk) -> Events:
    events = desk._room.events()
    assert events is not None
    return events


def _volumes(events: Events) -> dict[int, int]:
    """Volume of the newest bar of each instrument; it stands at the bar's open, and is known at its close."""
    opens = events[events["kind"] == Kind.BAR_OPEN]
    return dict(zip(opens["instrument"].tolist(), opens["quantity"].tolist(), strict=True))


def _picked(events: Events, k: int, volume: int) -> Prints:
    """The prints of an instrument; ``volume`` is that of the bar that is open at the beginning."""
    own = events[events["instrument"] == k]
    kinds = own["kind"]
    printed = ((kinds == Kind.TRADE) | (kinds == Kind.EXECUTE)) & (own["flags"] & FLAG_HIDDEN == 0)
    own = own[printed | ((kinds >= Kind.BAR_OPEN) & (kinds <= Kind.BAR_CLOSE))]
    qty = own["quantity"].astype(np.int64)
    if len(own) and own["kind"].max() >= Kind.BAR_OPEN:
        kinds = own["kind"]
        opens = np.flatnonzero(kinds == Kind.BAR_OPEN)
        volumes = np.concatenate([[volume], qty[opens]])
        qty[(kinds >= Kind.BAR_OPEN) & (kinds <= Kind.BAR_CLOSE)] = 0
        closes = np.flatnonzero(kinds == Kind.BAR_CLOSE)
        qty[closes] = volumes[np.searchsorted(opens, closes)]
    return Prints(own["ts_ns"].astype(np.int64), own["price"].astype(np.int64), qty)


class CandlePrints:
    """Prints read off candles; a moment is the start of its second."""

    def __init__(self) -> None:
        self._seen: dict[int, Candle] = {}

    def history(self, desk: Desk, k: int, since_ns: int) -> Prints:
        """Prints from ``since_ns`` on, as far as :meth:`new` has told of them."""
        rows = [row for row in self._rows(desk, k, since_ns // NS_PER_S) if row[0] * NS_PER_S >= since_ns]
        self._seen.setdefault(k, rows[-1] if rows else (-1, 0, 0, 0, 0, 0))
        until = self._seen[k][0]
        return _as_prints([print_ for row in rows if row[0] <= until for print_ in _walk(row, None)])

    def new(self, desk: Desk, ks: set[int]) -> dict[int, Prints]:
        """Prints since the last time."""
        found = {}
        self._seen = {k: row for k, row in self._seen.items() if k in ks}
        for k in ks:
            seen = self._seen.get(k)
            rows = self._rows(desk, k, -1 if seen is None else seen[0])
            if not rows or rows[-1] == seen:
                continue
            self._seen[k] = rows[-1]
            if seen is not None:
                fresh = [row for row in rows if row[0] >= seen[0] and row != seen]
                prints = [print_ for row in fresh for print_ in _walk(row, seen if row[0] == seen[0] else None)]
                if prints:
                    found[k] = _as_prints(prints)
        return found

    def _rows(self, desk: Desk, k: int, since_s: int) -> list[Candle]:
        """Candles that reach back to a second."""
        look = _LOOK
        rows = desk._room.candles.of(k, last=look)
        while len(rows) == look and rows[0][0] >= since_s:
            look *= 16
            rows = desk._room.candles.of(k, last=look)
        return rows


def _walk(row: Candle, seen: Candle | None) -> list[tuple[int, int, int]]:
    """Prices a candle went through, since it looked like ``seen``; its volume comes with the last of them."""
    t, o, h, low, c, v = row
    if seen is None:
        path = [o, low, h, c] if c >= o else [o, h, low, c]
        v_before = 0
    else:
        path = [h] * (h > seen[2]) + [low] * (low < seen[3])
        path = [*(path if c < seen[4] else path[::-1]), c]
        v_before = seen[5]
    ts = t * NS_PER_S
    return [(ts, px, 0) for px in path[:-1]] + [(ts, c, max(0, v - v_before))]


def _as_prints(rows: list[tuple[int, int, int]]) -> Prints:
    if not rows:
        return NONE
    table = np.array(rows, np.int64)
    return Prints(table[:, 0], table[:, 1], table[:, 2])


def day_began_s(desk: Desk, second: int) -> int:
    """Midnight before a second, on the wall of the exchange."""
    hours, minutes, seconds = desk._time(second * NS_PER_S)[-12:-4].split(":")
    return second - 3_600 * int(hours) - 60 * int(minutes) - int(seconds)


# --- one alert -------------------------------------------------------------------------------------------------------


class Fired(NamedTuple):
    """An alert told: when, and at which value."""

    ts_ns: int
    px: int
    value: float


class Watch:
    """One alert and what it remembers of the market.

    Parameters
    ----------
    alert : Alert
    instrument : Instrument
    before : Prints
        What the alert may look back at: since the open of the session, and over its window.
    """

    def __init__(self, desk: Desk, alert: Alert, instrument: Instrument, before: Prints) -> None:
        self.alert = alert
        self.armed = True
        self.done = False
        self.value: float | None = None
        """What is compared, now: a price, percent or units; ``None`` before anything traded."""
        tick = instrument.tick_size
        micros = round(alert.value * MICRO)
        self._level = micros // tick if alert.kind == "below" else -(-micros // tick)
        self._lot = instrument.lot_size
        self._quiet_ns = 0
        self._base = self._day_ends = 0
        self._side: bool | None = None
        self.high = 0
        """Highest price since it was set, in ticks."""
        self._tail = NONE
        if len(before.ts):
            self._days(desk, before)
            last = int(before.px[-1])
            self._side, self.high = last >= self._level, last
            self._keep(before)
            self.value = self._now(before)

    def _now(self, prints: Prints) -> float:
        """The value after these prints, which are in the tail already."""
        last = int(prints.px[-1])
        if self.alert.kind == "change" and self.alert.window_s:
            return 100.0 * (last - int(self._tail.px[0])) / int(self._tail.px[0])
        if self.alert.kind == "change":
            return 100.0 * (last - self._base) / self._base
        if self.alert.kind == "volume":
            return int(self._tail.qty.sum()) * self._lot / MICRO
        return float(last)

    def take(self, desk: Desk, prints: Prints) -> list[Fired]:
        """Go on with the prints that came; when it told meanwhile."""
        fired: list[Fired] = []
        while len(prints.ts) and not self.done:
            values, hits = self._compared(desk, prints)
            at = self._first(prints, hits)
            if at is None:
                self._remember(desk, prints)
                self.value = float(values[-1])
                break
            fired.append(Fired(int(prints.ts[at]), int(prints.px[at]), float(values[at])))
            self._remember(desk, prints.first(at + 1))
            self.value = float(values[at])
            self._quiet_ns = int(prints.ts[at]) + AGAIN_S * NS_PER_S
            self.armed = False
            self.done = self.alert.once
            self.high = int(prints.px[at])
            prints = prints.after(at + 1)
        return fired

    def _first(self, prints: Prints, hits: NDArray[np.bool_]) -> int | None:
        """Where it tells first; one that told before waits until it is quiet long enough and not true any more."""
        at = 0
        if not self.armed:
            calm = prints.ts >= self._quiet_ns
            if self.alert.kind not in ("crosses", "trailing"):
                calm &= ~hits
            ready = np.flatnonzero(calm)
            if not len(ready):
                return None
            self.armed = True
            at = int(ready[0])
        true = np.flatnonzero(hits[at:])
        return at + int(true[0]) if len(true) else None

    def _compared(self, desk: Desk, prints: Prints) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """What is compared at each print, and whether it is reached."""
        kind, level = self.alert.kind, self.alert.value
        px = prints.px
        if kind == "above":
            return px.astype(np.float64), px >= self._level
        if kind == "below":
            return px.astype(np.float64), px <= self._level
        if kind == "crosses":
            side = px >= self._level
            first = side[0] if self._side is None else self._side
            return px.astype(np.float64), side != np.concatenate([[first], side[:-1]])
        if kind == "trailing":
            high = np.maximum.accumulate(np.maximum(px, self.high))
            return px.astype(np.float64), px <= high * (1 - level / 100)
        if kind == "change" and not self.alert.window_s:
            base = self._days(desk, prints, keep=True)
            percent = 100.0 * (px - base) / base
        else:
            whole = self._tail.then(prints)
            own = np.arange(len(self._tail.ts), len(whole.ts))
            window = int(self.alert.window_s * NS_PER_S)
            at = np.searchsorted(whole.ts, prints.ts - window, side="right") - 1
            if kind == "volume":
                sums = np.concatenate([[0], np.cumsum(whole.qty)])
                units = (sums[own + 1] - sums[at + 1]) * (self._lot / MICRO)
                return units, units >= level
            base = whole.px[np.maximum(at, 0)]
            percent = 100.0 * (px - base) / base
        return percent, percent >= level if level > 0 else percent <= level

    def _days(self, desk: Desk, prints: Prints, *, keep: bool = False) -> Ints:
        """First price of its session for each print; with ``keep`` the sessions of before stay what they are."""
        kept = self._base, self._day_ends
        bases = np.empty(len(prints.ts), np.int64)
        seconds = prints.ts // NS_PER_S
        at = 0
        while at < len(bases):
            if seconds[at] >= self._day_ends:
                t = int(seconds[at])
                self._day_ends = day_began_s(desk, t) + _DAY_S
                self._base = int(prints.px[at])
            until = int(np.searchsorted(seconds, self._day_ends))
            bases[at:until] = self._base
            at = max(until, at + 1)
        if keep:
            self._base, self._day_ends = kept
        return bases

    def _remember(self, desk: Desk, prints: Prints) -> None:
        self._side = bool(prints.px[-1] >= self._level)
        self.high = max(self.high, int(prints.px.max()))
        self._days(desk, prints)
        self._keep(prints)

    def _keep(self, prints: Prints) -> None:
        """Keep what a window reaches back to, and the last print before it."""
        if not self.alert.window_s:
            return
        whole = self._tail.then(prints)
        first = int(np.searchsorted(whole.ts, whole.ts[-1] - int(self.alert.window_s * NS_PER_S), side="right"))
        self._tail = whole.after(max(0, first - 1))


def told(alert: Alert, fired: Fired, instrument: Instrument) -> str:
    """How an alert tells.

    Examples
    --------
    >>> alert = Alert(id=1, symbol="ACME", kind="above", value=101.5)
    >>> told(alert, Fired(0, 10_152, 10_152.0), Instrument.make("ACME"))
    'ACME traded at 101.52, at or above 101.50'
    """
    symbol, price = instrument.symbol, instrument.price_text(fired.px)
    match alert.kind:
        case "above" | "below":
            return f"{symbol} traded at {price}, at or {alert.kind} {price_text(alert.value, instrument)}"
        case "crosses":
            return f"{symbol} crossed {price_text(alert.value, instrument)} and traded at {price}"
        case "change":
            verb = "rose" if fired.value > 0 else "fell"
            span = f"within {span_text(alert.window_s)}" if alert.window_s else "since the open"
            return f"{symbol} {verb} {abs(fired.value):.2f} % {span}, to {price}"
        case "volume":
            return f"{units_text(fired.value)} {symbol} traded within {span_text(alert.window_s)}"
        case _:
            return f"{symbol} fell {alert.value:g} % or more from its high, to {price}"
