"""Which columns of a table are the bars, and is every one of them a number?

Rules: columns are found by name, whatever their case, order and punctuation, as yfinance and most brokers write them.
The first value that is not a time or a number is refused by row (counted from 1, below the column names) and column;
nothing is dropped or repaired. Only in yfinance's table of several tickers is a row without any price of a ticker
passed over: it says that this one did not trade then.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import TapeError
from vtrade.market.files import Ints, near, read_file

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = {
    "time": ("datetime", "timestamp", "date", "time", "ts", "opentime", "dateandtime"),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closelast", "closeprice"),
    "volume": ("volume", "v", "vol"),
    "adjusted": ("adjclose", "adjustedclose"),
    "symbol": ("symbol", "ticker", "sym"),
}
"""Names a column may have, without blanks, case and punctuation; the first one that is there counts."""

PRICES: Final = ("open", "high", "low", "close")

_MONEY: Final = r"^\$?(\d{1,3}(?:,\d{3})+|\d+)(\.\d*)?$"
_ZONED: Final = r":\d{2}.*(?:Z|[+-]\d{2}:?\d{2})$"
_EPOCH_UNITS: Final = ((10**11, "s"), (10**14, "ms"), (10**17, "us"), (2**63, "ns"))


@dataclass(frozen=True)
class Frame:
    """Bars of one instrument as numbers from the outside.

    Attributes
    ----------
    where : str
        Names the table in error messages.
    rows : (N,) int64
        Row of each bar in the table, from 0.
    time_ns : (N,) int64
        On the wall clock, or in UTC where ``utc``.
    utc : bool
    prices : (4, N) float64
        Open, high, low, close; in money units.
    volume : (N,) float64
        In units.
    adjusted : (N,) float64 or None
        Close adjusted for splits and dividends.
    """

    where: str
    rows: Ints
    time_ns: Ints
    utc: bool
    prices: NDArray[np.float64]
    volume: NDArray[np.float64]
    adjusted: NDArray[np.float64] | None

    def wrong(self, bar: int, what: str) -> TapeError:
        """The error about a bar."""
        moment = str(np.datetime64(int(self.time_ns[bar]), "ns"))[:19].replace("T", " ")
        return TapeError(f"{self.where}: row {self.rows[bar] + 1} ({moment.removesuffix(' 00:00:00')}){what}")


def read_table(path: Path) -> pd.DataFrame:
    """A Parquet file as it is, or a CSV file as a frame of text."""
    import pandas as pd

    data = read_file(path)
    if path.suffix == ".parquet":
        try:
            return pd.read_parquet(io.BytesIO(data))
        except (OSError, ValueError) as error:
            raise TapeError(f"{path}: not a readable Parquet file ({error}); fetch it again") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TapeError(f"{path}: not a text file (byte {error.start}); give CSV, or prefix the format") from None
    lines = text.splitlines()
    if not text.strip():
        raise TapeError(f"{path}: the file is empty; fetch it again")
    comma = max(",;\t", key=lines[0].count)
    corner = [line.lower().split(comma)[0].strip() for line in lines[:3]]
    layout: dict[str, Any] = {"index_col": False}
    if sorted(corner[:2]) == ["price", "ticker"]:  # yfinance writes two rows of column names, then the index's name
        layout = {"header": [0, 1], "index_col": 0, "skiprows": [2] if corner[2:] in (["date"], ["datetime"]) else None}
    try:
        table: pd.DataFrame = pd.read_csv(
            io.StringIO(text), sep=comma, dtype=str, skipinitialspace=True, keep_default_na=False, **layout
        )
    except (ValueError, IndexError) as error:  # pandas' parser errors are ValueErrors
        raise TapeError(f"{path}: cannot be read as CSV ({str(error).strip()}); mend or drop that line") from None
    return table


def frames(table: pd.DataFrame, where: str, fallback: str) -> Iterator[tuple[str, Frame]]:
    """The instruments of a table, each with its symbol; ``fallback`` names the only one of a table without symbols."""
    import pandas as pd

    if isinstance(table.columns, pd.MultiIndex):
        yield from _tickers(table, where, fallback)
        return
    found = _find(table, where)
    if "symbol" not in found:
        if not fallback:
            raise TapeError(f"{where}: has no symbol column; pass symbol='...'")
        yield fallback, _frame(table, found, where, np.arange(len(table)))
        return
    names = table[found["symbol"]].astype(str).str.strip().to_numpy()
    for name in dict.fromkeys(names):
        rows = np.flatnonzero(names == name)
        if name in ("", "nan", "None"):
            raise TapeError(f"{where}: row {rows[0] + 1}, column {found['symbol']!r} is empty; name the symbol")
        yield str(name), _frame(table, found, f"{where}, {name}", rows)


def _tickers(table: pd.DataFrame, where: str, fallback: str) -> Iterator[tuple[str, Frame]]:
    """The instruments of a table with two rows of column names, in either order."""
    for level in (0, 1):
        if {_plain(name) for name in table.columns.get_level_values(level)} >= set(PRICES):
            break
    else:
        raise TapeError(f"{where}: no row of column names holds Open, High, Low, Close; give a table of OHLCV columns")
    for ticker in dict.fromkeys(str(name) for name in table.columns.get_level_values(1 - level)):
        part: Any = table.xs(ticker, axis=1, level=1 - level)
        found = _find(part, where, timed=True)
        prices = part[[found[price] for price in PRICES]]
        rows = np.flatnonzero(~(prices.isna() | (prices == "")).all(axis=1).to_numpy())
        yield ticker or fallback, _frame(part, found, f"{where}, {ticker}", rows)


def _plain(column: object) -> str:
    return re.sub(r"[^a-z0-9]", "", str(column).lower())


def _find(table: pd.DataFrame, where: str, *, timed: bool = False) -> dict[str, Any]:
    """Which column of the table is which; ``timed`` if the time is surely in the index."""
    by_name: dict[str, Any] = {}
    for column in table.columns:
        by_name.setdefault(_plain(column), column)
    found = {what: by_name[n] for what, names in COLUMNS.items() for n in reversed(names) if n in by_name}
    missing = [what for what in (*PRICES, "volume") if what not in found]
    indexed = timed or type(table.index).__name__ == "DatetimeIndex" or _plain(table.index.name) in COLUMNS["time"]
    if "time" not in found and not indexed:
        missing.insert(0, "date")
    if missing:
        hint = "".join(dict.fromkeys(near(what, (str(c) for c in table.columns)) for what in missing))
        raise TapeError(
            f"{where}: has no column for {', '.join(missing)} (it has {', '.join(map(str, table.columns))}){hint}; "
            "rename the columns to Date, Open, High, Low, Close, Volume"
        )
    return found


def _frame(table: Any, found: dict[str, Any], where: str, rows: NDArray[np.intp]) -> Frame:
    """The wanted rows of a table as numbers; the first one that is not a number is refused."""
    import pandas as pd

    if not len(rows):
        raise TapeError(f"{where}: has no rows; give at least one bar")
    part = table.iloc[rows]
    raw = part[found["time"]] if "time" in found else part.index.to_series()
    clock = [c for c in part.columns if _plain(c) == "time" and "time" in found and c != found["time"]]
    if clock and raw.dtype.kind != "M":  # one column for the day and one for the time of day
        raw = raw.astype(str).str.strip() + " " + part[clock[0]].astype(str).str.strip()
    time_ns, utc = _times(raw, where, rows)
    numbers: dict[str, NDArray[np.float64]] = {}
    for what in (*PRICES, "volume", "adjusted"):
        if what in found:
            column = part[found[what]]
            if column.dtype.kind not in "iuf":
                column = column.astype(str).str.strip().str.replace(_MONEY, _number, regex=True)
            numbers[what] = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    prices = np.stack([numbers[price] for price in PRICES])
    frame = Frame(where, rows.astype(np.int64), time_ns, utc, prices, numbers["volume"], numbers.get("adjusted"))
    for what, values in numbers.items():
        bad = ~np.isfinite(values) | (values < 0) | ((values == 0) & (what != "volume"))
        if bad.any():
            bar = int(np.argmax(bad))
            text = str(part[found[what]].iloc[bar])
            number = "number" if what == "volume" else "positive number"
            cut = " (is the last line cut off?)" if bar == len(rows) - 1 and text in ("", "nan") else ""
            raise frame.wrong(
                bar, f", column {str(found[what])!r}: {text!r} is not a {number}{cut}; mend or drop that row"
            )
    return frame


def _number(found: re.Match[str]) -> str:
    return found[1].replace(",", "") + (found[2] or "")


def _times(raw: Any, where: str, rows: NDArray[np.intp]) -> tuple[Ints, bool]:
    """Times as nanoseconds, and whether they are UTC (else on the wall clock)."""
    import pandas as pd

    text = raw.astype(str).str.strip().str.replace(r"\.0$", "", regex=True)
    if raw.dtype.kind == "M":
        utc, stamps = raw.dt.tz is not None, raw
    elif text.str.fullmatch(r"\d{8}").all():
        utc, stamps = False, pd.to_datetime(text, format="%Y%m%d", errors="coerce")
    elif text.str.fullmatch(r"\d{9,18}|[1-8]\d{18}").all():
        numbers = text.astype("int64")
        unit: Any = next(unit for limit, unit in _EPOCH_UNITS if int(numbers.max()) < limit)
        utc, stamps = True, pd.to_datetime(numbers, unit=unit, errors="coerce", utc=True)
    else:
        utc = bool(text.str.contains(_ZONED).any())
        with warnings.catch_warnings():  # a format that pandas cannot guess ends in the error below
            warnings.simplefilter("ignore", UserWarning)
            stamps = pd.to_datetime(text, errors="coerce", utc=utc)
    if stamps.isna().any():
        bar = int(np.argmax(stamps.isna().to_numpy()))
        raise TapeError(
            f"{where}: row {rows[bar] + 1}: {str(raw.iloc[bar])!r} is not a date or time like the others; "
            "write YYYY-MM-DD or YYYY-MM-DD HH:MM:SS"
        )
    if utc:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(stamps.dt.as_unit("ns").astype("int64"), dtype=np.int64), utc
