"""May this order go to the venue? What is checked before the kernel sees it, and the words of a refusal.

Rules: a check returns ``None`` or a reason with a sentence that names the value and the mend; it changes nothing. What
money allows is decided by the kernel (`vtrade.execution.kernel.money`) and put into words here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import SubmitOrder
from vtrade.domain.orders import OrderType, Reason, Side, TimeInForce
from vtrade.domain.values import MICRO, format_micros, plain_micros
from vtrade.execution import layout as at
from vtrade.market.dtype import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine

Refusal = tuple[Reason, str]

PRICE_RANGE: Final = 10
"""A price more than this many times above or below the market is taken for a slip of the finger."""

SLICES_MAX: Final = 100
"""Slices into which an iceberg may be cut."""


class Account:
    """An account by name: its order ids, limits, and a look at what the kernel counts for it.

    ``positions``, ``buying`` and ``selling`` are lots of each instrument: held, and asked for by working orders.
    """

    __slots__ = ("_engine", "currency", "due_ns", "groups", "ids", "index", "limits", "name")

    def __init__(self, engine: Engine, name: str, index: int, currency: str, limits: RiskLimits) -> None:
        self._engine = engine
        self.name = name
        self.index = index
        self.currency = currency
        self.limits = limits
        self.ids: dict[str, object] = {}
        self.groups: dict[str, int] = {}
        self.due_ns = 0
        """When the last message on its way arrives; later ones never overtake it."""

    def _row(self) -> list[int]:
        row: list[int] = self._engine._book.acct[self.index].tolist()
        return row

    @property
    def cash(self) -> int:
        """Money in the account's own currency, micro-units."""
        return int(self._engine._book.cash[self.index, self._engine.currencies.index(self.currency)])

    @cash.setter
    def cash(self, amount: int) -> None:
        self._engine._book.cash[self.index, self._engine.currencies.index(self.currency)] = amount

    @property
    def balances(self) -> dict[str, int]:
        """Money by currency, micro-units."""
        held = self._engine._book.cash[self.index].tolist()
        return {name: int(amount) for name, amount in zip(self._engine.currencies, held, strict=True)}

    @property
    def reserved(self) -> int:
        """What working orders tie up, micro-units."""
        return self._row()[at.A_RESERVED]

    @property
    def working(self) -> int:
        """Orders that work."""
        return self._row()[at.A_WORKING]

    def _lots(self, column: int) -> list[int]:
        lots: list[int] = self._engine._book.pos[self.index, :, column].tolist()
        return lots

    @property
    def positions(self) -> list[int]:
        """Lots held of each instrument."""
        return self._lots(at.P_LOTS)

    @property
    def buying(self) -> list[int]:
        """Lots that working buys ask for."""
        return self._lots(at.P_BUYING)

    @property
    def selling(self) -> list[int]:
        """Lots that working sells ask for."""
        return self._lots(at.P_SELLING)

    def fill_row(self) -> None:
        """Write the limits where the kernel reads them."""
        limits, row = self.limits, self._engine._book.acct[self.index]
        row[at.A_ENABLED] = limits.enabled
        row[at.A_CONCENTRATION] = limits.concentration_ppm
        row[at.A_NOTIONAL_MAX] = limits.max_order_notional
        row[at.A_WORKING_MAX] = limits.max_working_orders
        row[at.A_SHORT] = limits.allow_short
        row[at.A_INITIAL] = limits.initial_margin_ppm
        row[at.A_SHORT_MARGIN] = limits.short_margin_ppm
        row[at.A_CURRENCY] = self._engine.currencies.index(self.currency)


def fill_terms(instrument: Instrument, currencies: tuple[str, ...], row: at.I8) -> None:
    """Write what an instrument is worth and costs where the kernel reads it."""
    fees = instrument.fees
    row[: at.T_TIERS] = (
        instrument.tick_value, instrument.lot_size, fees.per_unit, fees.per_notional_ppm, fees.per_contract,
        fees.maker_ppm, fees.taker_ppm, fees.minimum, fees.cap_ppm, currencies.index(instrument.currency),
        instrument.borrowable, len(fees.tiers),
    )  # fmt: skip
    for number, tier in enumerate(fees.tiers):
        row[at.T_TIERS + 3 * number : at.T_TIERS + 3 * number + 3] = tier


