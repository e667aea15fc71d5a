"""Which files does a name stand for that may name several?

Rules: a file; several joined by ``+`` (a bare name lies beside the first); a folder, all files of it; or a folder and
``:YYYYMMDD``, the files of it whose name holds that day. Files of a folder come in the order of their names.
"""

from __future__ import annotations

import re
from pathlib import Path

from vtrade.errors import TapeError
from vtrade.market.files import existing


def files_of(text: str, *, day: str = "", what: str = "file") -> list[Path]:
    """The files, all of them there.

    Parameters
    ----------
    text : str
        The name.
    day : str
        ``YYYYMMDD``: the only files wanted of a folder.
    what : str
        What the files are, for the error message.

    Raises
    ------
    TapeError
        If one is missing, or a folder holds none.
    """
    if not Path(text).exists():
        if not day and (found := re.search(r":(\d{8})$", text)):
            day, text = found[1], text[: found.start()]
        first, *more = text.split("+")
        if more:
            beside = [p if p.exists() or p.parent != Path() else Path(first).parent / p for p in map(Path, more)]
            return [existing(one) for one in (Path(first), *beside)]
    path = existing(Path(text))
    if not path.is_dir():
        return [path]
    there = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    files = [p for p in there if day in p.name]
    if not files:
        names = ", ".join(p.name for p in there[:4])
        raise TapeError(f"{path}: has no {what}{f' of {day}' if day else ''}{f'; it has {names}' if names else ''}")
    return files
