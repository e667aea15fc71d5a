"""At what does somebody look? Which instrument, how deep, which bars: the choices a panel makes, not the market's.

Rules: every choice has a bound; a choice that cannot be is one error that names it, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from vtrade.desk import checks
from vtrade.desk.names import names_of
from vtrade.desk.sections import chart_bars, listing, watch
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

LEVELS_MAX: Final = 100
BARS_MAX: Final = 5_000
PRINTS_MAX: Final = 500


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a viewer chose to see.

    Attributes
    ----------
    symbol : str
        Instrument; the first of the desk where it is empty or unknown.
    levels, bars, prints : int
        How many price levels a side, bars, and prints.
    bar_s : int
        Seconds of a bar.
    indicators : tuple of str
        Such as ``"sma:20"``.
    story : str
        ``client_order_id`` of the order whose explanation is open.
    board : {"xp", "nav"}
        Standings by.
    exposure : {"sector", "asset_class", "instrument"}
        Exposure by.
    watch_list, watch_find : str
        Which watchlist, and what is looked for in it.
    watch_sort : str
        Column the market watch is sorted by; the order of the list where it is empty.
    watch_down : bool
        Largest first.
    watch_from, watch_rows : int
        Which of its rows are in sight.
    news_rows : int
        Headlines.
    blotter_state, blotter_symbol, blotter_side, blotter_text : str
        Which orders and fills are listed: of a state (see :data:`vtrade.desk.sections.listing.STATES`), of a symbol, of
        a side, and those whose words hold a text.
    blotter_rows : int
        Rows of a page of such a list.
    orders_from, fills_from : int
        Rows before the page.
    least_print : float
        Prints of at least so many units are shown.
    orders_sort, fills_sort : str
        Column it is sorted by, with a minus in front the other way round; the newest first without one.
    """

    symbol: str = ""
    levels: int = 10
    bars: int = 300
    bar_s: int = 60
    indicators: tuple[str, ...] = ()
    prints: int = 60
    least_print: float = 0.0
    story: str = ""
    board: str = "xp"
    exposure: str = "sector"
    watch_list: str = "All"
    watch_find: str = ""
    watch_sort: str = ""
    watch_down: bool = False
    watch_from: int = 0
    watch_rows: int = 40
    news_rows: int = 5
    blotter_state: str = "all"
    blotter_symbol: str = ""
    blotter_side: str = ""
    blotter_text: str = ""
    blotter_rows: int = 60
    orders_from: int = 0
    orders_sort: str = ""
    fills_from: int = 0
    fills_sort: str = ""

    def checked(self) -> Self:
        """The look, if all of it can be.

        Raises
        ------
        DeskError
            Naming what cannot.
        """
        for name, most in (("levels", LEVELS_MAX), ("bars", BARS_MAX), ("prints", PRINTS_MAX)):
            if checks.count(getattr(self, name), name) > most:
                raise DeskError(f"{getattr(self, name)} {name} are more than the {most} that a panel can show")
        checks.count(self.bar_s, "seconds of a bar")
        for name, known in (("board", ("xp", "nav")), ("exposure", ("sector", "asset_class", "instrument"))):
            if getattr(self, name) not in known:
                raise DeskError(f"{name} {getattr(self, name)!r} is unknown; choose one of {', '.join(known)}")
        if not 0 <= self.least_print <= 1e15:
            raise DeskError(f"prints of at least {self.least_print!r} units cannot be looked for; give 0 or more")
        chart_bars.check_look(self)
        listing.check_look(self)
        watch.check_look(self)
        checks.count(self.news_rows, "headlines")
        return self

    def changed(self, changes: Mapping[str, Any]) -> Look:
        """A look with other choices.

        Examples
        --------
        >>> Look(symbol="ACME").changed({"bar_s": 300}).bar_s
        300
        >>> Look().changed({"bar_s": "soon"})
        Traceback (most recent call last):
            ...
        vtrade.errors.DeskError: a panel cannot look at {'bar_s': 'soon'}: Expected `int`, got `str` - at `$.bar_s`
        """
        try:
            return msgspec.convert({**msgspec.to_builtins(self), **changes}, Look).checked()
        except (msgspec.ValidationError, UnicodeError) as error:
            raise DeskError(f"a panel cannot look at {dict(changes)!r}: {error}") from None

    def index(self, desk: Desk) -> int:
        """Number of the instrument looked at."""
        return names_of(desk).index(desk, self.symbol) or 0
