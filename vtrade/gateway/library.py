"""Which market data may somebody choose for a new room?

Rules: what a name means, and that it is never a path, is decided in :mod:`vtrade.services.tapes`. A seed that nobody
gives is drawn here and is never told to a student, because who knows it can make the same market at home and read its
future.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from vtrade.errors import TapeError
from vtrade.market.tape import Tape
from vtrade.services.tapes import load_allowed

FILES_MAX: Final = 1_000
"""Files of the folder that are listed."""
SEEDED: Final = ("synthetic", "exchange")
"""Markets that are made from a seed."""


class Library:
    """Tapes by the names that rooms may use.

    Parameters
    ----------
    folder : Path
        Its files may be named; ``Path()`` for no files.
    new_seed : callable
        Draws a seed that nobody can guess.

    Examples
    --------
    >>> library = Library(Path(), new_seed=lambda: 5)
    >>> library.name("synthetic"), library.name("exchange:7"), library.names()
    ('synthetic:5', 'exchange:7', ['synthetic', 'exchange', 'sample:AAPL'])
    """

    def __init__(self, folder: Path, new_seed: Callable[[], int]) -> None:
        self._folder = folder
        self._new_seed = new_seed

    def name(self, asked: str) -> str:
        """The whole name of a tape that somebody asks for: with a seed, where it needs one."""
        return f"{asked}:{self._new_seed()}" if asked in SEEDED else asked

    def load(self, name: str) -> Tape:
        """The tape of a name.

        Raises
        ------
        TapeError
            If a room may not name it, or it cannot be read.
        """
        try:
            return load_allowed(name, self._folder)
        except TapeError as error:
            raise TapeError(str(error).replace(f"{self._folder}/", "")) from None

    def names(self) -> list[str]:
        """What there is to choose from."""
        files: list[str] = []
        if self._folder != Path() and self._folder.is_dir():
            files = sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))[:FILES_MAX]
        return [*SEEDED, "sample:AAPL", *files]
