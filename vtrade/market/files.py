"""How do bytes on disk become columns of integers, and who is to blame when they do not?

Rules: every failure is one :class:`TapeError` that names the file, the row (counted from 1) and the column; numbers
never pass through a float, so a time with twelve decimals and a price of ten digits arrive exact.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import TapeError

if TYPE_CHECKING:
    import pyarrow as pa

Ints = NDArray[np.int64]

SECONDS_DECIMALS: Final = 12
"""Decimals kept while a time in seconds is parsed; it is then rounded half to even to the nanosecond."""

_SECONDS_DIGITS: Final = 18
_PER_NS: Final = 10 ** (SECONDS_DECIMALS - 9)


def near(word: str, options: Iterable[str]) -> str:
    """``"; did you mean 'a' or 'b'?"`` where something close exists, else nothing.

    Examples
    --------
    >>> near("lobstr", ["lobster", "lean"])
    "; did you mean 'lobster'?"
    >>> near("xyz", ["lobster", "lean"])
    ''
    """
    by_lower = {option.lower(): option for option in options}
    close = [by_lower[c] for c in difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)]
    return f"; did you mean {' or '.join(repr(c) for c in close)}?" if close else ""


def existing(path: Path) -> Path:
    """The path itself if something is there, else a ``TapeError`` that offers names which look alike."""
    if path.exists():
        return path
    parent = path.parent
    if not parent.is_dir():
        raise TapeError(f"{path}: the folder {parent} does not exist; check the path (it starts from {Path.cwd()})")
    hint = near(path.name, (entry.name for entry in parent.iterdir()))
    raise TapeError(f"{path}: no such file{hint or '; check the path'}")


def read_file(path: Path) -> bytes:
    """All bytes of a file, unpacked if its name ends in ``.gz``."""
    try:
        data = existing(path).read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise TapeError(f"{path}: cannot be read ({error}); fetch the file again") from None


def read_zip(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The members of a zip whose base name is wanted, by base name."""
    try:
        with zipfile.ZipFile(existing(path)) as archive:
            inside = [info for info in archive.infolist() if not info.is_dir()]
            return {name: archive.read(info) for info in inside if wanted(name := Path(info.filename).name)}
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise TapeError(f"{path}: not a readable zip ({error}); it may be truncated: fetch the file again") from None


def columns(data: bytes, kinds: Mapping[str, str], *, where: str, more: bool = False) -> list[Ints]:
    r"""Parse a CSV without header into integer columns, exactly.

    Parameters
    ----------
    data : bytes
    kinds : mapping of column name to kind
        ``"int"``; ``"int?"`` (blank is 0); ``"seconds"`` (a decimal, becomes nanoseconds); ``"text"`` is handed back as
        a column of fixed-width bytes.
    where : str
        Names the file in error messages.
    more : bool
        Whether a row may have further columns, which are left out.

    Raises
    ------
    TapeError
        Naming the first row and column that cannot be understood.

    Examples
    --------
    >>> columns(b"34200.18960767,5\n34200.2,6\n", {"time": "seconds", "size": "int"}, where="demo.csv")
    [array([34200189607670, 34200200000000]), array([5, 6])]
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    first = data[: data.find(b"\n") if b"\n" in data else len(data)].strip()
    if not first:
        raise TapeError(f"{where}: the file is empty; fetch it again")
    width = first.count(b",") + 1
    if width < len(kinds) or (width > len(kinds) and not more):
        _blame(data, kinds, where, more, "")
    arrow = {
        "int": pa.int64(),
        "int?": pa.int64(),
        "text": pa.binary(),
        "seconds": pa.decimal128(_SECONDS_DIGITS, SECONDS_DECIMALS),
    }
    names = [*kinds, *(f"more {n}" for n in range(width - len(kinds)))]
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(column_names=names),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: arrow[kind] for name, kind in kinds.items()},
                include_columns=list(kinds),
                null_values=[""],
            ),
        )
    except pa.ArrowInvalid as error:
        _blame(data, kinds, where, more, str(error))
    if any(table.column(name).null_count for name, kind in kinds.items() if kind != "int?"):
        _blame(data, kinds, where, more, "a value is missing")
    out = []
    for name, kind in kinds.items():
        out.append(_plain(table.column(name), kind))
        table = table.drop_columns(name)
    return out


def _plain(column: pa.ChunkedArray, kind: str) -> Ints:
    """One arrow column as a numpy array.

    Buffers are read directly: pyarrow's own ``to_numpy`` imports pandas, which takes longer than the parsing.
    """
    if kind == "int?":
        column = column.fill_null(0)
    if kind == "text":
        return np.array(column.to_pylist(), dtype=bytes)
    words = 2 if kind == "seconds" else 1  # a decimal128 of 18 digits fits its low 64 bits
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype="<i8")[
            words * chunk.offset : words * (chunk.offset + len(chunk)) : words
        ]
        for chunk in column.chunks
    ]
    plain = np.concatenate(parts).astype(np.int64, copy=False) if parts else np.zeros(0, dtype=np.int64)
    return halves_to_even(plain, _PER_NS) if kind == "seconds" else plain


def halves_to_even(numerators: Ints, denominator: int) -> Ints:
    """Integer division rounded half to even: :func:`vtrade.domain.values.divide` for whole columns.

    Examples
    --------
    >>> halves_to_even(np.array([1, 2, 3, 5, -1, -3]), 2)
    array([ 0,  1,  2,  2,  0, -2])
    """
    quotient, rest = np.divmod(numerators, denominator)
    twice = 2 * rest
    up: Ints = quotient + ((twice > denominator) | ((twice == denominator) & (quotient % 2 == 1)))
    return up


def _blame(data: bytes, kinds: Mapping[str, str], where: str, more: bool, reason: str) -> NoReturn:
    """Find the first row that is wrong, the slow and certain way, and raise."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", errors="replace")))
    number = 0
    for fields in rows:
        if not fields:
            continue
        number += 1
        if len(fields) < len(kinds) or (len(fields) > len(kinds) and not more):
            raise TapeError(
                f"{where}: row {number} has {len(fields)} of {len(kinds)} columns ({','.join(fields)[:60]!r}); "
                "the file may be truncated: mend or drop that row"
            )
        for (name, kind), text in zip(kinds.items(), fields, strict=False):
            if not _readable(text, kind):
                expected = "a time in seconds" if kind == "seconds" else "a whole number"
                raise TapeError(
                    f"{where}: row {number}, column {name!r}: {text[:40]!r} is not {expected}; mend that row"
                )
    raise TapeError(f"{where}: cannot be read as CSV ({reason}); fetch the file again")


def _readable(text: str, kind: str) -> bool:
    if kind == "text":
        return bool(text)
    if kind == "int?" and not text:
        return True
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return False
    if not number.is_finite() or abs(number) >= (10**6 if kind == "seconds" else 2**63):
        return False
    exponent: Any = number.as_tuple().exponent
    return bool(exponent >= -SECONDS_DECIMALS) if kind == "seconds" else number == number.to_integral_value()
