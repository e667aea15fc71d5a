"""What does a room look like to those who trade in it? Every projection of its facts, kept side by side.

Rules: fed with each record once, in order; nothing here decides anything, and all of it can be thrown away and folded
again. Whoever holds the facts of one account only sees that account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    ActionApplied,
    Fact,
    Inbound,
    MarketFrame,
    NewsPublished,
    OpenRoom,
    PlayChanged,
    SessionChanged,
    TenderClosed,
    TenderOffered,
)
from vtrade.execution import looks
from vtrade.execution.blotter import Blotter
from vtrade.execution.engine import Engine
from vtrade.gamification.engine import ProgressEngine
from vtrade.market.candles import Candles
from vtrade.market.dtype import EVENT, Events
from vtrade.market.prints import Prints
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.services.prints import has_requests, prints_told

NEWS_KEPT: Final = 100
SESSIONS_KEPT: Final = 500


class RoomViews:
    """Orders, money, progress, candles, prints, news and tenders of a room.

    Attributes
    ----------
    blotter : Blotter
    portfolio : PortfolioEngine
    progress : ProgressEngine
    candles : Candles
    prints : Prints
        The newest of every instrument.
    requests : bool
        Whether the events are requests of agents, who meet the participants in one book.
    news : list of NewsPublished
        The newest, at most ``NEWS_KEPT``.
    sessions : list of SessionChanged
        The newest, at most ``SESSIONS_KEPT``: when trading began, stopped and went on.
    tenders : dict of str to TenderOffered
        Those that are open, by name.
    rows : int
        Market events so far.
    began_with : tuple of Instrument
        As the room was opened, before splits and renames.
    splits : dict of str to int
        Time of the newest split, by symbol.
    play : PlayChanged or None
        What an instructor last told the clock of a shared room.
    """

    def __init__(self) -> None:
        self.blotter = Blotter()
        self.portfolio = PortfolioEngine()
        self.progress = ProgressEngine()
        self.candles = Candles(0)
        self.prints = Prints(0)
        self.news: list[NewsPublished] = []
        self.sessions: list[SessionChanged] = []
        self.tenders: dict[str, TenderOffered] = {}
        self.rows = 0
        self.began_with: tuple[Instrument, ...] = ()
        self.splits: dict[str, int] = {}
        self.play: PlayChanged | None = None
        self.requests = False

    def take(self, message: Inbound, facts: Sequence[Fact]) -> None:
        """Fold one record."""
        if isinstance(message, MarketFrame):
            self._see(np.frombuffer(message.events, dtype=EVENT), facts)
        elif isinstance(message, OpenRoom):
            self.open(message.instruments)
        self.hear(facts)

    def open(self, instruments: tuple[Instrument, ...]) -> None:
        """The room trades these."""
        self.began_with = instruments
        self.candles = Candles(len(instruments))
        self.prints = Prints(len(instruments))

    def _see(self, events: Events, facts: Sequence[Fact]) -> None:
        self.rows += len(events)
        self.requests = self.requests or has_requests(events)
        if self.requests:
            events = prints_told(facts, [instrument.symbol for instrument in self.began_with])
        self.candles.update(events)
        self.prints.update(events)

    def traded(self, engine: Engine, *, at_once: bool = True) -> None:
        """Give the prints of an exchange room the sizes that the engine counted; it is where the newest record is.

        ``at_once``: it was there for the record before it, too.
        """
        if self.requests:
            for k in range(len(engine.instruments)):
                self.prints.sized(k, engine.now, engine.last(k), looks.volume(engine, k), at_once=at_once)

    def hear(self, facts: Iterable[Fact]) -> None:
        """Fold facts, in order."""
        facts = list(facts)
        self.blotter.apply(facts)
        for fact in facts:
            self.portfolio.apply(fact)
            self.progress.apply(fact)
            if isinstance(fact, NewsPublished):
                self.news = [*self.news[1 - NEWS_KEPT :], fact]
            elif isinstance(fact, SessionChanged):
                self.sessions = [*self.sessions[1 - SESSIONS_KEPT :], fact]
            elif isinstance(fact, TenderOffered):
                self.tenders = {**self.tenders, fact.tender: fact}
            elif isinstance(fact, TenderClosed):
                self.tenders = {name: open_ for name, open_ in self.tenders.items() if name != fact.tender}
            elif isinstance(fact, ActionApplied):
                if fact.kind == ActionKind.SPLIT:
                    self.splits[fact.symbol] = fact.ts_ns
            elif isinstance(fact, PlayChanged):
                self.play = fact
