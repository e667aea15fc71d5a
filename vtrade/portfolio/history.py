"""How are the newest fills, round trips and movements of an account kept, for many accounts at once?

Rules: at most ``bound`` rows; the oldest goes when one more comes. Rows are kept packed, as the bytes in which they
stand in a snapshot, which takes a quarter of the memory of objects and no time of the garbage collector; they are
unpacked when somebody reads them. A whole number beyond 64 bits, which MessagePack cannot hold, is packed as decimal
text and read back as the same number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_INT64_MIN: Final = -(2**63)
_UINT64_MAX: Final = 2**64 - 1
_encoder = msgspec.msgpack.Encoder()


def _narrow(value: Any) -> Any:
    """The same value with every whole number beyond 64 bits as text."""
    if isinstance(value, int):
        return value if _INT64_MIN <= value <= _UINT64_MAX else str(value)
    if isinstance(value, list | tuple):
        return [_narrow(item) for item in value]
    return value


def pack(value: object) -> bytes:
    """MessagePack of a value, also of whole numbers beyond 64 bits."""
    try:
        return _encoder.encode(value)
    except OverflowError:
        return _encoder.encode(_narrow(msgspec.to_builtins(value, builtin_types=(bytes, msgspec.Raw))))


class Rows(Generic[T]):
    """What rows of a kind are packed and unpacked by: one for each kind, shared by all accounts."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder = msgspec.msgpack.Decoder(kind, strict=False)

    def unpack(self, packed: bytes) -> T:
        """The row that was packed."""
        return self._decoder.decode(packed)


class History(Generic[T]):
    """The newest rows, oldest first.

    Examples
    --------
    >>> from vtrade.portfolio.purses import Movement
    >>> history = History(Rows(Movement), 2)
    >>> for seq in (1, 2, 3):
    ...     history.append(Movement(seq, 0, "fine", "", "USD", -5 * 10**20, 0))
    >>> [row.seq for row in history], len(history), next(iter(history)).amount
    ([2, 3], 2, -500000000000000000000)
    """

    __slots__ = ("_bound", "_packed", "_rows")

    def __init__(self, rows: Rows[T], bound: int) -> None:
        self._rows = rows
        self._bound = bound
        self._packed: deque[bytes] | None = None

    def __len__(self) -> int:
        return len(self._packed or ())

    def __iter__(self) -> Iterator[T]:
        return map(self._rows.unpack, list(self._packed or ()))

    def append(self, row: T) -> None:
        """Keep one more."""
        if self._packed is None:
            self._packed = deque(maxlen=self._bound)
        self._packed.append(pack(row))

    def rename(self, old: str, new: str) -> None:
        """Tell rows of a symbol under another one."""
        rows = list(self)
        if any(row.symbol == old for row in rows):  # type: ignore[attr-defined]
            self._packed = None
            for row in rows:
                self.append(msgspec.structs.replace(row, symbol=new) if row.symbol == old else row)  # type: ignore[attr-defined]

    def dump(self) -> list[msgspec.Raw]:
        """The rows for a snapshot."""
        return [msgspec.Raw(row) for row in self._packed or ()]

    def load(self, dumped: Iterable[msgspec.Raw]) -> None:
        """Take over rows of :meth:`dump`."""
        packed = [bytes(row) for row in dumped]
        self._packed = deque(packed, maxlen=self._bound) if packed else None
