"""What may the tutor see? The asking student's own desk, read-only, in whole units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vtrade.desk.order import find_record
from vtrade.domain.messages import OrderAccepted
from vtrade.domain.values import MICRO, from_micros
from vtrade.tutor.evidence import (
    AccountEvidence,
    FillEvidence,
    Headline,
    MarketEvidence,
    MissionEvidence,
    OrderEvidence,
    PositionEvidence,
    ProgressEvidence,
    RulesEvidence,
)  # fmt: skip

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.execution.blotter import Record

ORDERS_SHOWN = 50
LEVELS_SHOWN = 5


class DeskEvidence:
    """An ``EvidenceSource`` bound to one desk and its account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def order(self, order_id: str, /) -> OrderEvidence | None:
        """The order with this number or client order id."""
        with self._desk._room.lock:
            record = find_record(self._desk._room.blotter, self._desk.account, order_id)
            return self._order(record) if record is not None else None

    def orders(self) -> tuple[OrderEvidence, ...]:
        """Orders, newest first, at most ``ORDERS_SHOWN``."""
        with self._desk._room.lock:
            records = self._desk._room.blotter.of(self._desk.account)
            return tuple(self._order(record) for record in reversed(records[-ORDERS_SHOWN:]))

    def _order(self, r: Record) -> OrderEvidence:
        desk, i = self._desk, r.instrument
        story = desk._explain(r, alternatives=False)
        accepted = next((f for f in r.facts if isinstance(f, OrderAccepted)), None)

        def seen(ticks: int) -> float | None:
            return i.price(ticks) if i and ticks else None

        def size(ticks: int, lots: int) -> float | None:
            return i.quantity(lots) if i and ticks else None

        return OrderEvidence(
            order_id=str(r.order_id or r.client_order_id),
            client_order_id=r.client_order_id,
            time=desk._time(r.ts_ns),
            symbol=r.symbol,
            side=r.side.name.lower(),
            type=str(r.type),
            time_in_force=str(r.tif),
            quantity=r.quantity_units,
            status=str(r.status),
            filled=r.filled_units,
            limit_price=r.limit_price,
            stop_price=r.stop_price,
            avg_px=r.avg_px,
            reason=str(r.reason),
            reason_detail=r.detail,
            waiting=str(r.waiting),
            arrival_bid=seen(accepted.bid) if accepted else None,
            arrival_bid_size=size(accepted.bid, accepted.bid_size) if accepted else None,
            arrival_ask=seen(accepted.ask) if accepted else None,
            arrival_ask_size=size(accepted.ask, accepted.ask_size) if accepted else None,
            fills=tuple(
                FillEvidence(
                    time=desk._time(f.ts_ns), price=i.price(f.last_px), quantity=i.quantity(f.last_qty),
                    liquidity=str(f.liquidity), cause=f.cause, fee=from_micros(f.fee),
                )
                for f in r.fills
                if i
            ),
            queue_ahead=story.queue_ahead,
            costs=story.costs,
            slippage_bps=story.slippage_bps,
            explanation=tuple(story.lines),
            tick=from_micros(i.tick_size) if i else 0.0,
            decimals=i.price_decimals if i else 2,
            currency=i.currency if i else "USD",
        )  # fmt: skip

    def account(self) -> AccountEvidence:
        """The account as it is now."""
        desk = self._desk
        with desk._room.lock:
            view = desk._room.portfolio.account(desk.account)
            held = desk._room.portfolio.positions(desk.account)
            sectors = desk._room.portfolio.exposure(desk.account, by="sector")
            statistics = desk.statistics()
            account = desk._room.engine.accounts[desk.account]
        limits = account.limits
        return AccountEvidence(
            nav=from_micros(view.nav),
            cash=from_micros(view.cash),
            buying_power=desk.buying_power,
            account=desk.account,
            currency=view.currency,
            reserved=from_micros(account.reserved),
            pnl=from_micros(view.nav - view.deposits),
            realized_pnl=from_micros(view.realized_pnl),
            unrealized_pnl=from_micros(view.unrealized_pnl),
            fees=from_micros(view.fees),
            drawdown=view.drawdown,
            positions=tuple(
                PositionEvidence(
                    symbol=p.symbol, quantity=p.units, sector=p.sector, avg_entry_price=p.avg_entry_price,
                    last=p.mark_price, market_value=from_micros(p.market_value),
                    unrealized_pnl=from_micros(p.unrealized_pnl), realized_pnl=from_micros(p.realized_pnl),
                )
                for p in held
            ),
            exposure_by_sector={row.group: from_micros(row.net) for row in sectors},
            concentration_limit=limits.concentration_ppm / MICRO if limits.enabled else None,
            statistics={
                str(name).replace("_standard_error", "_se"): float(value) for name, value in statistics.items()
            },
        )  # fmt: skip

    def symbols(self) -> tuple[str, ...]:
        """Symbols that trade here."""
        return tuple(self._desk.symbols)

    def market(self, symbol: str, /) -> MarketEvidence | None:
        """What the market shows of one instrument."""
        desk = self._desk
        engine = desk._room.engine
        k = engine.index(symbol)
        if k is None:
            return None
        i = desk.instruments[k]
        with desk._room.lock:
            bid, bid_size, ask, ask_size = engine.touch(k)
            last = engine.last(k)
            levels = [engine.depth(k, side, LEVELS_SHOWN) for side in (1, -1)]
            status = engine.session(k)
            news = [n for n in desk._room.news if n.symbol in ("", symbol) and n.account in ("", desk.account)][-5:]
        bids, asks = (tuple((i.price(px), i.quantity(lots)) for px, lots in rows) for rows in levels)
        return MarketEvidence(
            symbol=symbol,
            time=desk.now,
            status=status,
            bid=i.price(bid) if bid else None,
            bid_size=i.quantity(bid_size) if bid else None,
            ask=i.price(ask) if ask else None,
            ask_size=i.quantity(ask_size) if ask else None,
            last=i.price(last) if last else None,
            bids=bids,
            asks=asks,
            headlines=tuple(Headline(time=desk._time(n.ts_ns), text=n.headline) for n in news),
            sector=i.sector,
            tick=from_micros(i.tick_size),
            decimals=i.price_decimals,
            currency=i.currency,
        )

    def progress(self) -> ProgressEvidence:
        """Level, XP, open missions, badges."""
        p = self._desk.progress
        return ProgressEvidence(
            level=p.level,
            xp=p.xp,
            next_level_xp=p.next_level_xp,
            badges=tuple(b.title for b in p.badges),
            missions=tuple(MissionEvidence(name=m.title, done=m.done, goal=m.goal) for m in p.missions),
        )

    def rules(self) -> RulesEvidence:
        """The limits that hold for this account."""
        limits = self._desk._room.engine.accounts[self._desk.account].limits
        if not limits.enabled:
            return RulesEvidence(allow_short=True)
        return RulesEvidence(
            concentration_limit=limits.concentration_ppm / MICRO,
            max_order_quantity=from_micros(limits.max_order_quantity),
            max_order_notional=from_micros(limits.max_order_notional) if limits.max_order_notional else None,
            max_working_orders=limits.max_working_orders,
            allow_short=limits.allow_short,
        )
