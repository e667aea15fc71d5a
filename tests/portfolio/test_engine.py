"""Does an account show what its owner would work out by hand?"""

from __future__ import annotations

import math
from typing import get_args

import pytest

from tests.portfolio.room import ACME, LISTED, OPEN_NS, Room
from vtrade.domain.messages import AccountOpened, Fact, Fill, Marked, NewsPublished, RoomClosed, RoomOpened
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO, from_micros
from vtrade.portfolio import PortfolioEngine, PortfolioError

# One account with 10,000.00. ACME has a tick of 0.01 and costs 0.005 a share; a lot of COIN is 0.001 coins, its tick
# 0.1, and it costs nothing. What happens, then what holds in whole units, worked out on paper.
STORY = """
                              cash       nav  realized unrealized  fees
    fill ACME  +100 @ 1000  8999.50   9999.50     0.00      0.00   0.50
    mark ACME         1010  8999.50  10009.50     0.00     10.00   0.50
    mark ACME          990  8999.50   9989.50     0.00    -10.00   0.50
    fill ACME   +50 @  980  8509.25   9994.25     0.00     -5.00   0.75
    fill ACME  -120 @ 1020  9732.65  10029.65    28.00      3.00   1.35
    fill COIN   +20 @ 5000  9722.65  10029.65    28.00      3.00   1.35
    mark COIN         6000  9722.65  10031.65    28.00      5.00   1.35
    fill ACME   -80 @ 1000 10522.25  10039.25    34.00      7.00   1.75
    mark ACME          950 10522.25  10059.25    34.00     27.00   1.75
    fill ACME   +50 @  940 10052.00  10064.00    64.00      2.00   2.00
"""


def test_story() -> None:
    room = Room("ana", cash=10_000)
    for line in STORY.strip().splitlines()[1:]:
        what, symbol, *numbers = line.replace("@", " ").split()
        if what == "fill":
            room.fill("ana", symbol, int(numbers.pop(0)), int(numbers.pop(0)))
        else:
            room.mark(**{symbol: int(numbers.pop(0))})
        view = room.engine.account("ana")
        shown = [view.cash, view.nav, view.realized_pnl, view.unrealized_pnl, view.fees]
        assert [from_micros(amount) for amount in shown] == [float(number) for number in numbers], line
        room.engine.check()
    assert [view.symbol for view in room.engine.positions("ana")] == ["COIN"]
    assert [view.side for view in room.engine.positions("ana", include_flat=True)] == ["FLAT", "LONG"]
    trips = [(trip.side, trip.quantity, from_micros(trip.gross_pnl)) for trip in room.engine.round_trips("ana")]
    assert trips == [(Side.BUY, 100, 20.0), (Side.BUY, 20, 8.0), (Side.BUY, 30, 6.0), (Side.SELL, 50, 30.0)]


def test_an_account_that_did_nothing() -> None:
    engine = Room("ana", cash=500).engine
    view = engine.account("ana")
    assert (view.nav, view.cash, view.fills, view.round_trips) == (500 * MICRO, 500 * MICRO, 0, 0)
    assert (view.drawdown, view.max_drawdown, view.turnover, view.leverage) == (0, 0, 0, 0)
    assert math.isnan(view.slippage_bps)
    assert engine.positions("ana") == engine.exposure("ana") == engine.round_trips("ana") == engine.fills("ana") == []
    assert [values.tolist() for values in engine.equity_curve("ana")] == [[OPEN_NS], [500 * MICRO]]
    numbers = engine.statistics("ana")
    assert numbers["total_return"] == numbers["max_drawdown"] == numbers["fills"] == numbers["fees"] == 0
    undefined = {"sharpe_ratio", "sharpe_ratio_standard_error", "sortino_ratio", "calmar_ratio", "hit_rate",
                 "profit_factor", "slippage_bps", "value_at_risk", "expected_shortfall", "volatility"}  # fmt: skip
    assert {name for name, value in numbers.items() if math.isnan(value)} == undefined


