"""Does a preview tell what the engine then does, and does it leave the engine alone?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.execution.feed import ACME, BUY, SELL, frame, join, levels, order, room, row
from tests.execution.simulation import day
from tests.execution.streams import ACCOUNTS
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.domain.rules import Beyond, Latency, RoomRules
from vtrade.domain.values import MICRO, from_micros
from vtrade.execution.engine import Engine
from vtrade.execution.foresee import foresee, most_of
from vtrade.execution.preview import Preview
from vtrade.market.dtype import Kind
from vtrade.market.load import load_tape
from vtrade.market.synthetic import synthetic

REFUSALS = (msg.OrderDenied, msg.OrderRejected, msg.ReplaceRejected)


def mine(facts: Sequence[msg.Fact], m: msg.SubmitOrder | msg.ReplaceOrder) -> list[msg.Fact]:
    return [
        f for f in facts
        if getattr(f, "client_order_id", "") == m.client_order_id and getattr(f, "account", "") == m.account
    ]  # fmt: skip


def told(facts: Sequence[msg.Fact], i: Instrument | None) -> dict[str, object]:
    """What a preview should have said, from the facts that followed."""
    fills = [f for f in facts if isinstance(f, msg.Fill)]
    lots = sum(f.last_qty for f in fills)
    no = next((f for f in facts if isinstance(f, REFUSALS)), None)
    end = next((f for f in facts if isinstance(f, msg.OrderCanceled)), None)
    why = no or end
    return {
        "filled": i.quantity(lots) if i is not None else 0.0,
        "avg": sum(i.price(f.last_px) * f.last_qty for f in fills) / lots if lots and i is not None else None,
        "fees": from_micros(sum(f.fee for f in fills)),
        "refused": no is not None,
        "why": (str(why.reason), why.detail) if why is not None else ("", ""),
    }


def said(p: Preview) -> dict[str, object]:
    return {"filled": p.filled, "avg": p.avg_px, "fees": p.fees, "refused": p.refused, "why": (p.reason, p.detail)}


def assert_same(p: Preview, facts: Sequence[msg.Fact], i: Instrument | None) -> None:
    expected, found = told(facts, i), said(p)
    price, other = expected.pop("avg"), found.pop("avg")
    assert found == expected
    assert other == (None if price is None else pytest.approx(price, rel=1e-12))


def alone(messages: Sequence[msg.Inbound], account: str) -> list[msg.Inbound]:
    """The same log with one account, which sends everything."""
    ours: list[msg.Inbound] = []
    for m in messages:
        if isinstance(m, msg.SubmitOrder | msg.ReplaceOrder | msg.CancelOrder):
            m = msgspec.structs.replace(m, account=account)
        if not isinstance(m, msg.OpenAccount) or m.account == account:
            ours.append(m)
    return ours


# --- the same as the engine, and nothing touched --------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_a_preview_is_what_happens(seed: int) -> None:
    """Days of everything: all feeds, types, times in force, instructions and rules of venues."""
    engine = Engine()
    compared = 0
    for message in alone(day(seed, 150, wild=seed % 2 == 1), list(ACCOUNTS)[seed % 3 if seed % 3 < 2 else 3]):
        if not isinstance(message, msg.SubmitOrder | msg.ReplaceOrder):
            engine.process(message)
            continue
        before = engine.snapshot()
        [p] = foresee(engine, [message])
        assert engine.snapshot() == before
        facts = mine(engine.process(message), message)
        fact = next((f for f in facts if hasattr(f, "symbol")), None)
        i = next((i for i in engine.instruments if fact is not None and i.symbol == fact.symbol), None)
        if not engine.rules.latency.none:  # it is on its way: only what denies it is known
            if isinstance(message, msg.SubmitOrder):
                assert (p.status == "DENIED") == isinstance(facts[0], msg.OrderDenied)
        elif not engine.rules.hidden_ppm:
            assert_same(p, facts, i)
            compared += 1
        else:
            assert told(facts, i)["filled"] >= p.filled or message.oco or p.refused  # type: ignore[operator, union-attr]
    assert compared > 30 or not engine.rules.latency.none or engine.rules.hidden_ppm


@pytest.mark.parametrize("seed", range(8))
def test_others_orders_change_nothing_of_what_is_told_without_fills(seed: int) -> None:
    """With four accounts, whose hidden orders are none of a preview's business."""
    engine = Engine()
    for message in day(100 + seed, 120):
        if not isinstance(message, msg.SubmitOrder | msg.ReplaceOrder):
            engine.process(message)
            continue
        before = engine.snapshot()
        [p] = foresee(engine, [message])
        assert engine.snapshot() == before
        facts = mine(engine.process(message), message)
        if isinstance(message, msg.SubmitOrder):
            assert (p.status == "DENIED") == isinstance(facts[0], msg.OrderDenied)


