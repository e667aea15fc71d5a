"""What does progress remember, per room and account?

Rules: mutable, private to the progress engine, and nothing but integers, text and tables of them in the order in which
they came (so no sets), so that :func:`dump` gives the same bytes for the same log, restored half-way or not. Everything
is bounded: positions by the instruments, orders by those that work, tallies and awards by the caps of the rules.
"""

from __future__ import annotations

from typing import Final

import msgspec

from vtrade.domain.values import MICRO, NS_PER_S, divide
from vtrade.gamification.progress import BadgeView, XpGained
from vtrade.gamification.rules import SessionTrigger

PPM: Final = 1_000_000
BEYOND_PPM: Final = 1_000 * PPM
"""Share or drawdown where NAV is gone."""
DAY_NS: Final = 86_400 * NS_PER_S
YEAR_NS: Final = 366 * DAY_NS
"""Times below count from midnight of the tape's day, times from here on from the Unix epoch."""


class Position(msgspec.Struct, array_like=True):
    """Since when an account holds an instrument.

    ``opened_ns`` is when it was first opened in ``session``, -1 where it was carried into it.
    """

    since_ns: int = 0
    session: int = -1
    opened_ns: int = -1


class Order(msgspec.Struct, array_like=True):
    """A working order; ``arrival2`` is bid plus ask on arrival (twice the mid), 0 unknown."""

    account: str
    client_order_id: str
    accepted_ns: int
    arrival2: int
    inside: bool


class Tally(msgspec.Struct, array_like=True):
    """How often a rule was earned; ``subjects`` only where it repeats per subject."""

    count: int = 0
    session: int = -1
    in_session: int = 0
    day: int = -1
    subjects: dict[str, None] = msgspec.field(default_factory=dict)


class Run(msgspec.Struct, array_like=True):
    """A streak: the last session in which it held, its length, the longest."""

    last: int = -1
    length: int = 0
    best: int = 0


class Account(msgspec.Struct, array_like=True):
    """An account: money, the measures of the present session, and what was awarded.

    ``held`` has the signed lots of each instrument held; ``positions`` the instruments traded in the session as well;
    ``cash`` is money of the account's own currency, ``foreign`` of others.
    """

    name: str
    cash: int
    nav: int
    peak: int
    level: int = 1
    xp: int = 0
    drawdown_ppm: int = 0
    share_ppm: int = 0
    cost_ppm: int = 0
    hold_ns: int = 0
    opened_hold_ns: int = 0
    denied: bool = False
    ordered: bool = False
    attended: bool = False
    held: dict[int, int] = msgspec.field(default_factory=dict)
    positions: dict[int, Position] = msgspec.field(default_factory=dict)
    tallies: dict[str, Tally] = msgspec.field(default_factory=dict)
    missions: dict[str, int] = msgspec.field(default_factory=dict)
    runs: dict[str, Run] = msgspec.field(default_factory=dict)
    badges: dict[str, BadgeView] = msgspec.field(default_factory=dict)
    awards: list[XpGained] = msgspec.field(default_factory=list)
    currency: str = ""
    foreign: dict[str, int] = msgspec.field(default_factory=dict)


class State(msgspec.Struct, array_like=True):
    """A room; ``active_from`` is when the market was first open in this session, -1 not yet.

    ``rates`` has micro-units of the room's first currency for one unit of another; ``moved`` the accounts that money or
    lots came to, or left, without a fill since the last marks.
    """

    rules: str
    seq: int = 0
    ts_ns: int = 0
    next_day_ns: int = YEAR_NS
    session: int = 0
    active_from: int = -1
    announces: bool = False
    open_symbols: dict[str, None] = msgspec.field(default_factory=dict)
    symbols: list[str] = msgspec.field(default_factory=list)
    sectors: list[str] = msgspec.field(default_factory=list)
    tick_values: list[int] = msgspec.field(default_factory=list)
    marks: list[int] = msgspec.field(default_factory=list)
    accounts: dict[str, Account] = msgspec.field(default_factory=dict)
    orders: dict[int, Order] = msgspec.field(default_factory=dict)
    currencies: list[str] = msgspec.field(default_factory=list)
    rates: dict[str, int] = msgspec.field(default_factory=dict)
    moved: dict[str, None] = msgspec.field(default_factory=dict)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def dump(state: State) -> bytes:
    """The state as bytes; equal states give equal bytes."""
    return _encoder.encode(state)


