"""Does whoever watches a room or an account hear of every change, or that something was missed?"""

import threading
import time

import pytest

from vtrade.adapters.hot import HotState
from vtrade.adapters.hot_keys import channel_of_account, channel_of_room, forget
from vtrade.adapters.hot_news import subscribe
from vtrade.adapters.hot_port import News, Notice, Outcome
from vtrade.adapters.redis import RedisRefused, RedisUnavailable, embedded_redis

LONG_S = 20.0
"""Longer than anything takes; a test that waits so long has failed."""
SOON_S = 0.3
"""Long enough to say that nothing comes."""


@pytest.fixture
def hot(client):
    hot = HotState(client, "room", "portfolio")
    hot.replace_all(10, [(account, b"", {"nav": 1}) for account in ("ana", "ben", "{x}:y")], epoch=1)
    return hot


@pytest.fixture
def listen(client):
    """Subscribes, and ends what it opened."""
    opened = []

    def open_one(room="room", account=None, **options):
        opened.append(subscribe(client, room, account, **options))
        return opened[-1]

    yield open_one
    for subscription in opened:
        subscription.close()


def test_an_account_hears_of_itself_and_the_room_of_everybody(hot, listen):
    ana, odd, room = listen(account="ana"), listen(account="{x}:y"), listen()
    hot.publish(12, epoch=1, views={"ana": b"1", "{x}:y": b"1"})
    hot.publish(15, epoch=1, views={"{x}:y": b"2"}, removed=["ben"])
    hot.publish(17, epoch=1, views={"ana": b"3"})
    changed = News.CHANGED, "portfolio"
    assert [ana.get(LONG_S) for _ in range(2)] == [Notice(*changed, "ana", 12, 10), Notice(*changed, "ana", 17, 12)]
    assert [odd.get(LONG_S).seq for _ in range(2)] == [12, 15]
    assert [room.get(LONG_S) for _ in range(3)] == [
        Notice(*changed, None, 12, 10, ("ana", "{x}:y")),
        Notice(*changed, None, 15, 12, ("{x}:y", "ben")),
        Notice(*changed, None, 17, 15, ("ana",)),
    ]
    assert [one.get(SOON_S) for one in (ana, odd, room)] == [None] * 3


def test_what_changed_nothing_is_not_told(hot, listen):
    room = listen()
    hot.publish(10, epoch=1, views={"ana": b"1"})
    hot.publish(12, epoch=0, views={"ana": b"1"})
    hot.publish(12, epoch=1, views={"ana": b"1"}, after=11)
    hot.beat(epoch=1)
    assert room.get(SOON_S) is None


def test_a_score_alone_is_told_too(hot, listen):
    ana = listen(account="ana")
    hot.publish(12, epoch=1, views={}, scores={"nav": {"ana": 7}})
    assert ana.get(LONG_S).seq == 12


def test_everybody_hears_that_all_was_replaced_or_forgotten(client, hot, listen):
    ana, room, other = listen(account="ana"), listen(), listen("room2")
    hot.replace_all(20, [("ana", b"", {})], epoch=1)
    forget(client, "room")
    for one in (ana, room):
        assert one.get(LONG_S) == Notice(News.REPLACED, "portfolio", None, 20, 10)
        assert [one.get(LONG_S).news for _ in range(2)] == [News.FORGOTTEN] * 2
    assert other.get(SOON_S) is None


def test_one_subscription_hears_both_projections_and_no_other_room(client, hot, listen):
    progress, other = HotState(client, "room", "gamification"), HotState(client, "room:2", "portfolio")
    for state in (progress, other):
        state.replace_all(3, [("ana", b"", {})], epoch=1)
    both, one = listen(), listen(projections=["gamification"])
    hot.publish(11, epoch=1, views={"ana": b""})
    other.publish(12, epoch=1, views={"ana": b""})
    progress.publish(13, epoch=1, views={"ana": b""})
    assert [(both.get(LONG_S).projection, both.get(LONG_S).projection)] == [("portfolio", "gamification")]
    assert (one.get(LONG_S).seq, one.get(SOON_S), both.get(SOON_S)) == (13, None, None)


def test_too_many_names_are_left_out_of_the_rooms_notice(client, hot, listen, monkeypatch):
    monkeypatch.setattr("vtrade.adapters.hot.NAMES_MAX", 2)
    room = listen()
    hot.publish(11, epoch=1, views=dict.fromkeys(["ana", "ben"], b""))
    hot.publish(12, epoch=1, views=dict.fromkeys(["ana", "ben", "cai"], b""))
    assert [room.get(LONG_S).accounts for _ in range(2)] == [("ana", "ben"), None]


