"""Which order could the offline tutor prepare, in the student's own numbers?

Rules: two kinds only. For a position that is held, a stop that would close it: it rests on the position, the market and
one share of NAV, all of them said, and it is an example of a method, not advice. And the order that the student names
in full: exactly those terms. Neither is said to be good; each comes with the question that has to be answered first.
"""

from __future__ import annotations

import re
from math import ceil, floor, isfinite
from typing import Final

from vtrade.tutor import account_talk
from vtrade.tutor.answer import EvidenceUsed, OrderTerms, escape, exact_price, money, number, percent
from vtrade.tutor.evidence import AccountEvidence, EvidenceSource, MarketEvidence, OrderEvidence, PositionEvidence
from vtrade.tutor.proposals import OrderDraft, reference, wrong_with
from vtrade.tutor.recognise import Question

RISK_SHARE: Final = 0.01
"""Share of NAV that the worked stop would lose."""
AWAY_MAX: Final = 0.05
"""The worked stop is at most this share of the price away: a small position reaches no share of NAV that matters."""
TICKS_AWAY_MIN: Final = 4

Told = tuple[str, tuple[EvidenceUsed, ...], OrderDraft | None]
"""Markdown, what it rests on, and the order it could be."""

_AT: Final = re.compile(r"\b(?:at|below|above|under|over|@)\s*\$?\s*(\d[\d,]*(?:\.\d+)?)(?!\s*%)", re.IGNORECASE)


def protect(question: Question, source: EvidenceSource) -> Told:
    """How a position could be protected: a question, the method with the student's own numbers, and a stop."""
    account = source.account()
    held = [p for p in account.positions if p.quantity and isfinite(p.quantity)]
    named = [p for p in held if p.symbol in question.symbols]
    if not held or (question.symbols and not named):
        what = f" in {escape(question.symbols[0])}" if held and question.symbols else ""
        text = f"You hold no position{what}, so there is nothing to protect. A stop only makes sense against something."
        return text, (account_talk.cite(account),), None
    position = (named or sorted(held, key=lambda p: -abs(p.market_value)))[0]
    remark = "" if named or len(held) == 1 else f"This is about {escape(position.symbol)}, your largest position. "
    market = source.market(position.symbol)
    cited: tuple[EvidenceUsed, ...] = (cite_position(position), account_talk.cite(account))
    if market is None or reference(market, _exit_side(position)) is None:
        return f"{remark}{escape(position.symbol)} shows no price now, so no distance can be worked out.", cited, None
    cited = (*cited, account_talk.cite_market(market))
    covered = [order for order in source.orders() if _covers(order, position)]
    left = abs(position.quantity) - sum(order.leaves for order in covered)
    if left <= 0:
        names = " and ".join(escape(order.order_id) for order in covered)
        one = len(covered) == 1
        text = (
            f"{remark}Your whole position of {number(abs(position.quantity))} {escape(position.symbol)} has a stop "
            f"already: order{'' if one else 's'} {names}. To think about: would you still put "
            f"{'it' if one else 'them'} there today?"
        )
        return text, cited, None
    text, draft = _worked(question, position, left, market, account)
    if draft is not None:
        wrong = wrong_with(draft.terms, source)
        if wrong:
            return f"{remark}{text}\n\nAs it stands this could not be sent: {escape(wrong)}.", cited, None
        draft = OrderDraft(terms=draft.terms, why=draft.why, evidence=cited)
    return remark + text, cited, draft


def cite_position(position: PositionEvidence) -> EvidenceUsed:
    """A position in one line, as evidence is cited."""
    last = "" if position.last is None else f", last {exact_price(position.last)}"
    return EvidenceUsed(
        f"position {position.symbol}",
        f"{number(position.quantity)} at {exact_price(position.avg_entry_price)} on average{last}",
    )


def _exit_side(position: PositionEvidence) -> str:
    return "sell" if position.quantity > 0 else "buy"


def _covers(order: OrderEvidence, position: PositionEvidence) -> bool:
    stop = order.type in ("stop_market", "stop_limit", "trailing_stop_market")
    return order.is_working and stop and order.symbol == position.symbol and order.side == _exit_side(position)


