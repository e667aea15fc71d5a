"""What does an order do if it is tried now? The numbers of a preview, from a throw-away copy of the engine.

Rules: the engine that is asked is left as it is. The copy runs the engine's own code (`vtrade.execution.rehearsal`):
its checks, its matching, its fees and its split of the costs; nothing of them stands here a second time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.instruments import Instrument
from vtrade.domain.messages import (
    Fact,
    Fill,
    Marked,
    OrderCanceled,
    OrderDenied,
    OrderRejected,
    OrderReplaced,
    ReplaceOrder,
    ReplaceRejected,
    RoomOpened,
    SubmitOrder,
)  # fmt: skip
from vtrade.domain.orders import Liquidity, OrderType, Reason, Status, TimeInForce
from vtrade.domain.values import MICRO, NS_PER_S, from_micros
from vtrade.execution import explain_costs, margin
from vtrade.execution import layout as at
from vtrade.execution.blotter import Blotter, Record
from vtrade.execution.engine import Engine
from vtrade.execution.faults import field_of
from vtrade.execution.preview import Most, Preview, Step
from vtrade.execution.rehearsal import Asked, rehearse, working
from vtrade.execution.risk import Account
from vtrade.execution.working import Working
from vtrade.market.dtype import MAX_QUANTITY_LOTS

WALK_MAX: Final = 50
"""Price levels of a walk that are told one by one; those beyond are one row."""
AHEAD: Final = 2
"""Levels that are told beyond the last one taken."""

_MAKES: Final = (Reason.WAITING_IN_QUEUE, Reason.WAITING_FOR_PRICE)


def foresee(engine: Engine, messages: Sequence[Asked], *, most: bool = False) -> list[Preview]:
    """What these messages would do, one after the other.

    Parameters
    ----------
    engine : Engine
        Left as it is.
    messages : sequence of SubmitOrder or ReplaceOrder
        Of one account that is open: an order, or an entry with its ways out.
    most : bool
        Whether to find out how much could be asked for; for the first message, and slower.

    Returns
    -------
    list of Preview
        One a message. Money and positions afterwards are those after all of them.

    Examples
    --------
    >>> from vtrade.domain.instruments import Instrument
    >>> from vtrade.domain.messages import OpenAccount, OpenRoom
    >>> from vtrade.domain.orders import Side
    >>> engine = Engine()
    >>> _ = engine.process(OpenRoom(0, "demo", (Instrument.make("ACME"),)))
    >>> _ = engine.process(OpenAccount(0, "ana", 10**9))
    >>> order = SubmitOrder(0, "ana", "a", "ACME", Side.BUY, OrderType.LIMIT, 5_000_000, 10_000_000)
    >>> [preview] = foresee(engine, [order])
    >>> preview.status, preview.leaves, preview.power_after
    ('ACCEPTED', 5.0, 950.0)
    """
    if not messages:
        return []
    account = messages[0].account
    double, told = rehearse(engine, messages, account=account)
    found = [_preview(engine, double, message, facts) for message, facts in zip(messages, told, strict=True)]
    first = messages[0]
    if most and isinstance(first, SubmitOrder):
        found[0] = msgspec.structs.replace(found[0], most=most_of(engine, first))
    return found


# --- one message -----------------------------------------------------------------------------------------------------


class _About(NamedTuple):
    """What a message is about: whole units, and the instrument's number where there is one."""

    k: int | None
    symbol: str
    side: int
    type: OrderType
    tif: TimeInForce
    quantity: float
    limit_price: float | None
    stop_price: float | None


def _about(engine: Engine, m: Asked) -> _About | None:
    """``None`` where a replace names no working order."""
    if isinstance(m, SubmitOrder):
        return _About(
            engine.index(m.symbol), m.symbol, int(m.side), m.type, m.time_in_force, from_micros(m.quantity),
            _units(m.limit_price), _units(m.stop_price),
        )  # fmt: skip
    order = working(engine, m)
    if order is None:
        return None
    i = engine.instruments[order.k]
    limit = None if order.limit is None else i.price(order.limit)
    stop = None if order.stop is None else i.price(order.stop)
    return _About(
        order.k, i.symbol, int(order.side), order.type, order.tif,
        i.quantity(order.quantity) if m.quantity is None else from_micros(m.quantity),
        limit if m.limit_price is None else from_micros(m.limit_price),
        stop if m.stop_price is None else from_micros(m.stop_price),
    )  # fmt: skip


def _units(micros: int | None) -> float | None:
    return None if micros is None else from_micros(micros)


