"""What do the rows of an order file mean, as messages?

Rules: one row is one ``SubmitOrder``, ``CancelOrder`` or ``ReplaceOrder``; prices and quantities are whole units in the
file and micro-units in the message, exactly. Whatever cannot be understood is one :class:`OrderFileError` that names
the file, the row, the column, the value and the mend, and then nothing of the file is used. Whatever can be understood
but not traded (an unknown symbol, a price off the grid, a quantity of zero) goes to the engine, which answers with a
fact.

Order files are often grouped by account, so rows may stand in any order: they are sorted by ``ts_ns``, and rows of the
same moment keep the order they have in the file. :attr:`OrderFile.moved` says how many rows came too late in it.

=================== ======== =========================================================================================
column              needed   meaning
=================== ======== =========================================================================================
``ts_ns``           yes      when, in nanoseconds: since midnight of the tape's day where the tape has a date, else
                             since the Unix epoch
``account``         yes      who; an account appears with its first row
``client_order_id`` yes      the owner's name for the order, once per account
``action``          no       ``submit`` (also where empty), ``cancel``, ``replace``
``symbol``          submit   what
``side``            submit   ``buy``, ``sell``
``type``            submit   ``market``, ``limit``, ``stop_market``, ``stop_limit``, ``trailing_stop_market``
``quantity``        submit   in units; a ``replace`` gives the new total, or leaves it empty to keep it
``limit_price``     no       in money; empty for none, or on a ``replace`` to keep it
``stop_price``      no       the same
``time_in_force``   no       ``DAY`` (also where empty), ``GTC``, ``IOC``, ``FOK``, ``GTD``, ``AT_THE_OPEN``,
                             ``AT_THE_CLOSE``
``flags``           no       of a ``submit``, parted by semicolons: see :mod:`vtrade.services.orderflags`
=================== ======== =========================================================================================
"""

from __future__ import annotations

import csv
import datetime as dt
import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from vtrade.domain.messages import CancelOrder, ReplaceOrder, SubmitOrder
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import NS_PER_S, to_micros
from vtrade.errors import OrderFileError, ValueOffGrid
from vtrade.market.tape import Tape
from vtrade.services.orderflags import BadFlag, read_flags

OrderMessage = SubmitOrder | CancelOrder | ReplaceOrder

COLUMNS: Final = (
    "ts_ns", "account", "client_order_id", "action", "symbol", "side", "type", "quantity", "limit_price", "stop_price",
    "time_in_force", "flags",
)  # fmt: skip
"""Every column of an order file."""

NEEDED: Final = ("ts_ns", "account", "client_order_id", "symbol", "side", "type", "quantity")
"""Columns that must be there."""

ACTIONS: Final = ("submit", "cancel", "replace")
DAY_NS: Final = 24 * 3600 * NS_PER_S
NS_MAX: Final = 2**63 - 1

_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_TYPES: Final = {kind.value: kind for kind in OrderType}
_TIFS: Final = {tif.value.lower(): tif for tif in TimeInForce}

_T = TypeVar("_T", bound=Enum)


@dataclass(frozen=True)
class OrderFile:
    """An order file, read.

    Attributes
    ----------
    path : Path
    messages : tuple of SubmitOrder, CancelOrder and ReplaceOrder
        In time order.
    moved : int
        Rows that stood behind a later one in the file.
    """

    path: Path
    messages: tuple[OrderMessage, ...]
    moved: int = 0


class _BadCell(Exception):
    """What is wrong with a cell: column, value, why."""


