"""Does the simulated bus keep the contract of a bus where nothing goes wrong, so that its days prove something?"""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.adapters.bus_contract import ConnectedBusContract, SnapshotStoreContract
from tests.sim.bus import Broker
from tests.sim.faults import Faults
from tests.sim.store import Shelf, SimStore
from vtrade.ports import Bus, SnapshotStore

PARTITIONS = 4


class TestSimBus(ConnectedBusContract):
    """Records first, then the position."""

    @pytest.fixture(autouse=True)
    def broker(self) -> None:
        self.shared = Broker(Faults(0, calm=True), partitions=PARTITIONS, transactions=self.whole)

    def open(self) -> Bus:
        return self.shared.bus("a process")


class TestSimBusWithTransactions(TestSimBus):
    """Records and position together."""

    whole: ClassVar[bool] = True


class TestSimStore(SnapshotStoreContract):
    """Snapshots on a shelf."""

    partitions: ClassVar[int] = PARTITIONS

    @pytest.fixture(autouse=True)
    def shelf(self) -> None:
        self.broker = Broker(Faults(0, calm=True), partitions=PARTITIONS)
        self.shared = Shelf()

    def open_store(self) -> SnapshotStore:
        return SimStore(self.broker.bus("a process"), self.shared)