def test_a_hundred_orders_on_a_synthetic_market() -> None:
    compare_on(synthetic(7, symbols=["ACME", "BYTE"], minutes=6), seed=3, count=100)


@pytest.mark.needs("data")
def test_a_hundred_orders_on_a_real_day(data_dir: Path) -> None:
    path = data_dir / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
    compare_on(load_tape(f"lobster:{path}"), seed=5, count=100)


def compare_on(tape: object, *, seed: int, count: int) -> None:
    """Random orders of one account along a tape; each is previewed, then sent."""
    events, instruments = tape.events, tape.instruments  # type: ignore[attr-defined]
    luck = np.random.Generator(np.random.PCG64(seed))
    engine = Engine()
    engine.process(msg.OpenRoom(0, "real", tuple(instruments)))
    limits = RiskLimits(concentration_ppm=600_000, allow_short=True, initial_margin_ppm=500_000)
    engine.process(msg.OpenAccount(0, "ana", 1_000_000 * MICRO, "USD", limits))
    cuts = np.sort(luck.integers(200, min(len(events), 60_000), count))
    at, filled = 0, 0
    for n, cut in enumerate(cuts.tolist()):
        if cut > at:
            engine.process(msg.MarketFrame(int(events["ts_ns"][cut - 1]), events[at:cut].tobytes()))
            at = cut
        message = any_order(engine, luck, n)
        before = engine.state_hash()
        [p] = foresee(engine, [message])
        assert engine.state_hash() == before
        power = engine.buying_power("ana")
        facts = mine(engine.process(message), message)
        k = engine.index(message.symbol)
        assert k is not None
        assert_same(p, facts, engine.instruments[k])
        assert p.power == from_micros(power)
        assert p.power_after == from_micros(engine.buying_power("ana"))
        assert p.cash_after == from_micros(engine.accounts["ana"].cash)
        assert p.position_after == engine.instruments[k].quantity(engine.accounts["ana"].positions[k])
        assert sum(step.take for step in p.levels) == pytest.approx(p.filled)
        filled += bool(p.filled)
    assert filled > count // 10


def any_order(engine: Engine, luck: np.random.Generator, n: int) -> msg.SubmitOrder:
    k = int(luck.integers(len(engine.instruments)))
    i = engine.instruments[k]
    bid, _, ask, _ = engine.touch(k)
    mid = (bid + ask) // 2 or engine.last(k) or 10_000
    side = Side(int(luck.choice([1, -1])))
    kind = OrderType(luck.choice([str(t) for t in OrderType]))
    spread = int(luck.integers(-6, 7))
    limit = (mid + int(side) * spread) * i.tick_size if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None
    stop = (mid - int(side) * spread) * i.tick_size if kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) else None
    more: dict[str, object] = {}
    if kind == OrderType.TRAILING_STOP_MARKET:
        more["trail_ppm"] = 1_000
    if kind == OrderType.LIMIT and luck.integers(4) == 0:
        more["post_only"] = True
    tif = TimeInForce(luck.choice(["DAY", "GTC", "IOC", "FOK"]))
    lots = int(luck.choice([1, 50, 100, 400, 2_500, 10**7]))
    return msg.SubmitOrder(
        engine.now,
        "ana",
        f"o{n}",
        i.symbol,
        side,
        kind,
        lots * i.lot_size,
        limit,
        stop,
        tif,
        **more,  # type: ignore[arg-type]
    )


# --- what it says ----------------------------------------------------------------------------------------------------


