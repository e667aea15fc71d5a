"""Do a million random orders through every fill model keep what must never break?

Rules: one seed for each model gives the feed and the orders, in bulk; the compiled kernel takes both, and what it
told is judged by whole columns: nothing is filled beyond its quantity or its limit, no lot of the feed is used twice,
a print and a bar give what they have, price and time decide, money and shares come out to the micro-unit, and every
fill names a row that justifies it. A failure names the model and the seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from vtrade.execution import kernel
from vtrade.execution import layout as at
from vtrade.market.dtype import EVENT, FLAG_IOC, FLAG_MARKET, FLAG_PEGGED, Kind

ORDERS = 1_000_000 if os.environ.get("NUMBA_DISABLE_JIT", "0") == "0" else 4_000
"""Uncompiled, the same tests run with fewer."""
ACCOUNTS, MID, TICKS, TICK_VALUE = 8, 1_000, 12, 10_000
MAKER_PPM, TAKER_PPM = -20, 30
I8 = np.int64


class Model(NamedTuple):
    """A way to fill: the feed, and the room's rules."""

    name: str
    feed: str
    weight: int
    queue: int = at.RISK_AVERSE
    hidden_ppm: int = 0
    beyond: int = at.BEYOND_RESTS
    impact_ppm: int = 0
    resilience_ns: int = 0
    passive: bool = True
    """Whether limit orders may rest; where they do, nobody gets beyond the book."""


MODELS = (
    Model("l1", "l1", 3),
    Model("l2 risk averse", "l2", 3),
    Model("l2 power", "l2", 2, queue=at.POWER),
    Model("l2 log", "l2", 2, queue=at.LOG),
    Model("l2 inferred", "l2", 1, queue=at.INFERRED),
    Model("l3", "l3", 3),
    Model("bars", "bars", 2),
    Model("agents", "agents", 3),
    Model("l2 hidden", "l2", 2, hidden_ppm=500_000),
    Model("l2 beyond", "l2", 2, beyond=at.BEYOND_ROOT, hidden_ppm=200_000, passive=False),
    Model("l2 impact", "l2", 2, impact_ppm=500_000),
    Model("l3 everything", "l3", 2, hidden_ppm=300_000, beyond=at.BEYOND_ROOT, impact_ppm=300_000, resilience_ns=5_000),
    Model("l1 beyond canceled", "l1", 1, beyond=at.BEYOND_CANCELS),
)
CHUNK = 20_000
"""Orders of one run: a market and its participants from the beginning."""


def make_book(model: Model, orders: int, rows: int) -> at.Book:
    """An open market for a run, with more than enough room for everything."""
    book = at.new_book(1)
    inst, terms = book.inst[0], book.terms[0]
    at_once = at.grown(book.own, 4 * 1_024)
    book = book._replace(
        own=at_once, acct=at.grown(book.acct, ACCOUNTS), cash=at.grown(book.cash, ACCOUNTS),
        pos=at.grown(book.pos, ACCOUNTS), feed=at.grown(book.feed, rows + 1),
        rings=np.zeros((len(at_once) if model.queue == at.INFERRED else 1, *book.rings.shape[1:]), I8),
        out=np.zeros((2**17, at.OUT_COLS), I8),
    )  # fmt: skip
    terms[[at.T_TICK_VALUE, at.T_LOT, at.T_MAKER, at.T_TAKER]] = TICK_VALUE, 1_000_000, MAKER_PPM, TAKER_PPM
    terms[at.T_BORROWABLE] = -1
    inst[at.BASE] = 0
    inst[at.BEST + 1] = inst[at.OWN_BEST + 1] = book.level.shape[2]
    room = book.room
    room[at.SHARE_PPM] = 500_000
    room[at.QUEUE_MODEL], room[at.QUEUE_POWER] = model.queue, 3_000
    room[at.HIDDEN_PPM], room[at.BEYOND_RULE] = model.hidden_ppm, model.beyond
    room[at.IMPACT_PPM], room[at.IMPACT_NS], room[at.RESILIENCE_NS] = model.impact_ppm, 20_000, model.resilience_ns
    return book


# --- what is sent, in bulk -------------------------------------------------------------------------------------------


