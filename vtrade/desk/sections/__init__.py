"""What can be seen of a desk? Named sections, each computed on its own, so that a panel pays for what it shows.

Rules: a section is plain JSON values in whole units, made under the room's lock from what the engines say; none
changes anything. A section that costs more than it changes has a period: a live panel does not ask for it more often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vtrade.desk.sections import (
    account,
    chart,
    clock,
    coach,
    ladder,
    market,
    news,
    orders,
    prefs,
    progress,
    story,
    ticket,
    watch,
)
from vtrade.desk.sections.look import Look
from vtrade.errors import DeskError

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


class Section(NamedTuple):
    """A part of a view.

    Attributes
    ----------
    build : callable
        Its value, from a desk and a :class:`Look`.
    period_s : float
        A live panel does not ask for it more often.
    """

    build: Callable[[Desk, Look], Any]
    period_s: float = 0.0


SECTIONS: Final[dict[str, Section]] = {
    "seq": Section(clock.seq),
    "clock": Section(clock.clock),
    "timeline": Section(clock.timeline, 0.5),
    "symbols": Section(watch.symbols, 1.0),
    "symbol": Section(market.symbol),
    "instrument": Section(market.instrument),
    "quote": Section(market.quote),
    "depth": Section(market.depth),
    "ladder": Section(ladder.ladder),
    "ladder_orders": Section(ladder.ladder_orders),
    "prints": Section(ladder.prints),
    "bars": Section(chart.bars),
    "charting": Section(chart.charting),
    "marks": Section(chart.marks),
    "orders": Section(orders.orders),
    "positions": Section(orders.positions),
    "order_list": Section(orders.order_list),
    "fills": Section(orders.fills),
    "tally": Section(orders.tally),
    "order_symbols": Section(orders.order_symbols),
    "story": Section(story.story),
    "story_now": Section(story.story_now),
    "account": Section(account.account),
    "funds": Section(account.funds, 0.25),
    "exposure": Section(account.exposure, 1.0),
    "equity": Section(account.equity, 1.0),
    "standings": Section(progress.standings, 0.5),
    "ranking": Section(progress.ranking, 1.0),
    "earned": Section(progress.earned, 0.5),
    "learning": Section(progress.learning, 0.5),
    "progress": Section(progress.progress),
    "ticket": Section(ticket.ticket),
    "kinds": Section(ticket.kinds),
    "purse": Section(ticket.purse),
    "news": Section(news.news),
    "coach": Section(coach.coach),
    "coach_turns": Section(coach.coach_turns),
    "coach_text": Section(coach.coach_text),
    "prefs": Section(prefs.prefs),
    "listed": Section(watch.listed, 1.0),
    "watch": Section(watch.watch, 0.2),
    "watch_rows": Section(watch.watch_rows),
    "sparks": Section(watch.sparks, 1.0),
    "tenders": Section(news.tenders),
    "alerts": Section(news.alerts, 0.25),
    "fired": Section(news.fired),
    "alert_kinds": Section(news.alert_kinds),
}

WHOLE: Final = (
    "seq", "clock", "symbols", "symbol", "instrument", "quote", "depth", "bars", "orders", "positions", "account",
    "standings", "progress", "ticket", "news",
)  # fmt: skip
"""Sections of a whole desk, where nobody names others."""


def build(desk: Desk, look: Look, names: Iterable[str] = WHOLE) -> dict[str, Any]:
    """The named sections.

    Raises
    ------
    DeskError
        If there is no such section.
    """
    wanted = list(names)
    for name in wanted:
        if name not in SECTIONS:
            raise DeskError(f"there is no section {name!r} of a desk; known: {', '.join(SECTIONS)}")
    with desk._room.lock:
        return {name: SECTIONS[name].build(desk, look) for name in wanted}
