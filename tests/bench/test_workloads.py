"""Is the work that engines are compared by what it should be, and is a peer's figure what the peer did?"""

from __future__ import annotations

import sys
import textwrap
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vtrade.bench import peer_runs, peers, workloads
from vtrade.bench.workloads import CANCEL, LIMIT, MARKET, Book, Messages, Totals
from vtrade.market.dtype import FLAG_MARKET, Events, Kind

PREFIX = 20_000

FAKE_PEER = """
class LimitOrderBook:
    def __init__(self):
        self.orders, self.hits = set(), 0

    def limit_buy(self, order, quantity, price):
        self.orders.add(order)
        return 1

    limit_sell = limit_buy

    def market_buy(self, order, quantity):
        return {market}

    market_sell = market_buy

    def cancel(self, order):
        self.orders.remove(order)

    def count(self):
        return len(self.orders)
"""


@cache
def all_messages() -> Messages:
    return workloads.messages()


def first(found: Messages, count: int) -> Messages:
    return Messages(*(column[:count] for column in found))


def naive(messages: Messages) -> Totals:
    """The plainest book there is: a list of all orders, searched for the best one again and again."""
    live: dict[int, list[int]] = {}  # number -> side, price, what is left
    fills = volume = notional = 0
    for row, kind in enumerate(messages.kind.tolist()):
        side, price, left = (int(column[row]) for column in (messages.side, messages.price, messages.quantity))
        if kind == CANCEL:
            del live[int(messages.order_id[row])]
            continue
        while left:
            others = [(order[1] * side, number) for number, order in live.items() if order[0] == -side]
            if not others or (kind == LIMIT and min(others)[0] > price * side):
                break
            maker = live[min(others)[1]]
            filled = min(left, maker[2])
            left, maker[2] = left - filled, maker[2] - filled
            fills, volume, notional = fills + 1, volume + filled, notional + filled * maker[1]
            if not maker[2]:
                del live[min(others)[1]]
        if left and kind == LIMIT:
            live[row] = [side, price, left]
    return Totals(fills, volume, notional)


# --- w1 --------------------------------------------------------------------------------------------------------------


def test_the_whole_of_w1_gives_the_expected_fills() -> None:
    found = all_messages()
    assert len(found.kind) == workloads.COUNT
    assert workloads.match(found) == workloads.EXPECTED["w1"]
    assert np.bincount(found.kind).tolist() == [599_948, 300_563, 99_489]


def test_a_naive_book_agrees_about_the_first_messages() -> None:
    few = first(all_messages(), 2_000)
    assert naive(few) == workloads.match(few)
    many = first(all_messages(), PREFIX)
    assert workloads.match(many) == Totals(6_481, 149_226, 1_492_175_892) == naive(many)


def test_fewer_items_are_the_first_of_all() -> None:
    for few, everything in zip(workloads.messages(3_000), all_messages(), strict=True):
        assert np.array_equal(few, everything[:3_000])
    for make in (workloads.quotes, workloads.levels, workloads.bars):
        for few, more in zip(make(300), make(2_000), strict=True):
            assert np.array_equal(few, more[:300])
            assert len(more) == 2_000
    assert np.array_equal(workloads.targets(workloads.bars(2_000))[:700], workloads.targets(workloads.bars(700)))


def test_order_events_say_the_same_with_dense_ids() -> None:
    found = first(all_messages(), PREFIX)
    rows = workloads.order_events(found)
    ids = rows["order_id"][rows["kind"] == Kind.ORDER]
    assert ids.tolist() == list(range(1, len(ids) + 1))
    assert np.array_equal(rows["flags"] == FLAG_MARKET, found.kind == MARKET)
    assert (np.diff(rows["ts_ns"]) > 0).all()
    book = Book()
    for row in rows:
        order, side = int(row["order_id"]), int(row["side"])
        if row["kind"] == Kind.CANCEL:
            assert book.cancel(order)
            assert (side, row["price"], row["quantity"]) == (0, 0, 0)
        elif row["flags"] == FLAG_MARKET:
            assert row["price"] == 0
            book.market(side, int(row["quantity"]))
        else:
            book.limit(order, side, int(row["price"]), int(row["quantity"]))
    assert book.totals() == workloads.match(found)


def test_a_cancel_of_nothing_is_told() -> None:
    book = Book()
    book.limit(4, 1, 10_000, 7)
    assert not book.cancel(5)
    assert book.cancel(4)
    assert book.market(-1, 7) == []
    assert book.totals() == Totals(0, 0, 0)


