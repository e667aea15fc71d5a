"""What does a gateway stream to a desk, and what does one frame of it look like?

Rules: every frame is one tagged MessagePack array (fields may be appended with a default, never moved or removed),
small enough for :data:`FRAME_MAX`; what is larger is compressed and cut into :class:`Part` s. A stream begins with a
:class:`Welcome`. Then comes a snapshot, in parts, unless the desk goes on where an earlier stream ended; after that
only what changes. Facts are never left out, and come in the order of their records; the frames of the market, of one's
own money and of the standings tell how things are now, so a later one takes the place of an earlier one.

``seq`` is the number of a room's record. A desk that heard everything up to ``seq`` asks for what comes ``after`` it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.facts import (
    BandsMoved,
    Fact,
    MarginChanged,
    NewsPublished,
    OrderTerms,
    PlayChanged,
    SessionChanged,
    TenderOffered,
)
from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import OrderType, Reason, Side, Status, TimeInForce
from vtrade.domain.rules import RoomRules
from vtrade.domain.wire import Wire
from vtrade.errors import Unavailable

PROTOCOL: Final = 1
"""Version of the stream; another one cannot be read."""
PART_MAX: Final = 256_000
"""Bytes of one part."""
FRAME_MAX: Final = 8_000_000
"""Bytes of the longest frame that is sent, or taken."""
SNAPSHOT_MAX: Final = 512_000_000
"""Bytes of a snapshot, uncompressed; a longer one is none."""
LEVELS: Final = 10
"""Levels of each side of a book that are streamed."""
STANDINGS: Final = 25
"""Rows of each leaderboard that are streamed."""

Level = tuple[int, int]
"""Price in ticks, lots."""


class Welcome(Wire, frozen=True, tag="hello"):
    """The first frame: to whom this stream belongs; ``resumed`` tells that no snapshot follows."""

    room: str
    account: str
    role: str
    resumed: bool
    seq: int
    protocol: int = PROTOCOL


class Part(Wire, frozen=True, tag="part"):
    """Piece ``number`` of ``count`` of something large: ``what`` is ``snapshot`` or ``candles``."""

    what: str
    number: int
    count: int
    data: bytes


class Money(msgspec.Struct, frozen=True, array_like=True):
    """What an account has, as the engine keeps it: micro-units.

    Attributes
    ----------
    cash : int
        Of the account's own currency.
    reserved, buying_power : int
    balances : dict of str to int
        Money by currency.
    on_its_way : tuple of str
        Orders (``client_order_id``) of which a cancel or a replace has not arrived yet.
    """

    cash: int
    reserved: int
    buying_power: int
    balances: dict[str, int]
    on_its_way: tuple[str, ...] = ()


class OrderNow(msgspec.Struct, frozen=True, array_like=True):
    """How a working order stands: why it waits, lots ahead of it (-1: in no queue), its stop in ticks (0: none).

    ``low`` and ``high`` are the least and the most lots that can be ahead (``high`` -1: nobody knows), ``why`` says how
    sure that is; see :class:`vtrade.execution.places.QueuePlace`.
    """

    order_id: int
    waiting: Reason
    queue_ahead: int = -1
    stop: int = 0
    low: int = 0
    high: int = -1
    why: str = ""


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What record ``seq`` brought about, as far as the desk may know; with ``money`` where it is of the account."""

    seq: int
    ts_ns: int
    facts: Sequence[Fact]
    money: Money | None = None


class Facts(Wire, frozen=True, tag="facts"):
    """Records that brought about something that the desk may know, in order."""

    records: Sequence[Told]


class Quote(msgspec.Struct, frozen=True, array_like=True):
    """An instrument now: ticks and lots; ``touch`` is bid, bid size, ask, ask size (0 where a side is empty)."""

    k: int
    session: str
    last: int
    touch: tuple[int, int, int, int]
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class CandleRows(msgspec.Struct, frozen=True, array_like=True):
    """Candles of instrument ``k`` that are new or changed: from the first of them on, they replace what is there."""

    k: int
    rows: tuple[tuple[int, int, int, int, int, int], ...]
    first: int = 0
    """First price ever seen of the instrument, in ticks."""


