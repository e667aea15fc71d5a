"""How does a raw capture of Binance's websocket become a tape?

A capture holds one line for each message that arrived: the receiver's clock in nanoseconds, a blank, and the message as
JSON (depth diffs, bookTicker, trades, and REST snapshots as they came).

Rules:

- *Which clock.* The receiver's clock need not be right: one that runs 1.27 s behind the exchange's makes every latency
  negative if the two are subtracted. So they are never subtracted as they are. Messages stay in the order in which they
  arrived, whatever the clock. ``clock="local"`` stamps them as the receiver did (held where that clock ran back): what
  a participant there saw, and when. ``clock="exchange"`` stamps them with the exchange's own time, held where it would
  run back; a message without one (bookTicker, snapshot) gets the local time plus what the clock is behind, so that the
  fastest message took no time at all, but no later time than the next message that has one.
- *The book.* Depth diffs state levels' totals, and their update numbers must join. A snapshot that is older than the
  diffs is brought up to date with them; until there is one the book holds what diffs and tickers told, which is right
  but not all. A bookTicker sets the best level of both sides and takes away what was better. Diffs come every 100 ms
  and may be older than the ticker: then their levels at its touch and inside it are out of date, and left out. A
  message that is older than what is known already is left out and counted.
- *Gaps.* Update numbers that do not join are told in the report and in the tape's name. The book is emptied, since
  nobody knows what happened to it, and built up anew. The same goes for a diff that would lock or cross the book. A
  ticker or a print with a zero, and a ticker that is locked or crossed, is left out and counted.
- *The grid.* A tick is 0.01 unless a price needs a finer one; one tick of one lot is one micro-unit of money (a lot of
  0.0001 for BTCUSDT). Binance counts finer quantities: they are rounded half to even to lots, but whatever is more than
  nothing stays at least one lot. The report tells what that did to the volume.
- Levels further than ``band_bps`` from all that was quoted or traded are left out: nobody reaches them.
- A print's side is the aggressor's: the seller's where the buyer was the maker (``m``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.values import MICRO, Number, plain_micros, to_micros
from vtrade.errors import TapeError
from vtrade.market.binance_book import ROW, UNITS, DepthBook, Gap, Message
from vtrade.market.calendars import ALWAYS
from vtrade.market.dtype import EVENT, Events, Kind, SessionStatus
from vtrade.market.files import Ints, halves_to_even, near, read_file
from vtrade.market.several import files_of
from vtrade.market.tape import Tape, check_tape

BAND_BPS: Final = 200
"""How far from all quotes and prints a level may be, unless a reader is told otherwise."""

TICK: Final = 10_000
"""The coarsest tick, in micro-units."""

CURRENCIES: Final = (
    "USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "GBP", "TRY", "BRL", "JPY", "USD",
)  # fmt: skip
"""What a symbol may end in: the money it is priced in."""

_NS_PER_MS: Final = 1_000_000
_PER_MICRO: Final = UNITS // MICRO
_WHAT: Final = {"depthUpdate": "diff", "trade": "trade", "bookTicker": "ticker"}


@dataclass(frozen=True)
class Capture:
    """What a capture held, and what was done about its faults.

    Attributes
    ----------
    lines : int
        Messages read.
    diffs, tickers, trades, snapshots, others : int
        Of each kind; others (candles, statistics, other symbols) are not read.
    gaps : tuple of Gap
        Where update numbers do not join.
    late, damaged, unused : int
        Messages older than what was known; locked, crossed or zero ones; snapshots that joined nothing.
    trades_missing, trades_repeated : int
        By the numbers of the trades; a repeated one is left out.
    far : int
        Level rows beyond the band.
    clock_back : int
        Messages before which the receiver's clock ran back.
    behind_ns : int
        What the receiver's clock is behind the exchange's at least (negative: perhaps ahead).
    latency_ns : int
        Median time from the exchange to the receiver, beyond that of the fastest message: never negative.
    volume, rounded : float
        Units printed, and what rounding to lots added to them.
    """

    lines: int
    diffs: int
    tickers: int
    trades: int
    snapshots: int
    others: int
    gaps: tuple[Gap, ...]
    late: int
    damaged: int
    unused: int
    trades_missing: int
    trades_repeated: int
    far: int
    clock_back: int
    behind_ns: int
    latency_ns: int
    volume: float
    rounded: float


@dataclass(frozen=True)
class _Lines:
    """The messages of all files in order of arrival, and where each stands."""

    local_ns: Ints
    messages: list[Message]
    numbers: Ints
    files: tuple[tuple[int, str], ...]

    def where(self, at: int) -> str:
        """File and line (from 1) of a message."""
        name = next(name for first, name in reversed(self.files) if first <= at)
        return f"{name}: line {self.numbers[at]}"


def load_binance(
    path: str | Path,
    *,
    symbol: str = "",
    clock: str = "local",
    day: str = "",
    tick: Number = 0,
    lot: Number = 0,
    band_bps: int = BAND_BPS,
    fees: FeeSchedule | None = None,
) -> Tape:
    """Read raw websocket lines ``local_ns json``, one file or several that follow each other.

    Parameters
    ----------
    path : path
        A file (also ``.gz``), several joined by ``+`` (a bare name lies beside the first), or a folder, which may be
        followed by ``:YYYYMMDD`` for the files whose name holds that day.
    symbol : str
        Needed only where the capture holds several.
    clock : {"local", "exchange"}
        Whose time the rows carry (see the module); the order is that of arrival either way.
    day : str
        ``YYYYMMDD``: the only files wanted of a folder.
    tick, lot : number
        Smallest price and quantity step; by default as the module says.
    band_bps : int
        How far from all quotes and prints levels are read, in basis points; 0 reads them all.
    fees : FeeSchedule, optional
        None by default.

    Returns
    -------
    Tape
        Depth ``"L2"``; times count from the Unix epoch.

    Raises
    ------
    TapeError
        Naming the file and line.
    """
    return read_binance(
        path, symbol=symbol, clock=clock, day=day, tick=tick, lot=lot, band_bps=band_bps, fees=fees
    )[0]  # fmt: skip


def read_binance(
    path: str | Path,
    *,
    symbol: str = "",
    clock: str = "local",
    day: str = "",
    tick: Number = 0,
    lot: Number = 0,
    band_bps: int = BAND_BPS,
    fees: FeeSchedule | None = None,
) -> tuple[Tape, Capture]:
    """The tape, as :func:`load_binance` reads it, and the report of what the capture held."""
    if clock not in ("local", "exchange"):
        raise TapeError(
            f"clock={clock!r} is not known{near(clock, ['local', 'exchange'])}; give 'local' (when it arrived) or "
            "'exchange' (when it happened)"
        )
    if band_bps < 0:
        raise TapeError(f"band_bps={band_bps} is negative; give a number of basis points, or 0 for all levels")
    lines = _read(files_of(str(path), day=day, what="capture"))
    what, symbol = _sorted_out(lines, symbol, str(path))
    book, repeated, missing = _fold(lines, what)
    rows = np.frombuffer(book.rows, dtype=np.int64).reshape(-1, ROW)
    if not len(rows):
        raise TapeError(f"{path}: holds no quote, level or print of {symbol}; give another file")
    rows, far = _near_market(rows, lines, what, band_bps)
    instrument = _instrument(symbol, rows[:, 2], str(path), tick, lot, fees)
    stamps, behind, latency = _clock(lines, clock, str(path))
    events, volume, rounded = _events(rows, stamps, instrument, str(path))
    count = {kind: what.count(kind) for kind in ("diff", "ticker", "trade", "snapshot", "")}
    report = Capture(
        len(what), count["diff"], count["ticker"], count["trade"], count["snapshot"], count[""], tuple(book.gaps),
        book.late, book.damaged, book.unused, missing, repeated, far, int((np.diff(lines.local_ns) < 0).sum()),
        behind, latency, volume, rounded,
    )  # fmt: skip
    first, last = (str(np.datetime64(int(events["ts_ns"][at]), "ns"))[:16].replace("T", " ") for at in (0, -1))
    end = last[11:] if first[:10] == last[:10] else last
    gaps = f", {len(book.gaps)} gap{'s' if len(book.gaps) > 1 else ''}" if book.gaps else ""
    name = f"{symbol} {first} to {end} UTC, {clock} clock{gaps}"
    return check_tape(Tape(name=name, instruments=(instrument,), events=events, depth="L2", timezone="UTC")), report


def _read(files: list[Path]) -> _Lines:
    """All messages; the first line that cannot be understood is refused."""
    decode = msgspec.json.Decoder(Message).decode
    local: list[int] = []
    messages: list[Message] = []
    numbers: list[int] = []
    starts: list[tuple[int, str]] = []
    for path in files:
        starts.append((len(messages), str(path)))
        for number, line in enumerate(read_file(path).split(b"\n"), start=1):
            if line.isspace() or not line:
                continue
            stamp, _, text = line.partition(b" ")
            try:
                local.append(int(stamp))
                message = decode(text)
            except (ValueError, msgspec.DecodeError) as error:
                raise TapeError(
                    f"{path}: line {number} is damaged ({error}: {line[:60].decode('utf-8', 'replace')!r}); "
                    "a line is 'nanoseconds json': drop it, or fetch the file again"
                ) from None
            messages.append(message.data or message)
            numbers.append(number)
        if starts[-1][0] == len(messages):
            raise TapeError(f"{path}: the file is empty; fetch it again")
        if starts[-1][0] and local[starts[-1][0]] < local[starts[-1][0] - 1]:
            raise TapeError(f"{path}: begins before {starts[-2][1]} ends; name the files in the order of their times")
    stamps = np.array(local, dtype=object)
    if stamps.min() <= 0 or stamps.max() >= 2**63:
        at = int(np.argmax((stamps <= 0) | (stamps >= 2**63)))
        lines = _Lines(np.zeros(0, dtype=np.int64), messages, np.array(numbers), tuple(starts))
        raise TapeError(f"{lines.where(at)}: {local[at]} is no time in nanoseconds; drop that line")
    return _Lines(stamps.astype(np.int64), messages, np.array(numbers, dtype=np.int64), tuple(starts))


def _sorted_out(lines: _Lines, symbol: str, where: str) -> tuple[list[str], str]:
    """What each message is (empty: none of ours), and the symbol."""
    symbols = sorted({message.symbol for message in lines.messages} - {""})
    symbol = symbol.upper() or (symbols[0] if len(symbols) == 1 else "")
    if not symbols:
        raise TapeError(f"{where}: holds no depth, bookTicker or trade message; is it a capture of Binance's streams?")
    if symbol not in symbols:
        told = f"has no symbol {symbol!r}{near(symbol, symbols)}" if symbol else "holds several symbols"
        raise TapeError(f"{where}: {told}; pass symbol= one of {', '.join(symbols[:8])}")
    out = []
    for message in lines.messages:
        if message.snapshot:
            out.append("snapshot" if len(symbols) == 1 else "")  # it does not tell whose it is
        elif message.symbol != symbol:
            out.append("")
        elif message.event:
            out.append(_WHAT.get(message.event, ""))
        else:
            out.append("ticker" if message.bid_size else "")
    return out, symbol


def _fold(lines: _Lines, what: list[str]) -> tuple[DepthBook, int, int]:
    """The book after all messages, trades that were repeated and trades that are missing."""
    book = DepthBook()
    take = {"diff": book.diff, "ticker": book.ticker, "trade": book.trade, "snapshot": book.state}
    newest = repeated = missing = 0
    for at, (kind, message) in enumerate(zip(what, lines.messages, strict=True)):
        if not kind:
            continue
        if kind == "trade" and message.trade:
            if message.trade <= newest:
                repeated += 1
                continue
            missing += message.trade - newest - 1 if newest else 0
            newest = message.trade
        book.line = at
        try:
            take[kind](message)
        except ValueError as error:
            raise TapeError(f"{lines.where(at)} is damaged ({error}); drop it, or fetch the file again") from None
    return book, repeated, missing


def _near_market(rows: Ints, lines: _Lines, what: list[str], band_bps: int) -> tuple[Ints, int]:
    """The rows without levels that nobody reaches, and how many these were."""
    level = rows[:, 1] == Kind.LEVEL
    at_market = ~level
    if "ticker" in what:  # its rows are the touch, or levels that the touch has passed
        at_market |= (np.array(what) == "ticker")[rows[:, 0]]
    if not band_bps or not at_market.any():
        return rows, 0
    low, high = int(rows[at_market, 2].min()), int(rows[at_market, 2].max())
    keep = ~level | ((rows[:, 2] >= low - low * band_bps // 10_000) & (rows[:, 2] <= high + high * band_bps // 10_000))
    return rows[keep], int((~keep).sum())


def _instrument(
    symbol: str, prices: Ints, where: str, tick: Number, lot: Number, fees: FeeSchedule | None
) -> Instrument:
    common = int(np.gcd.reduce(prices))
    size = to_micros(tick, what="tick") if tick else TICK
    while not tick and common % (size * _PER_MICRO) and size > 1:
        size //= 10
    if common % (size * _PER_MICRO):
        off = int(prices[np.argmax(prices % (size * _PER_MICRO) != 0)])
        raise TapeError(
            f"{where}: the price {off / UNITS:.8f} is not on a tick of {plain_micros(size)}; "
            f"{'pass a finer tick' if size > 1 else 'VTrade counts six decimals of a price'}"
        )
    currency = next((c for c in CURRENCIES if symbol.endswith(c) and symbol != c), "")
    coin = symbol.removesuffix(currency)
    return Instrument.make(
        symbol,
        tick=plain_micros(size),
        lot=lot or plain_micros(MICRO // size),
        currency=currency or "USD",
        name=f"{coin} in {currency}" if currency else "",
        sector="Digital Assets",
        asset_class="Crypto",
        calendar=ALWAYS,
        fees=fees,
    )


def _clock(lines: _Lines, clock: str, where: str) -> tuple[Ints, int, int]:
    """Time of each message, what the receiver's clock is behind, and the median latency beyond the fastest."""
    local = np.maximum.accumulate(lines.local_ns)
    own = np.array([m.trade_ms or m.event_ms for m in lines.messages], dtype=np.int64) * _NS_PER_MS
    known = np.flatnonzero(own)
    if not len(known):
        if clock == "exchange":
            raise TapeError(f"{where}: no message carries the exchange's time; take clock='local'")
        return local, 0, 0
    ahead = own[known] - local[known]
    behind = int(ahead.max())
    latency = int(np.median(behind - ahead))
    if clock == "local":
        return local, behind, latency
    bound = np.append(own[known], np.iinfo(np.int64).max)[np.searchsorted(known, np.arange(len(own)))]
    stamps = np.where(own > 0, own, np.minimum(local + behind, bound))
    return np.maximum.accumulate(stamps), behind, latency


def _events(rows: Ints, stamps: Ints, instrument: Instrument, where: str) -> tuple[Events, float, float]:
    """Rows on the instrument's grid between the session's open and close, the volume, and what rounding added."""
    line, kind, price, quantity, side = rows.T
    lot = instrument.lot_size * _PER_MICRO
    lots = np.maximum(halves_to_even(quantity, lot), quantity > 0)
    events = np.zeros(len(rows) + 2, dtype=EVENT)
    inner = events[1:-1]
    inner["ts_ns"], inner["kind"], inner["side"] = stamps[line], kind, side
    inner["price"], inner["quantity"] = price // (instrument.tick_size * _PER_MICRO), lots
    edge = events[[0, -1]]
    edge["ts_ns"], edge["kind"] = stamps[line[[0, -1]]], Kind.STATUS
    edge["quantity"] = SessionStatus.OPEN, SessionStatus.CLOSED
    events[[0, -1]] = edge
    printed = kind == Kind.TRADE
    volume = int(quantity[printed].sum())
    return events, volume / UNITS, (int(lots[printed].sum()) * lot - volume) / UNITS
