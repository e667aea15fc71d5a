"""Does a Redis that does not answer say so in one sentence, soon and without the password?"""

import socket
import threading
import time

import fakeredis
import pytest

from vtrade.adapters.redis import RedisUnavailable, connect_redis, embedded_redis, shown_url
from vtrade.errors import VTradeError
from vtrade.gamification.leaderboard import Leaderboard


@pytest.fixture
def port():
    """A port of the loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def answering():
    """The address of something that speaks Redis."""
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_embedded_redis_is_alone():
    one, two = embedded_redis(), embedded_redis()
    one.set("k", "1")
    assert one.get("k") == b"1"
    assert two.get("k") is None


def test_a_server_that_answers_gives_a_client_with_limits_on_every_wait(answering):
    client = connect_redis(answering)
    client.set("k", "1")
    assert client.get("k") == b"1"
    options = client.connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == 2.0
    client.close()


def test_nobody_there(port):
    says = rf"no Redis answers at redis://localhost:{port}/0 within 0\.5 s"
    with pytest.raises(RedisUnavailable, match=says) as refused:
        connect_redis(f"redis://ana:secret@localhost:{port}/0", timeout_s=0.5)
    assert isinstance(refused.value, VTradeError)
    assert "secret" not in str(refused.value)
    assert "work embedded" in str(refused.value)


def test_somebody_who_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.perf_counter()
        with pytest.raises(RedisUnavailable, match="no Redis answers"):
            connect_redis(f"redis://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("url", ["localhost:6379", "http://localhost", "redis://host:port", "redis://[bad", ""])
def test_an_address_that_is_none(url):
    with pytest.raises(RedisUnavailable, match="give one such as redis://localhost:6379/0"):
        connect_redis(url)


def test_an_address_is_shown_without_the_password():
    assert shown_url("rediss://:secret@example.org:6380/1?password=secret") == "rediss://example.org:6380/1"
    assert shown_url("ana:secret@localhost:6379") == "localhost:6379"
    assert shown_url("unix:///run/redis.sock") == "unix:///run/redis.sock"


def test_a_leaderboard_on_the_embedded_redis():
    board = Leaderboard(embedded_redis())
    board.update("ana", 1)
    assert board.rank("ana") == 1
