"""Does the hot state of a real server survive what servers do: stop, forget, go back in time, fill up?"""

import shutil
import threading

import pytest

from vtrade.adapters import hot as hot_module
from vtrade.adapters import hot_rows
from vtrade.adapters.hot import HotState
from vtrade.adapters.hot_port import Outcome
from vtrade.adapters.redis import RedisRefused, RedisUnavailable

pytestmark = pytest.mark.needs("redis")

ACCOUNTS = [f"a{number}" for number in range(300)]
WRITTEN, FENCED, STALE = Outcome.WRITTEN, Outcome.FENCED, Outcome.STALE


def views_of(seq):
    return dict.fromkeys(ACCOUNTS, b"%d" % seq)


def scores_of(seq):
    return {"nav": dict.fromkeys(ACCOUNTS, seq)}


def rows_of(seq):
    return [(account, b"%d" % seq, {"nav": seq}) for account in ACCOUNTS]


def publish_all(hot, seq, *, epoch=1, after=None):
    return hot.publish(seq, epoch=epoch, views=views_of(seq), scores=scores_of(seq), after=after)


def assert_all_of_one_write(hot):
    """Every view, every score and the mark are of the same write."""
    seq = hot.mark().seq
    assert hot.views(ACCOUNTS) == dict.fromkeys(ACCOUNTS, (seq, b"%d" % seq))
    assert {row.score for row in hot.leaderboard("nav").top(1_000)} == {seq}
    assert hot.leaderboard("nav").size() == len(ACCOUNTS)
    return seq


@pytest.fixture
def hot(own_redis):
    hot = HotState(own_redis.client(), "room", "portfolio")
    hot.replace_all(1, rows_of(1), epoch=1)
    return hot


def test_a_server_that_comes_back_empty_is_filled_again(own_redis, hot):
    own_redis.kill()
    for broken in (lambda: publish_all(hot, 2), lambda: hot.view("a1"), lambda: hot.leaderboard("nav").top()):
        with pytest.raises(
            RedisUnavailable, match=r"no Redis answers.*do it again.*vtrade stack up --local.*VTRADE_RED"
        ):
            broken()
    own_redis.start()
    assert publish_all(hot, 2).outcome is STALE
    assert hot.replace_all(2, rows_of(2), epoch=1).outcome is WRITTEN
    assert publish_all(hot, 3).outcome is WRITTEN
    assert assert_all_of_one_write(hot) == 3


def test_a_server_set_back_to_an_older_copy_is_noticed(own_redis, hot):
    publish_all(hot, 12)
    own_redis.client().save()
    shutil.copy(own_redis.dump, own_redis.folder / "older")
    publish_all(hot, 20)
    own_redis.kill()
    shutil.copy(own_redis.folder / "older", own_redis.dump)
    own_redis.start()
    assert hot.mark().seq == 12
    assert hot.beat(epoch=1).outcome is STALE
    assert publish_all(hot, 21).outcome is STALE
    assert assert_all_of_one_write(hot) == 12
    restarted = HotState(own_redis.client(), "room", "portfolio")
    assert publish_all(restarted, 18, epoch=2, after=15).outcome is STALE
    assert hot.replace_all(21, rows_of(21), epoch=1).outcome is WRITTEN
    assert assert_all_of_one_write(hot) == 21


def test_a_server_killed_while_it_is_written_to_keeps_whole_writes(start_redis, monkeypatch):
    """With an append-only file it comes back, and what it brings back is of one write."""
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 100)
    server = start_redis("--appendonly", "yes", "--appendfsync", "no")
    hot = HotState(server.client(), "room", "portfolio")
    hot.replace_all(1, rows_of(1), epoch=1)
    enough, failures, seq = threading.Event(), [], 1

    def write():
        nonlocal seq
        try:
            while True:
                publish_all(hot, seq + 1)
                seq += 1
                if seq % 20 == 0:
                    enough.set()
        except RedisUnavailable as error:
            failures.append(error)

    for _ in range(3):
        enough.clear()
        writer = threading.Thread(target=write)
        writer.start()
        assert enough.wait(30)
        server.kill()
        writer.join(30)
        server.start()
        assert seq - 1 <= assert_all_of_one_write(hot) <= seq + 1
        said = publish_all(hot, seq + 1)
        assert said.outcome in (WRITTEN, Outcome.DUPLICATE, STALE)
        if said.outcome is STALE:
            hot.replace_all(seq + 1, rows_of(seq + 1), epoch=1)
        seq += 1
        assert assert_all_of_one_write(hot) == seq
    assert len(failures) == 3


def test_a_server_that_dies_between_setting_down_and_applying(own_redis, hot, monkeypatch):
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 100)
    publish = hot._scripts[hot_module.lua.PUBLISH]

    def die(**call):
        own_redis.kill()
        return publish(**call)

    hot._scripts[hot_module.lua.PUBLISH] = die
    with pytest.raises(RedisUnavailable, match="publishing seq 2 in portfolio of room 'room' failed"):
        publish_all(hot, 2)
    hot._scripts[hot_module.lua.PUBLISH] = publish
    own_redis.start()
    assert publish_all(hot, 2).outcome is STALE
    hot.replace_all(2, rows_of(2), epoch=1)
    assert assert_all_of_one_write(hot) == 2


