"""Are sessions opened and closed at the right moment, whatever the season?"""

from __future__ import annotations

import numpy as np
import pytest

from vtrade.errors import TapeError
from vtrade.market.calendars import NS_PER_HOUR, calendar_zone, day_ns, session_times, to_local, to_utc, zone


def hours(calendar: str, *days: str, timezone: str = "") -> list[str]:
    opens, closes = session_times(calendar, np.array(days, dtype="datetime64[D]"), timezone=timezone)
    stamps = np.stack([opens, closes], axis=1).astype("datetime64[ns]").astype("datetime64[m]")
    return [f"{start} {end}" for start, end in stamps]


@pytest.mark.parametrize(
    "day, expected",
    [
        ("2024-01-02", "2024-01-02T14:30 2024-01-02T21:00"),  # winter
        ("2024-07-02", "2024-07-02T13:30 2024-07-02T20:00"),  # summer
        ("2024-07-03", "2024-07-03T13:30 2024-07-03T17:00"),  # half day
        ("2024-07-04", "2024-07-04T13:30 2024-07-04T17:00"),  # a holiday takes the hours of the session before it
        ("2024-03-10", "2024-03-10T13:30 2024-03-10T20:00"),  # a Sunday on which the clocks moved
        ("1998-01-02", "1998-01-02T14:30 1998-01-02T21:00"),
    ],
)
def test_new_york(day: str, expected: str) -> None:
    assert hours("XNYS", day) == [expected]


def test_days_may_come_in_any_number_and_order() -> None:
    assert hours("XNYS", "2024-07-03", "2024-01-02") == [*hours("XNYS", "2024-07-03"), *hours("XNYS", "2024-01-02")]
    assert hours("XNYS") == []


def test_other_markets() -> None:
    assert hours("XLON", "2024-07-02") == ["2024-07-02T07:00 2024-07-02T15:30"]
    assert calendar_zone("XLON") == "Europe/London"
    assert hours("24/7", "2024-07-06") == ["2024-07-06T00:00 2024-07-07T00:00"]
    assert hours("24/7", "2024-07-06", timezone="America/New_York") == ["2024-07-06T04:00 2024-07-07T04:00"]


def test_years_beyond_a_calendars_knowledge_take_its_nearest_hours() -> None:
    assert hours("XBOM", "1990-01-04", "1998-06-04") == [
        "1990-01-04T03:45 1990-01-04T10:00",
        *hours("XBOM", "1998-06-04"),
    ]
    assert hours("XBOM", "2060-06-04") == ["2060-06-04T03:45 2060-06-04T10:00"]
    assert hours("XTKS", "1990-01-05") == ["1990-01-05T00:00 1990-01-05T06:00"]


def test_local_time_there_and_back_over_a_change_of_clocks() -> None:
    start = day_ns(np.array(["2024-03-10"], dtype="datetime64[D]"))[0]
    wall = start + np.array([0, 1, 3, 4, 12], dtype=np.int64) * NS_PER_HOUR  # there is no 02:00 that day
    utc = to_utc(wall, "America/New_York")
    assert ((utc - start) // NS_PER_HOUR).tolist() == [5, 6, 7, 8, 16]
    assert (to_local(utc, "America/New_York") == wall).all()


def test_unknown_names_offer_known_ones() -> None:
    with pytest.raises(TapeError, match="unknown calendar 'XNYSE'; did you mean 'XNYS'"):
        session_times("XNYSE", np.array(["2024-01-02"], dtype="datetime64[D]"))
    with pytest.raises(TapeError, match="unknown time zone 'America/New_Yorc'; did you mean 'America/New_York'"):
        zone("America/New_Yorc")
    with pytest.raises(TapeError, match="unknown time zone"):
        zone("../etc/passwd")
