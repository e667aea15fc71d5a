"""How does the tutor reach a language model over the OpenAI protocol?

Rules: any server that speaks chat completions will do (``base_url``); the key is read once, sent to that server and
nowhere else, and never printed: not in a ``repr``, not in an error. A reply has one deadline for everything (name
look-up, connection, a server that trickles), because it is fetched in a thread of its own. ``openai`` is imported with
the first question.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from vtrade.errors import LanguageModelError
from vtrade.tutor.dialogue import Chunk, Done, Message, TextDelta, ToolCall
from vtrade.tutor.tools import Tool

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
DEFAULT_MODEL: Final = "gpt-5.4-mini"
CONNECT_TIMEOUT_S: Final = 5.0
RETRIES_MAX: Final = 1
CHUNKS_WAITING_MAX: Final = 64
"""Chunks that were received and not yet taken."""
PUT_WAIT_S: Final = 0.1
CALLS_PER_REPLY_MAX: Final = 32
ARGUMENTS_CHARACTERS_MAX: Final = 20_000

_NO_KEY: Final = "none"


class OpenAIChat:
    """A language model behind the chat completions protocol; an adapter for ``vtrade.tutor.dialogue.LanguageModel``.

    Parameters
    ----------
    model : str
    base_url : str, optional
        Default: ``VTRADE_LLM_BASE_URL``, else ``OPENAI_BASE_URL``, else OpenAI's own server.
    api_key : str, optional
        Default: ``VTRADE_LLM_API_KEY``, else ``OPENAI_API_KEY``; a server of your own may need none.
    max_retries : int
        Attempts after a failed connection or a server error, inside the same deadline.

    Examples
    --------
    >>> OpenAIChat("small", base_url="http://localhost:11434/v1", api_key="secret")
    OpenAIChat('small', server='localhost:11434')
    """

    __slots__ = ("__key", "_base_url", "_max_retries", "_model")

    def __init__(
        self,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        max_retries: int = RETRIES_MAX,
    ) -> None:
        self._model = model or _setting(os.environ, "VTRADE_LLM_MODEL") or DEFAULT_MODEL
        self._base_url = base_url or _base_url(os.environ) or DEFAULT_BASE_URL
        self.__key = (api_key or "").strip() or _api_key(os.environ) or _NO_KEY
        self._max_retries = max_retries

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    @property
    def server(self) -> str:
        """Host and port of the server, without user, path or query."""
        try:
            parts = urlsplit(self._base_url)
            return f"{parts.hostname or 'unknown'}{f':{parts.port}' if parts.port else ''}"
        except ValueError:
            return "unknown"

    def __repr__(self) -> str:
        return f"OpenAIChat({self._model!r}, server={self.server!r})"

    def stream(self, messages: Sequence[Message], tools: Sequence[Tool], *, timeout_s: float) -> Iterator[Chunk]:
        """One reply, piece by piece, ended by ``Done``.

        Raises
        ------
        LanguageModelError
            If there is no whole reply within ``timeout_s``: no network, refused key, server error, malformed reply.
        """
        started = time.monotonic()
        inbox: queue.Queue[Chunk | str] = queue.Queue(CHUNKS_WAITING_MAX)
        fetch = _Fetch(inbox)
        request = {
            "model": self._model,
            "messages": [_message(message) for message in messages],
            "tools": [_tool(tool) for tool in tools],
        }
        threading.Thread(target=self._run, args=(fetch, request, timeout_s), name="vtrade-llm", daemon=True).start()
        try:
            while True:
                left = started + timeout_s - time.monotonic()
                try:
                    item: Chunk | str | None = inbox.get(timeout=max(left, 0.0)) if left > 0 else None
                except queue.Empty:
                    item = None
                if item is None:
                    raise LanguageModelError(
                        f"The language model {self._model} at {self.server} did not finish within {timeout_s:g} s."
                    )
                if isinstance(item, str):
                    raise LanguageModelError(item)
                if isinstance(item, Done):
                    yield Done(finish=item.finish, tokens=item.tokens, elapsed_s=time.monotonic() - started)
                    return
                yield item
        finally:
            fetch.stop()

    def _run(self, fetch: _Fetch, request: dict[str, Any], timeout_s: float) -> None:
        """Fetch one reply in this thread; a failure is put into the inbox as a sentence."""
        try:
            import openai
        except ImportError:
            fetch.put("The package openai is not installed; install it with: pip install openai.")
            return
        timeout = openai.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        try:
            client = openai.OpenAI(
                api_key=self.__key, base_url=self._base_url, max_retries=self._max_retries, timeout=timeout
            )
        except Exception as error:
            fetch.put(f"The base URL of the language model {self._model} cannot be used ({type(error).__name__}).")
            return
        try:
            with client:
                fetch.take(client.chat.completions.create(stream=True, **request))
        except Exception as error:  # everything a foreign library raises becomes one sentence without its details
            fetch.put(self._sentence(openai, error))

    def _sentence(self, openai: Any, error: Exception) -> str:
        """What went wrong, in words for a student; the library's own text may hold parts of the key and is dropped."""
        who = f"The language model {self._model} at {self.server}"
        match error:
            case openai.APITimeoutError():
                return f"{who} did not answer in time."
            case openai.APIConnectionError():
                return f"{who} could not be reached; check the network and the base URL."
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return f"{who} refused the key; check OPENAI_API_KEY or VTRADE_LLM_API_KEY."
            case openai.NotFoundError():
                return f"{who} was not found; check VTRADE_LLM_MODEL and the base URL."
            case openai.RateLimitError():
                return f"{who} takes no more questions for now (rate or credit limit)."
            case openai.APIStatusError():
                return f"{who} answered with HTTP status {int(error.status_code)}."
            case UnicodeEncodeError():
                return f"{who} was not asked: the key holds characters that no key has."
            case _Unreadable():
                return f"{who} {error}."
            case _:
                return f"{who} sent a reply that cannot be read ({type(error).__name__})."


