"""What does a corporate action, or a new rate, do to positions, working orders and the book?

Rules: `ActionApplied` first, then what each account has of it, in the order in which accounts joined, then the orders.
An action that names what the room does not know, or that would leave what can be counted, raises before anything has
changed.

- A *split* of n for d makes d lots n. What is no whole lot is paid for at the exact price, mark * d / n, so a split
  moves nobody's worth by more than half a micro-unit. Prices are rounded half to even to the tick; where the mark
  falls between ticks no `Marked` is told, since that price is none yet. Orders keep their id, what they filled and
  paid, and their turn; one that would become 0 lots, leave the grid or lose its cover is canceled, and so is one on
  its way.
  Those that rounding has brought together trade. The feed's book is gone until it is stated anew.
- A *dividend* is paid on what is held, and owed on what is short.
- A *rename* changes the symbol and nothing else. A *delisting* ends orders, pays for positions and takes no orders.
- A *rate* holds for what is held and asked for from now on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vtrade.domain import messages as msg
from vtrade.domain.actions import ActionKind, CorporateAction
from vtrade.domain.orders import OrderEvent, Reason, transition
from vtrade.domain.values import MICRO, divide, plain_micros
from vtrade.errors import VTradeError
from vtrade.execution import choice, codes, house, payments, strays
from vtrade.execution import layout as at
from vtrade.execution.agenda import Agenda
from vtrade.market.dtype import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account
    from vtrade.execution.working import Working

RATE_MAX: Final = 10**12
"""Largest rate: a million units of the room's first currency for one."""


def apply(engine: Engine, m: CorporateAction) -> None:
    """Let an action hold from now on.

    Raises
    ------
    VTradeError
        If the room does not know what it names, or could not count what would follow; nothing has changed.
    """
    if engine.closed:
        raise VTradeError(f"{m.kind} of {m.symbol!r}: the room is closed")
    if m.kind == ActionKind.RATE:
        _rate(engine, m)
        return
    k = engine.index(m.symbol)
    if k is None:
        raise VTradeError(f"{m.kind} of {m.symbol!r}, which is not traded here; known: {', '.join(engine._index)}")
    if k in engine.venue.delisted and m.kind != ActionKind.RENAME:
        raise VTradeError(f"{m.kind} of {m.symbol!r}, which was delisted before")
    _ACTIONS[m.kind](engine, m, k)


def _tell(engine: Engine, m: CorporateAction) -> None:
    engine.tell(
        msg.ActionApplied(
            engine.next_seq(), engine.now, m.symbol, m.kind, m.numerator, m.denominator, m.amount, m.new_symbol
        )
    )


# --- what is paid for a unit ----------------------------------------------------------------------------------------


def _payments(engine: Engine, m: CorporateAction, k: int) -> list[tuple[Account, int, int]]:
    """Holders, their lots and what they get (or owe, negative) for them."""
    i = engine.instruments[k]
    rows = [(account, lots, divide(lots * i.lot_size * m.amount, MICRO)) for account, lots in house.holders(engine, k)]
    payments.check_money(engine, i.currency, [(account, amount) for account, _, amount in rows], f"this {m.kind}")
    return rows


def _dividend(engine: Engine, m: CorporateAction, k: int) -> None:
    i = engine.instruments[k]
    rows = _payments(engine, m, k)
    _tell(engine, m)
    for account, lots, amount in rows:
        if amount:
            words = f"{plain_micros(m.amount)} a unit for {i.quantity_text(lots)}"
            payments.pay(engine, account, i.currency, amount, "dividend", symbol=i.symbol, detail=words)


def _delisting(engine: Engine, m: CorporateAction, k: int) -> None:
    i = engine.instruments[k]
    rows = _payments(engine, m, k)
    engine.venue.delisted.add(k)
    _tell(engine, m)
    for order in [o for o in engine.orders.values() if o.k == k]:
        if order.order_id in engine.orders:  # a child ends with its parent
            engine.cancel_order(order, Reason.DELISTED, f"{i.symbol} is no longer traded here")
    house.withdraw(engine, k, f"{i.symbol} was delisted")
    house.no_more_sessions(engine, k)
    for account, lots, amount in rows:
        house.hold(engine, account, k, 0, "delisting")
        words = f"{plain_micros(m.amount)} a unit for {i.quantity_text(lots)}"
        payments.pay(engine, account, i.currency, amount, "delisting", symbol=i.symbol, detail=words)
    if engine._book.inst[k, at.STATE] != at.S_CLOSED:
        engine.set_session(k, at.S_CLOSED, "delisted")


# --- names and rates ------------------------------------------------------------------------------------------------


