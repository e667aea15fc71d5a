"""What do the tests of the log, the runtime and recovery play? A seeded stream of messages, and checks from scratch.

Rules: :func:`messages` is a pure function of its seed, so a failure is replayed by the number it prints; every kind of
message, order and market data is in it, good and bad. Nothing that is checked is taken from the code under test: the
chain is hashed again here, cash and shares are added up again from the facts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.messages import (
    AccountOpened,
    CancelOrder,
    Fact,
    Fill,
    Inbound,
    MarketFrame,
    OpenAccount,
    OpenRoom,
    ReplaceOrder,
    RoomCommand,
    SubmitOrder,
    UserAction,
    decode_facts,
    decode_inbound,
)  # fmt: skip
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.errors import JournalError
from vtrade.execution.engine import Engine
from vtrade.market.dtype import Kind, SessionStatus, empty_events
from vtrade.ports import Entry, Log, Snapshot
from vtrade.services.runtime import Runtime, verify

S = 1_000_000_000
ALFA = Instrument.make("ALFA", tick="0.01", fees=FeeSchedule.per_share("0.005"), sector="Tools")
BETA = Instrument.make("BETA", tick="0.05", fees=FeeSchedule.bps("1.5"), sector="Tools")
GAMA = Instrument.make("GAMA", tick="0.25", multiplier=50, asset_class="Future", fees=FeeSchedule.contract("0.85"))
DELT = Instrument.make("DELT", tick="0.01", lot="0.001", asset_class="Crypto", calendar="24/7")
LISTED = (ALFA, BETA, GAMA, DELT)
"""L3, L2, L1 and bars, in this order."""
MID = 10_000
ACCOUNTS = ("ana", "ben", "study")


def opening(*, cash: int = 1_000_000, instruments: Sequence[Instrument] = LISTED) -> list[Inbound]:
    """A new room: two accounts with limits, one that may go short, one without limits."""
    return [
        OpenRoom(0, "test", tuple(instruments), seed=7, tape="a tape"),
        OpenAccount(0, "ana", cash * MICRO),
        OpenAccount(0, "ben", cash * MICRO, "USD", RiskLimits(allow_short=True, concentration_ppm=MICRO)),
        OpenAccount(0, "study", cash * MICRO, "USD", NO_LIMITS),
    ]


def row(
    kind: Kind, *, instrument: int = 0, side: int = 0, price: int = 0, quantity: int = 0, order_id: int = 0
) -> tuple[int, ...]:
    """One market event without its time."""
    return price, quantity, order_id, instrument, kind, side, 0


def frame(ts_ns: int, *rows: tuple[int, ...]) -> MarketFrame:
    """A frame of rows that all happen at ``ts_ns``."""
    events = empty_events(len(rows))
    for i, values in enumerate(rows):
        events[i] = (ts_ns, *values)
    return MarketFrame(ts_ns, events.tobytes())


def book_frame(ts_ns: int, *, lots: int = 500) -> MarketFrame:
    """Five levels on each side of ``BETA``."""
    return frame(
        ts_ns,
        *(row(Kind.LEVEL, instrument=1, side=1, price=MID - n, quantity=lots) for n in range(1, 6)),
        *(row(Kind.LEVEL, instrument=1, side=-1, price=MID + n, quantity=lots) for n in range(1, 6)),
    )


def buy(client_order_id: str, *, ts_ns: int = S, account: str = "ana", units: int = 1, limit: int | None = None,
        symbol: str = "BETA") -> SubmitOrder:  # fmt: skip
    """A buy of ``BETA``, at market or at ``limit`` ticks."""
    price = None if limit is None else limit * BETA.tick_size
    kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    return SubmitOrder(ts_ns, account, client_order_id, symbol, Side.BUY, kind, units * MICRO, price)


# --- a stream of everything --------------------------------------------------------------------------------------


class _Stream:
    """What the stream must remember to stay a market that could be: resting L3 orders, the bar, names of orders."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.ts_ns = 0
        self.l3: dict[int, list[int]] = {}
        self.last_id = 0
        self.bar = 0
        self.names: list[tuple[str, str]] = []

    def message(self) -> Inbound:
        luck = self.luck
        self.ts_ns += luck.choice((0, 1, 1_000, S, 60 * S))
        what = luck.random()
        if what < 0.42:
            return frame(self.ts_ns, *(self._row() for _ in range(luck.choice((1, 2, 5, 40)))))
        if what < 0.78:
            return self._submit()
        if what < 0.84:
            account, name = self._name()
            return CancelOrder(self.ts_ns, account, name)
        if what < 0.91:
            return self._replace()
        if what < 0.94:
            return UserAction(self.ts_ns, luck.choice(ACCOUNTS), "plan_written", "ALFA", "hold é 株")
        if what < 0.96:
            return OpenAccount(self.ts_ns, luck.choice((*ACCOUNTS, "late")), 5_000 * MICRO)
        action = luck.choice(("news", "halt", "resume", "resume"))
        return RoomCommand(self.ts_ns, action, luck.choice(("", "ALFA", "BETA", "DELT")), "because")

    def _row(self) -> tuple[int, ...]:
        kind = self.luck.randrange(4)
        if self.luck.random() < 0.02:
            status = self.luck.choice((*SessionStatus, SessionStatus.OPEN, SessionStatus.RESUMED))
            return row(Kind.STATUS, instrument=kind, quantity=status)
        return (self._order, self._level, self._quote, self._bar)[kind]()

    def _order(self) -> tuple[int, ...]:
        luck = self.luck
        if len(self.l3) < 4 or luck.random() < 0.5:
            self.last_id += 1
            side = luck.choice((1, -1))
            self.l3[self.last_id] = [side, MID - side * luck.randint(1, 9), luck.randint(1, 300)]
            side, price, lots = self.l3[self.last_id]
            return row(Kind.ADD, side=side, price=price, quantity=lots, order_id=self.last_id)
        number = luck.choice(list(self.l3))
        side, price, left = self.l3[number]
        kind = luck.choice((Kind.REDUCE, Kind.DELETE, Kind.EXECUTE))
        lots = left if kind == Kind.DELETE else luck.randint(1, left)
        self.l3[number][2] -= lots
        if not self.l3[number][2]:
            del self.l3[number]
        return row(kind, side=side, price=price, quantity=lots, order_id=number)

    def _level(self) -> tuple[int, ...]:
        luck = self.luck
        side = luck.choice((1, -1))
        if luck.random() < 0.3:
            return row(
                Kind.TRADE, instrument=1, side=side, price=MID + luck.randint(-3, 3), quantity=luck.randint(1, 90)
            )
        lots = luck.choice((0, luck.randint(1, 500)))
        return row(Kind.LEVEL, instrument=1, side=side, price=MID - side * luck.randint(1, 6), quantity=lots)

    def _quote(self) -> tuple[int, ...]:
        luck = self.luck
        side = luck.choice((1, -1))
        lots = luck.choice((0, 10, 200, 200))
        price = MID - side * luck.randint(1, 3) if lots else 0
        return row(Kind.QUOTE, instrument=2, side=side, price=price, quantity=lots)

    def _bar(self) -> tuple[int, ...]:
        kind = (Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE)[self.bar % 4]
        price = {Kind.BAR_HIGH: MID + 20, Kind.BAR_LOW: MID - 20}.get(kind, MID + self.luck.randint(-20, 20))
        self.bar += 1
        return row(kind, instrument=3, price=price, quantity=5_000_000 if kind == Kind.BAR_OPEN else 0)

    def _name(self) -> tuple[str, str]:
        return self.luck.choice(self.names) if self.names else ("ana", "none")

    def _submit(self) -> SubmitOrder:
        luck = self.luck
        instrument = luck.choice(LISTED)
        account, name = luck.choice((*ACCOUNTS, *ACCOUNTS, "nobody")), f"c{len(self.names)}"
        if self.names and luck.random() < 0.05:
            account, name = self._name()
        self.names.append((account, name))
        kind = luck.choice(list(OrderType))
        units = luck.choice((1, 1, 5, 20, 100, 0, 10**9)) * MICRO
        near = (MID + luck.randint(-12, 12)) * instrument.tick_size + luck.choice((0,) * 19 + (1,))
        stop = (MID + luck.randint(-12, 12)) * instrument.tick_size
        return SubmitOrder(
            self.ts_ns, account, name, luck.choice((instrument.symbol,) * 19 + ("NONE",)), luck.choice(list(Side)),
            kind, units, near if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) else None,
            stop if kind in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) else None, luck.choice(list(TimeInForce)),
        )  # fmt: skip

    def _replace(self) -> ReplaceOrder:
        luck = self.luck
        account, name = self._name()
        quantity = luck.choice((None, 1, 7, 50))
        price = luck.choice((None, (MID + luck.randint(-5, 5)) * 50_000))
        return ReplaceOrder(self.ts_ns, account, name, quantity and quantity * MICRO, price)


