"""How are rooms made, peopled, commanded, exported and deleted?

Rules: making and deleting rooms is the owner's; letting people in and taking the journal the instructor's. A journal
is handed out as ``vtrade verify`` takes it, whole or up to any record, and any moment can be folded again. What was
deleted is closed to everybody at once; its journal stays with the gateway.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path as File
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from vtrade.domain.messages import OpenAccount, OpenRoom, RoomCommand, decode_inbound
from vtrade.domain.values import MICRO, format_micros, to_micros
from vtrade.errors import DeskError, Overloaded, TapeError, ValueOffGrid, VTradeError
from vtrade.gateway import answers
from vtrade.gateway.doors import (
    Anybody,
    Enrolling,
    Exporting,
    Looking,
    Owner,
    RoomName,
    address_of,
    enter,
    gateway_of,
    token_of,
)
from vtrade.gateway.pages import answering
from vtrade.gateway.posting import post_body
from vtrade.gateway.problems import NotHere
from vtrade.gateway.state import DURABLE_S, Gateway, Served, Who, settled
from vtrade.portfolio.engine import PortfolioEngine
from vtrade.ports import Entry
from vtrade.services import commands as asked
from vtrade.services.access import Grant, May, Role, shown
from vtrade.services.fold import GENESIS, RoomFold
from vtrade.services.pace import head_of
from vtrade.services.rules import PRESETS, rules_from
from vtrade.services.secret import new_name

router = APIRouter()

BATCH: Final = 500
"""Records that are copied at once."""
CASH_MAX: Final = 1_000_000_000_000 * MICRO
MemberName = Annotated[str, Path(description="Name of the member", max_length=64)]
OrderName = Annotated[str, Path(description="client_order_id of the order", min_length=1, max_length=128)]
Seq = Annotated[int, Path(description="Number of a record", ge=1, le=2**53)]
RequestId = Annotated[
    str, Query(description="Names this request: a second one of that name does nothing", max_length=64)
]
WaitS = Annotated[float, Query(description="Seconds to wait for what became of it", ge=0, le=10)]


# --- rooms -----------------------------------------------------------------------------------------------------------


@router.get("/v1/tapes", **answering(answers.TapeList))
async def tapes(request: Request, _: Owner) -> Response:
    """Market data that a new room may name."""
    gateway = gateway_of(request)
    return answers.sent(answers.TapeList(await gateway.work(gateway.parts.library.names)))


@router.get("/v1/rooms", **answering(answers.RoomList))
async def rooms(request: Request, grant: Anybody) -> Response:
    """My rooms; all of them for the owner."""
    gateway = gateway_of(request)
    known = gateway.parts.directory.rooms()
    mine = [room for room in known if grant.role == Role.OWNER or room.name == grant.room]
    return answers.sent(answers.RoomList([_seen(grant, room.name, room.tape) for room in mine]))


@router.post("/v1/rooms", **answering(answers.RoomSeen, body=answers.NewRoom, status=201))
async def create(request: Request, grant: Owner) -> Response:
    """Make a room; its market stands still until somebody starts it."""
    gateway = gateway_of(request)
    wanted: answers.NewRoom = answers.read(await request.body(), answers.NewRoom)
    served = await make_room(gateway, wanted)
    return answers.sent(_room(grant, served, gateway.parts.directory.room(served.name).tape), 201)


async def make_room(gateway: Gateway, wanted: answers.NewRoom) -> Served:
    """Make a room.

    Raises
    ------
    ValueOffGrid, TapeError, DeskError
        If its name, money, rules or tape cannot be. Nothing was made.
    """
    parts = gateway.parts
    if isinstance(wanted.cash, bool):
        raise ValueOffGrid("cash is not a number; give one such as 1000000")
    cash = to_micros(wanted.cash, what="cash")
    if not 0 <= cash <= CASH_MAX:
        raise ValueOffGrid(f"cash {shown(str(wanted.cash))} must be from 0 to {format_micros(CASH_MAX, decimals=0)}")
    if wanted.rules not in PRESETS:
        raise ValueOffGrid(f"there are no rules {shown(wanted.rules)}; choose one of {', '.join(PRESETS)}")
    name = parts.library.name(wanted.tape)
    tape = await gateway.work(parts.library.load, name)
    if not len(tape):
        raise TapeError(f"{shown(wanted.tape)} has no event; choose another tape")
    entry = await gateway.work(lambda: parts.directory.reserve(wanted.name, tape=name, cash=cash))
    rules = rules_from(wanted.rules, tape)
    opening = [OpenRoom(tape.start_ns, entry.name, tape.instruments, rules, int(new_name(), 16), name)]
    try:
        room = await gateway.work(lambda: parts.rooms.create(entry.name, opening, tape=name, head=head_of(tape)))
    except BaseException:
        with contextlib.suppress(VTradeError):
            await gateway.work(parts.directory.forget, entry.name)
        raise
    await gateway.work(parts.directory.opened, entry.name)
    return await gateway.take(entry.name, room)


@router.get("/v1/rooms/{room}", **answering(answers.RoomSeen))
async def room(request: Request, who: Looking) -> Response:
    """A room as its members see it."""
    entry = gateway_of(request).parts.directory.room(who.served.name)
    return answers.sent(_room(who.grant, who.served, entry.tape))


def _seen(grant: Grant, name: str, tape: str) -> answers.RoomSeen:
    return answers.RoomSeen(name, grant.role, grant.account, tape=tape if grant.staff else None)


def _room(grant: Grant, served: Served, tape: str) -> answers.RoomSeen:
    room = served.room
    symbols = [instrument.symbol for instrument in room.engine.instruments]
    return answers.RoomSeen(
        served.name, grant.role, grant.account, symbols, room.seq, str(room.now_ns), room.playing, room.ended,
        tape if grant.staff else None,
    )  # fmt: skip


@router.delete("/v1/rooms/{room}", **answering(answers.Health))
async def delete(request: Request, room: RoomName, _: Owner) -> Response:
    """Close a room for good: its members are told, its name is not given again, its journal is kept."""
    gateway = gateway_of(request)
    served = await gateway.served(room)
    posted = served.room.post(RoomCommand(served.room.now_ns, "close", text="the room was deleted"))
    await settled([posted.durable], DURABLE_S)
    await gateway.work(gateway.parts.directory.delete_room, room)
    await gateway.put_out(room, "this room was deleted; ask your instructor for another one")
    return answers.sent(answers.Health("deleted"))


# --- members ---------------------------------------------------------------------------------------------------------


@router.get("/v1/rooms/{room}/members", **answering(answers.MemberList))
async def members(request: Request, who: Enrolling) -> Response:
    """Who belongs to the room."""
    found = gateway_of(request).parts.directory.members(who.served.name)
    seen = [answers.MemberSeen(m.account, m.role, answers.when(m.expires_ns) if m.expires_ns else "") for m in found]
    return answers.sent(answers.MemberList(seen))


@router.post("/v1/rooms/{room}/members", **answering(answers.Enrolled, body=answers.Enrolment, status=201))
async def enrol(request: Request, who: Enrolling) -> Response:
    """Let people in: each gets a new token, which is shown this once; students get an account."""
    gateway = gateway_of(request)
    wanted: answers.Enrolment = answers.read(await request.body(), answers.Enrolment)
    return answers.sent(await enrol_members(gateway, who, wanted), 201)


async def enrol_members(gateway: Gateway, who: Who, wanted: answers.Enrolment) -> answers.Enrolled:
    """Let people in; see :func:`enrol`."""
    grant, served = who
    role = Role(wanted.role)
    directory, room = gateway.parts.directory, served.room
    engine = room.engine
    known = tuple(engine.accounts)
    names = directory.check_members(served.name, wanted.accounts, known)
    now = {member.account: member.role for member in directory.members(served.name)}
    if grant.role != Role.OWNER:
        for name in names:
            if now.get(name) == Role.INSTRUCTOR and name != grant.account:
                raise DeskError(f"{shown(name)} is an instructor too; only the owner may give him another token")
    if role == Role.STUDENT:
        cash, currency = directory.room(served.name).cash, engine.instruments[0].currency
        posted = [
            room.post(OpenAccount(room.now_ns, name, cash, currency), message_id=f"join/{name}")
            for name in names
            if name not in engine.accounts
        ]
        if not await settled([one.told for one in posted], DURABLE_S):
            raise Overloaded("the accounts were not opened in time; enrol the same people again")
        for one in posted:
            one.told.result()
    issued = await gateway.work(
        lambda: directory.enrol(served.name, names, role, days=wanted.days, known=tuple(engine.accounts))
    )
    shown_once = [answers.TokenShown(i.account, i.role, i.token, answers.when(i.expires_ns)) for i in issued]
    return answers.Enrolled(shown_once)


@router.delete("/v1/rooms/{room}/members/{member}", **answering(answers.Revoked))
async def revoke(request: Request, who: Enrolling, member: MemberName) -> Response:
    """Take somebody's token away, at once; the account and its history stay."""
    gateway = gateway_of(request)
    found = next((m for m in gateway.parts.directory.members(who.served.name) if m.account == member), None)
    if found is None:
        raise NotHere(f"nobody called {shown(member)} belongs to this room")
    if found.role == Role.INSTRUCTOR and who.grant.role != Role.OWNER and member != who.grant.account:
        raise DeskError(f"{shown(member)} is an instructor too; only the owner may take his token away")
    return answers.sent(answers.Revoked(await gateway.work(gateway.parts.directory.revoke, who.served.name, member)))