def _preview(engine: Engine, double: Engine, m: Asked, facts: list[Fact]) -> Preview:
    mine = [f for f in facts if getattr(f, "client_order_id", "") == m.client_order_id]
    about = _about(engine, m)
    told: dict[str, Any] = {"change": isinstance(m, ReplaceOrder), **_money(engine, double, m.account, about)}
    if about is not None:
        told |= {
            "symbol": about.symbol, "side": "buy" if about.side > 0 else "sell", "type": str(about.type),
            "time_in_force": str(about.tif), "quantity": about.quantity, "limit_price": about.limit_price,
            "stop_price": about.stop_price,
        }  # fmt: skip
    k = about.k if about is not None else None
    i = engine.instruments[k] if k is not None else None
    if about is not None and i is not None and k is not None:
        told |= _market(engine, double, k, about.side)
    no = next((f for f in mine if isinstance(f, OrderDenied | OrderRejected | ReplaceRejected)), None)
    if no is not None:
        reference = engine._reference(k, about.side) if about is not None and k is not None else 0
        told |= {
            "status": str(Status.REJECTED if isinstance(no, OrderRejected) else Status.DENIED),
            "reason": str(no.reason), "detail": no.detail,
            "field": field_of(m, no.reason, instrument=i, reference=reference, now=engine.now),
        }  # fmt: skip
    elif about is not None and k is not None:
        told |= _outcome(engine, double, m, mine, about, k)
    return Preview(**told)


def _outcome(engine: Engine, double: Engine, m: Asked, mine: list[Fact], about: _About, k: int) -> dict[str, Any]:
    """What an order that was taken does: fills, what is left, and where."""
    i = engine.instruments[k]
    fills = [f for f in mine if isinstance(f, Fill)]
    lots = sum(f.last_qty for f in fills)
    told: dict[str, Any] = {"filled": i.quantity(lots), "fees": from_micros(sum(f.fee for f in fills))}
    if lots:
        taken = sum(f.last_qty for f in fills if f.liquidity == Liquidity.TAKER)
        told |= {
            "avg_px": sum(f.last_px * f.last_qty for f in fills) * i.tick_size / lots / MICRO,
            "worst_px": i.price(fills[-1].last_px), "taker": i.quantity(taken), "maker": i.quantity(lots - taken),
            "levels": _walk(engine, k, about.side, fills),
        }  # fmt: skip
    if isinstance(m, SubmitOrder):
        record = _record(engine, i, mine, k)
        costs = {name: from_micros(value) for name, value in explain_costs.costs(record).items()}
        told |= {"costs": costs, "slippage_bps": explain_costs.slippage_bps(record)}
    account = double.accounts[m.account]
    now = account.ids[m.client_order_id]
    end = next((f for f in mine if isinstance(f, OrderCanceled)), None)
    if not isinstance(now, Working):
        field = field_of(m, end.reason, instrument=i) if end is not None and not lots else ""
        ended = {"reason": str(end.reason), "detail": end.detail, "field": field} if end is not None else {}
        return told | {"status": str(now), **ended}
    return told | {"status": str(now.status), **_rest(double, now, mine)}


def _rest(double: Engine, order: Working, mine: list[Fact]) -> dict[str, Any]:
    """Where the rest stands, and an estimate of what it would pay."""
    i = double.instruments[order.k]
    row = double._book.own[order.slot]
    why = double.waiting(order.order_id)
    makes = why in _MAKES and order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    stop = double.stop_price(order.order_id)
    px = order.limit or stop or double._reference(order.k, order.side)
    lots = int(row[at.O_LEAVES]) or order.leaves
    ahead = double.queue_ahead(order.order_id)
    replaced = next((f for f in mine if isinstance(f, OrderReplaced)), None)
    told: dict[str, Any] = {
        "leaves": i.quantity(order.leaves), "waiting": str(why), "wakes_at": i.price(stop) if stop else None,
        "queue_ahead": None if ahead is None else i.quantity(ahead),
        "keeps_place": replaced is not None and replaced.kept_priority,
    }  # fmt: skip
    if px:
        taker = at.MAKES if makes else at.TAKES
        fee = _plain_money().fee_of(double._book, order.slot, np.int64(px), np.int64(lots), taker)
        told |= {"rest_price": i.price(px), "rest_fees": from_micros(int(fee))}
    return told


@lru_cache(maxsize=1)
def _plain_money() -> SimpleNamespace:
    """What fills cost, as plain Python: the kernel's own source, called for one fee at a time."""
    from vtrade.execution import kernel
    from vtrade.execution.compiling import interpreted

    return interpreted(kernel.MODULES[: kernel.MODULES.index(kernel.money) + 1])


def _record(engine: Engine, i: Instrument, mine: list[Fact], k: int) -> Record:
    """The order as a blotter would tell it."""
    blotter = Blotter()
    mark = engine.marks[k]
    blotter.apply([RoomOpened(0, 0, "", (i,), "", ""), *([Marked(0, 0, ((0, mark),))] if mark else ()), *mine])
    return next(iter(blotter.records.values()))


# --- the book and the money ------------------------------------------------------------------------------------------


