"""Are bytes that are no snapshot refused with a mend?"""

from __future__ import annotations

import msgspec
import pytest

from tests.portfolio.room import Room
from vtrade.portfolio import PortfolioEngine, PortfolioError


@pytest.mark.parametrize("data", [b"", b"\x00", b"nonsense", msgspec.msgpack.encode([1, 2, 3])])
def test_other_bytes(data: bytes) -> None:
    with pytest.raises(PortfolioError, match="rebuild it from the journal"):
        PortfolioEngine.restore(data)


def test_every_cut_is_refused() -> None:
    room = Room("ana")
    room.fill("ana", "ACME", 5, 1_000)
    data = room.engine.snapshot()
    for length in range(len(data)):
        with pytest.raises(PortfolioError):
            PortfolioEngine.restore(data[:length])


def test_another_version() -> None:
    fields = msgspec.msgpack.decode(PortfolioEngine().snapshot())
    fields[0] = 99
    with pytest.raises(PortfolioError, match="version 99"):
        PortfolioEngine.restore(msgspec.msgpack.encode(fields))


def test_an_engine_without_facts() -> None:
    engine = PortfolioEngine(curve_cells_max=7, history_max=3)
    again = PortfolioEngine.restore(engine.snapshot())
    assert again.state_hash() == engine.state_hash() != PortfolioEngine().state_hash()
    assert again.accounts == ()


def test_the_hash_sees_every_change() -> None:
    room = Room("ana")
    hashes = [room.engine.state_hash()]
    room.fill("ana", "ACME", 5, 1_000)
    hashes.append(room.engine.state_hash())
    room.mark(ACME=1_001)
    hashes.append(room.engine.state_hash())
    room.wait(1)
    room.mark(ACME=1_001)
    hashes.append(room.engine.state_hash())
    assert len(set(hashes)) == 4
