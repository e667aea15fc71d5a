"""How does the account stand, how is it spread, and what may it do, in plain words?

Rules: every number comes from the evidence of the asking student; shares are of NAV; a judgement is always a comparison
with a number that is shown beside it (a limit, the highest NAV so far), never a recommendation to trade.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final

from vtrade.tutor.answer import EvidenceUsed, escape, money, number, percent
from vtrade.tutor.evidence import (
    AccountEvidence,
    MarketEvidence,
    OrderEvidence,
    ProgressEvidence,
    RulesEvidence,
)
from vtrade.tutor.order_talk import cost_parts, price
from vtrade.tutor.topics import Topic

POSITIONS_SHOWN_MAX: Final = 8
LEVELS_SHOWN_MAX: Final = 5
NEAR_LIMIT: Final = 0.8
"""Share of a limit from which a position is called near it."""

_STATISTICS: Final = {
    "sharpe_ratio": "Sharpe ratio",
    "sortino_ratio": "Sortino ratio",
    "hit_rate": "hit rate",
    "profit_factor": "profit factor",
    "volatility": "volatility",
}


def cite(account: AccountEvidence) -> EvidenceUsed:
    """The account in one line, as evidence is cited."""
    currency = account.currency
    return EvidenceUsed(
        "account",
        f"NAV {money(account.nav, currency)}, cash {money(account.cash, currency)}, "
        f"P&L {money(account.pnl, currency, signed=True)}, fees {money(account.fees, currency)}",
    )


def own_number(topic: Topic, account: AccountEvidence) -> str:
    """The student's own value of what a topic defines, as a sentence; empty where there is none."""
    currency = account.currency
    match topic.key:
        case "drawdown":
            if not account.drawdown:
                return "Your drawdown now: none, NAV is at its highest point so far."
            return f"Your drawdown now: {percent(account.drawdown)} from the highest NAV so far."
        case "nav":
            return f"Your NAV now: {money(account.nav, currency)}."
        case "pnl":
            return _pnl(account)
        case "fees":
            return f"You have paid {money(account.fees, currency)} in fees so far."
        case "buying_power":
            return (
                f"Your buying power now: {money(account.buying_power, currency)}; "
                f"{money(account.reserved, currency)} are reserved."
            )
    value = account.statistics.get(topic.key)
    if value is None or not isfinite(value):
        return ""
    return (
        f"Your {_STATISTICS.get(topic.key, topic.name)} so far: "
        f"{_statistic(topic.key, value)}{_error(topic.key, account)}."
    )


def _statistic(key: str, value: float) -> str:
    return percent(value) if key in ("hit_rate", "volatility") else f"{value:.2f}"


def _error(key: str, account: AccountEvidence) -> str:
    error = account.statistics.get(f"{key}_se")
    return f" with a standard error of {error:.2f}" if error is not None and isfinite(error) else ""


def _pnl(account: AccountEvidence) -> str:
    currency = account.currency
    return (
        f"Your profit and loss is **{money(account.pnl, currency, signed=True)}**: "
        f"{money(account.realized_pnl, currency, signed=True)} realized and "
        f"{money(account.unrealized_pnl, currency, signed=True)} unrealized."
    )


def performance(account: AccountEvidence, asked: Sequence[Topic] = ()) -> str:
    """How the account is doing; what was asked by name comes first."""
    currency = account.currency
    first = [own_number(topic, account) for topic in asked]
    missing = [t.name for t, said in zip(asked, first, strict=True) if not said and t.key in _STATISTICS]
    parts = [*filter(None, first)]
    if missing:
        parts.append(f"There is no {' and no '.join(missing)} of yours yet: it needs more history than there is.")
    if parts:
        worth = f"Your account is worth **{money(account.nav, currency)}**."
        return "\n\n".join([*parts, worth, f"To think about: {asked[0].question}"])
    lines = [f"Your account is worth **{money(account.nav, currency)}**. {_pnl(account)}"]
    if account.fees:
        lines.append(f"Fees so far: {money(account.fees, currency)}.")
    lines.append(
        f"You are {percent(-account.drawdown)} below your highest NAV."
        if account.drawdown < 0
        else "You are at your highest NAV so far."
    )
    parts = [" ".join(lines)]
    ranked = sorted(account.positions, key=lambda p: -abs(p.unrealized_pnl + p.realized_pnl))
    moved = [p for p in ranked if p.unrealized_pnl + p.realized_pnl]
    if moved:
        parts.append(
            "Where it comes from: "
            + ", ".join(
                f"{escape(p.symbol)} {money(p.unrealized_pnl + p.realized_pnl, currency, signed=True)}"
                for p in moved[:POSITIONS_SHOWN_MAX]
            )
            + "."
        )
    known = {key: value for key, value in account.statistics.items() if key in _STATISTICS and isfinite(value)}
    if known:
        parts.append(
            "\n".join(
                f"- {_STATISTICS[key]}: {_statistic(key, value)}{_error(key, account)}" for key, value in known.items()
            )
        )
        parts.append("Over a short time these say more about luck than about skill.")
    parts.append("To think about: which part of this result came from a plan you wrote down before?")
    return "\n\n".join(parts)


