"""May this order go to the venue? Pre-trade checks, reserved buying power and the words of a refusal.

Rules: a check returns ``None`` or a reason with a sentence that names the value and the mend; it changes nothing. A buy
reserves the most it can cost: its limit, or for a market order the collar that the venue then keeps to, plus fees. So
cash cannot become negative by a fill.
"""

from __future__ import annotations

from typing import Final

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Reason, Side
from vtrade.domain.values import MICRO, divide, format_micros, plain_micros
from vtrade.market.dtype import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS

Refusal = tuple[Reason, str]

PRICE_RANGE: Final = 10
"""A price more than this many times above or below the market is taken for a slip of the finger."""

MOST_MONEY: Final = 2**58
"""Micro-units that an account may hold and ask for in one instrument: sums must stay within 64 bits."""

UNKNOWN_PRICE: Final = 1_000_000
"""Ticks by which an order is measured while there is no price at all."""

SHORT_REQUIREMENT_PPM: Final = 1_500_000
"""Share of a short position's value that must stay in the account: Regulation T asks for 150 %."""


class Account:
    """What risk and matching know of an account: cash, what is reserved, positions, and its order ids.

    ``positions``, ``buying`` and ``selling`` count lots of each instrument: held, and asked for by working orders.
    """

    __slots__ = ("buying", "cash", "currency", "ids", "index", "limits", "name", "positions", "reserved", "selling",
                 "working")  # fmt: skip

    def __init__(self, name: str, index: int, cash: int, currency: str, limits: RiskLimits, instruments: int) -> None:
        self.name = name
        self.index = index
        self.cash = cash
        self.currency = currency
        self.limits = limits
        self.reserved = 0
        self.positions = [0] * instruments
        self.buying = [0] * instruments
        self.selling = [0] * instruments
        self.working = 0
        self.ids: dict[str, object] = {}

    def nav(self, marks: list[int], instruments: tuple[Instrument, ...]) -> int:
        """Cash and positions at the marks, micro-units."""
        total = self.cash
        for k, lots in enumerate(self.positions):
            if lots:
                total += marks[k] * lots * instruments[k].tick_value
        return total

    def buying_power(self, marks: list[int], instruments: tuple[Instrument, ...]) -> int:
        """Cash that is neither reserved nor tied up as cover for short positions, held or asked for, micro-units."""
        tied = 0
        for k, lots in enumerate(self.positions):
            if lots < 0:
                tied -= marks[k] * lots * instruments[k].tick_value * SHORT_REQUIREMENT_PPM
            uncovered = self.selling[k] - max(0, lots)
            if uncovered > 0:  # its proceeds will pay for the rest
                tied += marks[k] * uncovered * instruments[k].tick_value * (SHORT_REQUIREMENT_PPM - MICRO)
        return self.cash - self.reserved - divide(tied, MICRO)


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


def reserve(instrument: Instrument, side: int, worst: int, lots: int) -> int:
    """Micro-units a working order ties up: what it can cost at its worst price (ticks), fees included.

    Each fill rounds its own fee, what is left of the reserve rounds again, and every lot may be a fill of its own: two
    micro-units a lot cover that. A sell costs something only where its fees
    are more than its proceeds; without a worst price that is measured at one tick.
    """
    if not lots:
        return 0
    price = worst or 1
    fees = instrument.fees
    rounded = (
        (fees.per_unit * instrument.lot_size) % MICRO > 0,
        (fees.per_notional_ppm * instrument.tick_value) % MICRO > 0,
        (fees.per_contract * instrument.lot_size) % MICRO > 0,
    )
    charged = instrument.fee(price, lots) + 2 * sum(rounded) * lots
    return max(0, instrument.notional(price, lots) * side + charged)


def count_refusal(account: Account, instrument: Instrument, k: int, lots: int, price: int) -> Refusal | None:
    """Refuse what would make an account's money too large to count, limits or not."""
    all_lots = abs(account.positions[k]) + account.buying[k] + account.selling[k] + lots
    worth = instrument.notional(price or UNKNOWN_PRICE, all_lots)
    if worth <= MOST_MONEY:
        return None
    return (
        Reason.QUANTITY_TOO_LARGE,
        f"{instrument.symbol} held and asked for would be worth {format_micros(worth)}; the room counts up to "
        f"{format_micros(MOST_MONEY)}; send a smaller quantity",
    )


def money_refusal(
    account: Account,
    instruments: tuple[Instrument, ...],
    marks: list[int],
    *,
    k: int,
    side: int,
    lots: int,
    worst: int,
    reference: int,
) -> Refusal | None:
    """Check cash, size, concentration and shorting for ``lots`` more of instrument ``k``.

    ``worst`` (ticks) is the price at which a buy reserves, ``reference`` the market.
    """
    limits = account.limits
    instrument = instruments[k]
    if account.working >= limits.max_working_orders:
        return Reason.TOO_MANY_WORKING_ORDERS, f"{account.working} orders are working; cancel some first"
    notional = instrument.notional(reference, lots)
    if limits.max_order_notional and notional > limits.max_order_notional:
        return (
            Reason.QUANTITY_TOO_LARGE,
            f"the order is worth {format_micros(notional)}, the limit is {format_micros(limits.max_order_notional)}",
        )
    held = account.positions[k]
    if side == Side.BUY:
        after = held + account.buying[k] + lots
    else:
        after = held - account.selling[k] - lots
        if after < 0 and not limits.allow_short:
            free = max(0, held - account.selling[k])
            return (
                Reason.SHORT_NOT_ALLOWED,
                f"you hold {instrument.quantity_text(held)} {instrument.symbol} and can sell "
                f"{instrument.quantity_text(free)} more; this account may not sell short",
            )
    needed = reserve(instrument, side, worst, lots)
    if side == Side.SELL and after < 0:
        uncovered = min(lots, -after)
        needed += divide(instrument.notional(reference, uncovered) * (SHORT_REQUIREMENT_PPM - MICRO), MICRO)
    if needed:
        power = account.buying_power(marks, instruments)
        covered = min(lots, -held - account.buying[k]) if side == Side.BUY else 0
        if covered > 0:  # buying back sets the cover of the short position free, but never spends more than the cash
            power += divide(instrument.notional(marks[k], covered) * SHORT_REQUIREMENT_PPM, MICRO)
            free = account.cash - account.reserved
            power = free if covered == lots else min(power, free)
        if needed > power:
            return (
                Reason.INSUFFICIENT_BUYING_POWER,
                f"the order ties up {format_micros(needed)} {instrument.currency}, "
                f"buying power is {format_micros(power)}",
            )
    grows = abs(after) > abs(held)
    if grows and limits.concentration_ppm < MICRO:
        value = instrument.notional(reference, abs(after))
        most = divide(account.nav(marks, instruments) * limits.concentration_ppm, MICRO)
        if value > most:
            return (
                Reason.CONCENTRATION_LIMIT,
                f"{instrument.symbol} would be worth {format_micros(value)}; the limit is "
                f"{limits.concentration_ppm / 10_000:g} % of NAV, {format_micros(most)}",
            )
    return None
