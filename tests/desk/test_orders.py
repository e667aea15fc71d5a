"""What happens to a student's order, from the ticket to its end?"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

import vtrade as vt
from tests.desk.conftest import Opener, records, told
from vtrade.domain.messages import OrderDenied, SubmitOrder
from vtrade.domain.orders import OrderType, Reason, Side, Status, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.errors import DeskError, ValueOffGrid


def touch(desk: vt.Desk, symbol: str = "ACME") -> tuple[float, float]:
    quote = desk.quotes().loc[symbol]
    return float(quote.bid), float(quote.ask)


# --- an order that trades --------------------------------------------------------------------------------------------


def test_a_market_buy_is_filled_at_the_ask_and_paid(desk: vt.Desk) -> None:
    bid, ask = touch(desk)
    order = desk.buy("ACME", 100)
    assert order.status == Status.FILLED
    assert (order.id, order.client_order_id, order.symbol, order.side) == (1, "o1", "ACME", "buy")
    assert (order.quantity, order.filled_quantity, order.leaves_quantity) == (100, 100, 0)
    assert order.avg_px == ask > bid
    assert order.fees == pytest.approx(100 * 0.005)
    assert order.reason == ""
    assert not order.working
    assert desk.cash == pytest.approx(1_000_000 - 100 * ask - order.fees, abs=1e-6)


def test_a_round_trip_without_a_move_costs_the_spread_and_two_fees(desk: vt.Desk) -> None:
    bid, ask = touch(desk)
    desk.buy("ACME", 100)
    desk.sell("ACME", 100)
    (trip,) = desk.round_trips().itertuples()
    assert trip.net_pnl == pytest.approx(100 * (bid - ask) - 1.0)
    assert desk.cash == desk.nav == pytest.approx(1_000_000 + trip.net_pnl)
    assert desk.positions().empty


def test_a_large_order_walks_the_book(desk: vt.Desk) -> None:
    book = desk.book("LUMA")
    order = desk.buy("LUMA", book.ask_size[0] + 1)
    (first, second) = desk.fills().itertuples()
    assert (first.price, first.quantity) == (book.ask[0], book.ask_size[0])
    assert (second.price, second.quantity) == (book.ask[1], 1)
    assert order.avg_px == pytest.approx((first.price * first.quantity + second.price) / order.quantity)


def test_what_was_taken_stays_taken_until_the_market_brings_more(desk: vt.Desk) -> None:
    before = desk.book("ACME")
    desk.buy("ACME", 100)
    after = desk.book("ACME")
    assert after.ask_size[0] == before.ask_size[0] - 100
    assert after.bid_size[0] == before.bid_size[0]


@pytest.mark.parametrize("quantity", ["100", 100.0, Decimal(100), np.int64(100), np.uint16(100), np.float32(100)])
def test_a_number_may_come_from_anywhere(desk: vt.Desk, quantity: object) -> None:
    assert desk.buy("ACME", quantity).filled_quantity == 100  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [float, str, Decimal, np.float64, np.float32])
def test_so_may_a_price(desk: vt.Desk, kind: type) -> None:
    bid, _ = touch(desk)
    price = kind(str(bid)) if kind is not float else bid
    assert desk.buy("ACME", 10, limit=price).status == Status.ACCEPTED
    assert desk.orders().limit_price[0] == bid


def test_a_price_worked_out_in_floats_is_on_the_grid(desk: vt.Desk) -> None:
    bid, _ = touch(desk)
    assert desk.buy("ACME", 10, limit=bid - 0.1 - 0.2).status == Status.ACCEPTED


# --- an order that waits ---------------------------------------------------------------------------------------------


def test_a_limit_away_from_the_market_waits_and_can_be_canceled(desk: vt.Desk) -> None:
    bid, _ = touch(desk)
    order = desk.buy("ACME", 100, limit=bid - 1)
    assert order.status == Status.ACCEPTED
    assert order.working
    assert "behind the best" in order.reason
    assert desk.buying_power == pytest.approx(1_000_000 - 100 * (bid - 1) - 0.5)
    assert desk.cash == desk.nav == 1_000_000
    assert order.cancel() is order
    assert order.status == Status.CANCELED
    assert Reason.CANCELED_BY_USER in order.reason
    assert desk.buying_power == 1_000_000


def test_a_limit_at_the_touch_knows_its_place_in_the_queue(desk: vt.Desk) -> None:
    book = desk.book("ACME")
    order = desk.buy("ACME", 100, limit=book.bid[0])
    story = order.explain()
    assert story.queue_ahead == book.bid_size[0]
    assert desk.book("ACME").bid_size[0] == book.bid_size[0] + 100


def test_a_smaller_quantity_keeps_the_place_and_another_price_does_not(desk: vt.Desk) -> None:
    bid, _ = touch(desk)
    order = desk.buy("ACME", 100, limit=bid)
    ahead = order.explain().queue_ahead
    order.replace(quantity=60)
    assert (order.quantity, order.explain().queue_ahead) == (60, ahead)
    assert "kept its place" in str(order.explain())
    order.replace(limit=bid - 0.01)
    assert desk.orders().limit_price[0] == pytest.approx(bid - 0.01)
    assert "back of the queue" in str(order.explain())


def test_a_replaced_order_may_trade_at_once(desk: vt.Desk) -> None:
    bid, ask = touch(desk)
    order = desk.buy("ACME", 100, limit=bid - 1)
    order.replace(limit=ask)
    assert (order.status, order.avg_px) == (Status.FILLED, ask)


def test_a_resting_order_fills_when_the_market_comes(desk: vt.Desk) -> None:
    limit = touch(desk)[0]
    order = desk.buy("ACME", 100, limit=limit)
    desk.run()
    assert order.status == Status.FILLED
    assert set(desk.fills().liquidity) == {"maker"}
    assert set(desk.fills().price) == {limit}
    assert order.explain().costs["spread"] < 0


def test_stop_orders_sleep_until_the_market_trades_there(desk: vt.Desk) -> None:
    _, ask = touch(desk)
    near = desk.buy("ACME", 100, stop=ask + 0.05)
    limited = desk.buy("ACME", 100, stop=ask + 0.05, limit=ask + 0.06)
    far = desk.buy("ACME", 100, stop=ask + 10)
    assert {near.status, limited.status, far.status} == {Status.ACCEPTED}
    assert desk.fills().empty
    desk.run(until="09:32:59")
    high = desk.bars("ACME").high.max()
    assert (near.status == Status.FILLED) == (high >= ask + 0.05)
    assert far.status == Status.ACCEPTED
    assert "stop price has not been reached" in far.reason
    assert any("triggered" in line for line in near.explain().lines) == (high >= ask + 0.05)
    if limited.filled_quantity:
        assert limited.avg_px is not None
        assert limited.avg_px <= ask + 0.06 + 1e-9


def test_immediate_orders_leave_nothing_behind(desk: vt.Desk) -> None:
    book = desk.book("LUMA", levels=50)
    deep = float(book.ask_size.sum())
    all_or_none = desk.buy("LUMA", deep + 1, limit=book.ask.max(), tif="FOK")
    assert (all_or_none.status, all_or_none.filled_quantity) == (Status.CANCELED, 0)
    assert Reason.FILL_OR_KILL in all_or_none.reason
    at_once = desk.buy("LUMA", book.ask_size[0] + 1, limit=book.ask[0], tif="IOC")
    assert (at_once.status, at_once.filled_quantity) == (Status.CANCELED, book.ask_size[0])
    assert Reason.IMMEDIATE_OR_CANCEL in at_once.reason
    assert not desk._room.runtime.engine.orders


def test_a_day_order_ends_with_the_day_and_gtc_does_not(desk: vt.Desk) -> None:
    bid, _ = touch(desk)
    today = desk.buy("ACME", 1, limit=bid - 5)
    good = desk.buy("ACME", 1, limit=bid - 5, tif="gtc")
    desk.run()
    assert today.status == Status.EXPIRED
    assert Reason.END_OF_DAY in today.reason
    assert good.status == Status.ACCEPTED


def test_after_the_close_orders_wait_or_are_rejected(desk: vt.Desk) -> None:
    desk.run()
    waiting = desk.buy("ACME", 1)
    assert waiting.status == Status.ACCEPTED
    assert "closed" in waiting.reason
    rejected = desk.buy("ACME", 1, tif="IOC")
    assert rejected.status == Status.REJECTED
    assert Reason.SESSION_CLOSED in rejected.reason
    assert rejected.id is not None


# --- an order that is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "quantity", "options", "reason", "words"),
    [
        ("NOPE", 1, {}, Reason.UNKNOWN_SYMBOL, "ACME, BYTE, LUMA"),
        ("acme", 1, {}, Reason.UNKNOWN_SYMBOL, "ACME"),
        ("", 1, {}, Reason.UNKNOWN_SYMBOL, "''"),
        ("ACME", 0, {}, Reason.QUANTITY_NOT_POSITIVE, "0"),
        ("ACME", -5, {}, Reason.QUANTITY_NOT_POSITIVE, "-5"),
        ("ACME", 0.5, {}, Reason.QUANTITY_OFF_LOT, "0.5"),
        ("LUMA", "0.005", {}, Reason.QUANTITY_OFF_LOT, "0.005"),
        ("ACME", 1_000_001, {}, Reason.QUANTITY_TOO_LARGE, "1000000"),
        ("ACME", 10**12, {}, Reason.QUANTITY_TOO_LARGE, "1000000"),
        ("ACME", 1, {"limit": 182.005}, Reason.PRICE_OFF_TICK, "182.01"),
        ("ACME", 1, {"limit": 0}, Reason.PRICE_OFF_TICK, "0.01"),
        ("ACME", 1, {"limit": -1}, Reason.PRICE_OFF_TICK, "-1"),
        ("ACME", 1, {"stop": "182.0001"}, Reason.PRICE_OFF_TICK, "182.01"),
        ("ACME", 1, {"limit": 1824000}, Reason.PRICE_OUT_OF_RANGE, "decimal point"),
        ("ACME", 1, {"limit": 0.01}, Reason.PRICE_OUT_OF_RANGE, "decimal point"),
        ("ACME", 1, {"stop": 9e12}, Reason.PRICE_OUT_OF_RANGE, "decimal point"),
        ("ACME", 6_000, {}, Reason.INSUFFICIENT_BUYING_POWER, "buying power"),
        ("ACME", 2_000, {"limit": 182.0}, Reason.CONCENTRATION_LIMIT, "25 %"),
    ],
)
def test_a_refused_order_comes_back_with_its_reason(
    desk: vt.Desk, symbol: str, quantity: float, options: dict[str, float], reason: Reason, words: str
) -> None:
    before = (desk.cash, desk.buying_power)
    order = desk.buy(symbol, quantity, **options)  # type: ignore[arg-type]
    assert order.status == Status.DENIED
    assert order.reason.startswith(reason)
    assert words in order.reason
    assert (order.id, order.filled_quantity, order.leaves_quantity, order.avg_px, order.fees) == (None, 0, 0, None, 0)
    assert order.symbol == symbol
    assert order.quantity == quantity or order.quantity == float(quantity)
    assert reason in str(order.explain())
    assert reason in order.explain()._repr_html_()
    assert order.explain().costs == {}
    assert desk.orders().reason[0] == order.reason
    assert (desk.cash, desk.buying_power) == before
    assert desk.fills().empty


def test_selling_what_one_does_not_have_is_denied_until_it_is_allowed(open_desk: Opener) -> None:
    order = open_desk().sell("ACME", 1)
    assert order.reason.startswith(Reason.SHORT_NOT_ALLOWED)
    free = open_desk(limits=vt.RiskLimits(allow_short=True))
    assert free.sell("ACME", 100).status == Status.FILLED
    assert free.positions().quantity[0] == -100
    (back,) = free.close("ACME")
    assert (back.side, back.status) == ("buy", Status.FILLED)
    assert free.positions().empty


def test_no_limits_lifts_them(open_desk: Opener) -> None:
    desk = open_desk(cash=0, limits=vt.NO_LIMITS)
    assert desk.sell("ACME", 100).status == Status.FILLED
    assert desk.buy("ACME", 200).status == Status.FILLED
    assert desk.buy("ACME", 5_000_000).status == Status.PARTIALLY_FILLED
    absurd = desk.buy("ACME", 10**12)
    assert absurd.status in (Status.DENIED, Status.ACCEPTED, Status.PARTIALLY_FILLED)
    assert desk.verify().ok


def test_a_number_too_large_to_be_a_number_of_shares_is_an_error(desk: vt.Desk) -> None:
    with pytest.raises(ValueOffGrid, match=r"quantity 1e\+13|quantity 10000000000000"):
        desk.buy("ACME", 1e13)


def test_a_used_name_is_an_error_and_nothing_is_written(desk: vt.Desk) -> None:
    desk.buy("ACME", 1, client_order_id="mine")
    before = records(desk)
    with pytest.raises(DeskError, match="'mine' was used before"):
        desk.buy("ACME", 1, client_order_id="mine")
    assert records(desk) == before
    assert len(desk.orders()) == 1


def test_a_name_that_looks_like_the_desks_own_does_no_harm(desk: vt.Desk) -> None:
    desk.buy("ACME", 1, client_order_id="o1")
    desk.buy("ACME", 1, client_order_id="o3")
    assert [desk.buy("ACME", 1).client_order_id for _ in range(2)] == ["o2", "o4"]


# --- finding and changing orders -------------------------------------------------------------------------------------


def test_an_order_is_found_by_number_name_and_table_cell(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 1, client_order_id="mine")
    table = desk.orders()
    for key in (1, "1", "#1", "mine", order, np.int64(1), table.order_id[0], table.client_order_id[0]):
        assert desk.order(key).id == 1  # type: ignore[arg-type]


def test_a_name_beats_a_number(desk: vt.Desk) -> None:
    desk.buy("ACME", 1, client_order_id="2")
    desk.buy("ACME", 2)
    assert desk.order("2").quantity == 1
    assert desk.order(2).quantity == 2


@pytest.mark.parametrize("key", [7, "nope", "", "#", None, -1, 0, 1.0, "²", "9" * 5000, [], {}, "#0"])
def test_an_order_that_is_not_there(desk: vt.Desk, key: object) -> None:
    desk.buy("ACME", 1)
    with pytest.raises(DeskError, match=r"no order .*desk\.orders\(\)"):
        desk.order(key)  # type: ignore[arg-type]


def test_the_order_of_another_desk_is_not_taken_for_ones_own(open_desk: Opener) -> None:
    mine, yours = open_desk(), open_desk()
    bid, _ = touch(mine)
    kept = mine.buy("ACME", 1, limit=bid)
    other = yours.buy("ACME", 1, limit=bid)
    with pytest.raises(DeskError, match="another desk"):
        mine.cancel(other)
    with pytest.raises(DeskError, match="another desk"):
        mine.replace(other, quantity=2)
    assert kept.status == other.status == Status.ACCEPTED


def test_a_late_cancel_is_refused_with_a_reason(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 1)
    order.cancel()
    assert order.status == Status.FILLED
    assert "a cancel was refused, ORDER_CLOSED" in str(order.explain())


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({}, Reason.NOTHING_TO_CHANGE),
        ({"quantity": 100}, Reason.NOTHING_TO_CHANGE),
        ({"quantity": 0}, Reason.QUANTITY_NOT_POSITIVE),
        ({"quantity": 10.5}, Reason.QUANTITY_OFF_LOT),
        ({"limit": 180.005}, Reason.PRICE_OFF_TICK),
        ({"stop": 180}, Reason.PRICE_NOT_ALLOWED),
        ({"limit": 0.01}, Reason.PRICE_OUT_OF_RANGE),
        ({"quantity": 100_000}, Reason.INSUFFICIENT_BUYING_POWER),
        ({"quantity": 2_000}, Reason.CONCENTRATION_LIMIT),
    ],
)
def test_a_refused_replace_leaves_the_order_as_it_was(desk: vt.Desk, terms: dict[str, float], reason: Reason) -> None:
    order = desk.buy("ACME", 100, limit=180)
    before = (desk.orders().to_csv(), desk.buying_power)
    order.replace(**terms)
    assert f"a replace was refused, {reason}" in str(order.explain())
    assert (desk.orders().to_csv(), desk.buying_power) == before


@pytest.mark.parametrize("bad", [float("nan"), "ten", [], 1e-7])
def test_a_replace_by_no_number_is_an_error(desk: vt.Desk, bad: object) -> None:
    order = desk.buy("ACME", 100, limit=180)
    before = records(desk)
    with pytest.raises(ValueOffGrid, match="quantity"):
        order.replace(quantity=bad)  # type: ignore[arg-type]
    assert records(desk) == before


# --- closing ---------------------------------------------------------------------------------------------------------


def test_close_sells_everything_and_takes_back_orders_of_that_side(desk: vt.Desk) -> None:
    desk.buy("ACME", 100)
    desk.buy("LUMA", "12.34")
    _, ask = touch(desk)
    selling = desk.sell("ACME", 60, limit=ask + 1)
    buying = desk.buy("ACME", 10, limit=ask - 1)
    orders = desk.close()
    assert [(o.symbol, o.side, o.quantity) for o in orders] == [("ACME", "sell", 100), ("LUMA", "sell", 12.34)]
    assert {o.status for o in orders} == {Status.FILLED}
    assert (selling.status, buying.status) == (Status.CANCELED, Status.ACCEPTED)
    assert desk.positions().empty
    assert desk.close() == []


def test_close_of_one_symbol_leaves_the_others(desk: vt.Desk) -> None:
    desk.buy("ACME", 100)
    desk.buy("BYTE", 50)
    desk.close("ACME")
    assert desk.positions().symbol.tolist() == ["BYTE"]


@pytest.mark.parametrize("symbol", ["NOPE", 5, [], ""])
def test_close_of_nothing_known(desk: vt.Desk, symbol: object) -> None:
    with pytest.raises(DeskError, match="not traded here; known: ACME"):
        desk.close(symbol)  # type: ignore[arg-type]


# --- many at once ----------------------------------------------------------------------------------------------------


def message(desk: vt.Desk, name: str, lots: int = 1, **changes: object) -> SubmitOrder:
    values: dict[str, object] = {
        "ts_ns": desk.ts_ns, "account": desk.account, "client_order_id": name, "symbol": "ACME", "side": Side.BUY,
        "type": OrderType.MARKET, "quantity": lots * MICRO, "time_in_force": TimeInForce.DAY,
    }  # fmt: skip
    return SubmitOrder(**{**values, **changes})  # type: ignore[arg-type]


def test_many_orders_go_in_few_commits(desk: vt.Desk) -> None:
    orders = desk.submit_many([message(desk, f"b{n}") for n in range(600)])
    assert len(orders) == 600
    assert {order.status for order in orders} == {Status.FILLED}
    assert desk.positions().quantity[0] == 600
    assert desk.verify().ok


def test_no_orders_are_no_orders(desk: vt.Desk) -> None:
    before = records(desk)
    assert desk.submit_many([]) == []
    assert records(desk) == before


def test_a_double_among_many_is_denied_once(desk: vt.Desk) -> None:
    desk.submit_many([message(desk, "x"), message(desk, "x"), message(desk, "y")])
    (denied,) = [fact for fact in told(desk) if isinstance(fact, OrderDenied)]
    assert denied.reason == Reason.DUPLICATE_CLIENT_ORDER_ID
    assert desk.positions().quantity[0] == 2
    assert desk.order("x").status == Status.FILLED
    assert "DUPLICATE_CLIENT_ORDER_ID" in str(desk.order("x").explain())


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 1e6}, {"quantity": "1"}, {"quantity": None}, {"client_order_id": 5}, {"symbol": None},
        {"side": "buy"}, {"side": 0}, {"type": "trailing"}, {"time_in_force": "SOON"}, {"ts_ns": 1.5}, {"ts_ns": "now"},
        {"account": 7}, {"limit_price": 182.5}, {"quantity": 2**80}, {"client_order_id": "\ud800"},
    ],
)  # fmt: skip
def test_a_message_that_could_not_be_read_again_is_not_written(desk: vt.Desk, changes: dict[str, object]) -> None:
    before = records(desk)
    with pytest.raises(ValueOffGrid, match="SubmitOrder"):
        desk.submit_many([message(desk, "good"), message(desk, "bad", **changes)])
    assert records(desk) == before
    assert desk.verify().ok
    assert desk.orders().empty
    assert desk.buy("ACME", 1).status == Status.FILLED


@pytest.mark.parametrize("junk", [[5], [None], ["buy"], [object()], [{}]])
def test_what_is_no_message_is_not_written(desk: vt.Desk, junk: list[object]) -> None:
    before = records(desk)
    with pytest.raises(vt.VTradeError):
        desk.submit_many(junk)  # type: ignore[arg-type]
    assert records(desk) == before
    assert desk.verify().ok


# --- a made-up student ------------------------------------------------------------------------------------------------


def test_a_long_wild_session_keeps_the_books_straight(desk: vt.Desk) -> None:
    luck = np.random.Generator(np.random.Philox(key=11))
    symbols = desk.symbols
    for _ in range(150):
        symbol = symbols[int(luck.integers(3))]
        bid, ask = touch(desk, symbol)
        act = int(luck.integers(7))
        working = [r.client_order_id for r in desk._room.blotter.of(desk.account) if r.working]
        size = int(luck.integers(1, 300))
        if act == 0:
            desk.buy(symbol, size)
        elif act == 1:
            desk.sell(symbol, size)
        elif act == 2 and bid == bid:
            tif = str(luck.choice(["DAY", "IOC", "GTC"]))
            desk.buy(symbol, size, limit=round(bid - int(luck.integers(-2, 4)) / 100, 2), tif=tif)
        elif act == 3 and ask == ask:
            desk.sell(symbol, size, limit=round(ask + int(luck.integers(-2, 4)) / 100, 2))
        elif act == 4 and working:
            desk.cancel(working[int(luck.integers(len(working)))])
        elif act == 5 and working:
            desk.replace(working[int(luck.integers(len(working)))], quantity=size)
        else:
            desk.step(seconds=float(luck.uniform(0.01, 1.5)))
        engine = desk._room.runtime.engine
        assert {r.order_id for r in desk._room.blotter.of("you") if r.working} == set(engine.orders)
        assert desk.buying_power >= -1e-6
    desk._room.portfolio.check()
    fills = desk.fills()
    assert len(fills) > 20
    signed = fills.quantity.where(fills.side == "buy", -fills.quantity)
    assert desk.cash == pytest.approx(1_000_000 - (signed * fills.price).sum() - fills.fee.sum(), abs=1e-4)
    held = desk.positions().set_index("symbol").quantity
    for symbol, total in signed.groupby(fills.symbol).sum().items():
        assert held.get(symbol, 0.0) == pytest.approx(total)
    assert desk.nav == pytest.approx(desk.cash + desk.positions().market_value.sum(), abs=1e-6)
    assert desk.verify().ok
