"""What can be asked about a room? The tables of a desk, from a desk on this side.

Rules: a question is about one account: one's own, or for staff any. The market, news and standings are the same for
everybody. Answers are worked out in threads, a bounded number at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from vtrade.desk import frames
from vtrade.desk.desk import Desk
from vtrade.desk.order import find_record
from vtrade.errors import DeskError, ValueOffGrid
from vtrade.execution.rehearsal import MESSAGES_MAX
from vtrade.gateway import answers
from vtrade.gateway.doors import AccountName, Looking, Trading, gateway_of, whose
from vtrade.gateway.pages import answering
from vtrade.gateway.problems import NotHere
from vtrade.gateway.state import Served, Who
from vtrade.services import commands as asked
from vtrade.services.access import PERMISSIONS, shown
from vtrade.services.inquiry import Previews
from vtrade.services.visible import public_explanation

router = APIRouter()

Symbol = Annotated[str, Path(description="Symbol of an instrument", max_length=64)]
OrderName = Annotated[str, Path(description="client_order_id, or the venue's number", max_length=128)]
ROWS_MAX: Final = 1_000
LEVELS_MAX: Final = 50
MOST_COST: Final = 5
"""Questions that finding out how much could be asked for counts as."""
SPECTATOR: Final = "\N{NO-BREAK SPACE}"


async def _asked(request: Request, who: Who, account: str, question: Callable[[Desk], Any]) -> Response:
    """Work out an answer about an account, in a thread."""
    gateway = gateway_of(request)
    desk = gateway.desk(who.served, account)
    return answers.sent(await gateway.work(question, desk))


def _market(who: Who, request: Request) -> Desk:
    """A desk that looks at the market and belongs to nobody."""
    desk = who.served.desks.get(SPECTATOR)
    if desk is None:
        wiring = gateway_of(request).parts.wiring
        desk = who.served.desks[SPECTATOR] = Desk.on(who.served.room, SPECTATOR, wiring)
    return desk


def _known(served: Served, symbol: str) -> str:
    if served.room.engine.index(symbol) is None:
        raise NotHere(f"{shown(symbol)} is not traded here; GET quotes lists what is")
    return symbol


# --- one's own -------------------------------------------------------------------------------------------------------


@router.get("/v1/rooms/{room}/me", **answering(answers.Me))
async def me(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Who I am here, what I may do, and how my account stands."""
    gateway, grant, room = gateway_of(request), who.grant, who.served.room
    told = answers.Me(
        who.served.name, grant.account, grant.role, sorted(PERMISSIONS[grant.role]), room.seq, room.now_ns,
        _market(who, request).now,
    )  # fmt: skip
    if account is None and grant.account not in room.engine.accounts:
        return answers.sent(told)
    name = whose(who, account)
    desk = gateway.desk(who.served, name)
    values, balances = await gateway.work(lambda: (answers.money_of(desk), desk.balances))
    return answers.sent(
        answers.Me(told.room, name, told.role, told.may, told.seq, told.ts_ns, told.time, values, balances)
    )