def _worked(
    question: Question, position: PositionEvidence, quantity: float, market: MarketEvidence, account: AccountEvidence
) -> tuple[str, OrderDraft | None]:
    side = _exit_side(position)
    now = reference(market, side)
    assert now is not None
    currency, symbol = account.currency, escape(position.symbol)
    text = "First a question back: **at which price would you say that you were wrong about this position?**"
    named = _AT.search(question.raw)
    if named:
        stop = float(named[1].replace(",", ""))
        text += f"\n\nYou named {exact_price(stop)}."
    else:
        stop = _stop_at(now, side, quantity, market, account)
        rule = f"a loss of {percent(RISK_SHARE)} of your NAV, {money(RISK_SHARE * account.nav, currency)}, divided by "
        rule += f"the {number(quantity)} you hold"
        if abs(now - stop) < 0.98 * RISK_SHARE * account.nav / quantity:
            rule = (
                f"{percent(AWAY_MAX)} of the price, because {percent(RISK_SHARE)} of your NAV would be further away "
                f"than that: your position is small beside it"
            )
        text += f"\n\nWithout such a price, a method: the distance is {rule}. That gives a stop at {exact_price(stop)}."
    loss = abs(now - stop) * quantity
    if stop <= 0 or (stop >= now if side == "sell" else stop <= now):
        where = "below" if side == "sell" else "above"
        text += f" A stop that protects this position stands {where} the market, which is at {exact_price(now)}."
        return text, None
    share = f", {percent(loss / account.nav, decimals=2)} of NAV" if account.nav > 0 else ""
    text += (
        f" From the {'bid' if side == 'sell' else 'ask'} of {exact_price(now)} that is {money(loss, currency)}{share}. "
        f"A stop becomes a market order once {symbol} trades there: in a fast market, or after a gap, it fills worse "
        "than its price. With GTC it stays until you cancel it."
    )
    terms = OrderTerms(
        symbol=position.symbol, side="sell" if side == "sell" else "buy", type="stop_market", quantity=quantity,
        stop_price=stop, tif="GTC", reduce_only=True,
    )  # fmt: skip
    why = f"It would close {number(quantity)} {position.symbol} with a loss of about {money(loss, currency)} from here."
    return text, OrderDraft(terms=terms, why=why)


def _stop_at(now: float, side: str, quantity: float, market: MarketEvidence, account: AccountEvidence) -> float:
    """Where the worked stop stands, on the grid."""
    tick = market.tick if market.tick > 0 else 0.01
    away = min(max(RISK_SHARE * account.nav / quantity, TICKS_AWAY_MIN * tick), AWAY_MAX * now)
    steps = floor((now - away) / tick) if side == "sell" else ceil((now + away) / tick)
    return round(max(steps, 1) * tick, 6)


# --- an order in the student's own words -------------------------------------------------------------------------

_POLITE: Final = r"(?:please|can you|could you|will you|would you|go|just|now|let me|i want to|i would like to|help me)"
_NAMED: Final = re.compile(
    rf"^\W*(?:{_POLITE}[\s,]+)*(?P<side>buy|sell)\s+(?P<quantity>\d[\d,]*(?:\.\d+)?)\s+(?:shares?\s+|units?\s+)?(?:of\s+)?"
    r"\$?(?P<symbol>[\w./-]+?)"
    r"(?:\s+(?:with\s+a\s+)?(?:limit\s+(?:order\s+)?(?:of|at)?|at(?!\s+market)|@)\s*\$?(?P<limit>\d[\d,]*(?:\.\d+)?))?"
    r"(?:\s+(?:at\s+market|for\s+me|now|please|today))*[\s.!?]*$",
    re.IGNORECASE,
)


def as_named(question: Question, source: EvidenceSource) -> Told | None:
    """The order that the student names in full, exactly so; ``None`` where anything is left open.

    Examples
    --------
    >>> from vtrade.tutor.evidence import AccountEvidence, Evidence
    >>> from vtrade.tutor.recognise import read_question
    >>> held = Evidence(held_account=AccountEvidence(nav=1.0, cash=1.0, buying_power=1.0))
    >>> as_named(read_question("buy some ACME"), held) is None
    True
    """
    found = _NAMED.match(question.raw)
    symbol = found and next((s for s in source.symbols() if s.lower() == found["symbol"].lower()), "")
    if not found or not symbol:
        return None
    limit = float(found["limit"].replace(",", "")) if found["limit"] else None
    terms = OrderTerms(
        symbol=symbol, side="buy" if found["side"].lower() == "buy" else "sell",
        type="market" if limit is None else "limit", quantity=float(found["quantity"].replace(",", "")),
        limit_price=limit,
    )  # fmt: skip
    account, market = source.account(), source.market(symbol)
    cited: tuple[EvidenceUsed, ...] = (account_talk.cite(account),)
    if market is not None:
        cited = (*cited, account_talk.cite_market(market))
    wrong = wrong_with(terms, source)
    if wrong:
        return f"As you named it, it could not be sent: {escape(wrong)}.", cited, None
    why = "These are the terms that you named; whether it is a good trade is not said here."
    return "", cited, OrderDraft(terms=terms, why=why, evidence=cited)
