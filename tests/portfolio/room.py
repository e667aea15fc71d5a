"""A room for tests: hands out facts with the right ``seq`` and keeps a portfolio engine fed."""

from __future__ import annotations

from vtrade.domain.actions import ActionKind
from vtrade.domain.instruments import FeeSchedule, Instrument
from vtrade.domain.messages import (
    AccountOpened,
    ActionApplied,
    CashMoved,
    Fact,
    Fill,
    Marked,
    OrderAccepted,
    OrderCanceled,
    OrderReplaced,
    PositionAdjusted,
    RoomOpened,
)
from vtrade.domain.orders import Liquidity, OrderType, Reason, Side, TimeInForce
from vtrade.domain.values import MICRO, divide
from vtrade.portfolio import PortfolioEngine

S = 1_000_000_000
OPEN_NS = 34_200 * S
FEES = FeeSchedule.per_share("0.005")
ACME = Instrument.make("ACME", tick="0.01", sector="Tools", fees=FEES)
BOLT = Instrument.make("BOLT", tick="0.05", sector="Tools")
COIN = Instrument.make("COIN", tick="0.1", lot="0.001", sector="Money", asset_class="Crypto", calendar="24/7")
INDEX = Instrument.make("INDEX", tick="0.25", multiplier=50, sector="Index", asset_class="Future")
LISTED = (ACME, BOLT, COIN, INDEX)
SAP = Instrument.make("SAP", tick="0.01", currency="EUR", sector="Software")
SONY = Instrument.make("SONY", tick="0.5", currency="JPY", sector="Tools")
ABROAD = (ACME, COIN, SAP, SONY)


class Room:
    """Facts in order, and the engine that folds them."""

    def __init__(
        self,
        *accounts: str,
        cash: float = 100_000,
        engine: PortfolioEngine | None = None,
        listed: tuple[Instrument, ...] = LISTED,
        currencies: tuple[str, ...] = (),
    ) -> None:
        self.engine = engine or PortfolioEngine()
        self.facts: list[Fact] = []
        self.seq = 0
        self.ts_ns = OPEN_NS
        self.orders = 0
        self._fold(RoomOpened(self._next(), 0, "room", listed))
        for account, currency in zip(accounts, currencies or ("USD",) * len(accounts), strict=True):
            self.open(account, cash=cash, currency=currency)

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def open(self, account: str, *, cash: float = 100_000, currency: str = "USD") -> None:
        self._fold(AccountOpened(self._next(), self.ts_ns, account, round(cash * MICRO), currency))

    def instrument(self, symbol: str) -> Instrument:
        return next(i for i in self.engine.instruments if i.symbol == symbol)

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
        instrument = self.instrument(symbol)
        charged = instrument.fee(px, quantity) if fee is None else fee
        self._fold(
            Fill(
                self._next(), self.ts_ns, account, f"c{order_id}", order_id, symbol, side, px, quantity, charged,
                Liquidity.TAKER, leaves, "depth", px - 1, px, px, quantity,
            )
        )  # fmt: skip
        return order_id

    def mark(self, **ticks: int) -> None:
        symbols = [instrument.symbol for instrument in self.engine.instruments]
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

    # --- what is no fill -----------------------------------------------------------------------------------------

    def cash(
        self, account: str, amount: int, cause: str, *, symbol: str = "", currency: str = "USD", detail: str = ""
    ) -> None:
        self._fold(CashMoved(self._next(), self.ts_ns, account, currency, amount, cause, symbol, detail))

    def action(
        self, symbol: str, kind: ActionKind, *, of: int = 1, per: int = 1, amount: int = 0, new_symbol: str = ""
    ) -> None:
        self._fold(ActionApplied(self._next(), self.ts_ns, symbol, kind, of, per, amount, new_symbol))

    def adjust(self, account: str, symbol: str, after: int, cause: str) -> None:
        self._fold(
            PositionAdjusted(self._next(), self.ts_ns, account, symbol, self.lots(account, symbol), after, cause)
        )

    def rate(self, currency: str, micros: int) -> None:
        self.action(currency, ActionKind.RATE, amount=micros)

    def lots(self, account: str, symbol: str) -> int:
        return sum(view.quantity for view in self.engine.positions(account) if view.symbol == symbol)

    def split(self, symbol: str, of: int, per: int, px: int) -> None:
        """``of`` new units for ``per`` old ones, cash for what is no whole lot, and the first price after it."""
        self.action(symbol, ActionKind.SPLIT, of=of, per=per)
        instrument = self.instrument(symbol)
        for account in self.engine.accounts:
            lots = self.lots(account, symbol)
            side = 1 if lots > 0 else -1
            whole, rest = divmod(abs(lots) * of, per)
            if lots:
                self.adjust(account, symbol, side * whole, "split")
            if rest:
                paid = side * divide(rest * px * instrument.tick_value, per)
                self.cash(account, paid, "cash_in_lieu", symbol=symbol, currency=instrument.currency)
        self.mark(**{symbol: px})

    def tender(self, account: str, symbol: str, lots: int, px: int) -> None:
        instrument = self.instrument(symbol)
        self.adjust(account, symbol, self.lots(account, symbol) + lots, "tender")
        paid = -lots * px * instrument.tick_value
        self.cash(account, paid, "tender", symbol=symbol, currency=instrument.currency)

    def delist(self, symbol: str, unit: int) -> None:
        """Everybody gets ``unit`` micro-units for each unit."""
        instrument = self.instrument(symbol)
        self.action(symbol, ActionKind.DELISTING, amount=unit)
        for account in self.engine.accounts:
            lots = self.lots(account, symbol)
            if lots:
                self.adjust(account, symbol, 0, "delisting")
                paid = divide(lots * instrument.lot_size * instrument.multiplier * unit, MICRO)
                self.cash(account, paid, "delisting", symbol=symbol, currency=instrument.currency)

    def convert(self, account: str, sold: int, sell: str, bought: int, buy: str) -> None:
        self.cash(account, -sold, "fx", currency=sell)
        self.cash(account, bought, "fx", currency=buy)
