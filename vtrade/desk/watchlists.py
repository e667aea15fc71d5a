"""Which instruments does the owner of a desk keep an eye on? Named lists of symbols, kept with the preferences.

Rules: the list of everything is always there and is nobody's to change. Symbols stand as they were put in; what they
mean after a rename is asked of :mod:`vtrade.desk.names`. What was kept and makes no sense is passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.names import names_of
from vtrade.desk.preferences import WATCHLISTS, preferences_of
from vtrade.domain.display import called
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

ALL: Final = "All"
"""Everything that trades here."""
STARRED: Final = "Starred"
"""Where a star goes."""
LISTS_MAX: Final = 20
SYMBOLS_MAX: Final = 500
"""Of one list."""
NAME_CHARACTERS_MAX: Final = 40


class Watchlists:
    """The lists of a desk's owner.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7", account="somebody else")
    >>> lists = Watchlists(desk)
    >>> lists.names(), lists.symbols("Starred")
    (['Starred'], [])
    >>> desk.close_desk()
    """

    def __init__(self, desk: Desk) -> None:
        self._preferences = preferences_of(desk)
        self._read: Any = None
        self._lists: dict[str, list[str]] = {}

    def __repr__(self) -> str:
        return called("Watchlists", *(f"{name} ({len(symbols)})" for name, symbols in self._now().items()))

    @property
    def changes(self) -> int:
        """Grows whenever a list may have become another."""
        return self._preferences.changes

    def _now(self) -> dict[str, list[str]]:
        kept = self._preferences.get(WATCHLISTS)
        if kept is not self._read or not self._lists:
            rows = kept.items() if isinstance(kept, dict) else ()
            lists = {
                str(name): list(dict.fromkeys(s for s in symbols if isinstance(s, str)))[:SYMBOLS_MAX]
                for name, symbols in list(rows)[:LISTS_MAX]
                if isinstance(symbols, list) and name != ALL
            }
            self._lists, self._read = {STARRED: lists.pop(STARRED, []), **lists}, kept
        return self._lists

    def names(self) -> list[str]:
        """Names of the lists, without that of everything."""
        return list(self._now())

    def symbols(self, name: str) -> list[str]:
        """Symbols of a list, as they were put in."""
        return list(self._now().get(name, ()))

    def indices(self, desk: Desk, name: str) -> list[int]:
        """Numbers of the instruments of a list, in its order."""
        names = names_of(desk)
        return list(
            dict.fromkeys(k for s in self._now().get(name, ()) if (k := names.index(desk, s)) is not None)
        )  # fmt: skip

    def gone(self, desk: Desk, name: str) -> list[str]:
        """Symbols of a list that nothing here is called, or was."""
        names = names_of(desk)
        return [s for s in self._now().get(name, ()) if names.index(desk, s) is None]

    def put(self, desk: Desk, symbol: str, *, into: str = STARRED) -> bool:
        """Put a symbol into a list; whether it was not there."""
        lists, k = self._writable(into), names_of(desk).index(desk, symbol)
        if k is None:
            raise DeskError(f"{symbol!r} is not traded here; known: {', '.join(desk.symbols[:12])}")
        if k in self.indices(desk, into):
            return False
        if len(lists[into]) >= SYMBOLS_MAX:
            raise DeskError(f"list {into!r} has {SYMBOLS_MAX} symbols, which is as many as a list holds")
        lists[into].append(desk.instruments[k].symbol)
        self._keep(lists)
        return True

    def take(self, desk: Desk, symbol: str, *, out_of: str = STARRED) -> bool:
        """Take a symbol out of a list, under whichever of its names; whether it was there."""
        lists, names = self._writable(out_of), names_of(desk)
        k = names.index(desk, symbol)
        left = [s for s in lists[out_of] if s != symbol and (k is None or names.index(desk, s) != k)]
        if len(left) == len(lists[out_of]):
            return False
        self._keep({**lists, out_of: left})
        return True

    def create(self, name: str) -> str:
        """A new list, empty; its name without blanks around it."""
        name, lists = self._free(name), self._copy()
        if len(lists) >= LISTS_MAX:
            raise DeskError(f"there are {LISTS_MAX} lists, which is as many as a desk keeps; delete one")
        self._keep({**lists, name: []})
        return name

    def rename(self, name: str, to: str) -> str:
        """Call a list something else."""
        lists = self._writable(name, own=True)
        to = self._free(to)
        self._keep({to if old == name else old: symbols for old, symbols in lists.items()})
        return to

    def delete(self, name: str) -> None:
        """Forget a list."""
        lists = self._writable(name, own=True)
        del lists[name]
        self._keep(lists)

    def _copy(self) -> dict[str, list[str]]:
        return {name: list(symbols) for name, symbols in self._now().items()}

    def _writable(self, name: str, *, own: bool = False) -> dict[str, list[str]]:
        lists = self._copy()
        if name == ALL or (own and name == STARRED):
            raise DeskError(f"the list {name!r} is always there and stays as it is; make one of your own")
        if name not in lists:
            raise DeskError(f"there is no list {name!r}; known: {', '.join([ALL, *lists])}")
        return lists

    def _free(self, name: str) -> str:
        name = " ".join(name.split())
        if not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise DeskError(f"a list needs a name of 1 to {NAME_CHARACTERS_MAX} characters")
        if name.casefold() in (known.casefold() for known in (ALL, *self._now())):
            raise DeskError(f"there is a list {name!r} already; choose another name")
        return name

    def _keep(self, lists: dict[str, list[str]]) -> None:
        self._preferences.set(WATCHLISTS, lists)


def watchlists_of(desk: Desk) -> Watchlists:
    """The watchlists of a desk's owner."""
    found = vars(desk).get("_watchlists")
    if found is None:
        found = vars(desk).setdefault("_watchlists", Watchlists(desk))
    return found  # type: ignore[no-any-return]
