"""Which reader does a tape's name ask for?

Rules: ``FORMAT:rest`` names the reader; a bare path is read by what its name and contents tell. Whatever cannot be
found is one error that offers names which look alike. Of a table or a capture, the first line tells the format.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vtrade.errors import TapeError
from vtrade.market.binance import load_binance
from vtrade.market.files import existing, near
from vtrade.market.lean import load_lean
from vtrade.market.lobster import load_lobster
from vtrade.market.ohlcv import from_ohlcv
from vtrade.market.parquet import load_parquet
from vtrade.market.sample import SAMPLES, load_sample
from vtrade.market.tape import Tape
from vtrade.market.taq import load_taq
from vtrade.market.taq_read import QUOTES, TRADES

if TYPE_CHECKING:
    import pandas as pd


def load_tape(spec: Tape | str | Path | pd.DataFrame, **options: Any) -> Tape:
    """A tape by name.

    Parameters
    ----------
    spec : Tape, str, path or DataFrame
        =========================== ====================================================================
        ``lobster:FILE``            LOBSTER zip, or either CSV of a pair (:func:`~vtrade.market.lobster.load_lobster`)
        ``lean:FOLDER[:YYYYMMDD]``  LEAN minute folder of a symbol, or a minute or daily file
                                    (:func:`~vtrade.market.lean.load_lean`)
        ``binance:FILE[+FILE]``     raw websocket captures, or a folder of them, ``:YYYYMMDD`` for one day
                                    (:func:`~vtrade.market.binance.load_binance`)
        ``taq:FOLDER[:YYYYMMDD]``   raw NYSE TAQ quotes and trades, or ``FILE+FILE``
                                    (:func:`~vtrade.market.taq.load_taq`)
        ``ohlcv:FILE``              table of bars, CSV or Parquet (:func:`~vtrade.market.ohlcv.from_ohlcv`)
        ``FILE.parquet``            a tape that was saved (:func:`~vtrade.market.parquet.save_tape`)
        ``sample:NAME``             real daily bars that come with the installation: ``AAPL``, ``AAPL,IBM``, ``all``
        ``synthetic:SEED``          a seeded synthetic market (:func:`~vtrade.market.synthetic.synthetic`)
        ``exchange:SEED``           seeded agents that trade with you in one book
                                    (:func:`~vtrade.market.exchange.exchange`)
        a path                      read by its name and contents
        a DataFrame                 a table of bars
        a Tape                      handed back as it is
        =========================== ====================================================================
    **options
        Those of the reader.

    Returns
    -------
    Tape
        Checked and frozen.

    Raises
    ------
    TapeError
        Naming what is wrong with the name, the file, the row or the column, and the mend.

    Examples
    --------
    >>> load_tape("sample:AAPL", start="2013-01-02", end="2013-01-02")
    Tape('AAPL 2013-01-02 to 2013-01-02, daily', bars, 6 events, AAPL)
    >>> load_tape("sampel:AAPL")
    Traceback (most recent call last):
    vtrade.errors.TapeError: unknown format 'sampel' in 'sampel:AAPL'; did you mean 'sample'?
    """
    if isinstance(spec, Tape):
        if options:
            raise TapeError(f"{spec.name}: is loaded already, so {', '.join(options)} cannot be set; leave it out")
        return spec
    if not isinstance(spec, str | Path):
        if hasattr(spec, "columns"):
            return from_ohlcv(spec, **options)
        raise TapeError(f"a tape is named by text, a path, a DataFrame or a Tape, not by a {type(spec).__name__}")
    text = str(spec)
    named = re.match(r"([A-Za-z][A-Za-z0-9_+-]+):(.*)", text, re.DOTALL)  # one letter is a drive, as in C:\data
    if named and not Path(text).exists():
        word, rest = named[1].lower(), named[2]
        if word not in READERS:
            hint = near(word, READERS) or f"; the formats are {', '.join(READERS)}"
            raise TapeError(f"unknown format {named[1]!r} in {text!r}{hint}")
        if not rest:
            raise TapeError(
                f"{text!r} names no {'file' if word not in ('sample', *SEEDED) else 'market'}; "
                f"write {word}:{HINTS[word]}"
            )
        return READERS[word](rest, **options)
    return _reader(Path(text))(text, **options)


def _synthetic(seed: str, **options: Any) -> Tape:
    from vtrade.market.synthetic import synthetic

    return synthetic(_seed("synthetic", seed), **options)


def _exchange(seed: str, **options: Any) -> Tape:
    from vtrade.market.exchange import exchange

    return exchange(_seed("exchange", seed), **options)


def _seed(kind: str, seed: str) -> int:
    if not re.fullmatch(r"\d{1,18}", seed):
        raise TapeError(f"{kind}:{seed}: the seed is a whole number, such as {kind}:7")
    return int(seed)


SEEDED: Final = ("synthetic", "exchange")
"""Formats that make a market from a number."""

READERS: Final[dict[str, Callable[..., Tape]]] = {
    "lobster": load_lobster,
    "lean": load_lean,
    "binance": load_binance,
    "taq": load_taq,
    "ohlcv": from_ohlcv,
    "parquet": load_parquet,
    "sample": load_sample,
    "synthetic": _synthetic,
    "exchange": _exchange,
}
"""Reader of each format."""

HINTS: Final = {
    "lobster": "FILE.zip",
    "lean": "FOLDER:YYYYMMDD",
    "binance": "FILE.gz",
    "taq": "FOLDER",
    "ohlcv": "FILE.csv",
    "parquet": "FILE.parquet",
    "sample": "AAPL",
    "synthetic": "7",
    "exchange": "7",
}
"""What follows a format's colon, by example."""