def _market(engine: Engine, double: Engine, k: int, side: int) -> dict[str, Any]:
    i, rules = engine.instruments[k], engine.rules
    way = rules.latency
    before, after = _mid(engine, k), _mid(double, k)
    drift = float(double._book.drift[k] - engine._book.drift[k]) * side
    told: dict[str, Any] = {
        "currency": i.currency, "decimals": i.price_decimals, "hides": rules.hidden_ppm > 0 or len(engine.accounts) > 1,
        "way_s": (way.feed_ns + max((way.entry_ns + way.jitter_ns, *way.recorded))) / NS_PER_S,
        "mid": i.price(before) if before else None, "mid_after": i.price(after) if after else None,
        "lasting_ticks": max(0.0, drift),
    }  # fmt: skip
    if before and after and engine._book.inst[k, at.BAR_NO] == 0:
        told["moved_bps"] = side * (after - before) / before * 1e4
    return told


def _mid(engine: Engine, k: int) -> float:
    """The mid in ticks, else the mark; 0 before either."""
    bid, _, ask, _ = engine.touch(k)
    return (bid + ask) / 2 if bid and ask else float(engine.marks[k])


def _walk(engine: Engine, k: int, side: int, fills: Sequence[Fill]) -> tuple[Step, ...]:
    """The levels that fills went through, and a little beyond."""
    i = engine.instruments[k]
    taken: dict[tuple[int, bool], list[int]] = {}  # level, beyond -> lots, ticks x lots
    for f in fills:
        at_level = taken.setdefault((f.evidence_px or f.last_px, f.cause == "beyond"), [0, 0])
        at_level[0] += f.last_qty
        at_level[1] += f.last_px * f.last_qty
    shown = dict(engine.depth(k, -side, WALK_MAX + AHEAD))
    ahead = [px for px in shown if (px, False) not in taken][:AHEAD]
    last = max((px * side for px, _ in taken), default=0)
    steps, lots, money = [], 0, 0
    for (px, beyond), (take, paid) in sorted(taken.items(), key=lambda t: (t[0][1], side * t[0][0])):
        lots, money = lots + take, money + paid
        steps.append(
            Step(
                paid * i.tick_size / take / MICRO, 0.0 if beyond else i.quantity(max(shown.get(px, 0), take)),
                i.quantity(take), i.quantity(lots), money * i.tick_size / lots / MICRO, beyond,
            )
        )  # fmt: skip
    if len(steps) > WALK_MAX:
        many = steps[WALK_MAX - 1 :]
        units = sum(step.take for step in many)
        price = sum(step.price * step.take for step in many) / units
        steps = [*steps[: WALK_MAX - 1], Step(price, 0.0, units, many[-1].cumulative, many[-1].average, True)]
    elif not steps[-1].beyond:
        total = i.quantity(lots)
        steps += [Step(i.price(px), i.quantity(shown[px]), 0.0, total) for px in ahead if px * side > last]
    return tuple(steps)


def _money(engine: Engine, double: Engine, name: str, about: _About | None) -> dict[str, Any]:
    then, now = engine.accounts[name], double.accounts[name]
    k = about.k if about is not None else None
    told: dict[str, Any] = {
        "money": then.currency, "cash": from_micros(then.cash), "cash_after": from_micros(now.cash),
        "power": from_micros(engine.buying_power(name)), "power_after": from_micros(double.buying_power(name)),
    }  # fmt: skip
    if k is not None:
        i = engine.instruments[k]
        told |= {"position": i.quantity(then.positions[k]), "position_after": i.quantity(now.positions[k])}
    if then.limits.enabled and then.limits.on_margin:
        told |= {"margin": _used(engine, then), "margin_after": _used(double, now)}
    return told


def _used(engine: Engine, account: Account) -> float | None:
    """What positions must keep, as a share of equity; ``None`` where there is no equity left."""
    equity, required = margin.standing(engine, account)
    return required / equity if equity > 0 else None


# --- how much --------------------------------------------------------------------------------------------------------


def most_of(engine: Engine, order: SubmitOrder) -> Most:
    """The largest quantity of an order that would not be denied, and what buying power alone would allow."""
    k = engine.index(order.symbol)
    account = engine.accounts[order.account]
    if k is None:
        return Most(0.0, 0.0, _why_not(engine, order, None))
    i = engine.instruments[k]
    own = account.limits
    money_only = msgspec.structs.replace(
        own, concentration_ppm=MICRO, max_order_notional=0, max_order_quantity=max(own.max_order_quantity, 2**60)
    )
    found, detail = [], ""
    for limits in (own, money_only):

        def denied(lots: int, limits: RiskLimits = limits) -> str:
            return _why_not(engine, msgspec.structs.replace(order, quantity=lots * i.lot_size), limits)

        low, high = 0, 1
        while high <= MAX_QUANTITY_LOTS and not denied(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if denied(middle) else (middle, high)
        found.append(i.quantity(low))
        detail = detail or denied(low + 1)
    return Most(found[0], found[1], detail)


def _why_not(engine: Engine, order: SubmitOrder, limits: RiskLimits | None) -> str:
    _, [told] = rehearse(engine, [order], account=order.account, limits=limits)
    return next((f.detail for f in told if isinstance(f, OrderDenied)), "")
