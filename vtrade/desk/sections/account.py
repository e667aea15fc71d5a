"""How does the account stand, what is riding on what, and how did it get here?

Rules: the numbers are those of ``desk.statistics()``, ``desk.exposure()`` and ``desk.equity_curve()``, in the account's
currency; a number that is undefined is ``None``. What positions and working orders tie up is what the engine's buying
power leaves, so that the parts of the margin bar always add up to the equity. Maintenance is the engine's own rule.
"""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from vtrade.desk.sections.words import has_account, local_s
from vtrade.domain.values import MICRO, NS_PER_S, divide, format_micros, from_micros
from vtrade.portfolio.curve import DAY_NS
from vtrade.portfolio.frames import FROM_MIDNIGHT_MAX_NS
from vtrade.portfolio.purses import convert
from vtrade.portfolio.today import day_of, drawn

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look
    from vtrade.domain.accounts import RiskLimits
    from vtrade.portfolio.views import AccountView

GROUPS_MAX: Final = 24
"""Groups that exposure is told of one by one; the smallest others are added up."""
SINCE_DEPOSIT: Final = "since the account was opened"
SINCE_CLOSE: Final = "since the close of the day before"

_TOLD: Final = (
    "nav", "cash", "market_value", "deposits", "realized_pnl", "unrealized_pnl", "fees", "high_water_mark",
)  # fmt: skip
_RATIOS: Final = ("leverage", "drawdown", "max_drawdown", "total_return")
_MORE: Final = ("reserved", "buying_power", "pnl", "pnl_pct", "gross", "net", "day_pnl", "day_pct", "day_since")
_FLOWS: Final = ("dividends", "borrow_fees", "interest", "fines", "other", "currency_pnl")


def account(desk: Desk, look: Look) -> dict[str, Any]:
    """Money, in the account's currency; all ``None`` for who has no account."""
    room = desk._room
    if not has_account(desk):
        told = {"account": desk.account, "currency": desk.instruments[0].currency}
        return {**told, **dict.fromkeys((*_TOLD, *_RATIOS, *_MORE))}
    view, state = room.portfolio.account(desk.account), room.portfolio.state(desk.account)
    pnl = view.nav - view.deposits
    day = day_of(state, midnight_ns(desk))
    base = day.began + day.paid_in
    return {
        "account": desk.account, "currency": view.currency,
        **{name: from_micros(getattr(view, name)) for name in _TOLD},
        **{name: finite(getattr(view, name)) for name in _RATIOS},
        "reserved": from_micros(room.engine.accounts[desk.account].reserved),
        "buying_power": from_micros(room.engine.buying_power(desk.account)), "pnl": from_micros(pnl),
        "pnl_pct": round(100 * pnl / view.deposits, 4) if view.deposits else 0.0,
        "gross": from_micros(view.gross_exposure), "net": from_micros(view.net_exposure),
        "day_pnl": from_micros(day.pnl), "day_pct": round(100 * day.pnl / base, 4) if base > 0 else None,
        "day_since": SINCE_DEPOSIT if day.first else SINCE_CLOSE,
    }  # fmt: skip


def funds(desk: Desk, look: Look) -> dict[str, Any] | None:
    """Money by currency, what came and went beside trading, what trading cost, and the margin; ``None`` without one."""
    if not has_account(desk):
        return None
    view, state = desk._room.portfolio.account(desk.account), desk._room.portfolio.state(desk.account)
    return {
        "currency": view.currency,
        **{name: from_micros(getattr(view, name)) for name in _FLOWS},
        "slippage_bps": finite(view.slippage_bps), "turnover": finite(view.turnover), "fills": view.fills,
        "round_trips": view.round_trips,
        "balances": [
            {
                "currency": currency, "cash": from_micros(purse.cash), "rate": purse.rate / purse.into,
                "value": from_micros(convert(purse.cash, purse.rate, purse.into)),
            }
            for currency, purse in state.purses.items()
        ],
        "margin": _margin(desk, view),
    }  # fmt: skip


