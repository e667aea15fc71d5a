"""Is what the owner of a desk chose still there tomorrow, and does it never get in the way?"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from vtrade.adapters.preferences import FOLDER_VARIABLE, FileStore, preferences_from_environment
from vtrade.desk.preferences import BYTES_MAX, NAMES_MAX, Preferences, preferences_of
from vtrade.errors import DeskError, Unavailable

ANA = "ana on synthetic:7"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    where = tmp_path / "preferences"
    monkeypatch.setenv(FOLDER_VARIABLE, str(where))
    return where


def remember(desk: vt.Desk, name: str, value: Any) -> dict[str, Any]:
    return desk.handle({"intent": "remember", "name": name, "value": value})


def test_nothing_is_written_before_something_is_chosen(folder: Path, open_desk: Opener) -> None:
    desk = open_desk()
    assert desk.view(sections=["prefs"]) == {"prefs": {}}
    assert preferences_of(desk).get("theme", "auto") == "auto"
    assert not folder.exists()


def test_a_choice_is_there_for_the_next_desk_of_the_same_owner_and_market(folder: Path, open_desk: Opener) -> None:
    layout = {"lower": 300, "pages": ["blotter", "watch"], "wide": None}
    assert remember(open_desk("synthetic:7"), "layout", layout) == {"kind": "ok", "text": ""}
    assert open_desk("synthetic:7").view(sections=["prefs"])["prefs"] == {"layout": layout}
    assert open_desk("synthetic:7", account="ben").view(sections=["prefs"])["prefs"] == {}
    assert open_desk("synthetic:8").view(sections=["prefs"])["prefs"] == {}
    assert len(list(folder.glob("*.json"))) == 1


def test_the_last_writer_wins_for_a_name_not_for_the_file(folder: Path) -> None:
    one, two = Preferences(FileStore(folder), ANA), Preferences(FileStore(folder), ANA)
    one.set("theme", "dark")
    two.set("layout", {"left": "blotter"})
    two.set("theme", "light")
    one.set("sound", True)
    kept = {"theme": "light", "layout": {"left": "blotter"}, "sound": True}
    assert dict(one) == dict(Preferences(FileStore(folder), ANA)) == kept
    two.set("layout", None)
    assert "layout" not in Preferences(FileStore(folder), ANA)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"a": ' + b"[" * 100_000])
def test_a_broken_file_is_set_aside(folder: Path, caplog: pytest.LogCaptureFixture, content: bytes) -> None:
    store = FileStore(folder)
    store.update(ANA, {"theme": "dark"})
    path = store.path(ANA)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        preferences = Preferences(store, ANA)
    assert dict(preferences) == {}
    assert "set aside" in caplog.text
    assert path.with_name(f"{path.name}.broken").read_bytes() == content
    preferences.set("theme", "light")
    assert json.loads(path.read_text()) == {"theme": "light"}


def test_where_nothing_can_be_written_it_holds_as_long_as_the_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_desk: Opener
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("no folder can be here")
    monkeypatch.setenv(FOLDER_VARIABLE, str(blocked / "desks"))
    desk = open_desk()
    first = remember(desk, "theme", "dark")
    assert first["kind"] == "ok"
    assert "until this desk is closed" in first["text"]
    assert remember(desk, "sound", True)["text"] == ""
    assert dict(preferences_of(desk)) == {"theme": "dark", "sound": True}


def test_in_memory_where_it_is_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "off")
    assert preferences_from_environment() is None
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert isinstance(preferences_from_environment(), FileStore)


class Broken:
    """A store of which nothing comes and into which nothing goes."""

    def load(self, document: str) -> dict[str, Any]:
        raise Unavailable("the disk is gone")

    def update(self, document: str, changes: Any) -> dict[str, Any]:
        raise Unavailable("the disk is gone")


def test_a_store_that_cannot_be_read_is_asked_once(caplog: pytest.LogCaptureFixture) -> None:
    preferences = Preferences(Broken(), ANA)
    preferences.set("theme", "dark")
    assert preferences.get("theme") == "dark"
    assert len(caplog.records) == 1
    assert preferences.news().startswith("the disk is gone")
    assert preferences.news() == ""


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), {"a": float("inf")}])
def test_only_plain_json_is_kept(value: Any) -> None:
    preferences = Preferences(None, ANA)
    with pytest.raises(DeskError, match="no plain JSON"):
        preferences.set("layout", value)
    assert len(preferences) == 0


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, 7, None])
def test_a_name_is_short(name: Any) -> None:
    with pytest.raises(DeskError, match="cannot be called"):
        Preferences(None, ANA).set(name, 1)


def test_what_is_too_long_is_refused_and_nothing_changes(folder: Path) -> None:
    preferences = Preferences(FileStore(folder), ANA)
    preferences.set("layout", "x" * (BYTES_MAX // 2))
    with pytest.raises(DeskError, match="would take"):
        preferences.set("watchlists", "y" * (BYTES_MAX // 2))
    assert list(preferences) == list(Preferences(FileStore(folder), ANA)) == ["layout"]
    many = Preferences(None, ANA)
    for number in range(NAMES_MAX):
        many.set(str(number), number)
    with pytest.raises(DeskError, match=f"a desk keeps {NAMES_MAX}"):
        many.set("one more", 1)


def test_a_file_that_somebody_made_too_long_is_left_alone(folder: Path) -> None:
    FileStore(folder).update(ANA, {"layout": "x" * (2 * BYTES_MAX)})
    assert dict(Preferences(FileStore(folder), ANA)) == {}


@pytest.mark.parametrize("name", ["alerts", "watchlists", ""])
def test_what_has_intents_of_its_own_is_not_overwritten(folder: Path, open_desk: Opener, name: str) -> None:
    desk = open_desk()
    assert remember(desk, name, [])["kind"] == "error"
    assert dict(preferences_of(desk)) == {}


def test_names_that_look_alike_as_files_are_kept_apart(folder: Path) -> None:
    store = FileStore(folder)
    store.update("ana on sample:AAPL", {"theme": "dark"})
    assert store.load("ana on sample/AAPL") == {}
    assert store.path("../../etc/passwd on x").parent == folder
