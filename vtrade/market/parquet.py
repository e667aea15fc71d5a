"""How is a tape kept in a file, so that reading it gives the same tape?

Rules: one Parquet column per column of ``EVENT``; all else that makes a tape is JSON in the file's metadata under
``vtrade.tape``, with a version. Writing is all or nothing: a full disk leaves what was there before. A Parquet file
without that metadata is read as a table of bars.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from vtrade.domain.actions import CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.errors import TapeError, ValueOffGrid
from vtrade.market.dtype import EVENT
from vtrade.market.files import existing
from vtrade.market.ohlcv import from_ohlcv
from vtrade.market.tape import NewsItem, Tape, check_tape

METADATA_KEY: Final = b"vtrade.tape"
VERSION: Final = 2
"""1: no corporate actions, which is still written where there are none; 2: with them."""


class _Head(msgspec.Struct, frozen=True):
    """All of a tape but its events."""

    version: int
    name: str
    instruments: tuple[Instrument, ...]
    depth: str
    date: str
    timezone: str
    news: tuple[NewsItem, ...]
    actions: tuple[CorporateAction, ...] = ()


def save_tape(tape: Tape, path: str | Path) -> Path:
    """Write a tape as Parquet.

    Parameters
    ----------
    tape : Tape
    path : path
        Should end in ``.parquet``, so that reading knows the format.

    Returns
    -------
    Path
        Where it is now.

    Raises
    ------
    TapeError
        If the file cannot be written; whatever was there before is untouched.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if path.suffix != ".parquet":
        raise TapeError(f"{path}: a tape is kept as Parquet; end the name in .parquet")
    version = VERSION if tape.actions else 1
    head = _Head(
        version, tape.name, tape.instruments, tape.depth, tape.date, tape.timezone, tape.news, tape.actions
    )  # fmt: skip
    table = pa.table({name: np.ascontiguousarray(tape.events[name]) for name in EVENT.names or ()})
    table = table.replace_schema_metadata({METADATA_KEY: msgspec.json.encode(head)})
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(table, part, compression="zstd")
        part.replace(path)
    except OSError as error:
        raise TapeError(f"{path}: cannot be written ({error}); choose another folder or free some space") from None
    finally:  # also on Ctrl-C
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def load_parquet(path: str | Path, **options: Any) -> Tape:
    """Read a tape that :func:`save_tape` wrote, or a Parquet table of bars.

    Parameters
    ----------
    path : path
    **options
        For a table of bars: those of :func:`vtrade.market.ohlcv.from_ohlcv`.

    Raises
    ------
    TapeError
        If the file is truncated, of a newer version, or neither a tape nor bars.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = existing(Path(path))
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise TapeError(
            f"{path}: not a readable Parquet file ({error}); it may be truncated: fetch or write it again"
        ) from None
    written = (schema.metadata or {}).get(METADATA_KEY)
    if written is None:
        return from_ohlcv(path, **options)
    if options:
        raise TapeError(f"{path}: is a whole tape, so {', '.join(options)} cannot be set on reading it; leave it out")
    try:
        head = msgspec.json.decode(written, type=_Head)
    except (msgspec.DecodeError, ValueOffGrid) as error:
        raise TapeError(f"{path}: its tape description is damaged ({error}); write the tape again") from None
    if head.version > VERSION:
        raise TapeError(
            f"{path}: written by a newer VTrade (tape version {head.version}, this one reads {VERSION}); upgrade"
        )
    for name in EVENT.names or ():
        expected = pa.from_numpy_dtype(EVENT[name])
        kind = schema.field(name).type if name in schema.names else "missing"
        if kind != expected:
            raise TapeError(f"{path}: column {name!r} is {kind}, not {expected}; write the tape again")
    try:
        table = pq.read_table(path)
        events = np.zeros(table.num_rows, dtype=EVENT)
        for name in EVENT.names or ():
            if table.column(name).null_count:
                raise TapeError(f"{path}: column {name!r} has missing values; write the tape again")
            events[name] = np.concatenate(
                [events[name][:0], *(chunk.to_numpy() for chunk in table.column(name).chunks)]
            )
    except (OSError, pa.ArrowException) as error:
        raise TapeError(f"{path}: its events cannot be read ({error}); fetch or write the file again") from None
    return check_tape(
        Tape(
            name=head.name,
            instruments=head.instruments,
            events=events,
            depth=head.depth,
            date=head.date,
            timezone=head.timezone,
            news=head.news,
            actions=head.actions,
        )
    )
