"""What does the house do with participants' money and blocks, beside the market?

Rules: whatever moves lots without a fill goes through :func:`hold`, which tells it. A tender passes the same checks as
an order, and is paid at once. A refusal is a fact with a sentence: `TenderClosed` where an open tender was refused,
else a private `NewsPublished`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from vtrade.domain import messages as msg
from vtrade.domain.orders import Reason
from vtrade.domain.values import MICRO, NS_PER_S
from vtrade.errors import VTradeError
from vtrade.execution import choice, risk
from vtrade.execution import layout as at
from vtrade.execution.agenda import Errand
from vtrade.execution.payments import (
    check_money,
    convert,
    exchanged,
    make_good,
    moment,
    pay,
    rate,
    refuse,
    spread_refusal,
    trial,
)
from vtrade.market.dtype import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS

if TYPE_CHECKING:
    from vtrade.execution.engine import Engine
    from vtrade.execution.risk import Account, Refusal
    from vtrade.execution.working import Working

__all__ = ("COMMANDS", "KNOWN", "answer", "command", "convert", "expire", "hold", "hold_back", "holders", "new_session",
           "no_more_sessions", "offer", "settle", "withdraw")  # fmt: skip

DAY_NS: Final = 86_400 * NS_PER_S

PLAYING: Final = ("start", "pause", "speed")
COMMANDS: Final = ("fine", "adjust", *PLAYING)
"""Commands of an instructor that are carried out here."""
KNOWN: Final = ("halt", "resume", "news", *COMMANDS, "close")
SPEED_MAX: Final = 100_000
"""Fastest pace of a market, as a multiple of its own."""


class Tender(msgspec.Struct, frozen=True, array_like=True):
    """A block offered to an account: lots and ticks of instrument ``k``; ``side`` is what the account would do."""

    account: str
    k: int
    side: int
    lots: int
    price: int
    expire_ns: int
    open: bool = True


# --- money and lots that move without a fill -----------------------------------------------------------------------


def hold(engine: Engine, account: Account, k: int, lots: int, cause: str) -> None:
    """Let an account hold so many lots, and tell it."""
    book = engine._book
    row = book.pos[account.index, k]
    before, selling = int(row[at.P_LOTS]), int(row[at.P_SELLING])
    row[at.P_LOTS] = lots
    book.inst[k, at.SHORTED] += max(0, selling - lots) - max(0, selling - before)
    engine.tell(
        msg.PositionAdjusted(
            engine.next_seq(), moment(engine), account.name, engine.instruments[k].symbol, before, lots, cause
        )
    )


def holders(engine: Engine, k: int) -> list[tuple[Account, int]]:
    """Accounts that hold or owe lots of an instrument, in the order in which they joined."""
    lots = engine._book.pos[:, k, at.P_LOTS].tolist()
    return [(account, lots[account.index]) for account in engine.accounts.values() if lots[account.index]]


# --- tenders -------------------------------------------------------------------------------------------------------


def offer(engine: Engine, m: msg.OfferTender) -> None:
    """Offer a block to an account.

    Raises
    ------
    VTradeError
        If it names what the room does not know, leaves the grid, or its name stands for another tender.
    """
    k = engine.index(m.symbol)
    name = f"tender {m.tender!r}"
    if engine.closed:
        raise VTradeError(f"{name}: the room is closed")
    if m.account not in engine.accounts:
        raise VTradeError(f"{name} names account {m.account!r}; known: {', '.join(engine.accounts) or 'none yet'}")
    if k is None:
        raise VTradeError(f"{name} names {m.symbol!r}; this room trades {', '.join(engine._index)}")
    i = engine.instruments[k]
    tender = Tender(m.account, k, int(m.side), m.quantity // i.lot_size, m.price // i.tick_size, m.expire_ns)
    known = engine.venue.tenders.get(m.tender)
    if known is not None:
        if msgspec.structs.replace(known, open=True) == tender:
            return  # a message delivered twice
        raise VTradeError(f"{name} was offered before with other terms; give the new one another name")
    if not 0 < tender.lots <= MAX_QUANTITY_LOTS or m.quantity % i.lot_size:
        raise VTradeError(f"{name}: quantity {m.quantity} micro-units is not a number of lots of {i.lot_size}")
    if not 0 < tender.price <= MAX_PRICE_TICKS or m.price % i.tick_size:
        raise VTradeError(f"{name}: price {m.price} micro-units is not on the grid of {i.tick_size}")
    if m.expire_ns < engine.now:
        raise VTradeError(f"{name} expires at {m.expire_ns} ns, before now ({engine.now} ns); give a later time")
    if k in engine.venue.delisted:
        raise VTradeError(f"{name}: {m.symbol} is delisted")
    engine.venue.tenders[m.tender] = tender
    engine.agenda.add(Errand(m.expire_ns, "tender", name=m.tender))
    engine.tell(
        msg.TenderOffered(
            engine.next_seq(), engine.now, m.tender, m.account, m.symbol, m.side, tender.lots, tender.price, m.expire_ns
        )
    )


def _close(engine: Engine, name: str, taken: bool, detail: str) -> None:
    tender = engine.venue.tenders[name]
    engine.venue.tenders[name] = msgspec.structs.replace(tender, open=False)
    engine.tell(msg.TenderClosed(engine.next_seq(), engine.now, name, tender.account, taken, detail))


def expire(engine: Engine, name: str) -> None:
    """Nobody has answered in time."""
    tender = engine.venue.tenders.get(name)
    if tender is not None and tender.open and not engine.closed:
        _close(engine, name, False, "expired")


def withdraw(engine: Engine, k: int, detail: str) -> None:
    """Close the open tenders of an instrument whose terms no longer mean the same."""
    for name, tender in sorted(engine.venue.tenders.items()):
        if tender.open and tender.k == k:
            _close(engine, name, False, detail)


def answer(engine: Engine, m: msg.AnswerTender) -> None:
    """An account takes a tender, or leaves it."""
    tender = engine.venue.tenders.get(m.tender)
    account = engine.accounts.get(m.account)
    if account is None or tender is None or tender.account != m.account:
        refuse(engine, m.account, f"no tender {m.tender!r} was offered to you; nothing has changed")
    elif engine.closed or not tender.open:
        why = "the room is closed" if engine.closed else "it was closed before"
        refuse(engine, m.account, f"tender {m.tender!r} cannot be answered: {why}; nothing has changed")
    elif not m.accept:
        _close(engine, m.tender, False, "declined")
    else:
        refusal = _tender_refusal(engine, account, tender)
        if refusal is not None:
            _close(engine, m.tender, False, f"{refusal[0]}: {refusal[1]}")
        else:
            _take(engine, account, m.tender, tender)


def _tender_refusal(engine: Engine, account: Account, tender: Tender) -> Refusal | None:
    blocked = engine.venue.blocked(engine, account, tender.k, tender.side, tender.lots)
    if blocked is not None:
        return blocked
    plain = choice.plain()
    slot = trial(engine, account, tender.k, tender.side, tender.lots, tender.price)
    code = int(plain.refused(engine._book, slot, np.int64(tender.lots), np.int64(tender.price), np.int64(tender.price)))
    refusal = risk.in_words(engine, code, tender.k, account) if code else None
    plain.give_slot(engine._book, slot)
    return refusal or spread_refusal(engine, account, tender.k, tender.side, tender.lots, tender.price)


def _take(engine: Engine, account: Account, name: str, tender: Tender) -> None:
    k, price, lots = tender.k, tender.price, tender.lots * tender.side
    i = engine.instruments[k]
    hold(engine, account, k, account.positions[k] + lots, "tender")
    pay(engine, account, i.currency, -i.notional(price, lots), "tender", symbol=i.symbol, detail=name)
    _close(engine, name, True, f"{i.quantity_text(tender.lots)} at {i.price_text(price)}")
    if not engine._book.inst[k, at.MARK]:
        engine._book.inst[k, at.MARK] = price
        engine.tell(msg.Marked(engine.next_seq(), engine.now, ((k, price),)))
    if len(engine.currencies) > 1 and not account.limits.on_margin:
        make_good(engine, account, i.currency)
    for order in list(engine.orders.values()):
        if order.account is account and order.k == k and order.order_id in engine.orders:
            _reduce(engine, order, account.positions[k])


def _reduce(engine: Engine, order: Working, held: int) -> None:
    """An order that only reduces never asks for more than there is left to reduce."""
    book = engine._book
    row = book.own[order.slot]
    can = max(0, -held if order.side > 0 else held)
    alive = int(row[at.O_LEAVES])
    if not row[at.O_FLAGS] & at.REDUCE_ONLY or alive <= can:
        return
    if can == 0 or alive < order.leaves:
        engine.cancel_order(order, Reason.REDUCE_ONLY, "a tender changed the position that it would reduce")
        return
    engine._make_room(order.k)
    told = int(book.room[at.OUT_COUNT])
    limit, stop, worst = (int(n) for n in row[[at.O_LIMIT, at.O_STOP, at.O_WORST]])
    engine._kernel.replace(book, order.slot, engine.now, order.filled + can, limit, stop, worst, 0, 1)
    book.out[told, at.X_CAUSE] = at.C_REDUCE
    engine._drain()


# --- fines, adjustments ----------------------------------------------------------------------------------------------


def command(engine: Engine, m: msg.RoomCommand) -> None:
    """Fine an account, adjust its money, or tell whoever plays the market how to go on.

    Raises
    ------
    VTradeError
        If the account is not known, the amount is none, or the room is closed.
    """
    if m.action in PLAYING:
        _play(engine, m)
        return
    account = engine.accounts.get(m.account)
    if account is None:
        raise VTradeError(f"{m.action} names account {m.account!r}; known: {', '.join(engine.accounts) or 'none yet'}")
    if engine.closed:
        raise VTradeError(f"{m.action} of {m.account!r}: the room is closed")
    if m.amount == 0 or (m.action == "fine" and m.amount < 0):
        raise VTradeError(f"{m.action} of {m.amount} micro-units for {m.account!r}; give an amount above 0")
    amount, cause = (-m.amount, "fine") if m.action == "fine" else (m.amount, "adjustment")
    check_money(engine, account.currency, [(account, amount)], f"this {cause}")
    pay(engine, account, account.currency, amount, cause, symbol=m.symbol, detail=m.text)


def _play(engine: Engine, m: msg.RoomCommand) -> None:
    if engine.closed:
        raise VTradeError(f"{m.action}: the room is closed")
    if not 0 <= m.amount <= SPEED_MAX * MICRO:
        raise VTradeError(
            f"{m.action} with a speed of {m.amount} millionths; give 0 (as fast as it goes) to {SPEED_MAX * MICRO}"
        )
    engine.tell(msg.PlayChanged(engine.next_seq(), engine.now, m.action, m.amount))


# --- settlement ------------------------------------------------------------------------------------------------------


def hold_back(engine: Engine, account: Account, k: int, proceeds: int) -> None:
    """The proceeds of a sale (micro-units of the instrument's currency) may be spent later."""
    i = engine.instruments[k]
    amount = exchanged(proceeds, rate(engine, i.currency), rate(engine, account.currency))
    if amount <= 0:
        return
    engine._book.acct[account.index, at.A_UNSETTLED] += amount
    venue, days = engine.venue, engine.rules.settlement_days
    if k in venue.sessions:
        key = account.name, k, days
        venue.unsettled[key] = venue.unsettled.get(key, 0) + amount
    else:
        engine.agenda.add(Errand(moment(engine) + days * DAY_NS, "settle", name=account.name, amount=amount))


def no_more_sessions(engine: Engine, k: int) -> None:
    """An instrument is no longer traded: what was sold settles by the clock."""
    unsettled = engine.venue.unsettled
    for key in sorted(key for key in unsettled if key[1] == k):
        due = engine.now + key[2] * DAY_NS
        engine.agenda.add(Errand(due, "settle", name=key[0], amount=unsettled.pop(key)))


def new_session(engine: Engine, k: int) -> None:
    """A session of an instrument begins: what was sold so many sessions ago is settled."""
    unsettled = engine.venue.unsettled
    for key in sorted(key for key in unsettled if key[1] == k):
        name, _, left = key
        amount = unsettled.pop(key)
        if left == 1:
            settle(engine, name, amount)
        else:  # keys rise, so the place is free
            unsettled[name, k, left - 1] = amount


def settle(engine: Engine, name: str, amount: int) -> None:
    """Proceeds are the account's to spend."""
    account = engine.accounts[name]
    if not engine.closed:
        engine._book.acct[account.index, at.A_UNSETTLED] -= amount
        engine.tell(msg.CashSettled(engine.next_seq(), moment(engine), name, account.currency, amount))