def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(hot, listen):
    heard = threading.Semaphore(0)
    ana = listen(account="ana", queue_max=3, wake=heard.release)
    for seq in range(11, 21):
        hot.publish(seq, epoch=1, views={"ana": b""})
    for _ in range(10):
        assert heard.acquire(timeout=LONG_S)
    assert ana.get(0) == Notice(News.GAP, lost=7)
    assert [ana.get(0).seq for _ in range(3)] == [18, 19, 20]
    assert ana.get(0) is None
    hot.publish(21, epoch=1, views={"ana": b""})
    assert ana.get(LONG_S).seq == 21


def test_several_threads_share_a_subscription(hot, listen):
    ana = listen(account="ana")
    heard, lock = [], threading.Lock()

    def read():
        while (notice := ana.get(1.0)) is not None:
            with lock:
                heard.append(notice.seq)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for seq in range(11, 111):
        hot.publish(seq, epoch=1, views={"ana": b""})
    for thread in threads:
        thread.join(LONG_S)
    assert sorted(heard) == list(range(11, 111))


def test_closing_ends_a_wait_and_the_thread(listen):
    ana = listen(account="ana")
    told = []

    def wait():
        try:
            ana.get(LONG_S)
        except RedisUnavailable as error:
            told.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    ana.close()
    waiting.join(LONG_S)
    assert told == ["the subscription to room 'room' is closed; subscribe again"]
    assert "notices of room" not in [thread.name for thread in threading.enumerate()]
    ana.close()


def test_a_listener_that_fails_does_not_end_the_subscription(hot, listen):
    def wake():
        raise RuntimeError("Event loop is closed")

    ana = listen(account="ana", wake=wake)
    for seq in (11, 12):
        hot.publish(seq, epoch=1, views={"ana": b""})
    assert [ana.get(LONG_S).seq for _ in range(2)] == [11, 12]


@pytest.mark.parametrize("junk", [b"", b"hello", b"1", b"1 2 [1]", b"1 2 {", b"x y", b"\xff\xfe", b'1 2 "unheard"'])
def test_what_somebody_else_says_on_our_channels_is_ignored(client, hot, listen, junk):
    ana, room = listen(account="ana"), listen()
    client.publish(channel_of_account(hot.root, "ana"), junk)
    client.publish(channel_of_room(hot.root), junk)
    hot.publish(11, epoch=1, views={"ana": b""})
    assert (ana.get(LONG_S).seq, room.get(LONG_S).seq) == (11, 11)


# --- a server that comes and goes --------------------------------------------------------------------------------


@pytest.mark.needs("redis")
def test_a_redis_that_is_not_there(own_redis):
    client = own_redis.client()
    own_redis.kill()
    with pytest.raises(RedisUnavailable, match=r"listening to room 'room' failed.*VTRADE_REDIS"):
        subscribe(client, "room")
    assert "notices of room" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.needs("redis")
def test_who_may_not_listen_is_told_so(own_redis):
    own_redis.client().execute_command("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels")
    with pytest.raises(RedisRefused, match="does not allow listening to room 'room'"):
        subscribe(own_redis.client(username="deaf", password="pw"), "room")


@pytest.mark.needs("redis")
def test_a_restart_is_heard_as_a_gap_and_then_all_goes_on(own_redis):
    client = own_redis.client()
    hot = HotState(client, "room", "portfolio")
    hot.replace_all(1, [("ana", b"", {})], epoch=1)
    with subscribe(client, "room", "ana") as ana:
        hot.publish(2, epoch=1, views={"ana": b""})
        assert ana.get(LONG_S).seq == 2
        own_redis.kill()
        with pytest.raises(RedisUnavailable):
            hot.publish(3, epoch=1, views={"ana": b""})
        deadline = time.monotonic() + LONG_S
        while not ana.trouble and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "listening to room 'room' failed" in ana.trouble
        own_redis.start()
        assert ana.get(LONG_S) == Notice(News.GAP)
        assert ana.trouble == ""
        assert hot.publish(3, epoch=1, views={"ana": b""}).outcome is Outcome.STALE
        hot.replace_all(3, [("ana", b"", {})], epoch=1)
        hot.publish(4, epoch=1, views={"ana": b""})
        assert [ana.get(LONG_S).seq for _ in range(2)] == [3, 4]


@pytest.mark.needs("redis")
def test_a_connection_cut_by_the_server_is_heard_as_a_gap(own_redis):
    client = own_redis.client()
    hot = HotState(client, "room", "portfolio")
    hot.replace_all(1, [("ana", b"", {})], epoch=1)
    with subscribe(client, "room") as room:
        client.client_kill_filter(_type="pubsub")
        assert room.get(LONG_S) == Notice(News.GAP)
        hot.publish(2, epoch=1, views={"ana": b""})
        assert room.get(LONG_S).seq == 2


def test_the_embedded_one_needs_no_server():
    client = embedded_redis()
    with subscribe(client, "room", "ana") as ana:
        HotState(client, "room", "portfolio").replace_all(1, [("ana", b"", {})], epoch=1)
        assert ana.get(LONG_S).news is News.REPLACED
