"""Does a desk behind a gateway see the same queues and prints as one in the room, and nobody else's?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.services.loopback import Class, SharedOver, class_tape, vt
from vtrade.desk.sections import build, ladder
from vtrade.desk.sections.look import Look
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.stream import CandleBlock, Market, OrderNow, Part, decode_frame, encode_frame, from_parts, unbundled
from vtrade.execution.places import TOTALS, QueuePlace
from vtrade.market.prints import PRINTS_KEPT, Print, Prints
from vtrade.services.visible import PRINTS_TOLD

NAMES = ["ladder", "ladder_orders", "prints"]


@pytest.fixture
def lesson() -> Iterator[Class]:
    """Ana and Ben in one room."""
    tape = class_tape(vt.synthetic(3, symbols=["ACME", "BYTE"], minutes=3, events_per_second=8))
    limits = RiskLimits.make(allow_short=True, leverage=2)
    made = Class(SharedOver(tape, {"ana": limits, "ben": limits}))
    yield made
    made.close()


def sections(desk: Any, **look: Any) -> dict[str, Any]:
    return build(desk, Look(**look), NAMES)


def without_depth(view: dict[str, Any]) -> dict[str, Any]:
    """Without what a gateway tells less of: levels far from the market."""
    return {
        **view,
        "ladder": {**view["ladder"], "bids": view["ladder"]["bids"][:10], "asks": view["ladder"]["asks"][:10]},
    }


def test_both_desks_tell_the_same(lesson: Class) -> None:
    far, near = lesson.join("ana"), lesson.near("ana")
    for step in range(4):
        bid = float(near.book("ACME").bid[0])
        far.buy("ACME", 100 + step, limit=round(bid - 0.01 * step, 2))
        near.sell("BYTE", 5)
        lesson.room.advance(lesson.room.now_ns + 10 * 10**9)
        lesson.settle()
        for symbol in ("ACME", "BYTE"):
            assert without_depth(sections(far, symbol=symbol)) == without_depth(sections(near, symbol=symbol))
        assert ladder.queue_frame(far).to_dict() == ladder.queue_frame(near).to_dict()
        assert ladder.print_frame(far, "BYTE").to_dict() == ladder.print_frame(near, "BYTE").to_dict()
    assert len(sections(far)["prints"]["n"]) > 10


def test_bounds_travel(data_dir: Path) -> None:
    tape = class_tape(vt.load_tape(f"binance:{data_dir / 'binance' / 'spot_btcusdt_20240808.gz'}"))
    lesson = Class(SharedOver(tape, {"ana": RiskLimits()}, cash=10**14))
    far, near = lesson.join("ana"), lesson.near("ana")
    wide = 0
    for _ in range(12):
        for away in (0, 0.5, 4, 20):
            far.buy("BTCUSDT", 0.01, limit=round(float(near.book("BTCUSDT").bid[0]) - away, 2), tif="GTC")
        lesson.room.advance(lesson.room.now_ns + 2 * 10**9)
        lesson.settle()
        table = ladder.queue_frame(far)
        assert table.to_dict("list") == ladder.queue_frame(near).to_dict("list")
        wide += int((table.low < table.high).sum())
    lesson.close()
    assert wide


def test_somebody_who_comes_late_or_comes_back_sees_the_same_prints(lesson: Class) -> None:
    early = lesson.join("ana")
    lesson.room.advance(lesson.room.now_ns + 30 * 10**9)
    late = lesson.join("ben")
    lesson.settle()
    assert ladder.print_frame(late, "ACME").to_dict() == ladder.print_frame(early, "ACME").to_dict()
    lesson.ways["ana"].drop()
    lesson.room.advance(lesson.room.now_ns + 30 * 10**9)
    lesson.settle()
    near = ladder.print_frame(lesson.near("ana"), "ACME")
    assert ladder.print_frame(early, "ACME").to_dict() == near.to_dict() == ladder.print_frame(late, "ACME").to_dict()


def test_nobody_hears_of_anothers_orders_or_of_the_future(lesson: Class) -> None:
    ana, ben = lesson.join("ana"), lesson.join("ben")
    ben.buy("ACME", 321, limit=round(float(ben.book("ACME").bid[0]) - 0.03, 2))
    ben.buy("ACME", 123)
    lesson.room.advance(lesson.room.now_ns + 20 * 10**9)
    lesson.settle()
    view = sections(ana)
    assert view["ladder_orders"] == []
    assert not any(view["prints"]["own"])
    assert sum(sections(ben)["prints"]["own"]) >= 1
    now = lesson.room.now_ns
    for frame in told_frames(lesson, "ana"):
        prints = frame.prints if isinstance(frame, Market | CandleBlock) else ()
        assert all(row[1] <= now for rows in prints for row in rows.rows)
        assert all(row[2:4] != (0, 123) for rows in prints for row in rows.rows)
    assert all(frame.orders == () for frame in told_frames(lesson, "ana") if type(frame).__name__ == "Own")


def told_frames(lesson: Class, account: str) -> list[Any]:
    frames = [frame for data in lesson.ways[account].frames for frame in unbundled(data)]
    parts = [frame for frame in frames if isinstance(frame, Part) and frame.what == "candles"]
    return [*frames, *([from_parts(parts)] if parts else [])]


def test_a_storm_of_prints_leaves_a_gap_and_no_flood(lesson: Class) -> None:
    far = lesson.join("ana")
    lesson.settle()
    lesson.room.run()
    lesson.settle()
    market = [frame for frame in told_frames(lesson, "ana") if isinstance(frame, Market)]
    assert all(len(rows.rows) <= PRINTS_TOLD for frame in market for rows in frame.prints)
    room = lesson.room
    assert far._room.prints.count(0) == room.prints.count(0)
    assert far._room.prints.of(0, last=PRINTS_TOLD) == room.prints.of(0, last=PRINTS_TOLD)
    assert len(far._room.prints.of(0)) <= PRINTS_KEPT


def test_an_older_side_is_understood() -> None:
    old = msgspec.msgpack.encode(["market", 1, 0, 5, False, 1.0, False, False, "", [], []])
    frame = decode_frame(old)
    assert isinstance(frame, Market)
    assert frame.prints == ()
    order = msgspec.msgpack.decode(msgspec.msgpack.encode([7, "", 30, 0]), type=OrderNow)
    assert (order.queue_ahead, order.low, order.high, order.why) == (30, 0, -1, "")
    assert decode_frame(encode_frame(frame)) == frame


def test_without_bounds_none_are_made_up(lesson: Class) -> None:
    far = lesson.join("ana")
    far.buy("ACME", 10, limit=round(float(far.book("ACME").bid[0]) - 0.02, 2))
    lesson.settle()
    engine = lesson.remotes["ana"].engine
    (number,) = engine.orders
    engine.stand([OrderNow(number, engine.waiting(number), 40)])
    assert engine.place(number) == QueuePlace(40, 0, -1, TOTALS)
    assert ladder.place_text(far.instruments[0], QueuePlace(40, 0, -1, TOTALS)) == "~40 ahead (0 to ?)"


def test_numbers_that_begin_anew_are_heard() -> None:
    prints = Prints(1)
    prints.put(0, [(90, 5, 100, 1, 1), (91, 6, 100, 1, 1)])
    prints.put(0, [(91, 6, 100, 1, 1)])
    assert prints.count(0) == 91
    prints.put(0, [(3, 7, 100, 1, 1)])
    assert prints.of(0)[-1] == Print(3, 7, 100, 1, 1)
    assert prints.count(0) == 3