def messages(seed: int, count: int) -> list[Inbound]:
    """A room of ``count`` messages after its opening."""
    stream = _Stream(seed)
    return [*opening(), *(stream.message() for _ in range(count))]


def batches(stream: Sequence[Inbound], seed: int, *, most: int = 7) -> Iterator[list[Inbound]]:
    """The same messages in batches of uneven size."""
    luck = random.Random(seed)
    at = 0
    while at < len(stream):
        size = luck.randint(1, most)
        yield list(stream[at : at + size])
        at += size


# --- what must hold ----------------------------------------------------------------------------------------------


def fold(log: Log, *, until: int | None = None) -> Engine:
    """An engine that has seen every message of a log and no snapshot."""
    engine = Engine()
    for entry in log.read():
        if until is not None and entry.seq > until:
            break
        engine.process(decode_inbound(entry.message))
    return engine


def chain_of(entries: Iterable[Entry]) -> bytes:
    """The chain value after all entries, hashed again; checks each one on the way."""
    chain = bytes(32)
    for number, entry in enumerate(entries, start=1):
        assert entry.seq == number, f"record {entry.seq} stands where {number} should"
        length = len(entry.message).to_bytes(8, "big")
        chain = hashlib.sha256(chain + length + entry.message + entry.facts).digest()
        assert chain == entry.chain, f"record {number} has another chain value"
    return chain


