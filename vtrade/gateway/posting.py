"""How do commands of people get into a room, and what do they hear back?

Rules: this is the path that everything else makes way for: raw bytes, one decoder, one look at a table of rights, no
thread but the room's own writer. Nothing of a request is sent unless all of it is allowed. An answer says ``durable``
or ``told`` only of what is in the log. The moment of a command is the room's, never its sender's.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

import msgspec

from vtrade.domain.messages import CancelRejected, Fact, NewsPublished, OrderDenied, OrderRejected, ReplaceRejected
from vtrade.errors import JournalError, Unavailable, VTradeError
from vtrade.gateway.state import DURABLE_S, Gateway, Who, settled
from vtrade.services import commands as asked
from vtrade.services.access import May, clean_name
from vtrade.services.shared import Posted

CONDUCTED: Final = frozenset({"start", "pause", "speed", "halt", "resume", "news"})
"""Room commands that a teaching assistant may give too."""
RIGHTS: Final[dict[type, May]] = {
    asked.Submit: May.TRADE,
    asked.Cancel: May.TRADE,
    asked.Replace: May.TRADE,
    asked.Action: May.TRADE,
    asked.Convert: May.TRADE,
    asked.Answer: May.TRADE,
    asked.Tender: May.GOVERN,
    asked.Corporate: May.GOVERN,
    asked.Open: May.ENROL,
}
"""What each command needs; those to the room depend on the action."""
DETAIL_MAX: Final = 500
REFUSALS: Final = (OrderDenied, OrderRejected, CancelRejected, ReplaceRejected)

encode_reply: Final = msgspec.json.Encoder().encode


def right_of(command: asked.AnyCommand) -> May:
    """What a role must be allowed, to give this command.

    Examples
    --------
    >>> str(right_of(asked.Room(action="fine", account="ana", amount=1)))
    'fine, adjust, offer tenders, close the room'
    """
    if isinstance(command, asked.Room):
        return May.CONDUCT if command.action in CONDUCTED else May.GOVERN
    return RIGHTS[type(command)]


async def post_body(gateway: Gateway, who: Who, body: asked.Body) -> asked.Reply:
    """Send the commands of a request, and wait for them as long as it asks.

    Raises
    ------
    AccessDenied
        If one of them is not allowed. Nothing was sent.
    TooMany
        If that is more than the account may send now. Nothing was sent.
    Unavailable, JournalError
        If it is not known to be durable; the same request with the same ``id`` may be sent again.
    """
    grant, served = who
    room = served.room
    for command in body.commands:
        grant.require(right_of(command))
        if isinstance(command, asked.Open):
            clean_name(command.account, "account")
    gateway.pay(gateway.orders, grant, len(body.commands))
    if gateway.draining:
        raise Unavailable("the gateway is being stopped; send it again in a moment")
    if grant.may(May.TRADE) and grant.account not in room.engine.accounts:
        await gateway.ensure_account(who)
    sender = grant.account or grant.key
    sent: list[Posted | str] = []
    for number, command in enumerate(body.commands):
        try:
            message = asked.to_message(command, account=grant.account, ts_ns=room.now_ns)
            sent.append(room.post(message, message_id=asked.message_id(sender, body.id, number)))
        except Unavailable as error:
            if not any(isinstance(one, Posted) for one in sent):
                raise
            sent.append(str(error))
        except VTradeError as error:
            sent.append(str(error))
    posted = [one for one in sent if isinstance(one, Posted)]
    if not await settled([one.durable for one in posted], DURABLE_S):
        raise Unavailable(
            f"this is not known to be durable after {DURABLE_S:g} s; send the same request again, with the same id"
        )
    wait_s = min(body.wait_s, gateway.config.wait_max_s)
    if wait_s > 0:
        await settled([one.told for one in posted], wait_s)
    results = tuple(_result(one, grant.account) for one in sent)
    for result in results:
        gateway.metrics.commands.labels(result.status).inc()
    return asked.Reply(results=results)


def _result(sent: Posted | str, account: str) -> asked.Result:
    if isinstance(sent, str):
        return asked.Result(status="refused", detail=sent[:DETAIL_MAX])
    error = _error(sent.durable)
    if isinstance(error, JournalError | Unavailable) or (error is not None and not isinstance(error, VTradeError)):
        raise error
    told: Future[tuple[int, list[Fact]]] = sent.told
    if error is None and told.done():
        error = _error(told)
    if error is not None:
        if not isinstance(error, VTradeError):
            raise error
        return asked.Result(status="refused", detail=str(error)[:DETAIL_MAX])
    if not told.done():
        return asked.Result(status="durable")
    seq, facts = told.result()
    return asked.Result(status="told", seq=seq, detail=refusal_of(facts, account)[:DETAIL_MAX])


def _error(future: Future[object] | Future[int] | Future[tuple[int, list[Fact]]]) -> BaseException | None:
    return future.exception() if future.done() else None


def refusal_of(facts: list[Fact], account: str) -> str:
    """Why the engine refused what this account asked for; empty where it did not. Others' facts are none of its."""
    for fact in facts:
        if isinstance(fact, REFUSALS) and fact.account == account:
            return fact.detail
        if isinstance(fact, NewsPublished) and fact.account == account != "":
            return fact.headline
    return ""
