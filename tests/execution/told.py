"""Facts about one order, made by hand."""

from __future__ import annotations

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.messages import (
    AccountOpened,
    ActionApplied,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderDenied,
    OrderReplaced,
    OrderSubmitted,
    OrderTerms,
    RoomOpened,
)  # fmt: skip
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.explain import Explanation, explain
from vtrade.portfolio.engine import PortfolioEngine

ACME = Instrument.make("ACME", fees=FeeSchedule.per_share("0.005"))
COIN = Instrument.make("COIN", tick="0.1", lot="0.001", asset_class="Crypto", calendar="24/7")
INDEX = Instrument.make("INDEX", tick="0.25", multiplier=50, asset_class="Future")
LISTED = {i.symbol: i for i in (ACME, COIN, INDEX)}
BUY, SELL, MAKER, TAKER = Side.BUY, Side.SELL, Liquidity.MAKER, Liquidity.TAKER
MS = 1_000_000


class Told:
    """Facts about one order, in order, and the record and the portfolio they make."""

    def __init__(self, instrument: Instrument = ACME) -> None:
        self.instrument, self.side, self.quantity, self.filled, self.seq = instrument, BUY, 0, 0, 2
        self.facts: list[Fact] = [
            RoomOpened(1, 0, "room", tuple(LISTED.values())), AccountOpened(2, 0, "ana", 10**15, "USD")
        ]  # fmt: skip

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _head(self, ts: int) -> tuple[int, int, str, str, int, str]:
        return self._next(), ts, "ana", "c1", 7, self.instrument.symbol

    def sent(
        self, side: Side, quantity: int, *, ts: int, due: int, decision: int = 0, type_: OrderType = OrderType.MARKET,
        limit: int | None = None,
    ) -> Told:  # fmt: skip
        """Sent while twice the mid was ``decision``."""
        self.side, self.quantity = side, quantity
        touch = decision // 2, decision - decision // 2
        self.facts.append(
            OrderSubmitted(*self._head(ts), side, quantity, due, type_, limit, None, TimeInForce.DAY, *touch)
        )
        return self

    def accepted(
        self, side: Side, quantity: int, bid: int, ask: int, *, ts: int = 100, type_: OrderType = OrderType.MARKET,
        limit: int | None = None, stop: int | None = None, ahead: int = -1, waiting: Reason = Reason.NONE,
        tif: TimeInForce = TimeInForce.DAY, sizes: tuple[int, int] = (50, 60), **terms: object,
    ) -> Told:  # fmt: skip
        self.side, self.quantity = side, quantity
        self.facts.append(
            OrderAccepted(
                *self._head(ts), side, type_, quantity, limit, stop, tif, bid, sizes[0] if bid else 0, ask,
                sizes[1] if ask else 0, ahead, waiting, OrderTerms(**terms) if terms else None,  # type: ignore[arg-type]
            )
        )  # fmt: skip
        return self

    def fill(
        self, px: int, quantity: int, liquidity: Liquidity = TAKER, *, ts: int = 100, bid: int = 0, ask: int = 0,
        cause: str = "depth", shown: int = 0, contra: int = 0, level: int = 0, impact: int = 0, fee: int | None = None,
    ) -> Told:  # fmt: skip
        self.filled += quantity
        charged = self.instrument.fee(px, quantity) if fee is None else fee
        self.facts.append(
            Fill(
                *self._head(ts), self.side, px, quantity, charged, liquidity, self.quantity - self.filled, cause, bid,
                ask, level or px - int(self.side) * impact, shown or quantity, contra, impact,
            )
        )  # fmt: skip
        return self

    def add(self, kind: type, *rest: object, ts: int = 100) -> Told:
        self.facts.append(kind(*self._head(ts), *rest))
        return self

    def about(self, kind: type, *rest: object, ts: int) -> Told:
        """A fact about the instrument, or the room."""
        self.facts.append(kind(self._next(), ts, self.instrument.symbol, *rest))
        return self

    def split(self, numerator: int, denominator: int, *, ts: int, limit: int | None = None) -> Told:
        """A split, and the change of the order that follows it."""
        self.about(ActionApplied, ActionKind.SPLIT, numerator, denominator, 0, "", ts=ts)
        self.quantity = self.quantity * numerator // denominator
        self.filled = self.filled * numerator // denominator
        left = self.quantity - self.filled
        return self.add(
            OrderReplaced, self.quantity, limit, None, left, False, -1, Reason.WAITING_IN_QUEUE,
            Reason.CORPORATE_ACTION, ts=ts,
        )  # fmt: skip

    def mark(self, px: int) -> Told:
        self.facts.append(Marked(self._next(), 0, ((list(LISTED).index(self.instrument.symbol), px),)))
        return self

    def denied(self, symbol: str, reason: Reason, detail: str, **over: object) -> Told:
        values: dict[str, object] = {
            "seq": self._next(), "ts_ns": 5, "account": "ana", "client_order_id": "c1", "symbol": symbol, "side": SELL,
            "type": OrderType.MARKET, "quantity": 1_500_000, "limit_price": None, "stop_price": None,
            "time_in_force": TimeInForce.GTC, "reason": reason, "detail": detail, **over,
        }  # fmt: skip
        self.facts.append(OrderDenied(**values))  # type: ignore[arg-type]
        return self

    @property
    def blotter(self) -> Blotter:
        blotter = Blotter()
        blotter.apply(self.facts)
        return blotter

    @property
    def record(self) -> Record:
        found = self.blotter.find("ana", "c1")
        assert found is not None
        return found

    @property
    def account_slippage(self) -> float:
        engine = PortfolioEngine()
        engine.apply_all(self.facts)
        return engine.account("ana").slippage_bps

    def story(self, **options: object) -> Explanation:
        return explain(self.record, **options)  # type: ignore[arg-type]

    def lines(self) -> list[str]:
        return self.story().lines
