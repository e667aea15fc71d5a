"""What do LEAN's factor and map files say about splits, dividends, renames and the end of a share?

A factor file has one row for each last day before something happened: ``YYYYMMDD, price factor, split factor, close``.
A price of that day or earlier, times both factors, is comparable with today's. A map file has a row for each name:
``YYYYMMDD, ticker``, the last day on which it was the name.

Rules:

- The split after a row is the ratio of the next row's split factor to its own, as the simplest fraction that the
  factors' six or more digits allow: 0.25 / 0.0357143 is 7 for 1.
- The dividend after a row is ``close x (1 - price factor / next price factor)``, rounded to the cent if the factors'
  digits allow that cent, else to 0.0001. It is paid for a share from before a split of the same day, so it comes first.
- An action takes effect at the open of the first day of the tape after its row's day; one that has taken effect before
  the tape's first day is not on the tape.
- A delisting takes effect at the close of the name's last day, and pays the last price of the tape.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import MICRO
from vtrade.errors import TapeError
from vtrade.market.calendars import Days, days_of, to_local
from vtrade.market.dtype import Events, Kind, SessionStatus
from vtrade.market.files import existing, read_file

NO_END: Final = np.datetime64("2050-01-01", "D")
"""LEAN writes days after this one for names and factors that still hold."""

SPLIT_TOLERANCE: Final = 5e-6
"""How far, as a share of itself, a split may be from the ratio of two rounded factors; a tenth of it where the split
takes more than ``SIMPLE`` units, since there are so many of these."""

SIMPLE: Final = 100

FACTOR_ERROR: Final = 5e-8
"""Half of the last digit of a price factor."""

_LARGEST: Final = 1_000
_CLOSED_DAYS: Final = 14
_CENT: Final = MICRO // 100
_FINE: Final = MICRO // 10_000


@dataclass(frozen=True)
class Factors:
    """The rows of a factor file.

    Attributes
    ----------
    days : (N,) array of datetime64
        Last day for which a row holds.
    price, split, close : (N,) float64
    """

    where: str
    days: Days
    price: NDArray[np.float64]
    split: NDArray[np.float64]
    close: NDArray[np.float64]


@dataclass(frozen=True)
class Names:
    """The rows of a map file: ``tickers[n]`` is the name until ``days[n]``."""

    days: Days
    tickers: tuple[str, ...]

    def on(self, day: np.datetime64) -> str:
        """The name on a day."""
        return self.tickers[min(int(np.searchsorted(self.days, day)), len(self.tickers) - 1)]


def beside(path: Path, folder: str, name: str) -> Path | None:
    """``folder/name.csv`` in a LEAN data folder that holds ``path``, if it is there."""
    for parent in path.resolve().parents:
        found = parent / folder / f"{name.lower()}.csv"
        if found.is_file():
            return found
        if parent.name in ("usa", "equity"):
            break
    return None


def read_factors(path: Path) -> Factors:
    """A factor file.

    Raises
    ------
    TapeError
        Naming the first row that is none.
    """
    days, rows = _rows(path, 3)
    numbers: list[tuple[float, float, float]] = []
    for number, fields in enumerate(rows, start=1):
        try:
            price, split, close = (float(text) for text in (*fields[1:4], "0")[:3])
        except ValueError:
            price = split = close = 0.0
        if not (0 < price < 1e6 and 0 < split < 1e6 and 0 <= close < 1e9):
            raise TapeError(f"{path}: row {number}: {','.join(fields)[:60]!r} has no positive factors; mend that row")
        numbers.append((price, split, close))
    return Factors(str(path), days, *np.array(numbers, dtype=np.float64).T)


def read_names(path: Path) -> Names:
    """A map file."""
    days, rows = _rows(path, 2)
    return Names(days, tuple(fields[1].strip().upper() for fields in rows))


def _rows(path: Path, width: int) -> tuple[Days, list[list[str]]]:
    """The rows of a file whose first column is a rising day."""
    lines = read_file(existing(path)).decode("utf-8", "replace").splitlines()
    rows = [line.split(",") for line in lines if line.strip()]
    if not rows:
        raise TapeError(f"{path}: the file is empty; fetch it again")
    days = np.zeros(len(rows), dtype="datetime64[D]")
    for number, fields in enumerate(rows, start=1):
        text = fields[0].strip()
        try:
            if len(fields) < width or len(text) != 8 or not fields[1].strip():
                raise ValueError
            days[number - 1] = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "D")
        except ValueError:
            raise TapeError(
                f"{path}: row {number}: {','.join(fields)[:60]!r} is not 'YYYYMMDD,...' of {width} columns; "
                "the file may be truncated: fetch it again"
            ) from None
        if number > 1 and days[number - 1] <= days[number - 2]:
            raise TapeError(f"{path}: row {number}: {text} is not after the day above it; sort and drop doubles")
    return days, rows


def split_of(before: float, after: float) -> Fraction:
    """Units after for units before, from two split factors that follow each other.

    Examples
    --------
    >>> split_of(0.0357143, 0.25), split_of(1.0, 1.0), split_of(0.5, 0.05)
    (Fraction(7, 1), Fraction(1, 1), Fraction(1, 10))
    """
    ratio = after / before
    for largest in range(1, _LARGEST + 1):
        simple = Fraction(ratio).limit_denominator(largest)
        if abs(float(simple) / ratio - 1) <= SPLIT_TOLERANCE / (1 if largest <= SIMPLE else 10):
            break
    return simple


def dividend_of(before: float, after: float, close: float) -> int:
    """Micro-units a share, from two price factors that follow each other and the close before.

    Examples
    --------
    >>> dividend_of(0.8961764, 0.9011818, 592.33), dividend_of(0.9967882, 0.9967882, 119.03)
    (3290000, 0)
    """
    amount = close * (1 - before / after) * MICRO
    blur = close * MICRO * FACTOR_ERROR * (1 / after + before / after / after)
    cents = round(amount / _CENT) * _CENT
    return cents if abs(cents - amount) <= blur else round(amount / _FINE) * _FINE


def adjustment(factors: Factors, days: Days) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What prices and split-only prices of each day are multiplied with to compare with those of the last day.

    Parameters
    ----------
    factors : Factors
    days : (N,) array of datetime64

    Returns
    -------
    prices, splits : (N,) float64
        Both 1 on the last day; the number of shares of a day is divided by ``splits``.
    """
    cuts = [split_of(a, b) for a, b in zip(factors.split[:-1], factors.split[1:], strict=True)]
    exact = [Fraction(1)]
    for cut in reversed(cuts):
        exact.append(exact[-1] / cut)
    splits = np.array([float(one) for one in reversed(exact)], dtype=np.float64)
    at = np.minimum(np.searchsorted(factors.days, days), len(factors.days) - 1)
    last = at[-1]
    of_splits: NDArray[np.float64] = splits[at] / splits[last]
    return factors.price[at] / factors.price[last] * of_splits, of_splits


