"""Does a tape reach a room whole: every event once, in order, none too early, headlines and actions at their time?

Rules: the expected stream is worked out from the tape's rows one by one, not in frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import Inbound, MarketFrame, RoomCommand
from vtrade.errors import TapeError
from vtrade.market.dtype import EVENT, Kind, empty_events
from vtrade.market.tape import NewsItem, Tape, check_tape
from vtrade.services.feed import FRAME_ROWS, TapeFeed

END = 2**63 - 1


def tape(times: Sequence[int], news: Iterable[int] = (), actions: Iterable[int] = (), *, depth: str = "L2") -> Tape:
    """Prints at these times, numbered by their price, headlines at those, and dividends."""
    events = empty_events(len(times))
    events["ts_ns"] = times
    events["kind"] = Kind.TRADE
    events["price"] = np.arange(1, len(times) + 1)
    events["quantity"] = 1
    items = tuple(NewsItem(ts, "ACME", f"headline {n}") for n, ts in enumerate(news))
    paid = tuple(CorporateAction(ts, "ACME", ActionKind.DIVIDEND, amount=n + 1) for n, ts in enumerate(actions))
    return check_tape(Tape("a tape", (Instrument.make("ACME"),), events, depth, news=items, actions=paid))


def told(messages: Iterable[Inbound]) -> list[tuple[int, str]]:
    """What a room hears, event by event: time and the number of the print, or the headline."""
    heard: list[tuple[int, str]] = []
    for message in messages:
        if isinstance(message, MarketFrame):
            events = np.frombuffer(message.events, EVENT)
            assert 1 <= len(events) <= FRAME_ROWS
            assert message.ts_ns == events["ts_ns"][-1]
            heard += [(ts, str(px)) for ts, px in zip(events["ts_ns"].tolist(), events["price"].tolist(), strict=True)]
        elif isinstance(message, CorporateAction):
            heard.append((message.ts_ns, f"dividend {message.amount}"))
        else:
            assert isinstance(message, RoomCommand)
            assert message.action == "news"
            heard.append((message.ts_ns, message.text))
    return heard


def expected(of: Tape) -> list[tuple[int, str]]:
    """Everything in time order; of the same moment, actions first and headlines last."""
    rows = [(ts, 0, n, str(n + 1)) for n, ts in enumerate(of.events["ts_ns"].tolist())]
    rows += [(action.ts_ns, -1, n, f"dividend {action.amount}") for n, action in enumerate(of.actions)]
    rows += [(item.ts_ns, 1, n, item.headline) for n, item in enumerate(of.news)]
    return [(ts, text) for ts, _, _, text in sorted(rows)]


def spread(times: list[int], news: list[int], actions: list[int], unit: int, depth: str) -> Tape:
    return tape(*([t * unit for t in sorted(part)] for part in (times, news, actions)), depth=depth)


moments = st.lists(st.integers(0, 60), max_size=80)
headlines = st.lists(st.integers(-5, 70), max_size=6)
depths = st.sampled_from(["L2", "bars", "exchange"])
tapes = st.builds(spread, moments, headlines, headlines, st.just(1), depths)
"""Crowded times: many events, headlines and actions share a moment."""
hours = st.builds(spread, moments, headlines, headlines, st.just(25_000_000_000), depths)


@given(tapes, st.lists(st.tuples(st.integers(-10, 80), st.none() | st.integers(0, 30)), max_size=12))
@settings(max_examples=300)
def test_every_event_once_and_in_order_whatever_is_asked(of: Tape, asked: list[tuple[int, int | None]]) -> None:
    feed = TapeFeed(of)
    heard: list[tuple[int, str]] = []
    newest = -10
    for until, rows_max in asked:
        before = feed.rows
        part = told(feed.read(until, rows_max=rows_max))
        newest = max(newest, until)
        assert all(ts <= until for ts, _ in part)
        assert rows_max is None or feed.rows - before <= rows_max
        heard += part
        assert heard == expected(of)[: len(heard)]
        if rows_max is None:
            due = sum(ts <= newest for ts, _ in expected(of))
            assert len(heard) >= sum(ts <= until for ts, _ in expected(of))
            assert len(heard) <= due
    heard += told(feed.read(END))
    assert heard == expected(of)
    assert feed.ended
    assert list(feed.read(END)) == []


@given(tapes, st.integers(1, 9))
def test_steps_of_any_size_come_to_the_end(of: Tape, rows_max: int) -> None:
    """Also past headlines that stand behind the last event."""
    feed = TapeFeed(of)
    heard: list[tuple[int, str]] = []
    for _ in range(len(of) + len(of.news) + len(of.actions) + 2):
        heard += told(feed.read(END, rows_max=rows_max))
    assert heard == expected(of)
    assert feed.ended


@given(tapes)
def test_skipping_goes_on_behind_what_was_heard(of: Tape) -> None:
    feed, again = TapeFeed(of), TapeFeed(of)
    whole = list(feed.read(END))
    for cut in range(len(whole) + 1):
        head = whole[:cut]
        rows = sum(len(m.events) // EVENT.itemsize for m in head if isinstance(m, MarketFrame))
        news, actions = (sum(isinstance(m, kind) for m in head) for kind in (RoomCommand, CorporateAction))
        again.skip(rows=rows, news=news, actions=actions)
        assert told(head) + told(again.read(END)) == expected(of)


@given(tapes, st.integers(0, 60), st.integers(1, 5))
def test_a_reader_that_stops_early_loses_nothing(of: Tape, until: int, count: int) -> None:
    """The feed stands behind the last message that was taken."""
    feed = TapeFeed(of)
    reader = feed.read(until)
    head = [message for _, message in zip(range(count), reader, strict=False)]
    assert told(head) + told(feed.read(END)) == expected(of)


@given(tapes)
def test_the_next_moment_is_that_of_what_comes_next(of: Tape) -> None:
    feed = TapeFeed(of)
    while not feed.ended:
        due = feed.next_ns
        assert due is not None
        first = next(feed.read(END, rows_max=1))
        assert first.ts_ns == due
    assert feed.next_ns is None


def test_long_stretches_come_in_bounded_frames() -> None:
    of = tape(range(3 * FRAME_ROWS + 5))
    sizes = [len(m.events) // EVENT.itemsize for m in TapeFeed(of).read(END) if isinstance(m, MarketFrame)]
    assert sum(sizes) == len(of)
    assert max(sizes) <= FRAME_ROWS
    assert len(sizes) <= 3 * 2 + 2


def test_frames_do_not_depend_on_how_the_tape_was_read() -> None:
    """What the journal holds of one whole run is the same each time."""
    of = tape(sorted([*range(0, 4_000, 3), *range(0, 4_000, 7)]), news=[5, 5, 999, 10_000])
    assert list(TapeFeed(of).read(END)) == list(TapeFeed(of).read(END))


@given(hours)
def test_a_frame_never_crosses_a_minute_a_second_of_an_exchange_or_the_moment_of_a_bar(of: Tape) -> None:
    heard = list(TapeFeed(of).read(END))
    assert told(heard) == expected(of)
    for message in heard:
        if isinstance(message, MarketFrame):
            times = np.frombuffer(message.events, EVENT)["ts_ns"]
            period = {"bars": 1, "exchange": 1_000_000_000}.get(of.depth, 60_000_000_000)
            assert len(set((times // period).tolist())) == 1


def test_an_empty_tape_has_nothing_to_say() -> None:
    feed = TapeFeed(tape([]))
    assert feed.ended
    assert feed.next_ns is None
    assert list(feed.read(END)) == []


def test_a_tape_of_headlines_alone() -> None:
    feed = TapeFeed(tape([], news=[3, 3, 8]))
    assert told(feed.read(3)) == [(3, "headline 0"), (3, "headline 1")]
    assert not feed.ended
    assert told(feed.read(END)) == [(8, "headline 2")]
    assert feed.ended


def test_a_tape_of_actions_alone() -> None:
    feed = TapeFeed(tape([], news=[3], actions=[3, 8]))
    assert (feed.next_ns, feed.end_ns) == (3, 8)
    assert told(feed.read(3)) == [(3, "dividend 1"), (3, "headline 0")]
    assert told(feed.read(END)) == [(8, "dividend 2")]
    assert feed.ended


def test_an_action_comes_before_the_events_of_its_moment_also_when_they_are_taken_one_by_one() -> None:
    feed = TapeFeed(tape([1, 5, 5], news=[5], actions=[5]))
    heard = [told(feed.read(END, rows_max=1)) for _ in range(3)]
    assert heard == [
        [(1, "1"), (5, "dividend 1")], [(5, "2")], [(5, "3"), (5, "headline 0")],
    ]  # fmt: skip


def test_events_of_the_moment_asked_for_are_in() -> None:
    feed = TapeFeed(tape([1, 5, 5, 5, 6]))
    assert told(feed.read(5)) == [(1, "1"), (5, "2"), (5, "3"), (5, "4")]
    assert told(feed.read(4)) == []
    assert feed.next_ns == 6


def test_frames_hold_copies_of_their_own() -> None:
    """A frame outlives the tape's array, and the tape cannot be written through it."""
    of = tape([1, 2, 3])
    (frame,) = TapeFeed(of).read(END)
    assert isinstance(frame, MarketFrame)
    assert type(frame.events) is bytes
    assert frame.events == of.events.tobytes()


def test_headlines_out_of_order_are_no_tape() -> None:
    """Else the room's clock would run ahead of its market."""
    with pytest.raises(TapeError, match=r"headline 1 goes back in time \(1 after 4\)"):
        tape([1, 2, 3, 4], news=[4, 1])


def test_negative_times_are_times() -> None:
    feed = TapeFeed(tape([-5, -1, 0, 4]))
    assert told(feed.read(-1)) == [(-5, "1"), (-1, "2")]
    assert told(feed.read(END)) == [(0, "3"), (4, "4")]
