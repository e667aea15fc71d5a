"""What do all messages have on the wire? One frozen tagged array of MessagePack."""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True, array_like=True, tag_field="t"):
    """Base of everything that goes over the wire."""
