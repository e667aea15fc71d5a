"""Which thread of the kernel hears a click, and why does a reload not make the panel deaf?

Rules: ipykernel 7.4 notes, with each message a comm sends, the subshell of the request that caused it, and hands the
browser's messages to that one, whatever they ask for. A thread of ours has no request, so ipykernel takes the last one
anybody made: perhaps from a page that has been closed since, whose subshell is gone, and then every click is lost. So
the panel's thread sends without a request, and the note is thrown away: a click goes to the subshell it asks for,
which also works while a cell blocks. Where ipykernel keeps no such notes, nothing happens here. A browser test reloads
a playing desk and clicks during a long cell.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any


def send_without_request(comm: Any) -> None:
    """Let messages that this thread sends on ``comm`` have no request; other threads are not touched."""
    request = getattr(getattr(comm, "kernel", None), "_shell_parent", None)
    if isinstance(request, ContextVar):
        request.set({})


def answer_where_asked(comm: Any) -> None:
    """Throw away the note that sends the browser's messages on ``comm`` to one fixed subshell.

    Examples
    --------
    >>> class Comm:
    ...     _reply_subshell_id = None
    >>> noted = Comm()
    >>> noted._reply_subshell_id = "of a page that was closed"
    >>> answer_where_asked(noted)
    >>> vars(noted)
    {}
    """
    if comm is not None:
        vars(comm).pop("_reply_subshell_id", None)