def make_orders(model: Model, luck: np.random.Generator, count: int) -> at.I8:
    """Rows of orders, each with the number of its position as its id."""
    rows = np.zeros((count, at.OWN_COLS), I8)
    kind = luck.choice([at.LIMIT, at.MARKET, at.STOP_MARKET, at.STOP_LIMIT, at.TRAILING], count,
                       p=[0.72, 0.14, 0.05, 0.05, 0.04])  # fmt: skip
    tif = luck.choice([at.DAY, at.IOC, at.FOK], count, p=[0.8, 0.12, 0.08])
    if not model.passive:
        tif[np.isin(kind, [at.LIMIT, at.STOP_LIMIT])] = at.IOC
    side = luck.integers(0, 2, count)
    lots = luck.integers(1, 40, count)
    sign = 1 - 2 * side
    limited = (kind == at.LIMIT) | (kind == at.STOP_LIMIT)
    rows[:, at.O_ID] = np.arange(1, count + 1)
    rows[:, at.O_ACCOUNT] = luck.integers(0, ACCOUNTS, count)
    rows[:, at.O_SIDE], rows[:, at.O_TYPE], rows[:, at.O_TIF] = side, kind, tif
    rows[:, at.O_LEAVES] = rows[:, at.O_SHOWN] = rows[:, at.O_QUANTITY] = lots
    rows[:, at.O_LIMIT] = np.where(limited, MID + sign * luck.integers(-TICKS, 5, count), 0)
    stops = (kind == at.STOP_MARKET) | (kind == at.STOP_LIMIT)
    rows[:, at.O_STOP] = np.where(stops, MID + sign * luck.integers(-3, TICKS, count), 0)
    rows[:, at.O_TRAIL] = np.where(kind == at.TRAILING, luck.integers(1, 8, count), 0)
    plain = (kind == at.LIMIT) & (tif == at.DAY)
    rows[:, at.O_FLAGS] = np.where(plain & (luck.random(count) < 0.15), at.POST_ONLY, 0)
    rows[:, at.O_DISPLAY] = np.where(plain & (luck.random(count) < 0.1), np.maximum(1, lots // 4), 0)
    return rows


def make_feed(model: Model, luck: np.random.Generator, count: int) -> np.ndarray:
    """Rows of the model's feed, in time order; L3 rows never name an order that is not there."""
    rows = np.zeros(count, EVENT)
    rows["ts_ns"] = np.arange(1, count + 1) * 10
    side = luck.integers(0, 2, count)
    sign = 1 - 2 * side
    rows["side"], rows["quantity"] = sign, luck.integers(1, 60, count)
    rows["price"] = MID - sign * luck.integers(-2, TICKS, count)
    action = luck.random(count)
    if model.feed in ("l1", "l2"):
        rows["kind"] = Kind.QUOTE if model.feed == "l1" else Kind.LEVEL
        rows["quantity"][action < 0.25] = 0
        prints = action > 0.7
        rows["kind"][prints] = Kind.TRADE
        rows["side"][prints] = luck.integers(-1, 2, int(prints.sum()))
    elif model.feed == "agents":
        rows["kind"] = Kind.ORDER
        rows["order_id"] = np.arange(1, count + 1)
        rows["flags"][action > 0.5] = FLAG_PEGGED
        rows["flags"][action > 0.75] = FLAG_MARKET
        rows["flags"][action > 0.85] = FLAG_IOC
        rows["price"] = np.where(rows["flags"] == FLAG_PEGGED, luck.integers(1, TICKS, count), rows["price"])
        gone = action < 0.2
        rows["kind"][gone] = Kind.CANCEL
        rows["order_id"][gone] = np.maximum(1, np.arange(1, count + 1)[gone] - luck.integers(1, 60, int(gone.sum())))
    elif model.feed == "bars":
        _fill_bars(rows, luck)
    else:
        _fill_orders(rows, luck)
    return rows


def _fill_bars(rows: np.ndarray, luck: np.random.Generator) -> None:
    bars = len(rows) // 4
    open_, close = (MID + luck.integers(-TICKS, TICKS, bars) for _ in range(2))
    open_, close = MID + (open_ - MID) // 4, MID + (close - MID) // 4
    high = np.maximum(open_, close) + luck.integers(0, TICKS, bars)
    low = np.minimum(open_, close) - luck.integers(0, TICKS, bars)
    first = luck.integers(0, 2, bars).astype(bool)
    for point, (kind, price) in enumerate(
        ((Kind.BAR_OPEN, open_), (np.where(first, Kind.BAR_HIGH, Kind.BAR_LOW), np.where(first, high, low)),
         (np.where(first, Kind.BAR_LOW, Kind.BAR_HIGH), np.where(first, low, high)), (Kind.BAR_CLOSE, close))
    ):  # fmt: skip
        rows["kind"][point : 4 * bars : 4], rows["price"][point : 4 * bars : 4] = kind, price
    rows["side"], rows["quantity"] = 0, 10 * rows["quantity"]
    rows["kind"][4 * bars :], rows["price"][4 * bars :] = Kind.BAR_HIGH, MID


def _fill_orders(rows: np.ndarray, luck: np.random.Generator) -> None:
    """Every order is added, then canceled or executed in whole or in two parts, so that the rest is plain columns."""
    lives = len(rows) // 3
    when = np.sort(luck.random((lives, 3)), axis=1)
    order = np.argsort(when.ravel(), kind="stable")
    life, step = order // 3, order % 3
    lots = luck.integers(2, 60, lives)
    part = 1 + luck.integers(0, 2**30, lives) % (lots - 1)
    second = luck.choice([Kind.REDUCE, Kind.EXECUTE], lives)
    third = luck.choice([Kind.DELETE, Kind.EXECUTE], lives)
    side, price = rows["side"][:lives].copy(), rows["price"][:lives].copy()
    n = len(order)
    rows["order_id"][:n] = life + 1
    rows["side"][:n], rows["price"][:n] = side[life], price[life]
    rows["kind"][:n] = np.choose(step, [np.full(n, Kind.ADD), second[life], third[life]])
    rows["quantity"][:n] = np.choose(step, [lots[life], part[life], (lots - part)[life]])
    rows["kind"][n:], rows["quantity"][n:] = Kind.TRADE, 1


# --- one run ---------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """What went in and what was told: rows of ``out``, and the feed's row before each of them."""

    model: Model
    orders: at.I8
    feed: np.ndarray
    told: at.I8
    after: at.I8
    """Number of feed rows that had been folded when the row was told."""
    sent: at.I8
    """Slot of each order, or minus the number of the refusal."""
    book: at.Book


def play(model: Model, seed: int, count: int) -> Run:
    """Feed and orders by turns, a few orders between two rows; old orders are canceled now and then."""
    luck = np.random.Generator(np.random.PCG64(seed))
    rows = count
    orders, feed = make_orders(model, luck, count), make_feed(model, luck, rows)
    book = make_book(model, count, rows)
    told, after, sent = [], [], np.zeros(count, I8)
    step = 7  # no divisor of a bar
    for begin in range(0, count, step):
        end = min(begin + step, count)
        ts = int(feed["ts_ns"][begin]) - 5
        for i in range(begin, end):
            if book.room[at.SLOTS] >= len(book.own) and book.room[at.FREE] == 0:
                book = _with_slots(book, model)
            sent[i] = -kernel.submit(book, orders[i], orders[i, at.O_LIMIT], MID, ts, 0)
        # orders that have been there for long make room
        live = np.flatnonzero(book.own[: int(book.room[at.SLOTS]), at.O_WHERE] != at.GONE) if begin % 63 == 0 else ()
        for slot in live:
            row = book.own[slot]
            if row[at.O_ACCOUNT] >= 0 and row[at.O_ID] < begin - 400:
                kernel.cancel(book, np.int64(slot), ts)
        _drain(book, told, after, begin)
        i = begin
        while i < end:
            i = kernel.run(book, feed[:end], i, 2**62)
            _drain(book, told, after, i)
            if i < end:
                assert book.room[at.R_B] == 0, f"{model.name}, seed {seed}: row {feed[i]} does not fit"
                book = _with_slots(book, model)
    return Run(model, orders, feed, np.concatenate(told), np.concatenate(after), sent, book)


def _with_slots(book: at.Book, model: Model) -> at.Book:
    own = at.grown(book.own, len(book.own) + 1)
    return book._replace(own=own, rings=at.grown(book.rings, len(own)) if model.queue == at.INFERRED else book.rings)


def _drain(book: at.Book, told: list, after: list, row: int) -> None:
    count = int(book.room[at.OUT_COUNT])
    told.append(book.out[:count].copy())
    after.append(np.full(count, row, I8))
    book.room[at.OUT_COUNT] = 0


# --- what must hold --------------------------------------------------------------------------------------------------


def check(run: Run) -> None:
    """Everything that columns can tell."""
    fills = run.told[run.told[:, at.X_WHAT] == at.FILLED]
    order = run.orders[fills[:, at.X_ID] - 1]
    side = 1 - 2 * order[:, at.O_SIDE]
    px, qty = fills[:, at.X_PX], fills[:, at.X_QTY]
    _no_overfill(run, fills)
    limit = order[:, at.O_LIMIT]
    assert ((limit == 0) | ((px - limit) * side <= 0)).all(), "worse than the limit"
    assert (px > 0).all()
    _money(run, fills, order, side)
    _justified(run, fills, side)
    _liquidity(run, fills)
    _lifetimes(run, fills, order)
    assert qty.sum() > 0


def _no_overfill(run: Run, fills: at.I8) -> None:
    filled = np.bincount(fills[:, at.X_ID] - 1, fills[:, at.X_QTY], len(run.orders)).astype(I8)
    wanted = run.orders[:, at.O_QUANTITY]
    assert (fills[:, at.X_QTY] > 0).all()
    assert (filled <= wanted).all(), "an order is filled beyond its quantity"
    assert (filled[run.sent <= 0] == 0).all(), "an order that was refused is filled"
    # what is left is what was told with the last fill, and orders that are gone are told once
    last = np.zeros(len(wanted), I8)
    last[fills[:, at.X_ID] - 1] = fills[:, at.X_LEAVES] + 1  # numpy keeps the last of equal places
    assert (last[filled > 0] - 1 == (wanted - filled)[filled > 0]).all()
    ends = run.told[np.isin(run.told[:, at.X_WHAT], [at.CANCELED, at.EXPIRED, at.REJECTED]), at.X_ID] - 1
    assert np.bincount(ends, minlength=len(wanted)).max(initial=0) <= 1, "an order ends twice"
    live = run.book.own[run.book.own[:, at.O_WHERE] != at.GONE]
    live = live[live[:, at.O_ACCOUNT] >= 0]
    number = live[:, at.O_ID] - 1
    assert (live[:, at.O_LEAVES] == (wanted - filled)[number]).all()
    assert (filled[number] < wanted[number]).all(), "an order filled to the exact quantity is still there"
    assert not np.isin(number, ends).any()


def _money(run: Run, fills: at.I8, order: at.I8, side: at.I8) -> None:
    """Cash, fees and shares of each account, to the micro-unit, from the fills alone."""
    account = order[:, at.O_ACCOUNT]
    notional = fills[:, at.X_PX] * fills[:, at.X_QTY] * TICK_VALUE
    exact = notional * np.where(fills[:, at.X_TAKER] == at.TAKES, TAKER_PPM, MAKER_PPM)
    whole, rest = np.divmod(exact, 1_000_000)
    fee = whole + ((rest > 500_000) | ((rest == 500_000) & (whole % 2 == 1)))
    assert (fills[:, at.X_FEE] == fee).all(), "a fee is not that of its fill"
    cash, held = np.zeros(ACCOUNTS, I8), np.zeros(ACCOUNTS, I8)
    np.add.at(cash, account, -side * notional - fee)
    np.add.at(held, account, side * fills[:, at.X_QTY])
    assert (run.book.cash[:ACCOUNTS, 0] == cash).all(), "cash is not what the fills say"
    assert (run.book.pos[:ACCOUNTS, 0, at.P_LOTS] == held).all(), "shares are not what the fills say"
    named = fills[fills[:, at.X_CONTRA] > 0]
    assert len(named) % 2 == 0
    first, second = named[0::2], named[1::2]  # two participants: both are told, one after the other
    for column in (at.X_PX, at.X_QTY):
        assert (first[:, column] == second[:, column]).all()
    assert (first[:, at.X_ID] == second[:, at.X_CONTRA]).all()
    assert (second[:, at.X_ID] == first[:, at.X_CONTRA]).all()
    one, other = (run.orders[part[:, at.X_ID] - 1] for part in (first, second))
    assert (one[:, at.O_SIDE] != other[:, at.O_SIDE]).all()
    assert (one[:, at.O_ACCOUNT] != other[:, at.O_ACCOUNT]).all(), "somebody traded with oneself"


def _justified(run: Run, fills: at.I8, side: at.I8) -> None:
    """Each cause belongs to certain rows and prices."""
    cause, px, ev_px, ev_qty = (fills[:, c] for c in (at.X_CAUSE, at.X_PX, at.X_EV_PX, at.X_EV_QTY))
    row = run.feed[np.searchsorted(run.feed["ts_ns"], fills[:, at.X_TS]).clip(0, len(run.feed) - 1)]
    in_row = row["ts_ns"] == fills[:, at.X_TS]
    better = (px - ev_px) * side
    printed = (cause == at.QUEUE) | (cause == at.THROUGH)
    assert (in_row & np.isin(row["kind"], [Kind.TRADE, Kind.EXECUTE]))[printed].all(), "a passive fill without a print"
    assert (row["price"] == ev_px)[printed].all()
    assert (row["quantity"] == ev_qty)[printed].all()
    assert (better == 0)[cause == at.QUEUE].all()
    assert (better > 0)[cause == at.THROUGH].all()
    crossed = cause == at.CROSS
    assert (in_row & np.isin(row["kind"], [Kind.ADD, Kind.LEVEL, Kind.QUOTE]))[crossed].all()
    assert ((row["price"] == ev_px) & (better >= 0))[crossed].all()
    took = (cause == at.DEPTH) | (cause == at.HIDDEN)
    assert (-better == -fills[:, at.X_IMPACT])[took].all()
    assert (fills[:, at.X_IMPACT] >= 0).all()
    assert (better[cause == at.BEYOND] >= 0).all()
    assert (fills[:, at.X_QTY] <= ev_qty)[crossed | printed | (cause == at.DEPTH) | (cause == at.PEER)].all()
    model = run.model
    allowed = {"bars": {at.AT_OPEN, at.IN_RANGE, at.AT_CLOSE, at.PEER}, "agents": {at.PEER}}.get(
        model.feed, {at.DEPTH, at.QUEUE, at.THROUGH, at.CROSS, at.PEER, at.HIDDEN, at.BEYOND}
    )
    assert set(np.unique(cause)) <= {int(c) for c in allowed}
    assert model.hidden_ppm or not (cause == at.HIDDEN).any()
    assert model.impact_ppm or not fills[:, at.X_IMPACT].any()
    if len(fills) > 5_000:
        wanted = {int(at.BEYOND), int(at.HIDDEN), int(at.DEPTH)} if not model.passive else allowed
        optional = {int(at.PEER)} if model.feed == "bars" else {int(at.HIDDEN), int(at.BEYOND)}
        missing = {int(c) for c in wanted} - (optional if model.passive else set()) - set(np.unique(cause).tolist())
        assert not missing, f"nothing was filled for the causes {missing}"
        assert not model.hidden_ppm or (cause == at.HIDDEN).any()


def _liquidity(run: Run, fills: at.I8) -> None:
    """A print gives no more than its lots, a bar no more than its share, a level no more than was ever shown there."""
    cause, qty = fills[:, at.X_CAUSE], fills[:, at.X_QTY]
    row = np.searchsorted(run.feed["ts_ns"], fills[:, at.X_TS]).clip(0, len(run.feed) - 1)
    printed = (cause == at.QUEUE) | (cause == at.THROUGH)
    shared = np.bincount(row[printed], qty[printed], len(run.feed))
    assert (shared <= run.feed["quantity"]).all(), "a print fills more than its lots"
    if run.model.feed == "bars":
        given_by_bars = cause != at.PEER  # before the first bar participants meet each other
        fills, qty, row = fills[given_by_bars], qty[given_by_bars], row[given_by_bars]
        opens = np.flatnonzero(run.feed["kind"] == Kind.BAR_OPEN)
        bar = np.searchsorted(opens, row, side="right") - 1
        given = np.bincount(bar, qty, len(opens))
        assert (given <= run.feed["quantity"][opens] // 2).all(), "a bar gives more than its share"
        ends = np.append(opens[1:], len(run.feed))
        low, high = (
            np.array([f(run.feed["price"][a:b]) for a, b in zip(opens, ends, strict=True)]) for f in (min, max)
        )
        assert ((fills[:, at.X_PX] >= low[bar]) & (fills[:, at.X_PX] <= high[bar])).all(), "outside the bar's range"
    if run.model.resilience_ns == 0 and run.model.feed in ("l2", "l3"):
        # what the feed ever newly showed at a price on a side, against what was ever taken there
        offered = _offered(run)
        took = (cause == at.DEPTH) | (cause == at.CROSS)
        side = run.orders[fills[:, at.X_ID] - 1, at.O_SIDE]
        taken = np.zeros_like(offered)
        np.add.at(taken, (1 - side[took], fills[took, at.X_EV_PX]), qty[took])
        assert (taken <= offered).all(), "lots of a level are used twice"


def _offered(run: Run) -> at.I8:
    feed = run.feed
    s = (feed["side"] < 0).astype(I8)
    offered = np.zeros((2, 4_096), I8)
    if run.model.feed == "l3":
        adds = feed["kind"] == Kind.ADD
        np.add.at(offered, (s[adds], feed["price"][adds]), feed["quantity"][adds])
        return offered
    shown = np.zeros((2, 4_096), I8)
    for kind, side, price, lots in zip(feed["kind"].tolist(), s.tolist(), feed["price"].tolist(),
                                       feed["quantity"].tolist(), strict=True):  # fmt: skip
        if kind == Kind.LEVEL:
            offered[side, price] += max(0, lots - int(shown[side, price]))
            shown[side, price] = lots
        else:  # a print may have executed what participants took: the next statement counts from what it left
            for each in (0, 1):
                shown[each, price] -= min(int(shown[each, price]), lots)
    return offered


def _lifetimes(run: Run, fills: at.I8, order: at.I8) -> None:
    filled = np.bincount(fills[:, at.X_ID] - 1, fills[:, at.X_QTY], len(run.orders)).astype(I8)
    fok = run.orders[:, at.O_TIF] == at.FOK
    assert np.isin(filled[fok], [0]).sum() + (filled == run.orders[:, at.O_QUANTITY])[fok].sum() == fok.sum()
    post = (order[:, at.O_FLAGS] & at.POST_ONLY) != 0
    assert run.model.feed == "bars" or (fills[post, at.X_TAKER] == at.MAKES).all(), "a post-only order took"
    live = run.book.own[(run.book.own[:, at.O_WHERE] != at.GONE) & (run.book.own[:, at.O_ACCOUNT] >= 0)]
    waits = np.isin(live[:, at.O_WHERE], [at.IN_STOPS])
    assert not np.isin(live[~waits, at.O_TIF], [at.IOC, at.FOK]).any(), "an order for at once is still there"


def test_price_and_time_decide() -> None:
    """Among participants a worse price, or a later order at the same price, never trades first."""
    for seed in range(3):
        run = play(
            MODELS[-2]._replace(feed="l2", hidden_ppm=0, impact_ppm=0, resilience_ns=0, beyond=0), 900 + seed, 4_000
        )
        told = run.told[run.told[:, at.X_WHAT] == at.FILLED]
        passive = told[(told[:, at.X_TAKER] == at.MAKES)]
        seen = run.orders[passive[:, at.X_ID] - 1]
        plain = seen[:, at.O_DISPLAY] == 0
        for cause in (at.THROUGH, at.CROSS):
            part = plain & (passive[:, at.X_CAUSE] == cause)
            rows, who = passive[part], seen[part]
            same = (rows[1:, at.X_TS] == rows[:-1, at.X_TS]) & (who[1:, at.O_SIDE] == who[:-1, at.O_SIDE])
            sign = 1 - 2 * who[1:, at.O_SIDE]
            worse = (rows[1:, at.X_PX] - rows[:-1, at.X_PX]) * sign
            assert (worse[same] <= 0).all(), "a worse price traded first"
            equal = same & (worse == 0) & (who[1:, at.O_TYPE] == at.LIMIT) & (who[:-1, at.O_TYPE] == at.LIMIT)
            assert (rows[1:, at.X_ID] >= rows[:-1, at.X_ID])[equal].all(), "a later order traded first"


def _shares() -> Iterator[tuple[Model, int]]:
    total = sum(model.weight for model in MODELS)
    for model in MODELS:
        yield model, ORDERS * model.weight // total


@pytest.mark.parametrize("model, orders", list(_shares()), ids=[m.name for m in MODELS])
def test_a_million_orders(model: Model, orders: int) -> None:
    fills = sent = 0
    for number, begin in enumerate(range(0, orders, CHUNK)):
        seed = 1_000 * (1 + MODELS.index(model)) + number
        run = play(model, seed, min(CHUNK, orders - begin))
        try:
            check(run)
        except AssertionError as error:
            raise AssertionError(f"{model.name}, seed {seed}: {error}") from error
        fills += int((run.told[:, at.X_WHAT] == at.FILLED).sum())
        sent += int((run.sent > 0).sum())
    assert sent == orders
    assert fills > orders // 3
