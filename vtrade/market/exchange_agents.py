"""What do the agents of an exchange room ask for?

Rules: agents are a feed of requests. They are drawn beforehand, all at once, and know nothing of the book; it is the
matching that lets them meet the participants, through prices pegged to the book and through what is left in it.
Lengths are in *steps*, sizes in *round lots*, times in market time, so the parameters are those of every instrument.
Floats see only ``+ - * / sqrt``.

- *Providers* rest orders ``k`` steps from the best of the other side. In the stationary book there are about
  ``SLOPE * k`` round lots at each distance on either side: a V. An order ``k`` steps away is ``sqrt(k)`` round lots
  large, and lives about ``k * sqrt(k)`` times as long as one at a single step, so near the touch the book heals within
  seconds, and far away it remembers for minutes.
- *Noise takers* send market orders with a heavy tail of sizes; most of them are pieces of parent orders with a heavy
  tail of lengths, so that signs are remembered for long.
- *Informed* agents know the fundamental value. They take whatever is priced wrong by more than their threshold, in five
  ranks: the more is to be had, the larger the orders.
- *Readers* do what the first ranks of the informed do, for a little while after a headline.
- *Callers* bring orders near the value to the opening and the closing auction.

References
----------
Tóth, Lempérière, Deremble, de Lataillade, Kockelkoren and Bouchaud (2011), "Anomalous price impact and the critical
nature of liquidity in financial markets". Donier, Bonart, Mastromatteo and Bouchaud (2015), "A fully consistent,
minimal model for non-linear market impact". Benzaquen and Bouchaud (2018), "Market impact with multi-timescale
liquidity". Lillo, Mike and Farmer (2005), "Theory for long memory in supply and demand".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vtrade.domain.luck import uniforms
from vtrade.domain.values import NS_PER_S
from vtrade.market.dtype import FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Events, Kind, empty_events
from vtrade.market.exchange_clock import US, Floats, Ints, MarketTime, arrivals, waits

# --- providers -------------------------------------------------------------------------------------------------------
REACH: Final = 150
"""Steps from the other side's best price at which the farthest orders are placed."""
SLOPE: Final = 1.5
"""Round lots per step and step of distance that rest on one side."""
BEND: Final = 20.0
"""The V is a shade hollow, ``k**(9/8)``, to make up for half the spread and for the healing, which a small order feels
more than a large one; so many steps away it is as deep as a straight V."""
LIFE_S: Final = 0.3
LIFE_MIN_S: Final = 0.5
LIFE_MAX_S: Final = 600.0
"""Lives are exponential, with a mean of ``LIFE_MIN_S + LIFE_S * k * sqrt(k)`` and at most ``LIFE_MAX_S``."""
REST_CAP: Final = 20.0
"""Largest resting order, in units of the smallest one at its distance; sizes have a Pareto tail of index 2."""

# --- takers ----------------------------------------------------------------------------------------------------------
TAKES_PER_S: Final = 1.0
LONELY: Final = 0.1
"""Share of the noise takers' orders that belong to no parent."""
PIECE_S: Final = 1.5
PIECES_MAX: Final = 1_000
PIECES_MEAN: Final = 3.3
"""Of parents with at most so many pieces and a Pareto tail of index 4/3, rounded down."""
BEFORE_S: Final = 900
"""Parents that began so long before the open still go on."""
TAKE_CAP: Final = 20.0
TAKE_MEAN: Final = 2.895
"""Mean of a Pareto tail of index 4/3 from 1, capped at ``TAKE_CAP``."""
INFORMED_PER_S: Final = 0.5
"""Of each rank."""
RANKS: Final = ((1.0, 2.8), (2.0, 5.6), (4.0, 11.2), (8.0, 22.4), (16.0, 44.8))
"""Mean size and threshold in steps."""
READERS: Final = 48
READER_S: Final = 0.75
READER: Final = (4.0, 2.8)

# --- calls -----------------------------------------------------------------------------------------------------------
CALLERS: Final = 80
"""Orders on either side in an auction."""
CALL_BEHIND: Final = 3.0
CALL_BEYOND: Final = 8.0
"""Steps behind and beyond the value between which callers quote."""
CALL_LIFE_S: Final = 10.0

