"""What does a desk remember of its owner's choices? Layout, watchlists, indicators, ticket options, alerts: by name.

Rules: values are plain JSON and few; what would be too long is refused and nothing changes. A desk never fails because
of its preferences: where they cannot be kept they hold as long as the desk does, and that is said once. Nothing is
written before something is set.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from vtrade.errors import DeskError, Unavailable

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.ports import PreferenceStore

BYTES_MAX: Final = 65_536
"""All preferences of a desk together, as JSON."""
NAMES_MAX: Final = 200
NAME_CHARACTERS_MAX: Final = 64
ALERTS: Final = "alerts"
"""Name under which alerts are kept."""
WATCHLISTS: Final = "watchlists"
"""Name under which watchlists are kept."""

log = logging.getLogger(__name__)


class Preferences(Mapping[str, Any]):
    """The choices of a desk's owner, by name.

    Parameters
    ----------
    store : PreferenceStore or None
        ``None`` keeps them in memory.
    document : str
        What they are kept under: the account, and the tape or the room.

    Examples
    --------
    >>> preferences = Preferences(None, "ana on synthetic:7")
    >>> preferences.set("theme", "dark")
    >>> preferences.get("theme", "auto"), preferences.get("layout", "wide")
    ('dark', 'wide')
    """

    def __init__(self, store: PreferenceStore | None, document: str) -> None:
        self._store, self._document = store, document
        self._lock = threading.RLock()
        self.changes = 0
        """Grows whenever a value becomes another."""
        self.trouble = ""
        """Why they are only kept in memory, in a sentence; empty while all is well."""
        self._told = False
        self._values: dict[str, Any] = {}
        if store is not None:
            try:
                self._values = _within_bounds(store.load(document))
            except Unavailable as error:
                self._forget_store(error)

    def __repr__(self) -> str:
        return f"Preferences({self._document!r}, {', '.join(self) or 'nothing chosen yet'})"

    def __getitem__(self, name: str) -> Any:
        with self._lock:
            return self._values[name]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str, default: Any = None) -> Any:
        """What was chosen, or ``default``."""
        with self._lock:
            return self._values.get(name, default)

    def set(self, name: str, value: Any) -> None:
        """Remember a choice; ``None`` forgets it.

        Parameters
        ----------
        name : str
            At most 64 characters.
        value : JSON value
            All of a desk's preferences together are at most 64 kB.

        Raises
        ------
        DeskError
            If the name or the value cannot be kept.
        """
        if not isinstance(name, str) or not name.strip() or len(name) > NAME_CHARACTERS_MAX:
            raise DeskError(f"a preference cannot be called {name!r:.80}; give 1 to {NAME_CHARACTERS_MAX} characters")
        plain = _plain(name, value)
        with self._lock:
            if self._values.get(name) == plain and (name in self._values or plain is None):
                return
            wanted = {**self._values, name: plain}
            if plain is None:
                del wanted[name]
            if len(wanted) > NAMES_MAX:
                raise DeskError(
                    f"{name!r} would be preference {len(wanted)}; a desk keeps {NAMES_MAX}: set some to None"
                )
            size = _size(wanted)
            if size > BYTES_MAX:
                raise DeskError(f"with {name!r} the preferences would take {size:,} bytes; a desk keeps {BYTES_MAX:,}")
            self._values = wanted
            self.changes += 1
            if self._store is not None:
                try:  # what another desk of the same owner wrote meanwhile comes along
                    self._values = _within_bounds(self._store.update(self._document, {name: plain}), wanted)
                except Unavailable as error:
                    self._forget_store(error)

    def news(self) -> str:
        """:attr:`trouble`, once; empty afterwards."""
        with self._lock:
            text = "" if self._told else self.trouble
            self._told = self._told or bool(text)
        return text

    def _forget_store(self, error: Unavailable) -> None:
        self._store = None
        self.trouble = f"{error}; what you choose is remembered until this desk is closed"
        log.warning("%s", self.trouble)


def _plain(name: str, value: Any) -> Any:
    """A value as it comes back from JSON."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise DeskError(f"{name!r} cannot be kept: it is no plain JSON (text, finite numbers, lists, dicts)") from None


def _size(values: Mapping[str, Any]) -> int:
    return len(json.dumps(values).encode())


def _within_bounds(kept: dict[str, Any], otherwise: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a file says, unless somebody made it too long to be sent to a panel."""
    if len(kept) <= NAMES_MAX and _size(kept) <= BYTES_MAX:
        return kept
    log.warning("preferences of more than %s names or %s bytes are left alone", NAMES_MAX, f"{BYTES_MAX:,}")
    return dict(otherwise or {})


def preferences_of(desk: Desk) -> Preferences:
    """The preferences of a desk's owner here; read when they are asked for first.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7", account="somebody new")
    >>> preferences_of(desk).get("theme", "auto")
    'auto'
    >>> desk.close_desk()
    """
    found = vars(desk).get("_preferences")
    if found is None:
        room = desk._room
        where = f"room {room.name}" if room.shared and hasattr(room, "name") else room.engine.tape
        # two threads may come here at once: the first one's stays
        found = vars(desk).setdefault(
            "_preferences", Preferences(desk._wiring.preferences(), f"{desk.account} on {where or 'a tape'}")
        )
    return found  # type: ignore[no-any-return]
