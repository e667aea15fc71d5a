"""Does a local stack come up, go down and survive what happens to it, with real servers on the loopback?"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import filelock
import psutil
import pytest

from vtrade.services.settings import Settings, load_settings
from vtrade.services.stack import local
from vtrade.services.stack.local import LocalStack
from vtrade.services.stack.parts import PARTS, SERVERS, check_ports
from vtrade.services.stack.programs import StackError
from vtrade.services.stack.servers import ask_kafka, ask_redis, free_ports
from vtrade.services.stack.status import all_fine

PART = (sys.executable, str(Path(__file__).with_name("part.py")))
PORTS = [field for part in PARTS.values() for field in part.ports]


def on_free_ports(folder: Path) -> Settings:
    """Settings with a free port for each part; Kafka's files from the user's cache."""
    return load_settings(
        environ={}, data_dir=folder, **dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    )  # fmt: skip


def states(stack: LocalStack) -> dict[str, str]:
    return {row.part: row.state for row in stack.status()}


def only_redis(stack: LocalStack) -> None:
    stack.start("redis")


# --- Kafka and Redis -------------------------------------------------------------------------------------------------


@pytest.mark.needs("java", "kafka", "redis")
def test_a_life(tmp_path: Path) -> None:
    """Up, up again, a crash of each, half of it down, all of it down: what was written is there to the end."""
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

    made: list[str] = []

    def make_topic(settings: Settings) -> None:
        admin = KafkaAdminClient(bootstrap_servers=settings.kafka)
        if "algebra" not in admin.list_topics():
            admin.create_topics({"algebra": {"num_partitions": 1, "replication_factor": 1}})
            admin.wait_for_topics(["algebra"])
        admin.close()
        made.append(settings.kafka)

    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path), prepare=make_topic)
    stack.up(servers_only=True)
    try:
        assert made == [stack.kafka]
        rows = stack.status()
        assert all_fine(rows)
        assert [(row.part, row.version) for row in rows] == [("kafka", "4.1.1"), ("redis", rows[1].version)]
        assert all(row.pid and row.port and row.uptime_s is not None and row.memory_mb for row in rows)
        producer = KafkaProducer(bootstrap_servers=stack.kafka, acks="all")
        producer.send("algebra", b"kept").get(30)
        producer.close()

        kafka, redis = stack.pid("kafka"), stack.pid("redis")
        stack.up(servers_only=True)
        assert (stack.pid("kafka"), stack.pid("redis")) == (kafka, redis)

        stack.kill("kafka")
        assert states(stack) == {"kafka": "stopped", "redis": "running"}
        os.kill(redis, signal.SIGKILL)
        psutil.Process(redis).wait(10)
        assert states(stack) == {"kafka": "stopped", "redis": "stopped"}
        assert "ended by itself" in stack.status()[1].why
        stack.up(servers_only=True)
        assert all_fine(stack.status())
        assert stack.pid("kafka") != kafka

        other = LocalStack(tmp_path / "stack", settings=stack.settings)  # as another process would
        other.stop("redis")
        assert other.down() | {"kafka": "", "redis": ""} == dict.fromkeys(PARTS, "absent") | {"kafka": "", "redis": ""}
        assert ask_kafka("127.0.0.1", stack.settings.kafka_port)
        assert not psutil.pid_exists(redis)
        assert other.down() == dict.fromkeys(PARTS, "absent")

        stack.start("kafka")
        reader = KafkaConsumer("algebra", bootstrap_servers=stack.kafka, auto_offset_reset="earliest",
                               consumer_timeout_ms=20_000, group_id=None)  # fmt: skip
        assert next(reader).value == b"kept"
        reader.close()
    finally:
        stack.down()
    assert set(states(stack).values()) == {"stopped"}


@pytest.mark.needs("java", "kafka")
def test_kafka_makes_no_topic_by_itself_and_listens_on_the_loopback_alone(kafka_server) -> None:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    producer = KafkaProducer(bootstrap_servers=kafka_server.address, max_block_ms=1500)
    with pytest.raises(KafkaError):
        producer.send("no-such-topic", b"lost").get(10)
    producer.close()
    if kafka_server.stack is not None:
        process = psutil.Process(kafka_server.stack.pid("kafka"))
        listening = {at.laddr.ip for at in process.net_connections("tcp") if at.status == psutil.CONN_LISTEN}
        assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


@pytest.mark.needs("redis")
def test_a_frozen_redis_is_unhealthy_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vtrade.services.stack.servers.ANSWER_S", 0.3)
    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path))
    only_redis(stack)
    try:
        stack.pause("redis")
        row = next(row for row in stack.status() if row.part == "redis")
        assert (row.state, row.pid) == ("unhealthy", stack.pid("redis"))
        assert "no answer on port" in row.why
        stack.resume("redis")
        assert states(stack)["redis"] == "running"
    finally:
        assert stack.down()["redis"] == "stopped"


# --- workers and gateway ---------------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack without Kafka, for tests that are about the rest."""
    monkeypatch.setattr(local, "PARTS", {name: part for name, part in PARTS.items() if name != "kafka"})
    monkeypatch.setattr(local, "SERVERS", ("redis",))


