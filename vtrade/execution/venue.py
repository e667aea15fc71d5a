"""How long do messages travel, when does trading pause, and what else is special about this venue?

Rules: luck is keyed by the room's seed, the account and the number of the order, so one order's delay never changes
another's; messages of one account never overtake each other. Bands, limit states and the market's fall are looked at
after each frame of market data. In exchange rooms a pause is a halt with an auction at its end.

- The *reference price* is the average price of what traded in the last five minutes; it moves when that is 1 % away.
  No trade leaves the *bands* around it. Where the touch has stood at a band for 15 seconds, trading pauses for five
  minutes; the auction's price is the next reference, or the mid where the book has left the last price behind.
- The *circuit breaker* compares the instruments' last prices with their first of the session, on average: a fall of
  7 % and of 13 % halts all of them for 15 minutes, one of 20 % until the next session.
- Where the room trades outside the regular session, a close is followed by an extended session.

References
----------
Plan to Address Extraordinary Market Volatility (Limit Up-Limit Down), SEC release 34-67091, 2012; NYSE Rule 7.12,
"Trading Halts Due to Extraordinary Market Volatility".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vtrade.domain.luck import uniforms
from vtrade.domain.messages import BandsMoved, Fill, SubmitOrder
from vtrade.domain.orders import Reason
from vtrade.domain.values import MICRO, NS_PER_S, divide
from vtrade.execution import choice, house, margin, payments, risk
from vtrade.execution import layout as at
from vtrade.execution.agenda import Agenda, Errand

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account, Refusal
    from vtrade.execution.working import Working

_SCALE: Final = 2**52

REFERENCE_NS: Final = 300 * NS_PER_S
SAMPLE_NS: Final = NS_PER_S
LIMIT_STATE_NS: Final = 15 * NS_PER_S
PAUSE_NS: Final = 300 * NS_PER_S
BREAKERS: Final = ((70_000, 900 * NS_PER_S), (130_000, 900 * NS_PER_S), (200_000, 0))
"""Fall in millionths, and how long all halts for it; 0: until the next session."""


class Band(msgspec.Struct, array_like=True):
    """What the venue remembers of an instrument's prices.

    Attributes
    ----------
    first : int
        First price of the session, ticks; 0 before it.
    start : int
        Lots printed before the session.
    reference : int
    since_ns : int
        Since when the touch stands at a band; -1 where it does not.
    samples : list of (int, int, int)
        Time, lots and ticks x lots printed so far, at least a second apart.
    """

    first: int = 0
    start: int = 0
    reference: int = 0
    since_ns: int = -1
    samples: list[tuple[int, int, int]] = []


class _State(msgspec.Struct, frozen=True, array_like=True):
    """A venue as bytes."""

    delisted: list[int]
    tenders: list[tuple[str, house.Tender]]
    calls: list[tuple[str, margin.Call]]
    liquidations: int
    nightly: bool
    paid: list[tuple[int, int]]
    sessions: list[int]
    shut: list[int]
    paused: list[int]
    unsettled: list[tuple[tuple[str, int, int], int]]
    bands: list[tuple[int, Band]]
    fallen: int


class Venue:
    """What the venue keeps beside the book; instruments by their numbers.

    Attributes
    ----------
    delisted : set of int
    tenders : dict of str to Tender
        Also those that are closed, so that no name is used twice.
    calls : dict of str to Call
        Accounts whose margin is called.
    liquidations : int
        Orders sent to close positions.
    nightly : bool
        Whether the end of each day is on the agenda.
    paid : dict of int to int
        Last day, since the epoch, for which borrowing was charged; of money under -1.
    sessions : set of int
        Instruments whose feed opens and closes.
    shut : set of int
        Those whose session has closed.
    paused : set of int
        Those that the venue itself has halted.
    unsettled : dict
        Proceeds by account, instrument and sessions to wait for.
    fallen : int
        Levels of the circuit breaker reached in this session.
    """

    def __init__(self) -> None:
        self.delisted: set[int] = set()
        self.tenders: dict[str, house.Tender] = {}
        self.calls: dict[str, margin.Call] = {}
        self.liquidations = 0
        self.nightly = False
        self.paid: dict[int, int] = {}
        self.sessions: set[int] = set()
        self.shut: set[int] = set()
        self.paused: set[int] = set()
        self.unsettled: dict[tuple[str, int, int], int] = {}
        self.bands: dict[int, Band] = {}
        self.fallen = 0
        self.watched = margin.Watched()
        self._own = False
        """Whether the session that changes is the venue's own doing; never true between messages."""

    # --- orders -----------------------------------------------------------------------------------------------------

    def due(self, engine: Engine, account: Account, number: int) -> int:
        """When a message sent now reaches the market."""
        latency = engine.rules.latency
        if latency.none:
            return engine.now
        way = latency.entry_ns
        if latency.recorded or latency.jitter_ns:
            luck = int(uniforms(engine.seed, f"latency/{account.name}", 1, index=number)[0] * _SCALE)
            if latency.recorded:
                way = latency.recorded[luck * len(latency.recorded) // _SCALE]
            else:
                way += luck * latency.jitter_ns // _SCALE
        due = engine.now + latency.feed_ns + way
        if due <= account.due_ns:  # behind what is on its way; what is due now has not arrived yet
            due = max(account.due_ns, engine.now + 1)
        if due > engine.now:
            account.due_ns = due
        return due

    def refusal(self, engine: Engine, k: int, m: SubmitOrder) -> Refusal | None:
        """Why the venue's own rules deny an order, or ``None``."""
        if not (self.delisted or self.calls or engine.rules.fx_spread_ppm):
            return None
        account, i = engine.accounts[m.account], engine.instruments[k]
        lots = m.quantity // i.lot_size
        reduces = m.reduce_only or bool(m.parent)
        found = self.blocked(engine, account, k, m.side, 0 if reduces else lots)
        if found is not None or reduces or not engine.rules.fx_spread_ppm:
            return found
        limit, stop = (None if p is None else p // i.tick_size for p in (m.limit_price, m.stop_price))
        worst = risk.worst_price(account.limits, m.side, limit, stop, engine._reference(k, m.side))
        return payments.spread_refusal(engine, account, k, m.side, lots, worst)

    def blocked(self, engine: Engine, account: Account, k: int, side: int, lots: int) -> Refusal | None:
        """Why an account may not trade so many lots now; 0 lots: with an order that only reduces."""
        if k in self.delisted:
            return Reason.DELISTED, f"{engine.instruments[k].symbol} was delisted and is no longer traded here"
        return margin.refusal(engine, account, k, side, lots) if lots else None

    def sold(self, engine: Engine, order: Working, px: int, lots: int) -> None:
        """An order filled: a foreign currency is paid for, and proceeds of sales settle later."""
        account, days = order.account, engine.rules.settlement_days
        if (len(engine.currencies) == 1 and not days) or account.limits.on_margin:
            return
        i = engine.instruments[order.k]
        if len(engine.currencies) > 1:
            payments.make_good(engine, account, i.currency)
        if order.side < 0 and days and account.limits.enabled:
            fee = next(fact.fee for fact in reversed(engine._facts) if isinstance(fact, Fill))
            house.hold_back(engine, account, order.k, i.notional(px, lots) - fee)

    # --- sessions and pauses ------------------------------------------------------------------------------------------

    def session(self, engine: Engine, k: int, status: str) -> None:
        """An instrument's session changed."""
        if self._own:
            return
        if k in self.paused:
            self.paused.discard(k)
            self._forget_resume(engine, k)
            self._restart(k)
        if status == "CLOSED":
            self.sessions.add(k)
            self.shut.add(k)
            self._restart(k)
            self._set_bands(engine, k, 0, 0)
            margin.close(engine, k, payments.moment(engine))
            return
        if engine._book.inst[k, at.FRESH]:
            self.sessions.add(k)
        if k in self.shut and status != "HALTED":
            self.shut.discard(k)
            self.fallen = 0
            band = self.bands.get(k)
            if band is not None:
                band.first, band.start = 0, int(engine._book.inst[k, at.VOLUME])
            house.new_session(engine, k)

    def _restart(self, k: int) -> None:
        """The next price is the reference."""
        band = self.bands.get(k)
        if band is not None:
            band.reference, band.since_ns, band.samples = 0, -1, []

    def rescaled(self, k: int) -> None:
        """A split came: prices and lots of before mean something else."""
        self.bands.pop(k, None)

    def _forget_resume(self, engine: Engine, k: int) -> None:
        symbol = engine.instruments[k].symbol
        agenda = Agenda()
        for errand in engine.agenda.all():
            if errand.what != "resume" or errand.name != symbol:
                agenda.add(errand)
        engine.agenda = agenda

    def _pause(self, engine: Engine, k: int, cause: str, span_ns: int) -> None:
        """Halt an instrument; after the span, 0 for the rest of the session, an auction begins trade again."""
        if k in self.paused:
            self._forget_resume(engine, k)
        self._set_bands(engine, k, 0, 0)
        self._restart(k)
        self._switch(engine, k, at.S_HALTED, cause)
        self.paused.add(k)
        if span_ns:
            self._switch(engine, k, at.S_AUCTION, cause)
            engine.agenda.add(Errand(engine.now + span_ns, "resume", name=engine.instruments[k].symbol, detail=cause))

    def _switch(self, engine: Engine, k: int, status: object, cause: str) -> None:
        self._own = True
        try:
            engine.set_session(k, status, cause)
        finally:
            self._own = False

    # --- after market data --------------------------------------------------------------------------------------------

    def watch(self, engine: Engine) -> None:
        """After market data: move bands, begin halts and extended sessions."""
        rules = engine.rules
        if engine.closed or not (rules.luld_ppm or rules.extended_hours):
            return
        inst = engine._book.inst
        if rules.extended_hours:
            for k in sorted(self.shut - self.delisted):
                if inst[k, at.STATE] == at.S_CLOSED:
                    self._switch(engine, k, at.RESUMED, "extended hours")
        if not rules.luld_ppm:
            return
        for k in range(len(inst)):
            if inst[k, at.HAS_IDS] == at.EXCHANGE and inst[k, at.LAST] and k not in self.delisted:
                self._look(engine, k)
        self._break(engine)

    def _look(self, engine: Engine, k: int) -> None:
        """Where an instrument's price stands in its bands."""
        inst = engine._book.inst[k]
        now, last, lots, turnover = engine.now, int(inst[at.LAST]), int(inst[at.VOLUME]), int(inst[at.TURNOVER])
        band = self.bands.get(k)
        if band is None:
            band = self.bands[k] = Band(samples=[])
        if not band.first and lots > band.start:
            band.first = last
        if inst[at.STATE] > at.S_OPEN:
            return
        bid, _, ask, _ = engine.touch(k)
        if not band.reference:
            away = 0 < bid < ask and not bid <= last <= ask
            band.reference, band.samples = divide(bid + ask, 2) if away else last, [(now, lots, turnover)]
            self._around(engine, k, band.reference)
        else:
            samples = band.samples
            if now - samples[-1][0] >= SAMPLE_NS:
                samples.append((now, lots, turnover))
            while len(samples) > 1 and samples[1][0] <= now - REFERENCE_NS:
                del samples[0]
            traded = lots - samples[0][1]
            if traded > 0:
                average = divide(turnover - samples[0][2], traded)
                if abs(average - band.reference) * 100 >= band.reference:
                    band.reference = average
                    self._around(engine, k, average)
        lower, upper = int(inst[at.LOW_BAND]), int(inst[at.HIGH_BAND])
        bid, _, ask, _ = engine.touch(k)
        if not (bid >= upper or 0 < ask <= lower):
            band.since_ns = -1
        elif band.since_ns < 0:
            band.since_ns = now
        elif now - band.since_ns >= LIMIT_STATE_NS:
            self._pause(engine, k, "LULD", PAUSE_NS)

    def _around(self, engine: Engine, k: int, reference: int) -> None:
        ppm = engine.rules.luld_ppm
        lower = max(1, min(reference - 1, divide(reference * (MICRO - ppm), MICRO)))
        self._set_bands(engine, k, lower, max(reference + 1, divide(reference * (MICRO + ppm), MICRO)))
        self._release(engine, k)

    def _release(self, engine: Engine, k: int) -> None:
        """Orders that the bands of before kept apart trade: the newest first, then those that wait for depth."""
        own, inst = engine._book.own, engine._book.inst[k]
        here = (own[:, at.O_INST] == k) & np.isin(own[:, at.O_WHERE], (at.AT_LEVEL, at.IN_MARKET))
        slots = [int(slot) for slot in here.nonzero()[0]]
        resting = [slot for slot in slots if own[slot, at.O_WHERE] == at.AT_LEVEL]
        waiting = [slot for slot in slots if own[slot, at.O_WHERE] == at.IN_MARKET]
        waiting.sort(key=lambda slot: int(own[slot, at.O_ID]))
        best = inst[[at.OWN_BEST + 1, at.OWN_BEST]] + inst[at.BASE]  # of the other side
        limits, sides = own[resting, at.O_LIMIT], own[resting, at.O_SIDE]
        crossed = np.where(sides == 0, limits >= best[0], limits <= best[1]).nonzero()[0]
        across = sorted((resting[n] for n in crossed.tolist()), key=lambda slot: -int(own[slot, at.O_ARRIVAL]))
        for slot, ident in [(slot, int(own[slot, at.O_ID])) for slot in (*across, *waiting)]:
            if own[slot, at.O_ID] == ident and self._could_trade(own, resting, slot, inst):
                self._enter_anew(engine, k, slot)

    @staticmethod
    def _could_trade(own: at.I8, resting: list[int], slot: int, inst: at.I8) -> bool:
        """Whether somebody rests across from an order, within the bands."""
        limit, side, account = (int(n) for n in own[slot, [at.O_LIMIT, at.O_SIDE, at.O_ACCOUNT]])
        price = own[resting, at.O_LIMIT]
        found = (own[resting, at.O_WHERE] == at.AT_LEVEL) & (own[resting, at.O_SIDE] != side)
        found &= (own[resting, at.O_SHOWN] > 0) & (price >= inst[at.LOW_BAND]) & (price <= inst[at.HIGH_BAND])
        if limit:
            found &= price <= limit if side == 0 else price >= limit
        if account >= 0:
            found &= own[resting, at.O_ACCOUNT] != account
        return bool(found.any())

    @staticmethod
    def _enter_anew(engine: Engine, k: int, slot: int) -> None:
        plain = choice.plain()
        engine._make_room(k)
        row = engine._book.own[slot]
        agent = row[at.O_ACCOUNT] < 0
        plain.unlink(engine._book, slot)
        plain.enter(engine._book, slot, engine.now)
        if agent:
            row[[at.O_BAR, at.O_WAIT]] = 0  # columns that an agent's order does not use
        plain.after(engine._book, k, engine.now)
        engine._drain()

    def _set_bands(self, engine: Engine, k: int, lower: int, upper: int) -> None:
        inst = engine._book.inst[k]
        if (inst[at.LOW_BAND], inst[at.HIGH_BAND]) != (lower, upper):
            inst[at.LOW_BAND], inst[at.HIGH_BAND] = lower, upper
            symbol = engine.instruments[k].symbol
            engine.tell(BandsMoved(engine.next_seq(), payments.moment(engine), symbol, lower, upper))

    def _break(self, engine: Engine) -> None:
        """Halt the whole market where it has fallen too far."""
        inst = engine._book.inst
        open_now = [
            k for k in sorted(self.bands.keys() - self.delisted) if inst[k, at.STATE] <= at.S_OPEN or k in self.paused
        ]
        levels = [int(inst[k, at.LAST]) * MICRO // self.bands[k].first for k in open_now if self.bands[k].first]
        if not levels:
            return
        average = sum(levels) // len(levels)
        reached = sum(average <= MICRO - fall for fall, _ in BREAKERS)
        if reached <= self.fallen:
            return
        self.fallen = reached
        cause = f"circuit breaker, level {reached}: the market is down {(MICRO - average) // 1_000 / 10} %"
        for k in open_now:
            self._pause(engine, k, cause, BREAKERS[reached - 1][1])

    # --- the state as bytes -------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """What decides future facts, as bytes."""
        return msgspec.msgpack.encode(
            _State(
                sorted(self.delisted), sorted(self.tenders.items()), sorted(self.calls.items()), self.liquidations,
                self.nightly, sorted(self.paid.items()), sorted(self.sessions), sorted(self.shut), sorted(self.paused),
                sorted(self.unsettled.items()), sorted(self.bands.items()), self.fallen,
            )
        )  # fmt: skip

    def load(self, data: bytes) -> None:
        """Put back what :meth:`dump` gave."""
        state = msgspec.msgpack.decode(data, type=_State)
        self.delisted, self.sessions = set(state.delisted), set(state.sessions)
        self.shut, self.paused = set(state.shut), set(state.paused)
        self.tenders, self.calls = dict(state.tenders), dict(state.calls)
        self.liquidations, self.nightly, self.fallen = state.liquidations, state.nightly, state.fallen
        self.paid, self.unsettled, self.bands = dict(state.paid), dict(state.unsettled), dict(state.bands)