def concentration(account: AccountEvidence) -> str:
    """How the money is spread over instruments and sectors, beside the limit."""
    held = sorted((p for p in account.positions if p.quantity), key=lambda p: -abs(p.market_value))
    if not held or account.nav <= 0:
        return "You hold no positions, so nothing is concentrated: the account is all cash."
    limit = account.concentration_limit
    shares = [abs(p.market_value) / account.nav for p in held]
    lines = []
    for position, share in zip(held[:POSITIONS_SHOWN_MAX], shares, strict=False):
        note = ""
        if limit and share > limit + 1e-12:
            note = f", **above** the limit of {percent(limit)} (the price took it there; the limit denies more buying)"
        elif limit and share >= NEAR_LIMIT * limit:
            note = f", near the limit of {percent(limit)}"
        lines.append(f"- {escape(position.symbol)}: {percent(share)} of NAV{note}")
    gross = sum(shares)
    equal = gross * gross / sum(share * share for share in shares)
    top = f"Your largest position is **{escape(held[0].symbol)}** with {percent(shares[0])} of NAV"
    compared = "; no limit is set for one instrument."
    if limit:
        compared = f", {'within' if shares[0] <= limit else 'above'} the limit of {percent(limit)} for one instrument."
    invested = f"In all {percent(gross)} of NAV is in the market, spread like {equal:.1f} positions of equal size."
    parts = [top + compared, "\n".join(lines), invested]
    sectors = sorted(account.exposure_by_sector.items(), key=lambda item: -abs(item[1]))
    if sectors:
        parts.append(
            "By sector: " + ", ".join(f"{escape(name)} {percent(value / account.nav)}" for name, value in sectors) + "."
        )
    parts.append("To think about: which single piece of news would hurt you most, and how much of NAV would it take?")
    return "\n\n".join(parts)


def cash(account: AccountEvidence, *, quantity: float | None = None, market: MarketEvidence | None = None) -> str:
    """Cash, reserved cash and buying power; and whether a quantity is within them, where one was named."""
    currency = account.currency
    said = (
        f"You have **{money(account.cash, currency)}** in cash, {money(account.reserved, currency)} of it reserved "
        f"for working orders. Your buying power is **{money(account.buying_power, currency)}**."
    )
    if quantity and market is not None and market.ask is not None:
        needed = quantity * market.ask
        fits = "is within" if needed <= account.buying_power else "is more than"
        said += (
            f" {number(quantity)} {escape(market.symbol)} at the best ask of {price(market, market.ask)} would be "
            f"{money(needed, currency)} before fees and worse levels, which {fits} your buying power."
        )
        limit = account.concentration_limit
        if limit and account.nav > 0:
            held = sum(p.market_value for p in account.positions if p.symbol == market.symbol)
            said += (
                f" It would bring {escape(market.symbol)} to {percent((held + needed) / account.nav)} of NAV "
                f"(limit {percent(limit)})."
            )
    return said


def positions(account: AccountEvidence) -> str:
    """What is held, as a list."""
    held = sorted((p for p in account.positions if p.quantity), key=lambda p: -abs(p.market_value))
    if not held:
        return f"You hold no positions; your cash is {money(account.cash, account.currency)}."
    lines = [
        f"- {escape(p.symbol)}: {number(p.quantity)} at {p.avg_entry_price:,.2f} on average, worth "
        f"{money(p.market_value, account.currency)}, unrealized "
        f"{money(p.unrealized_pnl, account.currency, signed=True)}"
        for p in held[:POSITIONS_SHOWN_MAX]
    ]
    more = [f"- and {len(held) - POSITIONS_SHOWN_MAX} more"] if len(held) > POSITIONS_SHOWN_MAX else []
    return "\n".join(["You hold:", "", *lines, *more])


