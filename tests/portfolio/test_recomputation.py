"""Whatever happens in a room of several currencies: is each account worth what a full recomputation says?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portfolio.room import ABROAD, Room
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import CashMoved, Fill, Marked, PositionAdjusted
from vtrade.domain.orders import Side
from vtrade.domain.values import MICRO, divide
from vtrade.portfolio import PortfolioEngine

ACCOUNTS = {"ana": "USD", "ben": "USD", "eva": "EUR"}
CASH = 10_000 * MICRO
SYMBOLS = tuple(instrument.symbol for instrument in ABROAD)
CURRENCIES = ("USD", "EUR", "JPY")
TICK_VALUE = [instrument.tick_value for instrument in ABROAD]

names = st.sampled_from(sorted(ACCOUNTS))
symbols = st.sampled_from(SYMBOLS)
lots = st.integers(-50, 50).filter(bool)
ticks = st.integers(1, 2_000)
happenings = st.one_of(
    st.tuples(st.just("fill"), names, symbols, lots, ticks, st.integers(0, 3 * MICRO)),
    st.tuples(st.just("mark"), st.dictionaries(symbols, ticks, min_size=1)),
    st.tuples(st.just("split"), symbols, st.integers(1, 7), st.integers(1, 7), ticks),
    st.tuples(st.just("tender"), names, symbols, lots, ticks),
    st.tuples(st.just("delist"), symbols, st.integers(0, 50 * MICRO)),
    st.tuples(st.just("rate"), st.sampled_from(CURRENCIES[1:]), st.integers(1, 3 * MICRO)),
    st.tuples(
        st.just("cash"), names, st.integers(-MICRO, MICRO),
        st.sampled_from(["dividend", "borrow_fee", "margin_interest", "fine", "adjustment", "cash_in_lieu"]),
        symbols, st.sampled_from(CURRENCIES),
    ),
    st.tuples(
        st.just("convert"), names, st.integers(1, 2_000 * MICRO), st.sampled_from(CURRENCIES),
        st.integers(1, 2_000 * MICRO), st.sampled_from(CURRENCIES),
    ),
    st.tuples(st.just("rename"), symbols),
    st.tuples(st.just("wait"), st.sampled_from([0.4, 61.0, 7_200.0])),
)  # fmt: skip
courses = st.lists(happenings, max_size=30)
Course = list[tuple[Any, ...]]


def fresh() -> Room:
    return Room(*ACCOUNTS, cash=CASH / MICRO, listed=ABROAD, currencies=tuple(ACCOUNTS.values()))


def now(room: Room, symbol: str) -> str:
    """What the instrument is called by now."""
    return room.engine.instruments[SYMBOLS.index(symbol)].symbol


def happen(room: Room, what: str, *rest: Any) -> None:
    if what == "fill":
        account, symbol, lots, px, fee = rest
        order_id = room.accept(account, now(room, symbol), Side(lots // abs(lots)), abs(lots), bid=px, ask=px + 1)
        room.fill(account, now(room, symbol), lots, px, fee=fee, order_id=order_id)
    elif what == "mark":
        room.mark(**{now(room, symbol): px for symbol, px in rest[0].items()})
    elif what == "split":
        room.split(now(room, rest[0]), *rest[1:])
    elif what == "tender":
        room.tender(rest[0], now(room, rest[1]), *rest[2:])
    elif what == "delist":
        room.delist(now(room, rest[0]), rest[1])
    elif what == "rate":
        room.rate(*rest)
    elif what == "cash":
        account, amount, cause, symbol, currency = rest
        room.cash(account, amount, cause, symbol=now(room, symbol), currency=currency)
    elif what == "convert":
        room.convert(*rest)
    elif what == "rename":
        room.action(now(room, rest[0]), ActionKind.RENAME, new_symbol=f"{rest[0]}{room.seq}")
    else:
        room.wait(rest[0])


class Naive:
    """Money and lots in dictionaries, straight from the facts; everything is valued anew each time it is asked."""

    def __init__(self) -> None:
        self.cash = dict.fromkeys(ACCOUNTS.items(), CASH)
        self.lots: dict[tuple[str, int], int] = {}
        self.prices: dict[int, int] = {}
        self.marked: set[int] = set()

    def fold(self, room: Room, fact: object) -> None:
        index = {instrument.symbol: place for place, instrument in enumerate(room.engine.instruments)}
        if isinstance(fact, Fill):
            at = index[fact.symbol]
            lots = fact.last_qty * (1 if fact.side is Side.BUY else -1)
            self.pay(fact.account, ABROAD[at].currency, -lots * fact.last_px * TICK_VALUE[at] - fact.fee)
            self.lots[fact.account, at] = self.lots.get((fact.account, at), 0) + lots
            if at not in self.marked:
                self.prices[at] = fact.last_px
        elif isinstance(fact, Marked):
            self.prices.update(fact.marks)
            self.marked.update(at for at, _ in fact.marks)
        elif isinstance(fact, CashMoved):
            self.pay(fact.account, fact.currency, fact.amount)
            if fact.cause == "tender" and index[fact.symbol] not in self.prices:
                at = index[fact.symbol]
                self.prices[at] = abs(fact.amount) // (abs(self.lots[fact.account, at]) * TICK_VALUE[at])
        elif isinstance(fact, PositionAdjusted):
            self.lots[fact.account, index[fact.symbol]] = fact.lots_after

    def pay(self, account: str, currency: str, amount: int) -> None:
        self.cash[account, currency] = self.cash.get((account, currency), 0) + amount

    def nav(self, room: Room, account: str) -> int:
        rates = {"USD": MICRO, "EUR": MICRO, "JPY": MICRO, **room.engine.rates}
        worth = {currency: self.cash.get((account, currency), 0) for currency in CURRENCIES}
        for (name, at), held in self.lots.items():
            if name == account:
                worth[ABROAD[at].currency] += held * self.prices.get(at, 0) * TICK_VALUE[at]
        home = ACCOUNTS[account]
        return worth[home] + sum(
            divide(worth[currency] * rates[currency], rates[home]) for currency in CURRENCIES if currency != home
        )


@given(courses)
@settings(max_examples=150)
def test_value_by_delta_is_the_full_recomputation(course: Course) -> None:
    room, naive = fresh(), Naive()
    done = len(room.facts)
    for step in course:
        happen(room, *step)
        for fact in room.facts[done:]:
            naive.fold(room, fact)
        done = len(room.facts)
        room.engine.check()
        for name in ACCOUNTS:
            view = room.engine.account(name)
            assert view.nav == naive.nav(room, name), step
            assert view.cash_by_currency == {c: naive.cash.get((name, c), 0) for c in view.cash_by_currency}
            assert view.cash + view.market_value == view.nav
            profit = view.realized_pnl + view.unrealized_pnl + view.dividends + view.other + view.currency_pnl
            assert profit - view.fees - view.borrow_fees - view.interest - view.fines == view.nav - view.deposits
            held = {view.symbol: view.quantity for view in room.engine.positions(name)}
            assert held == {now(room, SYMBOLS[at]): n for (who, at), n in naive.lots.items() if who == name and n}
    assert set(room.engine.ledger.totals().values()) <= {0}


@given(courses)
@settings(max_examples=80)
def test_in_one_currency_nothing_is_made_by_currencies(course: Course) -> None:
    room = Room(*ACCOUNTS)
    for step in course:
        if step[0] not in ("rate", "convert", "cash"):
            symbol = {"SAP": "BOLT", "SONY": "INDEX"}
            words = [symbol.get(word, word) if isinstance(word, str) else word for word in step]
            if step[0] == "mark":
                words[1] = {symbol.get(name, name): px for name, px in step[1].items()}
            if step[0] != "rename":
                happen_here(room, words)
    for name in ACCOUNTS:
        view = room.engine.account(name)
        assert view.currency_pnl == 0
        trips = room.engine.round_trips(name)
        assert sum(trip.gross_pnl for trip in trips) == view.realized_pnl
        assert view.round_trips == len(trips)


def happen_here(room: Room, words: list[Any]) -> None:
    """The same in a room of one currency, where nothing was renamed."""
    what, *rest = words
    if what == "fill":
        room.fill(*rest[:4], fee=rest[4])
    elif what == "mark":
        room.mark(**rest[0])
    else:
        getattr(room, what)(*rest)


@given(courses, courses)
@settings(max_examples=60)
def test_a_snapshot_between_any_two_facts_goes_on_as_if_nothing_had_happened(before: Course, after: Course) -> None:
    whole = fresh()
    for step in before + after:
        happen(whole, *step)
    again = PortfolioEngine()
    for fact in whole.facts:
        again.apply(fact)
        if fact.seq % 3 == 0 or isinstance(fact, PositionAdjusted):
            again = PortfolioEngine.restore(again.snapshot())
            again.check()
    assert again.state_hash() == whole.engine.state_hash()
    for name in ACCOUNTS:
        assert repr(again.account(name)) == repr(whole.engine.account(name))
        assert again.round_trips(name) == whole.engine.round_trips(name)


@given(courses, st.integers(1, 9))
@settings(max_examples=40)
def test_facts_that_come_again_change_nothing(course: Course, window: int) -> None:
    room = fresh()
    for step in course:
        happen(room, *step)
    again = PortfolioEngine()
    for start in range(0, len(room.facts), window):
        again.apply_all(room.facts[max(0, start - window) : start + window])
    assert again.state_hash() == room.engine.state_hash()


@given(courses, symbols, st.integers(1, 7), st.integers(1, 7), ticks)
@settings(max_examples=60)
def test_a_split_makes_nobody_richer_before_the_market_says_so(
    course: Course, symbol: str, of: int, per: int, px: int
) -> None:
    """Fact by fact: who still holds the instrument is worth what he was, until its next mark."""
    room = fresh()
    for step in course:
        happen(room, *step)
    room.mark(**{now(room, symbol): px})
    before = {name: room.engine.account(name).nav for name in ACCOUNTS}
    told = len(room.facts)
    happen(room, "split", symbol, of, per, px)
    again = PortfolioEngine()
    again.apply_all(room.facts[:told])
    for fact in room.facts[told:-1]:
        again.apply(fact)
        again.check()
        for name in ACCOUNTS:
            if any(view.symbol == now(room, symbol) for view in again.positions(name)):
                assert again.account(name).nav == before[name]


@given(courses)
@settings(max_examples=60)
def test_statistics_and_entries_hold_whatever_happens(course: Course) -> None:
    room = fresh()
    for step in course:
        happen(room, *step)
    for name in ACCOUNTS:
        numbers = room.engine.statistics(name)
        view = room.engine.account(name)
        assert (numbers["nav"], numbers["fees"], numbers["round_trips"]) == (view.nav, view.fees, view.round_trips)
        assert not view.drawdown > 0
        for entry in room.engine.ledger_entries(name):
            sums: dict[str, int] = {}
            for (_, commodity), amount in entry.legs:
                sums[commodity] = sums.get(commodity, 0) + amount
            assert not any(sums.values())
