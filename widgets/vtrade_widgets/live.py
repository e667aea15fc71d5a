"""How is a desk traded from a notebook cell?

Rules: Python keeps the newest view, the browser paints it; no rule of the market lives here or in the browser. The
browser says which sections of the desk it looks at, and gets those (:mod:`vtrade_widgets.protocol`); what comes up is
one message: about the view (``hello``, ``look``, ``alive``, ``bye``) or an intent for ``desk.handle``, which gets one
reply, in the next picture. One thread (:mod:`vtrade_widgets.sender`) talks to the desk and to the browser, and lives
only while somebody looks: a panel without a view has no thread and asks the desk nothing. Where no browser is alive
(papermill, nbconvert, a page on the web) the cell shows :func:`static_html` instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, Protocol

import anywidget
import traitlets

from vtrade.desk.sections import SECTIONS
from vtrade.desk.sections.look import Look
from vtrade_widgets import assets, protocol
from vtrade_widgets.sender import Sender, Sent
from vtrade_widgets.static_view import static_html, static_sections, static_text, static_trouble
from vtrade_widgets.subshells import answer_where_asked, send_without_request

BYTES_PER_S: Final = 70_000
"""Average bytes per second a panel sends at most; with one message more in flight it stays below 100 kB/s."""

FULL_BYTES: Final = 17_500
"""What a whole picture counts at most: it comes once, and what follows should not have to wait for a second."""

ENVELOPE_BYTES: Final = 1_000
"""What Jupyter adds to each message: headers, identifiers, signature."""

RATE_HZ_MAX: Final = 20

VIEW_LEASE_S: Final = 600.0
"""A view that was not heard of for so long is gone: its page was closed without a word."""

NEEDS_MAX: Final = 64
"""Sections that one view can look at."""

CLOSED: Final = "This desk is closed. Make a new one, or open its journal again, to go on trading."
BUSY: Final = "The desk is busy and too many clicks wait; try again in a moment."

PARTS: Final = (
    "desk", "watch", "chart", "ladder", "ticket", "blotter", "account", "progress", "coach", "news", "time",
)  # fmt: skip
"""What a panel can be: the whole desk, or one part of it."""


class DeskLike(Protocol):
    """The part of a desk that a panel uses."""

    def view(self, symbol: str | None = None, *, sections: Iterable[str] = ..., **look: Any) -> dict[str, Any]:
        """The named sections, JSON-safe."""

    def handle(self, intent: dict[str, Any]) -> dict[str, Any]:
        """Act on a click; a reply ``{"kind": "ok|error", "text": ...}``."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, from any thread, after something changed; returns what ends it."""