# --- commands --------------------------------------------------------------------------------------------------------


async def post(request: Request, room: str, body: asked.Body) -> Response:
    """Send commands for whoever asks; rights and limits are looked at on the way."""
    gateway = gateway_of(request)
    grant = await gateway.grant(token_of(request), room, address_of(request))
    grant.require(May.LOOK)
    return answers.sent(await post_body(gateway, Who(grant, await gateway.served(room)), body))


@router.post("/v1/rooms/{room}/commands", **answering(asked.Reply, body=asked.Body))
async def commands(request: Request, room: RoomName) -> Response:
    """Send commands: orders of one's own, or what runs the room. The answer says what became of each."""
    gateway = gateway_of(request)
    grant = await gateway.grant(token_of(request), room, address_of(request))
    body = asked.read_body(await request.body())
    return answers.sent(await post_body(gateway, Who(grant, await gateway.served(room)), body))


@router.post("/v1/rooms/{room}/orders", **answering(asked.Reply, body=asked.Submit))
async def submit(request: Request, room: RoomName, id: RequestId = "", wait_s: WaitS = 2.0) -> Response:
    """Send one order."""
    await enter(request, room, what=May.TRADE)
    order: asked.Submit = answers.read(await request.body(), asked.Submit)
    return await post(request, room, asked.Body(commands=(order,), id=id, wait_s=wait_s))


