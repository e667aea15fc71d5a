"""Which real market history comes with the installation, and how is it read?

Rules: daily bars of five US shares, 2000-03-01 to 2013-03-01, from the public-domain tables of the ``bokeh_sampledata``
package; nothing is fetched. By default prices are adjusted for splits and dividends up to the last day, which keeps its
traded prices: a position held through a split then neither gains nor loses by it. ``adjusted=False`` gives prices as
they were traded on their day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from vtrade.errors import TapeError
from vtrade.market.calendars import calendar_zone, day_ns
from vtrade.market.files import near
from vtrade.market.listings import listed
from vtrade.market.ohlcv import adjust, frame_tape
from vtrade.market.tables import PRICES, Frame
from vtrade.market.tape import Tape

SAMPLES: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
"""Names for ``sample:NAME``."""

FIRST_DAY: Final = "2000-03-01"
LAST_DAY: Final = "2013-03-01"


def load_sample(names: str | Iterable[str] = "all", *, adjusted: bool = True, start: str = "", end: str = "") -> Tape:
    """Real daily bars that need no download.

    Parameters
    ----------
    names : str or iterable of str
        ``"AAPL"``, ``"AAPL,IBM"`` or ``"all"``.
    adjusted : bool
        Adjust for splits and dividends up to the last day (see the module).
    start, end : str
        First and last day wanted, ``YYYY-MM-DD``.

    Returns
    -------
    Tape
        Depth ``"bars"``; several names share one time line.

    Examples
    --------
    >>> load_sample("IBM", start="2013-02-01", end="2013-02-05")
    Tape('IBM 2013-02-01 to 2013-02-05, daily', bars, 18 events, IBM)
    """
    wanted = [n.strip().upper() for n in (names.split(",") if isinstance(names, str) else names)]
    if wanted == ["ALL"]:
        wanted = list(SAMPLES)
    for one in wanted:
        if one not in SAMPLES:
            raise TapeError(
                f"no sample {one!r}{near(one, SAMPLES)}; there are {', '.join(SAMPLES)}, or all of them as 'all'"
            )
    wanted = list(dict.fromkeys(wanted))
    try:
        first, last = (np.datetime64(day, "D") for day in (start or FIRST_DAY, end or LAST_DAY))
    except ValueError:
        raise TapeError(f"start {start!r} or end {end!r} is not a day; write YYYY-MM-DD") from None
    found = {one: frame for one in wanted if len((frame := _frame(one, adjusted, first, last)).time_ns)}
    if not found:
        raise TapeError(
            f"sample {', '.join(wanted)} has no day from {first} to {last}; samples run {FIRST_DAY} to {LAST_DAY}"
        )
    return frame_tape(list(found.values()), [listed(one) for one in found], timezone=calendar_zone("XNYS"))


def _frame(name: str, adjusted: bool, first: np.datetime64, last: np.datetime64) -> Frame:
    """The package's table of one share; adjusted as of its last day, whatever part of it is wanted."""
    from bokeh_sampledata import stocks

    table = getattr(stocks, name)
    days = np.array(table["date"], dtype="datetime64[D]")
    frame = Frame(
        where=f"sample {name}",
        rows=np.arange(len(days)),
        time_ns=day_ns(days),
        utc=False,
        prices=np.array([table[price] for price in PRICES], dtype=np.float64),
        volume=np.array(table["volume"], dtype=np.float64),
        adjusted=np.array(table["adj_close"], dtype=np.float64),
    )
    frame = adjust(frame) if adjusted else frame
    keep = (days >= first) & (days <= last)
    return Frame(
        where=frame.where,
        rows=frame.rows[keep],
        time_ns=frame.time_ns[keep],
        utc=False,
        prices=frame.prices[:, keep],
        volume=frame.volume[keep],
        adjusted=None,
    )
