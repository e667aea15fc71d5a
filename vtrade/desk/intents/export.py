"""How does a whole table get from a desk into a file on the reader's disk?

Rules: the table is that of ``desk.orders()``, ``desk.fills()``, ``desk.positions()`` or ``desk.round_trips()``, all of
it and as it was at one moment, as CSV. It travels packed and in parts that are small, one for each question, so that
the panel stays live meanwhile. The newest few exports are kept until they were fetched.
"""

from __future__ import annotations

import base64
import re
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.errands import errands
from vtrade.desk.intents.fields import text
from vtrade.desk.intents.replies import Reply, ok, refused
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk

PART_BYTES: Final = 24_000
"""Bytes of a part before it is written as text."""
EXPORTS_MAX: Final = 2
"""Exports that are kept."""
WAIT_S: Final = 0.15
"""Longest wait for a table; what takes longer is asked for again."""

TABLES: Final = ("orders", "fills", "positions", "round_trips")
"""Methods of a desk that give a table."""


@dataclass
class Export:
    """A table on its way.

    Attributes
    ----------
    table, name : str
        Which, and the name of its file.
    packed : bool
        Whether its bytes are deflated.
    """

    table: str
    name: str
    packed: bool
    rows: int = 0
    size: int = 0
    data: bytes = b""
    trouble: str = ""
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return max(1, -(-len(self.data) // PART_BYTES))


def export(desk: Desk, intent: dict[str, Any]) -> Reply:
    """A part of a table: the first without a ``token``, which begins an export; then each by ``token`` and ``part``.

    ``data`` has ``token``, ``file``, ``rows``, ``size`` (bytes of the file), ``parts``, ``part`` and ``text``: base64
    of the part. While the table is being made it has ``"state": "preparing"``: ask again, with the token.
    """
    if intent.get("token") is None:
        token = _begin(desk, text(intent, "table"), packed=intent.get("packed") is not False)
        part = 0
    else:
        token, part = text(intent, "token"), intent.get("part", 0)
    found = _exports(desk).get(token)
    if found is None:
        raise DeskError("this export is not kept any more; begin it again")
    if not found.ready.wait(WAIT_S):
        return ok("", {"token": token, "state": "preparing", "file": found.name})
    if found.trouble:
        _exports(desk).pop(token, None)
        return refused(f"the table could not be written: {found.trouble}")
    if isinstance(part, bool) or not isinstance(part, int) or not 0 <= part < found.parts:
        raise DeskError(f"part {part!r} is none of the {found.parts} of this export; count them from 0")
    if part == found.parts - 1:
        _exports(desk).pop(token, None)
    data = found.data[part * PART_BYTES : (part + 1) * PART_BYTES]
    told = {
        "token": token, "state": "ready", "file": found.name, "rows": found.rows, "size": found.size,
        "parts": found.parts, "part": part, "packed": found.packed, "text": base64.b64encode(data).decode(),
    }  # fmt: skip
    return ok("", told)


def _exports(desk: Desk) -> OrderedDict[str, Export]:
    kept: OrderedDict[str, Export] = vars(desk).setdefault("_exports", OrderedDict())
    return kept


def _begin(desk: Desk, table: str, *, packed: bool) -> str:
    """Have a table written on the side; the token of its export."""
    if table not in TABLES:
        raise DeskError(f"there is no table {table!r}; choose one of {', '.join(TABLES)}")
    number = vars(desk)["_export_count"] = vars(desk).get("_export_count", 0) + 1
    moment = desk.now[:-4] if len(desk.now) > 4 else desk.now
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{table} {desk.account} {moment}").strip("-")
    found = Export(table, f"vtrade-{words}.csv", packed)

    def work() -> None:
        try:
            frame = getattr(desk, table)()
            data = frame.to_csv(index=False, lineterminator="\n").encode()
            found.rows, found.size = len(frame), len(data)
            found.data = zlib.compress(data, 6) if packed else data
        except Exception as error:  # told to whoever waits for the file
            found.trouble = str(error) or type(error).__name__
        finally:
            found.ready.set()

    kept = _exports(desk)
    if errands(desk).start(f"export {number}", work) is None:
        raise DeskError("the desk is busy with other tables; try again in a moment")
    kept[str(number)] = found
    while len(kept) > EXPORTS_MAX:
        kept.popitem(last=False)
    return str(number)
