"""What must be true at the end of a simulated day? Everything is worked out again, from the inbound log alone.

Rules: nothing that is checked is taken from the code under test. What each inbound record brings about, and which
records of the trades topic are void, is decided here, once more and in the plainest way; engines are compared with an
embedded fold that never crashed. A check that fails says which promise was broken, and where.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

import msgspec

from tests.sim.bus import Broker
from tests.sim.demand import demand
from tests.sim.references import Reference
from tests.sim.views import check_actions, check_views
from tests.sim.world import World
from vtrade.domain.messages import (
    OrderAccepted,
    OrderSubmitted,
)
from vtrade.domain.topics import INBOUND, TRADES, Claim, Passed, Told, Trade, decode_trade
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Place
from vtrade.services.workers.execution import ExecutionRoom

# --- what the trades topic says ---------------------------------------------------------------------------------------


class Answers(NamedTuple):
    """A partition of the trades topic as a careful reader takes it."""

    valid: dict[int, tuple[Told | Passed, int]]
    """By inbound offset: the first answer that counts, and its own offset."""
    order: list[tuple[str, Told]]
    stale: int
    copies: int


def read_answers(broker: Broker, number: int) -> Answers:
    """Sort out what counts; on the way, see that only one process writes under each epoch."""
    place: Place = (TRADES, number)
    epoch, stale, copies = 0, 0, 0
    holder: dict[int, str] = {}
    valid: dict[int, tuple[Told | Passed, int]] = {}
    order: list[tuple[str, Told]] = []
    for record in broker.log(place):
        if record is None:
            continue
        trade: Trade = decode_trade(record.value or b"")
        where = f"record {record.offset} of {TRADES}/{number}"
        writer = broker.writers[place, record.offset].rstrip("~")
        if isinstance(trade, Claim):
            demand(writer == trade.worker, f"{where}: {writer} claims in the name of {trade.worker}")
            stale += trade.epoch < epoch
            epoch = max(epoch, trade.epoch)
            holder.setdefault(trade.epoch, writer)
            continue
        demand(trade.epoch <= epoch, f"{where} has epoch {trade.epoch}, which nobody has claimed yet")
        if trade.epoch < epoch:
            stale += 1
            continue
        demand(holder[epoch] == writer, f"{where}: {writer} writes under epoch {epoch}, which is {holder[epoch]}'s")
        if trade.offset in valid:
            before = valid[trade.offset][0]
            same = msgspec.structs.replace(trade, epoch=before.epoch) == before
            demand(same, f"{where} answers inbound {trade.offset} a second time, and differently")
            copies += 1
            continue
        valid[trade.offset] = trade, record.offset
        if isinstance(trade, Told):
            order.append((record.key, trade))
    return Answers(valid, order, stale, copies)


# --- all of it --------------------------------------------------------------------------------------------------------


def check(world: World) -> Counter[str]:
    """Every promise; returns what the day had in it."""
    broker = world.broker
    rooms: dict[str, Reference] = {}
    seen: Counter[str] = Counter()
    heard: list[tuple[int, str, Told]] = []
    for number in range(broker.partitions):
        answers = read_answers(broker, number)
        check_answers(broker, number, answers, rooms, seen)
        heard += [(number, room, told) for room, told in answers.order]
        seen["stale_records"] += answers.stale
        seen["copied_answers"] += answers.copies
    check_promises(world)
    check_rooms(rooms)
    check_engines(world, rooms, seen)
    check_follower(world, heard)
    check_views(world, rooms, seen)
    check_actions(world, rooms, seen)
    seen["records_told"] = len(heard)
    seen["stale_heard"] = world.follower.reader.stale
    return seen


def check_answers(
    broker: Broker, number: int, answers: Answers, rooms: dict[str, Reference], seen: Counter[str]
) -> None:
    """Each inbound record has the answer it has to have, and the answers stand in the same order."""
    last = -1
    inbound = [record for record in broker.log((INBOUND, number)) if record is not None]
    for record in inbound:
        room = rooms.setdefault(record.key, Reference(record.key))
        due = room.take(record)
        where = f"inbound record {record.offset} of partition {number}, room {record.key}"
        seen[due.why or "told"] += 1
        demand(record.offset in answers.valid, f"{where} has no answer that counts")
        answer, offset = answers.valid[record.offset]
        demand(offset > last, f"{where} is answered out of turn, at {offset} behind {last}")
        last = offset
        if due.told is None:
            demand(isinstance(answer, Passed), f"{where} was told, but is {due.why}")
            assert isinstance(answer, Passed)
            broke = due.why == "refused" and answer.why == "unreadable" and answer.detail.startswith("it broke")
            demand(answer.why == due.why or broke, f"{where} was passed as {answer.why}, but is {due.why}")
            demand(bool(answer.detail), f"{where} was passed as {answer.why} and nothing says more")
        else:
            demand(isinstance(answer, Told), f"{where} counts, but was passed: {answer}")
            assert isinstance(answer, Told)
            for field in ("offset", "seq", "ts_ns", "chain", "facts"):
                demand(getattr(answer, field) == getattr(due.told, field), f"{where}: its {field} is another one")
    extra = answers.valid.keys() - {record.offset for record in inbound}
    demand(not extra, f"partition {number} has answers to inbound records that are not there: {sorted(extra)}")


def check_promises(world: World) -> None:
    """What a gateway acknowledged is where it said."""
    for request, place, offset in world.promises.kept:
        record = world.broker.log(place)[offset]
        kept = record is not None and (record.value, record.headers) == (request.record.value, request.record.headers)
        demand(kept, f"the acknowledged request {request.name!r} of room {request.room} is not at {place}/{offset}")


def check_rooms(rooms: dict[str, Reference]) -> None:
    """No order was begun twice, and every room's books add up to nothing."""
    for name, room in rooms.items():
        begun = Counter(
            (type(fact), fact.account, fact.client_order_id)
            for fact in room.facts
            if isinstance(fact, OrderSubmitted | OrderAccepted)
        )
        twice = [what for what, count in begun.items() if count > 1 and what[0] is OrderSubmitted]
        demand(not twice, f"room {name} began orders twice: {twice}")
        books = PortfolioEngine()
        books.apply_all(room.facts)
        books.check()
        for account in room.fold.engine.accounts.values():
            cash = books.account(account.name).cash
            demand(cash == account.cash, f"{account.name} of {name} has {account.cash}, its facts add up to {cash}")


