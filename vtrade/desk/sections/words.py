"""Which words and times do sections share?"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

_EPOCH_FROM_NS: Final = 10 * 86_400 * NS_PER_S
"""Times below count from midnight, above from the Unix epoch."""

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def has_account(desk: Desk) -> bool:
    """Whether whoever sits here trades; who runs a room has no account in it."""
    return desk.account in desk._room.portfolio.accounts


def clock_text(desk: Desk, ts_ns: int) -> str:
    """A moment as hours, minutes and seconds of the tape's zone."""
    return desk._time(ts_ns)[-12:-4]


def local_s(desk: Desk, seconds: int) -> int:
    """Seconds as a wall clock in the tape's zone would count them, so that a panel can print them as they are."""
    tape = desk._room.head
    if tape is None or seconds * NS_PER_S < _EPOCH_FROM_NS:
        return seconds
    offset = datetime.datetime.fromtimestamp(seconds, ZoneInfo(tape.timezone)).utcoffset()
    return seconds + int(offset.total_seconds()) if offset else seconds


def parse_moment(desk: Desk, when: str) -> int:
    """Nanoseconds of ``"HH:MM[:SS]"`` on the desk's present day, or of ``"YYYY-MM-DD[ HH:MM[:SS]]"``."""
    tape = desk._room.head
    epoch = tape is not None and tape.start_ns >= _EPOCH_FROM_NS
    zone: datetime.tzinfo = ZoneInfo(tape.timezone if tape else "UTC")
    try:
        if "-" in when:
            moment = datetime.datetime.fromisoformat(when)
            day, clock, zone = moment.date(), moment.time(), moment.tzinfo or zone
        else:
            day, clock = None, datetime.time.fromisoformat(when)
    except ValueError:
        raise DeskError(f'{when!r} is no time; write "10:30", "10:30:05" or "2012-06-21 10:30"') from None
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    if epoch:
        day = day or datetime.datetime.fromtimestamp(desk._room.now_ns // NS_PER_S, zone).date()
        since = datetime.datetime.combine(day, clock.replace(microsecond=0), zone) - _EPOCH
        seconds = since.days * 86_400 + since.seconds
    elif day is not None and tape is not None and tape.date and day.isoformat() != tape.date:
        raise DeskError(f"{when!r} is not on this tape's day, {tape.date}")
    return seconds * NS_PER_S + clock.microsecond * 1_000
