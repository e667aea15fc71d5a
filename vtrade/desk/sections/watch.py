"""What trades here, and how does it do? The market watch: lists, order, search, the rows in sight, their sparklines.

Rules: a panel gets the rows it shows and no others, so five hundred instruments cost as much as thirty. The order is
made anew once a second at most, so that rows do not jump under the pointer. A symbol that is kept in a list and that
nothing here is called any more is named, not dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vtrade.desk import checks
from vtrade.desk.names import names_of
from vtrade.desk.sections.market import change
from vtrade.desk.sections.sessions import Session, sessions_of
from vtrade.desk.watchlists import ALL, STARRED, watchlists_of
from vtrade.domain.instruments import Instrument
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

ORDER_S: Final = 1.0
"""An order by numbers that change is made anew that often."""
ORDERS_KEPT: Final = 16
"""Orders that are remembered: one for each way in which somebody looks."""
ROWS_MAX: Final = 120
"""Rows in sight, at most."""
FIND_CHARACTERS_MAX: Final = 60
SPARK_HIGH: Final = 100
"""Sparklines are drawn on a scale from 0 to this."""


class Order(NamedTuple):
    """Instruments of a list in the order in which they are shown."""

    made_ns: int
    lists_at: int
    instruments: tuple[Instrument, ...]
    ks: list[int]


def check_look(look: Look) -> None:
    """Refuse what a market watch cannot show."""
    if checks.count(look.watch_rows, "rows") > ROWS_MAX:
        raise DeskError(f"{look.watch_rows} rows are more than the {ROWS_MAX} that a market watch shows at once")
    checks.count(look.watch_from, "the first row", least=0)
    if look.watch_sort not in SORTS:
        raise DeskError(f"the market watch cannot be sorted by {look.watch_sort!r}; it can by {', '.join(SORTS[1:])}")
    if max(len(look.watch_find), len(look.watch_list)) > FIND_CHARACTERS_MAX:
        raise DeskError(f"what is looked for is longer than {FIND_CHARACTERS_MAX} characters; a few letters will do")


def symbols(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """One row per instrument."""
    return [_listing(desk, k) for k in range(len(desk.instruments))]


def _listing(desk: Desk, k: int) -> dict[str, Any]:
    i = desk.instruments[k]
    last = desk._room.engine.last(k)
    return {
        "symbol": i.symbol, "name": i.name, "sector": i.sector, "last": i.price(last) if last else None,
        "change_pct": change(desk, k)[1],
    }  # fmt: skip


def listed(desk: Desk, look: Look) -> list[dict[str, str]]:
    """What can be chosen: symbols and names, which hardly ever change."""
    return [{"symbol": i.symbol, "name": i.name} for i in desk.instruments]


def watch(desk: Desk, look: Look) -> dict[str, Any]:
    """What is listed: the lists, how many rows there are, and which symbols of a list nothing is called any more."""
    lists = watchlists_of(desk)
    gone = [] if look.watch_list == ALL else lists.gone(desk, look.watch_list)
    known = {name: len(lists.indices(desk, name)) + len(lists.gone(desk, name)) for name in lists.names()}
    return {
        "list": look.watch_list if look.watch_list in known else ALL,
        "lists": [{"name": ALL, "count": len(desk.instruments)}]
        + [{"name": name, "count": count} for name, count in known.items()],
        "total": len(_order(desk, look)), "gone": gone, "instruments": len(desk.instruments),
    }  # fmt: skip


def watch_rows(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """The rows in sight; ``starred`` tells whether one is in the list looked at, or in that of stars."""
    lists = watchlists_of(desk)
    starred = set(lists.indices(desk, look.watch_list if look.watch_list in lists.names() else STARRED))
    return [
        {"n": look.watch_from + n, **_row(desk, k, k in starred)} for n, k in enumerate(_in_sight(desk, look))
    ]  # fmt: skip


def sparks(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """Sparklines of the rows in sight: the shape of the session, from 0 to 100."""
    sessions = sessions_of(desk)
    rows = []
    for k in _in_sight(desk, look):
        session = sessions.of(desk, k)
        low, high = min([*session.points, session.base]), max([*session.points, session.base])
        span = (high - low) or 1
        shape = [round(SPARK_HIGH * (px - low) / span) if high > low else SPARK_HIGH // 2 for px in session.points]
        base = round(SPARK_HIGH * (session.base - low) / span) if high > low else SPARK_HIGH // 2
        rows.append({"symbol": desk.instruments[k].symbol, "points": shape, "base": base})
    return rows


def _row(desk: Desk, k: int, starred: bool) -> dict[str, Any]:
    i, engine = desk.instruments[k], desk._room.engine
    bid, _, ask, _ = engine.touch(k)
    last = engine.last(k)
    session = sessions_of(desk).of(desk, k)
    moved, percent = _moved(i, last, session)
    return {
        "symbol": i.symbol, "name": i.name, "sector": i.sector, "decimals": i.price_decimals,
        "was": names_of(desk).before(desk, k), "starred": starred,
        "last": i.price(last) if last else None, "change": moved, "change_pct": percent,
        "bid": i.price(bid) if bid else None, "ask": i.price(ask) if ask else None,
        "spread": i.price(ask - bid) if bid and ask else None, "spread_bps": _bps(bid, ask),
        "volume": i.quantity(session.volume), "low": i.price(session.low) if session.low else None,
        "high": i.price(session.high) if session.high else None,
        "year_low": i.price(session.year_low) if session.year_low else None,
        "year_high": i.price(session.year_high) if session.year_high else None,
        "status": "DELISTED" if is_delisted(desk, k) else engine.session(k),
    }  # fmt: skip


def _moved(i: Instrument, last: int, session: Session) -> tuple[float | None, float | None]:
    """Change of the session, in money and percent."""
    if not last or not session.base:
        return None, None
    return i.price(last - session.base), round(100 * (last - session.base) / session.base, 3)


def _bps(bid: int, ask: int) -> float | None:
    """Spread in basis points of the middle."""
    return round(20_000 * (ask - bid) / (ask + bid), 2) if bid and ask else None


def is_delisted(desk: Desk, k: int) -> bool:
    """Whether an instrument is no longer traded, as far as is known here."""
    return k in getattr(getattr(desk._room.engine, "venue", None), "delisted", ())


# --- order and search ----------------------------------------------------------------------------------------------


def _in_sight(desk: Desk, look: Look) -> list[int]:
    return _order(desk, look)[look.watch_from : look.watch_from + look.watch_rows]


def _order(desk: Desk, look: Look) -> list[int]:
    """Numbers of the instruments that are listed, in order."""
    kept: dict[tuple[Any, ...], Order] = vars(desk).setdefault("_watch_orders", {})
    key = (look.watch_list, look.watch_find, look.watch_sort, look.watch_down)
    now, at = desk._wiring.clock.monotonic_ns(), watchlists_of(desk).changes
    order = kept.get(key)
    if order is None or order.lists_at != at or order.instruments is not desk.instruments or (
        look.watch_sort in _MOVING and now - order.made_ns > ORDER_S * NS_PER_S
    ):  # fmt: skip
        if len(kept) >= ORDERS_KEPT:
            kept.clear()
        order = kept[key] = Order(now, at, desk.instruments, _ordered(desk, look))
    return order.ks


def _ordered(desk: Desk, look: Look) -> list[int]:
    lists = watchlists_of(desk)
    known = look.watch_list in lists.names()
    ks = lists.indices(desk, look.watch_list) if known else list(range(len(desk.instruments)))
    if look.watch_find.strip():
        ranks = {k: rank for k in ks if (rank := found(desk.instruments[k], look.watch_find)) is not None}
        ks = sorted(ranks, key=ranks.__getitem__)
    column = _STILL.get(look.watch_sort) or _MOVING.get(look.watch_sort)
    if column is None:
        return ks
    values = {k: column(desk, k) for k in ks}
    nothing = [k for k in ks if values[k] is None]
    return sorted((k for k in ks if values[k] is not None), key=values.__getitem__, reverse=look.watch_down) + nothing


def found(i: Instrument, words: str) -> int | None:
    """How well an instrument fits what somebody looks for: 0 best, ``None`` not at all.

    Examples
    --------
    >>> apple = Instrument.make("AAPL", name="Apple Inc")
    >>> found(apple, "aapl"), found(apple, "aa"), found(apple, "inc app"), found(apple, "ppl"), found(apple, "ai")
    (0, 1, 2, 3, 4)
    >>> found(apple, "pear")
    """
    symbol, wanted = i.symbol.casefold(), words.casefold().split()
    starts = i.name.casefold().replace("-", " ").replace("&", " ").split()
    if wanted == [symbol]:
        return 0
    if len(wanted) == 1 and symbol.startswith(wanted[0]):
        return 1
    if all(symbol.startswith(word) or any(start.startswith(word) for start in starts) for word in wanted):
        return 2
    if all(word in symbol or word in i.name.casefold() for word in wanted):
        return 3
    initials = "".join(start[0] for start in starts)
    return 4 if len(wanted) == 1 and len(wanted[0]) > 1 and initials.startswith(wanted[0]) else None


def _percent(desk: Desk, k: int) -> float | None:
    return _moved(desk.instruments[k], desk._room.engine.last(k), sessions_of(desk).of(desk, k))[1]


def _change(desk: Desk, k: int) -> float | None:
    return _moved(desk.instruments[k], desk._room.engine.last(k), sessions_of(desk).of(desk, k))[0]


def _last(desk: Desk, k: int) -> float | None:
    last = desk._room.engine.last(k)
    return desk.instruments[k].price(last) if last else None


def _volume(desk: Desk, k: int) -> float | None:
    return desk.instruments[k].quantity(sessions_of(desk).of(desk, k).volume)


def _spread(desk: Desk, k: int) -> float | None:
    bid, _, ask, _ = desk._room.engine.touch(k)
    return _bps(bid, ask)


_STILL: Final[dict[str, Callable[[Desk, int], Any]]] = {
    "symbol": lambda desk, k: desk.instruments[k].symbol,
    "name": lambda desk, k: desk.instruments[k].name.casefold() or None,
    "sector": lambda desk, k: desk.instruments[k].sector.casefold() or None,
}
_MOVING: Final[dict[str, Callable[[Desk, int], Any]]] = {
    "last": _last, "change": _change, "change_pct": _percent, "volume": _volume, "spread_bps": _spread,
}  # fmt: skip

SORTS: Final = ("", *_STILL, *_MOVING)
"""What a market watch can be sorted by; empty keeps the order of the list."""