def load(data: bytes) -> State:
    """The state of :func:`dump`; raises ``msgspec.DecodeError`` on other bytes."""
    return _decoder.decode(data)


def value(account: Account, worth: list[int], state: State) -> tuple[int, int]:
    """Net asset value and largest position of an account, in its currency: others at their last rates, else at par.

    All of one currency, cash and positions, is turned over by one division.
    """
    into = state.rates.get(account.currency, MICRO)
    sums = dict(account.foreign)
    nav, biggest = account.cash, 0
    for i, quantity in account.held.items():
        currency = state.currencies[i]
        held = quantity * worth[i]
        if currency == account.currency:
            nav += held
        else:
            sums[currency] = sums.get(currency, 0) + held
            held = divide(held * state.rates.get(currency, MICRO), into)
        biggest = max(biggest, abs(held))
    return nav + sum(divide(sums[c] * state.rates.get(c, MICRO), into) for c in sums), biggest


def measure(account: Account, worth: list[int], state: State) -> None:
    """Value the account and note the largest share and the deepest drawdown so far in the session.

    ``worth`` has the micro-units of money one lot of each instrument is worth, in the instrument's currency. Measures
    are rounded up, so that a limit is exact.
    """
    if account.foreign:
        nav, biggest = value(account, worth, state)
    else:  # the same for one currency: this runs with each mark
        nav = account.cash
        biggest = 0
        for i, quantity in account.held.items():
            held = quantity * worth[i]
            nav += held
            if held < 0:
                held = -held
            if held > biggest:
                biggest = held
    account.nav = nav
    if nav >= account.peak:
        account.peak = nav
    elif account.peak > 0:
        drawdown = -((nav - account.peak) * PPM // account.peak)
        if drawdown > account.drawdown_ppm:
            account.drawdown_ppm = drawdown
    else:
        account.drawdown_ppm = BEYOND_PPM
    if biggest * PPM > account.share_ppm * nav:
        account.share_ppm = max(account.share_ppm, -(-biggest * PPM // nav)) if nav > 0 else BEYOND_PPM


def adjust(account: Account, before: int, worth: list[int], state: State) -> None:
    """Money from outside moved the value from ``before``: the session's highest value moves in proportion."""
    after, _ = value(account, worth, state)
    account.peak = divide(account.peak * after, before) if before > 0 and after > 0 else after


def held_ns(state: State, position: Position, ts_ns: int) -> int:
    """How long a position has been held while the market was open, in this session."""
    return ts_ns - max(position.since_ns, state.active_from) if state.active_from >= 0 else 0


def note_hold(state: State, account: Account, position: Position, ts_ns: int) -> None:
    """Note the longest hold so far in the session, of any position and of those opened in it."""
    held = held_ns(state, position, ts_ns)
    if held > account.hold_ns:
        account.hold_ns = held
    if position.opened_ns >= 0 and held > account.opened_hold_ns:
        account.opened_hold_ns = held


def kept(state: State, account: Account, trigger: SessionTrigger, ts_ns: int) -> bool:
    """Whether the session that ends at ``ts_ns`` was as ``trigger`` wants it."""
    least_ns = trigger.held_s * NS_PER_S
    if account.hold_ns < least_ns or not account.attended or (trigger.no_denials and account.denied):
        return False
    if trigger.max_position_pct is not None and account.share_ppm > trigger.max_position_pct * 10_000:
        return False
    if trigger.max_drawdown_pct is not None and account.drawdown_ppm > trigger.max_drawdown_pct * 10_000:
        return False
    cost_ppm = account.cost_ppm if account.opened_hold_ns >= least_ns else BEYOND_PPM
    if trigger.max_cost_bps is not None and cost_ppm > trigger.max_cost_bps * 100:
        return False
    if trigger.min_sectors:
        held = {state.sectors[i] for i in account.held if held_ns(state, account.positions[i], ts_ns) >= least_ns}
        return len(held) >= trigger.min_sectors
    return True


def begin_session(account: Account, session: int, worth: list[int], state: State) -> None:
    """Forget the measures of the last session; positions are carried into this one."""
    account.positions = {i: account.positions[i] for i in account.held}
    for position in account.positions.values():
        position.session = session
        position.opened_ns = -1
    measure(account, worth, state)
    account.peak = account.nav
    account.drawdown_ppm = account.share_ppm = account.cost_ppm = 0
    account.hold_ns = account.opened_hold_ns = 0
    account.denied = account.ordered = account.attended = False
    measure(account, worth, state)
