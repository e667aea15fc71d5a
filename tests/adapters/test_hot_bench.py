"""Do the benchmarks of the hot state tell figures, check what they wrote and leave nothing behind?"""

import pytest

from vtrade.bench import board_tasks
from vtrade.bench.fresh import BenchError
from vtrade.gamification.leaderboard import Leaderboard

pytestmark = pytest.mark.needs("redis")


@pytest.fixture
def url(calm_redis):
    client = calm_redis.client()
    client.flushall()
    client.set("somebody's", "1")
    yield calm_redis.url
    assert client.keys("*") == [b"somebody's"]
    client.close()


def test_a_leaderboard(url):
    found = board_tasks.board(url, members=500, calls=40)
    for name in ("update", "around", "percentile"):
        assert 0 < found[f"{name}_p50_ms"] <= found[f"{name}_p99_ms"] <= found[f"{name}_max_ms"]
    assert min(found["load_s"], found["remember_s"], found["season_s"], found["server_mb"]) > 0


def test_views(url):
    found = board_tasks.publish(url, accounts=60, rounds=2, batch=25)
    assert min(found["views_per_s"], found["whole_views_per_s"], found["replace_s"], found["publish_p99_ms"]) > 0


def test_a_leaderboard_that_keeps_nothing_gives_no_figure(url, monkeypatch):
    monkeypatch.setattr(Leaderboard, "update", lambda *_: None)
    with pytest.raises(BenchError, match="does not hold what was written"):
        board_tasks.board(url, members=50, calls=5)
