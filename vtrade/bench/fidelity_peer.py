"""How well do hftbacktest's queue models tell when a real order would have been filled?

Rules: this file is a script of its own: it needs numpy and hftbacktest, and nothing of VTrade, so that the peer may
live in an environment apart. ``python fidelity_peer.py COPIES.npz ANSWER.npz`` reads what ``fidelity_makers`` wrote,
sends each order into the market without it, and writes for each model the row at which it was filled, -1 where it was
not. The peer gets the very rows that VTrade's engine gets, one thousand nanoseconds apart, without latency: what is
compared are the queue models, and how an exchange fills. It is the real program, not its formulas.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LEVEL: Final = 5
TRADE: Final = 7
"""Kinds of row, as in ``vtrade.market.dtype``."""
STEP_NS: Final = 1_000
LESS: Final = 0.5
"""Lots by which an order is smaller here: the peer's exchange with partial fills stops with an error where a print
fills exactly what was left. Whole lots trade, so nothing else changes."""
STOPPED: Final = -2
POWER: Final = 3.0
"""Exponent of the power models, the one in the peer's own examples."""

MODELS: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "risk averse": ("risk_adverse_queue_model", ()),
    "log": ("log_prob_queue_model", ()),
    "log 2": ("log_prob_queue_model2", ()),
    "power": ("power_prob_queue_model", (POWER,)),
    "power 2": ("power_prob_queue_model2", (POWER,)),
    "power 3": ("power_prob_queue_model3", (POWER,)),
}
"""The exchange is the one with partial fills: the other one fills a whole order with the first lot that reaches it."""


def market_without(
    kind: NDArray[Any], side: NDArray[Any], price: Ints, quantity: Ints, at: Ints, by: Ints, level: Ints
) -> Ints:
    """Quantities of a feed's rows once some orders, no two of which lived at a time, are taken out of its levels.

    Parameters
    ----------
    kind, side, price, quantity : (n,)
        The rows.
    at : (m,) int64
        Rows from which on the taken order has ``by`` lots more.
    by : (m,) int64
        Lots; each order's add up to 0.
    level : (m,) int64
        Where it stands: twice the price, plus 1 for a bid.

    Returns
    -------
    (n,) int64

    Examples
    --------
    An order of 30 lots joined 100 and left again:

    >>> kind, side, price = np.full(3, LEVEL), np.full(3, 1), np.full(3, 50)
    >>> market_without(kind, side, price, np.array([130, 90, 60]), np.array([0, 2]), np.array([30, -30]),
    ...                np.array([101, 101])).tolist()
    [100, 60, 60]
    """
    change = np.zeros(len(kind), np.int64)
    np.add.at(change, at, by)
    where, latest = np.zeros(len(kind), np.int64), np.zeros(len(kind), np.int64)
    where[at], latest[at] = level, at
    stands = where[np.maximum.accumulate(latest)]
    mine = (kind == LEVEL) & (2 * price + (side > 0) == stands)
    return np.where(mine, np.maximum(quantity - np.cumsum(change), 0), quantity)


def _strategy() -> Any:
    njit: Any = importlib.import_module("numba").njit

    def send(market: Any, when: Ints, what: Ints, ident: Ints, price: Any, quantity: Any, filled: Ints) -> None:
        market.wait_next_feed(False, STEP_NS)  # before the first row its clock does not stand at any time
        for i in range(len(when)):
            if market.elapse(when[i] - market.current_timestamp) > 1:
                filled[:] = STOPPED
                return
            order = ident[i]
            if what[i] == 0:
                known = market.orders(0).get(order)
                if known is not None:
                    if known.status == 3:
                        filled[order] = known.exch_timestamp
                    elif known.cancellable:
                        market.cancel(0, order, False)
            elif what[i] > 0:
                market.submit_buy_order(0, order, price[i], quantity[i], 0, 0, False)
            else:
                market.submit_sell_order(0, order, price[i], quantity[i], 0, 0, False)

    return njit(send)


def fills(data: dict[str, Any]) -> dict[str, Ints]:
    """Row at which each order is filled in full, -1 where it is not; by model, without those that stop with an error.

    Parameters
    ----------
    data : dict
        ``kind``, ``side``, ``price``, ``quantity`` of the rows; ``start``, ``stop`` (rows), ``buy`` (1 or -1),
        ``limit`` and ``lots`` of the orders, in the order of ``start``, and in which ``wave`` each is sent; ``at``,
        ``by`` and ``of`` (order) of what the market without them lacks.
    """
    hft: Any = importlib.import_module("hftbacktest")
    send = _strategy()
    count = len(data["start"])
    found = {name: np.full(count, -1, np.int64) for name in MODELS}
    stopped: set[str] = set()
    level = 2 * data["limit"] + (data["buy"] > 0)
    kind, side, price = data["kind"], data["side"], data["price"]
    told = ((kind == LEVEL) | (kind == TRADE)) & (side != 0)
    rows = np.zeros(int(told.sum()), hft.binding.event_dtype)
    sort = np.where(kind == LEVEL, hft.DEPTH_EVENT, hft.TRADE_EVENT) | np.where(side > 0, hft.BUY_EVENT, hft.SELL_EVENT)
    rows["ev"] = sort[told].astype(np.uint64) | np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    rows["exch_ts"] = rows["local_ts"] = (np.flatnonzero(told) + 1) * STEP_NS
    rows["px"] = price[told]
    low, high = float(rows["px"].min() - 100), float(rows["px"].max() + 100)
    for wave in range(int(data["wave"].max(initial=-1)) + 1):
        mine = np.flatnonzero(data["wave"] == wave)
        changes = data["wave"][data["of"]] == wave
        of = data["of"][changes]
        rows["qty"] = market_without(
            kind, side, price, data["quantity"], data["at"][changes], data["by"][changes], level[of]
        )[told]
        pairs = np.repeat(mine, 2)
        what, when = data["buy"][pairs], data["start"][pairs] * STEP_NS + STEP_NS // 2
        what[1::2], when[1::2] = 0, data["stop"][mine] * STEP_NS + STEP_NS // 2
        orders = (when, what, pairs, data["limit"][pairs].astype(float), data["lots"][pairs] - LESS)
        for name, (model, arguments) in MODELS.items():
            asset = hft.BacktestAsset().data(rows).linear_asset(1.0).constant_order_latency(0, 0)
            asset = getattr(asset, model)(*arguments).partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
            asset = asset.tick_size(1.0).lot_size(1.0).last_trades_capacity(0).roi_lb(low).roi_ub(high)
            market = hft.ROIVectorMarketDepthBacktest([asset])
            done = np.full(count, -1, np.int64)
            send(market, *orders, done)
            market.close()
            if (done == STOPPED).any():
                stopped.add(name)
            found[name][mine] = np.where(done[mine] >= 0, done[mine] // STEP_NS - 1, -1)
    return {name: rows for name, rows in found.items() if name not in stopped}


if __name__ == "__main__":
    with np.load(Path(sys.argv[1])) as file:
        asked = {name: file[name] for name in file.files}
    answers: dict[str, Any] = fills(asked)
    np.savez(Path(sys.argv[2]), **answers)
    print(f"{len(answers)} models")  # noqa: T201
