"""What happened to an order, why, and what did it cost, in plain words?

Rules: every sentence is drawn from one :class:`OrderEvidence` (and, where it helps, from what the market shows now);
a number that the evidence does not hold is left out, never guessed. Signs: a cost is positive.
"""

from __future__ import annotations

from typing import Final

from vtrade.tutor.answer import EvidenceUsed, escape, money, number, percent
from vtrade.tutor.evidence import FillEvidence, MarketEvidence, OrderEvidence
from vtrade.tutor.recognise import Kind
from vtrade.tutor.topics import reason_text

LEVELS_SHOWN_MAX: Final = 5
EXPLANATION_LINES_MAX: Final = 6

_TYPES: Final = {"market": "market", "limit": "limit", "stop_market": "stop", "stop_limit": "stop-limit"}

_CAUSES: Final = {
    "depth": "filled against what was showing in the book",
    "queue": "filled because a trade printed at your price and your turn in the queue had come",
    "through": "filled because the market traded beyond your price, which clears everybody who waited there",
    "cross": "filled because the other side came to your price",
    "peer": "filled against another participant of the room",
    "bar_open": "filled at the open of a bar",
    "bar_range": "filled because the range of a bar reached your price",
    "bar_close": "filled at the close of a bar",
}

COST_PARTS: Final = {
    "spread": "crossing from the middle to the best price",
    "depth": "going to worse levels because the best one did not show enough",
    "impact": "moving the price by your own size",
    "delay": "the market moving between your decision and the fill",
    "fees": "what the venue charges",
}
"""What each part of a cost pays for."""


def price(order: OrderEvidence | MarketEvidence, value: float) -> str:
    """A price with the decimals of the grid, and up to two more where an average needs them."""
    decimals = order.decimals
    text = f"{value:,.{decimals + 2}f}"
    return text[:-2].rstrip(".") if text.endswith("00") else text.rstrip("0")


def distance(order: OrderEvidence | MarketEvidence, difference: float, reference: float) -> str:
    """A difference of prices in ticks and basis points of the reference, without its sign.

    Examples
    --------
    >>> distance(MarketEvidence(symbol="ACME", tick=0.01), -0.05, 100.0)
    '5 ticks (5.0 bps)'
    """
    size = abs(difference)
    bps = f"{1e4 * size / reference:.1f} bps" if reference else ""
    if not order.tick:
        return f"{price(order, size)} ({bps})" if bps else price(order, size)
    ticks = round(size / order.tick, 2)
    counted = f"{number(ticks)} tick{'' if ticks == 1 else 's'}"
    return f"{counted} ({bps})" if bps else counted


def title(order: OrderEvidence) -> str:
    """The order as its owner wrote it.

    Examples
    --------
    >>> title(OrderEvidence(order_id="3", symbol="ACME", side="buy", type="market", quantity=500, status="FILLED"))
    'Order 3 (buy 500 ACME, market, DAY)'
    """
    kind = _TYPES.get(order.type, order.type)
    if order.stop_price is not None:
        kind += f" {price(order, order.stop_price)}"
    if order.limit_price is not None:
        kind += f" {'with limit' if order.stop_price is not None else 'at'} {price(order, order.limit_price)}"
    what = f"{order.side.lower()} {number(order.quantity)} {escape(order.symbol)}"
    return f"Order {escape(order.order_id)} ({what}, {kind}, {order.time_in_force})"


def summary(order: OrderEvidence) -> str:
    """The order in one line, as evidence is cited."""
    at = f" at {price(order, order.avg_px)} on average" if order.avg_px is not None and order.filled else ""
    filled = f"{number(order.filled)} of {number(order.quantity)} filled{at}"
    why = f", {order.reason or order.waiting}" if order.reason or order.waiting else ""
    return f"{order.side.lower()} {order.symbol} {order.type}, {order.status}, {filled}{why}"