def check_engines(world: World, rooms: dict[str, Reference], seen: Counter[str]) -> None:
    """The engines that survived are in the state of the embedded ones."""
    for process in world.processes:
        if process.kind != "execution":
            continue
        for name, work in process.worker.rooms().items():
            assert isinstance(work, ExecutionRoom)
            embedded = rooms[name].fold
            where = f"room {name} of {process.name}"
            demand((work.fold.seq, work.fold.chain) == (embedded.seq, embedded.chain), f"{where} is somewhere else")
            same = work.fold.engine.state_hash() == embedded.engine.state_hash()
            demand(same, f"{where} has another state than the embedded engine")
            seen["engines_compared"] += 1


def check_follower(world: World, heard: list[tuple[int, str, Told]]) -> None:
    """Who follows the trades topic has every record once, and none that is void."""
    broker, follower = world.broker, world.follower
    by_room: dict[str, list[Told]] = defaultdict(list)
    for room, told in zip(follower.rooms, follower.heard, strict=True):
        by_room[room].append(told)
    expected: dict[str, list[Told]] = defaultdict(list)
    for _, room, told in heard:
        expected[room].append(told)
    demand(by_room == expected, "a follower heard something else than what counts")
    stale = sum(read_answers(broker, number).stale for number in range(broker.partitions))
    demand(follower.reader.stale <= stale, f"a follower passed over {follower.reader.stale} records, {stale} are void")
