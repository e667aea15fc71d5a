"""What would an engine do with these orders? It is tried on a throw-away copy, by the engine's own code.

Rules: the engine that is asked stays as it is, to the last byte: what a message could touch is copied, everything else
is only read. No rule of trading stands here: the copy runs the very source that the engine runs. What a participant
cannot see is not in the copy: of others' orders there is what they show, and no hidden lots. So where somebody else has
hidden something, the engine may fill more than the copy says, never less. Orders that would be on their way arrive at
once: the copy tells what they would meet in the book as it stands.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, Final, cast

import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import Fact, ReplaceOrder, SubmitOrder
from vtrade.execution import choice
from vtrade.execution import layout as at
from vtrade.execution.agenda import Agenda
from vtrade.execution.engine import Engine
from vtrade.execution.risk import Account
from vtrade.execution.venue import Venue
from vtrade.execution.working import Working

MESSAGES_MAX: Final = 8
"""Messages of one rehearsal: an entry and its ways out, and some to spare."""

Asked = SubmitOrder | ReplaceOrder


class _Orders(MutableMapping[int, Working]):
    """Working orders, each copied when it is first looked at."""

    def __init__(self, orders: MutableMapping[int, Working], accounts: dict[str, Account]) -> None:
        self._lent, self._accounts = orders, accounts
        self._own: dict[int, Working] = {}
        self._gone: set[int] = set()

    def __getitem__(self, order_id: int) -> Working:
        order = self._own.get(order_id)
        if order is None:
            if order_id in self._gone:
                raise KeyError(order_id)
            order = self._own[order_id] = copy.copy(self._lent[order_id])
            order.account = self._accounts[order.account.name]
        return order

    def __setitem__(self, order_id: int, order: Working) -> None:
        self._own[order_id] = order

    def __delitem__(self, order_id: int) -> None:
        self._own.pop(order_id, None)
        self._gone.add(order_id)

    def __iter__(self) -> Iterator[int]:
        yield from (n for n in self._lent if n not in self._gone)
        yield from (n for n in self._own if n not in self._lent)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Ids(MutableMapping[str, object]):
    """Names of an account's orders; one that works stands for its copy."""

    def __init__(self, ids: MutableMapping[str, object], orders: _Orders) -> None:
        self._lent, self._orders = ids, orders
        self._own: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        if name in self._own:
            return self._own[name]
        known = self._lent[name]
        return self._orders[known.order_id] if isinstance(known, Working) else known

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._lent

    def __setitem__(self, name: str, value: object) -> None:
        self._own[name] = value

    def __delitem__(self, name: str) -> None:
        raise NotImplementedError("a name that was used stays used")

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self._lent), **self._own})

    def __len__(self) -> int:
        return len({**dict.fromkeys(self._lent), **self._own})


def rehearse(
    engine: Engine, messages: Sequence[Asked], *, account: str, limits: RiskLimits | None = None
) -> tuple[Engine, list[list[Fact]]]:
    """Try messages of one account, one after the other.

    Parameters
    ----------
    engine : Engine
        Left as it is.
    messages : sequence of SubmitOrder or ReplaceOrder
        Up to ``MESSAGES_MAX``.
    account : str
        Who asks: the copy holds what this account may know.
    limits : RiskLimits, optional
        What the account may do, in place of its own limits.

    Returns
    -------
    (Engine, list of list of Fact)
        The copy as it is afterwards, and what it told of each message; also facts about others, which are nobody's
        business.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import OpenAccount, OpenRoom
    >>> from vtrade.domain.orders import OrderType, Side
    >>> engine = Engine()
    >>> _ = engine.process(OpenRoom(0, "demo", (Instrument.make("ACME"),)))
    >>> _ = engine.process(OpenAccount(0, "ana", 10**9))
    >>> before = engine.state_hash()
    >>> order = SubmitOrder(0, "ana", "a", "ACME", Side.BUY, OrderType.LIMIT, 5_000_000, 10_000_000)
    >>> _, told = rehearse(engine, [order], account="ana")
    >>> [type(fact).__name__ for fact in told[0]], engine.state_hash() == before
    (['OrderAccepted'], True)
    """
    assert len(messages) <= MESSAGES_MAX, "a rehearsal is about one order and what belongs to it"
    double = _double(engine, messages)
    _forget_hidden(double, account)
    if limits is not None:
        double.accounts[account].limits = limits
        double.accounts[account].fill_row()
    told: list[list[Fact]] = []
    for message in messages:
        facts: list[Fact] = []
        double._facts = facts
        if isinstance(message, SubmitOrder):
            double._submit(message)
            _land(double, message)
        else:
            double._replace_now(message)
        told.append(facts)
    return double, told


