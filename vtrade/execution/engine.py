"""What does a message do to a room? The deterministic writer: messages in, facts out.

Rules: no I/O, no clock, no luck of its own; time is that of the newest message and never goes back. A refusal is a
fact with a reason and changes nothing else. Money and positions change only in :meth:`Engine._filled`. The matching
kernel is imported with the first engine, because compiled code is slow to load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import TERMINAL, Liquidity, OrderEvent, Reason, Side, Status, transition
from vtrade.errors import VTradeError
from vtrade.execution import codes, looks, risk, strays
from vtrade.execution import layout as at
from vtrade.execution.risk import Account
from vtrade.execution.terms import new_terms
from vtrade.execution.working import Working, in_order
from vtrade.market.dtype import Kind, read_frame


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
        from vtrade.execution import kernel

        self._kernel = kernel
        self.room = ""
        self.instruments: tuple[Instrument, ...] = ()
        self.rules = msg.RoomRules()
        self.seed = 0
        self.tape = ""
        self.forked_from = ""
        self.closed = False
        self.seq = 0
        self.now = 0
        self.next_order_id = 1
        self.unreachable = 0
        """Feed rows whose price lay outside every window that fits in memory."""
        self.accounts: dict[str, Account] = {}
        self.orders: dict[int, Working] = {}
        """Working orders by order id."""
        self.marks: list[int] = []
        self._index: dict[str, int] = {}
        self._by_slot: list[Working | None] = [None]
        self._free: list[int] = []
        self._book = at.new_book(1, share_ppm=0)
        self._facts: list[msg.Fact] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            msg.MarketFrame: self._market,
            msg.SubmitOrder: self._submit,
            msg.CancelOrder: self._cancel,
            msg.ReplaceOrder: self._replace,
            msg.OpenAccount: self._open_account,
            msg.OpenRoom: self._open_room,
            msg.RoomCommand: self._command,
            msg.UserAction: self._action,
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
        before, self.now = self.now, max(self.now, message.ts_ns)
        self._facts = []
        try:
            self._handlers[type(message)](message)
        except VTradeError:
            self.now = before
            raise
        return self._facts

    def snapshot(self) -> bytes:
        """The whole state as bytes, the same for the same state."""
        from vtrade.execution import state

        return state.dump(self)

    @classmethod
    def restore(cls, data: bytes) -> Engine:
        """An engine in the state of :meth:`snapshot`."""
        from vtrade.execution import state

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
        return self.accounts[account].buying_power(self.marks, self.instruments)

    # --- rooms and accounts -----------------------------------------------------------------------------------------

    def _seq(self) -> int:
        self.seq += 1
        return self.seq

    def _open_room(self, m: msg.OpenRoom) -> None:
        if self.instruments:
            raise VTradeError(f"room {self.room!r} is opened a second time, as {m.room!r}; start a new journal")
        if not m.instruments:
            raise VTradeError(f"room {m.room!r} names no instrument; give at least one")
        symbols = [i.symbol for i in m.instruments]
        if len(set(symbols)) < len(symbols):
            raise VTradeError(f"room {m.room!r} names a symbol twice: {symbols}")
        self.room, self.instruments, self.rules, self.seed = m.room, m.instruments, m.rules, m.seed
        self.tape, self.forked_from = m.tape, m.forked_from
        self.marks = [0] * len(symbols)
        self._index = {symbol: k for k, symbol in enumerate(symbols)}
        self._book = at.new_book(len(symbols), share_ppm=m.rules.bar_volume_share_ppm)
        self._facts.append(msg.RoomOpened(self._seq(), self.now, m.room, m.instruments, m.tape, m.forked_from))

    def _open_account(self, m: msg.OpenAccount) -> None:
        if m.account in self.accounts:
            return  # a message delivered twice
        self.accounts[m.account] = Account(
            m.account, len(self.accounts), m.cash, m.currency, m.limits, len(self.instruments)
        )
        self._facts.append(msg.AccountOpened(self._seq(), self.now, m.account, m.cash, m.currency))

    def _action(self, m: msg.UserAction) -> None:
        self._facts.append(msg.ActionRecorded(self._seq(), self.now, m.account, m.action, m.subject, m.value))

    def _command(self, m: msg.RoomCommand) -> None:
        if m.action == "news":
            self._facts.append(msg.NewsPublished(self._seq(), self.now, m.symbol, m.text))
        elif m.action == "close":
            if not self.closed:
                self.closed = True
                self._facts.append(msg.RoomClosed(self._seq(), self.now, m.text))
        elif m.action in ("halt", "resume") and self.closed:
            return
        elif m.action in ("halt", "resume"):
            status: Any = at.S_HALTED if m.action == "halt" else np.int64(at.RESUMED)
            wanted = [self._index[m.symbol]] if m.symbol in self._index else range(len(self.instruments))
            if m.symbol and m.symbol not in self._index:
                raise VTradeError(f"{m.action} names {m.symbol!r}, which this room does not trade")
            for k in wanted:
                self._make_room(k)
                self._kernel.run_session(self._book, k, status, self.now)
                self._drain(cause=m.text)
        else:
            raise VTradeError(f"unknown room command {m.action!r}; known: halt, resume, news, close")

    # --- market data ------------------------------------------------------------------------------------------------

    def _market(self, m: msg.MarketFrame) -> None:
        events = read_frame(m.events, len(self.instruments))
        if self.closed or not len(events):
            return
        book = self._book
        top = int(events["order_id"].max())
        if top >= book.feed.shape[0]:
            self._book = book = book._replace(feed=at.grown(book.feed, top + 1))
        i = self._kernel.run(book, events, 0)
        self._drain()
        while i < len(events):
            event = events[i]
            self._make_room(int(event["instrument"]))
            kind, price = int(event["kind"]), int(event["price"])
            empty = kind == Kind.STATUS or (kind == Kind.QUOTE and event["quantity"] == 0)
            if price < 1 and not empty:
                self.unreachable += 1
                i += 1
            elif kind <= Kind.QUOTE and not empty:
                k = int(event["instrument"])
                wider = at.fit(self._book, k, price)
                if wider is None and self._make_way(k, event):
                    wider = at.fit(self._book, k, price)
                if wider is None:
                    self.unreachable += 1
                    i += 1
                else:
                    self._book = wider
            i = self._kernel.run(self._book, events, i)
            self._drain()
        self._mark()

    def _make_way(self, k: int, event: Any) -> bool:
        """Forget what stands too far away for a row to fit; False where the row itself is the stray one."""
        far = strays.to_forget(self._book, k, event)
        if far is None:
            return False
        for s, p in far:
            self._kernel.show_level(self._book, k, s, p, 0, 0)
        price, span = int(event["price"]), strays.span_max(len(self.instruments))
        for order in list(self.orders.values()):
            if order.k == k and order.limit is not None and abs(order.limit - price) >= span:
                self._kernel.remove(self._book, order.slot)
                self._ended(order, OrderEvent.CANCEL)
                self._facts.append(
                    msg.OrderCanceled(
                        self._seq(), int(event["ts_ns"]), order.account.name, order.client_order_id, order.order_id,
                        self.instruments[k].symbol, order.leaves, Reason.PRICE_OUT_OF_RANGE,
                        f"the market is at {self.instruments[k].price_text(price)}, too far away to keep both in sight",
                    )
                )  # fmt: skip
        return True

    def _make_room(self, k: int) -> None:
        """Let the kernel tell everything that an event, or an order that comes in, can cause in an instrument."""
        inst = self._book.inst
        levels = int(inst[k, at.LEVELS]) + int(inst[k, at.LEVELS + 1])
        rows = levels + 6 * (int(self._book.room[at.LIVE]) + 1) + 8
        if rows > self._book.out.shape[0]:
            self._book = self._book._replace(out=at.grown(self._book.out, rows))

    def _mark(self) -> None:
        marks = self.marks
        changed = []
        for k, (last, mid) in enumerate(self._book.inst[:, [at.LAST, at.MID]].tolist()):
            px = last or mid or marks[k]
            if px != marks[k]:
                marks[k] = px
                changed.append((k, px))
        if changed:
            self._facts.append(msg.Marked(self._seq(), self.now, tuple(changed)))

    # --- orders -----------------------------------------------------------------------------------------------------

    def _reference(self, k: int, side: int) -> int:
        """The market in ticks for an order on ``side``: the touch it would trade with, else the last print, else 0."""
        price = int(self._kernel.touch(self._book, k, at.ASK if side > 0 else at.BID)[0])
        return price or int(self._book.inst[k, at.LAST])

    def _submit(self, m: msg.SubmitOrder) -> None:
        account = self.accounts.get(m.account)
        refusal, reference = self._refuse(account, m)
        if account is not None and m.client_order_id not in account.ids:
            account.ids[m.client_order_id] = Status.DENIED
        if refusal is not None or account is None:
            reason, detail = refusal or (Reason.UNKNOWN_ACCOUNT, "")
            self._facts.append(
                msg.OrderDenied(
                    self._seq(), self.now, m.account, m.client_order_id, m.symbol, m.side, m.type, m.quantity,
                    m.limit_price, m.stop_price, m.time_in_force, reason, detail,
                )
            )  # fmt: skip
            return
        k = self._index[m.symbol]
        instrument = self.instruments[k]
        limit = None if m.limit_price is None else m.limit_price // instrument.tick_size
        stop = None if m.stop_price is None else m.stop_price // instrument.tick_size
        order = Working(
            self.next_order_id, account, m.client_order_id, k, m.side, m.type, m.time_in_force,
            m.quantity // instrument.lot_size, limit, stop,
            risk.worst_price(account.limits, m.side, limit, stop, reference),
        )  # fmt: skip
        self.next_order_id += 1
        rejection = self._reject(order)
        if rejection is not None:
            account.ids[m.client_order_id] = Status.REJECTED
            self._facts.append(
                msg.OrderRejected(
                    self._seq(), self.now, account.name, m.client_order_id, order.order_id, m.symbol, m.side, m.type,
                    order.quantity, limit, stop, m.time_in_force, *rejection,
                )
            )  # fmt: skip
            return
        self._enter(order)

    def _refuse(self, account: Account | None, m: msg.SubmitOrder) -> tuple[risk.Refusal | None, int]:
        """Why our own checks deny an order, or ``None``; and the market it was measured by."""
        if account is None:
            return (Reason.UNKNOWN_ACCOUNT, f"account {m.account!r} is not in this room"), 0
        if m.client_order_id in account.ids:
            return (Reason.DUPLICATE_CLIENT_ORDER_ID, f"client_order_id {m.client_order_id!r} was used before"), 0
        if self.closed:
            return (Reason.ROOM_CLOSED, "the room is closed"), 0
        k = self._index.get(m.symbol)
        if k is None:
            return (Reason.UNKNOWN_SYMBOL, f"{m.symbol!r} is not traded here; known: {', '.join(self._index)}"), 0
        instrument = self.instruments[k]
        refusal = risk.grid_refusal(instrument, m.type, m.quantity, m.limit_price, m.stop_price, account.limits)
        if refusal is not None:
            return refusal, 0
        limit = None if m.limit_price is None else m.limit_price // instrument.tick_size
        stop = None if m.stop_price is None else m.stop_price // instrument.tick_size
        reference = self._reference(k, m.side)
        refusal = self._price_refusal(k, limit, stop, reference) or self._money(
            account, k, m.side, m.quantity // instrument.lot_size, limit, stop, reference
        )
        return refusal, reference

    def _price_refusal(self, k: int, limit: int | None, stop: int | None, reference: int) -> risk.Refusal | None:
        instrument = self.instruments[k]
        refusal = risk.range_refusal(instrument, (limit, stop), reference)
        if refusal is None and limit is not None:
            wider = at.fit(self._book, k, limit)
            if wider is None:
                return Reason.PRICE_OUT_OF_RANGE, f"limit price {instrument.price_text(limit)} is too far from the book"
            self._book = wider
        return refusal

    def _money(
        self, account: Account, k: int, side: Side, lots: int, limit: int | None, stop: int | None, reference: int
    ) -> risk.Refusal | None:
        refusal = risk.count_refusal(account, self.instruments[k], k, lots, max(reference, limit or 0, stop or 0))
        if refusal is not None or not account.limits.enabled:
            return refusal
        reference = reference or limit or stop or 0
        if not reference:
            return Reason.NO_REFERENCE_PRICE, "there is no price yet to measure the order by; use a limit order or wait"
        worst = risk.worst_price(account.limits, side, limit, stop, reference)
        return risk.money_refusal(
            account, self.instruments, self.marks, k=k, side=side, lots=lots, worst=worst, reference=reference
        )

    def _reject(self, order: Working) -> risk.Refusal | None:
        """Why the venue refuses an order, or ``None``."""
        state = codes.SESSIONS[int(self._book.inst[order.k, at.STATE])]
        if codes.TIFS[order.tif] >= at.IOC and state in ("CLOSED", "HALTED"):
            reason = Reason.SESSION_CLOSED if state == "CLOSED" else Reason.HALTED
            return reason, f"{order.tif} needs an open market; this one is {state.lower()}. Use DAY or GTC to wait."
        return None

    def _enter(self, order: Working) -> None:
        account, k = order.account, order.k
        slot = self._free.pop() if self._free else len(self._by_slot)
        if slot == len(self._by_slot):
            self._by_slot.append(None)
            if slot >= self._book.own.shape[0]:
                self._book = self._book._replace(own=at.grown(self._book.own, slot + 1))
        self._make_room(k)
        book = self._book
        kind = codes.TYPES[order.type]
        book.own[slot] = (
            k, 0 if order.side > 0 else 1, kind, codes.TIFS[order.tif],
            order.limit if order.limit is not None else (order.worst if kind == at.MARKET else 0), order.stop or 0,
            order.quantity, 0, 0, 0, 0, account.index, 0, 0, 0, order.worst,
        )  # fmt: skip
        order.slot = slot
        order.status = Status.ACCEPTED
        self._by_slot[slot] = order
        self.orders[order.order_id] = order
        account.ids[order.client_order_id] = order
        account.working += 1
        if order.side > 0:
            account.buying[k] += order.quantity
        else:
            account.selling[k] += order.quantity
        self._reserve(order)
        self._kernel.admit(book, slot, self.now)
        room = book.room.tolist()
        self._facts.append(
            msg.OrderAccepted(
                self._seq(), self.now, account.name, order.client_order_id, order.order_id,
                self.instruments[k].symbol, order.side, order.type, order.quantity, order.limit, order.stop, order.tif,
                room[at.R_BID], room[at.R_BID_SIZE], room[at.R_ASK], room[at.R_ASK_SIZE], room[at.R_AHEAD],
                codes.WAITS[room[at.R_WAIT]] if room[at.R_WHERE] else Reason.NONE,
            )
        )  # fmt: skip
        if room[at.OUT_COUNT]:
            self._drain()

    def _reserve(self, order: Working) -> None:
        """Tie up what the rest of an order may still cost."""
        amount = 0
        if order.status not in TERMINAL and order.account.limits.enabled:
            amount = risk.reserve(self.instruments[order.k], order.side, order.worst, order.leaves)
        order.account.reserved += amount - order.reserved
        order.reserved = amount

    def _cancel(self, m: msg.CancelOrder) -> None:
        order = self._find(m, msg.CancelRejected)
        if order is not None:
            self._kernel.remove(self._book, order.slot)
            self._ended(order, OrderEvent.CANCEL)
            self._facts.append(
                msg.OrderCanceled(
                    self._seq(), self.now, m.account, m.client_order_id, order.order_id,
                    self.instruments[order.k].symbol, order.leaves, Reason.CANCELED_BY_USER, "",
                )
            )  # fmt: skip

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
        self._facts.append(refused(self._seq(), self.now, m.account, m.client_order_id, reason, detail))
        return None

    def _replace(self, m: msg.ReplaceOrder) -> None:
        order = self._find(m, msg.ReplaceRejected)
        if order is None:
            return
        account, k = order.account, order.k
        instrument = self.instruments[k]
        waits_for_stop = bool(self._book.own[order.slot, at.O_TYPE] >= at.STOP_MARKET)
        triggered = order.stop is not None and not waits_for_stop
        (lots, new_limit, new_stop), refusal = new_terms(order, m, instrument, triggered=triggered)
        reference = self._reference(k, order.side)
        if refusal is None and (new_limit, new_stop) != (order.limit, order.stop):
            refusal = self._price_refusal(k, new_limit, new_stop, reference)
        book = self._asked(order)
        same_prices = (new_limit, new_stop) == (order.limit, order.stop)
        if refusal is None and lots > order.filled and not (same_prices and lots < order.quantity):
            # measured as a new order for the rest, with what this one ties up set free
            book[k] -= order.leaves
            account.reserved -= order.reserved
            account.working -= 1
            refusal = self._money(account, k, order.side, lots - order.filled, new_limit, new_stop, reference)
            account.working += 1
            account.reserved += order.reserved
            book[k] += order.leaves
        if refusal is not None:
            self._facts.append(msg.ReplaceRejected(self._seq(), self.now, m.account, m.client_order_id, *refusal))
            return
        keep = lots < order.quantity and same_prices
        book[k] += lots - order.quantity
        order.quantity, order.limit, order.stop = lots, new_limit, new_stop
        if new_limit is not None or waits_for_stop:
            order.worst = risk.worst_price(account.limits, order.side, new_limit, new_stop, reference)
            self._book.own[order.slot, at.O_COLLAR] = order.worst
        self._reserve(order)
        place = -1
        waiting = Reason.NONE
        if order.leaves == 0:
            self._kernel.remove(self._book, order.slot)
        else:
            market = self._book.own[order.slot, at.O_TYPE] == at.MARKET
            self._make_room(k)
            self._kernel.replace(
                self._book, order.slot, self.now, int(keep), order.leaves,
                order.worst if market else (new_limit or 0), new_stop or 0,
            )  # fmt: skip
            place = int(self._book.room[at.R_AHEAD])
            if self._book.room[at.R_WHERE]:
                waiting = codes.WAITS[int(self._book.room[at.R_WAIT])]
        order.status = transition(order.status, OrderEvent.REPLACE)
        self._facts.append(
            msg.OrderReplaced(
                self._seq(), self.now, m.account, m.client_order_id, order.order_id, instrument.symbol, lots,
                new_limit, new_stop, order.leaves, keep, place, waiting,
            )
        )  # fmt: skip
        if order.leaves == 0:
            self._ended(order, OrderEvent.FILL)
        self._drain()

    def _asked(self, order: Working) -> list[int]:
        return order.account.buying if order.side > 0 else order.account.selling

    def _ended(self, order: Working, event: OrderEvent) -> None:
        """An order is final: free what it tied up and its slot."""
        self._asked(order)[order.k] -= order.leaves
        order.status = transition(order.status, event)
        self._reserve(order)
        account = order.account
        account.working -= 1
        account.ids[order.client_order_id] = order.status
        del self.orders[order.order_id]
        self._by_slot[order.slot] = None
        self._free.append(order.slot)

    # --- what the kernel told ---------------------------------------------------------------------------------------

    def _drain(self, *, cause: str = "") -> None:
        """Turn what the kernel told into facts, and money."""
        count = int(self._book.room[at.OUT_COUNT])
        if not count:
            return
        rows = self._book.out[:count].tolist()
        self._book.room[at.OUT_COUNT] = 0
        slots = self._by_slot
        if count > 1:
            rows = in_order(rows, slots)
        # an order that ends in this batch may still be named as the other side of a later row
        orders = [slots[row[at.X_SLOT]] for row in rows]
        contra = [slots[row[at.X_CONTRA]] if row[at.X_CONTRA] else None for row in rows]
        for row, order, other in zip(rows, orders, contra, strict=True):
            what = row[at.X_WHAT]
            if what == at.SESSION:
                symbol = self.instruments[row[at.X_PX]].symbol
                self._facts.append(
                    msg.SessionChanged(self._seq(), row[at.X_TS], symbol, codes.SESSIONS[row[at.X_QTY]], cause)
                )
                continue
            assert order is not None
            if what == at.FILLED:
                self._filled(order, row, other.order_id if other else 0)
                continue
            head = (self._seq(), row[at.X_TS], order.account.name, order.client_order_id, order.order_id,
                    self.instruments[order.k].symbol)  # fmt: skip
            if what == at.TRIGGERED:
                order.status = transition(order.status, OrderEvent.TRIGGER)
                waiting = codes.WAITS[row[at.X_EV_QTY]]
                self._facts.append(
                    msg.OrderTriggered(*head, order.stop or 0, row[at.X_PX], row[at.X_BID], row[at.X_ASK], waiting)
                )
            elif what == at.CANCELED:
                self._facts.append(msg.OrderCanceled(*head, order.leaves, *codes.CANCELS[row[at.X_CAUSE]]))
                self._ended(order, OrderEvent.CANCEL)
            else:
                self._facts.append(msg.OrderExpired(*head, order.leaves, Reason.END_OF_DAY))
                self._ended(order, OrderEvent.EXPIRE)

    def _filled(self, order: Working, row: list[int], contra: int) -> None:
        account, k = order.account, order.k
        instrument = self.instruments[k]
        px, qty = row[at.X_PX], row[at.X_QTY]
        fee = instrument.fee(px, qty)
        signed = qty * order.side
        account.cash -= instrument.notional(px, signed) + fee
        account.positions[k] += signed
        self._asked(order)[k] -= qty
        order.filled += qty
        leaves = order.leaves
        if leaves:
            order.status = transition(order.status, OrderEvent.PARTIAL_FILL)
            self._reserve(order)
        else:
            self._ended(order, OrderEvent.FILL)
        self._facts.append(
            msg.Fill(
                self._seq(), row[at.X_TS], account.name, order.client_order_id, order.order_id, instrument.symbol,
                order.side, px, qty, fee, Liquidity.TAKER if row[at.X_TAKER] else Liquidity.MAKER, leaves,
                at.CAUSES[row[at.X_CAUSE]], row[at.X_BID], row[at.X_ASK], row[at.X_EV_PX], row[at.X_EV_QTY], contra,
            )
        )  # fmt: skip
        if not self.marks[k]:  # no print and no two sides yet: a position is never worth nothing
            self.marks[k] = px
            self._facts.append(msg.Marked(self._seq(), row[at.X_TS], ((k, px),)))
