"""How far back in its queue does a resting order stand, when the feed shows only level totals and prints?

Rules:

- A print takes lots from the front of the queue, in every model. What the models differ in is a decrease of the level
  that no print explains: somebody canceled, ahead of us or behind us?
- What is ahead is never negative, never grows, and never exceeds the level's total. So ``RISK_AVERSE``, which lets no
  cancellation ahead of us unless the total leaves no other way, is an upper bound of all the others.
- A level that now shows ``new`` lots, after ``old`` and ``printed`` lots of prints since then, has changed by
  ``new - (old - printed)``: below 0 it is an unexplained decrease, above 0 an increase, which joins behind us.

==================  =================================================================================================
model               an unexplained decrease comes
==================  =================================================================================================
``RISK_AVERSE``     from behind, as far as it can
``POWER``           from ahead in the proportion ``f(ahead) / (f(ahead) + f(behind))`` with ``f(x) = x**n``
``LOG``             the same with ``f(x) = log(1 + x)``
``INFERRED``        from an order of just that size, if one is seen to have joined; see below
==================  =================================================================================================

``INFERRED`` keeps the queue as the feed lets one infer it. On a feed that reports each change of a level, an increase
is one order: its size and its time are remembered, in the order of arrival. A decrease of exactly the size of one of
them is, most probably, its cancellation. Several of that size: the youngest, unless an older one has not waited much
longer (``AGE_RATIO``), since an order that has waited long keeps waiting. None of that size: it was part of the lots of
which nothing is known, or else part of the youngest order that is large enough. Where one row of the feed sums up many
changes, sizes tell less.

Such a queue is an int64 array of shape (1 + capacity, 2). Row 0 holds how many entries there are and how many of them
stand ahead of our order; the rows after it are the entries from the front to the back, each with its lots and the time
since when it waits (``UNKNOWN``: lots of which no single order is known; ``MINE``: our own order, as the feed shows
it). What stood there before our order is unknown; what joins behind it is remembered.

Functions are plain Python on integers and arrays, none calls another, and floats see only ``+ - * /`` and ``sqrt``:
Numba compiles each of them as it stands, with equal results on every machine.

References
----------
.. [1] Rigtorp, E. (2013). Estimating order queue position. rigtorp.se.
.. [2] HftBacktest, "Order Fill: queue models" (``ProbQueueModel``, ``PowerProbQueueModel``, ``LogProbQueueModel``),
   hftbacktest.readthedocs.io: the formulas of ``POWER`` and ``LOG``.
.. [3] Cont, R. and de Larrard, A. (2013). Price dynamics in a Markovian limit order market. SIAM Journal on Financial
   Mathematics 4, 1-25: the best level as a queue of orders, cancellations and trades.
.. [4] Moallemi, C. and Yuan, K. (2016). A model for queue position valuation in a limit order book. Columbia Business
   School research paper 17-70: why a place nearer to the front is worth money.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

RISK_AVERSE: Final = 0
POWER: Final = 1
LOG: Final = 2
INFERRED: Final = 3

LOTS: Final = 0
SINCE: Final = 1
UNKNOWN: Final = -1
MINE: Final = -2

CAPACITY: Final = 16
"""Entries of a queue: on the AMZN sample day a cancellation met five orders or fewer in 99 cases of 100."""
CAPACITY_MIN: Final = 4
AGE_RATIO: Final = 10
"""Of two orders of the same size the older one is taken to cancel, unless it has waited more than this many times as
long; chosen on the first half of the AMZN sample day."""

Queue = NDArray[np.int64]


def deduct(model: int, ahead: int, behind: int, decrease: int, n: float) -> int:
    """Lots ahead after the level lost ``decrease`` lots that no print explains.

    Parameters
    ----------
    model : int
        ``RISK_AVERSE``, ``POWER`` or ``LOG``.
    ahead, behind : int
        Lots of the level before and after our order, >= 0, before the decrease.
    decrease : int
        Lots, >= 0 and at most ``ahead + behind``.
    n : float
        Exponent of ``POWER``, a multiple of 0.5 and > 0; the others do not use it.

    Returns
    -------
    int
        Lots, from 0 to the smaller one of ``ahead`` and what the level still shows.

    Notes
    -----
    With ``p = f(ahead) / (f(ahead) + f(behind))``, ``p * decrease`` lots come from ahead, rounded to the nearest lot
    (halves up), and so does what those behind cannot give. The larger ``n``, the more the longer part of the queue
    gives.

    References
    ----------
    The module's [1]_ and [2]_.

    .. [1] Rigtorp (2013).
    .. [2] HftBacktest.

    Examples
    --------
    Of 400 lots, 100 of them behind us, 80 are canceled:

    >>> [deduct(model, 300, 100, 80, 2.0) for model in (RISK_AVERSE, POWER, LOG)]
    [300, 228, 256]
    >>> deduct(RISK_AVERSE, 300, 100, 150, 1.0)  # those behind have only 100
    250
    """
    left = ahead + behind - decrease
    if ahead <= 0 or left <= 0:
        return 0
    gone = 0
    if model != RISK_AVERSE:
        total = 0.0
        first = 0.0
        for side in range(2):
            x = 1.0 * ahead if side == 0 else 1.0 * behind
            f = 1.0
            if model == POWER:
                power = n
                while power >= 1.0:
                    f *= x
                    power -= 1.0
                if power >= 0.5:
                    f *= math.sqrt(x)
            else:
                # log2(1 + x): whole doublings, and log2(m) = 2 / ln(2) * artanh((m - 1) / (m + 1)) for 1 <= m < 2
                m = 1.0 + x
                f = 0.0
                while m >= 2.0:
                    m /= 2.0
                    f += 1.0
                t = (m - 1.0) / (m + 1.0)
                term = t
                for k in range(1, 20, 2):
                    f += 2.885390081777927 * term / k
                    term *= t * t
            total += f
            if side == 0:
                first = f
        gone = int(decrease * first / total + 0.5)
    return max(0, min(ahead - gone, left))


def inferred_queue(capacity: int = CAPACITY) -> Queue:
    """An empty queue, of a level or of an order.

    Parameters
    ----------
    capacity : int
        Entries, at least ``CAPACITY_MIN``; beyond it the oldest ones are merged.

    Returns
    -------
    (1 + capacity, 2) int64

    Examples
    --------
    >>> inferred_queue(4).shape
    (5, 2)
    """
    return np.zeros((1 + max(capacity, CAPACITY_MIN), 2), dtype=np.int64)


def inferred_start(queue: Queue, level_total: int, mine: int) -> None:
    """Our order joins a level of which only the total is known.

    Parameters
    ----------
    queue : (1 + capacity, 2) int64
        That of our order, overwritten.
    level_total : int
        Lots the level shows, ``mine`` included.
    mine : int
        Lots of our order which the feed itself shows at the end of the level (as for a past order that is looked at
        again): they are never taken to cancel. 0 for an order that the feed does not know of.

    Examples
    --------
    >>> queue = inferred_queue()
    >>> inferred_start(queue, 400, 100)
    >>> inferred_ahead(queue)
    300
    """
    entries = 0
    if level_total > mine:
        entries += 1
        queue[entries, LOTS] = level_total - mine
        queue[entries, SINCE] = UNKNOWN
    queue[0, 1] = entries
    if mine > 0:
        entries += 1
        queue[entries, LOTS] = mine
        queue[entries, SINCE] = MINE
    queue[0, 0] = entries


def inferred_increase(queue: Queue, lots: int, ts_ns: int) -> None:
    """The level shows ``lots`` more: an order joined at the end.

    Parameters
    ----------
    queue : (1 + capacity, 2) int64
        Changed in place. A full one first merges its two oldest entries that stand on the same side of our order.
    lots : int
        Lots, > 0.
    ts_ns : int
        Time in nanoseconds, >= 0; ``UNKNOWN`` where the lots need not be one order that came just now: in the opening
        state, and on a level that was empty and is the worst of its side, which may have come into the feed's sight.

    Examples
    --------
    >>> queue = inferred_queue()
    >>> inferred_increase(queue, 70, 1_000)
    >>> queue[:2].tolist()
    [[1, 0], [70, 1000]]
    """
    entries = queue[0, 0]
    if entries == queue.shape[0] - 1:
        ahead = queue[0, 1]
        i = 1
        if ahead >= 2:
            queue[0, 1] -= 1
        else:
            i += ahead
            if queue[i, SINCE] == MINE:
                i += 1
        queue[i, LOTS] += queue[i + 1, LOTS]
        queue[i, SINCE] = UNKNOWN
        for j in range(i + 1, entries):
            queue[j, LOTS] = queue[j + 1, LOTS]
            queue[j, SINCE] = queue[j + 1, SINCE]
        entries -= 1
    entries += 1
    queue[entries, LOTS] = lots
    queue[entries, SINCE] = ts_ns
    queue[0, 0] = entries


def inferred_decrease(queue: Queue, lots: int, ts_ns: int) -> None:
    """The level lost ``lots`` that no print explains, at ``ts_ns``: somebody canceled.

    Parameters
    ----------
    queue : (1 + capacity, 2) int64
        Changed in place.
    lots : int
        Lots, > 0; what exceeds all entries but ours is dropped.
    ts_ns : int
        Nanoseconds, on the clock of :func:`inferred_increase`.

    Examples
    --------
    300 lots of unknown orders are ahead of us, then 100 and 40 join behind. A decrease of 40 is the last one's:

    >>> queue = inferred_queue()
    >>> inferred_start(queue, 300, 0)
    >>> inferred_increase(queue, 100, 1_000)
    >>> inferred_increase(queue, 40, 2_000)
    >>> inferred_decrease(queue, 40, 3_000)
    >>> inferred_ahead(queue)
    300
    >>> inferred_decrease(queue, 60, 4_000)  # nobody joined with 60
    >>> inferred_ahead(queue)
    240
    """
    left = lots
    while left > 0:
        same = 0
        large = 0
        last = 0
        for i in range(queue[0, 0], 0, -1):
            since = queue[i, SINCE]
            has = queue[i, LOTS]
            if since == MINE:
                continue
            if last == 0:
                last = i
            if since == UNKNOWN:
                if has >= left and (large == 0 or queue[large, SINCE] != UNKNOWN):
                    large = i
            elif has == left:
                if same == 0 or ts_ns - since <= AGE_RATIO * (ts_ns - queue[same, SINCE]):
                    same = i
            elif has > left and large == 0:
                large = i
        pick = same if same > 0 else large if large > 0 else last
        if pick == 0:
            return
        gone = min(left, queue[pick, LOTS])
        left -= gone
        queue[pick, LOTS] -= gone
        if queue[pick, LOTS] == 0:
            for j in range(pick, queue[0, 0]):
                queue[j, LOTS] = queue[j + 1, LOTS]
                queue[j, SINCE] = queue[j + 1, SINCE]
            queue[0, 0] -= 1
            if pick <= queue[0, 1]:
                queue[0, 1] -= 1


def inferred_print(queue: Queue, lots: int) -> None:
    """``lots`` traded at the level: they leave from the front, our own entry in its turn.

    Examples
    --------
    >>> queue = inferred_queue()
    >>> inferred_start(queue, 300, 0)
    >>> inferred_print(queue, 120)
    >>> inferred_ahead(queue)
    180
    """
    left = lots
    whole = 0  # entries that are gone
    while left > 0 and whole < queue[0, 0]:
        gone = min(left, queue[whole + 1, LOTS])
        left -= gone
        queue[whole + 1, LOTS] -= gone
        if queue[whole + 1, LOTS] == 0:
            whole += 1
    if whole > 0:
        for i in range(1, queue[0, 0] - whole + 1):
            queue[i, LOTS] = queue[i + whole, LOTS]
            queue[i, SINCE] = queue[i + whole, SINCE]
        queue[0, 0] -= whole
        queue[0, 1] = max(0, queue[0, 1] - whole)


def inferred_ahead(queue: Queue) -> int:
    """Lots ahead of our order.

    Examples
    --------
    >>> queue = inferred_queue()
    >>> inferred_start(queue, 0, 0)
    >>> inferred_ahead(queue)
    0
    """
    ahead = 0
    for i in range(1, queue[0, 1] + 1):
        ahead += int(queue[i, LOTS])
    return ahead