def working(engine: Engine, message: Asked) -> Working | None:
    """The working order that a message is about."""
    account = engine.accounts.get(message.account)
    known = account.ids.get(message.client_order_id) if account is not None else None
    return known if isinstance(known, Working) else None


def _land(engine: Engine, message: SubmitOrder) -> None:
    """An order that is on its way arrives."""
    order = working(engine, message)
    if order is not None and engine._book.own[order.slot, at.O_WHERE] == at.IN_FLIGHT:
        engine._make_room(order.k)
        engine._kernel.land(engine._book, order.slot, engine.now)
        engine._drain()


# --- the copy --------------------------------------------------------------------------------------------------------


def _double(engine: Engine, messages: Sequence[Asked]) -> Engine:
    """An engine in the same state, as far as these messages can reach."""
    double = Engine.__new__(Engine)
    double.__dict__.update(engine.__dict__)
    double._handlers = {}
    double._facts = []
    if double.at_once:
        double._kernel = choice.kernel(at_once=True)
    double._row = np.zeros(at.OWN_COLS, np.int64)
    then = max([engine.now, *(m.ts_ns for m in messages)])
    overdue = bool(engine.agenda) and engine.agenda.due_ns < then
    double._book = _book(engine._book, set(range(len(engine.instruments))) if overdue else _reached(engine, messages))
    double.agenda = _agenda(engine.agenda)
    double.venue = _venue(engine.venue)
    double.accounts = {}
    orders = _Orders(engine.orders, double.accounts)
    double.orders = cast(dict[int, Working], orders)
    for name, account in engine.accounts.items():
        twin = double.accounts[name] = Account(double, name, account.index, account.currency, account.limits)
        twin.ids = cast(dict[str, object], _Ids(account.ids, orders))
        twin.groups, twin.due_ns = dict(account.groups), account.due_ns
    if overdue:
        double._catch_up(then)
    double.now = then
    return double


def _reached(engine: Engine, messages: Sequence[Asked]) -> set[int]:
    """Instruments that messages are about."""
    found = set()
    for message in messages:
        order = working(engine, message)
        k = engine.index(message.symbol) if isinstance(message, SubmitOrder) else order.k if order is not None else None
        found |= set() if k is None else {k}
    return found


def _book(book: at.Book, touched: set[int]) -> at.Book:
    """A book of its own; of instruments that nothing can reach there are no levels."""
    room = book.room.copy()
    own = book.own.copy()
    groups = own[(own[:, at.O_WHERE] != at.GONE) & (own[:, at.O_GROUP] != 0), at.O_INST]
    level = np.zeros(book.level.shape, np.int64)  # memory that nobody touches costs nothing
    for k in touched.union(groups.tolist()):
        level[k] = book.level[k]
    return book._replace(
        level=level, inst=book.inst.copy(), drift=book.drift.copy(), own=own, acct=book.acct.copy(),
        cash=book.cash.copy(), pos=book.pos.copy(), rates=book.rates.copy(), out=np.zeros(book.out.shape, np.int64),
        room=room, feed=np.zeros(book.feed.shape, np.int64), rings=np.zeros(book.rings.shape, np.int64),
    )  # fmt: skip


def _agenda(agenda: Agenda) -> Agenda:
    twin = copy.copy(agenda)
    twin._heap = list(agenda._heap)
    return twin


def _venue(venue: Venue) -> Venue:
    twin = copy.copy(venue)
    for name, value in vars(venue).items():
        if isinstance(value, dict | set):
            setattr(twin, name, value.copy())
    twin.bands = {k: copy.copy(band) for k, band in venue.bands.items()}
    return twin


def _forget_hidden(engine: Engine, account: str) -> None:
    """What an account cannot see is not there: hidden lots, others' reserves, stops and waiting orders."""
    book: at.Book = engine._book
    book.room[at.HIDDEN_PPM] = 0
    if len(engine.accounts) == 1 and account in engine.accounts:
        return
    own: Any = book.own
    me = engine.accounts[account].index if account in engine.accounts else at.UNKNOWN - 1
    others = (own[:, at.O_WHERE] != at.GONE) & (own[:, at.O_ACCOUNT] >= 0) & (own[:, at.O_ACCOUNT] != me)
    if not others.any():
        return
    shown = np.where(own[:, at.O_WHERE] == at.AT_LEVEL, own[:, at.O_SHOWN], 0)
    hidden = np.where(others, own[:, at.O_LEAVES] - shown, 0)
    own[:, at.O_LEAVES] -= hidden
    children = others & (own[:, at.O_PARENT] > 0)
    own[children, at.O_MARK] = (own[:, at.O_FILLED] + own[:, at.O_LEAVES])[children]
