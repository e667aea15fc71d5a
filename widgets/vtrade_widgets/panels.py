"""Which panels are there? One class per part of a desk, and :func:`panel`, which finds it by name."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from vtrade_widgets.live import DeskLike, Panel


class DeskPanel(Panel):
    """The whole desk: every part in one layout, for a cell, a view of its own or a sidecar."""

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="desk", **options)


class PriceChart(Panel):
    """Candles, volume and indicators, with one's own fills and orders."""

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="chart", **options)


class MarketWatch(Panel):
    """What trades here, with watchlists and search."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="watch", **options)


class DepthLadder(Panel):
    """Price levels with one's own orders among them, and the prints."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="ladder", **options)


class OrderTicket(Panel):
    """An order, and what it would do before it is sent."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="ticket", **options)


class Blotter(Panel):
    """Orders, fills and positions, with the story of each order."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="blotter", **options)


class AccountPanel(Panel):
    """Money, margin, exposure and the equity curve."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="account", **options)


class ProgressPanel(Panel):
    """Level, missions, badges and standings."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="progress", **options)


class CoachPanel(Panel):
    """A conversation with the tutor."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="coach", **options)


class NewsPanel(Panel):
    """Headlines, announcements and alerts."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="news", **options)


class TimePanel(Panel):
    """The market's clock: play, pause, step, jump, rewind, fork."""

    _code: ClassVar[Literal["all", "light"]] = "light"

    def __init__(self, desk: DeskLike, **options: Any) -> None:
        super().__init__(desk, part="time", **options)


BY_PART: Final[dict[str, type[Panel]]] = {
    "desk": DeskPanel,
    "chart": PriceChart,
    "watch": MarketWatch,
    "ladder": DepthLadder,
    "ticket": OrderTicket,
    "blotter": Blotter,
    "account": AccountPanel,
    "progress": ProgressPanel,
    "coach": CoachPanel,
    "news": NewsPanel,
    "time": TimePanel,
}
"""Class of each part."""


def panel(desk: DeskLike, part: str = "desk", **options: Any) -> Panel:
    """The panel of a desk or of one part of it, to stand as the last line of a cell; see :class:`Panel`.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    kind = BY_PART.get(part)
    if kind is None:
        raise ValueError(f"part {part!r} is none of a desk; choose one of {', '.join(BY_PART)}")
    return kind(desk, **options)
