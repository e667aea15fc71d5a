"""What does a still picture tell of the student: money, orders, positions, progress, the talk with the coach?

Rules: pieces of :mod:`vtrade.domain.display` from sections of a view; what a view does not hold is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from vtrade.domain.display import Bar, Block, Table, Words, facts, number, percent, shortened, units
from vtrade_widgets.static_view import drawings

View = Mapping[str, Any]
ORDERS: Final = 10
ENDED: Final = 5
FILLS: Final = 10
STANDINGS: Final = 8
REASON_MAX: Final = 140
ANSWER_MAX: Final = 3_000
TURNS: Final = 6
WORKING: Final = frozenset(("INITIALIZED", "SUBMITTED", "ACCEPTED", "TRIGGERED", "PARTIALLY_FILLED"))


# --- money -----------------------------------------------------------------------------------------------------------


def account(view: View) -> Iterator[Block]:
    """The account on one line of a table."""
    told = view.get("account") or {}
    if told.get("nav") is None:
        if told:
            yield Words(f"{told.get('account') or 'Whoever sits here'} looks on, without an account.", "quiet")
        return
    pnl = number(told.get("pnl"), signed=True)
    cells = {
        "NAV": number(told["nav"]),
        "P&L": pnl + (f" ({number(told['pnl_pct'], signed=True)} %)" if told.get("pnl_pct") is not None else ""),
        "P&L today": number(told.get("day_pnl"), signed=True), "Cash": number(told.get("cash")),
        "Reserved": number(told.get("reserved")), "Buying power": number(told.get("buying_power")),
        "Fees": number(told.get("fees")),
    }  # fmt: skip
    shown = {name: text for name, text in cells.items() if text}
    yield Table(list(shown), [list(shown.values())], f"Account ({told.get('currency') or 'money units'})", 0)


def money(view: View) -> Iterator[Block]:
    """What else there is to know of an account: results, risk, margin."""
    told, funds = view.get("account") or {}, view.get("funds") or {}
    currency = told.get("currency") or ""
    flows = {name: number(funds.get(name), signed=True) for name in ("dividends", "interest", "borrow_fees", "fines")}
    pairs = {
        "realised P&L": number(told.get("realized_pnl"), signed=True),
        "unrealised P&L": number(told.get("unrealized_pnl"), signed=True),
        "market value": number(told.get("market_value")),
        "gross exposure": number(told.get("gross")), "net exposure": number(told.get("net"), signed=True),
        **{name.replace("_", " "): text for name, text in flows.items() if text not in ("", "0.00")},
    }  # fmt: skip
    pairs = {name: f"{text} {currency}".rstrip() for name, text in pairs.items() if text}
    pairs |= {
        "leverage": f"{number(told.get('leverage'))} x" if told.get("leverage") is not None else "",
        "drawdown now, at worst": " , ".join(
            text for text in (percent(told.get("drawdown")), percent(told.get("max_drawdown"))) if text
        ).replace(" , ", ", "),
        "slippage": f"{number(funds.get('slippage_bps'), signed=True)} bps"
        if funds.get("slippage_bps") is not None
        else "",
        "turnover": f"{number(funds.get('turnover'))} x" if funds.get("turnover") is not None else "",
    }
    if any(pairs.values()):
        yield facts(pairs)
    margin = funds.get("margin") or {}
    if margin.get("text"):
        yield Words(margin["text"], "quiet")
    balances = funds.get("balances") or []
    if len(balances) > 1:
        rows = [
            (row["currency"], number(row["cash"]), number(row["rate"], 6), number(row["value"])) for row in balances
        ]
        yield Table(("Currency", "Cash", "Rate", f"Value ({currency})"), rows, "Balances")


def exposure(view: View) -> Iterator[Block]:
    """What rides on each group."""
    told = view.get("exposure") or {}
    rows = [
        (row["group"], number(row["long"]), number(row["short"]), number(row["net"]), percent(row.get("weight"), 1),
         Bar(0.0, float(row["net"]) / (told.get("gross") or 1.0), -1.0 if row["net"] < 0 else 0.0, 1.0))
        for row in told.get("rows") or []
    ]  # fmt: skip
    if rows:
        by = str(told.get("by", "")).replace("_", " ")
        heads = (by.capitalize(), "Long", "Short", "Net", "Of NAV", " ")
        yield Table(heads, rows, f"Exposure by {by} ({told.get('currency', '')})", frozenset((0, 5)))


def equity(view: View) -> Iterator[Block]:
    """The equity curve, once there is one."""
    curve = view.get("equity") or {}
    if len(curve.get("t") or []) > 1:
        yield drawings.equity(curve)


# --- orders ----------------------------------------------------------------------------------------------------------


def positions(view: View) -> Iterator[Block]:
    """What is held."""
    rows = []
    for row in view.get("positions") or []:
        places = row.get("decimals", 2)
        rows.append(
            (row["symbol"], units(row["quantity"]), number(row.get("avg_entry_price"), places + 2),
             number(row.get("last"), places), number(row.get("market_value")),
             number(row.get("unrealized_pnl"), signed=True), number(row.get("realized_pnl"), signed=True),
             percent(row.get("weight"), 1), row.get("currency") or "")
        )  # fmt: skip
    if rows:
        heads = (
            "Symbol",
            "Quantity",
            "Avg entry",
            "Last",
            "Market value",
            "Unrealised P&L",
            "Realised P&L",
            "Of NAV",
            "Currency",
        )
        yield Table(heads, rows, "Positions", frozenset((0, 8)))


def orders(view: View, ended: int = ENDED) -> Iterator[Block]:
    """What works, and the last orders that ended."""
    listed = view.get("orders") or []
    working = [row for row in listed if row.get("status") in WORKING]
    others = [row for row in listed if row.get("status") not in WORKING]
    yield from _orders("Working orders", working, ORDERS)
    yield from _orders("Last orders", others, ended)


def _orders(title: str, listed: list[Mapping[str, Any]], most: int) -> Iterator[Block]:
    rows = [
        (f"#{row['number']}" if row.get("number") else str(row.get("id", "")), row.get("time") or "", row["symbol"],
         row["side"], row["type"].replace("_", " "), units(row["quantity"]), units(row["filled"]),
         row.get("price") or "market", number(row.get("avg_px"), 4), row["status"].replace("_", " ").lower(),
         shortened(row.get("reason") or "", REASON_MAX))
        for row in listed[:most]
    ]  # fmt: skip
    if rows:
        heads = ("Order", "Time", "Symbol", "Side", "Type", "Quantity", "Filled", "Price", "Avg price", "Status", "Why")
        more = f"and {len(listed) - most} more" if len(listed) > most else ""
        yield Table(heads, rows, title, frozenset((0, 1, 2, 3, 4, 9, 10)), more)


def fills(view: View) -> Iterator[Block]:
    """The last fills, newest first."""
    listed = view.get("fills") or []
    rows = [
        (row["time"], f"#{row['number']}" if row.get("number") else str(row["id"]), row["symbol"],
         f"{'▲' if row['side'] == 'buy' else '▼'} {row['side']}", units(row["quantity"]),
         number(row["price"], row.get("decimals", 2)), number(row.get("value")), number(row.get("fee")),
         row.get("liquidity") or "", row.get("cause") or "")
        for row in listed[:FILLS]
    ]  # fmt: skip
    if rows:
        heads = ("Time", "Order", "Symbol", "Side", "Quantity", "Price", "Value", "Fee", "As", "Because it")
        total = ((view.get("tally") or {}).get("fills") or {}).get("total") or len(listed)
        more = f"and {total - len(rows)} older" if total > len(rows) else ""
        yield Table(heads, rows, "Last fills", frozenset((0, 1, 2, 3, 8, 9)), more)


def blotter(view: View) -> Iterator[Block]:
    """Positions, orders and fills."""
    pieces = [*positions(view), *orders(view, 12), *fills(view)]
    yield from pieces or [Words("No order yet, and no position.", "quiet")]


def ticket(view: View) -> Iterator[Block]:
    """What could be ordered, and with how much money."""
    told, purse = {**(view.get("kinds") or {}), **(view.get("ticket") or {})}, view.get("purse") or {}
    symbol, currency = view.get("symbol") or "", told.get("currency") or ""
    held = units(purse.get("position")) if purse.get("position") else "nothing"
    yield facts(
        {
            "price step": f"{told['price_step']:g} {currency}" if told.get("price_step") else "",
            "quantity step": units(told.get("quantity_step")),
            "buying power": f"{number(purse.get('buying_power'))} {purse.get('money') or ''}".strip()
            if purse.get("buying_power") is not None
            else "",
            "you hold": f"{held} {symbol}".strip() if purse else "",
            "limits": "; ".join(told.get("limits") or []),
        },
        title=f"Order ticket {symbol}".rstrip(),
    )
    names, hints = told.get("type_names") or {}, told.get("type_hints") or {}
    rows = [(names.get(kind, kind.replace("_", " ")), hints.get(kind, "")) for kind in told.get("types") or []]
    if rows:
        yield Table(("Order", "What it does"), rows, words=2)
    lives = [f"{(told.get('tif_names') or {}).get(tif, tif)} ({tif})" for tif in told.get("tifs") or []]
    if lives:
        yield Words("Good: " + ", ".join(lives) + ".", "quiet")


# --- progress and talk -----------------------------------------------------------------------------------------------


def progress(view: View, *, whole: bool = False) -> Iterator[Block]:
    """Level and what comes next; all missions, badges and streaks where there is room."""
    told = {**(view.get("learning") or {}), **(view.get("progress") or {})}
    if not told.get("level"):
        return
    ahead = told.get("next_level_xp")
    title = f", {told['title']}" if told.get("title") else ""
    text = f"Level {told['level']}{title}: {units(told.get('xp', 0))} XP" + (
        f", next level at {units(ahead)} XP" if ahead else ""
    )
    badges = told.get("badges") or []
    yield Words(f"{text}. Badges: {', '.join(badges) if badges else 'none yet'}.", "strong" if whole else "plain")
    missions = sorted(told.get("missions") or [], key=lambda row: -row["done"] / (row["goal"] or 1))
    rows = [
        (row["name"], f"{row['done']} of {row['goal']}", *([shortened(row.get("about") or "", REASON_MAX)] * whole))
        for row in missions[: None if whole else 3]
    ]
    if rows:
        heads = ("Mission", "Done", *(["What it asks for"] * whole))
        yield Table(heads, rows, "Missions", frozenset((0, 2)))
    if whole:
        habits = [
            (row["name"], units(row["length"]), units(row["best"]), shortened(row.get("about") or "", REASON_MAX))
            for row in told.get("streaks") or []
        ]
        if habits:
            yield Table(("Streak", "Now", "Best", "Sessions in a row"), habits, words=frozenset((0, 3)))
        paid = [(row["time"], row["title"], f"+{row['xp']} XP") for row in told.get("awards") or []]
        if paid:
            yield Table(("Time", "For", "XP"), paid, "Last earned", 2)


def standings(view: View) -> Iterator[Block]:
    """The best, and one's own row."""
    listed, ranking = view.get("standings") or [], view.get("ranking") or {}
    rows = []
    for row in [*listed[:STANDINGS], *(row for row in listed[STANDINGS:] if row.get("me"))]:
        moved = row.get("moved")
        went = "" if not moved else f"{'▲' if moved > 0 else '▼'} {abs(moved)}"
        rows.append((str(row["rank"]), f"{row['name']}{' (you)' if row.get('me') else ''}", units(row["score"]), went))
    if rows:
        unit = ranking.get("currency", "NAV") if ranking.get("by") == "nav" else "XP"
        size, mine = ranking.get("size") or 0, ranking.get("me") or {}
        note = f"You are {mine['rank']} of {size}." if mine.get("rank") and size > 1 else ""
        yield Table(("Rank", "Name", unit, "Moved"), rows, "Standings", frozenset((1, 3)), note)
    if ranking.get("trouble"):
        yield Words(ranking["trouble"], "quiet")


def coach(view: View) -> Iterator[Block]:
    """The end of the conversation."""
    told, turns = view.get("coach") or {}, view.get("coach_turns") or []
    texts: dict[str, str] = {}
    for piece in view.get("coach_text") or []:
        texts[piece["turn"]] = texts.get(piece["turn"], "") + piece["text"]
    source = told.get("source") or "coach"
    yield Words(f"Coach ({source})", "strong")
    for turn in turns[-TURNS:]:
        answer = texts.get(turn["id"], "")
        yield Words(f"You: {turn['question']}", "strong")
        yield Words(answer.replace("**", "")[:ANSWER_MAX] or "no answer yet")
        if turn.get("evidence"):
            used = "; ".join(f"{row.get('label', '')}: {row.get('value', '')}" for row in turn["evidence"])
            yield Words(f"Based on {shortened(used, 400)}", "quiet")
    for card in told.get("cards") or []:
        yield Words(
            f"Proposal {card['id']} ({card.get('state', 'open')}): {card['terms']}. {card.get('why') or ''}".rstrip()
        )
    first = told.get("first") or []
    if not turns:
        asked = f" You could ask: {' '.join(first)}" if first else ""
        yield Words(f"Nothing was asked yet.{asked}", "quiet")
