"""A room told in short sentences: each method makes the facts an execution engine would, and folds them."""

from __future__ import annotations

import msgspec
import pytest

from vtrade.domain import messages as m
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.gamification.engine import ProgressEngine

SECOND = 1_000_000_000
MORNING = 1_767_364_200 * SECOND  # 2026-01-02 14:30 UTC
MONEY = 1_000_000


class Room:
    """Three instruments at 100.00 in three sectors, quoted 99.95 to 100.05; account ``ana`` with 100,000.00."""

    SYMBOLS = ("ACME", "BOLT", "CORN")

    def __init__(self, rules=None, *, start_ns=MORNING, opened=True):
        self.engine = ProgressEngine(rules)
        self.facts = []
        self.events = []
        self.seq = 0
        self.ts_ns = start_ns
        self.orders = {}
        instruments = tuple(
            Instrument.make(symbol, sector=sector)
            for symbol, sector in zip(self.SYMBOLS, ("Industry", "Energy", "Food"), strict=True)
        )
        self.say(m.RoomOpened, room="r", instruments=instruments)
        self.account("ana")
        if opened:
            self.status("OPEN")
            self.mark(10_000, 10_000, 10_000)

    def say(self, kind, /, **fields):
        self.seq += 1
        fact = kind(seq=self.seq, ts_ns=self.ts_ns, **fields)
        self.facts.append(fact)
        earned = self.engine.apply(fact)
        self.events += earned
        return earned

    def wait(self, seconds):
        self.ts_ns += int(seconds * SECOND)
        return self

    def account(self, name, cash=100_000):
        return self.say(m.AccountOpened, account=name, cash=cash * MONEY, currency="USD")

    def status(self, status, symbols=None):
        earned = []
        for symbol in symbols or self.SYMBOLS:
            earned += self.say(m.SessionChanged, symbol=symbol, status=status)
        return earned

    def mark(self, *prices):
        return self.say(m.Marked, marks=tuple(enumerate(prices)))

    def next_session(self):
        earned = self.status("CLOSED")
        self.wait(18 * 3600)
        self.status("OPEN")
        self.mark(10_000, 10_000, 10_000)
        return earned

    def accept(self, side, quantity, symbol="ACME", *, account="ana", limit=None, stop=None, bid=9_995, ask=10_005):
        order_id = len(self.orders) + 1
        kind = {
            (False, False): OrderType.MARKET,
            (True, False): OrderType.LIMIT,
            (False, True): OrderType.STOP_MARKET,
            (True, True): OrderType.STOP_LIMIT,
        }[limit is not None, stop is not None]
        self.orders[order_id] = (account, side, symbol, quantity)
        self.say(
            m.OrderAccepted, account=account, client_order_id=f"c{order_id}", order_id=order_id, symbol=symbol,
            side=side, type=kind, quantity=quantity, limit_price=limit, stop_price=stop,
            time_in_force=TimeInForce.DAY, bid=bid, bid_size=100, ask=ask, ask_size=100, queue_ahead=-1,
            waiting=Reason.NONE,
        )  # fmt: skip
        return order_id

    def fill(self, order_id, price, quantity=None, *, maker=False, fee=0):
        account, side, symbol, leaves = self.orders[order_id]
        quantity = quantity or leaves
        self.orders[order_id] = (account, side, symbol, leaves - quantity)
        return self.say(
            m.Fill, account=account, client_order_id=f"c{order_id}", order_id=order_id, symbol=symbol, side=side,
            last_px=price, last_qty=quantity, fee=fee, liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            leaves_quantity=leaves - quantity, cause="depth", bid=9_995, ask=10_005, evidence_px=price,
            evidence_qty=quantity,
        )  # fmt: skip

    def buy(self, quantity, price=10_005, symbol="ACME", **options):
        return self.fill(self.accept(Side.BUY, quantity, symbol, **options), price)

    def sell(self, quantity, price=9_995, symbol="ACME", **options):
        return self.fill(self.accept(Side.SELL, quantity, symbol, **options), price)

    def cancel(self, order_id, reason=Reason.CANCELED_BY_USER):
        account, _, symbol, leaves = self.orders[order_id]
        return self.say(
            m.OrderCanceled, account=account, client_order_id=f"c{order_id}", order_id=order_id, symbol=symbol,
            leaves_quantity=leaves, reason=reason, detail="",
        )  # fmt: skip

    def deny(self, account="ana"):
        return self.say(
            m.OrderDenied, account=account, client_order_id="d", symbol="ACME", side=Side.BUY,
            type=OrderType.MARKET, quantity=MONEY, limit_price=None, stop_price=None,
            time_in_force=TimeInForce.DAY, reason=Reason.INSUFFICIENT_BUYING_POWER, detail="",
        )  # fmt: skip

    def do(self, action, subject="", value="", *, account="ana"):
        return self.say(m.ActionRecorded, account=account, action=action, subject=subject, value=value)

    def plan(self):
        return self.do("plan_written", value="Buy ACME under 100, stop at 98")

    def attend(self, account="ana"):
        """Be there in this session: an action that pays nothing."""
        self.do("quiz_answered", "q", "wrong", account=account)
        return self

    def close(self):
        return self.say(m.RoomClosed, cause="end of tape")

    def progress(self, account="ana"):
        return self.engine.progress(account)

    def paid(self, account="ana"):
        """Rules that paid, in order."""
        return [award.id for award in self.progress(account).awards if award.source == "rule"]


def renumber(facts):
    """The same facts with seq 1, 2, 3, ..."""
    return [msgspec.structs.replace(fact, seq=i) for i, fact in enumerate(facts, start=1)]


@pytest.fixture(scope="session")
def room():
    """The class, so that a test can open as many rooms as it likes."""
    return Room


@pytest.fixture(scope="session")
def in_sequence():
    return renumber
