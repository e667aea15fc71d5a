"""Which market do these tests trade? One that fits in the head: a quote a second, the price known beforehand.

Second ``n`` after 09:30:00 quotes ``ticks(n)`` less and plus one, 500 shares each. Nothing else happens, so a market
buy of at most 500 shares at second ``n`` pays ``ticks(n) + 1``.
"""

from __future__ import annotations

import csv
from pathlib import Path

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.market.dtype import Kind, empty_events
from vtrade.market.parquet import save_tape
from vtrade.market.tape import Tape, check_tape
from vtrade.services.orderfile import COLUMNS

S = 1_000_000_000
OPEN_NS = 34_200 * S
ACME = Instrument.make("ACME", tick="0.01", fees=FeeSchedule.per_share("0.005"))
WALK = (0, 1, 2, 3, 2, 1)


def ticks(second: int) -> int:
    """The mid in ticks."""
    return 10_000 + WALK[second % len(WALK)]


def tape(seconds: int = 60) -> Tape:
    """The market."""
    events = empty_events(2 * seconds)
    for second in range(seconds):
        for row, side in ((2 * second, 1), (2 * second + 1, -1)):
            events[row] = (OPEN_NS + second * S, ticks(second) - side, 500, 0, 0, Kind.QUOTE, side, 0)
    return check_tape(Tape("small market", (ACME,), events, "L1", date="2024-03-04"))


def tape_file(folder: Path, seconds: int = 60) -> Path:
    """The market as a file."""
    path = folder / "small.parquet"
    save_tape(tape(seconds), path)
    return path


def row(second: float, client_order_id: str, **cells: object) -> dict[str, object]:
    """A row of an order file: a market buy of 10 ACME for ana, unless ``cells`` say otherwise."""
    usual = {"account": "ana", "action": "submit", "symbol": "ACME", "side": "buy", "type": "market", "quantity": 10}
    return {"ts_ns": OPEN_NS + round(second * S), "client_order_id": client_order_id, **usual, **cells}


def orders_file(path: Path, *rows: dict[str, object]) -> Path:
    """An order file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
