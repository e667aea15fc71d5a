"""How is a desk traded from a notebook cell?

Rules: Python keeps the newest view, the browser paints it; no rule of the market lives here or in the browser. What
goes down is :mod:`vtrade_widgets.protocol`; what comes up is one message, either about the view itself (``hello``,
``alive``, ``bye``) or an intent for ``desk.handle``. One thread (:mod:`vtrade_widgets.sender`) talks to the desk and
to the browser, and lives only while somebody looks: a panel without a view has no thread and asks the desk nothing.
Where no browser is alive (papermill, nbconvert, a page on the web) the cell shows :func:`static_html` instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol

import anywidget
import traitlets

from vtrade_widgets import assets, protocol
from vtrade_widgets.sender import Sender
from vtrade_widgets.static_view import static_html, static_text
from vtrade_widgets.subshells import answer_where_asked, send_without_request

BYTES_PER_S: Final = 70_000
"""Average bytes per second a panel sends at most; with one message more in flight it stays below 100 kB/s."""

ENVELOPE_BYTES: Final = 1_000
"""What Jupyter adds to each message: headers, identifiers, signature."""

RATE_HZ_MAX: Final = 20
LEVELS: Final = 10
BARS: Final = 120
NOTICES: Final = 8
"""Answers to intents that are kept for the browser."""

VIEW_LEASE_S: Final = 600.0
"""A view that was not heard of for so long is gone: its page was closed without a word."""

CLOSED: Final = "This desk is closed. Make a new one, or open its journal again, to go on trading."


class DeskLike(Protocol):
    """The part of a desk that a panel uses."""

    def view(self, symbol: str | None = None, *, levels: int = 10, bars: int = 120) -> dict[str, Any]:
        """All that a panel shows, JSON-safe."""

    def handle(self, intent: dict[str, Any]) -> dict[str, Any]:
        """Act on a click; a notice ``{"kind": "ok|error", "text": ...}``."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, from any thread, after something changed; returns what ends it."""


