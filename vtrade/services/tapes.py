"""Which market data may a room name? What is made from a seed or comes with VTrade, and the files of one folder.

Rules: whoever names a tape from afar names it by a word, never by a path: nothing outside the folder of tapes is
looked at, whatever the name contains.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vtrade.errors import TapeError
from vtrade.market.load import load_tape
from vtrade.market.tape import Tape

MADE: Final = ("synthetic:", "exchange:", "sample:")
"""Formats that need no file."""
NAME_CHARS_MAX: Final = 200
_PLAIN: Final = re.compile(r"[A-Za-z0-9][\w .,=+-]*", re.ASCII)


def load_allowed(spec: str, folder: Path) -> Tape:
    """The tape of a name such as ``"synthetic:7"``, or ``"lobster:AMZN.zip"`` in ``folder``.

    Raises
    ------
    TapeError
        If there is no such tape, or the name leads out of the folder.
    """
    named = re.fullmatch(r"([a-z]+:)?(.*)", spec, re.DOTALL) if len(spec) <= NAME_CHARS_MAX else None
    if named is None:
        raise TapeError(f"the name of a tape has at most {NAME_CHARS_MAX} characters; this one has {len(spec)}")
    kind, rest = named[1] or "", named[2]
    if kind in MADE:
        return load_tape(spec)
    file, _, day = rest.partition(":")
    if not _PLAIN.fullmatch(file) or ".." in file or (day and not day.isdigit()):
        raise TapeError(
            f"{spec!r} is no tape that a room can play; name one of {', '.join(MADE)}... "
            "or a file in the folder of tapes, without its folder"
        )
    if folder == Path() or not (folder / file).exists():
        raise TapeError(f"there is no tape {file!r} in the folder of tapes; VTRADE_TAPES names that folder")
    return load_tape(f"{kind}{folder / file}{f':{day}' if day else ''}")
