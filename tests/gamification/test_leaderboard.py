"""Are ranks exact, on the embedded Redis and on a real one?"""

import os
import shutil
import socket
import subprocess
import time

import fakeredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from vtrade.adapters.redis import RedisUnavailable, connect_redis
from vtrade.domain.values import INT64_MAX
from vtrade.errors import Unavailable, ValueOffGrid
from vtrade.gamification import leaderboard as module
from vtrade.gamification.leaderboard import Leaderboard, Standing, decode_score, encode_score

PROGRAM = shutil.which("redis-server")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A server of our own on the loopback, gone after the tests; without the program, the one VTRADE_REDIS names."""
    if PROGRAM is None:
        client = connect_redis(f"redis://{os.environ['VTRADE_REDIS']}")
        yield client
        client.close()
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    try:
        client = _connect_soon(server, f"redis://127.0.0.1:{port}")
        yield client
        client.close()
    finally:
        server.terminate()
        server.wait(10)


def _connect_soon(server, url, *, within_s=10):
    """A client, once the server has started."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return connect_redis(url)
        except RedisUnavailable:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


SERVER = pytest.param("server", marks=() if PROGRAM else pytest.mark.needs("redis"))


@pytest.fixture(scope="session", params=["embedded", "text", SERVER])
def client(request):
    """Embedded and answering in bytes, embedded and answering in text, a real server."""
    if request.param == "server":
        return request.getfixturevalue("redis_server")
    return fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=request.param == "text")


@pytest.fixture(scope="session")
def open_board(client):
    """Opens an empty leaderboard under a key of the tests; all are cleared at the end."""
    opened = []

    def open_empty(key="", *, season=""):
        board = Leaderboard(client, f"vtrade-tests:{key}", season=season)
        board.clear()
        opened.append(board)
        return board

    yield open_empty
    for board in opened:
        board.clear()


@pytest.fixture
def board(open_board):
    return open_board()


# --- against a sorted list ---------------------------------------------------------------------------------------


class Naive:
    """A leaderboard as one would write it on paper."""

    def __init__(self):
        self.scores = {}
        self.before = {}

    def rows(self):
        best_first = sorted(self.scores.items(), key=lambda item: (-item[1], item[0].encode()))
        ranked = [(1 + sum(other > score for other in self.scores.values()), a, score) for a, score in best_first]
        return [Standing(r, a, s, self.before[a] - r if a in self.before else None) for r, a, s in ranked]

    def rank(self, account):
        return next((row.rank for row in self.rows() if row.account == account), None)

    def around(self, account, n):
        rows = self.rows()
        place = next((i for i, row in enumerate(rows) if row.account == account), None)
        return [] if place is None else rows[max(0, place - n) : place + n + 1]

    def percentile(self, account):
        if account not in self.scores:
            return None
        others = [score for a, score in self.scores.items() if a != account]
        no_better = sum(score <= self.scores[account] for score in others)
        return 100.0 * no_better / len(others) if others else 100.0


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


names = st.sampled_from(["ana", "an", "Zoë", "ben", "b:en", "0", "名前", "(x", "-", "a b"])
near = st.integers(-3, 3)
numbers = st.one_of(
    near,
    st.sampled_from([900_720, 900_721, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, INT64_MAX, -INT64_MAX]),
    st.integers(-INT64_MAX, INT64_MAX),
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, numbers),
        st.tuples(st.just("many"), st.dictionaries(names, near, max_size=6)),
        st.tuples(st.just("remove"), names),
        st.tuples(st.just("remember")),
        st.tuples(st.just("clear")),
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(story=changes, asked=names, n=st.integers(0, 4))
def test_it_agrees_with_a_sorted_list(open_board, story, asked, n):
    board, naive = open_board(), Naive()
    for change in story:
        match change:
            case ("set", account, score):
                board.update(account, score)
                naive.scores[account] = score
            case ("many", scores):
                board.update_many(scores)
                naive.scores |= scores
            case ("remove", account):
                assert board.remove(account) is (naive.scores.pop(account, None) is not None)
                naive.before.pop(account, None)
            case ("remember",):
                assert board.remember() == len(naive.scores)
                naive.before = {row.account: row.rank for row in naive.rows()}
            case ("clear",):
                board.clear()
                naive = Naive()
    assert board.top(100) == naive.rows()
    assert board.top(n) == naive.rows()[:n]
    assert board.around(asked, n) == naive.around(asked, n)
    assert board.rank(asked) == naive.rank(asked)
    assert board.score(asked) == naive.scores.get(asked)
    assert board.percentile(asked) == naive.percentile(asked)
    assert board.size() == len(naive.scores)


# --- by example --------------------------------------------------------------------------------------------------


def test_ties_above_900720_points_are_kept(board):
    """A score that packs a tie-break into a double loses ties up there; ours does not."""
    board.update_many({"late": 900_721, "early": 900_721, "above": 900_722, "below": 900_720})
    rows = [(row.rank, row.account) for row in board.top(4)]
    assert rows == [(1, "above"), (2, "early"), (2, "late"), (4, "below")]


