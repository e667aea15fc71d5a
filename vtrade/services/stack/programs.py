"""Which programs does a local stack need from this machine, are they here, and in a version that will do?

Rules: a program that is missing or too old is one error that says how to get it; nothing is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from vtrade.errors import VTradeError

JAVA_MIN: Final = 17
ANSWER_S: Final = 30.0
"""Longest wait for a program to say its version."""
JAVA_MEND: Final = (
    f"install Java {JAVA_MIN} or newer (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk), "
    "or name the program in VTRADE_JAVA"
)
REDIS_MEND: Final = "install it (Debian: apt-get install redis-server; macOS: brew install redis)"


class StackError(VTradeError):
    """The stack cannot be started, stopped or asked."""


class Program(NamedTuple):
    """A program on this machine, and its version."""

    path: str
    version: str


def find_java(*, named: str = "", environ: Mapping[str, str] | None = None) -> Program:
    """Java, new enough for Kafka: ``named``, else that of ``JAVA_HOME``, else the first on the ``PATH``.

    Raises
    ------
    StackError
        If there is none, or it is older than Java 17.
    """
    known = os.environ if environ is None else environ
    home = known.get("JAVA_HOME")
    places = [named] if named else [str(Path(home) / "bin" / "java") if home else "", "java"]
    path = next((found for place in places if place and (found := shutil.which(place, path=known.get("PATH")))), None)
    if path is None:
        raise StackError(f"Kafka needs Java, and there is no {named or 'java'} here: {JAVA_MEND}")
    said = _answer([path, "-version"])
    version = re.search(r'version "([^"]+)"', said)
    if version is None or java_release(version[1]) < JAVA_MIN:
        what = f"version {version[1]}" if version else f"no Java that says its version ({said.strip()[:80]!r})"
        raise StackError(f"Kafka needs Java {JAVA_MIN} or newer, and {path} is {what}: {JAVA_MEND}")
    return Program(path, version[1])


def java_release(version: str) -> int:
    """The number people call a Java by.

    Examples
    --------
    >>> java_release("17.0.15"), java_release("1.8.0_412"), java_release("25-ea")
    (17, 8, 25)
    """
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    return numbers[1] if numbers[:1] == [1] and len(numbers) > 1 else numbers[0] if numbers else 0


def find_redis(*, at_least: str = "7.0", environ: Mapping[str, str] | None = None) -> Program:
    """The Redis server program.

    Raises
    ------
    StackError
        If there is none, or it is older than ``at_least``.
    """
    known = os.environ if environ is None else environ
    path = shutil.which("redis-server", path=known.get("PATH"))
    if path is None:
        raise StackError(f"there is no redis-server here: {REDIS_MEND}")
    said = _answer([path, "--version"])
    version = re.search(r"\bv=(\d[\w.]*)", said)
    if version is None or version_key(version[1]) < version_key(at_least):
        what = f"version {version[1]}" if version else f"no Redis that says its version ({said.strip()[:80]!r})"
        raise StackError(f"VTrade needs Redis {at_least} or newer, and {path} is {what}: {REDIS_MEND}")
    return Program(path, version[1])


def version_key(version: str) -> tuple[int, ...]:
    """A version as something that can be compared.

    Examples
    --------
    >>> version_key("7.0.15") < version_key("7.2")
    True
    """
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _answer(command: list[str]) -> str:
    """What a program says, on whichever stream."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise StackError(f"{' '.join(command)} did not answer within {ANSWER_S:.0f} s; try it by hand") from None
    except OSError as error:
        raise StackError(f"{command[0]} cannot be run: {error.strerror}; try it by hand") from None
    return done.stdout + done.stderr
