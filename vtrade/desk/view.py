"""What does a panel show, and what may it ask for? One dictionary down, one intent up.

Rules: the dictionary is plain JSON values in whole units; which buttons an order has comes from its status. An intent
that cannot be done is answered with a sentence, never with an exception.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from vtrade.desk import checks
from vtrade.domain.orders import TRANSITIONS, OrderEvent, OrderType, Reason, Side, Status, TimeInForce
from vtrade.domain.values import NS_PER_S, from_micros
from vtrade.errors import DeskError, VTradeError
from vtrade.execution.explain import price_text, units_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.execution.blotter import Record

T = TypeVar("T")

ORDERS_SHOWN: Final = 50
NEWS_SHOWN: Final = 5
STANDINGS_SHOWN: Final = 10
BAR_S: Final = 60

_EPOCH_FROM_NS: Final = 10 * 86_400 * NS_PER_S
"""Times below count from midnight, above from the Unix epoch."""

_ELSEWHERE: Final = (
    Reason.WAITING_IN_FLIGHT, Reason.WAITING_FOR_PARENT, Reason.WAITING_FOR_TRIGGER, Reason.WAITING_FOR_AUCTION,
)  # fmt: skip
"""Orders that wait for these stand on no rung of the ladder."""

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

TICKET_TYPES: Final = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP_MARKET, OrderType.STOP_LIMIT)
TICKET_TIFS: Final = tuple(tif for tif in TimeInForce if tif != TimeInForce.GTD)
"""What the ticket has fields for; an intent may ask for all the others too."""

_MONEY: Final = (
    "nav", "cash", "reserved", "buying_power", "realized_pnl", "unrealized_pnl", "fees", "pnl", "pnl_pct",
)  # fmt: skip

_INTENTS: Final = {OrderEvent.CANCEL: "cancel", OrderEvent.REPLACE: "replace"}


def build(desk: Desk, symbol: str | None, *, levels: int, bars: int) -> dict[str, Any]:
    """Everything a panel shows."""
    room = desk._room
    with room.lock:
        engine = room.engine
        levels, bars = checks.count(levels, "levels"), checks.count(bars, "bars")
        k = engine.index(symbol) if isinstance(symbol, str) else 0
        if k is None:
            k = 0
        i = desk.instruments[k]
        return {
            "seq": room.changes,
            "clock": _clock(desk),
            "symbols": [_listing(desk, n) for n in range(len(desk.instruments))],
            "symbol": i.symbol,
            "instrument": {
                "symbol": i.symbol, "name": i.name, "sector": i.sector, "currency": i.currency,
                "tick": from_micros(i.tick_size), "lot": from_micros(i.lot_size), "decimals": i.price_decimals,
            },
            "quote": _quote(desk, k),
            "depth": _depth(desk, k, levels),
            "bars": _bars(desk, k, bars),
            "orders": [_order(desk, r) for r in reversed(room.blotter.of(desk.account)[-ORDERS_SHOWN:])],
            "positions": [
                {
                    "symbol": p.symbol, "quantity": p.units, "avg_entry_price": p.avg_entry_price,
                    "last": p.mark_price, "market_value": from_micros(p.market_value),
                    "unrealized_pnl": from_micros(p.unrealized_pnl), "realized_pnl": from_micros(p.realized_pnl),
                }
                for p in (room.portfolio.positions(desk.account) if has_account(desk) else ())
            ],
            "account": _account(desk),
            "standings": [
                {"rank": row.rank, "name": row.account, "score": row.score, "me": row.account == desk.account}
                for row in room.rank("xp").top(STANDINGS_SHOWN)
            ],
            "progress": _progress(desk),
            "ticket": {"types": [str(t) for t in TICKET_TYPES], "tifs": [str(t) for t in TICKET_TIFS]},
            "news": [
                {"time": desk._time(n.ts_ns)[-12:-4], "symbol": n.symbol, "headline": n.headline}
                for n in reversed([n for n in room.news if n.account in ("", desk.account)][-NEWS_SHOWN:])
            ],
        }  # fmt: skip


def _clock(desk: Desk) -> dict[str, Any]:
    room = desk._room
    shown = desk.now
    tape = room.head
    span = (tape.end_ns - tape.start_ns) if tape else 0
    done = (room.now_ns - tape.start_ns) / span if tape and span else 1.0
    return {
        "time": shown[-12:-4], "date": shown[:-13], "playing": room.playing, "speed": room.speed,
        "ended": room.ended, "progress": round(min(1.0, max(0.0, done)), 4),
        "forked": desk.forked_from, "trouble": room.trouble, "unit_s": room.base_rate(),
    }  # fmt: skip


def _change(desk: Desk, k: int) -> tuple[float | None, float | None]:
    """Change since the first print of the tape, in money and percent."""
    last, first = desk._room.engine.last(k), desk._room.candles.first(k)
    if not last or not first:
        return None, None
    return desk.instruments[k].price(last - first), round(100 * (last - first) / first, 3)


def _listing(desk: Desk, k: int) -> dict[str, Any]:
    i = desk.instruments[k]
    last = desk._room.engine.last(k)
    return {
        "symbol": i.symbol, "name": i.name, "sector": i.sector, "last": i.price(last) if last else None,
        "change_pct": _change(desk, k)[1],
    }  # fmt: skip


def _quote(desk: Desk, k: int) -> dict[str, Any]:
    i, engine = desk.instruments[k], desk._room.engine
    bid, bid_size, ask, ask_size = engine.touch(k)
    last = engine.last(k)
    change, percent = _change(desk, k)
    return {
        "bid": i.price(bid) if bid else None, "bid_size": i.quantity(bid_size) if bid else None,
        "ask": i.price(ask) if ask else None, "ask_size": i.quantity(ask_size) if ask else None,
        "last": i.price(last) if last else None, "change": change, "change_pct": percent,
        "spread": i.price(ask - bid) if bid and ask else None, "status": engine.session(k),
    }  # fmt: skip


def _depth(desk: Desk, k: int, levels: int) -> dict[str, list[list[float]]]:
    i, engine = desk.instruments[k], desk._room.engine
    own: dict[tuple[int, int], int] = {}
    for order in engine.orders.values():
        if order.k != k or order.account.name != desk.account or order.limit is None:
            continue
        if engine.waiting(order.order_id) not in _ELSEWHERE:
            key = (int(order.side), order.limit)
            shown = order.terms.display_quantity if order.terms is not None else 0
            own[key] = own.get(key, 0) + (min(shown, order.leaves) if shown else order.leaves)

    def rows(side: int) -> list[list[float]]:
        return [
            [i.price(px), i.quantity(lots), i.quantity(own.get((side, px), 0))]
            for px, lots in engine.depth(k, side, levels)
        ]

    return {"bids": rows(1), "asks": rows(-1)}


def _bars(desk: Desk, k: int, bars: int) -> dict[str, Any]:
    i = desk.instruments[k]
    rows = desk._room.candles.of(k, seconds=BAR_S, last=bars)
    return {
        "seconds": BAR_S,
        "t": [_local_s(desk, r[0]) for r in rows],
        **{name: [i.price(r[c]) for r in rows] for c, name in enumerate("ohlc", start=1)},
        "v": [i.quantity(r[5]) for r in rows],
    }


def _local_s(desk: Desk, seconds: int) -> int:
    """Seconds as a wall clock in the tape's zone would count them, so that a panel can print them as they are."""
    tape = desk._room.head
    if tape is None or seconds * NS_PER_S < _EPOCH_FROM_NS:
        return seconds
    offset = datetime.datetime.fromtimestamp(seconds, ZoneInfo(tape.timezone)).utcoffset()
    return seconds + int(offset.total_seconds()) if offset else seconds


