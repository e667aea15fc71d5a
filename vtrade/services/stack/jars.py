"""Where does a machine without Docker get Apache Kafka from, and how does it know that it got the right files?

Rules: the files and their SHA-256 are locked in ``kafka-VERSION.sha256``, one line each, and nothing is run that does
not match. They come from Maven Central through Maven, which knows where that is; or, without Maven, from the Maven
repository that ``VTRADE_MAVEN`` names, any will do, for what it gives is checked. They are fetched once into the user's
cache, into a folder that appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from vtrade.services.settings import Settings
from vtrade.services.stack.programs import StackError

HERE: Final = Path(__file__).resolve().parent
FETCH_S: Final = 600.0
"""Longest time that fetching all files may take."""
FILE_S: Final = 30.0
"""Longest silence of a server while a file is fetched."""
JAR_BYTES_MAX: Final = 64 * 2**20
LOOK_S: Final = 0.2
"""Time between two looks at how far Maven is."""
COPY_GOAL: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

Progress = Callable[[int, int], None]
"""Called with how many files are there, and how many there will be."""


class Jar(NamedTuple):
    """A file of the locked list: its place in a Maven repository, and what it must hash to."""

    sha256: str
    place: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.place.rpartition("/")[2]


def locked_jars(version: str) -> list[Jar]:
    """The files that make up this version of Kafka.

    Raises
    ------
    StackError
        If there is no list for this version.

    Examples
    --------
    >>> len(locked_jars("4.1.1"))
    46
    """
    path = HERE / f"kafka-{version}.sha256"
    if not path.is_file():
        known = ", ".join(sorted(file.stem.removeprefix("kafka-") for file in HERE.glob("kafka-*.sha256")))
        raise StackError(f"VTRADE_KAFKA_VERSION is {version}, and VTrade has the files' hashes of {known} only")
    return [Jar(*line.split()) for line in path.read_text(encoding="utf-8").splitlines()]


def jars_folder(settings: Settings) -> Path:
    """Where the files are kept."""
    return settings.cache_dir / f"kafka-{settings.kafka_version}"


def wrong_jars(folder: Path, version: str) -> list[str]:
    """Names of files that are missing, changed, or have no business in ``folder``."""
    jars = locked_jars(version)
    strangers = {path.name for path in folder.glob("*.jar")} - {jar.name for jar in jars}
    return [jar.name for jar in jars if _sha256(folder / jar.name) != jar.sha256] + sorted(strangers)


def can_fetch(settings: Settings) -> bool:
    """Whether the files are here or there is a way to get them."""
    return jars_folder(settings).is_dir() or bool(settings.maven) or shutil.which("mvn") is not None


def fetch_jars(settings: Settings, *, progress: Progress = lambda done, total: None) -> Path:
    """The folder with Kafka's files, fetched now if they are not there yet.

    Raises
    ------
    StackError
        If they cannot be had, or what came is not what the list says.
    """
    import filelock

    version, folder = settings.kafka_version, jars_folder(settings)
    if not wrong_jars(folder, version):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder.with_name(f"{folder.name}.lock"), timeout=FETCH_S):
            if not wrong_jars(folder, version):
                return folder  # another process fetched them while this one waited
            _fetch(settings, folder, progress)
    except filelock.Timeout:
        raise StackError(
            f"another process has been fetching Kafka into {folder} for {FETCH_S:.0f} s; see if it hangs"
        ) from None
    return folder


def _fetch(settings: Settings, folder: Path, progress: Progress) -> None:
    version = settings.kafka_version
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as temporary:
        fresh = Path(temporary) / "jars"
        fresh.mkdir()
        if settings.maven:
            _download(settings.maven, locked_jars(version), fresh, progress)
        else:
            _ask_maven(version, fresh, progress)
        if wrong := wrong_jars(fresh, version):
            raise StackError(
                f"Kafka {version} came with {len(wrong)} files that are not those of the locked list "
                f"({', '.join(wrong[:3])}); none was used. Check the Maven repository it came from"
            )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _ask_maven(version: str, folder: Path, progress: Progress) -> None:
    program = shutil.which("mvn")
    if program is None:
        raise StackError(
            f"Kafka {version} is to be fetched from Maven Central, and there is no Maven here: install it (Debian: "
            "apt-get install maven; macOS: brew install maven), or name a Maven repository: VTRADE_MAVEN=https://..."
        )
    command = [program, "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"), COPY_GOAL]
    command += [f"-Dkafka={version}", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    total = len(locked_jars(version))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        try:
            for _ in range(int(FETCH_S / LOOK_S)):
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_S)
                    break
                progress(len(list(folder.glob("*.jar"))), total)
            else:
                raise StackError(f"Maven did not fetch Kafka within {FETCH_S:.0f} s; is there a network?")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines() or ["it did not say why"]
            raise StackError(f"Maven could not fetch Kafka {version}: {lines[0][:300]}; is there a network?")
    progress(total, total)


def _download(repository: str, jars: list[Jar], folder: Path, progress: Progress) -> None:
    import httpx

    if not repository.startswith(("http://", "https://")):
        raise StackError(f"VTRADE_MAVEN is {repository!r}: it takes the address of a Maven repository, https://...")
    with httpx.Client(timeout=FILE_S, follow_redirects=True) as client:
        for number, jar in enumerate(jars):
            progress(number, len(jars))
            address = f"{repository.rstrip('/')}/{jar.place}"
            try:
                with client.stream("GET", address) as answer, (folder / jar.name).open("wb") as file:
                    answer.raise_for_status()
                    for piece in answer.iter_bytes():
                        file.write(piece)
                        if file.tell() > JAR_BYTES_MAX:
                            raise StackError(f"{address} is longer than {JAR_BYTES_MAX:,} bytes; check VTRADE_MAVEN")
            except httpx.HTTPStatusError as error:
                raise StackError(f"{address} answered {error.response.status_code}; check VTRADE_MAVEN") from None
            except httpx.HTTPError as error:
                raise StackError(f"{address} cannot be fetched: {error}; check VTRADE_MAVEN") from None
            if _sha256(folder / jar.name) != jar.sha256:
                raise StackError(f"{address} is not the file of the locked list; it was not used. Check VTRADE_MAVEN")
    progress(len(jars), len(jars))


def _sha256(path: Path) -> str:
    """Hash of a file; empty where there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def lock_lines(folder: Path, repository: Path) -> list[str]:
    """What a locked list says of the files in ``folder``, which lie in a local Maven ``repository`` too."""
    places = {path.name: path.relative_to(repository).as_posix() for path in repository.rglob("*.jar")}
    lines = [f"{_sha256(path)}  {places[path.name]}" for path in folder.glob("*.jar")]
    return sorted(lines, key=lambda line: line.split()[1])


__all__ = ["Jar", "Progress", "can_fetch", "fetch_jars", "jars_folder", "lock_lines", "locked_jars", "wrong_jars"]