@pytest.fixture
def book() -> Engine:
    """Asks of 10 lots at 100.01, 100.02, ...; bids of 10 at 99.99, ...; ``ana`` has a million."""
    engine = room()
    join(engine, "ana", limits=RiskLimits(concentration_ppm=MICRO))
    engine.process(levels(-1, range(10_001, 10_011), 10))
    engine.process(levels(1, range(9_999, 9_989, -1), 10))
    return engine


def preview(engine: Engine, message: msg.SubmitOrder | msg.ReplaceOrder, **options: bool) -> Preview:
    [found] = foresee(engine, [message], **options)
    return found


def test_the_walk_goes_level_by_level(book: Engine) -> None:
    p = preview(book, order("a", BUY, 25, account="ana"))
    assert [(s.price, s.size, s.take, s.cumulative) for s in p.levels[:3]] == [
        (100.01, 10, 10, 10), (100.02, 10, 10, 20), (100.03, 10, 5, 25)
    ]  # fmt: skip
    assert [s.take for s in p.levels[3:]] == [0, 0]
    assert p.avg_px == pytest.approx((10 * 100.01 + 10 * 100.02 + 5 * 100.03) / 25)
    assert p.mid == 100.0
    assert p.slippage_bps == pytest.approx((p.avg_px - 100) / 100 * 1e4)
    assert p.moved_bps == pytest.approx(1.0)  # the ask went from 100.01 to 100.03
    assert "All 25 fill at once" in str(p)
    assert "100.03" in p._repr_html_()
    assert p.walk["take"].sum() == 25


def test_a_long_walk_is_summed_up(book: Engine) -> None:
    book.process(levels(-1, range(10_011, 10_200), 1))
    p = preview(book, order("a", BUY, 250, account="ana"))
    assert len(p.levels) == 50
    assert p.levels[-1].beyond
    assert p.levels[-1].cumulative == p.filled == 250
    assert sum(s.take for s in p.levels) == pytest.approx(250)


def test_what_rests_says_where_and_behind_whom(book: Engine) -> None:
    p = preview(book, order("a", BUY, 30, limit="100.01", account="ana"))
    assert (p.filled, p.leaves, p.waiting) == (10, 20, Reason.WAITING_IN_QUEUE)
    p = preview(book, order("a", BUY, 30, limit="99.99", account="ana"))
    assert (p.filled, p.leaves, p.queue_ahead, p.rest_price) == (0, 30, 10, 99.99)
    assert "behind 10" in str(p)
    assert p.power_after == pytest.approx(p.power - 30 * 99.99)


def test_a_stop_says_when_it_wakes(book: Engine) -> None:
    p = preview(book, order("a", BUY, 5, stop="100.50", account="ana"))
    assert (p.waiting, p.wakes_at) == (Reason.WAITING_FOR_TRIGGER, 100.5)
    trailing = msgspec.structs.replace(
        order("a", SELL, 5, account="ana", kind=OrderType.TRAILING_STOP_MARKET), trail=500_000, reduce_only=False
    )
    book.process(order("b", BUY, 10, account="ana"))
    book.process(frame(row(Kind.TRADE, 1, 10_001, 1)))
    p = preview(book, trailing)
    assert p.wakes_at == 99.51
    assert "follows the market" in str(p)


def test_halts_and_closed_markets_are_told(book: Engine) -> None:
    book.process(msg.RoomCommand(2, "halt"))
    assert preview(book, order("a", BUY, 5, account="ana")).waiting == Reason.WAITING_FOR_RESUME
    p = preview(book, order("a", BUY, 5, account="ana", tif=TimeInForce.IOC))
    assert (p.status, p.reason, p.field) == ("REJECTED", "HALTED", "tif")


def test_bars_fill_later_and_nothing_is_promised() -> None:
    engine = room()
    engine.process(frame(*(row(kind, 0, 10_000, 500) for kind in
                           (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE))))  # fmt: skip
    p = preview(engine, order("a", BUY, 5))
    assert (p.filled, p.waiting, p.rest_price) == (0, Reason.WAITING_FOR_BAR, 100.0)
    assert "would trade near" in str(p)


