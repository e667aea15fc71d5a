"""What does a desk know of a room that it only hears of? Everything that a stream's frames told, folded.

Rules: frames are folded in the order in which they came, records once each; a snapshot replaces everything. What would
leave a hole (candles that were missed, another version of the stream) is refused, and the listener begins anew. Nothing
here waits or reads a clock; whoever calls holds the room's lock.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from vtrade.domain.messages import AccountOpened, Fact
from vtrade.domain.orders import Reason
from vtrade.domain.stream import (
    PROTOCOL,
    CandleBlock,
    Facts,
    Frame,
    Market,
    Own,
    Part,
    Snapshot,
    Standings,
    Told,
    Welcome,
    from_parts,
)
from vtrade.errors import DeskError, Unavailable
from vtrade.gamification.engine import ProgressEngine
from vtrade.market.tape import TapeHead
from vtrade.services.lookalike import BlotterMirror, CandlesMirror, EngineMirror, head_of, portfolio_of
from vtrade.services.views import RoomViews

RECENT_MAX: Final = 10_000
"""Records of which the facts are kept for whoever waits for them."""
PARTS_MAX: Final = 4_096
"""Parts of one snapshot."""


class Gap(Exception):
    """Something of the market was missed: only a new snapshot helps."""


class Hearing:
    """What was heard of a room.

    Attributes
    ----------
    account, role : str
        Whose stream it is.
    views : RoomViews
        Of what that account may know.
    engine : EngineMirror or None
        ``None`` until a snapshot came.
    seq : int
        The last record that was heard of; -1 where a snapshot is needed.
    base : int
        Record of the newest snapshot: facts up to there did not come one by one.
    shown : bool
        Whether the market was told of, too.
    pending : dict of str to Reason
        Names of orders that were sent, and of which nothing was heard yet.
    recent : dict of int to list of Fact
        Facts of the last records, by number.
    """

    def __init__(self) -> None:
        self.account = self.role = ""
        self.views = RoomViews()
        self.engine: EngineMirror | None = None
        self.head: TapeHead | None = None
        self.now_ns = 0
        self.playing = self.ended = self.shown = False
        self.speed = 1.0
        self.trouble = ""
        self.seq = self.base = -1
        self.ranks = Standings({})
        self.pending: OrderedDict[str, Reason] = OrderedDict()
        self.recent: OrderedDict[int, list[Fact]] = OrderedDict()
        self._market_seq = self._money_seq = -1
        self._parts: list[Part] = []
        self._snapshot: Snapshot | None = None

    def begin(self) -> int | None:
        """A new stream begins; the record after which it may go on, ``None`` where everything is needed."""
        self._parts, self._snapshot = [], None
        return None if self.seq < 0 else self.seq

    def forget(self) -> None:
        """What was heard cannot be trusted to be whole: the next stream begins anew."""
        self.seq = -1

    def take(self, frame: Frame) -> bool:
        """Fold one frame; whether a desk looks different now.

        Raises
        ------
        Gap
            If something was missed.
        DeskError
            If it is of another version of the stream.
        Unavailable
            If it makes no sense; another stream may do better.
        """
        match frame:
            case Welcome():
                self._welcome(frame)
                return False
            case Part():
                return self._part(frame)
            case Standings():
                self.ranks = frame
                return self.shown
        engine = self.engine
        if engine is None:
            raise Unavailable("the gateway told of the market before it told of the room; connect again")
        match frame:
            case Facts():
                for told in frame.records:
                    self._told(told, engine)
            case Market():
                self._market(frame, engine)
            case Own():
                if frame.seq >= self._money_seq:
                    engine.money, self._money_seq = frame.money, frame.seq
                    engine.stand(frame.orders)
        return self.shown

    def _welcome(self, frame: Welcome) -> None:
        if frame.protocol != PROTOCOL:
            raise DeskError(
                f"the gateway speaks version {frame.protocol} of the stream, this VTrade version {PROTOCOL}; "
                "install the same version of VTrade on both sides"
            )
        self.account, self.role = frame.account, frame.role
        if frame.resumed:
            self.trouble = ""
        else:
            self.seq = -1

    def _part(self, frame: Part) -> bool:
        if len(self._parts) >= PARTS_MAX:
            raise Unavailable("the gateway sends parts without end; connect again")
        self._parts.append(frame)
        if frame.number + 1 < frame.count:
            return False
        whole, self._parts = from_parts(self._parts), []
        if isinstance(whole, Snapshot):
            self._snapshot = whole
            return False
        if self._snapshot is None:
            raise Unavailable("the gateway sent candles before the room; connect again")
        self._begin(self._snapshot, whole)
        self._snapshot = None
        return self.shown

    def _begin(self, told: Snapshot, candles: CandleBlock) -> None:
        """Everything is as a snapshot says; the quotes of before stand until the market is told of."""
        self.head = head_of(told)
        views = RoomViews()
        views.blotter = BlotterMirror(told)
        views.portfolio = portfolio_of(told)
        views.progress = ProgressEngine.restore(told.progress)
        views.candles = CandlesMirror(candles, bars=self.head is not None and self.head.depth == "bars")
        for rows in candles.prints:
            views.prints.put(rows.k, rows.rows)
        views.news = list(told.news)
        views.sessions = list(told.sessions)
        views.tenders = {tender.tender: tender for tender in told.tenders}
        views.splits = dict(told.splits)
        self.engine = EngineMirror(self.account, told, views.blotter, self.pending, before=self.engine)
        self.views = views
        self.now_ns = told.now_ns
        self.seq = self.base = self._market_seq = self._money_seq = told.seq
        self.trouble = ""
        for record in views.blotter.of(self.account):
            self.pending.pop(record.client_order_id, None)

    def _told(self, told: Told, engine: EngineMirror) -> None:
        """The facts of a record, once."""
        if told.seq <= self.seq:
            return
        facts = list(told.facts)
        self.views.hear(facts)
        self.seq = told.seq
        self.now_ns = max(self.now_ns, told.ts_ns)
        engine.now = max(engine.now, told.ts_ns)
        if told.money is not None and told.seq >= self._money_seq:
            engine.money, self._money_seq = told.money, told.seq
        for fact in facts:
            if isinstance(fact, AccountOpened):
                engine.joined(fact.account)
            elif (name := getattr(fact, "client_order_id", None)) is not None:
                self.pending.pop(name, None)
        self.recent[told.seq] = facts
        if len(self.recent) > RECENT_MAX:
            self.recent.popitem(last=False)

    def _market(self, frame: Market, engine: EngineMirror) -> None:
        if frame.since > self._market_seq:
            raise Gap
        engine.see(frame)
        candles = self.views.candles
        assert isinstance(candles, CandlesMirror)
        for rows in frame.candles:
            candles.put(rows)
        for printed in frame.prints:
            self.views.prints.put(printed.k, printed.rows)
        self.seq, self._market_seq = max(self.seq, frame.seq), frame.seq
        self.now_ns = max(self.now_ns, frame.now_ns)
        self.playing, self.speed, self.ended = frame.playing, frame.speed, frame.ended
        self.trouble = frame.trouble
        self.shown = True
