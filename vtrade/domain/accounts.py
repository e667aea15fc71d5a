"""Who trades, with how much money, inside which limits?"""

from __future__ import annotations

from typing import Self

import msgspec

from vtrade.domain import display
from vtrade.domain.values import MICRO, Number, divide, plain_micros, to_micros
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

    def _facts(self) -> dict[str, str]:
        if not self.enabled:
            return {"limits": "none: a study, where nothing is denied for lack of money"}
        borrows = self.initial_margin_ppm < MICRO
        return {
            "an order": ", ".join(
                text for text in (
                    f"at most {display.units(self.max_order_quantity / MICRO)} units",
                    f"at most {display.number(self.max_order_notional / MICRO)} of money"
                    if self.max_order_notional
                    else "",
                ) if text
            ),
            "one instrument": f"at most {_percent(self.concentration_ppm)} of NAV",
            "working orders": f"at most {self.max_working_orders:,}",
            "short sales": "allowed" if self.allow_short else "not allowed",
            "account": f"on margin, leverage up to {display.units(round(MICRO / self.initial_margin_ppm, 2))} x"
            if borrows
            else "cash, nothing is borrowed",
            "margin kept": f"{_percent(self.maintenance_margin_ppm)} of longs" if borrows else "",
            "margin of shorts": f"{_percent(self.short_margin_ppm)} to open, "
            f"{_percent(self.short_maintenance_ppm)} kept"
            if self.allow_short
            else "",
            "borrowed money": f"{_percent(self.margin_rate_ppm)} a year" if self.margin_rate_ppm else "",
            "margin call": f"{self.margin_call_s:,} s to meet it" if self.on_margin else "",
            "market buys": f"reserve up to {_percent(self.collar_ppm)} above the reference price",
        }  # fmt: skip

    def __repr__(self) -> str:
        told = self._facts()
        if not self.enabled:
            return "RiskLimits(none: a study)"
        return display.called(
            "RiskLimits", told["account"], f"short sales {told['short sales']}",
            f"{told['one instrument']} in one instrument", f"an order {told['an order']}",
            f"{told['working orders']} working orders",
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return display.html([display.facts(self._facts(), title="Risk limits")])

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


def _percent(ppm: int) -> str:
    return f"{plain_micros(ppm * 100)} %"


NO_LIMITS = RiskLimits(enabled=False)
"""Limits of a study: nothing is denied for lack of money."""