# --- w2 --------------------------------------------------------------------------------------------------------------


def test_quotes_stay_where_they_were_published() -> None:
    found = workloads.quotes()
    assert (found.bid.min(), found.bid.max()) == (99_508, 100_687)
    assert (found.ask > found.bid).all()
    assert (np.diff(found.ts_ns) >= 1_000_000).all()


def test_a_market_of_quotes_is_never_crossed_between_two_rows() -> None:
    found = workloads.quotes(50_000)
    rows = workloads.quote_events(found)
    assert len(rows) == 100_000
    bid, ask = 0, 10**9
    for number, (side, price, quantity) in enumerate(rows[["side", "price", "quantity"]].tolist()):
        bid, ask = (price, ask) if side > 0 else (bid, price)
        assert bid < ask
        if number % 2:
            quote = number // 2
            assert (bid, ask) == (found.bid[quote], found.ask[quote])
            assert quantity == (found.bid_quantity if side > 0 else found.ask_quantity)[quote]
    assert np.array_equal(rows["ts_ns"], np.repeat(found.ts_ns, 2))


def test_a_book_of_levels_is_never_crossed_and_keeps_its_depth() -> None:
    found = workloads.levels()
    assert (found.price.min(), found.price.max(), (found.quantity == 0).sum()) == (99_754, 100_028, 101_756)
    assert np.array_equal(found.ts_ns, workloads.quotes().ts_ns)
    rows: Events = workloads.level_events(workloads.levels(20_000))
    book: dict[int, dict[int, int]] = {1: {}, -1: {}}
    for number, (side, price, quantity) in enumerate(rows[["side", "price", "quantity"]].tolist()):
        if quantity:
            book[side][price] = quantity
        else:
            del book[side][price]
        if number >= 20:
            assert max(book[1]) < min(book[-1])
            assert {len(book[1]), len(book[-1])} <= {9, 10, 11}
    assert set(rows["kind"]) == {Kind.LEVEL}


# --- w3 --------------------------------------------------------------------------------------------------------------


def test_bars_ask_for_the_expected_orders_and_earn_what_they_should() -> None:
    found = workloads.bars()
    held = workloads.targets(found)
    changes = np.flatnonzero(np.diff(held)) + 1
    assert len(changes) == workloads.ORDERS_W3
    opens, last = np.rint(found.open * 10_000).astype(np.int64), round(float(found.close[-1]) * 10_000)
    assert changes[-1] + 1 < len(opens)
    traded = held[changes] - held[changes - 1]
    assert int((traded * (last - opens[changes + 1])).sum()) == workloads.PNL_W3


def test_positions_follow_the_two_means() -> None:
    found = workloads.bars(3_000)
    ticks = [round(price * 10_000) for price in found.close.tolist()]
    held, before = 0, None
    for bar, target in enumerate(workloads.targets(found).tolist()):
        if bar >= 49:
            above = 5 * sum(ticks[bar - 9 : bar + 1]) > sum(ticks[bar - 49 : bar + 1])
            if before is not None and above != before:
                held = 100 if above else -100
            before = above
        assert target == held
    assert before is not None
    assert not workloads.targets(workloads.bars(50)).any()


def test_bar_events_are_whole_bars_in_a_possible_order() -> None:
    found = workloads.bars(1_000)
    rows = workloads.bar_events(found)
    prices, kinds = rows["price"].reshape(-1, 4), rows["kind"].reshape(-1, 4)
    assert (kinds[:, 0] == Kind.BAR_OPEN).all()
    assert (kinds[:, 3] == Kind.BAR_CLOSE).all()
    assert {tuple(pair) for pair in kinds[:, 1:3].tolist()} == {
        (Kind.BAR_HIGH, Kind.BAR_LOW),
        (Kind.BAR_LOW, Kind.BAR_HIGH),
    }
    assert (np.abs(prices[:, 1] - prices[:, 0]) <= np.abs(prices[:, 2] - prices[:, 0])).all()
    for column, kind in ((found.high, Kind.BAR_HIGH), (found.low, Kind.BAR_LOW), (found.close, Kind.BAR_CLOSE)):
        assert np.array_equal(rows["price"][rows["kind"] == kind], np.rint(column * 10_000).astype(np.int64))
    assert (prices.max(axis=1) == np.rint(found.high * 10_000)).all()
    assert (np.diff(rows["ts_ns"]) >= 0).all()
    assert np.array_equal(rows["quantity"][::4], found.volume.astype(np.int64))


# --- peers -----------------------------------------------------------------------------------------------------------


