"""A desk as plain text: what a panel shows, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vtrade.desk import sections
from vtrade.desk.sections.look import Look
from vtrade.desk.sections.market import quote_of
from vtrade.desk.sections.words import has_account
from vtrade.execution.explain import units_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk


def text(desk: Desk) -> str:
    """The desk in lines."""
    room = desk._room
    with room.lock:
        v = sections.build(desk, Look(), ("account", "positions", "progress"))
        account = v["account"]
        state = "playing" if room.playing else "ended" if room.ended else "paused"
        lines = [
            f"{desk.account} on {room.head.name if room.head else room.engine.tape}, {desk.now}, {state}"
            + (f"  [branch of {desk.forked_from}]" if desk.forked_from else ""),
            f"NAV {account['nav']:,.2f} {account['currency']}  P&L {account['pnl']:+,.2f} ({account['pnl_pct']:+.2f} %)"
            f"  cash {account['cash']:,.2f}  buying power {account['buying_power']:,.2f}  fees {account['fees']:,.2f}"
            if has_account(desk)
            else f"{desk.account} looks on, without an account",
        ]
        for k, i in enumerate(desk.instruments):
            q = quote_of(desk, k)
            bid = (
                f"{units_text(q['bid_size'])} x {i.price_text(round(q['bid'] * 1e6 / i.tick_size))}"
                if q["bid"]
                else "-"
            )
            ask = (
                f"{i.price_text(round(q['ask'] * 1e6 / i.tick_size))} x {units_text(q['ask_size'])}"
                if q["ask"]
                else "-"
            )
            last = i.price_text(room.engine.last(k)) if q["last"] else "-"
            lines.append(f"  {i.symbol:<8} {bid:>18} | {ask:<18} last {last:>10}  {q['status']}")
        if v["positions"]:
            lines.append("positions:")
            lines += [
                f"  {p['symbol']:<8} {units_text(p['quantity']):>10} at {p['avg_entry_price']:,.4f}, "
                f"now {p['last']:,.4f}, unrealised {p['unrealized_pnl']:+,.2f}"
                for p in v["positions"]
            ]
        working = [r for r in room.blotter.of(desk.account) if r.working]
        if working:
            lines.append("working orders:")
            lines += [f"  {desk.order(r.client_order_id)!r}" for r in working[-10:]]
        p = v["progress"]
        if has_account(desk):
            lines.append(f"level {p['level']}, {p['title']}, {p['xp']} XP")
    return "\n".join(lines)
