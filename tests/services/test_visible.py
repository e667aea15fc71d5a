"""Does anybody learn what is none of his business?"""

from __future__ import annotations

from random import Random
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.services.loopback import Class, SharedOver, class_tape, posted, vt
from tests.services.test_remote import RULES, one_step
from vtrade.domain import messages as m
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.orders import Liquidity, Side
from vtrade.domain.stream import Part, Snapshot, Standings, encode_frame, from_parts, unbundled
from vtrade.errors import DeskError
from vtrade.services import visible
from vtrade.services.access import Role
from vtrade.services.visible import ADDRESSED, OWN, PUBLIC, owner_of, public_tape, sees_all, snapshot_for

FACTS = get_args(m.Fact)
SECRET = "Mallory-Quux"
SECRET_ORDER = "xyzzy-"


def fact_of(kind: type, account: str) -> Any:
    """A fact of a kind, whatever else it says."""
    fields = kind.__struct_fields__
    texts = ("symbol", "text", "tape", "forked_from")
    values = {name: account if name == "account" else "" if name in texts else 0 for name in fields}
    return kind(**values)


def test_every_fact_is_classified_once() -> None:
    known = [*PUBLIC, *OWN, *ADDRESSED]
    assert sorted(kind.__name__ for kind in known) == sorted(kind.__name__ for kind in FACTS)


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_a_fact_that_names_an_account_is_its_alone(kind: type) -> None:
    names_account = "account" in kind.__struct_fields__
    assert names_account == (kind in OWN or kind in ADDRESSED)
    fact = fact_of(kind, "ben")
    for account, role, sees in (
        ("ana", "student", not names_account), ("ben", "student", True), ("", "student", not names_account),
        ("ben", "observer", not names_account), ("", "observer", not names_account), ("ben", "king", not names_account),
        ("", "ta", True), ("", "instructor", True), ("", "owner", True),
    ):  # fmt: skip
        assert bool(visible.visible([fact], account=account, role=role)) == sees, (account, role)


def test_a_fact_of_an_account_without_a_name_is_nobodys() -> None:
    for kind in OWN:
        assert visible.visible([fact_of(kind, "")], account="", role="student") == []
    assert visible.visible([m.NewsPublished(1, 0, "", "to all")], account="", role="observer") != []


def test_what_is_not_classified_is_nobodys() -> None:
    class Novel(msgspec.Struct):
        account: str

    assert owner_of(Novel("ana")) is None  # type: ignore[arg-type]


def test_who_sees_all() -> None:
    assert [role for role in Role if sees_all(role)] == [Role.OWNER, Role.INSTRUCTOR, Role.TA]


def test_a_counterparty_has_no_number() -> None:
    fill = m.Fill(1, 0, "ana", "o1", 3, "A", Side.BUY, 5, 5, 0, Liquidity.TAKER, 0, "peer", 1, 2, 3, 4, 17)
    assert visible.visible([fill], account="ana", role="student")[0].contra_order_id == visible.HIDDEN_ORDER
    assert visible.visible([fill], account="", role="ta") == [fill]


@pytest.mark.parametrize(
    "name, told",
    [
        ("synthetic:7", "synthetic"), ("exchange:123", "exchange"), ("synthetic market 7", "synthetic market"),
        ("exchange 7", "exchange"), ("lobster:/home/prof/AMZN.zip", "lobster"), (r"C:\tapes\day.parquet", "C"),
        ("../day.parquet", "recorded"), ("sample:AAPL,IBM", "sample:AAPL,IBM"), ("", ""),
    ],
)  # fmt: skip
def test_tapes_that_would_tell_the_future_or_where_they_are(name: str, told: str) -> None:
    assert public_tape(name) == told


# --- in every frame of a student -------------------------------------------------------------------------------------