def test_fees_are_those_of_the_venue() -> None:
    fees = FeeSchedule.maker_taker("-0.2", "3")
    engine = room(Instrument.make("ACME", fees=fees))
    join(engine, "ana")
    engine.process(levels(-1, range(10_001, 10_003), 10))
    p = preview(engine, order("a", BUY, 20, limit="100.01", account="ana"))
    assert p.fees == pytest.approx(10 * 100.01 * 3e-4)
    assert p.rest_fees == pytest.approx(-10 * 100.01 * 0.2e-4)
    assert (p.taker, p.maker) == (10, 0)


def test_lasting_impact_is_the_venues_own() -> None:
    engine = room(rules=RoomRules.make(impact=2, impact_half_life_s=60, beyond="square_root"))
    engine.process(levels(-1, range(10_001, 10_004), 10))
    engine.process(levels(1, (9_999,), 10))
    p = preview(engine, order("a", BUY, 40))
    assert p.filled == 40
    assert p.levels[-1].beyond
    assert p.lasting_ticks > 0
    assert p.costs["impact"] > 0
    facts = engine.process(order("a", BUY, 40))
    assert_same(p, mine(facts, order("a", BUY, 40)), ACME)


def test_what_is_on_its_way_meets_the_book_of_now() -> None:
    engine = room(rules=RoomRules(latency=Latency(entry_ns=2_000_000, jitter_ns=500_000)))
    engine.process(levels(-1, range(10_001, 10_004), 10))
    p = preview(engine, order("a", BUY, 15))
    assert p.filled == 15
    assert p.way_s == 0.0025
    assert "2.5 ms" in str(p)
    engine.process(order("a", BUY, 15))
    facts = engine.process(msg.MarketFrame(10**9, b""))
    assert_same(p, mine(facts, order("a", BUY, 15)), ACME)


def test_an_entry_and_its_ways_out_are_tried_together(book: Engine) -> None:
    entry = order("e", BUY, 10, account="ana")
    target = msgspec.structs.replace(order("t", SELL, 10, limit="101", account="ana"), parent="e", oco="x")
    guard = msgspec.structs.replace(order("g", SELL, 10, stop="99.995", account="ana"), parent="e", oco="x")
    first, second, third = foresee(book, [entry, target, guard])
    assert (first.status, second.status) == ("FILLED", "ACCEPTED")
    assert (third.reason, third.field) == ("PRICE_OFF_TICK", "stop_price")


def test_a_change_says_whether_it_keeps_its_place(book: Engine) -> None:
    book.process(order("a", BUY, 10, limit="99.99", account="ana"))
    fewer = preview(book, msg.ReplaceOrder(2, "ana", "a", 5 * MICRO))
    assert (fewer.change, fewer.keeps_place, fewer.leaves) == (True, True, 5)
    dearer = preview(book, msg.ReplaceOrder(2, "ana", "a", None, 100_010_000))
    assert (dearer.filled, dearer.avg_px, dearer.leaves) == (10, 100.01, 0)
    wrong = preview(book, msg.ReplaceOrder(2, "ana", "a", None, 100_015_000))
    assert (wrong.refused, wrong.field) == (True, "limit_price")
    assert "change is refused" in str(wrong)
    assert preview(book, msg.ReplaceOrder(2, "ana", "nothing", MICRO)).reason == "UNKNOWN_ORDER"
    assert book.orders[min(book.orders)].quantity == 10


# --- what others hide stays hidden -------------------------------------------------------------------------------


def test_nobody_sees_a_reserve_a_stop_or_hidden_lots_in_a_preview() -> None:
    engine = room(rules=RoomRules.make(hidden=2))
    join(engine, "ana", limits=NO_LIMITS)
    engine.process(levels(-1, (10_005,), 10))
    iceberg = order("ice", SELL, 50, limit="100.01")
    engine.process(msgspec.structs.replace(iceberg, display_quantity=5 * MICRO))
    p = preview(engine, order("a", BUY, 60, limit="100.05", account="ana"))
    assert (p.filled, p.leaves, p.hides) == (15, 45, True)
    assert "nobody shows" in str(p)
    own = preview(engine, order("b", BUY, 60, limit="100.05"))
    assert own.reason == "SELF_TRADE"
    facts = engine.process(order("a", BUY, 60, limit="100.05", account="ana"))
    assert told(mine(facts, order("a", BUY, 60, account="ana")), ACME)["filled"] == 60


