"""What does a student hold? A desk: a market that plays, orders, money, progress and a tutor.

Rules: the desk only asks and shows; what happens is decided by the engines. A refused order is not an exception: the
order comes back with its reason. Numbers in and out are whole units (dollars, shares); inside they are exact integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vtrade.desk import (
    branching,
    checks,
    coach,
    context,
    entry,
    frames,
    intents,
    journey,
    offbook,
    preview,
    sections,
    summary,
)  # fmt: skip
from vtrade.desk.alerts import Alerts, alerts_of
from vtrade.desk.evidence import DeskEvidence
from vtrade.desk.order import Order, find_record
from vtrade.desk.preferences import Preferences, preferences_of
from vtrade.desk.sections import build as build_sections
from vtrade.desk.sections import chart_bars, ladder, ranks
from vtrade.desk.sections.look import Look
from vtrade.desk.sections.words import has_account
from vtrade.desk.wiring import Wiring
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import CancelOrder, Inbound, OpenAccount, OpenRoom, SubmitOrder, UserAction
from vtrade.domain.orders import Reason, Side
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import Number, from_micros, to_micros
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.execution.explain import Explanation, explain, reason_text
from vtrade.market.tape import Tape
from vtrade.portfolio.frames import format_ts
from vtrade.services.room import Room
from vtrade.services.rules import rules_from
from vtrade.services.runtime import Verdict, verify
from vtrade.services.shared import DeskRoom
from vtrade.tutor import review_order
from vtrade.tutor.answer import Answer, Turn

if TYPE_CHECKING:
    from vtrade.execution.blotter import Record
    from vtrade.gamification.progress import Progress


class Desk:
    """A trading desk on one market.

    Made by ``vtrade.Desk(...)``, which knows the adapters: see :class:`vtrade.bootstrap.Desk` for the parameters.
    """

    account: str
    _room: DeskRoom
    _journal: str | None = None
    _turns: tuple[Turn, ...] = ()
    _panel: Any = None
    _ids = 0
    _journey: journey.Journey | None = None
    _family: list[Desk] | None = None

    def __init__(
        self, wiring: Wiring, *, tape: Tape | None, tape_name: str, account: str, cash: Number, seed: int,
        journal: str | None, limits: RiskLimits | None, rules: RoomRules | str | Mapping[str, Any] | None = None,
        branch: Sequence[Inbound] = (), branched_at: int = 0,
    ) -> None:  # fmt: skip
        self._wiring, self._journal = wiring, journal
        if not isinstance(account, str) or not account.strip():
            raise ValueOffGrid(f"account {account!r} is no name; give one such as 'ana'")
        money = to_micros(cash, what="cash")
        if money < 0:
            raise ValueOffGrid(f"cash {cash} is negative; begin with 0 or more")
        venue = rules_from(rules, tape) if tape is not None else RoomRules()
        log = wiring.open_log(journal)
        try:
            opening: list[Inbound] = list(branch)
            if opening and log.last() is not None:
                raise DeskError(f"{journal} holds the journal of another desk; give the branch a name that is free")
            if not opening and tape is not None:
                start = tape.start_ns
                opening = [
                    OpenRoom(start, f"desk of {account}", tape.instruments, venue, seed, tape_name),
                    OpenAccount(start, account, money, tape.instruments[0].currency, limits or RiskLimits()),
                ]  # fmt: skip
            room = self._room = Room(log, tape, opening=opening, clock=wiring.clock, leaderboards=wiring.leaderboards())
        except BaseException:
            log.close()
            raise
        accounts = self._room.engine.accounts
        if account not in accounts:
            known = ", ".join(accounts)
            self.close_desk()
            raise DeskError(f"the journal has no account {account!r}; it has {known}")
        if rules is not None and venue != self.rules:
            self.close_desk()
            raise DeskError(f"{journal} began with other rules than these; leave rules out, or begin a new journal")
        self.account = account
        room.catch_up(branched_at) if branch else room.start()

    @classmethod
    def on(cls, room: DeskRoom, account: str, wiring: Wiring) -> Desk:
        """A desk in a room that is there already, and that others may share."""
        desk = object.__new__(cls)
        desk._wiring, desk._room, desk.account = wiring, room, account
        return desk

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """What trades here."""
        return self._room.engine.instruments

    @property
    def symbols(self) -> list[str]:
        """Symbols of the instruments."""
        return [i.symbol for i in self.instruments]

    @property
    def rules(self) -> RoomRules:
        """By which the venue of this desk trades."""
        return self._room.engine.rules

    @property
    def limits(self) -> RiskLimits:
        """What this account may do: short sales, leverage, concentration, size of an order."""
        return self._room.engine.accounts[self.account].limits

    @property
    def tape(self) -> Tape | None:
        """The market data this desk plays."""
        return self._room.tape if isinstance(self._room, Room) else None

    @property
    def journal(self) -> str | None:
        """Path of the journal, ``None`` in memory."""
        return self._journal

    @property
    def forked_from(self) -> str:
        """Where this desk branched off; empty for an original."""
        return self._room.engine.forked_from

    @property
    def closed(self) -> bool:
        """Whether the desk let go of its journal: it can be looked at, nothing can happen."""
        return self._room.closed

    @property
    def state_hash(self) -> str:
        """SHA-256 of the engine's state."""
        with self._room.lock:
            return self._room.engine.state_hash()

    def verify(self) -> Verdict:
        """Recompute every fact from the journal's inputs and compare."""
        with self._room.lock:
            if self.closed:
                raise DeskError("this desk is closed; vtrade.verify(path) checks its journal")
            return verify(branching.own_room(self).runtime.log)

    # --- orders ------------------------------------------------------------------------------------------------------

    def buy(
        self, symbol: str, quantity: Number, *, limit: Number | None = None, stop: Number | None = None,
        trail: Number | None = None, trail_bps: Number | None = None, tif: str | None = None,
        good_till: entry.GoodTill | None = None, post_only: bool = False, reduce_only: bool = False,
        display: Number | None = None, oco: str | None = None, parent: Order | str | None = None,
        client_order_id: str | None = None, time_in_force: str | None = None,
    ) -> Order:  # fmt: skip
        """Buy; without ``limit``, ``stop`` and ``trail`` at market.

        Parameters
        ----------
        symbol : str
        quantity : number
            Units (shares), more than 0.
        limit : number, optional
            Worst price.
        stop : number, optional
            The order sleeps until the market trades here.
        trail, trail_bps : number, optional
            A stop that follows the market at this distance: money, or basis points of the price.
        tif, time_in_force : {"DAY", "GTC", "IOC", "FOK", "GTD", "AT_THE_OPEN", "AT_THE_CLOSE"}
            Two names of one thing; ``DAY`` without either.
        good_till : str, datetime or number, optional
            The order ends then (``"15:30"``), or after so many simulated seconds.
        post_only : bool
            Rejected where it would trade at once.
        reduce_only : bool
            Never makes a position larger, nor turns it round.
        display : number, optional
            An iceberg shows so many units at a time.
        oco : str, optional
            Orders with the same name here share their quantity: a fill of one lowers the others.
        parent : Order or str, optional
            The order whose fills bring this one to life.
        client_order_id : str, optional
            Your own name for the order; one is made up without it.

        Returns
        -------
        Order
            A refused order too: look at its ``status``, ``reason`` and ``explain()``.

        Raises
        ------
        ValueOffGrid
            If a number is none (NaN, text), or a word such as ``tif`` is unknown.
        """
        return self._submit(
            Side.BUY, symbol, quantity, limit=limit, stop=stop, trail=trail, trail_bps=trail_bps,
            tif=entry.one_of(tif, time_in_force), good_till=good_till, post_only=post_only, reduce_only=reduce_only,
            display=display, oco=oco, parent=parent, client_order_id=client_order_id,
        )  # fmt: skip

    def sell(
        self, symbol: str, quantity: Number, *, limit: Number | None = None, stop: Number | None = None,
        trail: Number | None = None, trail_bps: Number | None = None, tif: str | None = None,
        good_till: entry.GoodTill | None = None, post_only: bool = False, reduce_only: bool = False,
        display: Number | None = None, oco: str | None = None, parent: Order | str | None = None,
        client_order_id: str | None = None, time_in_force: str | None = None,
    ) -> Order:  # fmt: skip
        """Sell; the parameters are those of :meth:`buy`."""
        return self._submit(
            Side.SELL, symbol, quantity, limit=limit, stop=stop, trail=trail, trail_bps=trail_bps,
            tif=entry.one_of(tif, time_in_force), good_till=good_till, post_only=post_only, reduce_only=reduce_only,
            display=display, oco=oco, parent=parent, client_order_id=client_order_id,
        )  # fmt: skip

    def bracket(
        self, symbol: str, quantity: Number, *, limit: Number | None = None, take_profit: Number, stop_loss: Number,
        tif: str | None = None, client_order_id: str | None = None,
    ) -> entry.Bracket:  # fmt: skip
        """Enter a position together with its two ways out.

        Parameters
        ----------
        limit : number, optional
            Worst price of the entry; at market without it.
        take_profit, stop_loss : number
            Where the exits stand. With ``take_profit`` the higher one the entry buys, else it sells.
        tif : str, optional
            Of the entry; the exits are good till canceled.

        Returns
        -------
        Bracket
            ``entry``, ``take_profit`` and ``stop_loss``; the exits come to life with the fills of the entry, and what
            one of them fills the other loses.

        Examples
        --------
        >>> import vtrade as vt
        >>> desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=1))
        >>> entry, target, guard = desk.bracket("ACME", 100, take_profit=200, stop_loss=150)
        >>> entry.status, target.side, guard.working
        (<Status.FILLED: 'FILLED'>, 'sell', True)
        >>> desk.close_desk()
        """
        return entry.bracket(
            self, symbol, quantity, limit=limit, take_profit=take_profit, stop_loss=stop_loss, tif=tif,
            client_order_id=client_order_id,
        )  # fmt: skip

    def oco(
        self, symbol: str, quantity: Number | None = None, *, take_profit: Number, stop_loss: Number, tif: str = "GTC"
    ) -> entry.Exits:
        """Two ways out of a position, all of it without ``quantity``; what one of them fills the other loses."""
        return entry.oco(self, symbol, quantity, take_profit=take_profit, stop_loss=stop_loss, tif=tif)

    def _submit(self, side: Side, symbol: str, quantity: Number, **asked: Any) -> Order:
        return entry.submit(self, side, symbol, quantity, **asked)

    def _order(self, client_order_id: str) -> Order:
        return Order(self, client_order_id)

    def submit_many(self, orders: Sequence[SubmitOrder]) -> list[Order]:
        """Send many orders in few commits; much faster than one by one."""
        self._room.submit(orders)
        return [Order(self, order.client_order_id) for order in orders]

    def cancel(self, order: Order | int | str) -> Order:
        """Take an order out of the market; a refusal is told by its ``explain()``."""
        handle = self._handle(order)
        self._room.submit([CancelOrder(self._room.now_ns, self.account, handle.client_order_id)])
        return handle

    def replace(
        self, order: Order | int | str, *, quantity: Number | None = None, limit: Number | None = None,
        stop: Number | None = None,
    ) -> Order:  # fmt: skip
        """Change an order; a refusal is told by its ``explain()``."""
        handle = self._handle(order)
        self._room.submit([entry.change(self, handle.client_order_id, quantity, limit, stop)])
        return handle

    def close(self, symbol: str | None = None) -> list[Order]:
        """Close the position in ``symbol``, or all positions, at market; working orders on that side are canceled."""
        return entry.close(self, symbol)

    def order(self, order: int | str) -> Order:
        """An order by its number or ``client_order_id``."""
        return self._handle(order)

    def _handle(self, order: Order | int | str) -> Order:
        if isinstance(order, Order):
            if order._desk is not self:
                raise DeskError(f"order {order.client_order_id!r} is of another desk; see desk.orders()")
            self._record(order.client_order_id)
            return order
        record = find_record(self._room.blotter, self.account, order)
        if record is None:
            raise DeskError(f"there is no order {order!r} on this desk; desk.orders() lists them")
        return Order(self, record.client_order_id)

    def _record(self, client_order_id: str) -> Record:
        record = self._room.blotter.find(self.account, client_order_id)
        if record is None:
            raise DeskError(f"order {client_order_id!r} is not on this desk any more: it was rewound")
        return record

    def _reason(self, record: Record) -> str:
        """Why an order ended, or why it waits now."""
        with self._room.lock:
            return reason_text(record, self._room.engine.waiting(record.order_id))

    def _stop_price(self, record: Record) -> float | None:
        """Where a stop stands now; a trailing one moves."""
        with self._room.lock:
            ticks = self._room.engine.stop_price(record.order_id) if record.working else None
        return record.instrument.price(ticks) if ticks and record.instrument else record.stop_price

    def _explain(self, record: Record, *, alternatives: bool = True) -> Explanation:
        told = self._room.explained(record) if alternatives else None
        if told is not None:
            return told
        with self._room.lock:
            engine = self._room.engine
            waiting = engine.waiting(record.order_id) if record.working else Reason.NONE
            ahead = engine.queue_ahead(record.order_id) if record.working else None
            prints = context.prints_since(self, record)
            market = context.market_of(self, record) if alternatives else None
            return explain(
                record, show_time=self._time, waiting=waiting, queue_ahead=ahead, prints=prints, market=market
            )

    # --- money ---------------------------------------------------------------------------------------------------

    @property
    def nav(self) -> float:
        """Net asset value: cash and positions at their marks, after fees."""
        with self._room.lock:
            return from_micros(self._room.portfolio.account(self.account).nav)

    @property
    def cash(self) -> float:
        """Cash, reserved or not."""
        return from_micros(self._room.engine.accounts[self.account].cash)

    @property
    def buying_power(self) -> float:
        """What the account can still commit: unreserved cash, or its margin where it has one."""
        with self._room.lock:
            return from_micros(self._room.engine.buying_power(self.account))

    @property
    def balances(self) -> dict[str, float]:
        """Money by currency."""
        return offbook.balances(self)

    convert = offbook.convert
    tenders = offbook.tenders
    answer = offbook.answer
    book = frames.book
    quotes = frames.quotes
    orders = frames.orders
    fills = frames.fills
    positions = frames.positions
    round_trips = frames.round_trips
    bars = chart_bars.table
    preview = preview.preview
    prints = ladder.print_frame
    queue = ladder.queue_frame
    equity_curve = frames.equity_curve
    exposure = frames.exposure
    statistics = frames.statistics
    leaderboard = frames.leaderboard

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def ts_ns(self) -> int:
        """Simulated time in nanoseconds."""
        return self._room.now_ns

    @property
    def now(self) -> str:
        """Simulated time as text."""
        return self._time(self._room.now_ns)

    @property
    def ended(self) -> bool:
        """Whether the tape has nothing left."""
        return self._room.ended

    @property
    def playing(self) -> bool:
        """Whether the market moves by itself."""
        return self._room.playing

    def _time(self, ts_ns: int) -> str:
        tape = self._room.head
        return format_ts(ts_ns, tape.date if tape else "", tape.timezone if tape else "UTC")

    def play(self, speed: float = 1.0) -> Desk:
        """Let the market move by itself, in the background; on bars, speed 1 is one bar a second."""
        self._room.play(speed)
        return self

    def pause(self) -> Desk:
        """Stand still."""
        self._room.pause()
        return self

    step = branching.step
    run = branching.run

    def rewind(self, *, seconds: float | None = None, to: str | int | None = None) -> Desk:
        """Go back: this desk goes on from an earlier moment, in a journal of its own; the old one stays as it is.

        Parameters
        ----------
        seconds : float, optional
            How far back.
        to : str or int, optional
            The moment: ``"10:30"`` or nanoseconds. Without either, the beginning.
        """
        if seconds is not None and to is not None:
            raise DeskError("rewind by seconds or to a moment, not by both")
        target = branching.target_ns(self, to if seconds is None else self._room.now_ns - checks.span_ns(seconds))
        old = branching.own_room(self)
        room, self._journal = branching.rewound(self, target)
        self._room = room
        old.close()
        room._changed()
        return self

    def fork(self, *, to: str | int | None = None, journal: str | None = None) -> Desk:
        """A second desk that shares this one's past up to a moment (now, without ``to``) and then goes its own way."""
        target = self._room.now_ns if to is None else branching.target_ns(self, to)
        desk = object.__new__(type(self))
        Desk.__init__(
            desk, self._wiring, tape=branching.own_room(self).tape, tape_name=self._room.engine.tape,
            account=self.account, cash=0, seed=0, journal=None if journal is None else str(journal), limits=None,
            branch=branching.messages_until(self, target), branched_at=target,
        )  # fmt: skip
        return desk

    @property
    def branches(self) -> list[Desk]:
        """The desk and the branches that were made from its panel, the original first."""
        if self._family is None:
            self._family = [self]
        return self._family

    @property
    def alerts(self) -> Alerts:
        """What this desk watches for, and what it told."""
        return alerts_of(self)

    @property
    def preferences(self) -> Preferences:
        """What is remembered for the next time: layout, watchlists, indicators."""
        return preferences_of(self)

    # --- progress, tutor, proof ------------------------------------------------------------------------------------

    @property
    def progress(self) -> Progress:
        """Level, XP, badges, missions, streaks."""
        with self._room.lock:
            return self._room.progress.progress(self.account)

    def record(self, action: str, subject: str = "", value: str = "") -> None:
        """Put an action beside trading on the record: ``plan_written``, ``lesson_finished``, ``quiz_answered``, ..."""
        self._room.submit([UserAction(self._room.now_ns, self.account, str(action), str(subject), str(value))])

    standings = ranks.standings
    ask = coach.ask

    def _review(self, order: Order) -> Answer:
        evidence = DeskEvidence(self)
        found = evidence.order(order.client_order_id)
        if found is None:
            raise DeskError(f"there is no order {order.client_order_id!r} on this desk; desk.orders() lists them")
        answer = review_order(found, evidence.account())
        if not self.closed:
            self.record("review_written", subject=order.client_order_id)
        return answer

    # --- panels ----------------------------------------------------------------------------------------------------

    def view(
        self, symbol: str | None = None, *, levels: int = 10, bars: int = 120,
        sections: Iterable[str] = sections.WHOLE, **look: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """What a panel shows, as plain values; see :mod:`vtrade.desk.sections`.

        Parameters
        ----------
        symbol : str, optional
            Instrument; the first of the desk without it.
        levels, bars : int
            Price levels a side, and bars.
        sections : iterable of str
            Which parts; those of a whole desk without it.
        **look
            Other choices of a :class:`vtrade.desk.sections.Look`.
        """
        seen = Look().changed(
            {**look, "symbol": symbol if isinstance(symbol, str) else "", "levels": levels, "bars": bars}
        )
        return build_sections(self, seen, sections)

    handle = intents.handle

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called after each change, from any thread; returns how to stop that."""
        return self._room.on_change(callback)

    def panel(self, part: str = "desk", **options: Any) -> Any:
        """The desk, or one part of it, as a panel for a notebook cell.

        Parameters
        ----------
        part : str
            ``"desk"`` is all of it; or ``"watch"``, ``"chart"``, ``"ladder"``, ``"ticket"``, ``"blotter"``,
            ``"account"``, ``"progress"``, ``"coach"``, ``"news"``, ``"time"``.
        **options
            Of :class:`vtrade_widgets.Panel`: ``symbol``, ``theme``, ``rate_hz``.
        """
        if self._wiring.show is None:
            raise DeskError("there is no panel here: vtrade_widgets is not installed")
        whole = part == "desk" and not options
        return self._shown() if whole else self._wiring.show(self, part=part, **options)

    def _shown(self) -> Any:
        assert self._wiring.show is not None
        if self._panel is None:
            self._panel = self._wiring.show(self)
        return self._panel

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._wiring.show is None:
            return {"text/plain": str(self)}
        bundle = self._shown()._repr_mimebundle_(**options)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": str(self)}, meta

    def __str__(self) -> str:
        return summary.text(self)

    def __repr__(self) -> str:
        money = f", NAV {self.nav:,.2f}" if has_account(self) else ""
        return f"Desk({self.account!r} on {self._room.engine.tape or 'a tape'}, {self.now}{money})"

    def close_desk(self) -> None:
        """Stop playing and let go of the journal: the desk can still be looked at."""
        journey.stop(self)
        coach.close(self)
        if hasattr(self, "_room"):
            self._room.close()