def costs_so_far(orders: Sequence[OrderEvidence], account: AccountEvidence) -> str:
    """What all orders together cost, by part."""
    currency = account.currency
    filled = [order for order in orders if order.filled]
    if not filled:
        return (
            f"Nothing of yours has filled, so trading has cost nothing; fees so far: {money(account.fees, currency)}."
        )
    parts: dict[str, float] = {}
    for order in filled:
        for name, amount in cost_parts(order).items():
            parts[name] = parts.get(name, 0.0) + amount
    total = sum(parts.values())
    traded = sum(order.filled * (order.avg_px or 0.0) for order in filled)
    bps = f", {1e4 * total / traded:.1f} bps of the {money(traded, currency)} you traded" if traded else ""
    lines = [f"- {escape(name)}: {money(amount, currency)}" for name, amount in parts.items()]
    dearest = max(filled, key=lambda order: sum(cost_parts(order).values()))
    return "\n".join(
        [
            f"Fees so far: {money(account.fees, currency)}.",
            "",
            f"Your {len(filled)} order{'s' if len(filled) > 1 else ''} with fills cost "
            f"**{money(total, currency)}** in all{bps}:",
            "",
            *lines,
            "",
            f"The dearest was order {escape(dearest.order_id)} with "
            f"{money(sum(cost_parts(dearest).values()), currency)}.",
        ]
    )


def market_now(market: MarketEvidence) -> str:
    """What the market shows of one instrument: touch, spread, depth, status."""
    said = [f"**{escape(market.symbol)}** is {market.status.lower()}."]
    for name, value, size in (("bid", market.bid, market.bid_size), ("ask", market.ask, market.ask_size)):
        if value is None:
            said.append(f"Nobody {'bids' if name == 'bid' else 'offers'} at the moment.")
        else:
            said.append(f"Best {name}: {price(market, value)}" + (f" for {number(size)}." if size else "."))
    if market.bid is not None and market.ask is not None and market.spread is not None:
        mid = (market.bid + market.ask) / 2
        ticks = f"{number(round(market.spread / market.tick, 2))} ticks, " if market.tick else ""
        bps = 1e4 * market.spread / mid if mid else 0.0
        said.append(
            f"The spread is {price(market, market.spread)} ({ticks}{bps:.1f} bps): trading at once costs about "
            "half of it."
        )
    if market.last is not None:
        said.append(f"Last price: {price(market, market.last)}.")
    parts = [" ".join(said)]
    for name, levels in (("bids", market.bids), ("asks", market.asks)):
        if levels:
            shown = ", ".join(f"{number(size)} at {price(market, level)}" for level, size in levels[:LEVELS_SHOWN_MAX])
            parts.append(f"The first {min(len(levels), LEVELS_SHOWN_MAX)} {name}: {shown}.")
    return "\n\n".join(parts)


def cite_market(market: MarketEvidence) -> EvidenceUsed:
    """The touch in one line, as evidence is cited."""
    bid = "none" if market.bid is None else price(market, market.bid)
    ask = "none" if market.ask is None else price(market, market.ask)
    when = f" at {market.time}" if market.time else ""
    return EvidenceUsed(f"market {market.symbol}", f"bid {bid}, ask {ask}, {market.status}{when}")


def progress(now: ProgressEvidence) -> str:
    """Level, XP, badges and open missions."""
    to_go = f"; {number(max(now.next_level_xp - now.xp, 0))} XP to the next level" if now.next_level_xp else ""
    badges = ", ".join(escape(name) for name in now.badges) or "none yet"
    parts = [f"You are at level **{now.level}** with {number(now.xp)} XP{to_go}. Badges: {badges}."]
    if now.missions:
        parts.append(
            "Open missions:\n\n"
            + "\n".join(f"- {escape(m.name)}: {number(m.done)} of {number(m.goal)}" for m in now.missions)
        )
    return "\n\n".join(parts)


def cite_progress(now: ProgressEvidence) -> EvidenceUsed:
    """Progress in one line, as evidence is cited."""
    return EvidenceUsed("progress", f"level {now.level}, {now.xp} XP, {len(now.missions)} open missions")


def rules(now: RulesEvidence) -> str:
    """The limits that hold, as a list."""
    lines = []
    if now.concentration_limit is not None:
        lines.append(f"buying may bring one instrument to at most {percent(now.concentration_limit)} of NAV")
    if now.max_order_quantity is not None:
        lines.append(f"one order may ask for at most {number(now.max_order_quantity)}")
    if now.max_order_notional is not None:
        lines.append(f"one order may be worth at most {money(now.max_order_notional, now.currency)}")
    if now.max_working_orders is not None:
        lines.append(f"at most {now.max_working_orders:,} orders may work at the same time")
    lines.append("short selling is allowed" if now.allow_short else "you may sell only what you hold")
    lines += [escape(line) for line in now.lines]
    return "\n".join(["The rules for your account:", "", *(f"- {line}" for line in lines)])