def test_what_a_broken_off_write_leaves_behind_does_not_stay(own_redis, hot, monkeypatch):
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 100)
    client = own_redis.client()
    hot._set_down(hot_rows.chunks_of([["ana", "v", b"1 x", ""]]))

    def broken():
        yield from rows_of(2)
        raise OSError("the log cannot be read")

    with pytest.raises(OSError, match="the log cannot be read"):
        hot.replace_all(2, broken(), epoch=1)
    left = [key for key in client.scan_iter() if b":new:" in key or b":waiting:" in key or key.endswith(b":turn")]
    assert len(left) == 6
    assert all(0 < client.ttl(key) <= 600 for key in left)
    assert assert_all_of_one_write(hot) == 1


def test_two_writers_and_the_newer_epoch_wins_for_good(own_redis):
    first = HotState(own_redis.client(), "room", "portfolio")
    first.replace_all(1, rows_of(1), epoch=1)
    outcomes, warm, claimed = [], threading.Event(), threading.Event()

    def old_worker():
        seq = 1
        while True:
            late = claimed.is_set()
            seq += 1
            outcome = first.publish(seq, epoch=1, views=views_of(seq), scores=scores_of(seq)).outcome
            outcomes.append((late, outcome))
            if seq == 10:
                warm.set()
            if outcome is FENCED:
                return

    thread = threading.Thread(target=old_worker)
    thread.start()
    assert warm.wait(30)
    second = HotState(own_redis.client(), "room", "portfolio")
    mark = second.claim(epoch=2)
    claimed.set()
    thread.join(30)
    assert {outcome for late, outcome in outcomes if late} <= {FENCED}
    assert outcomes[-1][1] is FENCED
    assert publish_all(second, mark.seq + 1, epoch=2, after=mark.seq).outcome is WRITTEN
    assert assert_all_of_one_write(second) == mark.seq + 1


def test_a_flush_between_any_two_writes_always_heals(own_redis):
    client = own_redis.client()
    hot = HotState(client, "room", "portfolio")
    hot.replace_all(1, rows_of(1), epoch=1)
    for seq in range(2, 40):
        if seq % 3 == 0:
            client.flushall()
        if publish_all(hot, seq).outcome is STALE:
            assert seq % 3 == 0
            hot.replace_all(seq, rows_of(seq), epoch=1)
        assert assert_all_of_one_write(hot) == seq


def test_a_full_server_says_so_and_keeps_what_it_has(own_redis, hot, monkeypatch):
    client = own_redis.client()
    client.config_set("maxmemory", 1)
    says = r"is full: .*nothing was changed; raise its maxmemory, or forget rooms"
    for write in (lambda: publish_all(hot, 2), lambda: hot.replace_all(2, rows_of(2), epoch=1)):
        with pytest.raises(RedisRefused, match=says):
            write()
    with pytest.raises(RedisRefused, match=says):
        hot.leaderboard("nav").update("newcomer", 5)
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 100)
    with pytest.raises(RedisRefused, match=says):
        publish_all(hot, 2)
    assert assert_all_of_one_write(hot) == 1
    client.config_set("maxmemory", 0)
    assert publish_all(hot, 2).outcome is WRITTEN
    assert assert_all_of_one_write(hot) == 2


def test_a_replica_can_be_read_and_says_that_it_cannot_be_written(start_redis, own_redis, hot):
    own_redis.client().config_set("repl-diskless-sync-delay", 0)
    replica = start_redis("--replicaof", "127.0.0.1", str(own_redis.port))
    copy = HotState(replica.client(), "room", "portfolio")
    own_redis.client().wait(1, 20_000)
    assert assert_all_of_one_write(copy) == 1
    for write in (lambda: publish_all(copy, 2, after=1), lambda: copy.replace_all(2, rows_of(2), epoch=1)):
        with pytest.raises(RedisRefused, match=r"is a read-only replica: .* failed; name its primary in VTRADE_REDIS"):
            write()
    assert assert_all_of_one_write(hot) == 1


def test_a_user_without_rights_is_told_so(own_redis, hot):
    own_redis.client().execute_command("ACL", "SETUSER", "guest", "on", ">pw", "~other:*", "+@all", "&*")
    guest = HotState(own_redis.client(username="guest", password="pw"), "room", "portfolio")
    with pytest.raises(RedisRefused, match=r"does not allow publishing seq 2 .*keys and channels vtrade:\*"):
        publish_all(guest, 2, after=1)
    with pytest.raises(RedisRefused, match="does not allow reading"):
        guest.view("a1")
    assert assert_all_of_one_write(hot) == 1


def test_a_paused_server_is_waited_for_only_so_long(own_redis, hot):
    quick = HotState(own_redis.client(timeout_s=0.2), "room", "portfolio")
    own_redis.client().client_pause(60_000)
    with pytest.raises(RedisUnavailable, match="publishing seq 2"):
        publish_all(quick, 2, after=1)


def test_scripts_that_the_server_forgot_are_sent_again(own_redis, hot):
    own_redis.client().script_flush()
    assert publish_all(hot, 2).outcome is WRITTEN
    assert assert_all_of_one_write(hot) == 2