def facts_of(log: Log) -> list[Fact]:
    """Every fact of a log."""
    return [fact for entry in log.read() for fact in decode_facts(entry.facts)]


def check_ledger(log: Log, engine: Engine) -> None:
    """Facts are numbered without a gap, and cash, shares and ids of the engine are what the facts add up to."""
    cash: dict[str, int] = {}
    shares: dict[tuple[str, int], int] = defaultdict(int)
    index = {instrument.symbol: k for k, instrument in enumerate(engine.instruments)}
    ids: set[tuple[str, str]] = set()
    for number, fact in enumerate(facts_of(log), start=1):
        assert fact.seq == number
        name = getattr(fact, "client_order_id", None)
        if name is not None and getattr(fact, "account", "") in cash:
            ids.add((getattr(fact, "account", ""), name))
        if isinstance(fact, AccountOpened):
            cash[fact.account] = fact.cash
        elif isinstance(fact, Fill):
            instrument = engine.instruments[index[fact.symbol]]
            cash[fact.account] -= fact.side * fact.last_px * fact.last_qty * instrument.tick_value + fact.fee
            shares[fact.account, index[fact.symbol]] += fact.side * fact.last_qty
    for name, account in engine.accounts.items():
        assert account.cash == cash[name], f"{name} has {account.cash}, the facts give {cash[name]}"
        assert account.positions == [shares[name, k] for k in range(len(engine.instruments))]
        assert {(name, key) for key in account.ids} <= ids


def rows(path: Path | str) -> list[tuple[int, bytes, bytes, bytes]]:
    """The records of a journal as SQLite has them."""
    with SqliteLog(path, read_only=True) as log:
        return [(e.seq, e.message, e.facts, e.chain) for e in log.read()]


