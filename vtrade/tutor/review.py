"""What can be learned from one order: what happened, what it cost, what to consider next time?

Rules: the considerations are a table of checks on the evidence, the most telling first; at most three are shown, and
the review ends with one question. A review judges how an order was traded, never whether to buy or sell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from vtrade.tutor import account_talk, order_talk
from vtrade.tutor.account_talk import NEAR_LIMIT
from vtrade.tutor.answer import Answer, escape, money, number, percent
from vtrade.tutor.evidence import AccountEvidence, OrderEvidence
from vtrade.tutor.recognise import Kind
from vtrade.tutor.topics import reason_text

CONSIDERATIONS_MAX: Final = 3
WIDE_SPREAD_BPS: Final = 10.0
FAR_LIMIT_BPS: Final = 20.0
FEES_SHARE_LARGE: Final = 0.5


class Consideration(NamedTuple):
    """Something to consider next time, and the question that goes with it."""

    text: str
    question: str


Check = Callable[[OrderEvidence, AccountEvidence | None], Consideration | None]


def _buying(order: OrderEvidence) -> bool:
    return order.side.lower() == "buy"


def _touch(order: OrderEvidence) -> tuple[float | None, float | None]:
    """Price and size that the order could have taken at once on arrival."""
    if _buying(order):
        return order.arrival_ask, order.arrival_ask_size
    return order.arrival_bid, order.arrival_bid_size


def _was_refused(order: OrderEvidence, account: AccountEvidence | None) -> Consideration | None:
    if not order.is_refused:
        return None
    known = "" if account is None else f" Your buying power is now {money(account.buying_power, account.currency)}."
    about_money = order.reason in ("INSUFFICIENT_BUYING_POWER", "CONCENTRATION_LIMIT")
    return Consideration(
        reason_text(order.reason).consider + (known if about_money else ""),
        "Which number could you have checked before you sent it?",
    )


def _larger_than_touch(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    touch, size = _touch(order)
    taken = sum(fill.quantity for fill in order.fills if fill.liquidity == "taker")
    if touch is None or not size or taken <= size or len({fill.price for fill in order.fills}) < 2:
        return None
    depth = order.costs.get("depth", 0.0)
    paid = f" That part cost {money(depth, order.currency)}." if depth > 0 else ""
    return Consideration(
        f"You took {number(taken)} when {number(size)} were showing at the best price, so the order walked to worse "
        f"levels.{paid} Smaller pieces over time, or a limit at the last price you still like, keep an order from "
        "walking.",
        "What did you gain by having all of it at once?",
    )


def _crossed_wide_spread(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    bid, ask = order.arrival_bid, order.arrival_ask
    if bid is None or ask is None or not any(fill.liquidity == "taker" for fill in order.fills):
        return None
    bps = 1e4 * (ask - bid) / ((ask + bid) / 2)
    if bps < WIDE_SPREAD_BPS:
        return None
    return Consideration(
        f"You crossed a spread of {bps:.1f} bps. A limit order inside the spread may get a better price, at the "
        "risk of no fill.",
        "How sure were you that the price would not come to you?",
    )


def _stop_slipped(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    if order.stop_price is None or order.avg_px is None or not order.filled:
        return None
    worse = (order.avg_px - order.stop_price) * (1 if _buying(order) else -1)
    if worse <= 1e-9:
        return None
    away = order_talk.distance(order, worse, order.stop_price)
    return Consideration(
        f"The fill came {away} beyond the stop. A stop chooses the moment, not the price; when you size a position, "
        "count on some distance beyond the stop.",
        "How far beyond the stop could it have filled on a bad day, and could you have borne that?",
    )


def _limit_far_away(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    touch, _size = _touch(order)
    if order.limit_price is None or touch is None or order.leaves <= 0 or order.is_refused:
        return None
    gap = (touch - order.limit_price) * (1 if _buying(order) else -1)
    if gap <= 0 or 1e4 * gap / touch < FAR_LIMIT_BPS:
        return None
    away = order_talk.distance(order, gap, touch)
    return Consideration(
        f"On arrival your limit was {away} from the price at which you could have traded at once. Compare that with "
        "how far the price usually moves while your idea holds.",
        "What would not trading at all have cost you?",
    )


def _long_queue(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    ahead = order.queue_ahead
    if ahead is None or ahead < order.quantity or not ahead:
        return None
    return Consideration(
        f"{number(ahead)} stood ahead of your {number(order.quantity)} in the queue. That much had to trade or "
        "cancel before your turn; changing the price gives the place away, lowering the quantity keeps it.",
        "How much trades at that price in the time you are ready to wait?",
    )


def _not_enough_at_once(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    if order.reason not in ("IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"):
        return None
    _price, size = _touch(order)
    seen = f" The touch showed {number(size)} for your {number(order.quantity)}." if size else ""
    return Consideration(reason_text(order.reason).consider + seen, "Would a part of the quantity have served you?")


def _was_maker(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    if not order.fills or any(fill.liquidity != "maker" for fill in order.fills):
        return None
    return Consideration(
        "You waited and the other side paid the spread. Resting orders fill most readily when the price is about to "
        "go against them, so look where the price was a minute later.",
        "Who wanted to trade with you just then, and what might they have known?",
    )


def _mostly_fees(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    parts = order_talk.cost_parts(order)
    total, fees = sum(parts.values()), parts.get("fees", 0.0)
    if len(parts) < 2 or total <= 0 or fees < FEES_SHARE_LARGE * total:
        return None
    return Consideration(
        f"Fees were {percent(min(fees / total, 1.0), decimals=0)} of the cost. They come with every fill, in and out.",
        "How far must the price move for this order to pay for itself?",
    )


def _near_concentration(order: OrderEvidence, account: AccountEvidence | None) -> Consideration | None:
    if account is None or not account.concentration_limit or account.nav <= 0 or not _buying(order) or not order.filled:
        return None
    share = sum(abs(p.market_value) for p in account.positions if p.symbol == order.symbol) / account.nav
    if share < NEAR_LIMIT * account.concentration_limit:
        return None
    return Consideration(
        f"{escape(order.symbol)} is now {percent(share)} of your NAV, beside a limit of "
        f"{percent(account.concentration_limit)}.",
        "What would a fall of 10 % in this one instrument do to your account?",
    )


def _still_works(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    if not order.is_working or order.leaves <= 0:
        return None
    return Consideration(
        f"{number(order.leaves)} still wait. A resting order is a decision you go on making.",
        "Would you send this order again now, at this price?",
    )


def _touch_was_enough(order: OrderEvidence, _: AccountEvidence | None) -> Consideration | None:
    if not order.filled or order.stop_price is not None or any(fill.liquidity == "maker" for fill in order.fills):
        return None
    return Consideration(
        "You traded at once and paid the spread for certainty. A limit order at your own side would have "
        "risked no fill.",
        "Was being sure to trade worth what it cost?",
    )


CHECKS: Final[tuple[Check, ...]] = (
    _was_refused,
    _larger_than_touch,
    _stop_slipped,
    _not_enough_at_once,
    _crossed_wide_spread,
    _limit_far_away,
    _long_queue,
    _was_maker,
    _near_concentration,
    _mostly_fees,
    _still_works,
    _touch_was_enough,
)
"""Checks in the order in which they are tried."""


def considerations(order: OrderEvidence, account: AccountEvidence | None) -> Iterator[Consideration]:
    """What to consider next time, the most telling first."""
    return (found for check in CHECKS if (found := check(order, account)) is not None)


def review_order(order: OrderEvidence, account: AccountEvidence | None = None) -> Answer:
    """Review one order: what happened, what it cost, what to consider, and one question.

    Parameters
    ----------
    order : OrderEvidence
    account : AccountEvidence, optional
        Without it, nothing is said about concentration.

    Examples
    --------
    >>> order = OrderEvidence(
    ...     order_id="3", symbol="ACME", side="buy", type="limit", quantity=500, limit_price=9.5, status="DENIED",
    ...     reason="INSUFFICIENT_BUYING_POWER",
    ... )
    >>> "more than the cash you can still commit" in review_order(order).text
    True
    """
    found = list(considerations(order, account))[:CONSIDERATIONS_MAX]
    happened = [
        f"**{order_talk.title(order)}** {order_talk.outcome(order)}",
        order_talk.fills(order),
        order_talk.price_reason(order) or (order_talk.touch_on_arrival(order) if order.fills else ""),
        order_talk.rest(order, None),
    ]
    parts = ["**What happened**", *happened, "**What it cost**", order_talk.cost(order)]
    if found:
        parts += ["**Next time, consider**", "\n".join(f"- {item.text}" for item in found)]
    question = found[0].question if found else "What did you expect of this order before you sent it?"
    parts += ["**A question to think about**", question]
    evidence = order_talk.cite(order) if account is None else (*order_talk.cite(order), account_talk.cite(account))
    return Answer(
        question=f"review order {order.order_id}",
        text="\n\n".join(filter(None, parts)),
        evidence=evidence,
        topic=f"{Kind.REVIEW}:{order.order_id}",
    )