def test_an_account_without_money() -> None:
    room = Room("ana", cash=0)
    room.fill("ana", "ACME", 10, 1000)
    room.mark(ACME=900)
    view = room.engine.account("ana")
    assert view.nav == -10 * MICRO - 50_000
    assert all(math.isnan(value) for value in (view.drawdown, view.max_drawdown, view.leverage, view.turnover))
    assert all(isinstance(value, int | float) for value in room.engine.statistics("ana").values())


def test_accounts_do_not_touch_each_other() -> None:
    room = Room("ana", "ben", "cy")
    room.fill("ana", "ACME", 10, 1000, fee=0)
    room.fill("ben", "ACME", -4, 1000, fee=0)
    room.mark(ACME=1100)
    profits = [room.engine.account(name).nav - 100_000 * MICRO for name in ("ana", "ben", "cy")]
    assert profits == [10 * MICRO, -4 * MICRO, 0]
    room.fill("ben", "ACME", 4, 1100, fee=0)
    room.mark(ACME=1200)
    profits = [room.engine.account(name).nav - 100_000 * MICRO for name in ("ana", "ben", "cy")]
    assert profits == [20 * MICRO, -4 * MICRO, 0]
    room.engine.check()


def test_before_the_first_mark_the_last_fill_is_the_price() -> None:
    room = Room("ana", "ben")
    assert room.engine.mark("ACME") == 0
    room.fill("ana", "ACME", 10, 1000, fee=0)
    room.fill("ben", "ACME", 10, 1200, fee=0)
    assert room.engine.mark("ACME") == 1200
    assert room.engine.account("ana").unrealized_pnl == 20 * MICRO  # ben's price is news for ana
    room.mark(ACME=1100)
    room.fill("ben", "ACME", 10, 1300, fee=0)
    assert room.engine.mark("ACME") == 1100
    assert room.engine.account("ana").unrealized_pnl == 10 * MICRO


def test_a_position_in_whole_units() -> None:
    room = Room("ana", cash=100_000)
    room.fill("ana", "INDEX", -2, 16_000)  # 4,000.00 points, 50 a point, two contracts: 400,000
    room.mark(INDEX=15_990)
    (view,) = room.engine.positions("ana")
    assert (view.side, view.quantity, view.units, view.avg_entry_price, view.mark_price) == (
        "SHORT",
        -2,
        -2,
        4_000,
        3_997.5,
    )
    assert (view.cost_basis, view.market_value) == (-400_000 * MICRO, -399_750 * MICRO)
    assert (view.unrealized_pnl, view.realized_pnl) == (250 * MICRO, 0)
    assert (view.sector, view.asset_class) == ("Index", "Future")
    account = room.engine.account("ana")
    assert (account.gross_exposure, account.net_exposure) == (399_750 * MICRO, -399_750 * MICRO)
    assert account.leverage == pytest.approx(399_750 / 100_250)
    assert account.turnover == 4.0
    assert account.total_return == 0.0025