def grid_refusal(
    instrument: Instrument, type_: OrderType, quantity: int, limit: int | None, stop: int | None, limits: RiskLimits
) -> Refusal | None:
    """Check an order's numbers (micro-units) against the instrument's grid and the order's type."""
    if quantity <= 0:
        return Reason.QUANTITY_NOT_POSITIVE, f"quantity {plain_micros(quantity)} must be more than 0"
    if quantity % instrument.lot_size:
        return (
            Reason.QUANTITY_OFF_LOT,
            f"quantity {plain_micros(quantity)} is not a multiple of the lot {plain_micros(instrument.lot_size)}",
        )
    most = MAX_QUANTITY_LOTS * instrument.lot_size
    if limits.enabled:
        most = min(most, limits.max_order_quantity)
    if quantity > most:
        return (
            Reason.QUANTITY_TOO_LARGE,
            f"quantity {plain_micros(quantity)} is above the limit of {plain_micros(most)} an order; send fewer",
        )
    needs_limit = type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    needs_stop = type_ in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
    for name, price, needed in (("limit", limit, needs_limit), ("stop", stop, needs_stop)):
        if needed and price is None:
            return Reason.PRICE_MISSING, f"a {type_} order needs a {name} price"
        if price is None:
            continue
        if not needed:
            return Reason.PRICE_NOT_ALLOWED, f"a {type_} order takes no {name} price; leave it out or change the type"
        if price <= 0 or price % instrument.tick_size:
            below = max(price // instrument.tick_size, 1) * instrument.tick_size
            return (
                Reason.PRICE_OFF_TICK,
                f"{name} price {plain_micros(price)} is not on the grid of {plain_micros(instrument.tick_size)}; "
                f"take {plain_micros(below)} or {plain_micros(below + instrument.tick_size)}",
            )
    return None


def asks_refusal(m: SubmitOrder, instrument: Instrument, now: int) -> Refusal | None:
    """Check what an order asks for beyond its price and quantity."""
    not_allowed = Reason.INSTRUCTION_NOT_ALLOWED
    trails = (m.trail is not None) + (m.trail_ppm is not None)
    if m.type == OrderType.TRAILING_STOP_MARKET:
        if trails != 1:
            return Reason.PRICE_MISSING, "a trailing stop needs trail (a distance) or trail_ppm (a share), one of them"
        if m.trail is not None and (m.trail <= 0 or m.trail % instrument.tick_size):
            return (
                Reason.PRICE_OFF_TICK,
                f"trail {plain_micros(m.trail)} must be a multiple of the tick {plain_micros(instrument.tick_size)}",
            )
        if m.trail_ppm is not None and not 0 < m.trail_ppm < MICRO:
            return not_allowed, f"trail_ppm {m.trail_ppm} must be above 0 and below 1,000,000 (100 %)"
    elif trails:
        return not_allowed, f"a {m.type} order does not trail; make it a trailing_stop_market order"
    if m.post_only and (m.type != OrderType.LIMIT or m.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)):
        return not_allowed, "post_only is for limit orders that may rest (DAY, GTC or GTD)"
    if m.display_quantity is not None:
        shown = m.display_quantity
        if m.type not in (OrderType.LIMIT, OrderType.STOP_LIMIT):
            return not_allowed, f"display_quantity is for limit orders; a {m.type} order shows nothing"
        if shown <= 0 or shown % instrument.lot_size or shown > m.quantity:
            return Reason.QUANTITY_OFF_LOT, f"display_quantity {plain_micros(shown)} is no whole lots of it"
        if m.quantity > SLICES_MAX * shown:
            return not_allowed, f"more than {SLICES_MAX} slices; show at least {plain_micros(m.quantity // SLICES_MAX)}"
    if m.time_in_force == TimeInForce.GTD:
        if m.expire_ns is None or m.expire_ns <= now:
            return not_allowed, "a GTD order needs expire_ns, a time that is still to come"
    elif m.expire_ns is not None:
        return not_allowed, f"expire_ns is for GTD orders; this one is {m.time_in_force}"
    if m.time_in_force in (TimeInForce.AT_THE_OPEN, TimeInForce.AT_THE_CLOSE):
        if m.type not in (OrderType.MARKET, OrderType.LIMIT):
            return not_allowed, f"only market and limit orders can be {m.time_in_force}"
        if m.display_quantity is not None or m.post_only:
            return not_allowed, f"an order {m.time_in_force} has no queue to show itself in; leave the instruction out"
    if m.parent and m.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return not_allowed, "a child order waits for its parent, so it cannot be IOC or FOK"
    return None


