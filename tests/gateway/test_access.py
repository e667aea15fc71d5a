"""Whom does a token let in, which names may there be, and what is kept of either?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrade.adapters.register import MemoryRegister
from vtrade.domain.values import NS_PER_S
from vtrade.errors import AccessDenied, DeskError, ValueOffGrid
from vtrade.services.access import NAME_MAX, PERMISSIONS, Grant, May, Role, TokenRefused, clean_name, hash_token
from vtrade.services.directory import DAY_NS, KEPT_AFTER_NS, Directory
from vtrade.services.secret import new_token


class Wall:
    """A clock that a test moves."""

    ns = 10**18

    def wall_ns(self) -> int:
        return self.ns

    def monotonic_ns(self) -> int:
        return self.ns

    def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * NS_PER_S)


def directory(clock: Wall | None = None, register: MemoryRegister | None = None) -> Directory:
    made = Directory(register or MemoryRegister(), clock or Wall(), new_token)
    if not made.rooms():
        made.add_room("algebra", tape="synthetic:7", cash=0)
    return made


def refused(known: Directory, token: str) -> str:
    with pytest.raises(TokenRefused) as error:
        known.grant(token)
    return error.value.code


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ana", "Zoë", "张伟", "José O'Neil", "anna.k", "a+b@c-d_e", "Łukasz 2", "анна", "1"])
def test_good_names(name: str) -> None:
    assert clean_name(f"  {name} ") == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "..", ".hidden", "a/b", "a\\b", "a\nb", "a\0b", "a\u200bb", "a\u202eb", "\u0301a",
     "x" * (NAME_MAX + 1), "ﬁ",
     "\u0430nna", "<script>", "a;b", "a:b", "a%2fb", "\ud800", None, 7, ["ana"], "a.", "\U000e0041a"],
)  # fmt: skip
def test_bad_names(name: object) -> None:
    with pytest.raises(ValueOffGrid):
        clean_name(name)


def test_two_ways_to_write_one_name_are_one() -> None:
    assert clean_name("Zoe\u0308") == clean_name("Zo\u00eb")


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    try:
        name, why = clean_name(text), ""
    except ValueOffGrid as error:
        name, why = "ana", str(error)
    assert why.isprintable()
    assert clean_name(name) == name
    assert name.isprintable()
    assert "/" not in name
    assert name.encode()


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_a_token_is_kept_as_its_hash_alone() -> None:
    register = MemoryRegister()
    known = directory(register=register)
    (issued,) = known.enrol("algebra", ["ana"], Role.STUDENT)
    kept = json.dumps({key: value.decode() for key, value in register.items().items()})
    assert issued.token not in kept
    assert issued.token[4:] not in kept
    assert hash_token(issued.token) in kept
    assert issued.token not in repr(known.grant(issued.token))


def test_a_token_ends_in_time_and_is_forgotten_later() -> None:
    clock = Wall()
    known = directory(clock)
    (ana,) = known.enrol("algebra", ["ana"], Role.STUDENT, days=1)
    clock.ns += DAY_NS - 1
    assert known.grant(ana.token).account == "ana"
    clock.ns += 1
    assert refused(known, ana.token) == "expired"
    clock.ns += KEPT_AFTER_NS + 1
    known.enrol("algebra", ["ben"], Role.STUDENT)
    assert refused(known, ana.token) == "unknown"


def test_a_revoked_token_is_told_so_and_another_unknown() -> None:
    known = directory()
    (ana,) = known.enrol("algebra", ["ana"], Role.STUDENT)
    grant = known.grant(ana.token)
    assert known.still_good(grant) == ""
    assert known.revoke("algebra", "ana") == 1
    assert refused(known, ana.token) == "revoked"
    assert "revoked" in known.still_good(grant)
    for other in ("", ana.token[:-1], ana.token + "A", ana.token.swapcase(), "vtr_", "x" * 10_000, "vtr_\ud800"):
        assert refused(known, other) == "unknown"


def test_a_new_token_ends_the_old_one_and_may_change_the_role() -> None:
    known = directory()
    (old,) = known.enrol("algebra", ["ana"], Role.STUDENT)
    (new,) = known.enrol("algebra", ["ana"], Role.TA)
    assert refused(known, old.token) == "revoked"
    assert known.grant(new.token).role == Role.TA
    assert [(m.account, m.role) for m in known.members("algebra")] == [("ana", Role.TA)]


def test_the_tokens_of_a_deleted_room_end_and_its_name_is_not_given_again() -> None:
    known = directory()
    (ana,) = known.enrol("algebra", ["ana"], Role.STUDENT)
    known.delete_room("algebra")
    assert refused(known, ana.token) == "revoked"
    assert known.rooms() == []
    for name in ("algebra", "Algebra", "ALGEBRA "):
        with pytest.raises(DeskError):
            known.add_room(name, tape="synthetic:7", cash=0)


def test_another_gateway_hears_of_it() -> None:
    register = MemoryRegister()
    one, two = directory(register=register), directory(register=register)
    (ana,) = one.enrol("algebra", ["ana"], Role.STUDENT)
    assert two.grant(ana.token).account == "ana"
    two.revoke("algebra", "ana")
    assert refused(one, ana.token) == "revoked"


def test_the_owner_belongs_to_no_room() -> None:
    known = directory()
    assert not known.has_owner()
    owner = known.new_owner()
    assert known.has_owner()
    assert known.grant(owner.token).role == Role.OWNER
    with pytest.raises(AccessDenied):
        known.enrol("algebra", ["ana"], Role.OWNER)


@pytest.mark.parametrize("names", [["ana", "ana"], ["ana", "ANA"], ["ana", "a/b"], ["Ben"]])
def test_nobody_is_enrolled_where_one_cannot_be(names: list[str]) -> None:
    known = directory()
    with pytest.raises(ValueOffGrid):
        known.enrol("algebra", names, Role.STUDENT, known=["ben"])
    assert known.members("algebra") == []


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 10**9, True, "7"])
def test_a_token_has_a_sensible_end(days: float) -> None:
    with pytest.raises(ValueOffGrid):
        directory().enrol("algebra", ["ana"], Role.STUDENT, days=days)


def test_what_cannot_be_read_lets_nobody_in() -> None:
    register = MemoryRegister()
    token = new_token("vtr_")
    for value in (b"", b"{}", b"\xff", b'{"role": "king", "room": "algebra"}'):
        register.put(f"token/{hash_token(token)}", value)
        assert refused(directory(register=register), token) == "unknown"


def test_a_grant_enters_its_room_and_no_other() -> None:
    for role in Role:
        grant = Grant(role, "algebra", "ana")
        grant.enter("algebra")
        if role == Role.OWNER:
            grant.enter("geometry")
            continue
        with pytest.raises(AccessDenied, match="geometry"):
            grant.enter("geometry")


def test_only_students_trade_and_only_the_owner_owns() -> None:
    assert {role for role, rights in PERMISSIONS.items() if May.TRADE in rights} == {Role.STUDENT}
    assert {role for role, rights in PERMISSIONS.items() if May.OWN in rights} == {Role.OWNER}
