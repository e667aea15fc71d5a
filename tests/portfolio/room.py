"""A room for tests: hands out facts with the right ``seq`` and keeps a portfolio engine fed."""

from __future__ import annotations

from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.messages import (
    AccountOpened,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderReplaced,
    RoomOpened,
)
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.domain.values import MICRO
from vtrade.portfolio import PortfolioEngine

S = 1_000_000_000
OPEN_NS = 34_200 * S
FEES = FeeSchedule.per_share("0.005")
ACME = Instrument.make("ACME", tick="0.01", sector="Tools", fees=FEES)
BOLT = Instrument.make("BOLT", tick="0.05", sector="Tools")
COIN = Instrument.make("COIN", tick="0.1", lot="0.001", sector="Money", asset_class="Crypto", calendar="24/7")
INDEX = Instrument.make("INDEX", tick="0.25", multiplier=50, sector="Index", asset_class="Future")
LISTED = (ACME, BOLT, COIN, INDEX)


class Room:
    """Facts in order, and the engine that folds them."""

    def __init__(self, *accounts: str, cash: float = 100_000, engine: PortfolioEngine | None = None) -> None:
        self.engine = engine or PortfolioEngine()
        self.facts: list[Fact] = []
        self.seq = 0
        self.ts_ns = OPEN_NS
        self.orders = 0
        self._fold(RoomOpened(self._next(), 0, "room", LISTED))
        for account in accounts:
            self._fold(AccountOpened(self._next(), self.ts_ns, account, round(cash * MICRO), "USD"))

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def _fold(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.engine.apply(fact)

    def wait(self, seconds: float) -> None:
        self.ts_ns += round(seconds * S)

    def accept(self, account: str, symbol: str, side: Side, quantity: int, *, bid: int = 0, ask: int = 0) -> int:
        self.orders += 1
        self._fold(
            OrderAccepted(
                self._next(), self.ts_ns, account, f"c{self.orders}", self.orders, symbol, side, OrderType.MARKET,
                quantity, None, None, TimeInForce.DAY, bid, 100 if bid else 0, ask, 100 if ask else 0, -1, Reason.NONE,
            )
        )  # fmt: skip
        return self.orders

    def fill(
        self,
        account: str,
        symbol: str,
        lots: int,
        px: int,
        *,
        fee: int | None = None,
        order_id: int | None = None,
        leaves: int = 0,
    ) -> int:
        """``lots`` is signed; without ``order_id`` an order without a touch is accepted first."""
        side, quantity = (Side.BUY, lots) if lots > 0 else (Side.SELL, -lots)
        if order_id is None:
            order_id = self.accept(account, symbol, side, quantity + leaves)
        instrument = next(i for i in LISTED if i.symbol == symbol)
        charged = instrument.fee(px, quantity) if fee is None else fee
        self._fold(
            Fill(
                self._next(), self.ts_ns, account, f"c{order_id}", order_id, symbol, side, px, quantity, charged,
                Liquidity.TAKER, leaves, "depth", px - 1, px, px, quantity,
            )
        )  # fmt: skip
        return order_id

    def mark(self, **ticks: int) -> None:
        symbols = [instrument.symbol for instrument in LISTED]
        self._fold(Marked(self._next(), self.ts_ns, tuple((symbols.index(s), px) for s, px in ticks.items())))

    def cancel(self, account: str, symbol: str, order_id: int, leaves: int) -> None:
        self._fold(
            OrderCanceled(
                self._next(), self.ts_ns, account, f"c{order_id}", order_id, symbol, leaves, Reason.CANCELED_BY_USER, ""
            )
        )

    def replace(self, account: str, symbol: str, order_id: int, quantity: int, leaves: int) -> None:
        self._fold(
            OrderReplaced(
                self._next(), self.ts_ns, account, f"c{order_id}", order_id, symbol, quantity, None, None, leaves,
                True, 0, Reason.WAITING_IN_QUEUE,
            )
        )  # fmt: skip