class PrintRows(msgspec.Struct, frozen=True, array_like=True):
    """New prints of instrument ``k``: number, time, ticks, lots (0: not told), aggressor (+1, -1, 0 not known)."""

    k: int
    rows: tuple[tuple[int, int, int, int, int], ...]


class Market(Wire, frozen=True, tag="market"):
    """The public market after record ``seq``: the clock, and every instrument that changed since the last one.

    ``candles`` are all that changed after record ``since``; whoever knows fewer has missed some. ``prints`` are the
    newest of those after it: where more came than are told, their numbers leave a gap. ``instruments`` and
    ``currencies`` are told where they changed, else ``None``.
    """

    seq: int
    since: int
    now_ns: int
    playing: bool
    speed: float
    ended: bool
    closed: bool
    trouble: str
    quotes: tuple[Quote, ...]
    candles: tuple[CandleRows, ...]
    instruments: tuple[Instrument, ...] | None = None
    currencies: tuple[str, ...] | None = None
    prints: tuple[PrintRows, ...] = ()


class Own(Wire, frozen=True, tag="own"):
    """An account's money and all of its working orders after record ``seq``."""

    seq: int
    money: Money
    orders: tuple[OrderNow, ...]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of a leaderboard; see :class:`vtrade.gamification.leaderboard.Standing`."""

    rank: int
    account: str
    score: int
    moved: int | None = None


class Standings(Wire, frozen=True, tag="ranks"):
    """The best of each leaderboard, by its name; ``whole`` names those that have no more rows than these."""

    boards: dict[str, tuple[Row, ...]]
    whole: tuple[str, ...] = ()


class Bye(Wire, frozen=True, tag="bye"):
    """The stream ends: why, and whether it makes sense to come again."""

    why: str
    again: bool = True


class Bundle(Wire, frozen=True, tag="bundle"):
    """Several frames in one, oldest first: they were due at the same time."""

    frames: Sequence[msgspec.Raw]


Frame = Welcome | Part | Facts | Market | Own | Standings | Bye | Bundle


# --- what a newcomer has to know -------------------------------------------------------------------------------------


class OrderTold(msgspec.Struct, frozen=True, array_like=True):
    """An order with its story, as :class:`vtrade.execution.blotter.Record` keeps it.

    ``instrument`` counts into the snapshot's ``grids``; -1 where the symbol was unknown.
    """

    account: str
    client_order_id: str
    order_id: int
    instrument: int
    symbol: str
    side: Side
    type: OrderType
    tif: TimeInForce
    ts_ns: int
    terms: OrderTerms
    arrival: int
    decision: int
    mark: int
    quantity: int
    quantity_units: float
    limit: int | None
    stop: int | None
    limit_price: float | None
    stop_price: float | None
    filled: int
    reason: Reason
    detail: str
    waiting: Reason
    status: Status
    bands: BandsMoved | None
    facts: tuple[Fact, ...]
    around: tuple[Fact, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A room after record ``seq`` as one account may know it.

    Attributes
    ----------
    instruments, currencies : tuple
        As they are now.
    accounts : dict of str to RiskLimits
        The accounts that this is about, with their limits: one's own, or all of them for staff.
    head : bytes
        :class:`vtrade.market.tape.TapeHead`, or ``None``, in MessagePack.
    grids : tuple of Instrument
        The instruments that orders were written for.
    listed : tuple of int
        Which of the ``grids`` new orders are written for, by the instrument's number.
    marks, bands, margins
        Last price in ticks by symbol; bands by symbol; last margin fact by account.
    portfolio, progress : bytes
        Snapshots of those engines that know these accounts only.
    """

    seq: int
    now_ns: int
    tape: str
    forked_from: str
    instruments: tuple[Instrument, ...]
    currencies: tuple[str, ...]
    rules: RoomRules
    accounts: dict[str, RiskLimits]
    head: bytes
    grids: tuple[Instrument, ...]
    listed: tuple[int, ...]
    orders: tuple[OrderTold, ...]
    marks: dict[str, int]
    bands: tuple[BandsMoved, ...]
    margins: tuple[MarginChanged, ...]
    portfolio: bytes
    progress: bytes
    news: tuple[NewsPublished, ...]
    tenders: tuple[TenderOffered, ...]
    splits: dict[str, int]
    play: PlayChanged | None
    money: Money | None
    on_orders: tuple[OrderNow, ...] = ()
    sessions: tuple[SessionChanged, ...] = ()


