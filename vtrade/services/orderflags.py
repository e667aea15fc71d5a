"""What do the flags of an order say, beyond its type, prices and quantity?

Rules: flags are ``name`` or ``name=value``, parted by semicolons; numbers are whole units, as in the other columns. The
same words come out of :func:`flags_text`, so that a table of orders can be sent again.

====================== ===============================================================================================
flag                   meaning
====================== ===============================================================================================
``post_only``          rejected where it would trade at once
``reduce_only``        never makes a position larger
``display_quantity=Q`` an iceberg shows so many units at a time
``trail=P``            a trailing stop follows at this distance, in money
``trail_bps=B``        the same, in basis points of the price
``expire_ns=T``        when a GTD order expires, on the clock of ``ts_ns``
``oco=NAME``           orders of an account with the same name share their quantity: a fill of one lowers the others
``parent=ID``          ``client_order_id`` of the order whose fills bring this one to life
====================== ===============================================================================================
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import OrderTerms
from vtrade.domain.values import MICRO, plain_micros, to_micros
from vtrade.errors import ValueOffGrid

PPM_PER_BPS: Final = 100
MARKS: Final = ("post_only", "reduce_only")
"""Flags that stand alone."""
NUMBERS: Final = ("display_quantity", "trail", "trail_bps")
WORDS: Final = ("oco", "parent")
FLAGS: Final = (*MARKS, *NUMBERS, "expire_ns", *WORDS)
"""Every flag."""


class BadFlag(ValueOffGrid):
    """A flag that is none; the message says why, without naming the cell."""


def read_flags(text: str) -> dict[str, Any]:
    """Flags as fields of :class:`~vtrade.domain.messages.SubmitOrder`.

    Raises
    ------
    BadFlag
        If a flag is unknown, is there twice, or has a value that cannot be read.

    Examples
    --------
    >>> read_flags("post_only; display_quantity=100")
    {'post_only': True, 'display_quantity': 100000000}
    >>> read_flags("trail_bps=50")
    {'trail_ppm': 5000}
    """
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in FLAGS:
            near = difflib.get_close_matches(name, FLAGS, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = f"the flags are {', '.join(FLAGS)}, parted by semicolons"
            raise BadFlag(f"has the unknown flag {name!r}; {hint}{known}")
        if name in MARKS and equals:
            raise BadFlag(f"gives {name} the value {value!r}; it takes none: write {name} alone, or leave it out")
        if name not in MARKS and not value:
            raise BadFlag(f"gives {name} no value; write {name}=...")
        field = "trail_ppm" if name == "trail_bps" else name
        if field in found:
            raise BadFlag(f"names {name} twice; drop one")
        found[field] = _value(name, value)
    return found


def _value(name: str, text: str) -> Any:
    if name in MARKS:
        return True
    if name in WORDS:
        return text
    if name == "expire_ns":
        if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 2**63:
            raise BadFlag(f"has expire_ns={text}, which is not a whole number of nanoseconds")
        return int(text)
    try:
        return ppm_of_bps(text) if name == "trail_bps" else to_micros(text, what=name)
    except ValueOffGrid as error:
        raise BadFlag(f"has a {error}") from None


def ppm_of_bps(bps: Any) -> int:
    """Basis points of a trailing distance as millionths of the price.

    Examples
    --------
    >>> ppm_of_bps("0.5")
    50
    """
    ppm, rest = divmod(to_micros(bps, what="trail_bps") * PPM_PER_BPS, MICRO)
    if rest:
        raise ValueOffGrid(f"trail_bps {bps} is finer than 0.01; round it")
    return ppm


def terms_as_flags(terms: OrderTerms, instrument: Instrument) -> Mapping[str, str]:
    """What an order asks for, flag by flag, as text in whole units; ``""`` for a flag that stands alone.

    Examples
    --------
    >>> dict(terms_as_flags(OrderTerms(post_only=True, display_quantity=100), Instrument.make("ACME")))
    {'post_only': '', 'display_quantity': '100'}
    """
    shown = terms.display_quantity
    told = {
        "post_only": "" if terms.post_only else None,
        "reduce_only": "" if terms.reduce_only else None,
        "display_quantity": plain_micros(shown * instrument.lot_size) if shown else None,
        "trail": plain_micros(terms.trail * instrument.tick_size) if terms.trail else None,
        "trail_bps": plain_micros(terms.trail_ppm * MICRO // PPM_PER_BPS) if terms.trail_ppm else None,
        "expire_ns": str(terms.expire_ns) if terms.expire_ns else None,
        "oco": terms.oco or None,
        "parent": terms.parent or None,
    }
    return {name: text for name, text in told.items() if text is not None}


def flags_text(terms: OrderTerms, instrument: Instrument) -> str:
    """What an order asks for, as a cell of an order file.

    Examples
    --------
    >>> flags_text(OrderTerms(trail_ppm=5_000, oco="exits"), Instrument.make("ACME"))
    'trail_bps=50;oco=exits'
    """
    return ";".join(f"{name}={text}" if text else name for name, text in terms_as_flags(terms, instrument).items())