VALUE_STEPS_PER_S: Final = 4
VALUE_SIGMA: Final = 0.95
"""Steps that the value moves in the root of one second of market time."""


@dataclass(frozen=True)
class Scene:
    """One instrument's surroundings.

    Attributes
    ----------
    symbol : str
    number : int
        Its place on the tape.
    step : float
        Ticks in a step.
    lot : int
        Lots in a round lot.
    time : MarketTime
    value : (T + 1,) float64
        Fundamental value in ticks, every quarter of a second of the clock.
    open_ns, call_ns, end_ns : int
        When continuous trading begins, when it ends in the closing call, and when the market closes.
    headlines_ns : tuple of int
        When something is told that moves the instrument.
    """

    symbol: str
    number: int
    step: float
    lot: int
    time: MarketTime
    value: Floats
    open_ns: int
    call_ns: int
    end_ns: int
    headlines_ns: tuple[int, ...]

    def worth(self, clock_ns: Ints) -> Floats:
        """Value at moments of the clock."""
        values: Floats = self.value[(clock_ns - self.time.start_ns) * VALUE_STEPS_PER_S // NS_PER_S]
        return values


def _distances() -> tuple[Floats, Floats, Floats, Floats]:
    """Per distance: mean size, mean life (s), orders that rest on one side, orders that come in a second."""
    k = np.arange(1.0, REACH + 1.0)
    size = np.sqrt(k)
    life = np.minimum(LIFE_MIN_S + LIFE_S * k * size, LIFE_MAX_S)
    v = (k - 0.5) / BEND
    resting = SLOPE * BEND * v * np.sqrt(np.sqrt(np.sqrt(v))) / size
    return size, life, resting, resting / life


def rows_per_s() -> float:
    """Rows that one second of market time brings on average.

    Examples
    --------
    >>> round(rows_per_s(), 1)
    87.0
    """
    coming = 0.0
    for rate in _distances()[3].tolist():
        coming += rate
    return 4.0 * coming + TAKES_PER_S + 2.0 * INFORMED_PER_S * len(RANKS)


def _pick(weights: Floats, u: Floats) -> Ints:
    """Places drawn with these weights."""
    total = np.cumsum(weights)
    places: Ints = np.minimum(np.searchsorted(total, u * total[-1], side="right"), len(weights) - 1)
    return places


def _lots(scene: Scene, size: Floats, u: Floats) -> Ints:
    """Whole lots of orders of so many round lots, at least one; ``u`` decides about the fraction."""
    return np.maximum((size * scene.lot + u).astype(np.int64), 1)


def _taken(seed: int, name: str, scene: Scene, count: int, mean: float) -> Ints:
    u = uniforms(seed, f"{name}/size", 2 * count).reshape(count, 2)
    root = np.sqrt(u[:, 0])
    heavy = np.minimum(1.0 / (root * np.sqrt(root)), TAKE_CAP)
    return _lots(scene, heavy * (mean / TAKE_MEAN), u[:, 1])


def _rows(scene: Scene, ts_ns: Ints, kind: Kind, side: int | Ints = 0) -> Events:
    rows = empty_events(len(ts_ns))
    rows["ts_ns"], rows["instrument"], rows["kind"], rows["side"] = ts_ns, scene.number, kind, side
    return rows


def _cancels(scene: Scene, orders: Events, gone_us: Ints) -> Events:
    """Cancels of those orders whose life ends in continuous trading; the others lose their id."""
    early = gone_us < scene.time.market(scene.call_ns)
    orders["order_id"][~early] = 0
    rows = _rows(scene, scene.time.clock(gone_us[early]), Kind.CANCEL)
    rows["order_id"] = orders["order_id"][early]
    return rows


def requests(seed: int, scene: Scene) -> list[Events]:
    """Everything that agents ask of one instrument, in pieces that are in time order.

    Orders that are canceled later have ids of their own, 1 and up; an order comes before its cancel.
    """
    open_us, call_us = scene.time.market(scene.open_ns), scene.time.market(scene.call_ns)
    pieces: list[Events] = []
    first_id = 1
    for side in (1, -1):
        for made in (_book(seed, scene, side, open_us), _callers(seed, scene, side, open_us)):
            pieces += _named(scene, *made, first_id)
            first_id += len(made[0])
        made = _providers(seed, scene, side, open_us, call_us)
        pieces += _named(scene, *made, first_id)
        first_id += len(made[0])
        pieces.append(_closers(seed, scene, side))
    pieces += [_noise(seed, scene, open_us, call_us), *_informed(seed, scene, open_us, call_us), *_readers(seed, scene)]
    return [piece[np.argsort(piece["ts_ns"], kind="stable")] for piece in pieces]


def _named(scene: Scene, orders: Events, gone_us: Ints, first_id: int) -> list[Events]:
    orders["order_id"] = np.arange(first_id, first_id + len(orders))
    cancels = _cancels(scene, orders, gone_us)
    return [orders, cancels]


def _before_open(seed: int, name: str, scene: Scene, count: int) -> Ints:
    """Moments in the opening call."""
    span = scene.open_ns - scene.time.start_ns
    return scene.time.start_ns + (uniforms(seed, name, count) * span).astype(np.int64)


def _book(seed: int, scene: Scene, side: int, open_us: int) -> tuple[Events, Ints]:
    """The stationary book around the first value, put together in the opening call."""
    name = f"exchange/{scene.symbol}/book/{side}"
    size, life, resting, _ = _distances()
    total = 0.0
    for number in resting.tolist():
        total += number
    u = uniforms(seed, name, 5 * int(total)).reshape(-1, 5)
    rows = _rows(scene, _before_open(seed, f"{name}/when", scene, len(u)), Kind.ORDER, side)
    k = _pick(resting, u[:, 0])
    away = 1 + ((k + u[:, 1]) * scene.step).astype(np.int64)
    rows["price"] = np.maximum(int(scene.value[0]) - side * away, 1)
    rows["quantity"] = _resting_lots(scene, size[k], u[:, 2], u[:, 3])
    return rows, open_us + (waits(u[:, 4]) * life[k] * US).astype(np.int64)


def _resting_lots(scene: Scene, size: Floats, u: Floats, fraction: Floats) -> Ints:
    heavy = np.minimum(1.0 / np.sqrt(u), REST_CAP) / (2.0 - 1.0 / REST_CAP)
    return _lots(scene, heavy * size, fraction)


def _providers(seed: int, scene: Scene, side: int, open_us: int, call_us: int) -> tuple[Events, Ints]:
    """Pegged orders that keep the V in shape wherever the price goes."""
    name = f"exchange/{scene.symbol}/providers/{side}"
    size, life, _, coming = _distances()
    per_s = 0.0
    for rate in coming.tolist():
        per_s += rate
    when = open_us + arrivals(seed, f"{name}/when", per_s, call_us - open_us)
    u = uniforms(seed, name, 5 * len(when)).reshape(-1, 5)
    rows = _rows(scene, scene.time.clock(when), Kind.ORDER, side)
    k = _pick(coming, u[:, 0])
    rows["price"] = 1 + ((k + u[:, 1]) * scene.step).astype(np.int64)
    rows["quantity"] = _resting_lots(scene, size[k], u[:, 2], u[:, 3])
    rows["flags"] = FLAG_PEGGED
    return rows, when + (waits(u[:, 4]) * life[k] * US).astype(np.int64)


def _noise(seed: int, scene: Scene, open_us: int, call_us: int) -> Events:
    """Market orders: single ones, and pieces of parents."""
    name = f"exchange/{scene.symbol}/noise"
    span = call_us - open_us
    alone = open_us + arrivals(seed, f"{name}/alone", TAKES_PER_S * LONELY, span)
    signs = _signs(seed, f"{name}/alone/side", len(alone))

    before = BEFORE_S * US
    parents = arrivals(seed, f"{name}/parents", TAKES_PER_S * (1.0 - LONELY) / PIECES_MEAN, span + before)
    root = np.sqrt(uniforms(seed, f"{name}/lengths", len(parents)))
    lengths = np.minimum(1.0 / (root * np.sqrt(root)), PIECES_MAX).astype(np.int64)
    owner = np.repeat(np.arange(len(parents)), lengths)
    gaps = (waits(uniforms(seed, f"{name}/pieces", len(owner))) * (PIECE_S * US)).astype(np.int64)
    worked = np.cumsum(gaps)
    begun = np.concatenate([np.zeros(1, np.int64), worked])[np.cumsum(lengths) - lengths]
    when = open_us - before + parents[owner] + worked - begun[owner]
    inside = (when >= open_us) & (when < call_us)
    when = np.concatenate([alone, when[inside]])
    signs = np.concatenate([signs, _signs(seed, f"{name}/parents/side", len(parents))[owner[inside]]])

    rows = _rows(scene, scene.time.clock(when), Kind.ORDER, signs)
    rows["quantity"] = _taken(seed, name, scene, len(when), 1.0)
    rows["flags"] = FLAG_MARKET
    return rows


def _signs(seed: int, name: str, count: int) -> Ints:
    return np.where(uniforms(seed, name, count) < 0.5, 1, -1)


def _informed(seed: int, scene: Scene, open_us: int, call_us: int) -> list[Events]:
    pieces = []
    for rank, (mean, threshold) in enumerate(RANKS):
        name = f"exchange/{scene.symbol}/informed/{rank}"
        when = scene.time.clock(open_us + arrivals(seed, name, INFORMED_PER_S, call_us - open_us))
        pieces += _knowing(seed, name, scene, when, mean, threshold)
    return pieces


def _readers(seed: int, scene: Scene) -> list[Events]:
    pieces = []
    for number, told_ns in enumerate(scene.headlines_ns):
        name = f"exchange/{scene.symbol}/readers/{number}"
        when = told_ns + np.cumsum((waits(uniforms(seed, name, READERS)) * (READER_S * NS_PER_S)).astype(np.int64))
        pieces += _knowing(seed, name, scene, when[(when >= scene.open_ns) & (when < scene.call_ns)], *READER)
    return pieces


def _knowing(seed: int, name: str, scene: Scene, when_ns: Ints, mean: float, threshold: float) -> list[Events]:
    """A look at the market: whatever is offered or bid for too far from the value is taken."""
    worth = scene.worth(when_ns)
    pieces = []
    for side in (1, -1):
        rows = _rows(scene, when_ns, Kind.ORDER, side)
        limit = worth - side * threshold * scene.step
        rows["price"] = np.maximum((np.floor(limit) if side > 0 else np.ceil(limit)).astype(np.int64), 1)
        rows["quantity"] = _taken(seed, f"{name}/{side}", scene, len(when_ns), mean)
        rows["flags"] = FLAG_IOC
        pieces.append(rows)
    return pieces


def _called(seed: int, name: str, scene: Scene, side: int, when_ns: Ints, worth: float) -> Events:
    """Orders for an auction: most are ready to pay a little more, or take a little less, than the value."""
    u = uniforms(seed, name, 3 * len(when_ns)).reshape(-1, 3)
    rows = _rows(scene, when_ns, Kind.ORDER, side)
    beyond = (u[:, 0] * (CALL_BEHIND + CALL_BEYOND) - CALL_BEHIND) * scene.step
    rows["price"] = np.maximum((worth + side * beyond + 0.5).astype(np.int64), 1)
    rows["quantity"] = _resting_lots(scene, np.full(len(u), 2.0), u[:, 1], u[:, 2])
    return rows


def _callers(seed: int, scene: Scene, side: int, open_us: int) -> tuple[Events, Ints]:
    name = f"exchange/{scene.symbol}/open/{side}"
    rows = _called(seed, name, scene, side, _before_open(seed, f"{name}/when", scene, CALLERS), float(scene.value[0]))
    life = waits(uniforms(seed, f"{name}/life", CALLERS)) * (CALL_LIFE_S * US)
    return rows, open_us + life.astype(np.int64)


def _closers(seed: int, scene: Scene, side: int) -> Events:
    name = f"exchange/{scene.symbol}/close/{side}"
    span = scene.end_ns - scene.call_ns
    when = scene.call_ns + (uniforms(seed, f"{name}/when", CALLERS) * span).astype(np.int64)
    worth = float(scene.worth(np.array([scene.end_ns]))[0])
    return _called(seed, name, scene, side, when, worth)
