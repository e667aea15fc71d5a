"""Does a sweep run on a cluster of Dask as it does at home?"""

from __future__ import annotations

import pytest

from tests.research import strategies as s
from tests.research.test_sweep import GRID, TAPE
from vtrade.research.sweep import sweep


@pytest.mark.filterwarnings("ignore")
def test_a_dask_client_gives_the_same_rows() -> None:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        there = sweep(s.Alternate, TAPE, GRID, executor=client.get_executor())
    here = sweep(s.Alternate, TAPE, GRID, workers=1)
    assert there.errors == {}
    assert there.params == here.params
    assert [cell["nav"] for cell in there.statistics] == [cell["nav"] for cell in here.statistics]