def cite(order: OrderEvidence) -> tuple[EvidenceUsed, ...]:
    """The order and the lines of its own explanation, as evidence."""
    source = f"order {order.order_id}"
    lines = order.explanation[:EXPLANATION_LINES_MAX]
    return (EvidenceUsed(source, summary(order)), *(EvidenceUsed(f"{source} explained", line) for line in lines))


def outcome(order: OrderEvidence) -> str:
    """Where the order stands, in one sentence."""
    filled, whole = number(order.filled), number(order.quantity)
    at = f", at {price(order, order.avg_px)} on average" if order.avg_px is not None else ""
    match order.status:
        case "DENIED":
            return "was denied by the risk check of your account; it never reached the market."
        case "REJECTED":
            return "was rejected by the venue; nothing of it traded."
        case "FILLED":
            return f"filled in full: {filled}{at}."
        case "CANCELED" | "EXPIRED":
            how = "was canceled" if order.status == "CANCELED" else "expired"
            return f"{how} with {filled} of {whole} filled{at}." if order.filled else f"{how} with nothing filled."
        case _:
            if order.filled:
                return f"is still working: {filled} of {whole} have filled{at}; {number(order.leaves)} are left."
            return f"is still working; nothing of its {whole} has filled yet."


def correction(order: OrderEvidence, kind: Kind) -> str:
    """What the question took for granted and the evidence does not bear out; empty where they agree."""
    if kind is Kind.DENIED and not order.is_refused:
        return "It was neither denied nor rejected."
    if kind is Kind.NOT_FILLED and order.quantity > 0 and order.leaves <= 0:
        return "So it did fill."
    if kind is Kind.PARTIAL and order.quantity > 0 and order.leaves <= 0:
        return "So it filled in full, not in part."
    if kind in (Kind.PARTIAL, Kind.FILLED, Kind.PRICE) and not order.filled:
        return "So there is no fill to explain, but there is a reason why it did not fill."
    if kind is Kind.ENDED and order.status not in ("CANCELED", "EXPIRED"):
        return "It was neither canceled, nor did it expire."
    return ""


def refused(order: OrderEvidence) -> str:
    """Why the order was denied or rejected, and how to mend it."""
    known = reason_text(order.reason)
    detail = f" The check said: {escape(order.reason_detail)}" if order.reason_detail else ""
    return f"The reason: {known.text}.{_full_stop(detail)} {known.consider}"


