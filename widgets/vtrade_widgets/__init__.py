"""Panels for JupyterLab: how does a desk look in a notebook cell?

Rules: a panel shows what ``desk.view()`` says and sends intents up; it decides nothing. The live panel needs
anywidget; the still picture (:func:`static_html`) needs nothing, so it is imported without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade_widgets.static_view import static_html, static_text

if TYPE_CHECKING:
    from vtrade_widgets.desk_panel import DeskPanel, panel

__all__ = ["DeskPanel", "panel", "static_html", "static_text"]


def __getattr__(name: str) -> Any:
    """Import the live panel, and with it anywidget, only when somebody asks for it."""
    if name in ("DeskPanel", "panel"):
        from vtrade_widgets import desk_panel

        return getattr(desk_panel, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