@router.get("/v1/rooms/{room}/orders", **answering(answers.Table))
async def orders(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Orders, newest first."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.orders()))


@router.get("/v1/rooms/{room}/orders/{order}", **answering(answers.Values))
async def order(request: Request, who: Looking, order: OrderName, account: AccountName = None) -> Response:
    """One order."""

    def question(desk: Desk) -> answers.Values:
        row = frames.order_row(
            record := _record(desk, order), show_time=desk._time, reason=desk._reason(record),
            stop=desk._stop_price(record),
        )  # fmt: skip
        return answers.Values(dict(zip(frames.ORDER_COLUMNS, row, strict=True)))  # type: ignore[arg-type]

    return await _asked(request, who, whose(who, account), question)


@router.get("/v1/rooms/{room}/orders/{order}/explanation", **answering(answers.ExplanationSeen))
async def explanation(request: Request, who: Looking, order: OrderName, account: AccountName = None) -> Response:
    """Why an order filled, waits or failed, and what it cost."""

    def question(desk: Desk) -> answers.ExplanationSeen:
        story = desk._explain(_record(desk, order))
        if not who.grant.staff:
            story = public_explanation(story)
        told = asdict(story)
        charges = told.pop("alternatives")
        return answers.ExplanationSeen(**told, alternatives=charges, text=str(story))

    return await _asked(request, who, whose(who, account), question)


def _record(desk: Desk, order: str) -> Any:
    record = find_record(desk._room.blotter, desk.account, order)
    if record is None:
        raise NotHere(f"there is no order {shown(order)} of {shown(desk.account)}; GET orders lists them")
    return record


@router.post("/v1/rooms/{room}/preview", **answering(Previews, body=asked.Body))
async def preview(
    request: Request, who: Trading, most: Annotated[bool, Query(description="how much could be asked for")] = False
) -> Response:  # fmt: skip
    """What orders of one's own would do, without sending them; commands of type ``submit`` and ``replace``."""
    gateway = gateway_of(request)
    body = asked.read_body(await request.body())
    gateway.pay(gateway.asks, who.grant, len(body.commands) - 1 + MOST_COST * most)
    desk = gateway.desk(who.served, who.grant.account)
    messages = [
        asked.to_message(command, account=desk.account, ts_ns=desk._room.now_ns)
        for command in body.commands
        if isinstance(command, asked.Submit | asked.Replace)
    ]
    if not len(messages) == len(body.commands) <= MESSAGES_MAX:
        raise ValueOffGrid(f"a preview is of one to {MESSAGES_MAX} commands of type submit or replace")
    told = await gateway.work(lambda: desk._room.previewed(messages, most=most))  # type: ignore[arg-type]
    return answers.sent(Previews(told))


@router.get("/v1/rooms/{room}/fills", **answering(answers.Table))
async def fills(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Fills, oldest first."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.fills()))


@router.get("/v1/rooms/{room}/positions", **answering(answers.Table))
async def positions(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Open positions."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.positions()))


@router.get("/v1/rooms/{room}/round-trips", **answering(answers.Table))
async def round_trips(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Entries matched with exits, first in, first out."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.round_trips()))


@router.get("/v1/rooms/{room}/equity-curve", **answering(answers.Table))
async def equity_curve(request: Request, who: Looking, account: AccountName = None) -> Response:
    """NAV and drawdown over time."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.equity_curve()))


@router.get("/v1/rooms/{room}/statistics", **answering(answers.Values))
async def statistics(
    request: Request, who: Looking, account: AccountName = None,
    periods_per_year: Annotated[float | None, Query(gt=0, le=1e9)] = None,
) -> Response:  # fmt: skip
    """Return, risk, costs and hit rate."""

    def question(desk: Desk) -> answers.Values:
        found = desk.statistics(periods_per_year=periods_per_year)
        return answers.Values({str(name): value for name, value in found.items()})

    return await _asked(request, who, whose(who, account), question)


@router.get("/v1/rooms/{room}/exposure", **answering(answers.Table))
async def exposure(
    request: Request, who: Looking, account: AccountName = None,
    by: Literal["instrument", "sector", "asset_class"] = "instrument",
) -> Response:  # fmt: skip
    """Market value by instrument, sector or asset class."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.exposure(by)))


@router.get("/v1/rooms/{room}/progress", **answering(answers.ProgressSeen))
async def progress(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Level, experience, badges and missions."""
    return await _asked(request, who, whose(who, account), answers.progress_of)


@router.get("/v1/rooms/{room}/tenders", **answering(answers.Table))
async def tenders(request: Request, who: Looking, account: AccountName = None) -> Response:
    """Blocks that are offered to the account off the book."""
    return await _asked(request, who, whose(who, account), lambda desk: answers.table(desk.tenders()))


@router.get("/v1/rooms/{room}/view", **answering(answers.View))
async def view(
    request: Request, who: Looking, account: AccountName = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    levels: Annotated[int, Query(ge=1, le=LEVELS_MAX)] = 10,
    bars: Annotated[int, Query(ge=1, le=ROWS_MAX)] = 120,
) -> Response:  # fmt: skip
    """Everything a panel shows, at once."""

    def question(desk: Desk) -> answers.View:
        return answers.View(desk.view(symbol, levels=levels, bars=bars))

    return await _asked(request, who, whose(who, account), question)


@router.post("/v1/rooms/{room}/ask", **answering(answers.AnswerSeen, body=answers.Question))
async def ask(request: Request, who: Trading) -> Response:
    """Ask the tutor; it sees nobody's evidence but one's own, and can send no order."""
    gateway = gateway_of(request)
    question: answers.Question = answers.read(await request.body(), answers.Question)
    gateway.pay(gateway.tutor, who.grant)
    desk = gateway.desk(who.served, who.grant.account)
    told = await gateway.work_of_tutor(partial(desk.ask, question.question, proposals=False))
    evidence = [{"source": used.source, "text": used.text} for used in told.evidence]
    return answers.sent(answers.AnswerSeen(told.text, told.source, list(told.notices), evidence))


# --- everybody's -----------------------------------------------------------------------------------------------------


@router.get("/v1/rooms/{room}/quotes", **answering(answers.Table))
async def quotes(request: Request, who: Looking) -> Response:
    """Best bid and ask, last print and session of every instrument."""
    desk = _market(who, request)
    return answers.sent(await gateway_of(request).work(lambda: answers.table(desk.quotes())))


@router.get("/v1/rooms/{room}/book/{symbol}", **answering(answers.Table))
async def book(
    request: Request, who: Looking, symbol: Symbol, levels: Annotated[int, Query(ge=1, le=LEVELS_MAX)] = 10
) -> Response:
    """Depth, best level first."""
    desk, name = _market(who, request), _known(who.served, symbol)
    return answers.sent(await gateway_of(request).work(lambda: answers.table(desk.book(name, levels))))


@router.get("/v1/rooms/{room}/bars/{symbol}", **answering(answers.Table))
async def bars(
    request: Request, who: Looking, symbol: Symbol, seconds: Annotated[int, Query(ge=1, le=86_400)] = 60,
    last: Annotated[int, Query(ge=1, le=ROWS_MAX)] = ROWS_MAX,
) -> Response:  # fmt: skip
    """Candles of the prints so far; the last so many."""
    desk, name = _market(who, request), _known(who.served, symbol)
    return answers.sent(await gateway_of(request).work(lambda: answers.table(desk.bars(name, seconds).tail(last))))


@router.get("/v1/rooms/{room}/news", **answering(answers.Table))
async def news(request: Request, who: Looking) -> Response:
    """Headlines and announcements, newest last; those to one account only are shown to it alone."""
    desk, account = _market(who, request), who.grant.account
    rows: list[dict[str, answers.Cell]] = [
        {"time": desk._time(item.ts_ns), "symbol": item.symbol, "headline": item.headline, "account": item.account}
        for item in who.served.room.news
        if item.account in ("", account) or who.grant.staff
    ]
    return answers.sent(answers.Table(rows))


@router.get("/v1/rooms/{room}/leaderboard", **answering(answers.Table))
async def leaderboard(
    request: Request, who: Looking, by: Literal["xp", "nav"] = "xp",
    n: Annotated[int, Query(ge=0, le=ROWS_MAX)] = 10,
    around: Annotated[Literal["me"] | None, Query(description="me: rows above and below one's own")] = None,
) -> Response:  # fmt: skip
    """Standings: the first so many, or those around oneself."""
    if around is not None and not who.grant.account:
        raise DeskError("you are on no leaderboard; leave around out")
    room, account = who.served.room, who.grant.account

    def question() -> answers.Table:
        board = room.rank(by)
        rows = board.around(account, min(n, 100)) if around is not None else board.top(n)
        scale = 1e6 if by == "nav" else 1
        return answers.Table(
            [{"rank": r.rank, "account": r.account, "score": r.score / scale if by == "nav" else r.score,
              "moved": r.moved} for r in rows]
        )  # fmt: skip

    return answers.sent(await gateway_of(request).work(question))
