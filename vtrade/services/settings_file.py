"""What does a settings file say, and where is the one that came with VTrade?

Rules: a file is ``NAME=VALUE`` lines, as compose reads them; a name that nobody knows, or that stands there twice, is
an error with its line. What the values mean is not known here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import vtrade
from vtrade.errors import SettingsError

PREFIX: Final = "VTRADE_"
FILE_NAME: Final = "vtrade.env"
FILE_BYTES_MAX: Final = 65_536
"""A settings or secret file is never longer than this."""


def docker_folder() -> Path | None:
    """Where the compose file and its settings are: inside the installed package, or beside it in a checkout."""
    package = Path(vtrade.__file__).resolve().parent
    return next((path for path in (package / "_docker", package.parent / "docker") if path.is_dir()), None)


def shipped_file() -> Path | None:
    """The settings file that came with this VTrade, if it did."""
    folder = docker_folder()
    return folder / FILE_NAME if folder is not None and (folder / FILE_NAME).is_file() else None


def read_env_file(path: Path, known: Collection[str]) -> dict[str, str]:
    """Names and values of a file of ``NAME=VALUE`` lines, as compose reads them; ``known`` are the names it may have.

    Raises
    ------
    SettingsError
        If it cannot be read, a line is not such a pair, or a name is unknown or stands there twice.
    """
    pairs: dict[str, str] = {}
    for number, line in enumerate(read_text(path, "settings file").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        where = f"{path}:{number}"
        if not equals or not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise SettingsError(f"{where}: {name[:40]!r} is not a setting; write NAME=VALUE, and # before a remark")
        if name in pairs:
            raise SettingsError(f"{where}: {name} stands there twice; keep one of the lines")
        _know(name, known, where)
        pairs[name] = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
    return pairs


def _know(name: str, known: Collection[str], where: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in known], 1)
        mend = f"did you mean {PREFIX}{near[0]}?" if near else "take the line out"
        raise SettingsError(f"{where}: nobody knows a setting {name}; {mend}")


def read_text(path: Path, what: str) -> str:
    """What a small file says; ``what`` it is, for the error.

    Raises
    ------
    SettingsError
        If it cannot be read, is no text, or is too long.
    """
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            raise SettingsError(f"the {what} {path} is longer than {FILE_BYTES_MAX:,} bytes; is it the right file?")
        return content.decode("utf-8")
    except OSError as error:
        raise SettingsError(f"the {what} {path} cannot be read: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise SettingsError(f"the {what} {path} is not text in UTF-8; write it again") from None
