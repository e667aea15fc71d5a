"""Who trades, with how much money, inside which limits?"""

from __future__ import annotations

from typing import Self

import msgspec

from vtrade.domain.values import MICRO, Number, divide, to_micros
from vtrade.errors import ValueOffGrid


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Pre-trade limits of an account; ``enabled=False`` lifts all of them, for studies.

    Attributes
    ----------
    concentration_ppm : int
        Largest share of NAV one instrument may reach by buying, in millionths (250_000 = 25 %).
    max_order_notional : int
        Micro-units of money one order may ask for; 0 means no limit.
    max_order_quantity : int
        Micro-units of quantity one order may ask for.
    max_working_orders : int
    allow_short : bool
    collar_ppm : int
        A market buy reserves, and never pays, more than the reference price plus this share of it.
    """

    enabled: bool = True
    concentration_ppm: int = 250_000
    max_order_notional: int = 0
    max_order_quantity: int = 1_000_000 * MICRO
    max_working_orders: int = 1_000
    allow_short: bool = False
    collar_ppm: int = 100_000
    initial_margin_ppm: int = MICRO
    maintenance_margin_ppm: int = 250_000
    short_margin_ppm: int = 500_000
    short_maintenance_ppm: int = 300_000
    margin_rate_ppm: int = 0
    margin_call_s: int = 3_600

    def __post_init__(self) -> None:
        for name in ("initial_margin_ppm", "maintenance_margin_ppm", "short_margin_ppm", "short_maintenance_ppm"):
            if not 10_000 <= getattr(self, name) <= 10 * MICRO:
                raise ValueOffGrid(f"{name} {getattr(self, name)} must be from 10,000 (1 %) to 10,000,000 millionths")
        if self.maintenance_margin_ppm > self.initial_margin_ppm or self.short_maintenance_ppm > self.short_margin_ppm:
            raise ValueOffGrid("maintenance margin is above initial margin: an order would be called when it fills")

    @property
    def on_margin(self) -> bool:
        """Whether the account may borrow, money or shares, so that its margin is watched."""
        return self.initial_margin_ppm < MICRO or self.allow_short

    @classmethod
    def make(
        cls, *, concentration: Number = "0.25", max_order_notional: Number = 0, max_order_quantity: Number = 1_000_000,
        leverage: Number = 1, allow_short: bool = False, **others: object,
    ) -> Self:  # fmt: skip
        """Build from a person's numbers: shares of one, whole units of money and quantity.

        Examples
        --------
        >>> RiskLimits.make(leverage=2, allow_short=True).initial_margin_ppm
        500000
        """
        times = to_micros(leverage, what="leverage")
        if times < MICRO:
            raise ValueOffGrid(f"leverage {leverage} must be 1 (a cash account) or more")
        initial = divide(MICRO * MICRO, times)
        others.setdefault("maintenance_margin_ppm", min(250_000, initial))
        return cls(
            concentration_ppm=to_micros(concentration, what="concentration"),
            max_order_notional=to_micros(max_order_notional, what="max_order_notional"),
            max_order_quantity=to_micros(max_order_quantity, what="max_order_quantity"),
            allow_short=allow_short,
            initial_margin_ppm=initial,
            **others,  # type: ignore[arg-type]
        )


NO_LIMITS = RiskLimits(enabled=False)
"""Limits of a study: nothing is denied for lack of money."""
