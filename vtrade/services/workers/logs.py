"""What does a worker write down for those who have to find out what happened?

Rules: one line an event, on stderr: a JSON object for machines, or a sentence for people. What is said beside the
message is one of a short list of fields; everything else that a record carries stays out, so nothing a student wrote
can slip in. Credentials in an address, bearer tokens and named secrets are struck out of messages and exceptions. Lines
have a bound, and an exception is told in one: what it says, and where, innermost first.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

MESSAGE_CHARS_MAX: Final = 2_000
EXCEPTION_CHARS_MAX: Final = 4_000
VALUE_CHARS_MAX: Final = 200
FRAMES_MAX: Final = 12
"""Places an exception is told from, the innermost ones."""

FIELDS: Final = ("room", "seq", "topic", "partition", "offset", "account")
"""What an event can say beside its message: ``log.error("...", extra={"room": room, "seq": seq})``."""

LEVELS: Final = ("debug", "info", "warning", "error")

_SECRETS: Final = (
    (re.compile(r"(?<![\w+.-])(\w[\w+.-]{0,30}://)[^\s/@]*@"), r"\1***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
    (re.compile(r"(?i)\b(\w{0,60}?(?:password|passwd|secret|token|api[_-]?key))(\"|')?(\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}]+)"),
     r"\1\2\3***"),
)  # fmt: skip


def without_secrets(text: str) -> str:
    """The text with what looks like a credential struck out.

    Examples
    --------
    >>> without_secrets("cannot reach redis://ana:hunter2@cache:6379/0 (token=abc.def)")
    'cannot reach redis://***@cache:6379/0 (token=***)'
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _one_line(text: str, chars_max: int) -> str:
    text = without_secrets(" ".join(text[: 2 * chars_max].split()))
    return text if len(text) <= chars_max else f"{text[: chars_max - 3]}..."


def _told(error: BaseException) -> str:
    """An exception with its causes: what each says and where it was raised."""
    parts: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        frames = traceback.extract_tb(cause.__traceback__)[-FRAMES_MAX:]
        places = " < ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        parts.append(f"{type(cause).__name__}: {cause}" + (f" [{places}]" if places else ""))
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return _one_line(" because of ".join(parts), EXCEPTION_CHARS_MAX)


def _short(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").rsplit("/", 2)[-2:])


def _event(record: logging.LogRecord) -> dict[str, Any]:
    """What a record says beside time and worker."""
    try:
        message = record.getMessage()
    except Exception as error:  # a message that does not fit its values must not lose the event
        message = f"{record.msg} ({type(error).__name__}: the values do not fit)"
    told: dict[str, Any] = {"message": _one_line(message, MESSAGE_CHARS_MAX)}
    for name in FIELDS:
        value = getattr(record, name, None)
        if value is not None:
            told[name] = value if isinstance(value, int) else _one_line(str(value), VALUE_CHARS_MAX)
    if record.exc_info and record.exc_info[1] is not None:
        told["exception"] = _told(record.exc_info[1])
    return told


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonLines(logging.Formatter):
    """A record as one JSON object.

    Examples
    --------
    >>> record = logging.makeLogRecord({"msg": "open", "levelname": "INFO", "created": 0, "room": "algebra-1"})
    >>> JsonLines(role="feed", worker="w1").format(record)
    '{"ts":"1970-01-01T00:00:00.000Z","level":"info","role":"feed","worker":"w1","message":"open","room":"algebra-1"}'
    """

    def __init__(self, *, role: str, worker: str) -> None:
        super().__init__()
        self._who = {"role": role, "worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {"ts": _moment(record), "level": record.levelname.lower(), **self._who, **_event(record)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


class TextLines(logging.Formatter):
    """A record as a sentence for people."""

    def __init__(self, *, role: str, worker: str) -> None:
        super().__init__()
        self._who = f"{role}/{worker}"

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = _event(record)
        message, exception = told.pop("message"), told.pop("exception", "")
        beside = " ".join(f"{name}={value}" for name, value in told.items())
        parts = [_moment(record), f"{record.levelname.lower():7}", self._who, message]
        return " ".join([*parts, *([f"({beside})"] if beside else []), *([f"| {exception}"] if exception else [])])


def start_logging(
    style: Literal["json", "text"] = "json",
    *,
    role: str,
    worker: str,
    level: str = "info",
    stream: TextIO | None = None,
) -> Callable[[], None]:
    """Have everything that is logged in this process written down; returns how to stop.

    Parameters
    ----------
    style : {"json", "text"}
    role, worker : str
        Who writes.
    level : str
        One of ``LEVELS``; other people's libraries are heard from ``warning`` on.
    stream : text file, optional
        Default: stderr.
    """
    if style not in ("json", "text") or level not in LEVELS:
        raise ValueError(
            f"log style {style!r} or level {level!r} is unknown; take json or text, and {', '.join(LEVELS)}"
        )
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter((JsonLines if style == "json" else TextLines)(role=role, worker=worker))
    root, ours = logging.getLogger(), logging.getLogger("vtrade")
    before, our_level = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())

    def stop() -> None:
        root.removeHandler(handler)
        root.setLevel(before)
        ours.setLevel(our_level)

    return stop


__all__ = ["FIELDS", "LEVELS", "JsonLines", "TextLines", "start_logging", "without_secrets"]