def _rename(engine: Engine, m: CorporateAction, k: int) -> None:
    if m.new_symbol in engine._index:
        raise VTradeError(f"{m.symbol!r} cannot become {m.new_symbol!r}: another instrument is called so")
    new = msgspec.structs.replace(engine.instruments[k], symbol=m.new_symbol)
    _tell(engine, m)
    _list(engine, k, new)
    agenda = Agenda()
    for errand in engine.agenda.all():
        if errand.what == "resume" and errand.name == m.symbol:
            errand = msgspec.structs.replace(errand, name=m.new_symbol)
        agenda.add(errand)
    engine.agenda = agenda


def _list(engine: Engine, k: int, instrument: Any) -> None:
    listed = list(engine.instruments)
    listed[k] = instrument
    engine.instruments = tuple(listed)
    engine._index = {i.symbol: place for place, i in enumerate(listed)}


def _rate(engine: Engine, m: CorporateAction) -> None:
    currencies = engine.currencies
    if m.symbol not in currencies:
        raise VTradeError(f"rate of {m.symbol!r}, which is no currency of this room; known: {', '.join(currencies)}")
    if m.symbol == currencies[0] and m.amount != MICRO:
        raise VTradeError(f"rate of {m.symbol!r}: it is the room's first currency, whose rate is 1 ({MICRO})")
    if not 0 < m.amount <= RATE_MAX:
        raise VTradeError(f"rate of {m.symbol!r}: {m.amount} micro-units; give 1 to {RATE_MAX}")
    engine._book.rates[currencies.index(m.symbol)] = m.amount
    _tell(engine, m)
    plain = choice.plain()
    for order in engine.orders.values():
        if engine.instruments[order.k].currency != order.account.currency:
            plain.tie_up(engine._book, order.slot)


# --- splits ---------------------------------------------------------------------------------------------------------


class _Grid:
    """Numbers on the grid of before as numbers on that of after."""

    def __init__(self, m: CorporateAction) -> None:
        self.n, self.d = m.numerator, m.denominator

    def price(self, ticks: int) -> int:
        """A price, half to even; 0 stays none."""
        return divide(ticks * self.d, self.n)

    def mark(self, ticks: int) -> int:
        """A price that exists does not go to nothing."""
        return max(1, self.price(ticks)) if ticks else 0

    def lots(self, lots: int) -> int:
        """Whole lots, towards none."""
        whole = abs(lots) * self.n // self.d
        return whole if lots > 0 else -whole


def _split(engine: Engine, m: CorporateAction, k: int) -> None:
    grid, i = _Grid(m), engine.instruments[k]
    mark = int(engine._book.inst[k, at.MARK])
    rows = [(account, lots, _fraction(grid, lots, mark * i.tick_value)) for account, lots in house.holders(engine, k)]
    worth = grid.mark(mark) * i.tick_value
    for account, lots, _ in rows:
        if abs(grid.lots(lots)) * max(worth, 1) > at.MOST_MONEY:
            raise VTradeError(f"after a split of {grid.n} for {grid.d}, {account.name!r} would hold too much to count")
    payments.check_money(engine, i.currency, [(account, cash or 0) for account, _, cash in rows], "this split")
    _tell(engine, m)
    house.withdraw(engine, k, f"{i.symbol} was split")
    power = {account.name: engine.buying_power(account.name) for account in engine.accounts.values()}
    last = int(engine._book.inst[k, at.LAST])
    _rescale(engine, grid, k)
    for account, lots, cash in rows:
        if grid.lots(lots) != lots:
            house.hold(engine, account, k, grid.lots(lots), "split")
        if cash is not None:
            words = f"for a fraction of {i.quantity_text(1)}"
            payments.pay(engine, account, i.currency, cash, "cash_in_lieu", symbol=i.symbol, detail=words)
    _orders(engine, grid, k, last, power)
    bands = engine._book.inst[k, [at.LOW_BAND, at.HIGH_BAND]].tolist()
    if any(bands):
        engine.tell(msg.BandsMoved(engine.next_seq(), engine.now, i.symbol, *bands))
    if mark and mark * grid.d % grid.n == 0:
        engine.tell(msg.Marked(engine.next_seq(), engine.now, ((k, grid.mark(mark)),)))


def _fraction(grid: _Grid, lots: int, worth: int) -> int | None:
    """What is paid for the part of a lot that is left over, ``None`` where nothing is; ``worth``: of a lot before."""
    rest = abs(lots) * grid.n % grid.d
    if not rest:
        return None
    return divide((rest if lots > 0 else -rest) * worth, grid.n)


