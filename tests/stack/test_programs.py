"""Is a Java or a Redis that is missing or too old told in words that say how to get one?"""

from __future__ import annotations

import pytest

from tests.stack.conftest import Pretend
from vtrade.services.settings import Settings
from vtrade.services.stack.local import LocalStack
from vtrade.services.stack.programs import StackError, find_java, find_redis

JAVA = "print('openjdk version \"{}\" 2025-04-15', file=sys.stderr)"
REDIS = "print('Redis server v={} sha=00000000:0 malloc=jemalloc bits=64')"


@pytest.mark.parametrize("version", ["17.0.15", "21", "25-ea", "18.0.2.1"])
def test_a_java_that_is_new_enough(pretend: Pretend, version: str) -> None:
    path = pretend("java", JAVA.format(version))
    assert find_java() == (str(path), version)
    assert find_java(named=str(path)).version == version


@pytest.mark.parametrize("version", ["11.0.20", "1.8.0_412", "16"])
def test_a_java_that_is_too_old(pretend: Pretend, version: str) -> None:
    path = pretend("java", JAVA.format(version))
    with pytest.raises(StackError) as caught:
        find_java()
    assert f"Kafka needs Java 17 or newer, and {path} is version {version}: install Java 17" in str(caught.value)


def test_no_java_at_all(pretend: Pretend) -> None:
    with pytest.raises(StackError, match=r"needs Java, and there is no java here: install Java 17 .*VTRADE_JAVA"):
        find_java()
    with pytest.raises(StackError, match="there is no my-java here"):
        find_java(named="my-java")


def test_a_java_that_is_something_else(pretend: Pretend) -> None:
    pretend("java", "print('no runtime present'); sys.exit(1)")
    with pytest.raises(StackError, match="is no Java that says its version"):
        find_java()


def test_java_home_comes_before_the_path(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend("java", JAVA.format("11.0.2"))
    home = pretend("other", "").parent / "jdk"
    (home / "bin").mkdir(parents=True)
    pretend("other", JAVA.format("21.0.1")).rename(home / "bin" / "java")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java() == (str(home / "bin" / "java"), "21.0.1")


def test_a_redis_that_will_do(pretend: Pretend) -> None:
    path = pretend("redis-server", REDIS.format("7.0.15"))
    assert find_redis(at_least="7.0") == (str(path), "7.0.15")


def test_a_redis_that_is_too_old_or_missing(pretend: Pretend) -> None:
    with pytest.raises(StackError, match=r"there is no redis-server here: install it \(Debian: apt-get install"):
        find_redis()
    path = pretend("redis-server", REDIS.format("6.2.14"))
    with pytest.raises(StackError) as caught:
        find_redis(at_least="7.0")
    assert f"VTrade needs Redis 7.0 or newer, and {path} is version 6.2.14" in str(caught.value)


@pytest.mark.parametrize("programs", [[], [("java", JAVA.format("11.0.2"))]], ids=["no java", "an old java"])
def test_a_stack_does_not_start_half(pretend: Pretend, settings: Settings, programs: list[tuple[str, str]]) -> None:
    for name, does in [*programs, ("redis-server", REDIS.format("7.0.15"))]:
        pretend(name, does)
    stack = LocalStack(settings.data_dir, settings=settings, kafka_port=1, redis_port=2)
    with pytest.raises(StackError, match="Java"):
        stack.up(servers_only=True)
    assert [row.state for row in stack.status()] == ["stopped", "stopped"]
