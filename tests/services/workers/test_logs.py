"""Can somebody find out from the log what happened where, in one line an event, and without anybody's secrets?

Rules: a line is read as whoever looks for trouble reads it, not as the code that made it.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from vtrade.services.workers.logs import (
    EXCEPTION_CHARS_MAX,
    FIELDS,
    MESSAGE_CHARS_MAX,
    JsonLines,
    TextLines,
    start_logging,
    without_secrets,
)

LOG = logging.getLogger("vtrade.tests.workers")
Lines = Callable[[], list[str]]


@pytest.fixture(params=["json", "text"])
def style(request) -> str:
    return request.param


@pytest.fixture
def lines(style) -> Iterator[Lines]:
    stream = io.StringIO()
    stop = start_logging(style, role="portfolio", worker="w1", stream=stream)
    yield lambda: stream.getvalue().splitlines()
    stop()


@pytest.fixture
def events() -> Iterator[Callable[[], list[dict[str, object]]]]:
    stream = io.StringIO()
    stop = start_logging(role="portfolio", worker="w1", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    stop()


def test_an_event_says_when_who_where_and_what(events):
    LOG.warning("record %d was put aside", 17, extra={"room": "algebra-1", "seq": 5, "partition": 0, "offset": 99})
    [event] = events()
    assert event.pop("ts").endswith("Z")
    assert event == {
        "level": "warning", "role": "portfolio", "worker": "w1", "message": "record 17 was put aside",
        "room": "algebra-1", "seq": 5, "partition": 0, "offset": 99,
    }  # fmt: skip


def test_people_read_the_same(style):
    stream = io.StringIO()
    stop = start_logging("text", role="feed", worker="w1", stream=stream)
    LOG.error("the market cannot play", extra={"room": "algebra-1", "seq": 5})
    stop()
    [line] = stream.getvalue().splitlines()
    assert line[23:] == "Z error   feed/w1 the market cannot play (room=algebra-1 seq=5)"


def test_every_event_is_one_line_whatever_it_says(lines):
    LOG.warning("two\nlines\r\nand\u2028a third", extra={"room": "a\nb"})
    try:
        try:
            raise KeyError("in\nside")
        except KeyError as error:
            raise ValueError("out\nside") from error
    except ValueError:
        LOG.exception("it\nbroke")
    first, second = lines()
    assert "two lines and a third" in first
    assert "a b" in first
    assert "ValueError: out side" in second
    assert "because of KeyError" in second
    assert "test_logs.py:" in second
    assert second.index("ValueError") < second.index("KeyError")


def test_an_exception_says_where_without_the_paths_of_the_machine(events):
    try:
        json.loads("{")
    except ValueError:
        LOG.exception("broken")
    told = str(events()[0]["exception"])
    assert "json/decoder.py:" in told
    assert " /" not in told
    assert "[/" not in told


@pytest.mark.parametrize(
    "text, kept",
    [
        ("redis://:hunter2@cache:6379", "redis://***@cache:6379"),
        ("rediss://ana:hunter2@cache/0 and kafka://b:hunter2@k", "rediss://***@cache/0 and kafka://***@k"),
        ("Authorization: Bearer hunter2.x-y_z", "Authorization: Bearer ***"),
        ('{"token": "hunter2", "x": 1}', '{"token": ***, "x": 1}'),
        ("sasl_plain_password='hunter2' user='ana'", "sasl_plain_password=*** user='ana'"),
        ("OPENAI_API_KEY=hunter2 cmd", "OPENAI_API_KEY=*** cmd"),
        ("ana bought 5 at 10:30, key c1", "ana bought 5 at 10:30, key c1"),
        ("http://127.0.0.1:9100/metrics", "http://127.0.0.1:9100/metrics"),
    ],
)
def test_credentials_are_struck_out(text, kept, lines):
    assert without_secrets(text) == kept
    LOG.error("%s", text, extra={"topic": text})
    try:
        raise ValueError(text)
    except ValueError:
        LOG.exception("it broke")
    assert not any("hunter2" in line for line in lines())


def test_what_is_not_on_the_list_of_fields_stays_out(lines):
    LOG.warning("a review came", extra={"text": "my secret diary", "payload": b"my secret diary", "account": "ana"})
    [line] = lines()
    assert "diary" not in line
    assert "ana" in line
    assert set(FIELDS) == {"room", "seq", "topic", "partition", "offset", "account"}


def test_lines_have_a_bound(lines):
    LOG.warning("x" * 50_000, extra={"room": "r" * 50_000})
    try:
        raise ValueError("y" * 50_000)
    except ValueError:
        LOG.exception("z")
    assert all(len(line) < MESSAGE_CHARS_MAX + EXCEPTION_CHARS_MAX + 1_000 for line in lines())


@pytest.mark.parametrize("lines_of", [JsonLines, TextLines])
def test_a_message_that_does_not_fit_its_values_is_still_an_event(lines_of):
    record = logging.makeLogRecord({"msg": "%d rooms", "args": ("many",), "levelname": "ERROR", "created": 0})
    assert "%d rooms" in lines_of(role="feed", worker="w1").format(record)


def test_other_libraries_are_heard_from_warnings_on_and_ours_from_the_level_given():
    stream = io.StringIO()
    stop = start_logging("text", role="feed", worker="w1", level="debug", stream=stream)
    LOG.debug("ours")
    logging.getLogger("kafka").info("chatter")
    logging.getLogger("kafka").warning("theirs")
    stop()
    LOG.warning("after the end")
    told = [line.split("feed/w1 ")[1] for line in stream.getvalue().splitlines()]
    assert told == ["ours", "theirs"]


def test_stopping_leaves_logging_as_it_was():
    root, ours = logging.getLogger(), logging.getLogger("vtrade")
    before = root.level, ours.level, list(root.handlers)
    start_logging(role="feed", worker="w1", stream=io.StringIO())()
    assert (root.level, ours.level, list(root.handlers)) == before


@pytest.mark.parametrize("options", [{"style": "xml"}, {"level": "loud"}])
def test_a_style_or_level_that_does_not_exist_is_refused(options):
    with pytest.raises(ValueError, match="unknown; take json or text"):
        start_logging(role="feed", worker="w1", **options)