def test_exposure_by_group() -> None:
    room = Room("ana", cash=10_000)
    room.fill("ana", "ACME", 100, 1000, fee=0)  # 1,000
    room.fill("ana", "BOLT", -100, 300, fee=0)  # -1,500
    room.fill("ana", "COIN", 1_000, 5_000, fee=0)  # 500
    room.fill("ana", "INDEX", 1, 400, fee=0)
    room.fill("ana", "INDEX", -1, 400, fee=0)
    ask = room.engine.exposure
    assert [(v.group, v.gross // MICRO, v.net // MICRO) for v in ask("ana")] == [
        ("BOLT", 1_500, -1_500), ("ACME", 1_000, 1_000), ("COIN", 500, 500)
    ]  # fmt: skip
    tools, money = ask("ana", by="sector")
    assert (tools.group, tools.long, tools.short, tools.net) == ("Tools", 1_000 * MICRO, -1_500 * MICRO, -500 * MICRO)
    assert (money.group, money.weight) == ("Money", 0.05)
    assert [(v.group, v.gross // MICRO) for v in ask("ana", by="asset_class")] == [("Equity", 2_500), ("Crypto", 500)]
    for by in ("instrument", "sector", "asset_class"):
        views = ask("ana", by=by)
        assert sum(v.net for v in views) == room.engine.account("ana").net_exposure
    with pytest.raises(PortfolioError, match="sector"):
        ask("ana", by="colour")  # type: ignore[arg-type]


# --- drawdown ------------------------------------------------------------------------------------------------------


def test_drawdown_is_followed_value_by_value() -> None:
    room = Room("ana", cash=1_000)
    room.fill("ana", "ACME", 100, 1000, fee=0)  # all in: nav is the price times 100
    depths = []
    for px in (1_100, 990, 1_200, 900, 1_000):  # all within one second: one cell of the curve
        room.mark(ACME=px)
        depths.append(room.engine.account("ana").drawdown)
    assert depths == pytest.approx([0, -0.1, 0, -0.25, -1 / 6])
    view = room.engine.account("ana")
    assert (view.high_water_mark, view.max_drawdown) == (1_200 * MICRO, -0.25)


def test_fees_alone_are_a_drawdown() -> None:
    room = Room("ana", cash=1_000)
    room.fill("ana", "ACME", 1, 1000, fee=MICRO)
    assert room.engine.account("ana").max_drawdown == -0.001


# --- slippage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lots", "px", "bps"),
    [
        (10, 1_001, 10.0),  # bought at the ask, a tick above the mid of 1,000
        (-10, 999, 10.0),  # sold at the bid: a cost too
        (10, 999, -10.0),  # bought at the bid: earned it
        (10, 1_000, 0.0),
    ],
)
def test_slippage_is_positive_when_it_costs(lots: int, px: int, bps: float) -> None:
    room = Room("ana")
    side = Side.BUY if lots > 0 else Side.SELL
    order_id = room.accept("ana", "ACME", side, abs(lots), bid=999, ask=1_001)
    room.fill("ana", "ACME", lots, px, order_id=order_id)
    assert room.engine.account("ana").slippage_bps == pytest.approx(bps)


def test_slippage_weighs_by_notional() -> None:
    room = Room("ana")
    first = room.accept("ana", "ACME", Side.BUY, 30, bid=999, ask=1_001)
    room.fill("ana", "ACME", 10, 1_001, order_id=first, leaves=20)
    room.mark(ACME=1_050)
    room.replace("ana", "ACME", first, 25, 15)
    room.fill("ana", "ACME", 15, 1_005, order_id=first)  # still against the mid of 1,000 on arrival
    second = room.accept("ana", "BOLT", Side.SELL, 10, bid=199, ask=201)
    room.fill("ana", "BOLT", -10, 200, order_id=second)
    cost = (10 * 1 + 15 * 5) * 0.01
    notional = 25 * 10.0 + 10 * 10.0
    assert room.engine.account("ana").slippage_bps == pytest.approx(1e4 * cost / notional)


@pytest.mark.parametrize(("bid", "ask", "mark", "arrival"), [(999, 0, 0, 999), (0, 1_001, 0, 1_001), (0, 0, 995, 995)])
def test_arrival_with_a_side_missing(bid: int, ask: int, mark: int, arrival: int) -> None:
    room = Room("ana")
    if mark:
        room.mark(ACME=mark)
    order_id = room.accept("ana", "ACME", Side.BUY, 10, bid=bid, ask=ask)
    room.fill("ana", "ACME", 10, 1_010, order_id=order_id)
    assert room.engine.account("ana").slippage_bps == pytest.approx(1e4 * (1_010 - arrival) / arrival)


def test_an_order_without_arrival_price_does_not_count() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    assert math.isnan(room.engine.account("ana").slippage_bps)


def test_only_working_orders_are_remembered() -> None:
    room = Room("ana")
    filled, canceled, shrunk = (room.accept("ana", "ACME", Side.BUY, 10, bid=999, ask=1_001) for _ in range(3))
    room.fill("ana", "ACME", 4, 1_001, order_id=filled, leaves=6)
    assert len(room.engine.state("ana").arrivals) == 3
    room.fill("ana", "ACME", 6, 1_001, order_id=filled)
    room.cancel("ana", "ACME", canceled, 10)
    room.replace("ana", "ACME", shrunk, 1, 0)
    assert room.engine.state("ana").arrivals == {}


# --- facts that do not fit -------------------------------------------------------------------------------------------


def test_what_concerns_no_money_is_ignored() -> None:
    room = Room("ana")
    before = repr(room.engine.account("ana"))
    room.engine.apply(NewsPublished(50, OPEN_NS + 5, "ACME", "Anvils recalled"))
    room.engine.apply(RoomClosed(51, OPEN_NS + 6, "end of tape"))
    assert repr(room.engine.account("ana")) == before
    assert (room.engine.seq, room.engine.ts_ns) == (51, OPEN_NS + 6)


def test_every_kind_of_fact_has_a_field_for_its_place() -> None:
    assert all({"seq", "ts_ns"} <= set(kind.__struct_fields__) for kind in get_args(Fact))


@pytest.mark.parametrize(
    ("fact", "named"),
    [
        (AccountOpened(9, OPEN_NS, "ana", 5, "USD"), "'ana' opens twice"),
        (RoomOpened(9, OPEN_NS, "again", LISTED), "'again' opens twice"),
        (Marked(9, OPEN_NS, ((0, 1_234), (4, 1_000))), "instrument 4"),
        (Marked(9, OPEN_NS, ((-1, 1_000),)), "instrument -1"),
    ],
)
def test_a_contradiction_changes_nothing(fact: Fact, named: str) -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    before = room.engine.snapshot()
    with pytest.raises(PortfolioError, match=named):
        room.engine.apply(fact)
    assert room.engine.snapshot() == before


@pytest.mark.parametrize(
    ("account", "symbol", "quantity"), [("zoe", "ACME", 1), ("ana", "NOPE", 1), ("ana", "ACME", 0)]
)
def test_a_fill_that_does_not_fit_changes_nothing(account: str, symbol: str, quantity: int) -> None:
    room = Room("ana")
    before = room.engine.snapshot()
    good = room.fill("ana", "ACME", 1, 1_000)
    del good
    template = room.engine.fills("ana")[0]
    fresh = Room("ana")
    values = {field: getattr(template, field) for field in Fill.__struct_fields__}
    with pytest.raises(PortfolioError, match="do not fit"):
        fresh.engine.apply(Fill(**{**values, "account": account, "symbol": symbol, "last_qty": quantity}))
    assert fresh.engine.snapshot() == before


def test_unknown_names_are_told_with_the_known_ones() -> None:
    engine = Room("ana", "ben").engine
    with pytest.raises(PortfolioError, match=r"'zoe'.*ana, ben"):
        engine.account("zoe")
    with pytest.raises(PortfolioError, match=r"'ZZZ'.*ACME"):
        engine.mark("ZZZ")
    with pytest.raises(PortfolioError, match="none yet"):
        PortfolioEngine().positions("ana")


def test_a_wrong_number_is_found_and_named() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    room.engine.state("ana").nav += 1
    with pytest.raises(PortfolioError, match=r"'ana'.*nav"):
        room.engine.check()
    room.engine.state("ana").nav -= 1
    room.engine.state("ana").home.cash += 1
    room.engine.state("ana").nav += 1
    room.engine.state("ana").home.paid_in += 1
    with pytest.raises(PortfolioError, match="ledger says"):
        room.engine.check()


def test_a_wrong_number_of_shares_is_found_and_named() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 10, 1_000)
    room.engine.ledger.post([((("shares", "ana", "ACME"), "ACME"), 1), ((("market", "ACME"), "ACME"), -1)])
    with pytest.raises(PortfolioError, match=r"lots of ACME and what the ledger says differ \(10 and 11\)"):
        room.engine.check()


def test_money_in_whole_numbers_of_any_size() -> None:
    """Beyond 64 bits everything still adds up, and goes into a snapshot and back."""
    room = Room("ana", cash=1e12)
    room.fill("ana", "ACME", 2**40, 2**40, fee=0)
    room.fill("ana", "ACME", -(2**39), 2**40 + 1, fee=0)
    room.mark(ACME=2**40 + 2)
    room.engine.check()
    view = room.engine.account("ana")
    assert view.realized_pnl == 2**39 * ACME.tick_value
    assert view.traded_notional > 2**80
    again = PortfolioEngine.restore(room.engine.snapshot())
    assert again.account("ana") == view
    assert again.round_trips("ana") == room.engine.round_trips("ana")
    assert again.state_hash() == room.engine.state_hash()
