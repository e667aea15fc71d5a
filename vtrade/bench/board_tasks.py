"""How quick is the state that students look at: a leaderboard of a million, and views by the ten thousand?

Rules: each task takes the address of a Redis, works in a room that nobody else has, leaves nothing behind, and checks
what it wrote before it tells a figure. Times are those of the caller, with the way to the server and back. Names and
scores follow a fixed pattern: no chance is involved.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from vtrade.adapters.hot import HotState
from vtrade.adapters.hot_keys import forget
from vtrade.adapters.hot_news import subscribe
from vtrade.adapters.hot_port import Outcome, Row
from vtrade.adapters.redis import connect_redis
from vtrade.bench.fresh import BenchError
from vtrade.bench.tasks import memory_mb
from vtrade.domain.values import MICRO
from vtrade.gamification.leaderboard import Leaderboard

TIMEOUT_S: Final = 30.0
"""Longest wait for one answer."""
WAIT_S: Final = 10.0
"""Longest wait for the server."""
LOAD_STEP: Final = 20_000
"""Scores made at once."""
STRIDE: Final = 7_919
"""Prime: account after account is far from the one before."""
SCORES: Final = 10**12


def board(url: str, members: int = 1_000_000, calls: int = 5_000, shown: int = 5) -> dict[str, Any]:
    """A leaderboard of many: seconds to load it, milliseconds of a change and of reading it, memory of the server."""
    client: Any = connect_redis(url, timeout_s=TIMEOUT_S, wait_s=WAIT_S)
    room = f"benchmark of a leaderboard of {members}"
    standings = HotState(client, room, "gamification").leaderboard("xp")
    forget(client, room)
    try:
        before = _used_mb(client)
        started = time.perf_counter()
        for first in range(0, members, LOAD_STEP):
            standings.update_many({_account(n): _score(n) for n in range(first, min(first + LOAD_STEP, members))})
        load_s = time.perf_counter() - started
        server_mb = _used_mb(client) - before
        moved = [(n * STRIDE) % members for n in range(calls)]
        found = {
            "load_s": load_s,
            "server_mb": server_mb,
            **_timed("update", [_update(standings, n) for n in moved]),
            **_timed("around", [_around(standings, n, shown) for n in moved]),
            **_timed("percentile", [_percentile(standings, n) for n in moved]),
        }
        long: dict[str, Callable[[], object]] = {
            "remember": standings.remember,
            "season": lambda: standings.end_season("benchmark"),
        }
        for what, act in long.items():
            started = time.perf_counter()
            act()
            found[f"{what}_s"] = time.perf_counter() - started
        expected = {_account(n): _score(n) + MICRO for n in moved}
        if standings.size() != members or any(standings.score(name) != score for name, score in expected.items()):
            raise BenchError(f"the leaderboard at {room!r} does not hold what was written; its speed means nothing")
        return {**found, "memory_mb": memory_mb()}
    finally:
        forget(client, room)
        client.close()


def publish(
    url: str, accounts: int = 20_000, rounds: int = 10, view_bytes: int = 600, batch: int = 1_000
) -> dict[str, Any]:
    """Views of many accounts with their scores, notices and mark: views a second, and milliseconds of a write."""
    client: Any = connect_redis(url, timeout_s=TIMEOUT_S, wait_s=WAIT_S)
    room = f"benchmark of {accounts} views"
    hot = HotState(client, room, "portfolio")
    forget(client, room)
    names = [_account(n) for n in range(accounts)]
    view = b"v" * view_bytes
    try:
        before = _used_mb(client)
        started = time.perf_counter()
        _expect(hot.replace_all(1, _rows(accounts, view), epoch=1).outcome)
        replace_s = time.perf_counter() - started
        server_mb = _used_mb(client) - before
        seq = 1
        waits: dict[str, list[float]] = {"batched": [], "whole": []}
        with subscribe(client, room) as notices:
            for kind, size in (("batched", batch), ("whole", accounts)):
                for number in range(rounds):
                    for first in range(0, accounts, size):
                        some = names[first : first + size]
                        views = dict.fromkeys(some, view)
                        scores = {"nav": {name: _score(seq + number) for name in some}}
                        seq += 1
                        started = time.perf_counter()
                        _expect(hot.publish(seq, epoch=1, views=views, scores=scores).outcome)
                        waits[kind].append(time.perf_counter() - started)
            heard = 0
            while (notice := notices.get(1.0)) is not None:
                heard = notice.seq
        told = hot.views(names)
        if heard != seq or len(told) != accounts or {len(value) for _, value in told.values()} != {view_bytes}:
            raise BenchError(f"the views at {room!r} are not those written; their speed means nothing")
        return {
            "replace_s": replace_s,
            "server_mb": server_mb,
            "views_per_s": rounds * accounts / sum(waits["batched"]),
            "whole_views_per_s": rounds * accounts / sum(waits["whole"]),
            **_quantiles("publish", waits["batched"]),
            **_quantiles("publish_whole", waits["whole"]),
            "memory_mb": memory_mb(),
        }
    finally:
        forget(client, room)
        client.close()


def _rows(accounts: int, view: bytes) -> Iterator[Row]:
    for number in range(accounts):
        yield _account(number), view, {"nav": _score(number)}


def _account(number: int) -> str:
    return f"student-{number:07d}"


def _score(number: int) -> int:
    return number * STRIDE * STRIDE % SCORES


def _update(standings: Leaderboard, number: int) -> Callable[[], object]:
    return lambda: standings.update(_account(number), _score(number) + MICRO)


def _around(standings: Leaderboard, number: int, shown: int) -> Callable[[], object]:
    return lambda: standings.around(_account(number), shown)


def _percentile(standings: Leaderboard, number: int) -> Callable[[], object]:
    return lambda: standings.percentile(_account(number))


def _timed(name: str, calls: list[Callable[[], object]]) -> dict[str, float]:
    waits = []
    for call in calls:
        started = time.perf_counter()
        call()
        waits.append(time.perf_counter() - started)
    return _quantiles(name, waits)


def _quantiles(name: str, waits: list[float]) -> dict[str, float]:
    waits = sorted(waits)
    return {
        f"{name}_p50_ms": 1e3 * waits[len(waits) // 2],
        f"{name}_p99_ms": 1e3 * waits[min(len(waits) - 1, len(waits) * 99 // 100)],
        f"{name}_max_ms": 1e3 * waits[-1],
    }


def _used_mb(client: Any) -> float:
    return int(client.info("memory")["used_memory"]) / 2**20


def _expect(outcome: Outcome) -> None:
    if outcome is not Outcome.WRITTEN:
        raise BenchError(f"a write was answered {outcome.value!r}: is somebody else in the benchmark's room?")


TASKS: Final[dict[str, Callable[..., dict[str, Any]]]] = {"board": board, "publish": publish}


def main() -> None:
    """Do the task the command line names and print what it found."""
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))  # noqa: T201


if __name__ == "__main__":
    main()