def tamper(path: Path | str, statement: str, *values: object) -> None:
    """Edit a journal by hand."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        changed = db.execute(statement, values).rowcount
        assert changed > 0, "nothing was edited"
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


@contextlib.contextmanager
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background and the system keeps it from them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class HookedLog:
    """A log in memory that calls back around each append, for errors at the worst moment."""

    def __init__(self, inner: Log | None = None) -> None:
        self.inner = inner or SqliteLog(MEMORY)
        self.before: Callable[[Sequence[Entry]], None] = lambda entries: None
        self.after: Callable[[Sequence[Entry]], None] = lambda entries: None
        self.appends: list[int] = []
        self.read_from: list[int] = []
        self.closed = False

    def append(self, entries: Sequence[Entry]) -> None:
        self.before(entries)
        self.inner.append(entries)
        self.appends.append(len(entries))
        self.after(entries)

    def read(self, after: int = 0) -> Iterator[Entry]:
        self.read_from.append(after)
        return self.inner.read(after)

    def last(self) -> Entry | None:
        return self.inner.last()

    def save_snapshot(self, snapshot: Snapshot) -> None:
        self.inner.save_snapshot(snapshot)

    def load_snapshot(self, at_most: int | None = None) -> Snapshot | None:
        return self.inner.load_snapshot(at_most)

    def damage(self) -> str:
        return self.inner.damage()

    def close(self) -> None:
        self.closed = True
        self.inner.close()


# --- processes of their own -----------------------------------------------------------------------------------------


def _verdict(path: str) -> dict[str, object]:
    sys.stderr.write(f"verifying {path}\n")  # the last line before a crash
    with SqliteLog(path, read_only=True) as log:
        found = verify(log)
    return {"ok": found.ok, "record": found.record, "why": str(found)[:500]}


def _content(path: str) -> tuple[list[Entry], bytes | None]:
    """What anybody can read: the records, and the state a room would start from."""
    with SqliteLog(path, read_only=True) as log:
        snapshot = log.load_snapshot()
        return list(log.read()), snapshot.state if snapshot else None


def flips(path: str, step: int, start: int) -> dict[str, object]:
    """Flip one bit of every ``step``-th byte of a journal, each time from the whole file, and verify."""
    whole = Path(path).read_bytes()
    target = Path(path).with_name("flipped")
    entries, state = _content(path)
    found, refused, unnoticed, wrong, crashes = 0, 0, [], [], []
    for at in range(start, len(whole), step):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << (at // step % 8)
        target.write_bytes(damaged)
        try:
            verdict = _verdict(str(target))
            if not verdict["ok"]:
                found += 1
                continue
            unnoticed.append(at)
            now, now_state = _content(str(target))
            if now != entries or now_state not in (None, state):
                wrong.append(at)
        except JournalError:
            refused += 1
        except Exception as error:
            crashes.append((at, f"{type(error).__name__}: {error}"))
        finally:
            for ending in ("-wal", "-shm"):
                Path(f"{target}{ending}").unlink(missing_ok=True)
    tried = len(range(start, len(whole), step))
    return {"tried": tried, "found": found + refused, "refused": refused, "unnoticed": unnoticed, "wrong": wrong,
            "crashes": crashes}  # fmt: skip


def digest(records: Iterable[tuple[int, bytes, bytes, bytes]]) -> str:
    """SHA-256 of all records, with their lengths."""
    total = hashlib.sha256()
    for seq, *parts in records:
        total.update(seq.to_bytes(8, "big"))
        for part in parts:
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def digest_of(seed: int, count: int) -> str:
    """The records that a stream gives in one batch, without snapshots."""
    with SqliteLog(MEMORY) as log:
        Runtime(log, snapshot_every=10**9).submit(messages(seed, count))
        return digest((e.seq, e.message, e.facts, e.chain) for e in log.read())


def trade(path: str, turn: int) -> None:
    """Trade until killed; an id is printed once :meth:`Runtime.submit` has returned."""
    runtime = Runtime(SqliteLog(path), snapshot_every=11)
    if not runtime.engine.instruments:
        runtime.submit(opening())
    number = 0
    while True:
        if number % 17 == 16:  # so that some are killed while they close or open
            runtime.close()
            runtime = Runtime(SqliteLog(path), snapshot_every=11)
        ts_ns = runtime.engine.now + 1_000_000
        batch: list[Inbound] = [book_frame(ts_ns, lots=100 + number % 7)] if number % 5 == 0 else []
        size = (1, 1, 4, 1, 30)[number % 5]
        orders = [
            buy(f"{turn}-{number}-{n}", ts_ns=ts_ns, account=ACCOUNTS[n % 3], limit=None if n % 2 else MID - 1 - n % 9)
            for n in range(size)
        ]
        runtime.submit([*batch, *orders])
        sys.stdout.write("".join(f"{order.client_order_id}\n" for order in orders))
        sys.stdout.flush()
        number += 1


def main(arguments: Sequence[str]) -> None:
    what, *rest = arguments
    answers: dict[str, Callable[[], object]] = {
        "verdicts": lambda: [_verdict(path) for path in rest],
        "digest": lambda: digest_of(int(rest[0]), int(rest[1])),
        "trade": lambda: trade(rest[0], int(rest[1])),
        "flips": lambda: flips(rest[0], int(rest[1]), int(rest[2])),
    }
    sys.stdout.write(json.dumps(answers[what]()) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