class DeskPanel(anywidget.AnyWidget):
    """The trading desk in a notebook cell: chart, depth, ticket, orders, positions, standings.

    Parameters
    ----------
    desk : Desk
        Anything with ``view``, ``handle`` and ``on_change``.
    symbol : str, optional
        Instrument to show first; the first one of the desk by default.
    theme : {"auto", "light", "dark"}
        ``auto`` follows JupyterLab.
    rate_hz : float
        Most redraws per second, above 0 and at most 20.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7")
    >>> DeskPanel(desk, theme="dark")
    DeskPanel(symbol='ACME')
    >>> desk.close_desk()
    """

    _esm: ClassVar[str] = assets.module()
    _css: ClassVar[str] = assets.styles()

    theme = traitlets.Enum(("auto", "light", "dark"), default_value="auto", help="Colours of the panel.").tag(sync=True)
    symbol = traitlets.Unicode(help="Instrument that the panel shows.")

    def __init__(self, desk: DeskLike, *, symbol: str | None = None, theme: str = "auto", rate_hz: float = 10) -> None:
        if not 0 < rate_hz <= RATE_HZ_MAX:
            raise ValueError(
                f"rate_hz is {rate_hz}; give a number above 0 and at most {RATE_HZ_MAX} redraws per second"
            )
        self._desk = desk
        self._rate_hz = float(rate_hz)
        self._lock = threading.RLock()
        self._sender: Sender | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._views: dict[str, float] = {}
        self._sent: dict[str, Any] = {}
        self._full = True
        self._seq = 0
        self._notices: deque[dict[str, Any]] = deque(maxlen=NOTICES)
        self._notice_count = 0
        super().__init__(theme=theme, symbol=symbol if symbol is not None else _first_symbol(desk))
        self.on_msg(self._receive)
        answer_where_asked(self.comm)

    def __repr__(self) -> str:
        return f"DeskPanel(symbol={self.symbol!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        try:
            view = self._desk.view(self.symbol, levels=LEVELS, bars=BARS)
        except Exception as error:  # a cell must show something, whatever the desk says
            return {**data, "text/plain": f"{self!r}: {_told(error)}"}, metadata
        return {**data, "text/plain": static_text(view), "text/html": static_html(view)}, metadata

    def close(self) -> None:
        """Take the panel off the screen and end its thread; the desk goes on."""
        if hasattr(self, "_lock"):
            self._detach()
        super().close()

    # --- the browser speaks (on whichever thread Jupyter likes) ---------------------------------------------------

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        view = str(content.get("view", ""))[:40]
        with self._lock:
            if content.get("bye"):
                self._views.pop(view, None)
                if not self._views:
                    self._detach()
                return
            self._views[view] = time.monotonic()
            sender = self._attach()
        if content.get("hello"):
            self._full = True
            sender.wake()
        elif "intent" in content and not sender.post(content):
            self._note(
                content, {"kind": "error", "text": "The desk is busy and too many clicks wait; try again in a moment."}
            )
            sender.wake()

    @traitlets.observe("symbol")
    def _symbol_changed(self, _change: Any) -> None:
        if self._sender is not None:
            self._sender.wake()

    @traitlets.validate("symbol")
    def _valid_symbol(self, proposal: Any) -> str:
        known = [str(symbol) for symbol in getattr(self._desk, "symbols", ())]
        if known and proposal["value"] not in known:
            raise traitlets.TraitError(
                f"symbol {proposal['value']!r} is not on this desk; it has {', '.join(known[:12])}"
            )
        return str(proposal["value"])

    def _attach(self) -> Sender:
        if self._sender is None or self._sender.closed:
            self._sender = Sender(self, rate_hz=self._rate_hz, bytes_per_s=BYTES_PER_S)
            self._unsubscribe = self._desk.on_change(self._sender.wake)
        return self._sender

    def _detach(self) -> None:
        with self._lock:
            if self._unsubscribe is not None:
                self._unsubscribe()
            if self._sender is not None:
                self._sender.close()
            self._sender = self._unsubscribe = None
            self._views.clear()

    # --- the sender's thread --------------------------------------------------------------------------------------

    def take(self, message: Mapping[str, Any]) -> None:
        """Act on an intent from the browser; called by the sender's thread."""
        intent = {key: value for key, value in message.items() if key not in ("view", "request")}
        try:
            if intent["intent"] == "watch":
                self.symbol = str(intent.get("symbol"))
                notice: Mapping[str, Any] = {"kind": "ok", "text": ""}
            else:
                notice = self._desk.handle(intent)
        except Exception as error:  # told to the trader: the thread must go on
            notice = {"kind": "error", "text": _told(error)}
        self._note(message, notice)
        if self._sender is not None:
            self._sender.wake()

    def flush(self) -> int:
        """Send what changed since the last time; called by the sender's thread. Returns bytes sent."""
        oldest = time.monotonic() - VIEW_LEASE_S
        with self._lock:
            self._views = {view: heard for view, heard in self._views.items() if heard > oldest}
            if not self._views:
                self._detach()
                return 0
        full, self._full = self._full, False
        state, over = self._state()
        message = {"full": True, "sections": state} if full else protocol.changes(self._sent, state)
        sent = 0
        if message:
            self._seq += 1
            message["seq"] = self._seq
            try:
                sent = len(json.dumps(message, allow_nan=False)) + ENVELOPE_BYTES
            except (TypeError, ValueError) as error:
                state = {"error": {"text": f"The desk's view cannot be sent to the browser: {error}."}}
                message = {"full": True, "sections": state, "seq": self._seq}
                sent = ENVELOPE_BYTES
            self._sent = state
            send_without_request(self.comm)
            self.send(message)
            answer_where_asked(self.comm)
        if over:
            self._detach()
        return sent

    def _state(self) -> tuple[dict[str, Any], bool]:
        """The desk's view with the panel's own sections, and whether the desk is closed."""
        own: dict[str, Any] = {"notices": list(self._notices), "error": None}
        over = bool(getattr(self._desk, "closed", False))
        if over:
            own["error"] = {"text": CLOSED, "closed": True}
            return {**self._sent, **own}, True
        try:
            view = self._desk.view(self.symbol, levels=LEVELS, bars=BARS)
        except Exception as error:  # told to the trader: the thread must go on
            own["error"] = {"text": _told(error)}
            return {**self._sent, **own}, False
        return {**{key: value for key, value in view.items() if key not in protocol.NOT_SENT}, **own}, False

    def _note(self, message: Mapping[str, Any], notice: Mapping[str, Any]) -> None:
        with self._lock:
            self._notice_count += 1
            told = {"kind": str(notice.get("kind", "ok")), "text": str(notice.get("text", ""))}
            asked = {"request": str(message.get("request", ""))[:40], "about": str(message.get("intent", ""))[:40]}
            self._notices.append({"n": self._notice_count, **asked, **told})


def panel(desk: DeskLike, *, symbol: str | None = None, theme: str = "auto", rate_hz: float = 10) -> DeskPanel:
    """The panel of a desk, to stand as the last line of a cell; see :class:`DeskPanel`."""
    return DeskPanel(desk, symbol=symbol, theme=theme, rate_hz=rate_hz)


def _first_symbol(desk: DeskLike) -> str:
    symbols = getattr(desk, "symbols", None)
    return str(next(iter(symbols), "")) if symbols is not None else str(desk.view(None).get("symbol", ""))


def _told(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