def _order(desk: Desk, r: Record) -> dict[str, Any]:
    prices = [
        f"{word}{price_text(price, r.instrument.price_decimals if r.instrument else 2)}"
        for word, price in (("", r.limit_price), ("stop ", desk._stop_price(r)))
        if price is not None
    ]
    return {
        "id": r.client_order_id, "number": r.order_id, "time": desk._time(r.ts_ns)[-12:-4], "symbol": r.symbol,
        "side": r.side.name.lower(), "type": str(r.type), "quantity": r.quantity_units, "filled": r.filled_units,
        "price": ", ".join(prices), "status": str(r.status), "reason": desk._reason(r), "avg_px": r.avg_px,
        "intents": [word for event, word in _INTENTS.items() if event in TRANSITIONS[r.status]],
    }  # fmt: skip


def has_account(desk: Desk) -> bool:
    """Whether whoever sits here trades; who runs a room has no account in it."""
    return desk.account in desk._room.portfolio.accounts


def _account(desk: Desk) -> dict[str, Any]:
    room = desk._room
    if not has_account(desk):
        return {"account": desk.account, "currency": desk.instruments[0].currency, **dict.fromkeys(_MONEY)}
    account = room.portfolio.account(desk.account)
    pnl = account.nav - account.deposits
    return {
        "account": desk.account, "currency": account.currency, "nav": from_micros(account.nav),
        "cash": from_micros(account.cash),
        "reserved": from_micros(room.engine.accounts[desk.account].reserved),
        "buying_power": from_micros(room.engine.buying_power(desk.account)),
        "realized_pnl": from_micros(account.realized_pnl), "unrealized_pnl": from_micros(account.unrealized_pnl),
        "fees": from_micros(account.fees), "pnl": from_micros(pnl),
        "pnl_pct": round(100 * pnl / account.deposits, 4) if account.deposits else 0.0,
    }  # fmt: skip