# --- which field is at fault, and how much could be asked for ----------------------------------------------------


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("symbol", {"symbol": "NOPE"}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": 1_500_000}),
        ("quantity", {"quantity": 10**14}),
        ("quantity", {"quantity": 50_000 * MICRO}),
        ("quantity", {"side": SELL}),
        ("limit_price", {"limit_price": None}),
        ("limit_price", {"limit_price": 100_005_000}),
        ("limit_price", {"limit_price": -5}),
        ("limit_price", {"limit_price": 5_000_000}),
        ("limit_price", {"limit_price": 100_010_000, "post_only": True}),
        ("limit_price", {"type": OrderType.MARKET}),
        ("stop_price", {"type": OrderType.STOP_LIMIT}),
        ("stop_price", {"type": OrderType.STOP_LIMIT, "stop_price": 1}),
        ("stop_price", {"type": OrderType.STOP_MARKET, "limit_price": None}),
        ("stop_price", {"stop_price": 100_000_000}),
        ("trail", {"type": OrderType.TRAILING_STOP_MARKET, "limit_price": None}),
        ("trail", {"type": OrderType.TRAILING_STOP_MARKET, "limit_price": None, "trail": 5}),
        ("trail", {"type": OrderType.TRAILING_STOP_MARKET, "limit_price": None, "trail_ppm": 2 * MICRO}),
        ("trail", {"trail": MICRO}),
        ("good_till", {"time_in_force": TimeInForce.GTD}),
        ("good_till", {"time_in_force": TimeInForce.GTD, "expire_ns": 0}),
        ("good_till", {"expire_ns": 9}),
        ("tif", {"time_in_force": TimeInForce.AT_THE_OPEN, "type": OrderType.STOP_MARKET, "limit_price": None,
                 "stop_price": 100_000_000}),
        ("display", {"display_quantity": 1_500_000}),
        ("display", {"display_quantity": 20 * MICRO}),
        ("display", {"type": OrderType.MARKET, "limit_price": None, "display_quantity": MICRO}),
        ("post_only", {"time_in_force": TimeInForce.IOC, "post_only": True}),
        ("reduce_only", {"reduce_only": True}),
        ("parent", {"parent": "nobody"}),
        ("client_order_id", {"client_order_id": "used"}),
    ],
)  # fmt: skip
def test_the_field_at_fault_is_named(book: Engine, field: str, changes: dict[str, object]) -> None:
    book.process(order("used", BUY, 1, account="ana"))
    plain = order("a", BUY, 10, limit="99.99", account="ana", ts=5)
    message = msgspec.structs.replace(plain, **changes)  # type: ignore[arg-type]
    p = preview(book, message)
    assert p.refused, str(p)
    assert p.field == field, p.detail
    assert p.detail
    assert_same(p, mine(book.process(message), message), ACME)


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_what_does_not_fill_at_once_goes(book: Engine, tif: str) -> None:
    p = preview(book, order("a", BUY, 500, limit="100.02", account="ana", tif=TimeInForce(tif)))
    assert p.status == "CANCELED"
    assert p.filled == (20 if tif == "IOC" else 0)
    assert p.leaves == 0
    assert "canceled" in str(p)


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("limits", [RiskLimits(), RiskLimits(concentration_ppm=MICRO),
                                    RiskLimits.make(leverage=2, allow_short=True)])  # fmt: skip
def test_the_most_is_the_most(side: Side, limits: RiskLimits) -> None:
    engine = room(rules=RoomRules(beyond=Beyond.CANCEL))
    join(engine, "ana", cash=50_000, limits=limits)
    engine.process(levels(-1, range(10_001, 10_011), 10))
    engine.process(levels(1, range(9_999, 9_989, -1), 10))
    message = order("a", side, 1, account="ana")
    before = engine.state_hash()
    most = most_of(engine, message)
    assert engine.state_hash() == before
    assert most.detail
    assert most.by_power >= most.quantity
    assert preview(engine, message, most=True).most == most

    def denied(units: float) -> bool:
        return preview(engine, msgspec.structs.replace(message, quantity=int(units * MICRO))).status == "DENIED"

    assert denied(most.quantity + 1)
    assert most.quantity == 0 or not denied(most.quantity)
