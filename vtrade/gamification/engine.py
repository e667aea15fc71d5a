"""How far is each account: XP, levels, missions, streaks and badges, folded from facts?

Rules: a pure fold. It reads no clock, calls nothing and derives what it needs (positions, NAV, largest share,
drawdown) itself, in light form and integers, so the same facts give the same awards and the same
:meth:`ProgressEngine.state_hash` everywhere. Facts come in log order, each once: :attr:`ProgressEngine.seq` tells the
caller what was folded already.

Sessions and days. A *session* is everything from one close of the market to the next, counted from 0, so a plan written
in the evening belongs to the next morning. It ends when the last open instrument closes, when the room closes, and,
where the market stays open or never announces its status, with the day. Streaks count sessions, so weekends and
holidays break none. A *day* is a UTC day where ``ts_ns`` counts from the Unix epoch; where it counts from midnight of
the tape's day (values below one year) there is no calendar, and the session index is the day.

Measures, per account and session: largest position and deepest fall from the session's highest NAV (millionths),
dearest fill against the mid on arrival (for a stop: when triggered), longest time a position was held while the market
was open. A mark (last print, else mid) values positions; before an instrument's first mark, its first fill does. Other
currencies than the account's count at their last rate, at par without one. Money that moves without a fill, and lots
that a split, tender or delisting changed, are measured with the next marks, when the price that belongs to them is
known; fines and dividends are performance, an adjustment is money from outside and none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from vtrade.domain import messages as m
from vtrade.domain.actions import ActionKind
from vtrade.domain.orders import Liquidity, OrderType, Reason
from vtrade.domain.values import NS_PER_S, divide
from vtrade.errors import RuleError, VTradeError
from vtrade.gamification import progress as p
from vtrade.gamification.awards import Awards, view
from vtrade.gamification.rules import (
    ActionTrigger,
    CancelTrigger,
    MakerTrigger,
    Rule,
    RuleBook,
    SessionTrigger,
    StopTrigger,
    load_rules,
)
from vtrade.gamification.state import (
    DAY_NS,
    PPM,
    YEAR_NS,
    Account,
    Order,
    Position,
    State,
    adjust,
    begin_session,
    dump,
    kept,
    load,
    measure,
    note_hold,
    value,
)

SUBJECT_CHARS_MAX: Final = 200
"""Longer subjects of actions are cut, so that what is remembered stays bounded."""

_STOPS: Final = (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
_Events = list[p.ProgressEvent]


class ProgressEngine:
    """Folds facts into progress.

    Parameters
    ----------
    rules : RuleBook, optional
        Default: the rules that come with VTrade.

    Examples
    --------
    >>> from vtrade.domain.messages import AccountOpened, ActionRecorded
    >>> engine = ProgressEngine()
    >>> engine.apply(AccountOpened(1, 0, "ana", 1_000_000_000_000, "USD"))
    []
    >>> events = engine.apply(ActionRecorded(2, 5, "ana", "lesson_finished", "01_orders_and_the_book", ""))
    >>> [type(event).__name__ for event in events]
    ['StreakExtended', 'XpGained', 'MissionAdvanced', 'MissionAdvanced']
    >>> engine.progress("ana").xp
    50
    """

    def __init__(self, rules: RuleBook | None = None) -> None:
        self.rules: Final = rules if rules is not None else load_rules()
        self._state = State(rules=self.rules.fingerprint())
        self._index: dict[str, int] = {}
        self._worth: list[int] = []
        self._holders: list[dict[str, Account]] = []
        book = self.rules
        self._maker = _by_trigger(book, MakerTrigger)
        self._stop = _by_trigger(book, StopTrigger)
        self._cancel = _by_trigger(book, CancelTrigger)
        self._session = _by_trigger(book, SessionTrigger)
        self._action = _by_trigger(book, ActionTrigger)
        self._awards = Awards(book)
        self._handlers: dict[type, Callable[[Any], _Events]] = {
            m.RoomOpened: self._on_room,
            m.AccountOpened: self._on_account,
            m.OrderDenied: self._on_denied,
            m.OrderRejected: self._on_rejected,
            m.OrderAccepted: self._on_accepted,
            m.OrderTriggered: self._on_triggered,
            m.OrderReplaced: self._on_replaced,
            m.OrderCanceled: self._on_canceled,
            m.OrderExpired: self._on_expired,
            m.Fill: self._on_fill,
            m.Marked: self._on_marked,
            m.CashMoved: self._on_cash,
            m.PositionAdjusted: self._on_position,
            m.ActionApplied: self._on_applied,
            m.SessionChanged: self._on_session,
            m.ActionRecorded: self._on_action,
            m.RoomClosed: self._on_room_closed,
        }

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """``seq`` of the last fact folded."""
        return self._state.seq

    @property
    def session(self) -> int:
        """Index of the present session, from 0."""
        return self._state.session

    @property
    def accounts(self) -> tuple[str, ...]:
        """Accounts in the order in which they were opened."""
        return tuple(self._state.accounts)

    def scores(self) -> dict[str, int]:
        """XP by account, as a leaderboard takes them."""
        return {name: account.xp for name, account in self._state.accounts.items()}

    def progress(self, account: str) -> p.Progress:
        """Where ``account`` stands.

        Raises
        ------
        VTradeError
            If no such account was opened.
        """
        a = self._state.accounts.get(account)
        if a is None:
            known = ", ".join(list(self._state.accounts)[:6]) or "none yet"
            raise VTradeError(f"there is no account {account!r} in this room; accounts: {known}")
        return view(a, self.rules, self._state.session)

    def snapshot(self) -> bytes:
        """The whole state; equal states give equal bytes."""
        return dump(self._state)

    def state_hash(self) -> bytes:
        """SHA-256 of :meth:`snapshot`."""
        return hashlib.sha256(self.snapshot()).digest()

    @classmethod
    def restore(cls, data: bytes, rules: RuleBook | None = None) -> ProgressEngine:
        """The engine that made the snapshot.

        Raises
        ------
        RuleError
            If the bytes are no snapshot, or one made under other rules.
        """
        engine = cls(rules)
        try:
            state = load(data)
        except msgspec.DecodeError as error:
            raise RuleError(f"this is no snapshot of progress ({error}); rebuild it from the log") from None
        if state.rules != engine._state.rules:
            raise RuleError(
                f"the snapshot was made under rules {state.rules[:12]}, these are {engine._state.rules[:12]}; "
                "give the rules it was made under, or rebuild progress from the log"
            )
        if len(state.currencies) != len(state.symbols):
            raise RuleError("the snapshot is of an earlier version; rebuild progress from the log")
        engine._state = state
        engine._index = {symbol: i for i, symbol in enumerate(state.symbols)}
        engine._worth = [price * value for price, value in zip(state.marks, state.tick_values, strict=True)]
        engine._holders = [{} for _ in state.symbols]
        for account in state.accounts.values():
            for i in account.held:
                engine._holders[i][account.name] = account
        return engine

    # --- folding -------------------------------------------------------------------------------------------------

    def apply(self, fact: m.Fact) -> list[p.ProgressEvent]:
        """Fold one fact; what it earned, in the order in which it was awarded."""
        state = self._state
        turned = self._turn_day(fact) if fact.ts_ns >= state.next_day_ns else None
        state.seq = fact.seq
        state.ts_ns = fact.ts_ns
        handler = self._handlers.get(type(fact))
        events = handler(fact) if handler is not None else []
        return turned + events if turned else events

    def _turn_day(self, fact: m.Fact) -> _Events:
        state = self._state
        events: _Events = []
        if state.active_from >= 0 and state.next_day_ns > YEAR_NS:
            events = self._end_session(fact.seq, state.next_day_ns - 1)
        elif state.active_from >= 0:  # the room was set up at time 0, now the dated tape begins
            state.active_from = fact.ts_ns
        state.next_day_ns = (fact.ts_ns // DAY_NS + 1) * DAY_NS
        return events

    def _on_room(self, f: m.RoomOpened) -> _Events:
        state = self._state
        state.symbols = [x.symbol for x in f.instruments]
        state.sectors = [x.sector for x in f.instruments]
        state.currencies = [x.currency for x in f.instruments]
        state.tick_values = [x.tick_value for x in f.instruments]
        state.marks = [0] * len(f.instruments)
        self._index = {symbol: i for i, symbol in enumerate(state.symbols)}
        self._worth = [0] * len(f.instruments)
        self._holders = [{} for _ in state.symbols]
        return []

    def _on_account(self, f: m.AccountOpened) -> _Events:
        account = Account(name=f.account, cash=f.cash, nav=f.cash, peak=f.cash, currency=f.currency)
        self._state.accounts.setdefault(f.account, account)
        return []

    def _on_denied(self, f: m.OrderDenied) -> _Events:
        account = self._state.accounts.get(f.account)
        if account is not None:
            account.ordered = account.denied = True
        return []

    def _on_rejected(self, f: m.OrderRejected) -> _Events:
        account = self._state.accounts.get(f.account)
        if account is not None:
            account.ordered = True
        return []

    def _on_accepted(self, f: m.OrderAccepted) -> _Events:
        state = self._state
        account = state.accounts.get(f.account)
        if account is None:
            return []
        i = self._index[f.symbol]
        account.ordered = True
        quoted = f.bid > 0 and f.ask > 0
        inside = quoted and f.type is OrderType.LIMIT and f.limit_price is not None and f.bid < f.limit_price < f.ask
        arrival2 = f.bid + f.ask if quoted else 2 * state.marks[i]
        state.orders[f.order_id] = Order(f.account, f.client_order_id, f.ts_ns, arrival2, inside)
        if f.type not in _STOPS:
            return []
        held = account.held.get(i, 0)
        if held * f.side >= 0 or f.quantity < abs(held):
            return []
        position = account.positions[i]
        if position.session != state.session or position.opened_ns < 0:
            return []
        events: _Events = []
        for rule, trigger in self._stop:
            if f.ts_ns - position.opened_ns <= trigger.within_s * NS_PER_S:
                events += self._earn(account, rule, f.seq, f.ts_ns, f.client_order_id)
        return events

    def _on_triggered(self, f: m.OrderTriggered) -> _Events:
        order = self._state.orders.get(f.order_id)
        if order is not None and f.bid > 0 and f.ask > 0:
            order.arrival2 = f.bid + f.ask
        return []

    def _on_replaced(self, f: m.OrderReplaced) -> _Events:
        order = self._state.orders.get(f.order_id)
        if order is not None:
            order.inside = order.inside and f.kept_priority
            if f.leaves_quantity == 0:
                del self._state.orders[f.order_id]
        return []

    def _on_canceled(self, f: m.OrderCanceled) -> _Events:
        state = self._state
        order = state.orders.pop(f.order_id, None)
        if order is None or f.reason is not Reason.CANCELED_BY_USER or state.active_from < 0:
            return []
        events: _Events = []
        for rule, trigger in self._cancel:
            if f.ts_ns - order.accepted_ns >= trigger.age_s * NS_PER_S:
                events += self._earn(state.accounts[order.account], rule, f.seq, f.ts_ns, f.client_order_id)
        return events

    def _on_expired(self, f: m.OrderExpired) -> _Events:
        self._state.orders.pop(f.order_id, None)
        return []

    def _on_fill(self, f: m.Fill) -> _Events:
        state = self._state
        account = state.accounts.get(f.account)
        if account is None:
            return []
        i = self._index[f.symbol]
        tick_value = state.tick_values[i]
        if not state.marks[i]:
            self._set_mark(i, f.last_px)
        signed = f.last_qty if f.side > 0 else -f.last_qty
        self._pay(account, state.currencies[i], -signed * f.last_px * tick_value - f.fee)
        before = account.held.get(i, 0)
        self._hold(account, i, before, before + signed, f.ts_ns)
        measure(account, self._worth, state)
        order = state.orders.get(f.order_id)
        arrival2 = order.arrival2 if order is not None else 2 * state.marks[i]
        cost2 = (signed * (2 * f.last_px - arrival2) * tick_value if arrival2 else 0) + 2 * f.fee
        if cost2 > 0:
            cost_ppm = -(-cost2 * PPM // (2 * f.last_px * f.last_qty * tick_value))
            if cost_ppm > account.cost_ppm:
                account.cost_ppm = cost_ppm
        if order is None:
            return []
        if f.leaves_quantity == 0:
            del state.orders[f.order_id]
        if not order.inside or f.liquidity is not Liquidity.MAKER:
            return []
        order.inside = False
        events: _Events = []
        for rule, _ in self._maker:
            events += self._earn(account, rule, f.seq, f.ts_ns, f.client_order_id)
        return events

    def _pay(self, account: Account, currency: str, amount: int) -> None:
        if currency == account.currency:
            account.cash += amount
        else:
            account.foreign[currency] = account.foreign.get(currency, 0) + amount

    def _hold(self, account: Account, i: int, before: int, after: int, ts_ns: int) -> None:
        """The account holds ``after`` lots now; a position that begins, ends or turns round is noted."""
        if before * after <= 0:
            if before:
                note_hold(self._state, account, account.positions[i], ts_ns)
            if after:
                self._open(account, i, ts_ns)
            else:
                del account.held[i], self._holders[i][account.name]
        if after:
            account.held[i] = after

    def _open(self, account: Account, i: int, ts_ns: int) -> None:
        position = account.positions.get(i)
        if position is None:
            position = account.positions[i] = Position()
        position.since_ns = ts_ns
        if position.session != self._state.session:
            position.session = self._state.session
            position.opened_ns = ts_ns
        self._holders[i][account.name] = account

    def _set_mark(self, i: int, price: int) -> None:
        self._state.marks[i] = price
        self._worth[i] = price * self._state.tick_values[i]

    def _on_marked(self, f: m.Marked) -> _Events:
        state = self._state
        if state.active_from < 0 and (state.open_symbols or not state.announces):
            state.active_from = f.ts_ns
        marks, holders = state.marks, self._holders
        touched: dict[str, Account] = {}
        for i, price in f.marks:
            if price != marks[i]:
                self._set_mark(i, price)
                touched.update(holders[i])
        for account in touched.values():
            measure(account, self._worth, state)
        if state.moved:
            self._measure_moved()
        return []

    def _measure_moved(self) -> None:
        state = self._state
        for name in state.moved:
            measure(state.accounts[name], self._worth, state)
        state.moved.clear()

    def _on_cash(self, f: m.CashMoved) -> _Events:
        state = self._state
        account = state.accounts.get(f.account)
        if account is None:
            return []
        before = value(account, self._worth, state)[0] if f.cause == "adjustment" else 0
        self._pay(account, f.currency, f.amount)
        if f.cause == "adjustment":
            adjust(account, before, self._worth, state)
        i = self._index.get(f.symbol, -1)
        if f.cause == "tender" and i in account.held and not state.marks[i]:  # nothing else has priced it yet
            lots = account.held[i]
            self._set_mark(i, max(1, abs(divide(f.amount, abs(lots) * state.tick_values[i]))))
        state.moved[account.name] = None
        return []

    def _on_position(self, f: m.PositionAdjusted) -> _Events:
        account, i = self._state.accounts.get(f.account), self._index.get(f.symbol)
        if account is not None and i is not None and f.lots_after != account.held.get(i, 0):
            self._hold(account, i, account.held.get(i, 0), f.lots_after, f.ts_ns)
            self._state.moved[account.name] = None
        return []

    def _on_applied(self, f: m.ActionApplied) -> _Events:
        state = self._state
        if f.kind is ActionKind.RATE:
            state.rates[f.symbol] = max(1, f.amount)
            for account in state.accounts.values():
                if account.foreign:
                    measure(account, self._worth, state)
        elif (i := self._index.get(f.symbol)) is None:
            return []
        elif f.kind is ActionKind.SPLIT and state.marks[i]:
            self._set_mark(i, max(1, divide(state.marks[i] * f.denominator, f.numerator)))
        elif f.kind is ActionKind.RENAME:
            state.symbols[i] = f.new_symbol
            self._index = {symbol: place for place, symbol in enumerate(state.symbols)}
            if f.symbol in state.open_symbols:
                state.open_symbols = {f.new_symbol if s == f.symbol else s: None for s in state.open_symbols}
        return []

    def _on_session(self, f: m.SessionChanged) -> _Events:
        state = self._state
        if f.status == "OPEN":
            state.announces = True
            state.open_symbols[f.symbol] = None
            if state.active_from < 0:
                state.active_from = f.ts_ns
        elif f.status == "CLOSED":
            state.announces = True
            state.open_symbols.pop(f.symbol, None)
            if state.active_from >= 0 and not state.open_symbols:
                return self._end_session(f.seq, f.ts_ns)
        return []

    def _on_room_closed(self, f: m.RoomClosed) -> _Events:
        return self._end_session(f.seq, f.ts_ns) if self._state.active_from >= 0 else []

    def _on_action(self, f: m.ActionRecorded) -> _Events:
        account = self._state.accounts.get(f.account)
        if account is None:
            return []
        events: _Events = []
        for rule, t in self._action:
            if t.action != f.action:
                continue
            account.attended = True
            if (t.value and t.value != f.value) or (t.before_first_order and account.ordered):
                continue
            if len(f.value.strip()) >= t.min_length:
                events += self._earn(account, rule, f.seq, f.ts_ns, f.subject[:SUBJECT_CHARS_MAX])
        return events

    def _earn(self, account: Account, rule: Rule, seq: int, ts_ns: int, subject: str) -> _Events:
        return self._awards.earn(account, rule, self._state.session, seq, ts_ns, subject)

    # --- sessions ------------------------------------------------------------------------------------------------

    def _end_session(self, seq: int, ts_ns: int) -> _Events:
        """Judge the session that ends at ``ts_ns``, then begin the next."""
        state = self._state
        events: _Events = []
        self._measure_moved()
        for account in state.accounts.values():
            for i in account.held:
                note_hold(state, account, account.positions[i], ts_ns)
            if account.hold_ns and account.attended:
                for rule, trigger in self._session:
                    if kept(state, account, trigger, ts_ns):
                        events += self._earn(account, rule, seq, ts_ns, "")
        state.session += 1
        state.active_from = -1
        for account in state.accounts.values():
            begin_session(account, state.session, self._worth, state)
        return events


def _by_trigger(book: RuleBook, kind: type[Any]) -> list[tuple[Rule, Any]]:
    return [(rule, rule.trigger) for rule in book.rules if isinstance(rule.trigger, kind)]


def fold(facts: Iterable[m.Fact], rules: RuleBook | None = None) -> ProgressEngine:
    """An engine that has folded ``facts``: how every award is rebuilt from a log.

    Examples
    --------
    >>> fold([]).accounts
    ()
    """
    engine = ProgressEngine(rules)
    for fact in facts:
        engine.apply(fact)
    return engine