def _reader(path: Path) -> Callable[..., Tape]:
    """The reader for a bare path."""
    if not path.exists():
        if path.name.upper() in SAMPLES or path.name.lower() == "all":
            raise TapeError(f"{path}: no such file; did you mean 'sample:{path.name}'?")
        part = re.fullmatch(r"(.+):\d{8}", str(path))
        if part and Path(part[1]).is_dir():
            return _reader(Path(part[1]))
        first = str(path).split("+")[0]
        if first != str(path) and Path(first).exists():
            return _reader(Path(first))
        existing(path)
    if path.is_dir():
        files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
        names = [entry.name.lower() for entry in files]
        if any("message" in name for name in names):
            return load_lobster
        if any(_LEAN_FILE.fullmatch(name) for name in names):
            return load_lean
        for told in map(_told, files[:1]):
            if told in (load_binance, load_taq):
                return told
    elif path.suffix == ".parquet":
        return load_parquet
    elif path.suffix == ".zip":
        return load_lobster if _holds(path, "message") else load_lean
    elif re.search(r"message|orderbook", path.name, re.IGNORECASE) and path.suffix == ".csv":
        return load_lobster
    elif _LEAN_FILE.fullmatch(path.name):
        return load_lean
    elif reader := _told(path):
        return reader
    raise TapeError(f"{path}: its name does not tell what it holds; prefix the format: {', '.join(READERS)}:{path}")


_LEAN_FILE: Final = re.compile(r"\d{8}_(trade|quote)\.(zip|csv)")
_CAPTURE: Final = re.compile(rb"\d{16,19} +\{")
_FIRST_BYTES: Final = 4_096


def _told(path: Path) -> Callable[..., Tape] | None:
    """What the first line of a text file tells; a file that cannot be read is left to the reader its name asks for."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            line = file.read(_FIRST_BYTES).split(b"\n")[0]
    except (OSError, EOFError, zlib.error):
        line = b""
    if _CAPTURE.match(line):
        return load_binance
    names = {name.strip(' "\r').upper() for name in line.decode("utf-8-sig", "replace").split(",")}
    if names >= set(QUOTES) or names >= set(TRADES):
        return load_taq
    return from_ohlcv if path.name.removesuffix(".gz").endswith((".csv", ".txt", ".tsv")) else None


def _holds(path: Path, word: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(word in name.lower() for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise TapeError(f"{path}: not a readable zip ({error}); it may be truncated: fetch the file again") from None
