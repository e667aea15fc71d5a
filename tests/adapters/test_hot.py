"""Is a write of the hot state done once, in full, in order and by the newest worker, embedded and on a server?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vtrade.adapters import hot as hot_module
from vtrade.adapters import hot_rows
from vtrade.adapters.hot import HotState, rebuild
from vtrade.adapters.hot_keys import BOARDS, forget, room_root
from vtrade.adapters.hot_port import Outcome, Published
from vtrade.adapters.redis import RedisRefused, RedisUnavailable, embedded_redis
from vtrade.domain.values import INT64_MAX
from vtrade.errors import ValueOffGrid
from vtrade.gamification.leaderboard import Standing

NAMES = [
    "ana",
    "Zoë",
    "名前",
    "{ana}",
    "a:b",
    "a b",
    "*",
    "a\nb",
    "\x00",
    "class:7}:portfolio",
    "\U0001d518",
    "-1",
    "é",
    "e\u0301",
]
WRITTEN, DUPLICATE, FENCED, STALE = Outcome.WRITTEN, Outcome.DUPLICATE, Outcome.FENCED, Outcome.STALE


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.ns = 1_000_000_000

    def wall_ns(self):
        return self.ns

    def monotonic_ns(self):
        return self.ns

    def sleep(self, seconds):
        self.ns += int(seconds * 1e9)


def rows(**scores):
    """A view and a score by NAV for each account."""
    return [(account, f"view of {account}".encode(), {"nav": score}) for account, score in scores.items()]


@pytest.fixture
def hot(client):
    """A room with three accounts, written by a worker of epoch 2 up to fact 10."""
    hot = HotState(client, "room", "portfolio", clock=FixedClock())
    assert hot.replace_all(10, rows(ana=100, ben=200, cai=100), epoch=2).outcome is WRITTEN
    return hot


def everything(client):
    """All of Redis, as text tells it."""
    told = {}
    for key in sorted(client.scan_iter()):
        if key.endswith(b":turn"):
            continue
        match client.type(key):
            case b"hash":
                told[key] = client.hgetall(key)
            case b"zset":
                told[key] = client.zrange(key, 0, -1)
            case other:
                told[key] = other
    return told


# --- writing -----------------------------------------------------------------------------------------------------


def test_what_was_written_is_read(hot):
    assert hot.view("ana") == (10, b"view of ana")
    assert hot.view("dee") is None
    assert hot.views(["ana", "dee", "ben"]) == {"ana": (10, b"view of ana"), "ben": (10, b"view of ben")}
    assert [(row.rank, row.account, row.score) for row in hot.leaderboard("nav").top()] == [
        (1, "ben", 200), (2, "ana", 100), (2, "cai", 100),
    ]  # fmt: skip
    mark = hot.mark()
    assert (mark.seq, mark.epoch, mark.accounts, mark.wall_ns) == (10, 2, 3, 1_000_000_000)


def test_a_change_moves_views_standings_and_mark_together(hot):
    said = hot.publish(
        14, epoch=2, views={"ana": b"new", "dee": b"first"}, scores={"nav": {"ana": 300, "dee": 1}}, removed=["cai"]
    )
    assert said == Published(WRITTEN, 14, 2)
    assert hot.views(["ana", "ben", "cai", "dee"]) == {
        "ana": (14, b"new"), "ben": (10, b"view of ben"), "dee": (14, b"first"),
    }  # fmt: skip
    assert hot.leaderboard("nav").top() == [Standing(1, "ana", 300), Standing(2, "ben", 200), Standing(3, "dee", 1)]
    assert (hot.mark().seq, hot.mark().accounts) == (14, 3)


def test_a_score_without_a_view_and_a_view_without_a_score(hot):
    hot.publish(11, epoch=2, views={"ben": b"x"}, scores={"nav": {"ana": 500}})
    assert hot.view("ana") == (10, b"view of ana")
    assert hot.leaderboard("nav").score("ana") == 500
    assert hot.leaderboard("nav").score("ben") == 200


@pytest.mark.parametrize("seq", [10, 9, 0])
def test_a_fact_that_is_in_already_changes_nothing(client, hot, seq):
    before = everything(client)
    assert hot.publish(seq, epoch=2, views={"ana": b"again"}, after=0) == Published(DUPLICATE, 10, 2)
    assert everything(client) == before


def test_the_same_write_twice_counts_once(client, hot):
    hot.publish(11, epoch=2, views={"ana": b"once"})
    before = everything(client)
    assert hot.publish(11, epoch=2, views={"ana": b"twice"}).outcome is DUPLICATE
    assert everything(client) == before
    assert hot.publish(12, epoch=2, views={"ana": b"on"}).outcome is WRITTEN


def test_a_slow_old_worker_is_shut_out_and_told_so(client, hot):
    new = HotState(client, "room", "portfolio")
    assert new.publish(12, epoch=3, views={"ben": b"newer"}, after=10).outcome is WRITTEN
    before = everything(client)
    assert hot.publish(15, epoch=2, views={"ben": b"older"}) == Published(FENCED, 12, 3)
    assert hot.replace_all(15, rows(ana=1), epoch=2).outcome is FENCED
    assert hot.beat(epoch=2).outcome is FENCED
    assert hot.claim(epoch=2).outcome is FENCED
    assert everything(client) == before


def test_a_worker_that_takes_over_shuts_the_old_one_out_before_it_writes(client, hot):
    new = HotState(client, "room", "portfolio")
    assert new.claim(epoch=7) == Published(WRITTEN, 10, 7)
    assert hot.publish(11, epoch=2, views={"ana": b"late"}).outcome is FENCED
    assert new.publish(11, epoch=7, views={"ana": b"mine"}, after=10).outcome is WRITTEN


def test_a_fence_is_checked_again_when_a_long_replacement_ends(client, hot):
    def slow():
        yield from rows(ana=1)
        HotState(client, "room", "portfolio").claim(epoch=9)
        yield from rows(ben=2)

    assert hot.replace_all(20, slow(), epoch=2).outcome is FENCED
    assert hot.view("ana") == (10, b"view of ana")
    assert not [key for key in client.scan_iter() if b":new:" in key]


# --- forgetting --------------------------------------------------------------------------------------------------


def test_a_worker_that_knows_nothing_of_what_is_there_has_to_write_everything(client):
    hot = HotState(client, "room", "portfolio")
    assert hot.publish(5, epoch=1, views={"ana": b"x"}) == Published(STALE, 0, 0)
    assert hot.beat(epoch=1).outcome is STALE
    assert hot.claim(epoch=1).outcome is STALE
    assert everything(client) == {}
    assert hot.replace_all(5, rows(ana=1), epoch=1).outcome is WRITTEN
    stranger = HotState(client, "room", "portfolio")
    assert stranger.publish(6, epoch=1, views={"ana": b"x"}).outcome is STALE


def test_a_worker_from_a_snapshot_goes_on_where_redis_has_all_of_it(client, hot):
    behind = HotState(client, "room", "portfolio")
    assert behind.publish(8, epoch=3, views={"ana": b"8"}, after=6).outcome is DUPLICATE
    assert behind.publish(12, epoch=3, views={"ana": b"12"}).outcome is WRITTEN
    ahead = HotState(client, "room", "portfolio")
    assert ahead.publish(20, epoch=3, views={"ana": b"20"}, after=18).outcome is STALE
    assert hot.view("ana") == (12, b"12")


def test_a_wiped_redis_is_noticed_and_healed(client, hot):
    hot.publish(12, epoch=2, views={"ana": b"12"})
    client.flushall()
    assert hot.publish(13, epoch=2, views={"ben": b"13"}) == Published(STALE, 0, 0)
    assert everything(client) == {}
    assert hot.replace_all(13, rows(ana=1, ben=2), epoch=2).outcome is WRITTEN
    assert hot.publish(14, epoch=2, views={"ben": b"14"}).outcome is WRITTEN
    assert hot.views(["ana", "ben"]) == {"ana": (13, b"view of ana"), "ben": (14, b"14")}


def test_a_wiped_redis_is_noticed_where_nobody_trades(client, hot):
    assert hot.beat(epoch=2) == Published(WRITTEN, 10, 2)
    client.flushall()
    assert hot.beat(epoch=2).outcome is STALE


@pytest.mark.parametrize("part", ["views", "board:nav:ranking", "board:nav:codes", "mark"])
def test_a_key_that_got_lost_alone_is_noticed(client, hot, part):
    client.delete(f"{hot.root}:{part}")
    assert hot.publish(11, epoch=2, views={"ana": b"11"}).outcome is STALE
    hot.replace_all(11, rows(ana=1), epoch=2)
    assert hot.publish(12, epoch=2, views={"ana": b"12"}).outcome is WRITTEN


def test_a_score_that_somebody_else_wrote_is_noticed(client, hot):
    hot.leaderboard("nav").update("nobody", 10**12)
    assert hot.beat(epoch=2).outcome is STALE
    hot.replace_all(10, rows(ana=1), epoch=2)
    assert [row.account for row in hot.leaderboard("nav").top()] == ["ana"]


def test_a_mark_that_makes_no_sense_is_none(client, hot):
    client.hset(f"{hot.root}:mark", "seq", "soon")
    assert hot.mark() is None
    assert hot.publish(11, epoch=2, views={"ana": b"11"}).outcome is STALE
    assert hot.replace_all(11, rows(ana=1), epoch=2).outcome is WRITTEN
    assert hot.mark().seq == 11


def test_wiped_while_replacing(client, hot, monkeypatch):
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 2)

    def flushed():
        yield from rows(a=1, b=2, c=3, d=4)
        client.flushall()
        yield from rows(e=5, f=6)

    assert hot.replace_all(20, flushed(), epoch=2).outcome is STALE
    assert (hot.mark(), hot.view("a"), hot.view("e")) == (None, None, None)
    with pytest.raises(RedisUnavailable, match="wiped while portfolio of room 'room' was rebuilt; rebuild it again"):
        rebuild(client, "room", "portfolio", flushed(), seq=20)
    assert rebuild(client, "room", "portfolio", rows(a=1, b=2, c=3), seq=20).outcome is WRITTEN


# --- replacing ---------------------------------------------------------------------------------------------------


def test_a_replacement_leaves_nobody_of_before(client, hot):
    hot.leaderboard("nav").remember()
    assert hot.replace_all(11, rows(dee=7, ana=5), epoch=2).outcome is WRITTEN
    assert hot.views(["ana", "ben", "cai", "dee"]) == {"ana": (11, b"view of ana"), "dee": (11, b"view of dee")}
    assert [(row.account, row.moved) for row in hot.leaderboard("nav").top()] == [("dee", None), ("ana", 0)]
    assert hot.mark().accounts == 2
    assert [client.ttl(key) for key in client.scan_iter() if not key.endswith(b":turn")] == [-1] * 5


def test_a_replacement_by_nobody_empties_the_room(hot):
    assert hot.replace_all(11, [], epoch=2).outcome is WRITTEN
    assert (hot.view("ana"), hot.leaderboard("nav").size(), hot.mark().accounts) == (None, 0, 0)
    assert hot.publish(12, epoch=2, views={"ana": b"back"}).outcome is WRITTEN


def test_a_replacement_never_goes_back_in_time_unless_told_to(client, hot):
    assert hot.replace_all(9, rows(ana=1), epoch=2) == Published(DUPLICATE, 10, 2)
    assert hot.replace_all(10, rows(ana=1, ben=5), epoch=2).outcome is WRITTEN
    assert hot.replace_all(4, rows(ana=1), epoch=0, force=True) == Published(WRITTEN, 4, 2)
    assert hot.mark().epoch == 2


def test_an_account_told_twice_counts_once(client):
    hot = HotState(client, "room", "portfolio")
    twice = [("ana", b"1", {"nav": 1}), ("ben", b"1", {"nav": 5}), ("ana", b"2", {"nav": 9})]
    assert hot.replace_all(3, twice, epoch=1).outcome is WRITTEN
    assert hot.view("ana") == (3, b"2")
    assert [(row.account, row.score) for row in hot.leaderboard("nav").top()] == [("ana", 9), ("ben", 5)]
    assert hot.beat(epoch=1).outcome is WRITTEN


def test_a_rebuild_replaces_what_a_newer_worker_wrote_and_the_worker_notices(client, hot):
    told = []
    said = rebuild(client, "room", "portfolio", rows(ana=1, ben=2), seq=5, progress=told.append)
    assert (said, told) == (Published(WRITTEN, 5, 2), [2])
    assert hot.publish(11, epoch=2, views={"ana": b"11"}).outcome is STALE


def test_big_writes_are_cut_and_still_all_or_nothing(client, monkeypatch):
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 7)
    monkeypatch.setattr(hot_rows, "CHUNK_BYTES", 100)
    hot = HotState(client, "room", "gamification")
    accounts = {f"a{i:03d}": i for i in range(100)}
    told = []
    hot.replace_all(1, ((a, b"v" * i, {"xp": i}) for a, i in accounts.items()), epoch=1, progress=told.append)
    assert told[-1] == 100
    assert len(told) > 14
    changed = {a: b"n" * i for a, i in accounts.items() if i % 2}
    said = hot.publish(2, epoch=1, views=changed, scores={"xp": {a: -accounts[a] for a in changed}}, removed=["a000"])
    assert said.outcome is WRITTEN
    assert hot.views(accounts) == {
        a: (2, b"n" * i) if i % 2 else (1, b"v" * i) for a, i in accounts.items() if i
    }  # fmt: skip
    assert hot.leaderboard("xp").size() == 99
    assert hot.leaderboard("xp").rank("a098") == 1
    before = everything(client)
    assert hot.publish(2, epoch=1, views=changed).outcome is DUPLICATE
    assert everything(client) == before
    client.flushall()
    assert hot.publish(3, epoch=1, views=changed).outcome is STALE
    assert everything(client) == {}


def test_part_of_a_big_write_that_got_lost_is_none(client, hot, monkeypatch):
    monkeypatch.setattr(hot_rows, "CHUNK_ACCOUNTS", 2)
    given = hot._set_down

    def set_down(chunks):
        key, size = given(chunks)
        client.lpop(key)
        return key, size

    monkeypatch.setattr(hot, "_set_down", set_down)
    before = everything(client)
    with pytest.raises(RedisUnavailable, match="got lost; publish it again"):
        hot.publish(11, epoch=2, views={"ana": b"1", "ben": b"2", "cai": b"3"})
    assert everything(client) == before
    monkeypatch.undo()
    assert hot.publish(11, epoch=2, views={"ana": b"1", "ben": b"2", "cai": b"3"}).outcome is WRITTEN


def test_an_answer_that_got_lost_is_given_again(client, hot):
    """The client asks a second time where the connection broke after the script had run."""
    swap = hot._scripts[hot_module.lua.SWAP]
    hot._scripts[hot_module.lua.SWAP] = lambda **call: (swap(**call), swap(**call))[1]
    assert hot.replace_all(12, rows(ana=1), epoch=2) == Published(WRITTEN, 12, 2)
    publish = hot._scripts[hot_module.lua.PUBLISH]
    hot._scripts[hot_module.lua.PUBLISH] = lambda **call: (publish(**call), publish(**call))[1]
    assert hot.publish(13, epoch=2, views={"ana": b"13"}) == Published(DUPLICATE, 13, 2)
    assert hot.publish(14, epoch=2, views={"ana": b"14"}).seq == 14
    fill = hot._scripts[hot_module.lua.FILL]
    hot._scripts[hot_module.lua.FILL] = lambda **call: (fill(**call), fill(**call))[1]
    assert hot.replace_all(15, rows(ana=1, ben=2), epoch=2).outcome is WRITTEN
    assert hot.leaderboard("nav").size() == 2


# --- names and bounds --------------------------------------------------------------------------------------------


def test_rooms_and_accounts_of_any_name_are_apart(client):
    states = {
        (room, projection): HotState(client, room, projection)
        for room in [*NAMES, "room", "*"]
        for projection in BOARDS
    }
    for number, ((room, projection), hot) in enumerate(states.items(), start=1):
        board = BOARDS[projection][0]
        hot.replace_all(number, [(a, f"{room}/{a}".encode(), {board: number}) for a in NAMES], epoch=1)
    for number, ((room, projection), hot) in enumerate(states.items(), start=1):
        assert hot.views(NAMES) == {a: (number, f"{room}/{a}".encode()) for a in NAMES}
        board = hot.leaderboard(BOARDS[projection][0])
        assert {row.account for row in board.top(99)} == set(NAMES)
        assert hot.beat(epoch=1).outcome is WRITTEN
    forget(client, "*")
    alive = [key for key, hot in states.items() if hot.mark() is not None]
    assert alive == [key for key in states if key[0] != "*"]


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_roots_of_two_rooms_never_begin_alike(one, two):
    try:
        roots = room_root(one), room_root(two)
    except ValueOffGrid:
        return
    for root in roots:
        tag = root.partition("{")[2].partition("}")[0]
        assert tag
        assert root == f"vtrade:{{{tag}}}"
        assert not set(tag) & set("{}*?[]\\: ")
    assert (roots[0] == roots[1]) is (one == two)


@pytest.mark.parametrize("name", ["", "x" * 1_025, "\ud800", None, 7])
def test_a_name_that_can_be_none(client, hot, name):
    with pytest.raises(ValueOffGrid, match="a room"):
        HotState(client, name, "portfolio")
    with pytest.raises(ValueOffGrid, match="an account"):
        hot.publish(11, epoch=2, views={"ana": b"1", name: b"2"})
    with pytest.raises(ValueOffGrid, match="an account"):
        hot.publish(11, epoch=2, views={}, removed=[name])
    assert hot.mark().seq == 10


@pytest.mark.parametrize("bad", [-1, 2**53, 1.0, True, "7", None])
def test_a_number_that_is_none_changes_nothing(client, hot, bad):
    with pytest.raises(ValueOffGrid, match="whole number"):
        hot.publish(bad, epoch=2, views={})
    with pytest.raises(ValueOffGrid, match="whole number"):
        hot.publish(11, epoch=bad, views={})
    with pytest.raises(ValueOffGrid, match="whole number"):
        hot.replace_all(bad, [], epoch=2)
    assert hot.mark().seq == 10


@pytest.mark.parametrize(
    "views, scores, removed, says",
    [
        ({"ana": "text"}, {}, [], "is str, not bytes"),
        ({"ana": b"x" * (2**20 + 1)}, {}, [], "1048577 bytes"),
        ({}, {"xp": {"ana": 1}}, [], "no leaderboard 'xp' here; choose one of nav"),
        ({}, {"nav": {"ana": 1.5}}, [], "not an integer"),
        ({}, {"nav": {"ana": 2**63}}, [], "beyond 64 bits"),
        ({"ana": b"1"}, {}, ["ana"], "removed and changed at once"),
    ],
)
def test_what_makes_no_sense_changes_nothing(client, hot, views, scores, removed, says):
    before = everything(client)
    with pytest.raises(ValueOffGrid, match=says):
        hot.publish(11, epoch=2, views=views, scores=scores, removed=removed)
    assert everything(client) == before


def test_too_many_at_once_are_sent_elsewhere(hot, monkeypatch):
    monkeypatch.setattr(hot_module, "PUBLISH_ACCOUNTS_MAX", 2)
    with pytest.raises(ValueOffGrid, match="3 accounts at once, at most 2; call replace_all"):
        hot.publish(11, epoch=2, views=dict.fromkeys("abc", b""))


def test_projections_and_leaderboards_that_there_are_not(client, hot):
    with pytest.raises(ValueOffGrid, match="no projection 'tutor'; choose one of portfolio, gamification"):
        HotState(client, "room", "tutor")
    with pytest.raises(ValueOffGrid, match="portfolio has no leaderboard 'xp'; choose one of nav"):
        hot.leaderboard("xp")


def test_a_client_that_answers_in_text_is_refused():
    import fakeredis

    with pytest.raises(ValueOffGrid, match="views are bytes"):
        HotState(fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=True), "room", "portfolio")


def test_scores_at_the_ends_of_64_bits_and_ties_above_900720(hot):
    scores = {"ana": INT64_MAX, "ben": INT64_MAX - 1, "cai": -INT64_MAX, "dee": 900_721, "eve": 900_721, "fay": 900_722}
    hot.publish(11, epoch=2, views={}, scores={"nav": scores})
    assert [(row.rank, row.account, row.score) for row in hot.leaderboard("nav").top()] == [
        (1, "ana", INT64_MAX), (2, "ben", INT64_MAX - 1), (3, "fay", 900_722), (4, "dee", 900_721), (4, "eve", 900_721),
        (6, "cai", -INT64_MAX),
    ]  # fmt: skip


def test_a_view_may_be_any_bytes(hot):
    views = {"ana": bytes(range(256)) * 9, "ben": b"", "cai": b" 12 x"}
    hot.publish(11, epoch=2, views=views)
    assert hot.views(views) == {account: (11, view) for account, view in views.items()}


# --- age, seasons, the end ---------------------------------------------------------------------------------------


def test_age_and_lag(client):
    clock = FixedClock()
    hot = HotState(client, "room", "portfolio", clock=clock)
    assert (hot.age_s(), hot.lag(7)) == (None, 7)
    hot.replace_all(5, rows(ana=1), epoch=1)
    clock.sleep(2.5)
    assert (hot.age_s(), hot.lag(7), hot.lag(5), hot.lag(3)) == (2.5, 2, 0, 0)
    hot.beat(epoch=1)
    assert hot.age_s() == 0.0
    clock.sleep(-9)
    assert hot.age_s() == 0.0


def test_a_season_that_ended_stays_as_it_was(client, hot):
    board = hot.leaderboard("nav")
    assert board.end_season("autumn {1}") is True
    hot.publish(11, epoch=2, views={}, scores={"nav": {"ana": 900}})
    assert board.end_season("autumn {1}") is False
    ended = hot.leaderboard("nav", season="autumn {1}")
    assert [(row.account, row.score) for row in ended.top()] == [("ben", 200), ("ana", 100), ("cai", 100)]
    assert (ended.rank("ana"), board.rank("ana")) == (2, 1)
    assert hot.beat(epoch=2).outcome is WRITTEN
    assert {key.partition(b"{")[2].partition(b"}")[0] for key in client.scan_iter()} == {b"room"}


def test_forgetting_a_room_leaves_nothing_of_it_and_all_of_others(client, hot, monkeypatch):
    monkeypatch.setattr("vtrade.adapters.hot_keys.SCAN_STEP", 3)
    other = HotState(client, "room2", "portfolio")
    other.replace_all(1, rows(ana=1), epoch=1)
    HotState(client, "room", "gamification").replace_all(1, [("ana", b"", {"xp": 1})], epoch=1)
    hot.leaderboard("nav").end_season("s")
    before = {key: value for key, value in everything(client).items() if b"{room2}" in key}
    assert forget(client, "room") >= 9
    assert everything(client) == before
    assert not [key for key in client.scan_iter() if b"{room}" in key]
    assert forget(client, "room") == 0
    assert hot.publish(11, epoch=2, views={"ana": b"1"}).outcome is STALE


# --- trouble -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["mark", "views", "board:nav:ranking", "board:nav:codes", "board:nav:remembered"])
def test_a_key_that_somebody_planted_is_named_and_a_rebuild_mends_it(client, hot, part):
    key = f"{hot.root}:{part}"
    client.delete(key)
    client.set(key, "mine")
    before = everything(client)
    with pytest.raises(RedisRefused, match=r"publishing seq 11 .* somebody put something else") as refused:
        hot.publish(11, epoch=2, views={"ana": b"11"}, scores={"nav": {"ana": 5}}, removed=["ben"])
    assert f"({key} is no " in str(refused.value)
    assert everything(client) == before
    rebuild(client, "room", "portfolio", rows(ana=1, ben=2), seq=11)
    hot.replace_all(11, rows(ana=1, ben=2), epoch=2)
    assert hot.publish(12, epoch=2, views={"ana": b"12"}).outcome is WRITTEN


def test_reading_a_key_that_somebody_planted(client, hot):
    client.delete(f"{hot.root}:views")
    client.set(f"{hot.root}:views", "mine")
    for read in (lambda: hot.view("ana"), lambda: hot.views(["ana"])):
        with pytest.raises(RedisRefused, match="reading portfolio of room 'room' failed"):
            read()
    client.delete(f"{hot.root}:board:nav:ranking")
    client.set(f"{hot.root}:board:nav:ranking", "mine")
    with pytest.raises(RedisRefused, match="ranking portfolio of room 'room' failed"):
        hot.leaderboard("nav").top()


# --- against a plain dictionary ----------------------------------------------------------------------------------

accounts = st.sampled_from(["ana", "Zoë", "{x}", "名"])
changes = st.dictionaries(accounts, st.tuples(st.binary(max_size=5), st.integers(-3, 3)), max_size=4)
stories = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 6), st.integers(0, 2), changes, st.sets(accounts, max_size=1)),
        st.tuples(st.just("replace"), st.integers(0, 6), st.integers(0, 2), changes),
        st.tuples(st.just("flush")),
        st.tuples(st.just("lose"), st.sampled_from(["views", "mark", "board:nav:codes", "board:nav:ranking"])),
    ),
    max_size=12,
)


@settings(max_examples=80)
@given(stories)
def test_it_agrees_with_a_plain_dictionary(story):
    """Two workers' writes, wipes and losses in any order: what is there was written in full, or the mark says no."""
    client = embedded_redis()
    hot = HotState(client, "room", "portfolio")
    state, mark, whole = {}, None, True
    for kind, *details in story:
        match kind:
            case "flush":
                client.flushall()
                state, mark, whole = {}, None, True
            case "lose":
                had = client.delete(f"{hot.root}:{details[0]}")
                if details[0] == "mark":
                    mark = None
                elif had:
                    whole = False
            case "publish":
                seq, epoch, views, removed = details
                views = {account: view for account, view in views.items() if account not in removed}
                said = hot.publish(
                    seq, epoch=epoch, views={a: v for a, (v, _) in views.items()},
                    scores={"nav": {a: s for a, (_, s) in views.items()}}, removed=removed, after=0,
                )  # fmt: skip
                if mark is None:
                    assert said.outcome is STALE
                elif epoch < mark[1]:
                    assert said.outcome is FENCED
                elif seq <= mark[0]:
                    assert said.outcome is DUPLICATE
                elif not whole:
                    assert said.outcome is STALE
                else:
                    assert said == Published(WRITTEN, seq, epoch)
                    mark = seq, epoch
                    state |= {a: (seq, *rest) for a, rest in views.items()}
                    for account in removed:
                        state.pop(account, None)
            case "replace":
                seq, epoch, views = details
                said = hot.replace_all(seq, ((a, v, {"nav": s}) for a, (v, s) in views.items()), epoch=epoch)
                if mark is not None and epoch < mark[1]:
                    assert said.outcome is FENCED
                elif mark is not None and seq < mark[0]:
                    assert said.outcome is DUPLICATE
                else:
                    assert said == Published(WRITTEN, seq, epoch)
                    mark, whole, state = (seq, epoch), True, {a: (seq, *rest) for a, rest in views.items()}
        if whole and mark is not None:
            assert hot.views(["ana", "Zoë", "{x}", "名"]) == {a: (seq, view) for a, (seq, view, _) in state.items()}
            assert {r.account: r.score for r in hot.leaderboard("nav").top(9)} == {
                a: s for a, (_, _, s) in state.items()
            }
    found = hot.mark()
    assert (found and (found.seq, found.epoch)) == mark
