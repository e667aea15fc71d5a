"""Who watches a room, so that no test need ask whether money was lost or a restored engine went on otherwise?

Rules: every message goes through :meth:`Witness.say`: a twin restored from the snapshot must tell the same and end in
the same bytes, the portfolio folds the facts, and both must own the same, to the micro-unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from tests.execution import checks
from tests.execution.feed import ACME, order, row
from vtrade.domain import messages as msg
from vtrade.domain.accounts import NO_LIMITS, RiskLimits
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import MICRO, NS_PER_S, Number, to_micros
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.market.dtype import EVENT, Kind
from vtrade.portfolio import PortfolioEngine

F = TypeVar("F")
S = NS_PER_S
DAY = 86_400 * S
MARGIN = RiskLimits(
    concentration_ppm=10 * MICRO, initial_margin_ppm=500_000, maintenance_margin_ppm=250_000, allow_short=True
)
CASH = RiskLimits(concentration_ppm=10 * MICRO)


class Witness:
    """An engine whose every step is checked."""

    def __init__(self, *instruments: Instrument, rules: RoomRules | None = None) -> None:
        self.engine = Engine()
        self.portfolio = PortfolioEngine()
        self.told: list[msg.Fact] = []
        self.ts = 0
        self.say(msg.OpenRoom(0, "room", instruments or (ACME,), rules or RoomRules()))
        self.join("free", limits=NO_LIMITS)

    def say(self, message: msg.Inbound) -> list[msg.Fact]:
        """One message, and what must hold after it."""
        twin = Engine.restore(self.engine.snapshot())
        facts = self.engine.process(message)
        assert twin.process(message) == facts
        assert twin.snapshot() == self.engine.snapshot()
        assert Engine.restore(self.engine.snapshot()).snapshot() == self.engine.snapshot()
        assert msg.decode_facts(msg.encode_facts(facts)) == facts
        assert [fact.seq for fact in facts] == list(range(len(self.told) + 1, len(self.told) + len(facts) + 1))
        times = [fact.ts_ns for fact in facts]
        assert times == sorted(times), "facts are told in the order of their time"
        self.told += facts
        self.portfolio.apply_all(facts)
        self.check()
        return facts

    def check(self) -> None:
        """The engine and the portfolio own the same, and nothing is lost."""
        engine = self.engine
        self.portfolio.check()
        assert not any(self.portfolio.ledger.totals().values())
        for name, account in engine.accounts.items():
            for currency, amount in account.balances.items():
                assert self.portfolio.ledger.balance(("cash", name), currency) == amount, (name, currency)
            held = {view.symbol: view.quantity for view in self.portfolio.positions(name)}
            assert held == {
                i.symbol: lots for i, lots in zip(engine.instruments, account.positions, strict=True) if lots
            }
            assert engine._book.acct[account.index, at.A_UNSETTLED] >= 0, "less than nothing is unsettled"
        for k in range(len(engine.instruments)):
            shorted = sum(max(0, a.selling[k] - a.positions[k]) for a in engine.accounts.values())
            assert engine._book.inst[k, at.SHORTED] == shorted
        plain = len(engine.currencies) == 1 and not engine.rules.settlement_days
        for fees in (i.fees for i in engine.instruments):
            plain &= not (fees.maker_ppm or fees.taker_ppm or fees.minimum or fees.tiers)
        if plain and not any(
            a.limits.enabled and a.limits.initial_margin_ppm < MICRO for a in engine.accounts.values()
        ):
            checks.check_inside(engine)
            return
        found: dict[int, tuple[str, int, int]] = {}
        for k in range(len(engine.instruments)):
            checks._check_levels(engine, k)
            checks._walk_queues(engine, k, found)
            checks._check_nothing_waits_that_could_trade(engine, k)
        checks._check_orders(engine, found)
        for account in engine.accounts.values():
            reserved = [engine._book.own[o.slot, at.O_RESERVED] for o in engine.orders.values() if o.account is account]
            assert account.reserved == sum(reserved)

    def join(self, name: str, *, cash: Number = 1_000_000, limits: RiskLimits = CASH, currency: str = "USD") -> None:
        """Open an account."""
        self.say(msg.OpenAccount(self.ts, name, to_micros(cash), currency, limits))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.ts += round(seconds * S)

    def feed(self, *rows: tuple[int, ...]) -> list[msg.Fact]:
        """Rows of the feed, all now."""
        events = np.array([(self.ts, *each[1:]) for each in rows], EVENT)
        return self.say(msg.MarketFrame(self.ts, events.tobytes()))

    def print(self, price: int, lots: int = 1, *, k: int = 0, side: int = 0) -> list[msg.Fact]:
        """A print."""
        return self.feed(row(Kind.TRADE, side, price, lots, k=k))

    def book(self, bid: int, ask: int, *, lots: int = 1_000, k: int = 0) -> list[msg.Fact]:
        """The feed's touch."""
        return self.feed(row(Kind.QUOTE, 1, bid, lots, k=k), row(Kind.QUOTE, -1, ask, lots, k=k))

    def order(self, name: str, side: object, units: Number, **options: object) -> list[msg.Fact]:
        """An order, now."""
        return self.say(order(name, side, units, ts=self.ts, **options))  # type: ignore[arg-type]

    def act(self, kind: ActionKind, symbol: str = "ACME", **options: object) -> list[msg.Fact]:
        """A corporate action, now."""
        return self.say(CorporateAction(self.ts, symbol, kind, **options))  # type: ignore[arg-type]

    def split(self, numerator: int, denominator: int, symbol: str = "ACME") -> list[msg.Fact]:
        """A split, now."""
        return self.act(ActionKind.SPLIT, symbol, numerator=numerator, denominator=denominator)

    def units(self, account: str) -> float:
        """Cash of an account in whole units of its own currency."""
        return self.engine.accounts[account].cash / MICRO


def of(kind: type[F], facts: Iterable[object]) -> list[F]:
    """The facts of a kind."""
    return [fact for fact in facts if isinstance(fact, kind)]


def kinds(facts: Sequence[object]) -> list[str]:
    """Names of the facts."""
    return [type(fact).__name__ for fact in facts]