def _full_stop(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else text + "."


def touch_on_arrival(order: OrderEvidence) -> str:
    """The best prices when the order arrived, as far as they are known."""
    sides = (("bid", order.arrival_bid, order.arrival_bid_size), ("ask", order.arrival_ask, order.arrival_ask_size))
    seen = [
        f"the best {name} was {price(order, value)}" + (f" for {number(size)}" if size else "")
        for name, value, size in sides
        if value is not None
    ]
    return f"When it arrived, {' and '.join(seen)}." if seen else ""


def fills(order: OrderEvidence) -> str:
    """What made each fill possible, by cause and price level."""
    if not order.fills:
        return ""
    sentences = []
    for cause in dict.fromkeys(fill.cause for fill in order.fills):
        group = [fill for fill in order.fills if fill.cause == cause]
        levels = _by_price(group)
        shown = ", ".join(f"{number(size)} at {price(order, level)}" for level, size in levels[:LEVELS_SHOWN_MAX])
        more = f" and {len(levels) - LEVELS_SHOWN_MAX} more levels" if len(levels) > LEVELS_SHOWN_MAX else ""
        total = number(sum(fill.quantity for fill in group))
        why = _CAUSES.get(cause, f"filled ({cause.replace('_', ' ')})")
        sentences.append(f"{total} {why}: {shown}{more}.")
    makers = sum(fill.quantity for fill in order.fills if fill.liquidity == "maker")
    if makers == order.filled:
        sentences.append("You were the maker: you waited, and the other side paid the spread.")
    elif not makers:
        sentences.append("You were the taker: you traded at once, and paid for that with the spread.")
    else:
        sentences.append(f"For {number(makers)} of it you were the maker (you waited), for the rest the taker.")
    return " ".join(sentences)


def _by_price(group: list[FillEvidence]) -> list[tuple[float, float]]:
    levels: dict[float, float] = {}
    for fill in group:
        levels[fill.price] = levels.get(fill.price, 0.0) + fill.quantity
    return list(levels.items())


def price_reason(order: OrderEvidence) -> str:
    """Why the average price is what it is, against the touch on arrival."""
    if order.avg_px is None or not order.filled:
        return ""
    buying = order.side.lower() == "buy"
    touch, size = (order.arrival_ask, order.arrival_ask_size) if buying else (order.arrival_bid, order.arrival_bid_size)
    said = [touch_on_arrival(order)]
    if touch is not None:
        worse = (order.avg_px - touch) * (1 if buying else -1)
        name = f"best {'ask' if buying else 'bid'} on arrival"
        away = distance(order, worse, touch)
        if abs(worse) < 1e-9:
            said.append(f"Your average is exactly the {name}.")
        elif worse > 0:
            said.append(f"Your average is {away} worse than the {name}.")
            if size and order.filled > size and any(fill.cause == "depth" for fill in order.fills):
                said.append(f"You wanted more than the {number(size)} showing there, so the rest went to worse levels.")
        else:
            said.append(f"Your average is {away} better than the {name}.")
    if order.limit_price is not None:
        said.append(f"Your limit of {price(order, order.limit_price)} is only the worst price you would have accepted.")
    if order.stop_price is not None:
        past = (order.avg_px - order.stop_price) * (1 if buying else -1)
        away = distance(order, past, order.stop_price)
        said.append(
            f"The stop at {price(order, order.stop_price)} woke it; the fill came "
            + (f"{away} {'worse' if past > 0 else 'better'}." if abs(past) > 1e-9 else "at that price.")
        )
    return " ".join(filter(None, said))


def cost_parts(order: OrderEvidence) -> dict[str, float]:
    """Costs by part in money units; fees from the fills where the evidence has no split."""
    parts = {name: amount for name, amount in order.costs.items() if name != "total"}
    return parts or ({"fees": sum(fill.fee for fill in order.fills)} if order.fills else {})


def cost(order: OrderEvidence) -> str:
    """What the order cost, split into parts, as a Markdown list."""
    if not order.filled:
        return "Nothing of it filled, so it has cost nothing."
    parts = cost_parts(order)
    if not parts:
        return "The evidence holds no costs for it."
    total = sum(parts.values())
    traded = order.filled * (order.avg_px or 0.0)
    bps = f", {1e4 * abs(total) / traded:.1f} bps of the {money(traded, order.currency)} traded" if traded else ""
    lines = [f"{'It cost' if total >= 0 else 'It earned'} **{money(abs(total), order.currency)}** in all{bps}:", ""]
    shares = len(parts) > 1 and total > 0 and min(parts.values()) >= 0
    for name, amount in parts.items():
        share = f" ({percent(amount / total, decimals=0)})" if shares else ""
        what = f", for {COST_PARTS[name]}" if name in COST_PARTS else ""
        lines.append(f"- {escape(name)}: {money(amount, order.currency)}{share}{' (a gain)' if amount < 0 else what}")
    if order.slippage_bps is not None:
        kind = "a cost" if order.slippage_bps > 0 else "a gain" if order.slippage_bps < 0 else "neither cost nor gain"
        lines += ["", f"Slippage against the arrival price: {order.slippage_bps:.1f} bps ({kind})."]
    return "\n".join(lines)


def waiting(order: OrderEvidence, market: MarketEvidence | None) -> str:
    """Why what is left of a working order has not filled."""
    said = []
    if order.waiting:
        said.append(f"Why it waits: {reason_text(order.waiting).text}.")
    if order.queue_ahead is not None and order.queue_ahead >= 0 and order.limit_price is not None:
        said.append(
            f"When it began to rest, {number(order.queue_ahead)} stood ahead of it at "
            f"{price(order, order.limit_price)}."
        )
    if order.waiting != "WAITING_FOR_TRIGGER":
        said.append(_limit_against_market(order, market))
    elif order.stop_price is not None and market is not None and market.last is not None:
        away = distance(order, market.last - order.stop_price, order.stop_price)
        said.append(
            f"The last price is {price(order, market.last)}, {away} from the stop at {price(order, order.stop_price)}."
        )
    if market and market.status != "OPEN":
        said.append(f"The market in {escape(order.symbol)} is {market.status.lower()} now.")
    if order.waiting:
        said.append(reason_text(order.waiting).consider)
    return " ".join(filter(None, said)) or "The evidence does not say why it waits."


def _limit_against_market(order: OrderEvidence, market: MarketEvidence | None) -> str:
    """Where the limit stands beside the best prices, now or else on arrival; empty without a limit."""
    if order.limit_price is None:
        return ""
    buying = order.side.lower() == "buy"
    now = market is not None and (market.bid is not None or market.ask is not None)
    bid, ask = (market.bid, market.ask) if market is not None and now else (order.arrival_bid, order.arrival_ask)
    own, other = (bid, ask) if buying else (ask, bid)
    own_name, other_name = ("bid", "ask") if buying else ("ask", "bid")
    when, verb = ("now", "is") if now else ("on arrival", "was")
    sign = 1 if buying else -1
    limit = f"your limit of {price(order, order.limit_price)}"
    said = []
    if other is not None:
        gap = (other - order.limit_price) * sign
        where = f"within {limit}."
        if gap > 1e-9:
            where = f"and {limit} {verb} {distance(order, gap, other)} {'below' if buying else 'above'} it."
        said.append(f"The best {other_name} {when} {verb} {price(order, other)}, {where}")
    if own is not None and order.is_working:
        behind = (own - order.limit_price) * sign
        if behind > 1e-9:
            front = f"others {'stand' if now else 'stood'} {distance(order, behind, own)} in front of your price"
            said.append(f"The best {own_name} {verb} {price(order, own)}, so {front}.")
        elif behind > -1e-9:
            said.append(f"Your price {verb} the best {own_name}, so it is a matter of the queue.")
    return " ".join(said)


def ended(order: OrderEvidence, market: MarketEvidence | None) -> str:
    """Why an order that was canceled or expired did not fill in full."""
    known = reason_text(order.reason)
    detail = f" The record says: {escape(order.reason_detail)}" if order.reason_detail else ""
    where = _limit_against_market(order, None) if order.limit_price is not None else touch_on_arrival(order)
    verb = "was canceled" if order.status == "CANCELED" else "expired"
    return " ".join(filter(None, (f"Why it {verb}: {known.text}.{_full_stop(detail)}", where, known.consider)))


def rest(order: OrderEvidence, market: MarketEvidence | None) -> str:
    """Why the part that did not fill did not fill; empty where all of it did."""
    if order.is_refused:
        return refused(order)
    if order.leaves <= 0:
        return ""
    return waiting(order, market) if order.is_working else ended(order, market)


def tell(order: OrderEvidence, kind: Kind, market: MarketEvidence | None = None) -> str:
    """The answer to one question about one order, as Markdown."""
    parts = [f"**{title(order)}** {outcome(order)}", correction(order, kind)]
    match kind:
        case Kind.COST:
            parts += [cost(order), "" if order.filled else rest(order, market)]
        case Kind.PRICE:
            parts += [fills(order), price_reason(order), "" if order.filled else rest(order, market)]
        case Kind.FILLED:
            parts += [touch_on_arrival(order) if order.filled else "", fills(order), rest(order, market)]
        case Kind.DENIED | Kind.NOT_FILLED | Kind.PARTIAL | Kind.ENDED:
            parts += [fills(order), rest(order, market)]
        case _:
            parts += [fills(order), price_reason(order), rest(order, market), cost(order) if order.filled else ""]
    return "\n\n".join(filter(None, parts))