def _progress(desk: Desk) -> dict[str, Any]:
    if not has_account(desk):
        return {"level": 0, "title": "without an account", "xp": 0, "next_level_xp": 0, "badges": [], "missions": []}
    p = desk._room.progress.progress(desk.account)
    return {
        "level": p.level, "title": p.title, "xp": p.xp, "next_level_xp": p.next_level_xp,
        "badges": [b.title for b in p.badges],
        "missions": [{"name": m.title, "done": m.done, "goal": m.goal, "about": m.description} for m in p.missions],
    }  # fmt: skip


# --- intents -----------------------------------------------------------------------------------------------------


def handle(desk: Desk, intent: dict[str, Any]) -> dict[str, str]:
    """Do what a panel asks for; tell how it went."""
    try:
        text = _do(desk, intent)
    except VTradeError as error:
        return {"kind": "error", "text": str(error)}
    except Exception as error:  # an intent comes from outside, and its reader has to hear of it whatever happens
        return {"kind": "error", "text": f"that could not be done ({type(error).__name__}: {error})"}
    return {"kind": "error" if text.startswith("!") else "ok", "text": text.removeprefix("!")}


def _do(desk: Desk, intent: dict[str, Any]) -> str:
    if not isinstance(intent, dict) or not isinstance(intent.get("intent"), str):
        raise DeskError('a panel asks with a dictionary such as {"intent": "pause"}')
    match intent["intent"]:
        case "submit":
            return _submitted(desk, intent)
        case "cancel":
            return _told(desk, desk.cancel(_text(intent, "id")).client_order_id)
        case "replace":
            terms = {
                name: _number(intent.get(key), name)
                for name, key in (("quantity", "quantity"), ("limit", "limit_price"), ("stop", "stop_price"))
            }
            return _told(desk, desk.replace(_text(intent, "id"), **terms).client_order_id)
        case "close":
            orders = desk.close(intent.get("symbol"))
            return f"{len(orders)} closing order(s) sent" if orders else "!there is no position to close"
        case "play":
            desk.play(_float(intent.get("speed") or 1.0, "speed"))
            return "!the tape has ended: rewind to play again" if desk.ended else "playing"
        case "pause":
            desk.pause()
            return "paused"
        case "step":
            desk.step(seconds=_float(intent.get("seconds") or 1.0, "seconds") * desk._room.base_rate())
            return f"stepped to {desk.now}"
        case "rewind":
            desk.rewind(seconds=_float(intent.get("seconds") or 60.0, "seconds") * desk._room.base_rate())
            return f"rewound to {desk.now}" + ("; the journal of before is kept" if desk.journal else "")
        case other:
            raise DeskError(f"a panel cannot ask for {other!r}")