def actions_of(
    events: Events, instrument: Instrument, factors: Factors | None, names: Names | None, timezone: str
) -> tuple[CorporateAction, ...]:
    """What happens to a share on the days of a tape, in time order."""
    status = events[events["kind"] == Kind.STATUS]
    opens = status["ts_ns"][status["quantity"] == SessionStatus.OPEN]
    closes = status["ts_ns"][status["quantity"] == SessionStatus.CLOSED]
    days = days_of(to_local(opens, timezone))
    found: list[tuple[int, int, ActionKind, int, int, int, str]] = []
    if factors is not None:
        for row, at in _effective(factors.days[:-1], days):
            amount = dividend_of(factors.price[row], factors.price[row + 1], factors.close[row])
            if amount < 0 or (not amount and abs(factors.price[row] / factors.price[row + 1] - 1) > SPLIT_TOLERANCE):
                raise TapeError(
                    f"{factors.where}: row {row + 1} gives a dividend of {amount / MICRO:g} with a close of "
                    f"{factors.close[row]:g}; mend that row, or pass factors='none'"
                )
            if amount:
                found.append((int(opens[at]), 0, ActionKind.DIVIDEND, 1, 1, amount, ""))
            split = split_of(factors.split[row], factors.split[row + 1])
            if split != 1:
                found.append((int(opens[at]), 1, ActionKind.SPLIT, split.numerator, split.denominator, 0, ""))
    if names is not None:
        for row, at in _effective(names.days[:-1], days):
            if names.tickers[row + 1] != names.tickers[row]:
                found.append((int(opens[at]), 2, ActionKind.RENAME, 1, 1, 0, names.tickers[row + 1]))
        last = names.days[-1]
        if last < NO_END and len(days) and days[0] <= last <= days[-1]:
            at = int(np.searchsorted(days, last, side="right")) - 1
            amount = _last_price(events, int(closes[at])) * instrument.tick_size
            found.append((int(closes[at]), 3, ActionKind.DELISTING, 1, 1, amount, ""))
    out, symbol = [], instrument.symbol
    for ts_ns, _, kind, numerator, denominator, amount, new in sorted(found):
        out.append(CorporateAction(ts_ns, symbol, kind, numerator, denominator, amount, new))
        symbol = new or symbol
    return tuple(out)


def _effective(rows: Days, days: Days) -> list[tuple[int, int]]:
    """Rows that take effect on the tape, each with the number of the day on which they do."""
    at = np.searchsorted(days, rows, side="right")
    return [
        (row, int(day)) for row, day in enumerate(at) if day < len(days) and (day > 0 or _follows(rows[row], days[0]))
    ]


def _follows(before: np.datetime64, day: np.datetime64) -> bool:
    """Whether New York does not trade between two days."""
    if day - before > np.timedelta64(_CLOSED_DAYS, "D"):
        return False
    between = before + np.timedelta64(1, "D")
    if not np.busday_count(between, day):
        return True  # a weekend at most, and the calendar takes a while
    import exchange_calendars as xc

    sessions = xc.get_calendar("XNYS", start=str(before), end=str(day)).sessions.to_numpy().astype("datetime64[D]")
    return not ((sessions > before) & (sessions < day)).any()


def _last_price(events: Events, until_ns: int) -> int:
    """Ticks of the last print or bar up to a moment, else of the last bid, else 0."""
    known = events[events["ts_ns"] <= until_ns]
    traded = np.isin(known["kind"], (Kind.TRADE, Kind.BAR_CLOSE))
    bid = (known["kind"] == Kind.QUOTE) & (known["side"] > 0)
    prices = known["price"][traded if traded.any() else bid]
    return int(prices[-1]) if len(prices) else 0
