"""How do NYSE TAQ's raw quote and trade files become exact columns?

Rules: a file is known by the names of its columns, in any order and case, never by its own name; further columns are
left out. Prices never pass through a float: they are micro-units. The first value that is no time or number is refused
by row (counted from 1, below the names) and column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np

from vtrade.errors import TapeError
from vtrade.market.files import Ints, near, read_file

if TYPE_CHECKING:
    import pyarrow as pa

QUOTES: Final = {
    "DT": "time", "EX": "text", "SYMBOL": "text", "BID": "price", "BIDSIZ": "size", "OFR": "price", "OFRSIZ": "size",
}  # fmt: skip
"""Columns of a quote file."""

TRADES: Final = {
    "DT": "time", "EX": "text", "SYMBOL": "text", "PRICE": "price", "SIZE": "size", "COND": "text?", "CORR": "text?",
}  # fmt: skip
"""Columns of a trade file; COND and CORR may be blank."""

_SAYS: Final = {"time": "a time as 2018-01-02 09:30:00.123", "price": "a price", "size": "a whole number"}
_DECIMALS: Final = 6
_LARGEST: Final = 10**12


@dataclass(frozen=True)
class Table:
    """Rows of one kind of file, of one symbol.

    Attributes
    ----------
    numbers : dict of str to (N,) int64
        ``DT`` as nanoseconds on the wall clock, prices in micro-units, sizes.
    codes, words : dict of str to (N,) int64, dict of str to list of str
        Of a text column: each row's place in ``words``.
    """

    numbers: dict[str, Ints]
    codes: dict[str, Ints]
    words: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.numbers["DT"])

    def take(self, rows: Ints) -> Table:
        """Some of the rows."""
        return Table(
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column[rows] for name, column in self.codes.items()},
            self.words,
        )


def read_tables(files: Sequence[Path]) -> tuple[Table | None, Table | None, list[str]]:
    """The rows of all quote files, of all trade files, and the symbols there are."""
    kinds: dict[str, list[Table]] = {"quotes": [], "trades": []}
    for path in files:
        data = read_file(path)
        names = [name.strip().strip('"').upper() for name in _first(data, path).split(",")]
        for what, columns in (("quotes", QUOTES), ("trades", TRADES)):
            if set(columns) <= set(names):
                table = _table(data, names, columns, str(path))
                held = kinds[what]
                if held and table.numbers["DT"][0] < held[-1].numbers["DT"][-1]:
                    raise TapeError(f"{path}: begins before the {what} of the file before it end; order the files")
                held.append(table)
                break
        else:
            missing = min(([c for c in columns if c not in names] for columns in (QUOTES, TRADES)), key=len)
            hint = "".join(near(name, names) for name in missing[:1])
            raise TapeError(
                f"{path}: has no column {', '.join(missing)}{hint}; quotes have {','.join(QUOTES)} and trades "
                f"{','.join(TRADES)}: rename the columns"
            )
    quotes, trades = (_joined(tables) if tables else None for tables in kinds.values())
    symbols = {word for table in (quotes, trades) if table for word in table.words["SYMBOL"]}
    return quotes, trades, sorted(symbols)


def _first(data: bytes, path: Path) -> str:
    first = data[: data.find(b"\n") if b"\n" in data else len(data)].decode("utf-8-sig", "replace").strip()
    if not first:
        raise TapeError(f"{path}: the file is empty; fetch it again")
    return first


def _table(data: bytes, names: list[str], kinds: Mapping[str, str], where: str) -> Table:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    if b"\n" not in data.strip():
        raise TapeError(f"{where}: has no rows; fetch it again")
    text = pa.dictionary(pa.int32(), pa.string())
    arrow = {
        "time": pa.timestamp("ns"), "price": pa.decimal128(18, _DECIMALS), "size": pa.int64(), "text": text,
        "text?": text,
    }  # fmt: skip
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=1),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: arrow[kind] for name, kind in kinds.items()},
                include_columns=list(kinds),
                null_values=["", "NA"],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        _blame(data, names, kinds, where, str(error))
    if any(table.column(name).null_count for name, kind in kinds.items() if kind != "text?"):
        _blame(data, names, kinds, where, "a value is missing")
    numbers, codes, words = {}, {}, {}
    for name, kind in kinds.items():
        column = table.column(name)
        if kind.startswith("text"):
            codes[name], words[name] = _words(column)
        else:
            numbers[name] = _plain(column, 2 if kind == "price" else 1)
    _check(numbers, kinds, where)
    return Table(numbers, codes, words)


def _plain(column: pa.ChunkedArray, width: int) -> Ints:
    """The numbers of an arrow column; a decimal of 18 digits fits the low one of its two words."""
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype="<i8")[
            width * chunk.offset : width * (chunk.offset + len(chunk)) : width
        ]
        for chunk in column.chunks
    ]
    return np.concatenate(parts).astype(np.int64, copy=False)


def _words(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Place of each row's word in a list of words; a missing one is empty."""
    whole = column.unify_dictionaries().combine_chunks().fill_null("")
    chunk = whole if not hasattr(whole, "chunks") else whole.chunk(0)
    indices = np.frombuffer(chunk.indices.buffers()[1], dtype="<i4")[chunk.offset : chunk.offset + len(chunk)]
    raw = [str(word).strip() for word in chunk.dictionary.to_pylist()]
    words = sorted(set(raw))
    return np.array([words.index(word) for word in raw], dtype=np.int64)[indices], words


