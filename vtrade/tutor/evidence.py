"""What may the tutor know when it answers, and in which form?

Rules: evidence is frozen values that the desk fills in from the asking student's own log; prices, quantities and money
are whole units (``100.05`` is a price, ``12.5`` is money), because the tutor only compares and prints them. An
:class:`EvidenceSource` is bound to one student when it is made: no method takes an account, so nobody else's data can
be asked for. Nothing here can act. Text that somebody else wrote (headlines, names) is data to be shown, never obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import msgspec


class FillEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One fill: ``cause`` and ``liquidity`` as the fact names them, ``fee`` in money units."""

    time: str
    price: float
    quantity: float
    liquidity: str = "taker"
    cause: str = "depth"
    fee: float = 0.0


class OrderEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One order of the asking student, with everything that happened to it.

    Attributes
    ----------
    order_id, client_order_id : str
        Names under which the student knows the order.
    side : {"buy", "sell"}
    type : {"market", "limit", "stop_market", "stop_limit"}
    quantity, filled : float
    status : str
        A value of ``vtrade.domain.orders.Status``.
    limit_price, stop_price, avg_px : float or None
    reason, reason_detail : str
        A value of ``vtrade.domain.orders.Reason`` and the sentence that came with it; empty where nothing was refused
        or ended.
    waiting : str
        A ``Reason`` that says why what is left rests; empty where nothing waits.
    arrival_bid, arrival_bid_size, arrival_ask, arrival_ask_size : float or None
        The touch when the order arrived.
    fills : tuple of FillEvidence
        In time order.
    queue_ahead : float or None
        Quantity ahead in the queue when the order began to rest.
    costs : mapping of str to float
        Money units by part (``spread``, ``depth``, ``impact``, ``delay``, ``fees``); positive is a cost.
    slippage_bps : float or None
        Against the arrival price; positive is a cost.
    explanation : tuple of str
        Lines of the order's own explanation.
    tick : float
        Price step, 0 where unknown.
    decimals : int
        Decimals of a price on the grid.

    Examples
    --------
    >>> order = OrderEvidence(order_id="3", symbol="ACME", side="buy", type="limit", quantity=500, status="ACCEPTED")
    >>> order.leaves, order.is_working
    (500.0, True)
    """

    order_id: str
    symbol: str
    side: str
    type: str
    quantity: float
    status: str
    client_order_id: str = ""
    time: str = ""
    time_in_force: str = "DAY"
    filled: float = 0.0
    limit_price: float | None = None
    stop_price: float | None = None
    avg_px: float | None = None
    reason: str = ""
    reason_detail: str = ""
    waiting: str = ""
    arrival_bid: float | None = None
    arrival_bid_size: float | None = None
    arrival_ask: float | None = None
    arrival_ask_size: float | None = None
    fills: tuple[FillEvidence, ...] = ()
    queue_ahead: float | None = None
    costs: dict[str, float] = msgspec.field(default_factory=dict)
    slippage_bps: float | None = None
    explanation: tuple[str, ...] = ()
    tick: float = 0.0
    decimals: int = 2
    currency: str = "USD"

    @property
    def leaves(self) -> float:
        """Quantity not filled, whether it still works or not."""
        return self.quantity - self.filled

    @property
    def is_refused(self) -> bool:
        """Denied by the risk check or rejected by the venue."""
        return self.status in ("DENIED", "REJECTED")

    @property
    def is_working(self) -> bool:
        """Still in the market, or on its way there."""
        return self.status not in ("DENIED", "REJECTED", "FILLED", "CANCELED", "EXPIRED")


class PositionEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the student holds of one instrument; money in units of the account's currency."""

    symbol: str
    quantity: float
    sector: str = ""
    avg_entry_price: float = 0.0
    last: float | None = None
    market_value: float = 0.0
    unrealized_pnl: float = 0.0
    realized_pnl: float = 0.0


class AccountEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The student's account.

    Attributes
    ----------
    nav, cash, reserved, buying_power, pnl, realized_pnl, unrealized_pnl, fees : float
        Money units; ``fees`` is what was paid, positive.
    drawdown : float
        Below the high-water mark as a share of it, never positive (-0.05 is 5 % below).
    positions : tuple of PositionEvidence
    exposure_by_sector : mapping of str to float
        Money units.
    concentration_limit : float or None
        Largest share of NAV one instrument may reach by buying; ``None`` where there is no limit.
    statistics : mapping of str to float
        Named as in the reports: ``sharpe_ratio``, ``hit_rate``, ``profit_factor``, ...
    """

    nav: float
    cash: float
    buying_power: float
    account: str = "you"
    currency: str = "USD"
    reserved: float = 0.0
    pnl: float = 0.0
    realized_pnl: float = 0.0
    unrealized_pnl: float = 0.0
    fees: float = 0.0
    drawdown: float = 0.0
    positions: tuple[PositionEvidence, ...] = ()
    exposure_by_sector: dict[str, float] = msgspec.field(default_factory=dict)
    concentration_limit: float | None = None
    statistics: dict[str, float] = msgspec.field(default_factory=dict)


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of news: text that somebody else wrote."""

    time: str
    text: str


class MarketEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the market shows of one instrument now; ``bids`` and ``asks`` are (price, quantity) pairs, best first."""

    symbol: str
    time: str = ""
    status: str = "OPEN"
    bid: float | None = None
    bid_size: float | None = None
    ask: float | None = None
    ask_size: float | None = None
    last: float | None = None
    bids: tuple[tuple[float, float], ...] = ()
    asks: tuple[tuple[float, float], ...] = ()
    headlines: tuple[Headline, ...] = ()
    sector: str = ""
    tick: float = 0.0
    decimals: int = 2
    currency: str = "USD"

    @property
    def spread(self) -> float | None:
        """Best ask minus best bid, ``None`` where a side is empty."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


class MissionEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One open mission: ``done`` of ``goal`` steps."""

    name: str
    done: float = 0.0
    goal: float = 1.0


class ProgressEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Where the student stands: ``missions`` are those still open."""

    level: int = 1
    xp: int = 0
    next_level_xp: int | None = None
    badges: tuple[str, ...] = ()
    missions: tuple[MissionEvidence, ...] = ()


class RulesEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that hold for the student; ``None`` means no limit. ``lines`` are further rules in plain words."""

    concentration_limit: float | None = None
    max_order_quantity: float | None = None
    max_order_notional: float | None = None
    max_working_orders: int | None = None
    allow_short: bool = False
    currency: str = "USD"
    lines: tuple[str, ...] = ()


@runtime_checkable
class EvidenceSource(Protocol):
    """Read-only evidence of one student, bound to that student when it was made."""

    def order(self, order_id: str, /) -> OrderEvidence | None:
        """The order with this order id or client order id, or ``None``."""

    def orders(self) -> tuple[OrderEvidence, ...]:
        """All orders of the student, newest first."""

    def account(self) -> AccountEvidence:
        """The account as it is now."""

    def symbols(self) -> tuple[str, ...]:
        """Symbols that trade in this room."""

    def market(self, symbol: str, /) -> MarketEvidence | None:
        """What the market shows of one instrument, or ``None`` for a symbol that does not trade here."""

    def progress(self) -> ProgressEvidence:
        """Level, XP, open missions, badges."""

    def rules(self) -> RulesEvidence:
        """The limits that hold for the student."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Evidence held still: an :class:`EvidenceSource` made of values, for tests, reports and reviews.

    Examples
    --------
    >>> held = Evidence(held_account=AccountEvidence(nav=1000.0, cash=1000.0, buying_power=1000.0))
    >>> held.account().nav, held.orders(), held.market("ACME")
    (1000.0, (), None)
    """

    held_account: AccountEvidence
    held_orders: tuple[OrderEvidence, ...] = ()
    held_markets: Mapping[str, MarketEvidence] = field(default_factory=dict)
    held_progress: ProgressEvidence = field(default_factory=ProgressEvidence)
    held_rules: RulesEvidence = field(default_factory=RulesEvidence)

    def order(self, order_id: str, /) -> OrderEvidence | None:
        """The order with this order id or client order id, or ``None``."""
        return next((o for o in self.held_orders if order_id in (o.order_id, o.client_order_id)), None)

    def orders(self) -> tuple[OrderEvidence, ...]:
        """All orders, newest first."""
        return self.held_orders

    def account(self) -> AccountEvidence:
        """The account."""
        return self.held_account

    def symbols(self) -> tuple[str, ...]:
        """Symbols of the held markets."""
        return tuple(self.held_markets)

    def market(self, symbol: str, /) -> MarketEvidence | None:
        """The held market of one instrument, or ``None``."""
        return self.held_markets.get(symbol)

    def progress(self) -> ProgressEvidence:
        """Level, XP, open missions, badges."""
        return self.held_progress

    def rules(self) -> RulesEvidence:
        """The limits."""
        return self.held_rules