class _Unreadable(Exception):
    """A reply that does not follow the protocol; the text goes on from "The language model ..."."""


class _Fetch:
    """One reply on its way from the fetching thread to the asking one."""

    def __init__(self, inbox: queue.Queue[Chunk | str]) -> None:
        self._inbox = inbox
        self._stopped = threading.Event()
        self._stream: Any = None

    def put(self, item: Chunk | str) -> bool:
        """Hand an item over; false once nobody waits for it."""
        while not self._stopped.is_set():
            with suppress(queue.Full):
                self._inbox.put(item, timeout=PUT_WAIT_S)
                return True
        return False

    def stop(self) -> None:
        """Nobody waits any more: wake the fetching thread, also out of a read that would go on."""
        self._stopped.set()
        with suppress(Exception):  # best effort: the read timeout ends the thread at the latest
            sock = self._stream.response.extensions["network_stream"].get_extra_info("socket")
            sock.shutdown(socket.SHUT_RDWR)

    def take(self, stream: Any) -> None:
        """Read a whole reply, put its text as it comes, then its tool calls, then ``Done``."""
        self._stream = stream  # before the first look at the event, so that either side sees the other
        calls: dict[int, dict[str, str]] = {}
        finish, tokens = "", None
        with stream:
            if self._stopped.is_set():
                return
            for chunk in stream:
                if self._stopped.is_set():
                    return
                tokens = getattr(chunk.usage, "total_tokens", None) or tokens
                if not chunk.choices:
                    continue
                choice = chunk.choices[0]
                finish = choice.finish_reason or finish
                delta = choice.delta
                if delta is None:
                    continue
                text = delta.content or getattr(delta, "refusal", None) or ""
                if not isinstance(text, str):
                    raise _Unreadable("sent text that is not text")
                if text and not self.put(TextDelta(text)):
                    return
                for part in delta.tool_calls or ():
                    _gather(calls, part)
        if not finish:
            raise _Unreadable("broke its reply off")
        for index, call in sorted(calls.items()):
            if not call["name"]:
                raise _Unreadable("asked for a look-up without a name")
            self.put(ToolCall(id=call["id"] or f"call_{index}", name=call["name"], arguments=call["arguments"]))
        self.put(Done(finish=str(finish), tokens=tokens if isinstance(tokens, int) else None))


def _gather(calls: dict[int, dict[str, str]], part: Any) -> None:
    """Add one piece of a streamed tool call to what came before it."""
    index = part.index if isinstance(part.index, int) else len(calls)
    if index not in calls and len(calls) >= CALLS_PER_REPLY_MAX:
        raise _Unreadable(f"asked for more than {CALLS_PER_REPLY_MAX} look-ups at once")
    call = calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
    call["id"] = part.id or call["id"]
    if part.function is not None:
        call["name"] += part.function.name or ""
        call["arguments"] += part.function.arguments or ""
    if len(call["arguments"]) > ARGUMENTS_CHARACTERS_MAX:
        raise _Unreadable("sent a look-up that is too long")


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _setting(environ: Mapping[str, str], *names: str) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _base_url(environ: Mapping[str, str]) -> str:
    return _setting(environ, "VTRADE_LLM_BASE_URL", "OPENAI_BASE_URL")


def _api_key(environ: Mapping[str, str]) -> str:
    return _setting(environ, "VTRADE_LLM_API_KEY", "OPENAI_API_KEY")


def model_from_environment(environ: Mapping[str, str] | None = None) -> OpenAIChat | None:
    """The language model that the environment names, or ``None`` where it names neither a key nor a server.

    Reads ``VTRADE_LLM_MODEL``; ``VTRADE_LLM_BASE_URL``, else ``OPENAI_BASE_URL``; ``VTRADE_LLM_API_KEY``, else
    ``OPENAI_API_KEY``.

    Examples
    --------
    >>> model_from_environment({"OPENAI_API_KEY": "secret", "VTRADE_LLM_MODEL": "small"})
    OpenAIChat('small', server='api.openai.com')
    >>> model_from_environment({}) is None
    True
    """
    known = os.environ if environ is None else environ
    base_url, key = _base_url(known), _api_key(known)
    if not base_url and not key:
        return None
    return OpenAIChat(
        _setting(known, "VTRADE_LLM_MODEL") or DEFAULT_MODEL,
        base_url=base_url or DEFAULT_BASE_URL,
        api_key=key or _NO_KEY,
    )
