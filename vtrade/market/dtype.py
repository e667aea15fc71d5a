"""What is one market event, as a row?

Rules: every feed (L1 quotes, L2 levels, L3 orders, prints, bars, session status) is rows of ``EVENT``; rows are in time
order; prices are ticks and quantities lots of the row's instrument. A kind that does not use a column leaves it 0.

======================  ====================================================================================
kind                    meaning of the columns
======================  ====================================================================================
``ADD``                 L3: order ``order_id`` of ``quantity`` joins the queue at ``price`` on ``side``
``REDUCE``              L3: ``quantity`` of ``order_id`` is canceled, the rest keeps its place
``DELETE``              L3: what is left of ``order_id`` is canceled (``quantity``, ``price``, ``side`` as known)
``EXECUTE``             L3: ``quantity`` of the resting ``order_id`` on ``side`` trades at ``price``: a print as well
``LEVEL``               L2: the level ``price`` on ``side`` now shows ``quantity`` in total (0 removes it)
``QUOTE``               L1: the best price on ``side`` is now ``price`` x ``quantity``; all other levels go
                        (``quantity`` 0: that side is empty)
``TRADE``               a print that changes no visible level by itself; ``side`` is the aggressor's (0 unknown)
``BAR_OPEN``            bar starts: ``price`` is the open, ``quantity`` the volume of the whole bar
``BAR_HIGH, BAR_LOW``   extremes of the bar, in the order in which the path visits them; stamped at the bar's end
``BAR_CLOSE``           bar ends at ``price``
``STATUS``              ``quantity`` is a ``SessionStatus``
``ORDER``               an agent of an exchange room asks for ``quantity`` on ``side`` at ``price``, as its flags say
``CANCEL``              an agent of an exchange room takes ``order_id`` back, where it is still there
======================  ====================================================================================

``side`` is +1 for bids/buys and -1 for asks/sells. ``order_id`` is dense (1, 2, ...), may be used again once the order
is gone, and 0 means an order that was resting before the tape began. ``flags`` bit 0 (``FLAG_HIDDEN``) marks an
execution of a hidden order.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vtrade.errors import TapeError

EVENT: Final = np.dtype(
    [
        ("ts_ns", np.int64),
        ("price", np.int64),
        ("quantity", np.int64),
        ("order_id", np.int64),
        ("instrument", np.int32),
        ("kind", np.uint8),
        ("side", np.int8),
        ("flags", np.uint16),
    ]
)
"""One market event; 40 bytes, native little-endian on every supported machine."""

Events = NDArray[np.void]

FLAG_HIDDEN: Final = 1
FLAG_MARKET: Final = 2
"""An ``ORDER`` row without a price: it takes what is there, and what is left is canceled."""
FLAG_IOC: Final = 4
"""An ``ORDER`` row of which what cannot trade at once is canceled."""
FLAG_PEGGED: Final = 8
"""An ``ORDER`` row whose ``price`` counts ticks away from the best of the other side, on arrival."""
FLAG_AUCTION: Final = 16
"""A ``TRADE`` row that is the print of an opening or closing auction."""
MAX_PRICE_TICKS: Final = 2**40
MAX_QUANTITY_LOTS: Final = 2**40
MAX_ORDER_ID: Final = 2**27
"""Ids are dense, so this many orders may be known at a time (the engine keeps 16 bytes for each)."""


class Kind(IntEnum):
    """Kinds of market event; values are stored in tapes and journals and never change."""

    ADD = 1
    REDUCE = 2
    DELETE = 3
    EXECUTE = 4
    LEVEL = 5
    QUOTE = 6
    TRADE = 7
    BAR_OPEN = 8
    BAR_HIGH = 9
    BAR_LOW = 10
    BAR_CLOSE = 11
    STATUS = 12
    ORDER = 13
    CANCEL = 14


class SessionStatus(IntEnum):
    """Quantity of a ``STATUS`` row."""

    OPEN = 1
    CLOSED = 2
    HALTED = 3
    RESUMED = 4
    AUCTION = 5


def empty_events(n: int) -> Events:
    """``n`` zeroed event rows."""
    return np.zeros(n, dtype=EVENT)


def read_frame(data: bytes, instruments: int) -> Events:
    """Events from the bytes of a frame, checked so that nothing compiled follows a damaged row out of its arrays.

    Raises
    ------
    TapeError
        If the bytes are no whole rows, or a row names an unknown kind, instrument or an impossible number.

    Examples
    --------
    >>> len(read_frame(empty_events(2).tobytes(), 1))
    Traceback (most recent call last):
    ...
    vtrade.errors.TapeError: event 0 of the frame is damaged: it has kind 0
    """
    if len(data) % EVENT.itemsize:
        raise TapeError(f"a frame of {len(data)} bytes holds no whole events of {EVENT.itemsize} bytes; send it again")
    events = np.frombuffer(data, dtype=EVENT)
    kinds = events["kind"]
    bad = (
        (kinds < Kind.ADD)
        | (kinds > Kind.CANCEL)
        | (events["instrument"].astype(np.uint32) >= instruments)
        | (events["order_id"].astype(np.uint64) > MAX_ORDER_ID)
        | (events["quantity"].astype(np.uint64) > MAX_QUANTITY_LOTS)
        | ((kinds == Kind.STATUS) & ((events["quantity"] < 1) | (events["quantity"] > SessionStatus.AUCTION)))
        | (((kinds <= Kind.QUOTE) | (kinds == Kind.ORDER)) & (np.abs(events["side"]) != 1))
        | ((events["side"] < -1) | (events["side"] > 1))
        | (events["price"] > MAX_PRICE_TICKS)
        | (events["price"] < -MAX_PRICE_TICKS)
    )
    if bad.any():
        row = int(np.argmax(bad))
        told = ", ".join(
            f"{name} {events[name][row]}" for name in ("kind", "instrument", "order_id", "price", "quantity", "side")
        )
        told = f"kind {kinds[row]}" if not Kind.ADD <= kinds[row] <= Kind.CANCEL else told
        raise TapeError(f"event {row} of the frame is damaged: it has {told}")
    return events