def _check(numbers: Mapping[str, Ints], kinds: Mapping[str, str], where: str) -> None:
    for name, column in numbers.items():
        bad, what = (column < 0) | (column >= _LARGEST), "is no price or size"
        if kinds[name] == "time":
            bad, what = np.diff(column, prepend=column[:1]) < 0, "goes back in time; sort the rows by time"
        if bad.any():
            row = int(np.argmax(bad))
            value = np.datetime64(int(column[row]), "ns") if kinds[name] == "time" else int(column[row])
            raise TapeError(f"{where}: row {row + 1}, column {name!r}: {value} {what}")


def _joined(tables: Sequence[Table]) -> Table:
    """Several files as one table."""
    first = tables[0]
    if len(tables) == 1:
        return first
    words = {name: sorted({word for table in tables for word in table.words[name]}) for name in first.words}
    codes = {
        name: np.concatenate([np.searchsorted(words[name], table.words[name])[table.codes[name]] for table in tables])
        for name in words
    }
    numbers = {name: np.concatenate([table.numbers[name] for table in tables]) for name in first.numbers}
    return Table(numbers, {name: code.astype(np.int64) for name, code in codes.items()}, words)


def _blame(data: bytes, names: list[str], kinds: Mapping[str, str], where: str, reason: str) -> NoReturn:
    """Find the first row that is wrong, the slow and certain way, and raise."""
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig", errors="replace")))
    number = -1
    for fields in rows:
        if not fields:
            continue
        number += 1
        if number and len(fields) != len(names):
            raise TapeError(
                f"{where}: row {number} has {len(fields)} of {len(names)} columns ({','.join(fields)[:60]!r}); "
                "the file may be truncated: mend or drop that row"
            )
        for name, text in zip(names, fields, strict=False):
            kind = kinds.get(name, "text?")
            if number and not _readable(text, kind):
                says = _SAYS.get(kind, "a word")
                raise TapeError(f"{where}: row {number}, column {name!r}: {text[:40]!r} is not {says}; mend that row")
    raise TapeError(f"{where}: cannot be read as CSV ({reason}); fetch the file again")


def _readable(text: str, kind: str) -> bool:
    if kind == "time":
        try:
            np.datetime64(text.strip(), "ns")
        except ValueError:
            return False
        return len(text.strip()) > len("2018-01-02 09")
    if kind in ("text", "text?"):
        return kind == "text?" or text.strip() not in ("", "NA")
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= (-_DECIMALS if kind == "price" else 0) and abs(value) < _LARGEST