@pytest.mark.parametrize("score", [2**53, 9 * 10**18, -(2**53) - 4, -9 * 10**18])
def test_scores_that_no_double_tells_apart_are_kept_apart(board, score):
    assert float(score) == float(score + 1)
    board.update_many({"a": score, "b": score + 1, "c": score + 1})
    assert [(row.rank, row.account, row.score) for row in board.top()] == [
        (1, "b", score + 1),
        (1, "c", score + 1),
        (3, "a", score),
    ]
    assert (board.rank("a"), board.score("a")) == (3, score)


def test_losses_rank_below_nothing(board):
    board.update_many({"loss": -1, "zero": 0, "big_loss": -5_000_000_000})
    assert [row.account for row in board.top()] == ["zero", "loss", "big_loss"]


def test_around_stops_at_both_ends(board):
    board.update_many({f"p{i}": -i for i in range(10)})
    assert [row.account for row in board.around("p0", 2)] == ["p0", "p1", "p2"]
    assert [row.account for row in board.around("p9", 2)] == ["p7", "p8", "p9"]
    assert [row.rank for row in board.around("p5", 1)] == [5, 6, 7]


def test_a_page_in_the_middle_of_a_tie_knows_its_rank(board):
    board.update_many({f"t{i}": 7 for i in range(6)} | {"best": 9, "worst": 1})
    assert [row.rank for row in board.around("t4", 1)] == [2, 2, 2]
    assert [row.rank for row in board.around("worst", 1)] == [2, 8]


def test_who_is_not_there_has_no_rank(board):
    assert (board.rank("x"), board.score("x"), board.percentile("x"), board.around("x")) == (None, None, None, [])
    assert board.remove("x") is False
    assert (board.top(), board.size()) == ([], 0)


def test_percentiles_of_a_tie_and_of_one_alone(board):
    board.update("a", 5)
    assert board.percentile("a") == 100.0
    board.update_many({"b": 5, "c": 1})
    assert (board.percentile("a"), board.percentile("b"), board.percentile("c")) == (100.0, 100.0, 0.0)


def test_movement_is_told_since_the_last_time_remembered(board):
    board.update_many({"a": 3, "b": 2, "c": 1})
    assert [row.moved for row in board.top()] == [None] * 3
    board.remember()
    board.update_many({"c": 9, "new": 2})
    assert [(row.account, row.moved) for row in board.top()] == [("c", 2), ("a", -1), ("b", -1), ("new", None)]


def test_seasons_and_keys_are_apart(open_board):
    spring, autumn, other = open_board("k", season="spring"), open_board("k", season="autumn"), open_board("other")
    spring.update("a", 1)
    autumn.update("a", 2)
    other.update("a", 3)
    spring.clear()
    assert (spring.score("a"), autumn.score("a"), other.score("a")) == (None, 2, 3)


@pytest.mark.parametrize("score", [1.0, "1", None, True, INT64_MAX + 1, -INT64_MAX - 1])
def test_a_score_that_is_none_changes_nothing(board, score):
    board.update("a", 1)
    with pytest.raises(ValueOffGrid, match="score"):
        board.update_many({"a": 2, "b": score})
    assert [(row.account, row.score) for row in board.top()] == [("a", 1)]


def test_a_name_or_a_number_of_rows_that_makes_no_sense_is_refused(board):
    with pytest.raises(ValueOffGrid, match="needs a name"):
        board.update("", 1)
    with pytest.raises(ValueOffGrid, match=r"top\(-1\)"):
        board.top(-1)


