"""Is a class behind Kafka and Redis the same, byte for byte, as one in a single process?

A class of 50 accounts trades through the whole recorded day of AMZN, embedded. The same messages are then posted to a
real Kafka, where worker processes fold them. Records, chain values, state hashes, what Redis shows and the standings
have to be equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.backbone.crew import crew, own_settings, until
from tests.servers import Server
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.hot import HotState
from vtrade.adapters.redis import embedded_redis
from vtrade.adapters.sqlite import SqliteLog
from vtrade.bootstrap.backbone import backbone, rebuild_rooms
from vtrade.domain.messages import (
    CancelOrder,
    Inbound,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    SubmitOrder,
    UserAction,
    decode_facts,
    decode_inbound,
    encode_inbound,
)
from vtrade.domain.orders import OrderType, Side
from vtrade.domain.topics import INBOUND, TRADES, inbound_headers, partition_of
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.gamification.engine import ProgressEngine
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.load import load_tape
from vtrade.market.tape import Tape
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Entry, Outgoing
from vtrade.services.feed import TapeFeed
from vtrade.services.joined import Beginning, entries_of
from vtrade.services.pace import head_of
from vtrade.services.runtime import Runtime, verify
from vtrade.services.workers.gamification import GamificationRole
from vtrade.services.workers.places import Place
from vtrade.services.workers.portfolio import PortfolioRole
from vtrade.services.workers.rebuild import rooms_of_log

pytestmark = [pytest.mark.needs("data", "kafka", "redis"), pytest.mark.timeout(900)]

ROOM = "Marktmikrostruktur II: Übung 3"
ACCOUNTS = tuple(f"student {n:02}" for n in range(50))
ORDERS = 2_000
SEED = 20_120_621


def class_of_a_day(tape: Tape) -> Iterator[tuple[Inbound, str]]:
    """What a class does in a day: messages with their ids, in the order in which they reach the room."""
    luck = np.random.default_rng(SEED)
    start = tape.start_ns
    yield OpenRoom(start, ROOM, tape.instruments, seed=7, tape="lobster:AMZN"), "open/0"
    for n, account in enumerate(ACCOUNTS):
        yield OpenAccount(start, account, 1_000_000 * MICRO), f"open/{n + 1}"
    feed, place = TapeFeed(tape), Place()
    times = np.sort(luck.integers(start + NS_PER_S, tape.end_ns, ORDERS))
    for n, moment in enumerate(times.tolist()):
        for message in feed.read(moment):
            after = place.behind(message)
            assert after is not None
            yield message, place.id
            place = after
        account = ACCOUNTS[int(luck.integers(len(ACCOUNTS)))]
        quantity = int(luck.integers(1, 400)) * MICRO
        side = Side.BUY if luck.random() < 0.55 else Side.SELL
        kind = luck.random()
        if kind < 0.15 and n:
            yield CancelOrder(moment, account, f"o{int(luck.integers(n))}"), f"{account}/{n}"
        elif kind < 0.25:
            yield UserAction(moment, account, "plan_written", "AMZN", "buy low"), f"{account}/{n}"
        else:
            limit = None if kind < 0.6 else (222_500 + int(luck.integers(-150, 150))) * 1_000
            order = OrderType.MARKET if limit is None else OrderType.LIMIT
            yield SubmitOrder(moment, account, f"o{n}", "AMZN", side, order, quantity, limit), f"{account}/{n}"
    for message in feed.read(tape.end_ns):
        after = place.behind(message)
        assert after is not None
        yield message, place.id
        place = after


@pytest.fixture(scope="module")
def tape(data_dir: Path) -> Tape:
    return load_tape(f"lobster:{data_dir / 'lobster' / 'LOBSTER_SampleFile_AMZN_2012-06-21_5.zip'}")


def test_a_day_of_a_class_of_fifty_is_the_same_behind_kafka(
    tape: Tape, kafka_server: Server, redis_server: Server, tmp_path: Path
) -> None:
    said = list(class_of_a_day(tape))
    with SqliteLog(tmp_path / "embedded.vtrade") as log:
        runtime = Runtime(log)
        runtime.submit_many([message for message, _ in said], batch=1_024)
        expected, state_hash = list(log.read()), runtime.engine.state_hash()
    fills = sum(b"Fill" in entry.facts for entry in expected)
    assert len(expected) == len(said)
    assert fills > 500

    settings = own_settings(kafka_server.settings, redis_server.url, tmp_path, prefix="parity")
    with backbone(settings) as (bus, cache), crew(settings, tmp_path, "execution", "portfolio", "gamification"):
        partition = partition_of(ROOM, bus.partitions())
        posted = [
            Outgoing(INBOUND, ROOM, _wire(message), inbound_headers(message_id), partition)
            for message, message_id in said
        ]
        twice = [record for n, record in enumerate(posted) for _ in range(1 + (n % 10 == 0))]
        for first in range(0, len(twice), 2_000):
            bus.write(twice[first : first + 2_000])
        until(lambda: bus.ends(TRADES)[partition][1] >= len(twice), "all messages answered", within_s=300)
        beginning = Beginning(0, 0, "lobster:AMZN", head_of(tape))
        found = list(entries_of(bus, ROOM, beginning))
        assert [entry.chain for entry in found] == [entry.chain for entry in expected]
        assert found == expected

        with SqliteLog(tmp_path / "exported.vtrade") as log:
            log.append(found)
            verdict = verify(log)
        assert verdict.ok
        assert verdict.state_hash == state_hash

        portfolio, progress = PortfolioEngine(), ProgressEngine()
        for fact in _facts(expected):
            portfolio.apply(fact)
            progress.apply(fact)
        portfolio.check()
        clock = SystemClock()
        hot = {name: HotState(cache, ROOM, name, clock=clock) for name in ("portfolio", "gamification")}
        roles = (
            PortfolioRole(None, clock=clock, partitions=bus.partitions()),
            GamificationRole(None, clock=clock, partitions=bus.partitions()),
        )
        due = {
            one.projection: {account: view for account, view, _ in one.rows()}
            for role in roles
            for one in rooms_of_log(bus, role, ROOM)
        }
        for name, state in hot.items():
            until(lambda n=name, s=state: views_of(s) == due[n], f"Redis shows {name} as the log tells it")  # type: ignore[misc]
        boards = {
            "nav": hot["portfolio"].leaderboard("nav").top(50),
            "xp": hot["gamification"].leaderboard("xp").top(50),
        }
        scores = {"nav": {name: portfolio.account(name).nav for name in ACCOUNTS}, "xp": progress.scores()}
        for by, standings in boards.items():
            embedded = Leaderboard(embedded_redis(), by)
            embedded.update_many(scores[by])
            assert standings == embedded.top(50)

        cache.flushdb()
        rebuilt = {(one.room, one.projection): one for one in rebuild_rooms(settings, ROOM)}
        assert {projection for _, projection in rebuilt} == {"portfolio", "gamification"}
        for name, state in hot.items():
            assert views_of(state) == due[name]
        assert hot["portfolio"].leaderboard("nav").top(50) == boards["nav"]


def views_of(state: HotState) -> dict[str, bytes | None]:
    return {account: view for account, (_, view) in state.views(ACCOUNTS).items()}


def _wire(message: Inbound) -> bytes:
    wire = encode_inbound(message)
    assert decode_inbound(wire) == message or isinstance(message, MarketFrame)
    return wire


def _facts(entries: list[Entry]) -> Iterator[object]:
    for entry in entries:
        yield from decode_facts(entry.facts)