def finite(value: float) -> float | None:
    """A number that JSON has a word for.

    Examples
    --------
    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    return float(value) if math.isfinite(value) else None


def midnight_ns(desk: Desk) -> int:
    """When the desk's present day began, on the room's clock and in the tape's zone."""
    now, tape = desk._room.now_ns, desk._room.head
    if now < FROM_MIDNIGHT_MAX_NS:
        return now // DAY_NS * DAY_NS
    zone = ZoneInfo(tape.timezone if tape is not None else "UTC")
    day = datetime.datetime.fromtimestamp(now // NS_PER_S, zone).replace(hour=0, minute=0, second=0)
    return int(day.timestamp()) * NS_PER_S


# --- margin ----------------------------------------------------------------------------------------------------------


def _margin(desk: Desk, view: AccountView) -> dict[str, Any]:
    """What ties the equity up, how far it is from a margin call, and what one brings about."""
    engine = desk._room.engine
    held = engine.accounts[desk.account]
    limits, reserved, power = held.limits, held.reserved, engine.buying_power(desk.account)
    kind = "none" if not limits.enabled else "margin" if limits.on_margin else "cash"
    told: dict[str, Any] = {
        "kind": kind, "equity": from_micros(view.nav), "available": from_micros(power),
        "reserved": from_micros(reserved), "used": from_micros(view.nav - power - reserved),
        "maintenance": 0.0, "cushion": None, "call_move_pct": None, "state": "", "deadline": "",
    }  # fmt: skip
    if kind == "none":
        return {**told, "text": "No limits: this account is a study, nothing is denied for lack of money."}
    if kind == "cash":
        return {**told, "text": "A cash account: nothing is borrowed, so no margin can be called."}
    longs = (view.gross_exposure + view.net_exposure) // 2
    shorts = view.gross_exposure - longs
    keep = divide(longs * limits.maintenance_margin_ppm, MICRO) + divide(shorts * limits.short_maintenance_ppm, MICRO)
    cushion = view.nav - keep
    # when every price moves against the account by this share, equity and what must be kept meet
    falls = longs * (MICRO - limits.maintenance_margin_ppm) + shorts * (MICRO + limits.short_maintenance_ppm)
    move = 100 * cushion * MICRO / falls if falls > 0 else None
    call = desk._room.blotter._margins.get(desk.account)
    state = call.state if call is not None and call.state in ("called", "liquidated") and cushion < 0 else ""
    deadline = desk._time(call.deadline_ns)[-12:-4] if call is not None and state == "called" else ""
    return {
        **told, "maintenance": from_micros(keep), "cushion": from_micros(cushion), "state": state,
        "call_move_pct": round(move, 2) if move is not None and move < 100 else None, "deadline": deadline,
        "text": _margin_text(limits, view, state, deadline, cushion),
    }  # fmt: skip


def _margin_text(limits: RiskLimits, view: AccountView, state: str, deadline: str, cushion: int) -> str:
    short = f"{format_micros(max(0, -cushion))} {view.currency}"
    if state == "called":
        return (
            f"Margin call: the equity is {short} below what your positions must keep. Send orders that make them "
            f"smaller, or add money, before {deadline}; then orders are canceled and positions closed at market."
        )
    if state == "liquidated":
        return f"Margin call not met: positions are being closed at market, the largest first ({short} are missing)."
    if not view.gross_exposure:
        return "No position: nothing has to be kept, and all of the equity can carry new ones."
    return (
        f"When the equity falls to what must be kept, the margin is called: {_span(limits.margin_call_s)} to make "
        "positions smaller or to add money. Then, or at half of what must be kept, orders are canceled and positions "
        "closed at market, the largest first."
    )


def _span(seconds: int) -> str:
    """Some time in words.

    Examples
    --------
    >>> _span(3600), _span(90), _span(0), _span(7200)
    ('one hour', '90 seconds', 'no time', '2 hours')
    """
    if seconds <= 0:
        return "no time"
    for unit, name in ((3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds % unit == 0:
            return f"one {name}" if seconds == unit else f"{seconds // unit} {name}s"
    raise AssertionError(seconds)


# --- exposure and equity ---------------------------------------------------------------------------------------------


def exposure(desk: Desk, look: Look) -> dict[str, Any]:
    """What is riding on each group: by sector, asset class or instrument, the largest first."""
    by, room = look.exposure, desk._room
    if not has_account(desk):
        return {"by": by, "currency": desk.instruments[0].currency, "rows": [], "account": False}
    view, limits = room.portfolio.account(desk.account), room.engine.accounts[desk.account].limits
    groups = room.portfolio.exposure(desk.account, by=by)  # type: ignore[arg-type]
    names = {i.symbol: i.name for i in desk.instruments} if by == "instrument" else {}
    rows = [
        _group(g.group or "without a name", names.get(g.group, ""), g.long, g.short, view)
        for g in (groups if len(groups) <= GROUPS_MAX else groups[: GROUPS_MAX - 1])
    ]
    if len(rows) < len(groups):
        rest = groups[len(rows) :]
        longs, shorts = sum(g.long for g in rest), sum(g.short for g in rest)
        rows.append(_group(f"{len(rest)} others", "", longs, shorts, view))
    limited = by == "instrument" and limits.enabled
    return {
        "by": by, "currency": view.currency, "rows": rows, "account": True,
        "gross": from_micros(view.gross_exposure), "net": from_micros(view.net_exposure),
        "long": from_micros((view.gross_exposure + view.net_exposure) // 2),
        "short": from_micros((view.net_exposure - view.gross_exposure) // 2),
        "nav": from_micros(view.nav), "leverage": finite(view.leverage),
        "limit_pct": limits.concentration_ppm / 10_000 if limited else None,
    }  # fmt: skip


def _group(group: str, name: str, longs: int, shorts: int, view: AccountView) -> dict[str, Any]:
    gross, net = longs - shorts, longs + shorts
    return {
        "group": group, "name": name, "long": from_micros(longs), "short": from_micros(shorts),
        "gross": from_micros(gross), "net": from_micros(net),
        "weight": net / view.nav if view.nav > 0 else None,
        "share": gross / view.gross_exposure if view.gross_exposure else 0.0,
    }  # fmt: skip


def equity(desk: Desk, look: Look) -> dict[str, Any]:
    """The value over time with its high-water mark and drawdown, in a few hundred points; ``t`` in wall seconds."""
    if not has_account(desk):
        return {"t": [], "nav": [], "high": [], "drawdown": [], "account": False}
    view, state = desk._room.portfolio.account(desk.account), desk._room.portfolio.state(desk.account)
    path = drawn(state)
    t: list[float] = []
    ahead: dict[int, int] = {}  # of the wall clock, by quarter of an hour: zones change at none finer
    for ts_ns in path.ts_ns.tolist():
        seconds, rest = divmod(ts_ns, NS_PER_S)
        quarter = seconds // 900
        if quarter not in ahead:
            ahead[quarter] = local_s(desk, seconds) - seconds
        shown = seconds + ahead[quarter] + rest // 1_000_000 / 1_000
        t.append(shown if not t or shown > t[-1] else round(t[-1] + 0.001, 3))
    return {
        "t": t, "nav": (path.nav / MICRO).tolist(), "high": [finite(high / MICRO) for high in path.high.tolist()],
        "drawdown": [finite(depth) for depth in path.drawdown.tolist()], "account": True,
        "currency": view.currency, "deposits": from_micros(view.deposits),
        "high_water_mark": from_micros(view.high_water_mark), "now": finite(view.drawdown),
        "max_drawdown": finite(view.max_drawdown), "traded": view.fills > 0,
    }  # fmt: skip