@router.delete("/v1/rooms/{room}/orders/{order}", **answering(asked.Reply))
async def cancel(
    request: Request, room: RoomName, order: OrderName, id: RequestId = "", wait_s: WaitS = 2.0
) -> Response:
    """Take one order out of the market."""
    command = asked.Cancel(client_order_id=order)
    return await post(request, room, asked.Body(commands=(command,), id=id, wait_s=wait_s))


@router.patch("/v1/rooms/{room}/orders/{order}", **answering(asked.Reply, body=answers.NewTerms))
async def replace(
    request: Request, room: RoomName, order: OrderName, id: RequestId = "", wait_s: WaitS = 2.0
) -> Response:
    """Change one order; what is not given stays."""
    await enter(request, room, what=May.TRADE)
    terms: answers.NewTerms = answers.read(await request.body(), answers.NewTerms)
    command = asked.Replace(
        client_order_id=order, quantity=terms.quantity, limit_price=terms.limit_price, stop_price=terms.stop_price
    )
    return await post(request, room, asked.Body(commands=(command,), id=id, wait_s=wait_s))


# --- the record ------------------------------------------------------------------------------------------------------


@router.get("/v1/rooms/{room}/journal", **answering(None, media="application/vnd.sqlite3"))
async def journal(
    request: Request, who: Exporting, until: Annotated[int | None, Query(ge=1, le=2**53)] = None
) -> Response:
    """The journal as a file that ``vtrade verify`` takes: whole, or up to a record. It holds the seed."""
    gateway = gateway_of(request)
    folder = File(tempfile.mkdtemp(prefix="vtrade-export-"))
    try:
        path = await gateway.work(_write_journal, gateway, who.served.name, folder, until)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    tidy = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type="application/vnd.sqlite3", filename="room.vtrade", background=tidy)


def _write_journal(gateway: Gateway, name: str, folder: File, until: int | None) -> File:
    path = folder / "room.vtrade"
    log = gateway.parts.wiring.open_log(str(path))
    try:
        for batch in _batches(gateway.parts.entries(name), until):
            log.append(batch)
    finally:
        log.close()
    return path


def _batches(entries: Iterator[Entry], until: int | None) -> Iterator[list[Entry]]:
    kept = entries if until is None else (entry for entry in islice(entries, until))
    while batch := list(islice(kept, BATCH)):
        yield batch


@router.get("/v1/rooms/{room}/moments/{seq}", **answering(answers.Moment))
async def moment(request: Request, who: Exporting, seq: Seq) -> Response:
    """The room as it stood after a record, folded again from the journal."""
    gateway = gateway_of(request)
    if seq > who.served.room.seq:
        raise NotHere(f"record {seq} is not there yet; the newest is {who.served.room.seq}")
    return answers.sent(await gateway.work(_moment, gateway, who.served.name, seq))


def _moment(gateway: Gateway, name: str, seq: int) -> answers.Moment:
    fold, portfolio = RoomFold(), PortfolioEngine()
    chain = GENESIS
    for entry in islice(gateway.parts.entries(name), seq):
        made, facts = fold.step(entry.message, decode_inbound(entry.message))
        if made.chain != entry.chain:
            raise DeskError(f"record {entry.seq} comes out differently when it is folded again; run `vtrade verify`")
        portfolio.apply_all(facts)
        chain = entry.chain
    accounts: list[dict[str, Any]] = [
        {"account": account, "nav": view.nav / MICRO, "cash": view.cash / MICRO, "fees": view.fees / MICRO}
        for account in portfolio.accounts
        for view in [portfolio.account(account)]
    ]
    return answers.Moment(fold.seq, fold.engine.now, chain.hex(), fold.engine.state_hash(), accounts)
