"""Where are a desk's preferences kept? In small JSON files, one for each desk, in the user's folder for settings.

Rules: a file is replaced as a whole or not at all. Whoever writes holds a lock, reads what is there and changes only
the names he means to, so of two desks that write the last one wins for a name, not for the file. A file that cannot be
understood is set aside under another name, never overwritten. Nothing is made before there is something to keep.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vtrade.errors import Unavailable
from vtrade.ports import PreferenceStore

FOLDER_VARIABLE: Final = "VTRADE_PREFERENCES"
"""Names the folder; ``off`` keeps preferences in memory."""
OFF: Final = "off"
LOCK_S: Final = 1.0
"""Longest wait for another desk that writes the same file."""
FILE_BYTES_MAX: Final = 1_000_000
"""A longer file was not written by a desk."""

log = logging.getLogger(__name__)


class FileStore:
    """Preferences in the files of a folder; an adapter for :class:`vtrade.ports.PreferenceStore`.

    Parameters
    ----------
    folder : Path
        Made when something is kept for the first time.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = FileStore(Path(folder) / "desks")
    ...     _ = store.update("ana on synthetic:7", {"theme": "dark", "sound": False})
    ...     store.update("ana on synthetic:7", {"sound": None}), store.load("ben on synthetic:7")
    ({'theme': 'dark'}, {})
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"FileStore({str(self.folder)!r})"

    def path(self, document: str) -> Path:
        """Where a document is: a readable name, and a digest that tells names apart which look alike as files."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", document).strip("-")[:60] or "desk"
        return self.folder / f"{words}-{hashlib.sha256(document.encode()).hexdigest()[:8]}.json"

    def load(self, document: str) -> dict[str, Any]:
        """What is kept; a file that makes no sense is set aside."""
        path = self.path(document)
        try:
            with path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unavailable(f"preferences in {path} cannot be read: {error.strerror or error}") from None
        try:
            kept = json.loads(content) if len(content) <= FILE_BYTES_MAX else None
        except (ValueError, RecursionError):
            kept = None
        if isinstance(kept, dict):
            return kept
        aside = path.with_name(f"{path.name}.broken")
        with contextlib.suppress(OSError):  # without the right to move it, it is written over with the next choice
            path.replace(aside)
        log.warning("the preferences in %s make no sense; they were set aside as %s", path, aside.name)
        return {}

    def update(self, document: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change some names of a document."""
        path = self.path(document)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{path}.lock", timeout=LOCK_S):
                kept = self.load(document)
                for name, value in changes.items():
                    if value is None:
                        kept.pop(name, None)
                    else:
                        kept[name] = value
                _replace(path, json.dumps(kept, indent=1, sort_keys=True, allow_nan=False).encode())
        except Timeout:
            raise Unavailable(f"preferences in {path} are being written by another desk; try again") from None
        except OSError as error:
            raise Unavailable(f"preferences in {path} cannot be written: {error.strerror or error}") from None
        return kept


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside the old one, then put it in its place."""
    number, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def preferences_from_environment() -> PreferenceStore | None:
    """The store that ``VTRADE_PREFERENCES`` names, else the user's folder for settings; ``None`` where it is off."""
    named = os.environ.get(FOLDER_VARIABLE, "").strip()
    if named.lower() == OFF:
        return None
    if named:
        return FileStore(Path(named).expanduser())
    import platformdirs

    return FileStore(Path(platformdirs.user_config_dir("vtrade", appauthor=False)) / "desks")
