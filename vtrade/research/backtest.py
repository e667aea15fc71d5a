"""What would this strategy have done on this tape? The engine of the rooms, driven without waking Python for each row.

Rules: a strategy sees what has happened and nothing else; what it asks for at a moment is done before the next row. The
same tape, strategy, parameters and seed give the same facts, and a room that gets the same frames and orders tells the
same: :meth:`~vtrade.research.result.BacktestResult.facts`. Nothing here reads a clock.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.luck import uniforms
from vtrade.domain.messages import OpenAccount, OpenRoom, RoomCommand
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import Number, to_micros
from vtrade.execution import layout as at
from vtrade.execution.engine import Engine
from vtrade.execution.kernel import play as st
from vtrade.execution.kernel import strategy as loop
from vtrade.market.dtype import MAX_QUANTITY_LOTS
from vtrade.market.tape import Tape
from vtrade.research.context import contexts
from vtrade.research.record import Record
from vtrade.research.result import BacktestResult
from vtrade.research.strategy import ASK_DTYPE, VIEW_DTYPE, Compiled, StrategyError, given, python_callable

Progress = Callable[[int, int], None]
"""Called with the rows that are done, and how many there are."""

ACCOUNT: Final = "backtest"
OUT_ROWS: Final = 32_768
REQUESTS_MAX: Final = 64
"""Requests a strategy may make at once."""
PAUSE_ROWS: Final = 1_000_000
"""Rows between two reports of progress."""
_SCALE: Final = 2**52


def backtest(
    strategy: Any, tape: Tape, *, cash: Number = 1_000_000, limits: RiskLimits | None = None,
    rules: RoomRules | None = None, params: Mapping[str, Any] | None = None, seed: int = 0,
    progress: Progress | None = None, every: int | None = None, every_ns: int | None = None, on_fill: bool = False,
    timeout_s: float | None = None, requests_max: int = REQUESTS_MAX,
) -> BacktestResult:  # fmt: skip
    """Run a strategy on a tape.

    Parameters
    ----------
    strategy : Compiled, callable, object or class
        See `vtrade.research.strategy`.
    tape : Tape
    cash : number
        Money at the start, whole units.
    limits : RiskLimits, optional
        Pre-trade limits; those of a new account by default.
    rules : RoomRules, optional
        The venue: latency, queue model, impact, and so on.
    params : mapping, optional
        Handed to the strategy.
    seed : int
        Of the room's luck.
    progress : callable, optional
        Called now and then with rows done and rows in all.
    every : int, optional
        Wake the strategy after so many moments; after each by default, and only by the clock or after fills where those
        are asked for.
    every_ns : int, optional
        Wake it by the clock, at multiples of so many nanoseconds, where anything happened since the last time.
    on_fill : bool
        Wake it also at the end of a moment in which it was filled.
    timeout_s : float, optional
        Give up a Python strategy that thinks longer than so many seconds in all.
    requests_max : int
        Most requests at once.

    Returns
    -------
    BacktestResult

    Raises
    ------
    StrategyError
        If the strategy is none, raises, or asks for what cannot be; its ``result`` holds what happened until then.

    Examples
    --------
    >>> import vtrade as vt
    >>> def buy_once(market):
    ...     if not market.fills and not market.working:
    ...         market.buy(1)
    >>> result = backtest(buy_once, vt.synthetic(7), every=1_000)
    >>> result.fill_count
    1
    """
    run = _Run(
        strategy, tape, cash, limits or RiskLimits(), rules or RoomRules(), dict(params or {}), seed, requests_max
    )
    run.schedule(every, every_ns, on_fill)
    if timeout_s is not None and not timeout_s > 0:
        raise StrategyError(f"timeout_s {timeout_s} must be above 0")
    try:
        with _watched(timeout_s):
            run.go(progress)
    except StrategyError as error:
        if error.result is None:
            run.failed(error)
        raise
    return run.result()


class _TimeUpError(BaseException):
    """A strategy has thought for too long."""


@contextmanager
def _watched(timeout_s: float | None) -> Iterator[None]:
    """Interrupt the thread that is in here after a while."""
    if timeout_s is None:
        yield
        return
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(timeout_s, interrupt, (thread, ctypes.py_object(_TimeUpError)))
    timer.daemon = True
    timer.start()
    try:
        yield
    except _TimeUpError:
        raise StrategyError(f"the backtest took longer than timeout_s={timeout_s:g} s") from None
    finally:
        timer.cancel()


def _whole(name: str, value: int | None, most: int = 2**62) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= most:
        raise StrategyError(f"{name} {value!r} must be a whole number from 1 to {most}")
    return int(value)


def _refuse(tape: Tape, limits: RiskLimits, rules: RoomRules) -> None:
    """What a room does between frames, beside matching and valuing, does not happen here."""
    found = {
        "corporate actions (tape.actions)": tape.actions,
        "price bands (rules.luld_ppm)": rules.luld_ppm,
        "settlement (rules.settlement_days)": rules.settlement_days,
        "extended hours (rules.extended_hours)": rules.extended_hours,
        "margin interest (limits.margin_rate_ppm)": limits.margin_rate_ppm,
        "borrow fees (instrument.borrow_rate_ppm)": any(i.borrow_rate_ppm for i in tape.instruments),
        "several currencies": len({i.currency for i in tape.instruments}) > 1,
    }
    named = [name for name, there in found.items() if there]
    if named:
        raise StrategyError(
            f"a backtest has no {', no '.join(named)}; leave that out, or play the tape at a desk, which has"
        )


class _Run:
    """One backtest while it runs."""

    def __init__(
        self, strategy: Any, tape: Tape, cash: Number, limits: RiskLimits, rules: RoomRules, params: dict[str, Any],
        seed: int, requests_max: int,
    ) -> None:  # fmt: skip
        if not isinstance(tape, Tape):
            raise StrategyError(f"{tape!r} is no tape; load one with vt.load_tape, or make one with vt.synthetic")
        deposit = to_micros(cash, what="cash")
        if deposit < 0:
            raise StrategyError(f"cash {cash} is negative; give an account 0 or more")
        _refuse(tape, limits, rules)
        self.strategy, self.tape, self.limits, self.rules, self.seed = strategy, tape, limits, rules, seed
        self.params = params
        opening = OpenRoom(tape.start_ns, "backtest", tape.instruments, rules, seed, tape.name)
        account = OpenAccount(tape.start_ns, ACCOUNT, deposit, tape.instruments[0].currency, limits)
        self.record = Record(tape, opening, account)
        self.engine = Engine()
        for message in (opening, account):
            self.engine.process(message)
        self._told: list[at.I8] = []
        self._news = 0
        self._begin(_whole("requests_max", requests_max, 100_000))

    def _begin(self, asks: int) -> None:
        engine, events = self.engine, self.tape.events
        book = engine._book
        top = int(events["order_id"].max()) if len(events) else 0
        book = book._replace(
            feed=at.grown(book.feed, top + 1), out=np.zeros((OUT_ROWS, at.OUT_COLS), np.int64), room=book.room
        )
        self.play = st.new_play(
            book, events, asks=asks, rows=1_024 + len(events) // (3 if self.tape.depth == "bars" else 128)
        )
        r, limits, latency = self.play.r, self.limits, self.rules.latency
        for k, instrument in enumerate(self.tape.instruments):
            most = MAX_QUANTITY_LOTS * instrument.lot_size
            self.play.most[k] = (
                min(most, limits.max_order_quantity) if limits.enabled else most
            ) // instrument.lot_size
            self.play.views[k, st.V_INSTRUMENT] = k
        r[st.UNTIL] = 0
        r[st.BARS] = self.tape.depth == "bars"
        r[st.PERIOD_NS] = (self.tape.start_ns // st.MINUTE_NS + 1) * st.MINUTE_NS
        r[st.NEXT_ORDER], r[st.SEQ] = engine.next_order_id, engine.seq
        r[st.UNMARKED] = len(self.tape.instruments)
        r[st.FEED_NS], r[st.WAY_NS] = latency.feed_ns, latency.entry_ns
        r[st.LATE] = not latency.none
        r[st.LUCK], r[st.LUCK_FOR] = bool(latency.jitter_ns or latency.recorded), -1
        r[st.COLLAR_PPM], r[st.LIMITED] = limits.collar_ppm, limits.enabled
        r[st.WATCHED] = limits.enabled and limits.on_margin
        r[st.LONG_PPM], r[st.SHORT_PPM] = limits.maintenance_margin_ppm, limits.short_maintenance_ppm
        r[st.HOME] = engine.currencies.index(self.record.account.currency)
        r[st.NOW_NS] = engine.now
        if isinstance(self.strategy, Compiled):
            self.given = given(self.params)
            self.state = np.zeros(self.strategy.size)
        else:
            self.contexts = contexts(self.play, self.tape.instruments, self.params)

    def schedule(self, every: int | None, every_ns: int | None, on_fill: bool) -> None:
        """When the strategy is woken."""
        if every is not None and every_ns is not None:
            raise StrategyError("every and every_ns exclude each other; give one of them")
        r = self.play.r
        moments = _whole("every", every)
        r[st.EVERY_NS] = _whole("every_ns", every_ns, 10**18)
        r[st.ON_FILL] = bool(on_fill)
        r[st.EVERY] = moments or (2**62 if on_fill or every_ns else 1)
        r[st.COUNTDOWN] = r[st.EVERY]
        if every_ns:
            r[st.NEXT_NS] = -(-self.tape.start_ns // every_ns) * every_ns

    # --- the drive ---------------------------------------------------------------------------------------------------

    def go(self, progress: Progress | None) -> None:
        """Run to the end."""
        compiled = isinstance(self.strategy, Compiled)
        wake = self._step() if compiled else self._python()
        again = self._hold()
        r, rows = self.play.r, len(self.tape)
        while True:
            self._next_stop()
            try:
                why = again()
                while why == st.WAKE:
                    wake()
                    why = again()
            except StrategyError as error:
                raise self.failed(error) from error.__cause__
            if why in (st.DONE, st.PAUSED):
                self._tell_news()
                if progress is not None:
                    progress(int(r[st.ROW]), rows)
                if why == st.DONE and self._news == len(self.tape.news):
                    return
            else:
                self._mend(why)
                again = self._hold()

    def _next_stop(self) -> None:
        """How far to go in one piece: to the next headline, at most."""
        r, rows, news = self.play.r, len(self.tape), self.tape.news
        stop, stop_ns = rows, 0
        if self._news < len(news):
            stop_ns = news[self._news].ts_ns
            stop = int(np.searchsorted(self.tape.events["ts_ns"], stop_ns, side="right"))
        r[st.STOP], r[st.STOP_NS] = stop, stop_ns
        r[st.UNTIL] = min(stop, int(r[st.ROW]) + PAUSE_ROWS)

    def _tell_news(self) -> None:
        """The next headline, where it is time for it."""
        r, news = self.play.r, self.tape.news
        if self._news == len(news) or r[st.ROW] < r[st.STOP]:
            return
        item = news[self._news]
        self._news += 1
        message = RoomCommand(item.ts_ns, "news", item.symbol, item.headline)
        self.record.extras.append((int(r[st.ROW]), int(r[st.ASKED]), message))
        r[st.SEQ] += 1
        self.record.news_seqs.append(int(r[st.SEQ]))
        r[st.NOW_NS] = max(int(r[st.NOW_NS]), item.ts_ns)

    def _python(self) -> Callable[[], None]:
        act = python_callable(self.strategy, self.params)
        r, every = self.play.r, self.contexts

        if len(every) == 1:
            one = every[0]

            def wake() -> None:
                try:
                    act(one)
                except Exception as error:
                    raise self._raised(error) from error
        else:
            rows, instruments = r.data, self.tape.events["instrument"]

            def wake() -> None:
                try:
                    act(every[instruments[rows[st.ROW] - 1]])
                except Exception as error:
                    raise self._raised(error) from error

        return wake

    def _step(self) -> Callable[[], None]:
        """A compiled strategy, for the loop to call; uncompiled kernels call it from here."""
        if _compiles():
            self._whole, address = self.strategy.compiled(self.given.dtype)
            r = self.play.r
            r[st.STEP_AT] = address
            r[st.GIVEN_AT], r[st.STATE_AT] = self.given.ctypes.data, self.state.ctypes.data
            r[st.STATE_SIZE], r[st.ASKS_AT] = len(self.state), self.play.asks.ctypes.data
        asks = self.play.asks.view(ASK_DTYPE).reshape(-1).view(np.recarray)
        views = self.play.views.view(VIEW_DTYPE).reshape(-1).view(np.recarray)

        def wake() -> None:
            k = int(self.tape.events["instrument"][self.play.r[st.ROW] - 1])
            try:
                count = int(self.strategy.step(views[k], self.given[0], self.state, asks))
            except Exception as error:
                raise self._raised(error) from error
            if not 0 <= count <= len(asks):
                raise self._too_many(count)
            asks.instrument[:count][asks.instrument[:count] == -1] = k
            self.play.r[st.ASK_COUNT] = count

        return wake

    def _hold(self) -> Callable[[], int]:
        """A call that goes on with the run."""
        play = self.play
        if not _compiles():
            return lambda: int(loop.advance(play))
        self._memory = np.zeros(1_024, np.int64)
        play.r[st.VIEW_AT] = play.views.ctypes.data
        again: Any = loop.again
        address = self._memory.ctypes.data
        size = loop.begin(play, address)
        assert size <= self._memory.nbytes
        if not again.overloads:
            again.compile("int64(int64)")
        entry = next(iter(again.overloads.values())).entry_point
        return lambda: int(entry(address))

    # --- what was missing --------------------------------------------------------------------------------------------

    def _mend(self, why: int) -> None:
        r, play = self.play.r, self.play
        if why == st.ROOM:
            self._make_room()
        elif why == st.LUCKLESS:
            r[st.LUCK_FOR] = r[st.STUCK_K]
            r[st.WAY_NS] = self._way(int(r[st.STUCK_K]))
        elif why == st.LIMIT_WINDOW:
            ask = play.asks[r[st.ASK_AT]]
            wider = at.fit(play.book, int(ask[st.K_INSTRUMENT]), int(r[st.STUCK_K]))
            if wider is None:
                r[st.UNFIT] = r[st.STUCK_K]
            else:
                self.play = play._replace(book=wider)
        elif why == st.WINDOW:
            self._widen()
        elif why == st.RAISED:
            raise self.failed(self._reraise())
        elif why == st.TOO_MANY:
            raise self.failed(self._too_many(int(r[st.STUCK_K])))
        elif why == st.BAD_ASK:
            ask = dict(zip(st.ASK_FIELDS, play.asks[r[st.ASK_AT]].tolist(), strict=True))
            raise self.failed(StrategyError(f"request {ask} is none: {self._place()}; see vtrade.research.strategy"))
        elif why == st.MARGIN:
            raise self.failed(
                StrategyError(f"the account's margin would be called, {self._place()}; trade smaller or give more cash")
            )

    def _make_room(self) -> None:
        """Take away what was told, and enlarge what is full."""
        play, r = self.play, self.play.r
        book = play.book
        self._collect()
        own = book.own
        rows = 8 + max(int(self.engine._kernel.rows_needed(book, k)) for k in range(len(book.inst)))
        book = book._replace(out=at.grown(book.out, 2 * rows))
        if int(book.room[at.SLOTS]) + 1 >= len(own):
            book = book._replace(own=at.grown(own, len(own) + 1))
            if len(book.rings) > 1:
                book = book._replace(rings=at.grown(book.rings, len(book.own)))
        if r[st.FLIGHT_COUNT] >= len(play.flight):
            flight = np.zeros((2 * len(play.flight), 4), np.int64)
            flight[: len(play.flight)] = np.roll(play.flight, -int(r[st.FLIGHT_HEAD]), axis=0)
            r[st.FLIGHT_HEAD] = 0
            play = play._replace(flight=flight)
        self.play = play._replace(
            book=book,
            asked=at.grown(play.asked, int(r[st.ASKED]) + 8),
            sent=at.grown(play.sent, max(int(r[st.NUMBER]), int(r[st.NEXT_ORDER])) + 8),
            marks=at.grown(play.marks, int(r[st.MARKED]) + 4 * len(book.inst) + 8),
            cuts=at.grown(play.cuts, int(r[st.CUT]) + 8),
        )

    def _collect(self) -> None:
        room, r = self.play.book.room, self.play.r
        count = int(room[at.OUT_COUNT])
        if count:
            self._told.append(self.play.book.out[:count].copy())
        room[at.OUT_COUNT] = r[st.TOLD] = 0

    def _widen(self) -> None:
        """The next row's price is outside the window."""
        r, play = self.play.r, self.play
        if not play.book.room[at.R_B]:
            self._make_room()
            return
        event = self.tape.events[r[st.ROW]]
        price = int(play.book.room[at.R_A])
        wider = at.fit(play.book, int(event["instrument"]), price) if price > 0 else None
        if wider is None:
            raise self.failed(
                StrategyError(f"row {int(r[st.ROW])} has the price {price} ticks, too far from the book; mend the tape")
            )
        self.play = play._replace(book=wider)

    def _way(self, number: int) -> int:
        """How long a message travels in; as in `vtrade.execution.venue`."""
        latency = self.rules.latency
        luck = int(uniforms(self.seed, f"latency/{ACCOUNT}", 1, index=number)[0] * _SCALE)
        if latency.recorded:
            return latency.recorded[luck * len(latency.recorded) // _SCALE]
        return latency.entry_ns + luck * latency.jitter_ns // _SCALE

    # --- failures and results ----------------------------------------------------------------------------------------

    def _place(self) -> str:
        r = self.play.r
        return f"at row {int(r[st.ROW]) - 1} ({int(r[st.NOW_NS])} ns)"

    def _raised(self, error: Exception) -> StrategyError:
        return StrategyError(f"the strategy failed {self._place()}: {type(error).__name__}: {error}")

    def _too_many(self, count: int) -> StrategyError:
        most = len(self.play.asks)
        return StrategyError(f"the strategy made {count} requests at once {self._place()}; 0 to {most} are possible")

    def _reraise(self) -> StrategyError:
        """Call the compiled strategy once more from Python, which learns what it raised."""
        r = self.play.r
        k = int(self.tape.events["instrument"][r[st.ROW] - 1])
        try:
            self._whole(
                int(r[st.VIEW_AT]) + 8 * st.VIEW_COLS * k,
                *(int(r[c]) for c in (st.GIVEN_AT, st.STATE_AT, st.STATE_SIZE)),
                int(r[st.ASKS_AT]), len(self.play.asks),
            )  # fmt: skip
        except Exception as error:
            failed = self._raised(error)
            failed.__cause__ = error
            return failed
        return StrategyError(f"the strategy failed {self._place()}")

    def failed(self, error: StrategyError) -> StrategyError:
        """Say where, and hand over what there is."""
        r = self.play.r
        error.row, error.ts_ns = int(r[st.ROW]) - 1, int(r[st.NOW_NS])
        r[st.ASK_COUNT] = r[st.ASK_AT] = r[st.STOP_NS] = 0
        r[st.UNTIL] = r[st.STOP] = r[st.ROW]
        while self._hold()() == st.ROOM:
            self._make_room()
        error.result = self.result(stopped=error.row + 1)
        return error

    def result(self, *, stopped: int | None = None) -> BacktestResult:
        """What happened."""
        self._collect()
        r, play, record = self.play.r, self.play, self.record
        record.rows = np.concatenate([*self._told, np.zeros((0, at.OUT_COLS), np.int64)])
        record.asked = play.asked[: r[st.ASKED]].copy()
        record.marks = play.marks[: r[st.MARKED]].copy()
        record.cuts = play.cuts[: r[st.CUT]].copy()
        record.until = len(self.tape) if stopped is None else stopped
        return BacktestResult(record, self.params)


def _compiles() -> bool:
    from numba import config

    return not getattr(config, "DISABLE_JIT", 0)
