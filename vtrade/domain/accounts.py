"""Who trades, with how much money, inside which limits?"""

from __future__ import annotations

import msgspec

from vtrade.domain.values import MICRO


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


NO_LIMITS = RiskLimits(enabled=False)
"""Limits of a study: nothing is denied for lack of money."""
