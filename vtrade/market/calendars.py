"""When is a market open, and what time is it in UTC when New York says half past nine?

Rules: times leave as nanoseconds since the Unix epoch; daylight saving comes from the zone database; sessions come from
`exchange_calendars`, imported on first use and kept. A day that is no session of its calendar (data sometimes has one)
gets the hours of the nearest session before it, so that no row of a file is dropped in silence.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import TapeError
from vtrade.market.files import Ints, near

Days = NDArray[np.datetime64]

ALWAYS: Final = "24/7"
"""The calendar of a market that never closes."""

NS_PER_HOUR: Final = 3_600 * 10**9
NS_PER_DAY: Final = 24 * NS_PER_HOUR

_EPOCH: Final = dt.datetime(1970, 1, 1)


@lru_cache(maxsize=32)
def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name.

    Raises
    ------
    TapeError
        With names that look alike, if there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = near(name, available_timezones()) or "; give one such as America/New_York"
        raise TapeError(f"unknown time zone {name!r}{hint}") from None


def calendar_zone(calendar: str) -> str:
    """The IANA zone in which a calendar's market lives.

    Examples
    --------
    >>> calendar_zone("XNYS"), calendar_zone("24/7")
    ('America/New_York', 'UTC')
    """
    return {"XNYS": "America/New_York", ALWAYS: "UTC"}.get(calendar) or _sessions(calendar, 2000, 2001)[0]


def to_utc(local_ns: Ints, timezone: str) -> Ints:
    """Wall-clock nanoseconds (since 1970-01-01 00:00 on the wall) as nanoseconds since the Unix epoch.

    Notes
    -----
    An hour that the clocks repeat is read as its first pass; one that they skip as if they had not yet moved.

    Examples
    --------
    >>> summer = np.array([np.datetime64("2012-06-21T09:30", "ns").astype(np.int64)])
    >>> (to_utc(summer, "America/New_York") - summer) // NS_PER_HOUR
    array([4])
    """
    where = zone(timezone)
    hours, back = np.unique(local_ns // NS_PER_HOUR, return_inverse=True)
    offsets = [_ns((_EPOCH + dt.timedelta(hours=int(h))).replace(tzinfo=where).utcoffset()) for h in hours]
    out: Ints = local_ns - np.array(offsets, dtype=np.int64)[back]
    return out


def to_local(utc_ns: Ints, timezone: str) -> Ints:
    """Nanoseconds since the Unix epoch as wall-clock nanoseconds: the inverse of :func:`to_utc`."""
    where = zone(timezone)
    hours, back = np.unique(utc_ns // NS_PER_HOUR, return_inverse=True)
    start = _EPOCH.replace(tzinfo=dt.UTC)
    offsets = [_ns((start + dt.timedelta(hours=int(h))).astimezone(where).utcoffset()) for h in hours]
    out: Ints = utc_ns + np.array(offsets, dtype=np.int64)[back]
    return out


def _ns(offset: dt.timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds()) * 10**9


def day_ns(days: Days) -> Ints:
    """Midnight of each day as wall-clock nanoseconds."""
    return days.astype("datetime64[D]").astype(np.int64) * NS_PER_DAY


def days_of(wall_ns: Ints) -> Days:
    """The day of each wall-clock time."""
    return wall_ns.astype("datetime64[ns]").astype("datetime64[D]")


def session_times(calendar: str, days: Days, *, timezone: str = "") -> tuple[Ints, Ints]:
    """Open and close of the session of each day.

    Parameters
    ----------
    calendar : str
        An `exchange_calendars` name, or ``"24/7"``.
    days : (N,) array of datetime64
    timezone : str
        Zone of the midnights of ``"24/7"``; other calendars have their own.

    Returns
    -------
    open_ns, close_ns : (N,) int64
        Nanoseconds since the Unix epoch. Half days close early.

    Examples
    --------
    >>> day = np.array(["2024-07-03"], dtype="datetime64[D]")
    >>> opens, closes = session_times("XNYS", day)
    >>> (closes - opens) / NS_PER_HOUR
    array([3.5])
    """
    days = days.astype("datetime64[D]")
    if calendar == ALWAYS:
        midnight = day_ns(days)
        return to_utc(midnight, timezone or "UTC"), to_utc(midnight + NS_PER_DAY, timezone or "UTC")
    if not len(days):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    where, known, opens, closes = _sessions(calendar, int(years.min()) - 1, int(years.max()) + 1)
    at = np.maximum(np.searchsorted(known, days, side="right") - 1, 0)
    open_ns, close_ns = opens[at], closes[at]
    odd = known[at] != days
    if odd.any():
        shift = day_ns(days[odd]) - day_ns(known[at[odd]])
        open_ns[odd] = to_utc(to_local(open_ns[odd], where) + shift, where)
        close_ns[odd] = to_utc(to_local(close_ns[odd], where) + shift, where)
    return open_ns, close_ns


@lru_cache(maxsize=16)
def _sessions(calendar: str, first_year: int, last_year: int) -> tuple[str, Days, Ints, Ints]:
    """Zone, session days, opens and closes of a calendar."""
    import exchange_calendars as xc

    start, end = f"{first_year:04d}-01-01", f"{last_year:04d}-12-31"
    try:
        try:
            found = xc.get_calendar(calendar, start=start, end=end)
        except (ValueError, xc.errors.CalendarError) as error:
            if isinstance(error, xc.errors.InvalidCalendarName):
                raise
            bounded = xc.get_calendar(calendar)  # perhaps the years reach beyond what this calendar knows
            low, high = str(bounded.bound_min() or "1700")[:10], str(bounded.bound_max() or "2200")[:10]
            start, end = max(start, low), min(end, high)
            if start >= end:  # all of them do: its first or last years have to serve
                years = (int(low[:4]), int(low[:4]) + 2) if end <= low else (int(high[:4]) - 2, int(high[:4]))
                start, end = max(low, f"{years[0]:04d}-01-01"), min(high, f"{years[1]:04d}-01-01")
            found = xc.get_calendar(calendar, start=start, end=end)
    except xc.errors.InvalidCalendarName:
        hint = near(calendar, xc.get_calendar_names()) or "; give XNYS, XLON, ... or 24/7"
        raise TapeError(f"unknown calendar {calendar!r}{hint}") from None
    except (ValueError, xc.errors.CalendarError) as error:
        raise TapeError(
            f"calendar {calendar!r} has no sessions for {first_year} to {last_year} ({str(error)[:80]}); "
            "give another calendar, such as XNYS or 24/7"
        ) from None
    days = found.sessions.to_numpy().astype("datetime64[D]")
    opens, closes = (found.schedule[c].dt.as_unit("ns").astype("int64").to_numpy() for c in ("open", "close"))
    return str(found.tz), days, opens, closes
