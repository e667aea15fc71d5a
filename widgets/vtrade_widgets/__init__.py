"""Panels for JupyterLab: how does a desk look in a notebook cell?

Rules: a panel shows what ``desk.view()`` says and sends intents up; it decides nothing. The live panels need
anywidget; the still picture (:func:`static_html`) needs nothing, so it is imported without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade_widgets.static_view import static_html, static_text

if TYPE_CHECKING:
    from vtrade_widgets.live import Panel
    from vtrade_widgets.panels import (
        AccountPanel,
        Blotter,
        CoachPanel,
        DepthLadder,
        DeskPanel,
        MarketWatch,
        NewsPanel,
        OrderTicket,
        PriceChart,
        ProgressPanel,
        TimePanel,
        panel,
    )

__all__ = [
    "AccountPanel", "Blotter", "CoachPanel", "DepthLadder", "DeskPanel", "MarketWatch", "NewsPanel", "OrderTicket",
    "Panel", "PriceChart", "ProgressPanel", "TimePanel", "panel", "static_html", "static_text",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the live panels, and with them anywidget, only when somebody asks for one."""
    if name in __all__:
        from vtrade_widgets import panels

        return getattr(panels, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