def test_every_run_is_of_a_known_workload() -> None:
    assert {workload for _, workload in peer_runs.RUNS} == set(workloads.WORKLOADS)
    assert all(0 < count <= workloads.COUNT for _, count in peer_runs.RUNS.values())


def test_a_saved_workload_is_read_back(tmp_path: Path) -> None:
    path = workloads.save("w3", tmp_path / "w3.npz", count=500)
    with np.load(path) as file:
        assert file.files == ["open", "high", "low", "close", "volume", "target"]
        assert np.array_equal(file["target"], workloads.targets(workloads.bars(500)))


def test_a_peer_gets_every_message_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Peer:
        """A book of somebody else, which happens to be right."""

        def __init__(self) -> None:
            self.book, self.rests = Book(), set[int]()

        def _filled(self, before: int, gone: list[int]) -> int:
            self.rests.difference_update(gone)
            return self.book.totals().volume - before

        def _limit(self, order: int, side: int, price: int, quantity: int) -> int:
            before = self.book.totals().volume
            left, gone = self.book.limit(order, side, price, quantity)
            self.rests.update([order] if left else [])
            return self._filled(before, gone)

        def limit_buy(self, order: int, quantity: int, price: int) -> int:
            return self._limit(order, 1, price, quantity)

        def limit_sell(self, order: int, quantity: int, price: int) -> int:
            return self._limit(order, -1, price, quantity)

        def market_buy(self, order: int, quantity: int) -> int:
            before = self.book.totals().volume
            return self._filled(before, self.book.market(1, quantity))

        def market_sell(self, order: int, quantity: int) -> int:
            before = self.book.totals().volume
            return self._filled(before, self.book.market(-1, quantity))

        def cancel(self, order: int) -> None:
            self.rests.remove(order)
            assert self.book.cancel(order)

        def count(self) -> int:
            return len(self.rests)

    monkeypatch.setitem(sys.modules, "orderly_chaos", SimpleNamespace(LimitOrderBook=Peer))  # type: ignore[arg-type]
    answer = peer_runs.run("orderly_chaos", workloads.save("w1", tmp_path / "w1.npz", count=PREFIX))
    assert answer["result"] == {"volume": 149_226, "live": 1_246}
    assert answer["items"] == PREFIX
    assert answer["cpu_s"] >= 0


@pytest.mark.parametrize(("market", "measured"), [("2", True), ("1 / 0", False)])
def test_a_peer_is_measured_where_peers_live_or_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: str, measured: bool
) -> None:
    (tmp_path / "orderly_chaos.py").write_text(FAKE_PEER.format(market=market), encoding="utf-8")
    python = tmp_path / "python"
    python.write_text(
        textwrap.dedent(f"""\
            #!{sys.executable}
            import os, sys
            os.environ["PYTHONPATH"] = {str(tmp_path)!r}
            os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])
            """),
        encoding="utf-8",
    )
    python.chmod(0o755)
    monkeypatch.setenv(peers.PYTHON, str(python))
    monkeypatch.setitem(peer_runs.RUNS, ("orderly_chaos", "w1"), (peer_runs.orderly_chaos, 1_000))
    assert "orderly_chaos" in peers.peers_of("w1")
    found = peers.measure("orderly_chaos", "w1", runs=2)
    kinds = np.bincount(first(all_messages(), 1_000).kind).tolist()
    if measured:
        assert found is not None
        assert found.items == 1_000
        assert found.result == {"volume": kinds[LIMIT] + 2 * kinds[MARKET], "live": kinds[LIMIT] - kinds[CANCEL]}
        assert found.items_per_cpu_s > 0
    else:
        assert found is None


def test_the_quickest_peer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {"slow": 1.0, "quick": 5.0, "broken": None}

    def measure(name: str, workload: str, *, runs: int = 1) -> peers.Measured | None:
        speed = speeds[name]
        return speed and peers.Measured(items=1, items_per_cpu_s=speed, wall_s=1.0, memory_mb=None, result={})

    monkeypatch.setattr(peers, "peers_of", lambda workload: tuple(speeds) if workload == "w1" else ())
    monkeypatch.setattr(peers, "measure", measure)
    found = peers.quickest("w1")
    assert found is not None
    assert found[0] == "quick"
    assert peers.quickest("w3") is None


def test_without_an_interpreter_no_peer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(peers.PYTHON, str(tmp_path / "nowhere"))
    assert peers.peers_of("w1") == ()
    assert peers.measure("liquibook", "w1") is None
    assert peers.measure("liquibook", "w3") is None