@pytest.mark.needs("redis")
@pytest.mark.usefixtures("few")
def test_workers_and_gateway_start_behind_the_servers_and_stop_before_them(tmp_path: Path) -> None:
    settings = on_free_ports(tmp_path)
    stack = LocalStack(tmp_path / "stack", settings=settings, program=PART)
    stack.up()
    try:
        assert set(states(stack).values()) == {"running"}
        assert states(stack).keys() == PARTS.keys() - {"kafka"}
        seen = (stack.folder / "execution" / "seen.txt").read_text()
        assert seen == f"127.0.0.1:{settings.kafka_port} redis://127.0.0.1:{settings.redis_port}/0"
        began = {name: psutil.Process(stack.pid(name)).create_time() for name in ("redis", "execution", "gateway")}
        assert sorted(began, key=lambda name: began[name]) == ["redis", "execution", "gateway"]
        stack.kill("portfolio")
        assert states(stack)["portfolio"] == "stopped"
        stack.up()
        assert all_fine(stack.status())
    finally:
        ended = stack.down()
    assert list(ended) == ["gateway", "execution", "portfolio", "gamification", "feed", "redis"]
    assert set(ended.values()) == {"stopped"}


@pytest.mark.needs("redis")
@pytest.mark.usefixtures("few")
def test_a_part_that_does_not_come_up_takes_down_what_was_started_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path), program=PART)
    stack.start("redis")
    try:
        monkeypatch.setenv("BROKEN", "1")
        with pytest.raises(StackError) as caught:
            stack.up()
        assert "feed ended while it started: VTradeError: the feed has no tape; all of it is in" in str(caught.value)
        assert {name for name, state in states(stack).items() if state == "running"} == {"redis"}
    finally:
        stack.down()


@pytest.mark.needs("redis")
@pytest.mark.usefixtures("few")
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    def pressed(settings: Settings) -> None:
        raise KeyboardInterrupt

    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path), program=PART, prepare=pressed)
    with pytest.raises(KeyboardInterrupt):
        stack.up()
    assert set(states(stack).values()) == {"stopped"}
    assert ask_redis("127.0.0.1", stack.settings.redis_port)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.needs("redis")
def test_a_port_that_is_taken_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path), redis_port=port)
        with pytest.raises(
            StackError, match=rf"port {port} is taken, .*redis.* \(VTRADE_REDIS_PORT\): .* another port"
        ):
            stack.start("redis")
    assert set(states(stack).values()) == {"stopped"}


def test_two_parts_cannot_have_one_port() -> None:
    settings = Settings(feed_metrics_port=9465)
    with pytest.raises(StackError, match="VTRADE_FEED_METRICS_PORT and VTRADE_EXECUTION_METRICS_PORT are both 9465"):
        check_ports([PARTS["execution"], PARTS["feed"]], settings)


def test_one_command_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCK_S", 0.1)
    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path))
    stack.folder.mkdir()
    with filelock.FileLock(stack.folder / "lock"), pytest.raises(StackError, match="another command has been at work"):
        stack.down()
    assert set(stack.down().values()) == {"absent"}


def test_a_part_that_is_none(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path))
    with pytest.raises(StackError, match=r"a stack has no part 'zookeeper'; it has kafka, redis, execution"):
        stack.start("zookeeper")
    with pytest.raises(StackError, match=r"kafka does not run in .*; start it first"):
        stack.pid("kafka")


def test_a_local_stack_is_its_own_whichever_servers_are_named(tmp_path: Path) -> None:
    named = load_settings(
        environ={
            "VTRADE_KAFKA": "kafka.school.example:9092", "VTRADE_REDIS": "redis://cache.school.example:6379/0",
            "VTRADE_KAFKA_SECURITY": "SASL_SSL", "VTRADE_KAFKA_USERNAME": "ana", "VTRADE_KAFKA_PASSWORD": "hunter2",
            "VTRADE_GATEWAY_HOST": "0.0.0.0", "VTRADE_METRICS_HOST": "0.0.0.0",
        }
    )  # fmt: skip
    stack = LocalStack(tmp_path, settings=named)
    assert (stack.kafka, stack.redis) == ("127.0.0.1:9092", "redis://127.0.0.1:6379/0")
    environ = stack.environ()
    assert (environ["VTRADE_KAFKA_SECURITY"], environ["VTRADE_KAFKA_PASSWORD"]) == ("PLAINTEXT", "")
    assert environ["VTRADE_GATEWAY_HOST"] == environ["VTRADE_METRICS_HOST"] == "127.0.0.1"
    assert load_settings(environ=environ) == stack.settings


@pytest.mark.parametrize("ask", [ask_kafka, ask_redis])
def test_something_else_on_the_port_is_no_server(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    def greet(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        assert "is no " in ask("127.0.0.1", server.getsockname()[1])
        thread.join()
    assert "refused" in ask("127.0.0.1", server_port_of_nobody())


def server_port_of_nobody() -> int:
    return free_ports(1)[0]


def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOG_BYTES_MAX", 10)
    monkeypatch.setattr(local, "PARTS", {"feed": PARTS["feed"]})
    stack = LocalStack(tmp_path / "stack", settings=on_free_ports(tmp_path), program=PART)
    log = stack.log("feed")
    log.parent.mkdir(parents=True)
    log.write_text("a long story")
    stack.start("feed")
    try:
        assert log.with_suffix(".old.log").read_text() == "a long story"
    finally:
        stack.down()


def test_servers_are_the_parts_that_start_first() -> None:
    assert set(SERVERS) == {part.name for part in PARTS.values() if part.wave == 0}
