"""What becomes of a class when records come that nobody can read?

Rules: those of the other tests of faults: everything is real.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backbone.crew import own_settings, until
from tests.backbone.faultcheck import check
from tests.backbone.faultworld import world
from tests.backbone.students import ACCOUNTS
from tests.servers import Server
from vtrade.domain.messages import OpenRoom, UserAction, encode_inbound
from vtrade.domain.topics import ACTIONS, DEAD_LETTERS, INBOUND, account_key, inbound_headers
from vtrade.ports import Headers, Outgoing
from vtrade.services.workers.gamification import ACTION_BYTES_MAX
from vtrade.services.workers.trades import FROM, WHY

pytestmark = [pytest.mark.needs("kafka", "redis"), pytest.mark.timeout(300)]

UNREADABLE = "vtrade_execution_passed_unreadable"


# --- poison ----------------------------------------------------------------------------------------------------------


def poison(room: str) -> list[tuple[Outgoing, str]]:
    """Records that nobody can use, and a word of the reason."""
    ana = ACCOUNTS[0]
    action = encode_inbound(UserAction(0, ana, "plan_written", "poison", "x"))
    elsewhere = encode_inbound(OpenRoom(0, "another room", ()))
    v2, v9 = inbound_headers("poison"), (("v", b"9"), ("id", b"poison"))

    def inbound(value: bytes | None, headers: Headers, why: str) -> tuple[Outgoing, str]:
        return Outgoing(INBOUND, room, value, headers), why

    def acted(value: bytes | None, headers: Headers, why: str, account: str = ana) -> tuple[Outgoing, str]:
        return Outgoing(ACTIONS, account_key(room, account), value, headers), why

    return [
        inbound(action, v9, "wire version '9'"),
        inbound(action, (), "wire version"),
        inbound(b"\xff\x00 no message", v2, "no message"),
        inbound(b"", v2, "no message"),
        inbound(None, v2, "no message"),
        inbound(elsewhere, v2, "another room"),
        inbound(action, (("v", b"2"), ("id", b"\xff\xfe")), "no message"),
        acted(action, v9, "wire version '9'"),
        acted(b"\xff\x00 no message", v2, "no action"),
        acted(None, v2, "no action"),
        acted(elsewhere, v2, "is no action"),
        acted(action, v2, "under the key", account=ACCOUNTS[1]),
        acted(action + bytes(ACTION_BYTES_MAX), v2, "an action of"),
    ]


def test_what_nobody_can_read_is_put_aside_once(kafka_server: Server, redis_server: Server, tmp_path: Path) -> None:
    settings = own_settings(kafka_server.settings, redis_server.url, tmp_path, prefix="poison")
    with world(settings, tmp_path) as here, here.lesson("poison") as lesson:
        records = poison(lesson.name)
        for record, _ in records:
            here.bus.write([record])
            lesson.students.more(2)
        lesson.dead_letters = len(records)
        lesson.answered(20)
        for role in ("execution", "gamification"):  # whoever reads it next finds it put aside
            times = len(here.crew.takeovers(role, lesson.partition))
            until(lambda r=role: lesson.checkpoint(r) > 0, f"a snapshot of {role}")  # type: ignore[misc]
            if role == "execution":
                until(lambda: here.crew.figures("execution").get(UNREADABLE) == 7, "all are counted", look_s=0.2)
            assert here.crew.figures(role).get("vtrade_restarts_total", 0) == 0, "a crash loop"
            assert here.crew.stop(role) == 0
            here.crew.worker(role)
            until(lambda r=role, t=times: len(here.crew.takeovers(r, lesson.partition)) > t, f"{role} is back")  # type: ignore[misc]
        lesson.answered(20)
        verdict = check(lesson)
        letters = list(here.bus.read((DEAD_LETTERS, lesson.partition)))
        figures = here.crew.figures("execution")
    assert verdict.passed["unreadable"] == 7
    found = [(dict(letter.headers)[WHY].decode(), letter.value) for letter in letters]
    assert len(found) == len(records)
    for record, why in records:
        assert any(why in text and value == record.value for text, value in found), (why, found)
    assert len({dict(letter.headers)[FROM] for letter in letters}) == len(records)
    assert figures.get("vtrade_restarts_total", 0) == 0