def _rescale(engine: Engine, grid: _Grid, k: int) -> None:
    """The instrument itself: its prices, its volume, and the feed's book, which is gone."""
    book, kernel = engine._book, engine._kernel
    inst = book.inst[k]
    agents = (book.own[:, at.O_WHERE] != at.GONE) & (book.own[:, at.O_ACCOUNT] < 0) & (book.own[:, at.O_INST] == k)
    for slot in agents.nonzero()[0].tolist():
        kernel.cancel(book, slot, engine.now)
    for s in range(2):
        for p in book.level[k, s, :, at.QTY].nonzero()[0].tolist():
            kernel.show_level(book, k, s, int(inst[at.BASE]) + p, 0)
        inst[at.BEYOND_LOTS + s] = 0
    for column in (at.LAST, at.MID, at.MARK, at.LOW_BAND, at.HIGH_BAND, at.BAR_PX):
        inst[column] = grid.mark(int(inst[column]))
    for column in (at.VOLUME, at.BAR_LEFT):
        inst[column] = grid.lots(int(inst[column]))
    book.drift[k] = float(book.drift[k]) * float(grid.d) / float(grid.n)
    engine.venue.rescaled(k)
    i = engine.instruments[k]
    if i.borrowable > 0:
        _list(engine, k, msgspec.structs.replace(i, borrowable=min(grid.lots(i.borrowable), at.MOST_MONEY)))
        book.terms[k, at.T_BORROWABLE] = engine.instruments[k].borrowable


def _orders(engine: Engine, grid: _Grid, k: int, last: int, power: dict[str, int]) -> None:
    """Put the working orders on the new grid, in their places."""
    plain, symbol = choice.plain(), engine.instruments[k].symbol
    engine._make_room(k)
    resting = _cancel_impossible(engine, grid, k)
    book = engine._book
    for order in resting:
        plain.unlink(book, order.slot)
    for order in [o for o in engine.orders.values() if o.k == k]:
        _scale(engine, order, grid, last)
    prices = [o.limit for o in engine.orders.values() if o.k == k and o.limit is not None]
    if prices:
        wider = at.fit_range(book, k, min(prices), max(prices))
        assert wider is not None, "what would not fit was canceled"
        engine._book = book = wider
    for order in resting:
        entered = int(book.own[order.slot, at.O_BAR])
        plain.rest(book, order.slot)
        book.own[order.slot, at.O_BAR] = entered
    _recount(engine, k)
    for order in [o for o in engine.orders.values() if o.k == k]:
        plain.tie_up(book, order.slot)
        _told(engine, order, plain)
    for order in sorted((o for o in engine.orders.values() if o.k == k), key=lambda o: -o.order_id):
        name = order.account.name
        short_of = engine.buying_power(name) < 0 <= power[name]
        if short_of and order.side > 0 and order.order_id in engine.orders:
            words = f"after the split of {symbol} its rounded price is more than the account can pay"
            engine.cancel_order(order, Reason.CORPORATE_ACTION, words)
    _meet(engine, k, resting)


def _cancel_impossible(engine: Engine, grid: _Grid, k: int) -> list[Working]:
    """End the orders that cannot stand on the new grid; returns those that rest, in the order of their arrival."""
    own = engine._book.own
    near = int(engine._book.inst[k, at.MARK])
    limits: list[int] = []

    def distance(order: Working) -> tuple[int, int]:
        return (abs(grid.price(order.limit) - near) if order.limit and near else 0), order.order_id

    for order in sorted((o for o in engine.orders.values() if o.k == k), key=distance):
        if order.order_id not in engine.orders:
            continue
        row = own[order.slot]
        words = ""
        alive = int(row[at.O_LEAVES])
        prices = [grid.price(p) for p in (order.limit, int(row[at.O_STOP]) or None) if p is not None]
        limit = None if order.limit is None else grid.price(order.limit)
        span = [*limits, limit] if limit is not None else limits
        if row[at.O_WHERE] == at.IN_FLIGHT:
            words = "was on its way"
        elif grid.lots(order.leaves) == 0 or (alive and grid.lots(alive) == 0):
            words = "would be for less than a lot"
        elif grid.lots(order.quantity) > MAX_QUANTITY_LOTS:
            words = "would be for more lots than an order may have"
        elif any(not 0 < p <= MAX_PRICE_TICKS for p in prices):
            words = "would have a price off the grid"
        elif span and max(span) - min(span) >= strays.span_max(len(engine.instruments)):
            words = "would be too far away to keep it and the others in sight"
        if words:
            engine.cancel_order(order, Reason.CORPORATE_ACTION, f"a split came, after which it {words}")
        else:
            limits = span
    kept = [o for o in engine.orders.values() if o.k == k and own[o.slot, at.O_WHERE] == at.AT_LEVEL]
    return sorted(kept, key=lambda o: int(own[o.slot, at.O_ARRIVAL]))