def read_orders(path: str | Path, *, tape: Tape | None = None) -> OrderFile:
    """Read an order file.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8 whose first row names the columns.
    tape : Tape, optional
        The market the orders are for: a time more than a day away from it is taken for another clock and refused.

    Returns
    -------
    OrderFile

    Raises
    ------
    OrderFileError
        Naming the file, the row (the header is row 1), the column, the value and the mend.

    Examples
    --------
    >>> import tempfile
    >>> text = "ts_ns,account,client_order_id,symbol,side,type,quantity,limit_price"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "orders.csv"
    ...     _ = file.write_text(text + chr(10) + "34200000000000,ana,a1,AMZN,buy,limit,100,223.95")
    ...     order = read_orders(file).messages[0]
    >>> order.side, order.quantity, order.limit_price
    (<Side.BUY: 1>, 100000000, 223950000)
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            messages = list(_rows(path, csv.reader(file, strict=True), tape))
    except FileNotFoundError:
        raise OrderFileError(f"{path}: no such order file; check the path") from None
    except OSError as error:
        raise OrderFileError(f"{path}: cannot be read as an order file: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise OrderFileError(
            f"{path}: is not text in UTF-8 (byte {error.start}); save it as CSV in UTF-8, not as a workbook"
        ) from None
    newest = -1
    moved = 0
    for message in messages:
        if message.ts_ns < newest:
            moved += 1
        else:
            newest = message.ts_ns
    if moved:
        messages.sort(key=lambda message: message.ts_ns)
    return OrderFile(path, tuple(messages), moved)


def _rows(path: Path, reader: Iterator[list[str]], tape: Tape | None) -> Iterator[OrderMessage]:
    header: list[str] | None = None
    line = 0
    row: Callable[[list[str]], OrderMessage]
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise OrderFileError(f"{path}, near row {line + 1}: is not CSV ({error}); mend the quotes there") from None
        line = reader.line_num  # type: ignore[attr-defined]
        if not any(cells):
            continue
        if header is None:
            header = _header(path, cells)
            row = _row_reader(header, tape)
            continue
        if len(cells) != len(header):
            raise OrderFileError(
                f"{path}, row {line}: has {len(cells)} cells, but the header names {len(header)} columns; "
                "the file may be cut off, or a value with a comma needs quotes"
            )
        try:
            yield row(cells)
        except _BadCell as error:
            column, value, why = error.args
            raise OrderFileError(f"{path}, row {line}, column {column}: {value!r} {why}") from None
    if header is None:
        raise OrderFileError(f"{path}: is empty; the first row names the columns: {','.join(COLUMNS)}")


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise OrderFileError(f"{path}: its columns are not separated by commas; save it as CSV with commas")
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, 1)
            mend = f"did you mean {near[0]!r}?" if near else f"the columns are {', '.join(COLUMNS)}"
            raise OrderFileError(f"{path}: unknown column {name!r}; {mend}")
        if names.count(name) > 1:
            raise OrderFileError(f"{path}: column {name!r} is there twice; drop one")
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise OrderFileError(f"{path}: the header lacks {', '.join(missing)}; the columns are {', '.join(COLUMNS)}")
    return names


def _row_reader(header: list[str], tape: Tape | None) -> Callable[[list[str]], OrderMessage]:
    """What turns the cells of a row into a message: one look-up for each word and number seen before."""
    places = [header.index(name) if name in header else -1 for name in COLUMNS]
    at_ts, at_account, at_id, at_action, at_symbol, at_side = places[:6]
    at_type, at_quantity, at_limit, at_stop, at_tif, at_flags = places[6:]
    first, last = (0, NS_MAX)
    if tape is not None and len(tape):
        first, last = max(0, tape.start_ns - DAY_NS), min(NS_MAX, tape.end_ns + DAY_NS)
    numbers: dict[str, int | None] = {"": None}
    asked: dict[str, dict[str, Any]] = {"": {}}

    def cell(cells: list[str], index: int) -> str:
        return cells[index].strip() if index >= 0 else ""

    def needed(cells: list[str], index: int, mend: str) -> str:
        text = cells[index].strip()
        if not text:
            raise _BadCell(header[index], text, f"is empty; give {mend}")
        return text

    def number(cells: list[str], index: int) -> int | None:
        if index < 0:
            return None
        text = cells[index]
        if text not in numbers:
            column = header[index]
            try:
                numbers[text] = to_micros(text, what=column) if text.strip() else None
            except ValueOffGrid as error:
                why = str(error).removeprefix(column).strip().removeprefix(repr(text)).removeprefix(text)
                raise _BadCell(column, text, why.strip()) from None
        return numbers[text]

    def word(cells: list[str], index: int, known: dict[str, _T]) -> _T:
        text = cells[index]
        found = known.get(text) or known.get(_plain(text))
        if found is None:
            raise _BadCell(header[index], text.strip(), _unknown(_plain(text), known))
        return found

    def read(cells: list[str]) -> OrderMessage:
        text = cells[at_ts]
        try:
            ts_ns = int(text)
        except ValueError:
            raise _BadCell(
                "ts_ns",
                text.strip(),
                "is not a whole number of nanoseconds; write all its digits (pandas: astype('int64'))",
            ) from None
        if not first <= ts_ns <= last:
            raise _BadCell("ts_ns", ts_ns, _other_clock(ts_ns, tape))
        account = needed(cells, at_account, "a name")
        client_order_id = needed(cells, at_id, "each order of an account a name of its own")
        action = cell(cells, at_action).lower() or "submit"
        flags = cell(cells, at_flags)
        if flags and action in ("cancel", "replace"):
            raise _BadCell("flags", flags, f"stands beside a {action}; flags are for a submit, leave them out")
        if action == "cancel":
            return CancelOrder(ts_ns, account, client_order_id)
        limit, stop = number(cells, at_limit), number(cells, at_stop)
        quantity = number(cells, at_quantity)
        if action == "replace":
            return ReplaceOrder(ts_ns, account, client_order_id, quantity, limit, stop)
        if action != "submit":
            raise _BadCell("action", action, _unknown(action, ACTIONS))
        if quantity is None:
            raise _BadCell("quantity", "", "is empty; give how many units")
        if flags not in asked:
            try:
                asked[flags] = read_flags(flags)
            except BadFlag as error:
                raise _BadCell("flags", flags, str(error)) from None
        return SubmitOrder(
            ts_ns, account, client_order_id, needed(cells, at_symbol, "what to trade"), word(cells, at_side, _SIDES),
            word(cells, at_type, _TYPES), quantity, limit, stop,
            word(cells, at_tif, _TIFS) if cell(cells, at_tif) else TimeInForce.DAY, **asked[flags],
        )  # fmt: skip

    return read


def _plain(text: str) -> str:
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def _unknown(text: str, known: Iterable[str]) -> str:
    """What is wrong with a word that is not among those known."""
    choices = list(known)
    mend = f"take one of {', '.join(choices)}"
    if not text:
        return f"is empty; {mend}"
    near = difflib.get_close_matches(text, choices, 1)
    return f"is not known; did you mean {near[0]!r}?" if near else f"is not known; {mend}"


def _other_clock(ts_ns: int, tape: Tape | None) -> str:
    """Why a time cannot be meant, by the tape's clock."""
    if tape is None:
        return "is not between 0 and 2**63 - 1; give nanoseconds"
    clock = f"nanoseconds since midnight of {tape.date}" if tape.date else "nanoseconds since 1970-01-01 in UTC"
    why = (
        f"is more than a day away from the tape {tape.name!r}, which runs from {tape.start_ns} "
        f"({_moment(tape.start_ns, tape)}) to {tape.end_ns} ({_moment(tape.end_ns, tape)}) in {clock}"
    )
    if tape.date:
        midnight = dt.datetime.combine(dt.date.fromisoformat(tape.date), dt.time(), ZoneInfo(tape.timezone))
        offset = int(midnight.timestamp()) * NS_PER_S
        if tape.start_ns - DAY_NS <= ts_ns - offset <= tape.end_ns + DAY_NS:
            return f"{why}; it counts from 1970: subtract {offset} from every ts_ns"
    elif 0 <= ts_ns < 2 * DAY_NS:
        return f"{why}; it seems to count from a midnight: add that of the day"
    return f"{why}; write the times on that clock"


def _moment(ts_ns: int, tape: Tape) -> str:
    seconds = ts_ns // NS_PER_S
    if tape.date:
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    zone = ZoneInfo(tape.timezone)
    return f"{dt.datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M:%S}"