class CandleBlock(msgspec.Struct, frozen=True, array_like=True):
    """All candles of a room: by instrument the first price and the rows.

    Rows are little-endian 64-bit integers, six a row, each row less the one before it. ``prints`` are the newest.
    """

    bars: bool
    instruments: tuple[tuple[int, bytes], ...]
    prints: tuple[PrintRows, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_frames: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_large: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    "snapshot": msgspec.msgpack.Decoder(Snapshot),
    "candles": msgspec.msgpack.Decoder(CandleBlock),
}


def encode_frame(frame: Frame) -> bytes:
    """The wire form of a frame.

    Examples
    --------
    >>> decode_frame(encode_frame(Bye("see you")))
    Bye(why='see you', again=True)
    """
    return _encoder.encode(frame)


def decode_frame(data: bytes) -> Frame:
    """Read a frame; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _frames.decode(data)


def bundled(frames: Sequence[bytes]) -> list[bytes]:
    """The same frames in as few as may be; a long one stays by itself.

    Examples
    --------
    >>> one = encode_frame(Bye("see you"))
    >>> bundled([one]) == [one], len(bundled([one, one, one])), unbundled(bundled([one, one])[0])
    (True, 1, [Bye(why='see you', again=True), Bye(why='see you', again=True)])
    """
    out: list[bytes] = []
    due: list[bytes] = []
    size = 0
    for frame in frames:
        if due and size + len(frame) > PART_MAX:
            out.append(_together(due))
            due, size = [], 0
        due.append(frame)
        size += len(frame)
    return [*out, _together(due)] if due else out


def _together(frames: list[bytes]) -> bytes:
    return frames[0] if len(frames) == 1 else _encoder.encode(Bundle([msgspec.Raw(frame) for frame in frames]))


def unbundled(data: bytes) -> list[Frame]:
    """The frames in the bytes of one; raises ``msgspec.MsgspecError`` on bytes that are none."""
    frame = decode_frame(data)
    return [decode_frame(one) for one in frame.frames] if isinstance(frame, Bundle) else [frame]


def in_parts(what: Snapshot | CandleBlock) -> list[bytes]:
    """Something large as frames: compressed, and cut into parts.

    Examples
    --------
    >>> parts = [decode_frame(data) for data in in_parts(CandleBlock(False, ()))]
    >>> from_parts(parts)
    CandleBlock(bars=False, instruments=(), prints=())
    """
    name = "snapshot" if isinstance(what, Snapshot) else "candles"
    data = zlib.compress(_encoder.encode(what), 1)
    pieces = [data[at : at + PART_MAX] for at in range(0, len(data), PART_MAX)]
    return [encode_frame(Part(name, number, len(pieces), piece)) for number, piece in enumerate(pieces)]


def from_parts(parts: Sequence[Part]) -> Snapshot | CandleBlock:
    """What was cut into these parts, all of them in order.

    Raises
    ------
    Unavailable
        If a part is missing, or the bytes are none; another stream may do better.
    """
    what = parts[0].what
    if what not in _large or any(
        (part.what, part.number, part.count) != (what, number, len(parts)) for number, part in enumerate(parts)
    ):
        raise Unavailable(f"the {what[:20]} of the room came in pieces that do not fit together; connect again")
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(b"".join(part.data for part in parts), SNAPSHOT_MAX)
        if reader.eof:
            told: Snapshot | CandleBlock = _large[what].decode(data)
            return told
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unavailable(f"the {what} of the room cannot be read ({error}); connect again") from None
    raise Unavailable(f"the {what} of the room is cut off, or longer than {SNAPSHOT_MAX} bytes; connect again")