def in_words(engine: Engine, code: int, k: int, account: Account) -> Refusal:
    """A refusal of the kernel as reason and sentence."""
    instrument, limits = engine.instruments[k], account.limits
    a, b = (int(n) for n in engine._book.room[[at.R_A, at.R_B]])
    name = instrument.symbol
    if code == at.F_COUNT:
        worth = instrument.notional(b, a)
        return (
            Reason.QUANTITY_TOO_LARGE,
            f"{name} held and asked for would be worth {format_micros(worth)}; the room counts up to "
            f"{format_micros(at.MOST_MONEY)}; send a smaller quantity",
        )
    if code == at.F_WORKING:
        return Reason.TOO_MANY_WORKING_ORDERS, f"{a} orders are working; cancel some first"
    if code == at.F_NOTIONAL:
        most = format_micros(limits.max_order_notional)
        return Reason.QUANTITY_TOO_LARGE, f"the order is worth {format_micros(a)}, the limit is {most}"
    if code == at.F_SHORT:
        return (
            Reason.SHORT_NOT_ALLOWED,
            f"you hold {instrument.quantity_text(account.positions[k])} {name} and can sell "
            f"{instrument.quantity_text(a)} more; this account may not sell short",
        )
    if code == at.F_LOCATE:
        return Reason.NO_LOCATE, f"only {instrument.quantity_text(a)} {name} are left to borrow here; sell fewer"
    if code == at.F_REDUCE:
        return (
            Reason.NOTHING_TO_REDUCE,
            f"reduce_only: {instrument.quantity_text(a)} {name} can be reduced on this side; send no more than that",
        )
    if code == at.F_CONCENTRATION:
        return (
            Reason.CONCENTRATION_LIMIT,
            f"{name} would be worth {format_micros(a)}; the limit is {limits.concentration_ppm / 10_000:g} % of NAV, "
            f"{format_micros(b)}",
        )
    return (
        Reason.INSUFFICIENT_BUYING_POWER,
        f"the order ties up {format_micros(a)} {account.currency}, buying power is {format_micros(b)}",
    )


def range_refusal(instrument: Instrument, prices: tuple[int | None, ...], reference: int) -> Refusal | None:
    """Refuse a price (ticks) so far from the market, or so high, that it must be a slip."""
    for price in prices:
        if price and price > MAX_PRICE_TICKS:
            return (
                Reason.PRICE_OUT_OF_RANGE,
                f"price {instrument.price_text(price)} is above {instrument.price_text(MAX_PRICE_TICKS)}, the highest "
                "this venue counts; check the decimal point",
            )
        if price and reference and not reference <= price * PRICE_RANGE <= reference * PRICE_RANGE**2:
            return (
                Reason.PRICE_OUT_OF_RANGE,
                f"price {instrument.price_text(price)} is more than {PRICE_RANGE} times away from the market at "
                f"{instrument.price_text(reference)}; check the decimal point",
            )
    return None


def collar(limits: RiskLimits, side: int, price: int) -> int:
    """Worst price (ticks) a market buy may trade at; 0, for none, for sells and where the account has no limits."""
    if not limits.enabled or side != Side.BUY:
        return 0
    return price - (-price * limits.collar_ppm // MICRO)


def worst_price(limits: RiskLimits, side: int, limit: int | None, stop: int | None, reference: int) -> int:
    """The worst price (ticks) an order may trade at: its limit, or the collar; 0 for none."""
    if limit is not None:
        return limit
    if stop is not None:
        reference = max(stop, reference) if side == Side.BUY else min(stop, reference or stop)
    return collar(limits, side, reference) if reference else 0