def contents(frames: list[bytes]) -> list[bytes]:
    """The bytes of frames as they are before they are compressed, without the ranking, which everybody may see."""
    told, parts = [], []
    for frame in [frame for data in frames for frame in unbundled(data)]:
        if isinstance(frame, Part):
            parts.append(frame)
            if frame.number + 1 == frame.count:
                whole = from_parts(parts)
                told.append(msgspec.msgpack.encode(whole))
                parts = []
        elif not isinstance(frame, Standings):
            told.append(encode_frame(frame))
    return told


@settings(max_examples=4, phases=(Phase.explicit, Phase.generate))
@given(seed=st.integers(0, 10**6), rules=st.sampled_from(sorted(RULES)))
def test_no_frame_of_a_student_names_another(seed: int, rules: str) -> None:
    luck = Random(seed)
    people = {"ana": RiskLimits(), SECRET: RiskLimits.make(leverage=2, allow_short=True)}
    tape = vt.synthetic(7, symbols=["ACME"], minutes=2, events_per_second=6)
    school = Class(SharedOver(tape, people, rules=RULES[rules], seed=987_654_321_012, tape_name="synthetic:7"))
    try:
        other = school.near(SECRET)
        for number in range(12):
            one_step(luck, school, {SECRET: other}, number)
        student = school.join("ana")
        onlooker = school.join("olga", Role.OBSERVER)
        assert onlooker.account == ""
        for number in range(30):
            one_step(luck, school, {SECRET: other}, number)
            other.sell("ACME", 1, client_order_id=f"{SECRET_ORDER}{number}")
            posted(school.room, [m.RoomCommand(0, "news", text="entre nous", account=SECRET)])
            if number % 10 == 5:
                one_step(luck, school, {"ana": student}, number)
                school.ways["ana"].drop()
        school.settle()
        for name in ("ana", "olga"):
            told = contents(school.ways[name].frames)
            assert any(b"ACME" in data for data in told)
            for secret in (SECRET, SECRET_ORDER, "entre nous", "synthetic:7", "market 7", "987654321012"):
                assert not any(secret.encode() in data for data in told), secret
            assert not any(msgspec.msgpack.encode(987_654_321_012) in data for data in told)
        for order in school.room.blotter.of("ana"):
            story = school.remotes["ana"].explained(order)
            assert story is not None
            assert SECRET not in str(story)
        staff = school.join("tina", Role.TA)
        assert staff.account == ""
        assert any(SECRET.encode() in data for data in contents(school.ways["tina"].frames))
    finally:
        school.close()


def test_a_snapshot_is_small_however_many_others_there_are() -> None:
    people = {f"student {n}": RiskLimits() for n in range(60)}
    tape = class_tape(vt.synthetic(7, symbols=["ACME"], minutes=2, events_per_second=6))
    room = SharedOver(tape, people)
    for name in people:
        posted(room, [m.UserAction(0, name, "lesson_finished", f"lesson {n}") for n in range(3)])
    lonely = len(msgspec.msgpack.encode(snapshot_for(room, "student 1", "student")))
    everything = len(msgspec.msgpack.encode(snapshot_for(room, "", "ta")))
    assert lonely * 10 < everything
    assert snapshot_for(room, "nobody", "student").accounts == {}
    assert snapshot_for(room, "student 1", "observer").money is None
    room.close()


def test_a_snapshot_goes_through_the_wire() -> None:
    school = Class(SharedOver(class_tape(vt.synthetic(7, symbols=["ACME"], minutes=2)), {"ana": RiskLimits()}))
    desk = school.join("ana")
    for n in range(5):
        desk.buy("ACME", 1, limit=150 + n)
    with school.room.lock:
        told = snapshot_for(school.room, "ana", "student")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Snapshot) == told
    school.close()


def test_somebody_without_an_account_is_turned_away() -> None:
    school = Class(SharedOver(class_tape(vt.synthetic(7, symbols=["ACME"], minutes=2)), {"ana": RiskLimits()}))
    with pytest.raises(DeskError, match="is not in this room"):
        school.join("zoe")
    assert len(school.streams) == 0
    school.close()