def test_many_more_than_one_command_takes(board):
    board.update_many({f"a{i:05d}": i for i in range(5_000)})
    board.update_many({f"a{i:05d}": i // 10 for i in range(5_000)})
    assert board.size() == 5_000
    assert board.rank("a00000") == 4_991
    assert board.remember() == 5_000
    rows = board.top(5_000)
    assert [row.rank for row in rows[:11]] == [1] * 10 + [11]
    assert {row.moved for row in rows} == {0}


def test_a_second_client_sees_the_same_board(board, client):
    board.update("a", 5)
    assert Leaderboard(client, board.key).top() == [Standing(1, "a", 5)]


# --- seasons -----------------------------------------------------------------------------------------------------


def test_a_season_that_ended_is_a_board_of_its_own(open_board):
    board, ended = open_board("s"), open_board("s", season="spring 26")
    board.update_many({"a": 3, "b": 3, "c": 1})
    assert board.end_season("spring 26") is True
    board.update_many({"c": 9, "d": 2})
    board.remove("a")
    assert [(row.rank, row.account, row.score) for row in ended.top()] == [(1, "a", 3), (1, "b", 3), (3, "c", 1)]
    assert (ended.rank("c"), ended.percentile("c"), ended.score("d")) == (3, 0.0, None)
    assert [row.account for row in ended.around("b", 1)] == ["a", "b", "c"]
    assert [row.account for row in board.top()] == ["c", "b", "d"]


def test_a_season_ends_once(open_board):
    board, ended = open_board("s"), open_board("s", season="one")
    board.update("a", 1)
    assert board.end_season("one") is True
    board.update("a", 2)
    assert board.end_season("one") is False
    assert ended.score("a") == 1
    with pytest.raises(ValueOffGrid, match="the season 'one' has none within"):
        ended.end_season("two")
    with pytest.raises(ValueOffGrid, match="a season needs a name"):
        board.end_season("")


def test_a_season_of_nobody(open_board):
    board, ended = open_board("s"), open_board("s", season="empty")
    assert board.end_season("empty") is True
    assert (ended.top(), ended.size(), board.remember()) == ([], 0, 0)


def test_seasons_and_keys_of_any_name_are_apart(open_board):
    names = ["a", "a:season:b", "{a}", "a}", "}", "a b", "名"]
    boards = {
        (key, season): open_board(key, season=season) for key in names for season in ["", "b", "b:season:c", *names]
    }
    for score, board in enumerate(boards.values()):
        board.update("x", score)
    assert [board.score("x") for board in boards.values()] == list(range(len(boards)))


@pytest.mark.parametrize("options", [{}, {"season": "a}b{c"}, {"tagged": True}])
@pytest.mark.parametrize("key", ["room:7", "}", "a}b", "{x}", "vtrade:{room}:board:xp"])
def test_all_keys_are_on_one_node_of_a_cluster(client, key, options):
    if options.get("tagged") and "{" not in key:
        key = f"{{tag}}:{key}"
    board = Leaderboard(client, key, **options)
    used = []

    def watch(script):
        return lambda keys, args: (used.extend(keys), script(keys=keys, args=args))[1]

    board._scripts = {text: watch(script) for text, script in board._scripts.items()}
    board.clear()
    board.update("a", 1)
    board.remember()
    if "season" not in options:
        board.end_season("s}x")
    assert len(set(used)) >= 5
    assert len({key_slot(key.encode()) for key in used}) == 1
    client.delete(*used)


# --- long steps --------------------------------------------------------------------------------------------------


def test_what_is_cut_into_steps_is_told_as_a_whole(board, monkeypatch):
    monkeypatch.setattr(module, "STEP_ACCOUNTS", 7)
    scores = {f"a{i:03d}": i // 3 for i in range(100)}
    board.update_many(scores)
    naive = Naive()
    naive.scores = scores
    assert board.top(1_000) == naive.rows()
    assert board.top(15) == naive.rows()[:15]
    assert board.remember() == 100
    naive.before = {row.account: row.rank for row in naive.rows()}
    change = {f"a{i:03d}": 90 - i for i in range(0, 100, 2)}
    board.update_many(change)
    naive.scores |= change
    assert board.top(1_000) == naive.rows()
    with pytest.raises(ValueOffGrid, match=r"around\(4\): give a number of rows up to 3"):
        board.around("a001", 4)


def test_a_score_that_is_none_stops_all_steps(board, monkeypatch):
    monkeypatch.setattr(module, "STEP_ACCOUNTS", 2)
    with pytest.raises(ValueOffGrid, match="score"):
        board.update_many({"a": 1, "b": 2, "c": 3, "d": 0.5})
    assert board.size() == 0


@pytest.mark.parametrize("act", [Leaderboard.remember, lambda board: board.end_season("s")])
def test_a_board_that_is_wiped_while_it_is_copied(board, client, monkeypatch, act):
    board.update_many({"a": 3, "b": 2, "c": 1})
    board.remember()
    read = board._scripts[module.lua.READ]

    def wipe(**call):
        client.delete(*client.keys("{vtrade-tests:}*"))
        return read(**call)

    monkeypatch.setitem(board._scripts, module.lua.READ, wipe)
    with pytest.raises(Unavailable, match="was wiped while it was copied; try again"):
        act(board)
    monkeypatch.undo()
    assert not client.keys("{vtrade-tests:}*")
    board.update_many({"a": 3, "b": 2})
    assert act(board)


def test_copies_leave_nothing_behind(board, client):
    board.update_many({"a": 3, "b": 2})
    board.remember()
    board.remember()
    left = {_text(key).rpartition(":")[2] for key in client.scan_iter(match="{vtrade-tests:}*")}
    assert left == {"ranking", "codes", "remembered", "turn"}
    assert [client.ttl(key) for key in board.keys] == [-1, -1, -1]


def test_names_that_are_no_text(board):
    with pytest.raises(ValueOffGrid, match="no valid text; give another name"):
        board.update("\ud800", 1)


@given(st.integers(-INT64_MAX, INT64_MAX), st.integers(-INT64_MAX, INT64_MAX))
def test_codes_fall_as_scores_rise(a, b):
    assert (encode_score(a) < encode_score(b)) is (a > b)
    assert decode_score(encode_score(a)) == a
    assert len(encode_score(a)) == 16
