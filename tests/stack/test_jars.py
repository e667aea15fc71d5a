"""Is nothing run that is not, byte for byte, what the locked list says?"""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.stack.conftest import Pretend
from vtrade.services.settings import Settings
from vtrade.services.stack import jars
from vtrade.services.stack.jars import fetch_jars, jars_folder, lock_lines, locked_jars, wrong_jars
from vtrade.services.stack.programs import StackError

PLACES = {"org/one/1.0/one-1.0.jar": b"the first", "org/two/2.0/two-2.0.jar": b"the second"}


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A locked list of two small files, instead of Kafka's, and a Maven repository that has them."""
    here, repository = tmp_path / "lists", tmp_path / "repository"
    here.mkdir()
    lines = [f"{hashlib.sha256(content).hexdigest()}  {place}\n" for place, content in PLACES.items()]
    (here / "kafka-4.1.1.sha256").write_text("".join(lines))
    for place, content in PLACES.items():
        (repository / place).parent.mkdir(parents=True)
        (repository / place).write_bytes(content)
    monkeypatch.setattr(jars, "HERE", here)
    return repository


@pytest.fixture
def maven(listed: Path, settings: Settings) -> Iterator[Settings]:
    """Settings that name a Maven repository on the loopback."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(listed))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield msgspec.structs.replace(settings, maven=f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def test_the_list_is_one_of_kafka_in_the_version_that_is_set() -> None:
    found = locked_jars(Settings().kafka_version)
    names = [jar.name for jar in found]
    assert len(set(names)) == len(names)
    assert all(len(jar.sha256) == 64 and int(jar.sha256, 16) for jar in found)
    assert {f"kafka_2.13-{Settings().kafka_version}.jar", "log4j-core-2.24.3.jar"} <= set(names)


def test_a_version_without_a_list_is_refused() -> None:
    with pytest.raises(StackError, match=r"VTRADE_KAFKA_VERSION is 3\.9\.0, and VTrade has .* of 4\.1\.1 only"):
        locked_jars("3.9.0")


def test_files_are_fetched_once_and_told_of(maven: Settings) -> None:
    told: list[tuple[int, int]] = []
    folder = fetch_jars(maven, progress=lambda done, total: told.append((done, total)))
    assert folder == jars_folder(maven)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        place.rpartition("/")[2]: content for place, content in PLACES.items()
    }
    assert told == [(0, 2), (1, 2), (2, 2)]
    told.clear()
    assert fetch_jars(maven, progress=lambda done, total: told.append((done, total))) == folder
    assert told == []


@pytest.mark.parametrize("harm", ["changed", "missing", "a stranger"])
def test_what_was_tampered_with_is_fetched_again(maven: Settings, harm: str) -> None:
    folder = fetch_jars(maven)
    if harm == "a stranger":
        (folder / "evil.jar").write_bytes(b"evil")
    elif harm == "missing":
        (folder / "one-1.0.jar").unlink()
    else:
        (folder / "one-1.0.jar").write_bytes(b"the frist")
    assert wrong_jars(folder, "4.1.1") == ["evil.jar" if harm == "a stranger" else "one-1.0.jar"]
    fetch_jars(maven)
    assert wrong_jars(folder, "4.1.1") == []


def test_a_repository_that_gives_something_else_is_not_used(maven: Settings, listed: Path) -> None:
    (listed / "org/two/2.0/two-2.0.jar").write_bytes(b"something else")
    with pytest.raises(StackError, match=r"two-2\.0\.jar is not the file of the locked list; it was not used"):
        fetch_jars(maven)
    assert not jars_folder(maven).exists()
    assert [path.suffix for path in maven.cache_dir.iterdir()] in ([], [".lock"])


def test_a_repository_that_does_not_have_it(maven: Settings, listed: Path) -> None:
    (listed / "org/two/2.0/two-2.0.jar").unlink()
    with pytest.raises(StackError, match=r"two-2\.0\.jar answered 404; check VTRADE_MAVEN"):
        fetch_jars(maven)


def test_a_file_without_end_is_not_written_without_end(maven: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "JAR_BYTES_MAX", 5)
    with pytest.raises(StackError, match="is longer than 5 bytes"):
        fetch_jars(maven)


@pytest.mark.parametrize(
    ("address", "told"),
    [("http://127.0.0.1:1", "cannot be fetched"), ("file:///etc", "takes the address of a Maven repository")],
)
def test_an_address_that_is_none(listed: Path, settings: Settings, address: str, told: str) -> None:
    with pytest.raises(StackError, match=told) as caught:
        fetch_jars(msgspec.structs.replace(settings, maven=address))
    assert "VTRADE_MAVEN" in str(caught.value)


def test_without_maven_and_without_an_address(pretend: Pretend, listed: Path, settings: Settings) -> None:
    with pytest.raises(StackError, match=r"there is no Maven here: install it .*VTRADE_MAVEN=https://"):
        fetch_jars(settings)


MAVEN = """
import pathlib, shutil
folder = pathlib.Path(next(word for word in sys.argv if word.startswith("-DoutputDirectory=")).partition("=")[2])
"""


def test_maven_is_asked_where_it_is(pretend: Pretend, listed: Path, settings: Settings) -> None:
    copies = "\n".join(f"shutil.copy({str(listed / place)!r}, folder)" for place in PLACES)
    pretend("mvn", f"{MAVEN}\n{copies}\nassert '-Dkafka=4.1.1' in sys.argv and '--batch-mode' in sys.argv")
    told: list[tuple[int, int]] = []
    folder = fetch_jars(settings, progress=lambda done, total: told.append((done, total)))
    assert wrong_jars(folder, "4.1.1") == []
    assert told[-1] == (2, 2)


def test_what_maven_gives_is_checked_too(pretend: Pretend, listed: Path, settings: Settings) -> None:
    pretend("mvn", f"{MAVEN}\n(folder / 'one-1.0.jar').write_text('the frist')")
    with pytest.raises(StackError, match=r"2 files that are not those of the locked list \(one-1\.0\.jar, two"):
        fetch_jars(settings)
    assert not jars_folder(settings).exists()


def test_maven_that_fails_says_why(pretend: Pretend, listed: Path, settings: Settings) -> None:
    pretend("mvn", "print('[ERROR] Unknown host'); sys.exit(1)")
    with pytest.raises(StackError, match=r"Maven could not fetch Kafka 4\.1\.1: \[ERROR\] Unknown host; is there a"):
        fetch_jars(settings)


def test_a_list_is_made_of_files_and_their_places(listed: Path, maven: Settings) -> None:
    lines = lock_lines(fetch_jars(maven), listed)
    assert lines == (jars.HERE / "kafka-4.1.1.sha256").read_text().splitlines()
