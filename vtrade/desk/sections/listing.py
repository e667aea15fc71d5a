"""Which orders and fills of this account stand on a page of the list, out of thousands?

Rules: what was filed once is not read again: each look costs as many steps as orders are working, and a page as many as
it has rows. Filters and sorting hold for all orders, not for those that are shown. Called under the room's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk import checks
from vtrade.domain.messages import Fill
from vtrade.domain.orders import Side, Status
from vtrade.errors import DeskError
from vtrade.execution.blotter import Blotter, Record

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

PAGE_ROWS_MAX: Final = 500
"""Rows of a page."""
SKIP_MAX: Final = 10_000_000
TEXT_MAX: Final = 80
"""Letters of a search."""
ROWS_MAX: Final = 2_000
"""Rows that are remembered, so that a page is not made anew each time."""
PAGES_MAX: Final = 8
"""Choices (of several viewers, and of several lists) whose answer is remembered."""
MATCHES_MAX: Final = 100_000
"""Orders whose answer to a search is remembered."""

REFUSED: Final = (Status.DENIED, Status.REJECTED)
STATES: Final[dict[str, Callable[[Record], bool]]] = {
    "all": lambda r: True,
    "working": lambda r: r.working,
    "filled": lambda r: r.filled > 0,
    "ended": lambda r: r.status in (Status.CANCELED, Status.EXPIRED),
    "refused": lambda r: r.status in REFUSED,
}
"""Which orders a filter lets through."""

Row = dict[str, Any]
Stamp = tuple[Any, ...]
Own = tuple[Record, Fill]
"""An order and one of its fills."""


def _price(r: Record) -> float:
    found = r.limit_price if r.limit_price is not None else r.stop_price
    return -1.0 if found is None else found


ORDER_SORTS: Final[dict[str, Callable[[Record], Any]]] = {
    "time": lambda r: r.facts[0].seq if r.facts else 0,
    "number": lambda r: r.order_id,
    "symbol": lambda r: r.symbol,
    "side": lambda r: r.side.name,
    "type": lambda r: str(r.type),
    "price": _price,
    "quantity": lambda r: r.quantity_units,
    "filled": lambda r: r.filled / r.quantity if r.quantity else -1.0,
    "avg_px": lambda r: -1.0 if r.avg_px is None else r.avg_px,
    "status": lambda r: (not r.working, str(r.status)),
}
FILL_SORTS: Final[dict[str, Callable[[Own], Any]]] = {
    "time": lambda own: own[1].seq,
    "number": lambda own: own[1].order_id,
    "symbol": lambda own: own[1].symbol,
    "side": lambda own: own[1].side.name,
    "price": lambda own: fill_px(own),
    "quantity": lambda own: fill_units(own),
    "value": lambda own: fill_px(own) * fill_units(own),
    "fee": lambda own: own[1].fee,
    "liquidity": lambda own: str(own[1].liquidity),
}
"""What a list can be sorted by; a minus before the name turns it round."""


def fill_px(own: Own) -> float:
    """Price of a fill, whole units."""
    record, fill = own
    return record.instrument.price(fill.last_px) if record.instrument else 0.0


def fill_units(own: Own) -> float:
    """Quantity of a fill, whole units."""
    record, fill = own
    return record.instrument.quantity(fill.last_qty) if record.instrument else 0.0


class Listing:
    """An account's orders and fills, filed as they come.

    Attributes
    ----------
    orders : list of Record
        Oldest first.
    working : dict of str to Record
        Those that something can still happen to.
    fills : list of (Record, Fill)
        In the order in which they happened.
    counts : dict of str to int
        Orders by filter.
    revision : int
        Grows with each change of an order.
    symbols : dict of str to None
        Of all orders.
    """

    def __init__(self, blotter: Blotter, account: str) -> None:
        self.blotter, self.account = blotter, account
        self.orders: list[Record] = []
        self.working: dict[str, Record] = {}
        self.fills: list[Own] = []
        self.counts: dict[str, int] = dict.fromkeys(STATES, 0)
        self.revision = 0
        self.rows: dict[str, tuple[Stamp, Row]] = {}
        self.symbols: dict[str, None] = {}
        self._fill_rows: dict[int, Row] = {}
        self._seen = 0
        self._heard: dict[str, tuple[int, int]] = {}
        self._ended: dict[str, int] = dict.fromkeys(STATES, 0)
        self._pages: dict[tuple[Any, ...], tuple[int, list[Any]]] = {}
        self._matches: dict[tuple[Any, ...], dict[str, bool]] = {}

    def refresh(self) -> Listing:
        """File what is new."""
        new = self._new()
        changed = bool(new)
        fills: list[Own] = []
        for record in (*self.working.values(), *new):
            facts, told = self._heard.get(record.client_order_id, (0, 0))
            if len(record.facts) == facts and record.working:
                continue
            changed = True
            fills += [(record, fill) for fill in record.fills[told:]]
            self._heard[record.client_order_id] = len(record.facts), len(record.fills)
        if not changed:
            return self
        self.fills += sorted(fills, key=lambda own: own[1].seq)
        self.working.update((record.client_order_id, record) for record in new)
        for record in [record for record in self.working.values() if not record.working]:
            del self.working[record.client_order_id], self._heard[record.client_order_id]
            for name, lets in STATES.items():
                self._ended[name] += lets(record)
        self.counts = {name: self._ended[name] + sum(map(lets, self.working.values())) for name, lets in STATES.items()}
        self.revision += 1
        return self

    def _new(self) -> list[Record]:
        """Orders of this account that were not filed yet, oldest first."""
        count = len(self.blotter.records) - self._seen
        if not count:
            return []
        self._seen += count
        newest = reversed(self.blotter.records.items())
        found = [record for _, ((owner, _), record) in zip(range(count), newest, strict=False) if owner == self.account]
        found.reverse()
        self.orders += found
        self.symbols.update((record.symbol, None) for record in found)
        return found

    def row(self, record: Record, now: Stamp, make: Callable[[Record], Row]) -> Row:
        """An order's row; made again only when a fact came, or when ``now`` (why it waits, its stop) changed."""
        stamp = len(record.facts), record.symbol, *now
        known = self.rows.get(record.client_order_id)
        if known is not None and known[0] == stamp:
            return known[1]
        if len(self.rows) >= ROWS_MAX:
            self.rows.clear()
        row = make(record)
        self.rows[record.client_order_id] = stamp, row
        return row

    def fill_row(self, own: Own, make: Callable[[Own], Row]) -> Row:
        """A fill's row, made once."""
        seq = own[1].seq
        row = self._fill_rows.get(seq)
        if row is None or row["symbol"] != own[0].symbol:
            if len(self._fill_rows) >= ROWS_MAX:
                self._fill_rows.clear()
            row = self._fill_rows[seq] = make(own)
        return row

    def page_of_orders(self, look: Look, words: Callable[[Record], str]) -> tuple[list[Record], int]:
        """The orders of the page looked at, and how many match in all."""
        choice = ("orders", look.blotter_state, look.blotter_symbol, look.blotter_side, look.blotter_text)
        source: list[Record] = self.orders
        if look.blotter_state == "working":
            source = list(self.working.values())
        if choice[1:] == ("all", "", "", "") and look.orders_sort in ("", "-time"):
            return _newest(source, look.orders_from, look.blotter_rows), len(source)

        def found() -> list[Record]:
            rows = self._matching(choice, source, look, words)
            return _sorted(rows, ORDER_SORTS, look.orders_sort)

        rows = self._remembered((*choice, look.orders_sort), found)
        return rows[look.orders_from : look.orders_from + look.blotter_rows], len(rows)

    def page_of_fills(self, look: Look, words: Callable[[Record], str]) -> tuple[list[Own], int]:
        """The fills of the page looked at, and how many match in all."""
        choice = ("fills", look.blotter_symbol, look.blotter_side, look.blotter_text)
        if choice[1:] == ("", "", "") and look.fills_sort in ("", "-time"):
            return _newest(self.fills, look.fills_from, look.blotter_rows), len(self.fills)

        def found() -> list[Own]:
            mine = {id(r) for r in self._matching(choice, self.orders, look, words, state="filled")}
            return _sorted([own for own in self.fills if id(own[0]) in mine], FILL_SORTS, look.fills_sort)

        rows = self._remembered((*choice, look.fills_sort), found)
        return rows[look.fills_from : look.fills_from + look.blotter_rows], len(rows)

    def _remembered(self, choice: tuple[Any, ...], find: Callable[[], list[Any]]) -> list[Any]:
        """The answer to a choice, until an order changes."""
        known = self._pages.pop(choice, None)
        if known is None or known[0] != self.revision:
            known = self.revision, find()
        self._pages[choice] = known
        while len(self._pages) > PAGES_MAX:
            del self._pages[next(iter(self._pages))]
        return known[1]

    def _matching(
        self, choice: tuple[Any, ...], source: Iterable[Record], look: Look, words: Callable[[Record], str], *,
        state: str = "",
    ) -> list[Record]:  # fmt: skip
        side = {"buy": Side.BUY, "sell": Side.SELL}.get(look.blotter_side)
        lets, text = STATES[state or look.blotter_state], look.blotter_text.lower()
        known = self._matches.setdefault(choice, {})
        while len(self._matches) > PAGES_MAX:
            del self._matches[next(iter(self._matches))]
        if len(known) > MATCHES_MAX:
            known.clear()

        def fits(r: Record) -> bool:
            return (
                lets(r) and (side is None or r.side == side) and look.blotter_symbol in ("", r.symbol)
                and (not text or text in words(r))
            )  # fmt: skip

        rows = []
        for record in source:
            fit = known.get(record.client_order_id)
            if fit is None:
                fit = fits(record)
                if not record.working:
                    known[record.client_order_id] = fit
            if fit:
                rows.append(record)
        return rows


