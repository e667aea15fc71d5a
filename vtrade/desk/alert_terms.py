"""Of what can an owner of a desk be told? The terms of an alert, as a value and as a sentence.

Rules: an alert names one condition on one symbol; what makes no sense is one error that names the field. Terms are
plain numbers in whole units, so that they can be kept, shown and read back.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, Final, NamedTuple

import msgspec

from vtrade.domain.instruments import Instrument
from vtrade.errors import DeskError
from vtrade.execution.explain import units_text
from vtrade.market.dtype import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS

WINDOW_S_MAX: Final = 366 * 86_400
CHANGE_PCT_MAX: Final = 10_000.0
TRAILING_PCT_MAX: Final = 99.0


class Kind(NamedTuple):
    """What an alert waits for: its words, the unit of its number, and whether it looks back over a window."""

    label: str
    unit: str
    window: str
    """``none``, ``may`` or ``must``."""


KINDS: Final[dict[str, Kind]] = {
    "above": Kind("Price at or above", "price", "none"),
    "below": Kind("Price at or below", "price", "none"),
    "crosses": Kind("Price crosses", "price", "none"),
    "change": Kind("Change", "percent", "may"),
    "volume": Kind("Volume", "units", "must"),
    "trailing": Kind("Falls from its high", "percent", "none"),
}


class AlertError(DeskError):
    """Terms that make no sense; ``field`` names the one at fault."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of an alert.

    Attributes
    ----------
    id : int
        Its number on this desk.
    symbol : str
        As it was set; what it is called now is the desk's to know.
    kind : str
        One of ``KINDS``.
    value : float
        A price; percent (negative: down); or units.
    window_s : float
        Simulated seconds that a change or a volume is looked at over; 0 is since the open of the session.
    once : bool
        Whether it rests after it told.
    since_ns : int
        From when on, simulated.
    """

    id: int
    symbol: str
    kind: str
    value: float
    window_s: float = 0.0
    once: bool = True
    since_ns: int = 0

    @property
    def terms(self) -> tuple[Any, ...]:
        """What makes two alerts the same."""
        return self.symbol, self.kind, self.value, self.window_s, self.once


def checked(alert: Alert, instrument: Instrument) -> Alert:
    """The alert, if it makes sense for an instrument.

    Raises
    ------
    AlertError
        Naming the field at fault.
    """
    kind = KINDS.get(alert.kind) if isinstance(alert.kind, str) else None
    if kind is None:
        raise AlertError(f"an alert cannot wait for {alert.kind!r}; choose one of {', '.join(KINDS)}", field="kind")
    value = number(alert.value, f"{kind.label.lower()}", field="value")
    window = number(alert.window_s, "the window", field="window_s")
    least = instrument.price(1)
    match alert.kind:
        case "above" | "below" | "crosses":
            if not least <= value <= instrument.price(MAX_PRICE_TICKS):
                raise AlertError(f"the price {value:g} is none of {alert.symbol}; give one above 0", field="value")
            value = round(value, 6)
        case "change":
            if not 0 < abs(value) <= CHANGE_PCT_MAX or value <= -100:
                raise AlertError(
                    f"a change of {value:g} % cannot be waited for; give one such as 2 or -2", field="value"
                )
        case "volume":
            if not 0 < value <= instrument.quantity(MAX_QUANTITY_LOTS):
                raise AlertError(f"{value:g} units are no volume; give a number above 0", field="value")
        case _:
            if not 0 < value <= TRAILING_PCT_MAX:
                raise AlertError(
                    f"a fall of {value:g} % cannot be waited for; give one above 0 and at most {TRAILING_PCT_MAX:g}",
                    field="value",
                )
    if kind.window == "none":
        window = 0.0
    elif window < 0 or window > WINDOW_S_MAX or (kind.window == "must" and window == 0):
        raise AlertError(f"a window of {window:g} s cannot be looked at; give one such as 60", field="window_s")
    return msgspec.structs.replace(alert, value=value, window_s=window)


def number(value: Any, what: str, *, field: str) -> float:
    """A finite number, also one that was typed.

    Raises
    ------
    AlertError
        If it is none.
    """
    if value is None or value == "":
        raise AlertError(f"{what}: the number is missing", field=field)
    if not isinstance(value, bool) and isinstance(value, numbers.Real | str):
        try:
            plain = float(value)
        except (ValueError, OverflowError):
            plain = math.nan
        if math.isfinite(plain):
            return plain
    raise AlertError(f"{what}: {value!r:.40} is not a number", field=field)


def price_text(value: float, instrument: Instrument) -> str:
    """A price with the decimals of its instrument, or more where it has more."""
    text = f"{value:,.6f}".rstrip("0")
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<{instrument.price_decimals}}" if decimals or instrument.price_decimals else whole


def span_text(seconds: float) -> str:
    """A window in words.

    Examples
    --------
    >>> span_text(90), span_text(300), span_text(7200), span_text(86400)
    ('90 s', '5 min', '2 h', '1 day')
    """
    for size, word in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count:,} {word}{'s' if word == 'day' and count > 1 else ''}"
    return f"{seconds:,g} s"


def words(alert: Alert, instrument: Instrument) -> str:
    """What an alert waits for, as the end of a sentence that begins "tells you when".

    Examples
    --------
    >>> acme = Instrument.make("ACME")
    >>> words(Alert(id=1, symbol="ACME", kind="above", value=101.5), acme)
    'ACME trades at or above 101.50'
    >>> words(Alert(id=1, symbol="ACME", kind="change", value=-2.0, window_s=300.0), acme)
    'ACME falls by 2 % or more within 5 min'
    """
    symbol = instrument.symbol
    match alert.kind:
        case "above" | "below":
            return f"{symbol} trades at or {alert.kind} {price_text(alert.value, instrument)}"
        case "crosses":
            return f"{symbol} crosses {price_text(alert.value, instrument)}, from either side"
        case "change":
            verb = "rises" if alert.value > 0 else "falls"
            span = f"within {span_text(alert.window_s)}" if alert.window_s else "since the open"
            return f"{symbol} {verb} by {abs(alert.value):g} % or more {span}"
        case "volume":
            return f"{units_text(alert.value)} {symbol} or more trade within {span_text(alert.window_s)}"
        case _:
            return f"{symbol} falls {alert.value:g} % or more from its high since now"


def sentence(alert: Alert, instrument: Instrument) -> str:
    """What an alert will do.

    Examples
    --------
    >>> sentence(Alert(id=1, symbol="ACME", kind="crosses", value=99.0, once=False), Instrument.make("ACME"))
    'Tells you every time when ACME crosses 99.00, from either side.'
    """
    return f"Tells you {'' if alert.once else 'every time '}when {words(alert, instrument)}."