class Panel(anywidget.AnyWidget):
    """A desk, or one part of it, in a notebook cell.

    Parameters
    ----------
    desk : Desk
        Anything with ``view``, ``handle`` and ``on_change``.
    part : str
        One of ``PARTS``.
    symbol : str, optional
        Instrument to show first; the first one of the desk by default.
    theme : {"auto", "light", "dark"}
        ``auto`` follows JupyterLab.
    rate_hz : float
        Most redraws per second, above 0 and at most 20.
    **look
        What to look at first: fields of :class:`vtrade.desk.sections.look.Look`, such as ``bar_s=300`` or
        ``indicators=["sma:20"]``.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7")
    >>> Panel(desk, part="ladder", theme="dark")
    Panel('ladder', symbol='ACME')
    >>> desk.close_desk()
    """

    _code: ClassVar[Literal["all", "light"]] = "all"

    part = traitlets.Unicode(read_only=True, help="Which part of the desk this is.").tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), default_value="auto", help="Colours of the panel.").tag(sync=True)
    symbol = traitlets.Unicode(help="Instrument that the panel shows.")

    def __init__(
        self, desk: DeskLike, *, part: str = "desk", symbol: str | None = None, theme: str = "auto",
        rate_hz: float = 20, **look: Any,
    ) -> None:  # fmt: skip
        if not 0 < rate_hz <= RATE_HZ_MAX:
            raise ValueError(
                f"rate_hz is {rate_hz}; give a number above 0 and at most {RATE_HZ_MAX} redraws per second"
            )
        if part not in PARTS:
            raise ValueError(f"part {part!r} is none of a desk; choose one of {', '.join(PARTS)}")
        self._desk = desk
        self._rate_hz = float(rate_hz)
        self._lock = threading.RLock()
        self._sender: Sender | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._views: dict[str, float] = {}
        self._needs: dict[str, frozenset[str]] = {}
        Look().changed(look)
        self._look: dict[str, Any] = look
        self._built: dict[str, tuple[float, Any]] = {}
        self._replies: list[dict[str, Any]] = []
        self._sent: dict[str, Any] = {}
        self._full = True
        self._seq = 0
        self._place = 0
        self._moved = ""
        self._esm, self._css = assets.module(self._code), assets.styles()
        super().__init__(theme=theme, symbol=symbol if symbol is not None else _first_symbol(desk))
        self.set_trait("part", part)
        self.on_msg(self._receive)
        answer_where_asked(self.comm)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.part!r}, symbol={self.symbol!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        try:
            view = self._desk.view(self.symbol, sections=static_sections(self.part), **self._look)
            still = {"text/plain": static_text(view, self.part), "text/html": static_html(view, self.part)}
        except Exception as error:  # a cell must show something, whatever the desk says
            still = {"text/plain": f"{self!r}: {_told(error)}", "text/html": static_trouble(_told(error))}
        return {**data, **still}, metadata

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
                self._needs.pop(view, None)
                if not self._views:
                    self._detach()
                return
            self._views[view] = time.monotonic()
            needs = content.get("needs")
            if isinstance(needs, list):
                self._needs[view] = frozenset(str(name)[:40] for name in needs[:NEEDS_MAX])
            sender = self._attach()
        if content.get("hello"):
            self._full = True
            sender.wake()
        elif isinstance(needs, list):
            sender.wake()
        if ("intent" in content or "look" in content) and not sender.post(content):
            self._reply(content, {"kind": "error", "text": BUSY})

    @traitlets.observe("symbol")
    def _symbol_changed(self, change: Any) -> None:
        symbols = [str(symbol) for symbol in getattr(self._desk, "symbols", ())]
        self._place = symbols.index(change["new"]) if change["new"] in symbols else 0
        self._built.clear()
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
            self._needs.clear()
            self._built.clear()

    # --- the sender's thread --------------------------------------------------------------------------------------

    def take(self, message: Mapping[str, Any]) -> None:
        """Act on a message from the browser; called by the sender's thread. The reply goes with the next picture."""
        reply: Mapping[str, Any]
        try:
            if "look" in message:
                reply = self._looks(message["look"])
            elif message["intent"] == "watch":
                self.symbol = str(message.get("symbol"))
                reply = {"kind": "ok", "text": ""}
            elif message["intent"] == "branch":
                reply = self._show_branch(message.get("branch"))
            else:
                asked = {key: value for key, value in message.items() if key not in ("view", "request", "needs")}
                reply = self._desk.handle(asked)
        except Exception as error:  # told to the trader: the thread must go on
            reply = {"kind": "error", "text": _told(error)}
        self._built.clear()  # what was done is seen at once, also in sections that are asked for seldom
        self._reply(message, reply)

    def _looks(self, changes: Any) -> Mapping[str, Any]:
        if not isinstance(changes, dict):
            return {"kind": "error", "text": "a panel changes what it looks at with a dictionary"}
        Look().changed({**self._look, **changes, "symbol": self.symbol})
        self._look = {**self._look, **{key: value for key, value in changes.items() if key != "symbol"}}
        return {"kind": "ok", "text": ""}

    def _show_branch(self, number: Any) -> Mapping[str, Any]:
        """Show another branch of the desk in this panel."""
        branches = list(getattr(self._desk, "branches", ()))
        if not isinstance(number, int) or not 0 <= number < len(branches):
            return {"kind": "error", "text": f"there is no branch {number!r} of this desk; it has {len(branches)}"}
        with self._lock:
            self._desk = branches[number]
            if self._unsubscribe is not None and self._sender is not None:
                self._unsubscribe()
                self._unsubscribe = self._desk.on_change(self._sender.wake)
            self._full = True
        return {"kind": "ok", "text": f"this is branch {number}" if number else "this is the original"}

    def _reply(self, message: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        told = {**reply, "reply": str(message.get("request", ""))[:60]}
        try:
            json.dumps(told, allow_nan=False)
        except (TypeError, ValueError) as error:
            told = {"reply": told["reply"], "kind": "error", "text": f"The answer cannot be sent: {error}."}
        with self._lock:
            self._replies.append(told)
            sender = self._sender
        if sender is not None:
            sender.wake()

    def _post(self, message: Mapping[str, Any]) -> None:
        send_without_request(self.comm)
        self.send(message)
        answer_where_asked(self.comm)

    def flush(self) -> Sent:
        """Send what changed since the last time; called by the sender's thread."""
        now = time.monotonic()
        with self._lock:
            self._views = {view: heard for view, heard in self._views.items() if heard > now - VIEW_LEASE_S}
            self._needs = {view: needs for view, needs in self._needs.items() if view in self._views}
            if not self._views:
                self._detach()
                return Sent(0, None)
            wanted = frozenset().union(*self._needs.values())
            replies, self._replies = self._replies, []
        full, self._full = self._full, False
        state, over, again_s = self._state(wanted, now)
        message = {"full": True, "sections": state} if full else protocol.changes(self._sent, state)
        sent = 0
        if replies:
            message["replies"] = replies
        if message:
            self._seq += 1
            message["seq"] = self._seq
            try:
                sent = len(json.dumps(message, allow_nan=False)) + ENVELOPE_BYTES
            except (TypeError, ValueError) as error:
                state = {"error": {"text": f"The desk's view cannot be sent to the browser: {error}."}}
                message = {"full": True, "sections": state, "seq": self._seq, "replies": replies}
                sent = ENVELOPE_BYTES
            self._sent = state
            self._post(message)
        if over:
            self._detach()
        return Sent(min(sent, FULL_BYTES) if full else sent, again_s)

    def _state(self, wanted: frozenset[str], now: float) -> tuple[dict[str, Any], bool, float | None]:
        """The sections looked at with the panel's own, whether the desk is closed, and when to look again."""
        own: dict[str, Any] = {"error": None}
        over = bool(getattr(self._desk, "closed", False))
        if over:
            own["error"] = {"text": CLOSED, "closed": True}
            if self._sent:
                return {**self._sent, **own}, True, None
        built = {name: found for name, found in self._built.items() if name in wanted}
        due = {name for name in wanted if now >= built.get(name, (0.0, None))[0]}
        try:
            self._follow_rename()
            found = self._desk.view(self.symbol, sections=sorted(due), **self._look)
        except Exception as error:  # told to the trader: the thread must go on
            own["error"] = own["error"] or {"text": _told(error)}
            return {**self._sent, **own}, over, None
        for name, value in found.items():
            built[name] = (now + _period_s(name), value)
        self._built = built
        if self._moved:
            own["error"] = own["error"] or {"text": self._moved}
        later = [moment - now for name, (moment, _) in built.items() if name not in due]
        return {**{name: value for name, (_, value) in built.items()}, **own}, over, min(later, default=None)

    def _follow_rename(self) -> None:
        """Stay with an instrument whose symbol changed, and say so."""
        symbols = [str(symbol) for symbol in getattr(self._desk, "symbols", ())]
        if symbols and self.symbol not in symbols:
            before, at = self.symbol, self._place if self._place < len(symbols) else 0
            self.symbol = symbols[at]
            self._moved = f"{before} is not traded here any more under that name; this is {self.symbol}."


def _period_s(name: str) -> float:
    section = SECTIONS.get(name)
    return section.period_s if section is not None else 0.0


def _first_symbol(desk: DeskLike) -> str:
    symbols = getattr(desk, "symbols", None)
    found = symbols if symbols is not None else [desk.view(None, sections=("symbol",)).get("symbol", "")]
    return str(next(iter(found), ""))


def _told(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text if text.endswith((".", "!", "?")) else f"{text}."