def _newest(rows: list[Any], skip: int, count: int) -> list[Any]:
    """``count`` rows from the end, the last one first, after ``skip`` of them."""
    end = max(0, len(rows) - skip)
    return rows[max(0, end - count) : end][::-1]


def _sorted(rows: list[Any], keys: dict[str, Callable[[Any], Any]], sort: str) -> list[Any]:
    """Rows in the order asked for; the newest first without one, and among equals."""
    newest = rows[::-1]
    name = sort.removeprefix("-")
    return sorted(newest, key=keys[name], reverse=sort.startswith("-")) if name else newest


def check_look(look: Look) -> None:
    """Refuse what no list can show.

    Raises
    ------
    DeskError
        Naming it.
    """
    if checks.count(look.blotter_rows, "rows of a page") > PAGE_ROWS_MAX:
        raise DeskError(f"{look.blotter_rows} rows are more than the {PAGE_ROWS_MAX} of a page; turn pages instead")
    for name in ("orders_from", "fills_from"):
        if checks.count(getattr(look, name), name, least=0) > SKIP_MAX:
            raise DeskError(f"{name} {getattr(look, name)} is beyond any list; give 0 for its beginning")
    if len(look.blotter_text) > TEXT_MAX:
        raise DeskError(f"a search has at most {TEXT_MAX} letters; this one has {len(look.blotter_text)}")
    known: dict[str, Iterable[str]] = {
        "blotter_state": STATES, "blotter_side": ("", "buy", "sell"), "orders_sort": ("", *_both(ORDER_SORTS)),
        "fills_sort": ("", *_both(FILL_SORTS)),
    }  # fmt: skip
    for name, words in known.items():
        if getattr(look, name) not in words:
            raise DeskError(
                f"{name} {getattr(look, name)!r} is unknown; choose one of {', '.join(filter(None, words))}"
            )


def _both(sorts: Iterable[str]) -> list[str]:
    return [f"{sign}{name}" for name in sorts for sign in ("", "-")]


def listing(desk: Desk) -> Listing:
    """The listing of a desk, up to date; a desk that went back in time, or came back, begins a new one."""
    blotter = desk._room.blotter
    kept: Listing | None = vars(desk).get("_listing")
    if kept is None or kept.blotter is not blotter or kept.account != desk.account:
        kept = vars(desk)["_listing"] = Listing(blotter, desk.account)
    return kept.refresh()
