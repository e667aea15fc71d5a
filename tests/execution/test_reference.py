"""Does the engine match as a naive exchange does, execution by execution?

Rules: participants only, without limits, in an empty market, so that every trade is between two of them. The contest's
feed: a row with a price is a limit order (side 0 buys, 1 sells), numbered from 1; price 0 cancels the order whose
number stands in the size column, if it still works.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.execution.naive import NaiveExchange, NaiveQueues, Trade
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, empty_events

ACME = Instrument.make("ACME", tick="0.01")
TICK = ACME.tick_size


def room() -> Engine:
    engine = Engine()
    engine.process(msg.OpenRoom(0, "reference", (ACME,)))
    return engine


def join(engine: Engine, account: str) -> None:
    if account not in engine.accounts:
        engine.process(msg.OpenAccount(0, account, 0, "USD", NO_LIMITS))


def trades_of(facts: list[msg.Fact], names: dict[int, str]) -> list[Trade]:
    """Executions between participants, each told once."""
    fills = [fact for fact in facts if isinstance(fact, msg.Fill)]
    told = []
    for fill in fills:
        assert fill.cause == "peer"
        if fill.liquidity == Liquidity.TAKER:
            told.append(Trade(names[fill.order_id], names[fill.contra_order_id], fill.last_px, fill.last_qty))
    makers = [
        Trade(names[fill.contra_order_id], names[fill.order_id], fill.last_px, fill.last_qty)
        for fill in fills
        if fill.liquidity == Liquidity.MAKER
    ]
    assert makers == told, "the two sides of an execution tell different stories"
    return told


def submit(
    engine: Engine, names: dict[int, str], name: str, account: str, side: int, price: int | None, lots: int,
    tif: TimeInForce = TimeInForce.DAY,
) -> tuple[list[Trade], int]:  # fmt: skip
    join(engine, account)
    names[engine.next_order_id] = name
    facts = engine.process(
        msg.SubmitOrder(
            0, account, name, "ACME", Side(side), OrderType.MARKET if price is None else OrderType.LIMIT,
            lots * MICRO, None if price is None else price * TICK, None, tif,
        )
    )  # fmt: skip
    canceled = sum(fact.leaves_quantity for fact in facts if isinstance(fact, msg.OrderCanceled))
    return trades_of(facts, names), canceled


@pytest.mark.needs("data")
@pytest.mark.parametrize("traders", ["ten", "each order its own"])
def test_the_contest_feed(data_dir: Path, traders: str) -> None:
    engine, naive = room(), NaiveExchange()
    names: dict[int, str] = {}
    owner: dict[str, str] = {}
    executions = volume = 0
    with (data_dir / "reference" / "quantcup_feed.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    for number, (_, trader, side, price, size, *_) in enumerate(rows, start=2):
        if price == "0":
            name = size
            account = owner.get(name, trader)
            join(engine, account)
            facts = engine.process(msg.CancelOrder(0, account, name))
            left = naive.cancel(name)
            assert [type(fact) for fact in facts] == [msg.CancelRejected if left is None else msg.OrderCanceled], number
            assert left is None or facts[0].leaves_quantity == left  # type: ignore[union-attr]
            continue
        name = str(len(owner) + 1)
        owner[name] = trader if traders == "ten" else name
        terms = (name, owner[name], 1 if side == "0" else -1, int(price), int(size))
        told = submit(engine, names, *terms)
        assert told == naive.submit(*terms), f"row {number}"
        executions += len(told[0])
        volume += sum(trade.lots for trade in told[0])
        if number % 500 == 0:
            for way in (1, -1):
                assert engine.depth(0, way, 10_000) == naive.depth(way), f"row {number}"
    assert executions > 4_000
    assert sum(account.cash for account in engine.accounts.values()) == 0
    assert sum(account.positions[0] for account in engine.accounts.values()) == 0
    assert volume == sum(abs(account.positions[0]) for account in engine.accounts.values()) / 2 or traders == "ten"


@pytest.mark.parametrize("seed", range(6))
def test_a_random_exchange(seed: int) -> None:
    luck = np.random.Generator(np.random.PCG64(seed))
    engine, naive = room(), NaiveExchange()
    names: dict[int, str] = {}
    quantity: dict[str, tuple[str, int, int | None, int]] = {}
    for i in range(600):
        action = luck.integers(100)
        working = list(naive.working)
        if action < 20 and working:
            name = str(luck.choice(working))
            left = naive.cancel(name)
            facts = engine.process(msg.CancelOrder(0, quantity[name][0], name))
            assert [getattr(fact, "leaves_quantity", None) for fact in facts] == [left]
        elif action < 35 and working:
            name = str(luck.choice(working))
            account, side, price, total = quantity[name]
            filled = total - naive.working[name].lots
            lots = filled + int(luck.integers(1, 60))
            new = None if price is None else int(luck.integers(995, 1006))
            facts = engine.process(
                msg.ReplaceOrder(0, account, name, lots * MICRO, None if new is None else new * TICK)
            )
            if (lots, new) == (total, price):
                assert [type(fact) for fact in facts] == [msg.ReplaceRejected]
            elif lots < total and new == price:
                naive.working[name].lots = lots - filled
                assert [type(fact) for fact in facts] == [msg.OrderReplaced]
            else:
                naive.cancel(name)
                assert trades_of(facts, names) == naive.submit(name, account, side, new, lots - filled)[0]
            quantity[name] = (account, side, new, lots)
        else:
            name = str(i)
            price = None if action > 85 else int(luck.integers(995, 1006))
            terms = (name, "abcd"[luck.integers(4)], int(luck.choice([1, -1])), price, int(luck.integers(1, 60)))
            tif = ("DAY", "DAY", "DAY", "IOC", "FOK")[luck.integers(5)]
            quantity[name] = (terms[1], terms[2], price, terms[4])
            assert submit(engine, names, *terms, TimeInForce(tif)) == naive.submit(*terms, tif=tif), f"order {i}"
        for way in (1, -1):
            assert engine.depth(0, way, 1_000) == naive.depth(way), f"after step {i}"
        assert sorted(names[order] for order in engine.orders) == sorted(naive.working)


@pytest.mark.parametrize("seed", range(6))
def test_the_queue_of_an_order_by_order_feed(seed: int) -> None:
    luck = np.random.Generator(np.random.PCG64(1_000 + seed))
    engine, naive = room(), NaiveQueues()
    alive: dict[int, tuple[int, int, int]] = {}
    ours: dict[str, tuple[int, int]] = {}
    fills = 0
    for account in "ab":
        join(engine, account)

    def row(kind: Kind, side: int, price: int, lots: int, oid: int) -> list[msg.Fact]:
        events = empty_events(1)
        events[0] = (0, price, lots, oid, 0, kind, side, 0)
        return engine.process(msg.MarketFrame(0, events.tobytes()))

    for i in range(1, 800):
        action = luck.integers(100)
        side = int(luck.choice([1, -1]))
        price = 1_000 - side * int(luck.integers(1, 4))
        if action < 40 or not alive:
            lots = int(luck.integers(1, 40))
            alive[i] = (side, price, lots)
            naive.join(side, price, f"feed {i}", lots, ours=False)
            row(Kind.ADD, side, price, lots, i)
        elif action < 55:
            name = str(i)
            naive.join(side, price, name, lots := int(luck.integers(1, 40)), ours=True)
            ours[name] = (side, price)
            order_id = engine.next_order_id
            facts = engine.process(
                msg.SubmitOrder(0, "ab"[i % 2], name, "ACME", Side(side), OrderType.LIMIT, lots * MICRO, price * TICK)
            )
            assert facts[0].queue_ahead == naive.ahead(side, price, name) == engine.queue_ahead(order_id)  # type: ignore[union-attr]
        else:
            oid = int(luck.choice(list(alive)))
            side, price, left = alive[oid]
            if action < 80:
                oid = int(str(naive.first(side, price)).removeprefix("feed "))
                left = alive[oid][2]
            lots = left if action % 3 == 0 else int(luck.integers(1, left + 1))
            if action < 80:
                facts = row(Kind.EXECUTE, side, price, lots, oid)
                told = [(f.client_order_id, f.last_px, f.last_qty) for f in facts if isinstance(f, msg.Fill)]
                assert told == naive.execute(side, price, f"feed {oid}", lots), f"step {i}"
                fills += len(told)
            else:
                row(Kind.DELETE if lots == left else Kind.REDUCE, side, price, lots, oid)
                naive.leave(side, price, f"feed {oid}", lots)
            alive[oid] = (side, price, left - lots)
            if lots == left:
                del alive[oid]
        for order_id, order in engine.orders.items():
            assert engine.queue_ahead(order_id) == naive.ahead(*ours[order.client_order_id], order.client_order_id)
    assert fills > 50
