"""What does a message do to a room? The deterministic writer: messages in, facts out.

Rules: no I/O, no clock, no luck of its own; time is that of the newest message and never goes back. A refusal is a
fact with a reason and changes nothing else. Money and positions change only in :meth:`Engine._filled`. The matching
kernel is imported with the first engine, because compiled code is slow to load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.actions import CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderEvent, Reason, Status, transition
from vtrade.domain.rules import QueueModel
from vtrade.domain.values import MICRO
from vtrade.errors import VTradeError
from vtrade.execution import choice, codes, corporate, entry, house, looks, margin, risk, state, strays, telling
from vtrade.execution import layout as at
from vtrade.execution.agenda import Agenda, Errand
from vtrade.execution.risk import Account, fill_terms
from vtrade.execution.terms import new_terms
from vtrade.execution.venue import Venue
from vtrade.execution.working import Working, in_order
from vtrade.market.dtype import Events, Kind, read_frame

CASH_MAX: Final = 2**61
"""Micro-units an account may open with."""

_EVER: Final = 2**63 - 1


class Engine:
    """The execution engine of one room.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import OpenRoom
    >>> engine = Engine()
    >>> facts = engine.process(OpenRoom(0, "demo", (Instrument.make("ACME"),)))
    >>> [type(fact).__name__ for fact in facts]
    ['RoomOpened']
    """

    def __init__(self) -> None:
        self._kernel = choice.kernel()
        self.room = ""
        self.instruments: tuple[Instrument, ...] = ()
        self.currencies: tuple[str, ...] = ()
        self.rules = msg.RoomRules()
        self.seed = 0
        self.tape = ""
        self.forked_from = ""
        self.closed = False
        self.seq = 0
        self.now = 0
        self.next_order_id = 1
        self.next_group = 1
        self.at_once = False
        """Whether to begin with the plain kernel where the other would have to be compiled first."""
        self.unreachable = 0
        """Feed rows whose price lay outside every window that fits in memory."""
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Working] = {}
        """Working orders by order id."""
        self.agenda = Agenda()
        self.venue = Venue()
        self._index: dict[str, int] = {}
        self._book = at.new_book(1)
        self._row = np.zeros(at.OWN_COLS, np.int64)
        self._facts: list[msg.Fact] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            msg.SubmitOrder: self._submit,
            msg.CancelOrder: self._cancel,
            msg.ReplaceOrder: self._replace,
            msg.OpenAccount: self._open_account,
            msg.OpenRoom: self._open_room,
            msg.RoomCommand: self._command,
            msg.UserAction: self._action,
            CorporateAction: lambda m: corporate.apply(self, m),
            msg.OfferTender: lambda m: house.offer(self, m),
            msg.AnswerTender: lambda m: house.answer(self, m),
            msg.ConvertCash: lambda m: house.convert(self, m),
        }

    # --- the contract of an engine ----------------------------------------------------------------------------------

    def process(self, message: msg.Inbound) -> list[msg.Fact]:
        """Fold one message; returns the facts it produced, in order.

        Raises
        ------
        VTradeError
            If the log is not one: an order before the room is opened, or a room opened twice. Nothing has changed.
        """
        if not self.instruments and type(message) is not msg.OpenRoom:
            raise VTradeError(f"the log begins with {type(message).__name__}; the first message must be OpenRoom")
        if self.at_once:
            self._kernel = choice.kernel(at_once=True)
        before, then = self.now, max(self.now, message.ts_ns)
        self._facts = []
        if type(message) is msg.MarketFrame:
            self._market(message, read_frame(message.events, len(self.instruments)), then)
            return self._facts
        self._catch_up(then)
        self.now = then
        try:
            self._handlers[type(message)](message)
        except VTradeError:
            if not self._facts:
                self.now = before
            raise
        return self._facts

    def snapshot(self) -> bytes:
        """The whole state as bytes, the same for the same state."""
        return state.dump(self)

    @classmethod
    def restore(cls, data: bytes) -> Engine:
        """An engine in the state of :meth:`snapshot`."""
        return state.load(cls(), data)

    def state_hash(self) -> str:
        """SHA-256 of the state, in hex."""
        return hashlib.sha256(self.snapshot()).hexdigest()

    # --- what panels ask, changing nothing --------------------------------------------------------------------------

    def index(self, symbol: str) -> int | None:
        """Number of a symbol's instrument, or ``None``."""
        return self._index.get(symbol)

    def touch(self, k: int) -> tuple[int, int, int, int]:
        """Bid, bid size, ask, ask size in ticks and lots; 0 where a side is empty."""
        bid, bid_size = self._kernel.touch(self._book, k, at.BID)
        ask, ask_size = self._kernel.touch(self._book, k, at.ASK)
        return int(bid), int(bid_size), int(ask), int(ask_size)

    def depth(self, k: int, side: int, levels: int) -> list[tuple[int, int]]:
        """Best levels of a side (+1 bids, -1 asks): price in ticks, lots a newcomer could trade with."""
        return looks.depth(self._book, k, side, levels)

    def last(self, k: int) -> int:
        """Last print in ticks, 0 before the first."""
        return int(self._book.inst[k, at.LAST])

    def session(self, k: int) -> str:
        """``OPEN``, ``CLOSED`` or ``HALTED``."""
        return codes.SESSIONS[int(self._book.inst[k, at.STATE])] or "OPEN"

    def queue_ahead(self, order_id: int) -> int | None:
        """Lots that trade before a resting order, now; ``None`` where it does not rest in a queue."""
        order = self.orders.get(order_id)
        if order is None or self._book.own[order.slot, at.O_WHERE] != at.AT_LEVEL:
            return None
        return int(self._kernel.ahead_of(self._book, order.slot))

    def waiting(self, order_id: int) -> Reason:
        """Why a working order waits, now; ``NONE`` for an order that does not work."""
        order = self.orders.get(order_id)
        return Reason.NONE if order is None else looks.waiting(self._book, order, self.touch(order.k))

    def buying_power(self, account: str) -> int:
        """Micro-units the account can still commit."""
        return int(self._kernel.power(self._book, self.accounts[account].index))

    @property
    def marks(self) -> list[int]:
        """Ticks at which each instrument is valued: its last print, else its mid; 0 before either."""
        marks: list[int] = self._book.inst[:, at.MARK].tolist()
        return marks

    def stop_price(self, order_id: int) -> int | None:
        """Where a stop stands now, in ticks; a trailing one moves."""
        order = self.orders.get(order_id)
        stop = int(self._book.own[order.slot, at.O_STOP]) if order is not None else 0
        return stop or None

    # --- rooms and accounts -----------------------------------------------------------------------------------------

    def next_seq(self) -> int:
        """Number of the next fact."""
        self.seq += 1
        return self.seq

    def tell(self, fact: msg.Fact) -> None:
        """Add a fact to what the present message produces."""
        self._facts.append(fact)

    def _open_room(self, m: msg.OpenRoom) -> None:
        if self.instruments:
            raise VTradeError(f"room {self.room!r} is opened a second time, as {m.room!r}; start a new journal")
        if not m.instruments:
            raise VTradeError(f"room {m.room!r} names no instrument; give at least one")
        symbols = [i.symbol for i in m.instruments]
        if len(set(symbols)) < len(symbols):
            raise VTradeError(f"room {m.room!r} names a symbol twice: {symbols}")
        self.room, self.rules, self.seed = m.room, m.rules, m.seed
        self.tape, self.forked_from = m.tape, m.forked_from
        self.list_instruments(m.instruments)
        self._facts.append(msg.RoomOpened(self.next_seq(), self.now, m.room, m.instruments, m.tape, m.forked_from))

    def list_instruments(self, instruments: tuple[Instrument, ...]) -> None:
        """Make an empty book for a room's instruments."""
        self.instruments = instruments
        self.currencies = tuple(dict.fromkeys(i.currency for i in instruments))
        self._index = {instrument.symbol: k for k, instrument in enumerate(instruments)}
        self._book = book = at.new_book(len(instruments), currencies=len(self.currencies))
        for k, instrument in enumerate(instruments):
            fill_terms(instrument, self.currencies, book.terms[k])
        rules, room = self.rules, book.room
        room[at.SHARE_PPM] = rules.bar_volume_share_ppm
        room[at.QUEUE_MODEL] = codes.QUEUES[rules.queue_model]
        room[at.QUEUE_POWER] = rules.queue_power_milli
        room[at.BEYOND_RULE] = codes.BEYONDS[rules.beyond]
        room[at.HIDDEN_PPM] = rules.hidden_ppm
        room[at.RESILIENCE_NS] = rules.resilience_ns
        room[at.IMPACT_PPM], room[at.IMPACT_NS] = rules.impact_ppm, rules.impact_half_life_ns
        self._step_by_step()
        self._fit_rings()

    def _step_by_step(self) -> None:
        """Money that moves after a fill moves before the next row, wherever frames and buffers end."""
        self._book.room[at.STEPWISE] = int(len(self.currencies) > 1 or self.rules.settlement_days > 0)

    def _fit_rings(self) -> None:
        if self.rules.queue_model == QueueModel.INFERRED:
            self._book = self._book._replace(rings=at.grown(self._book.rings, self._book.own.shape[0]))

    def _open_account(self, m: msg.OpenAccount) -> None:
        if m.account in self.accounts:
            return  # a message delivered twice
        if not 0 <= m.cash <= CASH_MAX:
            raise VTradeError(
                f"account {m.account!r} would open with {m.cash} micro-units; give 0 to {CASH_MAX} (about 2.3e12 units)"
            )
        self.new_account(m)
        self._facts.append(msg.AccountOpened(self.next_seq(), self.now, m.account, m.cash, m.currency))

    def new_account(self, m: msg.OpenAccount) -> Account:
        """Make room for an account."""
        index = len(self.accounts)
        if m.currency not in self.currencies:
            self.currencies = (*self.currencies, m.currency)
            pad = ((0, 0), (0, 1))
            self._book = self._book._replace(
                cash=np.pad(self._book.cash, pad), rates=np.append(self._book.rates, np.int64(MICRO))
            )
        book = self._book
        self._book = book._replace(
            acct=at.grown(book.acct, index + 1), cash=at.grown(book.cash, index + 1), pos=at.grown(book.pos, index + 1)
        )
        self._step_by_step()
        account = self.accounts[m.account] = Account(self, m.account, index, m.currency, m.limits)
        account.fill_row()
        account.cash = m.cash
        return account

    def _action(self, m: msg.UserAction) -> None:
        self._facts.append(msg.ActionRecorded(self.next_seq(), self.now, m.account, m.action, m.subject, m.value))

    def _command(self, m: msg.RoomCommand) -> None:
        if m.action == "news":
            self._facts.append(msg.NewsPublished(self.next_seq(), self.now, m.symbol, m.text, m.account))
        elif m.action == "close":
            if not self.closed:
                self._catch_up(self.now + 1)
                self.closed = True
                self._facts.append(msg.RoomClosed(self.next_seq(), self.now, m.text))
        elif m.action in house.COMMANDS:
            house.command(self, m)
        elif m.action in ("halt", "resume"):
            if self.closed:
                return
            status: Any = at.S_HALTED if m.action == "halt" else np.int64(at.RESUMED)
            wanted = [self._index[m.symbol]] if m.symbol in self._index else range(len(self.instruments))
            if m.symbol and m.symbol not in self._index:
                raise VTradeError(f"{m.action} names {m.symbol!r}, which this room does not trade")
            for k in wanted:
                self._make_room(k)
                self._kernel.run_session(self._book, k, status, self.now)
                self._drain(cause=m.text)
        else:
            raise VTradeError(f"unknown room command {m.action!r}; known: {', '.join(house.KNOWN)}")

    # --- market data and time ---------------------------------------------------------------------------------------

    def _market(self, m: msg.MarketFrame, events: Events, then: int) -> None:
        if self.closed or not len(events):
            self._catch_up(then)
            self.now = then
            return
        book = self._book
        top = int(events["order_id"].max())
        if top >= book.feed.shape[0]:
            self._book = book._replace(feed=at.grown(book.feed, top + 1))
        i, n = 0, len(events)
        while i < n:
            until = self.agenda.due_ns if self.agenda else _EVER
            i = self._kernel.run(self._book, events, i, until)
            self._drain()
            if i < n:
                ts = int(events["ts_ns"][i])
                if ts > until:
                    self._catch_up(ts)
                else:
                    i = self._unstick(events, i)
        self._catch_up(then)
        self.now = then
        self._mark()

    def _unstick(self, events: Events, i: int) -> int:
        """Let the kernel go on where it stopped: room to tell, a slot, a wider window; or skip the row."""
        event = events[i]
        k, kind = int(event["instrument"]), int(event["kind"])
        self._make_room(k)
        own = self._book.own
        if int(self._book.room[at.SLOTS]) >= own.shape[0]:
            self._book = self._book._replace(own=at.grown(own, own.shape[0] + 1))
            self._fit_rings()
        price = int(self._book.room[at.R_A])
        if not self._book.room[at.R_B]:
            return i
        if price < 1:
            self.unreachable += 1
            return i + 1
        if kind <= Kind.QUOTE or kind == Kind.ORDER:
            wider = at.fit(self._book, k, price)
            if wider is None and self._make_way(k, event):
                wider = at.fit(self._book, k, price)
            if wider is None:
                self.unreachable += 1
                return i + 1
            self._book = wider
        return i

    def _catch_up(self, until: int) -> None:
        """Do what is due before a moment: messages that arrive, orders that expire."""
        while self.agenda and self.agenda.due_ns < until:
            errand = self.agenda.pop()
            self.now = max(self.now, errand.due_ns)
            self._do(errand)

    def _do(self, errand: Errand) -> None:
        if self.closed:
            return
        order = self.orders.get(errand.order_id)
        match errand.what:
            case "land" if order is not None:
                self._make_room(order.k)
                self._kernel.land(self._book, order.slot, self.now)
                self._drain()
            case "expire" if order is not None:
                self._kernel.cancel(self._book, order.slot, self.now)
                self.ended(order, OrderEvent.EXPIRE)
                self._facts.append(
                    msg.OrderExpired(
                        self.next_seq(), self.now, order.account.name, order.client_order_id, order.order_id,
                        self.instruments[order.k].symbol, order.leaves, Reason.GOOD_TILL_DATE,
                    )
                )  # fmt: skip
                self._drain()
            case "message" if isinstance(errand.message, msg.CancelOrder):
                self._cancel_now(errand.message)
            case "message" if isinstance(errand.message, msg.ReplaceOrder):
                self._replace_now(errand.message)
            case "margin":
                margin.deadline(self, errand.name)
            case "tender":
                house.expire(self, errand.name)
            case "settle":
                house.settle(self, errand.name, errand.amount)
            case "resume":
                self.set_session(self.index(errand.name), at.RESUMED, errand.detail)
            case _:
                pass  # the order ended before

    def set_session(self, k: int | None, status: Any, cause: str) -> None:
        """Open, close, halt or resume an instrument, outside the feed."""
        if k is not None:
            self._make_room(k)
            self._kernel.run_session(self._book, k, int(status), self.now)
            self._drain(cause=cause)

    def _make_way(self, k: int, event: Any) -> bool:
        """Forget what stands too far away for a row to fit; False where the row itself is the stray one."""
        far = strays.to_forget(self._book, k, event)
        if far is None:
            return False
        for s, p in far:
            self._kernel.show_level(self._book, k, s, p, 0)
        price, span = int(event["price"]), strays.span_max(len(self.instruments))
        for order in list(self.orders.values()):
            far_away = order.k == k and order.limit is not None and abs(order.limit - price) >= span
            if far_away and order.order_id in self.orders:  # a parent takes its children with it
                self.cancel_order(
                    order, Reason.PRICE_OUT_OF_RANGE,
                    f"the market is at {self.instruments[k].price_text(price)}, too far away to keep both in sight",
                    ts=int(event["ts_ns"]),
                )  # fmt: skip
        return True

    def _make_room(self, k: int) -> None:
        """Let the kernel tell everything that an event, or an order that comes in, can cause in an instrument."""
        rows = int(self._kernel.rows_needed(self._book, k))
        if rows > self._book.out.shape[0]:
            self._book = self._book._replace(out=at.grown(self._book.out, rows))

    def _mark(self) -> None:
        inst = self._book.inst
        changed = []
        for k, (last, mid, mark) in enumerate(inst[:, _VALUED].tolist()):
            px = last or mid or mark
            if px != mark:
                inst[k, at.MARK] = px
                changed.append((k, px))
        if changed:
            self._facts.append(msg.Marked(self.next_seq(), self.now, tuple(changed)))
        self.venue.watch(self)
        margin.watch(self)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _reference(self, k: int, side: int) -> int:
        """The market in ticks for an order on ``side``: the touch it would trade with, else the last print, else 0."""
        price = int(self._kernel.touch(self._book, k, at.ASK if side > 0 else at.BID)[0])
        return price or int(self._book.inst[k, at.LAST])

    def _submit(self, m: msg.SubmitOrder) -> None:
        account = self.accounts.get(m.account)
        refusal = self._refuse(account, m)
        if refusal is None and account is not None:
            refusal = entry.send(self, account, m)
        if refusal is None:
            return
        if account is not None and m.client_order_id not in account.ids:
            account.ids[m.client_order_id] = Status.DENIED
        self._facts.append(
            msg.OrderDenied(
                self.next_seq(), self.now, m.account, m.client_order_id, m.symbol, m.side, m.type, m.quantity,
                m.limit_price, m.stop_price, m.time_in_force, *refusal,
            )
        )  # fmt: skip

    def _refuse(self, account: Account | None, m: msg.SubmitOrder) -> risk.Refusal | None:
        """Why our own checks deny an order before they ask for its price, or ``None``."""
        if account is None:
            return Reason.UNKNOWN_ACCOUNT, f"account {m.account!r} is not in this room"
        if m.client_order_id in account.ids:
            return Reason.DUPLICATE_CLIENT_ORDER_ID, f"client_order_id {m.client_order_id!r} was used before"
        if self.closed:
            return Reason.ROOM_CLOSED, "the room is closed"
        k = self._index.get(m.symbol)
        if k is None:
            return Reason.UNKNOWN_SYMBOL, f"{m.symbol!r} is not traded here; known: {', '.join(self._index)}"
        instrument = self.instruments[k]
        refusal = risk.grid_refusal(instrument, m.type, m.quantity, m.limit_price, m.stop_price, account.limits)
        return refusal or risk.asks_refusal(m, instrument, self.now) or self.venue.refusal(self, k, m)

    def _price_refusal(self, k: int, limit: int | None, stop: int | None, reference: int) -> risk.Refusal | None:
        instrument = self.instruments[k]
        refusal = risk.range_refusal(instrument, (limit, stop), reference)
        if refusal is None and limit is not None:
            wider = at.fit(self._book, k, limit)
            if wider is None:
                return Reason.PRICE_OUT_OF_RANGE, f"limit price {instrument.price_text(limit)} is too far from the book"
            self._book = wider
        return refusal

    def _cancel(self, m: msg.CancelOrder) -> None:
        self._now_or_later(m, msg.CancelRejected, self._cancel_now)

    def _replace(self, m: msg.ReplaceOrder) -> None:
        self._now_or_later(m, msg.ReplaceRejected, self._replace_now)

    def _now_or_later(self, m: Any, refused: Any, act: Callable[[Any], None]) -> None:
        """A request about an order takes as long to arrive as the order did."""
        order = self._find(m, refused)
        due = self.venue.due(self, order.account, order.order_id) if order is not None else 0
        if due > self.now:
            self.agenda.add(Errand(due, "message", message=m))
        elif order is not None:
            act(m)

    def _cancel_now(self, m: msg.CancelOrder) -> None:
        order = self._find(m, msg.CancelRejected)
        if order is not None:
            self.cancel_order(order, Reason.CANCELED_BY_USER, "")

    def cancel_order(self, order: Working, reason: Reason, detail: str, *, ts: int | None = None) -> None:
        """Take an order out of the market, and tell why."""
        self._make_room(order.k)
        leaves = order.leaves
        self._kernel.cancel(self._book, order.slot, self.now)
        self.ended(order, OrderEvent.CANCEL)
        self._facts.append(
            msg.OrderCanceled(
                self.next_seq(), self.now if ts is None else ts, order.account.name, order.client_order_id,
                order.order_id, self.instruments[order.k].symbol, leaves, reason, detail,
            )
        )  # fmt: skip
        self._drain()

    def _find(
        self, m: msg.CancelOrder | msg.ReplaceOrder, refused: type[msg.CancelRejected] | type[msg.ReplaceRejected]
    ) -> Working | None:
        account = self.accounts.get(m.account)
        known = account.ids.get(m.client_order_id) if account else None
        if isinstance(known, Working) and not self.closed:
            return known
        if self.closed:
            reason, detail = Reason.ROOM_CLOSED, "the room is closed"
        elif known is None:
            reason, detail = Reason.UNKNOWN_ORDER, f"{m.account!r} has no order {m.client_order_id!r}"
        else:
            reason, detail = Reason.ORDER_CLOSED, f"order {m.client_order_id!r} is {known} already"
        self._facts.append(refused(self.next_seq(), self.now, m.account, m.client_order_id, reason, detail))
        return None

    def _replace_now(self, m: msg.ReplaceOrder) -> None:
        order = self._find(m, msg.ReplaceRejected)
        if order is None:
            return
        account, k = order.account, order.k
        row = self._book.own[order.slot]
        waits_for_stop = bool(row[at.O_TYPE] >= at.STOP_MARKET)
        triggered = order.stop is not None and not waits_for_stop
        (lots, new_limit, new_stop), refusal = new_terms(order, m, self.instruments[k], triggered=triggered)
        if refusal is None and row[at.O_WHERE] == at.IN_FLIGHT:
            refusal = Reason.INSTRUCTION_NOT_ALLOWED, "the order has not reached the venue yet; cancel it or wait"
        reference = self._reference(k, order.side)
        if refusal is None and (new_limit, new_stop) != (order.limit, order.stop):
            refusal = self._price_refusal(k, new_limit, new_stop, reference)
        if refusal is None:
            same_prices = (new_limit, new_stop) == (order.limit, order.stop)
            keep = lots < order.quantity and same_prices
            worst = int(row[at.O_WORST])
            if new_limit is not None or waits_for_stop:
                worst = risk.worst_price(account.limits, order.side, new_limit, new_stop, reference)
            limit = new_limit or (worst if row[at.O_TYPE] == at.MARKET else 0)
            stop = new_stop or (int(row[at.O_STOP]) if row[at.O_TYPE] == at.TRAILING else 0)
            self._make_room(k)
            code = self._kernel.replace(
                self._book, order.slot, self.now, lots, limit, stop, worst, reference or new_limit or new_stop or 0,
                int(keep),
            )  # fmt: skip
            if code > 0:
                refusal = risk.in_words(self, code, k, account)
        if refusal is not None:
            self._facts.append(msg.ReplaceRejected(self.next_seq(), self.now, m.account, m.client_order_id, *refusal))
            return
        order.limit, order.stop = new_limit, new_stop
        self._drain()

    def ended(self, order: Working, event: OrderEvent) -> None:
        """An order is final."""
        order.status = transition(order.status, event)
        order.account.ids[order.client_order_id] = order.status
        del self.orders[order.order_id]

    # --- what the kernel told ---------------------------------------------------------------------------------------

    def _drain(self, *, cause: str = "") -> None:
        """Turn what the kernel told into facts."""
        room = self._book.room
        count = int(room[at.OUT_COUNT])
        if not count:
            return
        rows = self._book.out[:count].tolist()
        room[at.OUT_COUNT] = 0
        if count > 1:
            rows = in_order(rows)
        for row in rows:
            what = row[at.X_WHAT]
            if what == at.FILLED:
                telling.filled(self, self.orders[row[at.X_ID]], row)
            elif what == at.SESSION:
                symbol = self.instruments[row[at.X_PX]].symbol
                status = codes.SESSIONS[row[at.X_QTY]]
                self._facts.append(msg.SessionChanged(self.next_seq(), row[at.X_TS], symbol, status, cause))
                self.venue.session(self, row[at.X_PX], status)
            elif what == at.AUCTION:
                self._facts.append(
                    msg.AuctionHeld(
                        self.next_seq(), row[at.X_TS], self.instruments[row[at.X_CAUSE]].symbol, row[at.X_PX],
                        row[at.X_QTY], row[at.X_LEAVES],
                    )
                )  # fmt: skip
            else:
                telling.told(self, self.orders[row[at.X_ID]], row)


_VALUED: Final = [at.LAST, at.MID, at.MARK]