def _scale(engine: Engine, order: Working, grid: _Grid, last: int) -> None:
    """One order's own numbers; a stop that has not been reached is not reached by rounding."""
    row = engine._book.own[order.slot]
    alive, filled, rest = grid.lots(int(row[at.O_LEAVES])), grid.lots(order.filled), grid.lots(order.leaves)
    order.filled, order.quantity = filled, filled + rest
    row[at.O_LEAVES], row[at.O_FILLED], row[at.O_QUANTITY] = alive, filled, filled + rest
    if row[at.O_MARK]:
        row[at.O_MARK] = filled + alive
    for column in (at.O_LIMIT, at.O_WORST, at.O_TRAIL):
        row[column] = grid.mark(int(row[column]))
    if row[at.O_DISPLAY]:
        row[at.O_DISPLAY] = max(1, grid.lots(int(row[at.O_DISPLAY])))
    stop = int(row[at.O_STOP])
    if stop:
        row[at.O_STOP] = new = grid.price(stop)
        now = int(engine._book.inst[order.k, at.LAST])
        if new == now and stop != last and row[at.O_TYPE] >= at.STOP_MARKET:
            row[at.O_STOP] = new + 1 if stop > last else max(1, new - 1)
    order.limit = None if order.limit is None else int(row[at.O_LIMIT])
    order.stop = None if order.stop is None else (int(row[at.O_STOP]) or grid.price(order.stop))
    if order.terms is not None and (order.terms.display_quantity or order.terms.trail):
        order.terms = msgspec.structs.replace(
            order.terms, display_quantity=int(row[at.O_DISPLAY]), trail=int(row[at.O_TRAIL])
        )


def _recount(engine: Engine, k: int) -> None:
    """What working orders ask for together, and what that borrows."""
    book = engine._book
    asked = book.pos[:, k, at.P_BUYING : at.P_SELLING + 1]
    asked[:] = 0
    for order in engine.orders.values():
        row = book.own[order.slot]
        if order.k == k and not row[at.O_FLAGS] & at.REDUCE_ONLY:
            asked[order.account.index, int(row[at.O_SIDE])] += row[at.O_LEAVES]
    short = book.pos[:, k, at.P_SELLING] - book.pos[:, k, at.P_LOTS]
    book.inst[k, at.SHORTED] = short[short > 0].sum()


def _told(engine: Engine, order: Working, plain: Any) -> None:
    """Tell an order's new terms and where it stands."""
    book = engine._book
    row = book.own[order.slot]
    ahead = plain.lots_ahead(book, order.slot) if row[at.O_WHERE] == at.AT_LEVEL else -1
    order.status = transition(order.status, OrderEvent.REPLACE)
    engine.tell(
        msg.OrderReplaced(
            engine.next_seq(), engine.now, order.account.name, order.client_order_id, order.order_id,
            engine.instruments[order.k].symbol, order.quantity, order.limit, order.stop, order.leaves, True, int(ahead),
            codes.WAITS[int(row[at.O_WAIT])], Reason.CORPORATE_ACTION,
        )
    )  # fmt: skip


def _meet(engine: Engine, k: int, resting: list[Working]) -> None:
    """Orders whose prices rounding has made one trade with each other, the newest as taker."""
    book, plain = engine._book, choice.plain()
    inst = book.inst[k]
    if inst[at.BAR_NO] or inst[at.STATE] == at.S_AUCTION:
        return
    known = {order.order_id for order in resting}
    waiting = [o for o in engine.orders.values() if o.k == k and book.own[o.slot, at.O_WHERE] == at.IN_MARKET]
    for order in reversed([*resting, *(o for o in waiting if o.order_id not in known)]):
        if order.order_id not in engine.orders:
            continue
        book = engine._book
        s = 0 if order.side > 0 else 1
        limit = int(book.own[order.slot, at.O_LIMIT])
        other = int(inst[at.OWN_BEST + 1 - s]) + int(inst[at.BASE])
        crosses = limit == 0 or (limit >= other if s == 0 else limit <= other)
        if inst[at.OWN_LEVELS + 1 - s] and crosses:
            engine._make_room(k)
            plain.unlink(engine._book, order.slot)
            plain.enter(engine._book, order.slot, engine.now)
            engine._drain()
    engine._make_room(k)
    plain.after(engine._book, k, engine.now)
    engine._drain()


_ACTIONS: Final[dict[ActionKind, Callable[[Engine, CorporateAction, int], None]]] = {
    ActionKind.SPLIT: _split,
    ActionKind.DIVIDEND: _dividend,
    ActionKind.RENAME: _rename,
    ActionKind.DELISTING: _delisting,
}