def _number(value: Any, what: str) -> Any:
    """A field as the ticket sends it: empty means not given."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise DeskError(f"{what} {value!r} is not a number")
    return value


def _float(value: Any, what: str) -> float:
    try:
        return float(_number(value, what))
    except (TypeError, ValueError, OverflowError):
        raise DeskError(f"{what} {value!r} is not a number") from None


def _text(intent: dict[str, Any], field: str) -> str:
    value = intent.get(field)
    if not isinstance(value, str | int) or value == "":
        raise DeskError(f"the {field} is missing")
    return str(value)


def _one_of(intent: dict[str, Any], field: str, default: str, known: Mapping[str, T]) -> T:
    value = str(intent.get(field) or default).lower()
    if value not in known:
        raise DeskError(f"{field} {value!r} is unknown; choose one of {', '.join(known)}")
    return known[value]


def _submitted(desk: Desk, intent: dict[str, Any]) -> str:
    quantity = _number(intent.get("quantity"), "quantity")
    if quantity is None:
        raise DeskError("the quantity is empty; give how many to trade")
    side = _one_of(intent, "side", "", {"buy": Side.BUY, "sell": Side.SELL})
    asked: dict[str, Any] = {name: _number(intent.get(name), name) for name in ("trail", "trail_bps", "display")}
    asked |= {name: intent.get(name) or None for name in ("good_till", "oco", "parent")}
    asked |= {name: intent.get(name) or False for name in ("post_only", "reduce_only")}
    order = desk._submit(
        side, _text(intent, "symbol"), quantity, limit=_number(intent.get("limit_price"), "limit price"),
        stop=_number(intent.get("stop_price"), "stop price"), tif=str(intent["tif"]) if intent.get("tif") else None,
        client_order_id=intent.get("client_order_id") or None,
        type_=_one_of(intent, "type", "market", {str(t): t for t in OrderType}), **asked,
    )  # fmt: skip
    return _told(desk, order.client_order_id)


def _told(desk: Desk, client_order_id: str) -> str:
    """How an order stands, for the message line."""
    record = desk._record(client_order_id)
    text = repr(desk.order(client_order_id)).removeprefix("Order ")
    if record.working and desk.ended and record.waiting == Reason.WAITING_FOR_OPEN:
        text += ". The tape has ended, so no open will come: rewind to trade on"
    if desk._room.on_its_way(desk.account, client_order_id):
        text += ". A change is on its way to the venue"
    refused = record.status in (Status.DENIED, Status.REJECTED)
    last = record.facts[-1]
    if type(last).__name__ in ("CancelRejected", "ReplaceRejected"):
        return f"!{getattr(last, 'detail', '')}"
    return f"!{text}" if refused else text


# --- text --------------------------------------------------------------------------------------------------------


def text(desk: Desk) -> str:
    """The desk as plain text: what a panel shows, without one."""
    room = desk._room
    with room.lock:
        v = build(desk, None, levels=1, bars=1)
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
            q = _quote(desk, k)
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


def parse_moment(desk: Desk, when: str) -> int:
    """Nanoseconds of ``"HH:MM[:SS]"`` on the desk's present day, or of ``"YYYY-MM-DD[ HH:MM[:SS]]"``."""
    tape = desk._room.head
    epoch = tape is not None and tape.start_ns >= _EPOCH_FROM_NS
    zone: datetime.tzinfo = ZoneInfo(tape.timezone if tape else "UTC")
    try:
        if "-" in when:
            moment = datetime.datetime.fromisoformat(when)
            day, clock, zone = moment.date(), moment.time(), moment.tzinfo or zone
        else:
            day, clock = None, datetime.time.fromisoformat(when)
    except ValueError:
        raise DeskError(f'{when!r} is no time; write "10:30", "10:30:05" or "2012-06-21 10:30"') from None
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    if epoch:
        day = day or datetime.datetime.fromtimestamp(desk._room.now_ns // NS_PER_S, zone).date()
        since = datetime.datetime.combine(day, clock.replace(microsecond=0), zone) - _EPOCH
        seconds = since.days * 86_400 + since.seconds
    elif day is not None and tape is not None and tape.date and day.isoformat() != tape.date:
        raise DeskError(f"{when!r} is not on this tape's day, {tape.date}")
    return seconds * NS_PER_S + clock.microsecond * 1_000
