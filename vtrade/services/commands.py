"""How does a person ask for something in JSON, and which message is that?

Rules: numbers of people (prices, quantities, money) are decimal strings or numbers in whole units; they become exact
micro-units here, or one error that names the field and the value. Who asks and when is never read from a body: the
server knows both; only what an instructor does may name the account it is done to. Every text, list and number has a
bound. :func:`from_message` writes what :func:`to_message` reads, so both sides of a gateway share this module.

=================  ==============================  ============================================
``type``           becomes                         who may
=================  ==============================  ============================================
``submit``         ``SubmitOrder``                 whoever holds an account
``cancel``         ``CancelOrder``
``replace``        ``ReplaceOrder``
``action``         ``UserAction``
``convert``        ``ConvertCash``
``answer``         ``AnswerTender``
``room``           ``RoomCommand``                 instructors (see :data:`FOR_INSTRUCTORS`)
``tender``         ``OfferTender``
``open_account``   ``OpenAccount``
``corporate``      ``CorporateAction``
=================  ==============================  ============================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from vtrade.domain.accounts import RiskLimits
from vtrade.domain.actions import ActionKind
from vtrade.domain.messages import (
    AnswerTender,
    CancelOrder,
    ConvertCash,
    CorporateAction,
    Inbound,
    OfferTender,
    OpenAccount,
    ReplaceOrder,
    RoomCommand,
    SubmitOrder,
    UserAction,
)
from vtrade.domain.orders import OrderType, Side, TimeInForce
from vtrade.domain.values import INT64_MAX, MICRO, plain_micros, to_micros
from vtrade.errors import ValueOffGrid
from vtrade.services.orderflags import PPM_PER_BPS, ppm_of_bps

ID_MAX: Final = 128
"""Characters of a name that somebody chose: an order, a request, an account, a tender."""
SYMBOL_MAX: Final = 64
TEXT_MAX: Final = 2_000
NUMBER_MAX: Final = 40
"""Characters of a number that is written as text."""
COMMANDS_MAX: Final = 100
"""Commands in one body."""
WAIT_MAX_S: Final = 30.0
WAIT_S: Final = 2.0
"""How long an answer waits for what became of the commands, where nothing else is asked."""
SHOWN_MAX: Final = 80
"""Characters of a wrong value that an error repeats."""

Name = Annotated[str, Meta(min_length=1, max_length=ID_MAX)]
MaybeName = Annotated[str, Meta(max_length=ID_MAX)]
Symbol = Annotated[str, Meta(min_length=1, max_length=SYMBOL_MAX)]
MaybeSymbol = Annotated[str, Meta(max_length=SYMBOL_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_MAX)]
Decimal = int | float | Annotated[str, Meta(min_length=1, max_length=NUMBER_MAX, description="a decimal number")]
Moment = Annotated[int, Meta(ge=0, le=INT64_MAX, description="nanoseconds on the room's clock")]
Direction = Literal["buy", "sell"]

SIDES: Final[dict[str, Side]] = {"buy": Side.BUY, "sell": Side.SELL}
ROOM_ACTIONS: Final = ("start", "pause", "speed", "halt", "resume", "news", "fine", "adjust", "close")


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything that can be asked; ``type`` says which it is."""


class Submit(Command, frozen=True, tag_field="type", tag="submit"):
    """An order; see :meth:`vtrade.desk.desk.Desk.buy` for what the words mean."""

    client_order_id: Name
    symbol: Symbol
    side: Direction
    quantity: Decimal
    order_type: OrderType = OrderType.MARKET
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    post_only: bool = False
    reduce_only: bool = False
    display_quantity: Decimal | None = None
    trail: Decimal | None = None
    trail_bps: Decimal | None = None
    expire_ns: Moment | None = None
    oco: MaybeName = ""
    parent: MaybeName = ""


class Cancel(Command, frozen=True, tag_field="type", tag="cancel"):
    """Take an order out of the market."""

    client_order_id: Name


class Replace(Command, frozen=True, tag_field="type", tag="replace"):
    """Change an order; what is not given stays."""

    client_order_id: Name
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class Action(Command, frozen=True, tag_field="type", tag="action"):
    """Something beside trading, for the record: a lesson finished, a plan written."""

    action: Annotated[str, Meta(min_length=1, max_length=SYMBOL_MAX)]
    subject: Text = ""
    value: Text = ""


class Convert(Command, frozen=True, tag_field="type", tag="convert"):
    """Change money of one currency into another."""

    amount: Decimal
    sell: Symbol
    buy: Symbol


class Answer(Command, frozen=True, tag_field="type", tag="answer"):
    """Take a tender, or leave it."""

    tender: Name
    accept: bool


class Room(Command, frozen=True, tag_field="type", tag="room"):
    """What an instructor does to a room: move the market, stop it, speak, fine, close.

    ``speed`` is a multiple of the market's own pace, 0 as fast as it goes; ``amount`` is money.
    """

    action: Literal["start", "pause", "speed", "halt", "resume", "news", "fine", "adjust", "close"]
    symbol: MaybeSymbol = ""
    text: Text = ""
    account: MaybeName = ""
    amount: Decimal | None = None
    speed: Decimal | None = None


class Tender(Command, frozen=True, tag_field="type", tag="tender"):
    """An instructor offers a block to an account; ``side`` is what the account would do."""

    tender: Name
    account: Name
    symbol: Symbol
    side: Direction
    quantity: Decimal
    price: Decimal
    expire_ns: Moment


class Open(Command, frozen=True, tag_field="type", tag="open_account"):
    """An account joins; ``limits`` names fields of :class:`vtrade.domain.accounts.RiskLimits`."""

    account: Name
    cash: Decimal
    currency: Symbol = "USD"
    limits: Annotated[dict[str, bool | int], Meta(max_length=32)] = {}


class Corporate(Command, frozen=True, tag_field="type", tag="corporate"):
    """A split, dividend, rename or delisting of an instrument, or the rate of a currency."""

    symbol: Symbol
    kind: ActionKind
    numerator: Annotated[int, Meta(ge=1, le=MICRO)] = 1
    denominator: Annotated[int, Meta(ge=1, le=MICRO)] = 1
    amount: Decimal | None = None
    new_symbol: MaybeSymbol = ""


AnyCommand = Submit | Cancel | Replace | Action | Convert | Answer | Room | Tender | Open | Corporate

FOR_INSTRUCTORS: Final = (Room, Tender, Open, Corporate)
"""Commands that change the room, or somebody else's account."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is posted to ``/v1/rooms/{room}/commands``.

    Attributes
    ----------
    id : str
        Names this request: one with the name of an earlier one does nothing, so that it can be sent again when its
        answer was lost. Empty: every copy counts.
    wait_s : float
        How long the answer may wait for what became of the commands.
    """

    commands: Annotated[tuple[AnyCommand, ...], Meta(min_length=1, max_length=COMMANDS_MAX)]
    id: MaybeName = ""
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_MAX_S)] = WAIT_S


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one command.

    Attributes
    ----------
    status : {"told", "durable", "refused"}
        ``durable``: it is in the log and cannot be lost, but what became of it is not known yet.
    seq : int or None
        Number of its record, where it is known.
    detail : str
        Why it was refused.
    """

    status: Literal["told", "durable", "refused"]
    seq: int | None = None
    detail: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a :class:`Body`: one result a command, in their order."""

    results: tuple[Result, ...]


_bodies: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)
_PATH: Final = re.compile(r" - at `\$(.*)`$")
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")


def read_body(data: bytes) -> Body:
    """Read what was posted.

    Raises
    ------
    ValueOffGrid
        Naming the field and the value that cannot be read.

    Examples
    --------
    >>> read_body(b'{"commands": [{"type": "cancel", "client_order_id": "o1"}]}').commands
    (Cancel(client_order_id='o1'),)
    >>> read_body(b'{"commands": [{"type": "cancel", "client_order_id": 7}]}')
    Traceback (most recent call last):
    vtrade.errors.ValueOffGrid: commands[0].client_order_id 7: expected `str`, got `int`
    """
    try:
        return _bodies.decode(data)
    except msgspec.ValidationError as error:
        raise ValueOffGrid(_named(str(error), data)) from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:  # a text may also not be UTF-8, or too deep
        raise ValueOffGrid(f"the body is not JSON: {str(error)[:SHOWN_MAX]}; send an object with commands") from None


def _named(text: str, data: bytes) -> str:
    """An error about a field, with the value that stands there."""
    found = _PATH.search(text)
    path = found[1] if found else ""
    why = text[: found.start()] if found else text
    why = why[:1].lower() + why[1:]
    if not path:
        return f"the body: {why}"
    try:
        value = msgspec.json.decode(data)
        for name, index in _STEP.findall(path):
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError, ValueError, RecursionError):  # only what was read so far is known to be JSON
        return f"{path.lstrip('.')}: {why}"
    shown = msgspec.json.encode(value).decode()
    return f"{path.lstrip('.')} {shown if len(shown) <= SHOWN_MAX else shown[:SHOWN_MAX] + '...'}: {why}"


def write_body(messages: Sequence[Inbound], *, request: str = "", wait_s: float = WAIT_S) -> bytes:
    """Messages as the body of a request; the other side fills in who asks, and when."""
    return msgspec.json.encode({"id": request, "wait_s": wait_s, "commands": [from_message(m) for m in messages]})


def read_reply(data: bytes) -> Reply:
    """Read the answer to a body; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _replies.decode(data)


def message_id(account: str, request: str, number: int) -> str:
    """Names one command of a request once and for all; empty where the request has no name.

    Examples
    --------
    >>> message_id("ana", "r1", 0), message_id("ana", "", 0)
    ('3:ana/r1/0', '')
    """
    return f"{len(account)}:{account}/{request}/{number}" if request else ""


def schemas(ref_template: str = "#/components/schemas/{name}") -> dict[str, Any]:
    """JSON schemas of bodies and replies, for an OpenAPI page: ``Body``, ``Reply`` and what they are made of."""
    return msgspec.json.schema_components((Body, Reply), ref_template=ref_template)[1]


# --- into messages ---------------------------------------------------------------------------------------------------


def _micros(value: Any, what: str) -> int:
    if isinstance(value, bool):
        raise ValueOffGrid(f"{what} {value!r} is not a number; give a decimal such as 12.34")
    return to_micros(value, what=what)


def _maybe(value: Any, what: str) -> int | None:
    return None if value is None else _micros(value, what)


def to_message(command: AnyCommand, *, account: str, ts_ns: int) -> Inbound:
    """The message that a command of ``account`` is, at a moment of the room's clock.

    Raises
    ------
    ValueOffGrid
        If a number or a limit cannot be read; it is named.

    Examples
    --------
    >>> to_message(Replace(client_order_id="o1", limit_price="10.50"), account="ana", ts_ns=5)
    ReplaceOrder(ts_ns=5, account='ana', client_order_id='o1', quantity=None, limit_price=10500000, stop_price=None)
    """
    match command:
        case Submit():
            return _order(command, account, ts_ns)
        case Cancel():
            return CancelOrder(ts_ns, account, command.client_order_id)
        case Replace():
            return ReplaceOrder(
                ts_ns, account, command.client_order_id, _maybe(command.quantity, "quantity"),
                _maybe(command.limit_price, "limit_price"), _maybe(command.stop_price, "stop_price"),
            )  # fmt: skip
        case Action():
            return UserAction(ts_ns, account, command.action, command.subject, command.value)
        case Convert():
            return ConvertCash(ts_ns, account, command.sell, command.buy, _micros(command.amount, "amount"))
        case Answer():
            return AnswerTender(ts_ns, command.tender, account, command.accept)
        case Room():
            return _room(command, ts_ns)
        case Tender():
            return OfferTender(
                ts_ns, command.tender, command.account, command.symbol, SIDES[command.side],
                _micros(command.quantity, "quantity"), _micros(command.price, "price"), command.expire_ns,
            )  # fmt: skip
        case Open():
            cash = _micros(command.cash, "cash")
            return OpenAccount(ts_ns, command.account, cash, command.currency, _limits(command.limits))
        case Corporate():
            return CorporateAction(
                ts_ns, command.symbol, command.kind, command.numerator, command.denominator,
                0 if command.amount is None else _micros(command.amount, "amount"), command.new_symbol,
            )  # fmt: skip


def _order(command: Submit, account: str, ts_ns: int) -> SubmitOrder:
    return SubmitOrder(
        ts_ns, account, command.client_order_id, command.symbol, SIDES[command.side], command.order_type,
        _micros(command.quantity, "quantity"), _maybe(command.limit_price, "limit_price"),
        _maybe(command.stop_price, "stop_price"), command.time_in_force, command.post_only, command.reduce_only,
        _maybe(command.display_quantity, "display_quantity"), _maybe(command.trail, "trail"),
        None if command.trail_bps is None else ppm_of_bps(command.trail_bps), command.expire_ns, command.oco,
        command.parent,
    )  # fmt: skip


def _room(command: Room, ts_ns: int) -> RoomCommand:
    pace = command.action in ("start", "pause", "speed")
    wrong = command.amount if pace else command.speed
    if wrong is not None:
        word, other = ("amount", "speed") if pace else ("speed", "amount")
        raise ValueOffGrid(f"{word} {wrong} means nothing to {command.action!r}; give {other}, or leave it out")
    number = command.speed if pace else command.amount
    if number is None:
        number = 1 if command.action in ("start", "speed") else 0
    return RoomCommand(
        ts_ns, command.action, command.symbol, command.text, command.account,
        _micros(number, "speed" if pace else "amount"),
    )  # fmt: skip


def _limits(named: dict[str, bool | int]) -> RiskLimits:
    known = RiskLimits.__struct_fields__
    for name, value in named.items():
        if name not in known:
            raise ValueOffGrid(f"limits.{name[:SHOWN_MAX]} {value!r} is unknown; known: {', '.join(known)}")
    try:
        return msgspec.convert(named, RiskLimits)
    except msgspec.ValidationError as error:
        raise ValueOffGrid(f"limits: {error}") from None


# --- and out of them -------------------------------------------------------------------------------------------------


def from_message(message: Inbound) -> dict[str, Any]:
    """The command that becomes this message.

    Raises
    ------
    ValueOffGrid
        If nobody can ask for it: market data, and the opening of a room.

    Examples
    --------
    >>> from_message(CancelOrder(5, "ana", "o1"))
    {'type': 'cancel', 'client_order_id': 'o1'}
    """
    command: AnyCommand
    match message:
        case SubmitOrder():
            command = _submit_of(message)
        case CancelOrder():
            command = Cancel(client_order_id=message.client_order_id)
        case ReplaceOrder():
            command = Replace(
                client_order_id=message.client_order_id, quantity=_plain(message.quantity),
                limit_price=_plain(message.limit_price), stop_price=_plain(message.stop_price),
            )  # fmt: skip
        case UserAction():
            command = Action(action=message.action, subject=message.subject, value=message.value)
        case ConvertCash():
            amount = plain_micros(message.amount)
            command = Convert(amount=amount, sell=message.sell_currency, buy=message.buy_currency)
        case AnswerTender():
            command = Answer(tender=message.tender, accept=message.accept)
        case RoomCommand():
            pace = message.action in ("start", "pause", "speed")
            number = plain_micros(message.amount)
            command = Room(
                action=message.action,  # type: ignore[arg-type]
                symbol=message.symbol, text=message.text, account=message.account,
                amount=None if pace else number, speed=number if pace else None,
            )  # fmt: skip
        case OfferTender():
            command = Tender(
                tender=message.tender, account=message.account, symbol=message.symbol, side=_word(message.side),
                quantity=plain_micros(message.quantity), price=plain_micros(message.price), expire_ns=message.expire_ns,
            )  # fmt: skip
        case OpenAccount():
            limits = msgspec.structs.asdict(message.limits)
            cash = plain_micros(message.cash)
            command = Open(account=message.account, cash=cash, currency=message.currency, limits=limits)
        case CorporateAction():
            command = Corporate(
                symbol=message.symbol, kind=message.kind, numerator=message.numerator,
                denominator=message.denominator, amount=plain_micros(message.amount), new_symbol=message.new_symbol,
            )  # fmt: skip
        case _:
            raise ValueOffGrid(f"nobody can ask a gateway for {type(message).__name__}; it belongs to the room's feed")
    asked: dict[str, Any] = msgspec.to_builtins(command)
    return asked


def _plain(micros: int | None) -> str | None:
    return None if micros is None else plain_micros(micros)


def _word(side: Side) -> Direction:
    return "buy" if side > 0 else "sell"


def _submit_of(m: SubmitOrder) -> Submit:
    return Submit(
        client_order_id=m.client_order_id, symbol=m.symbol, side=_word(m.side), order_type=m.type,
        quantity=plain_micros(m.quantity), limit_price=_plain(m.limit_price), stop_price=_plain(m.stop_price),
        time_in_force=m.time_in_force, post_only=m.post_only, reduce_only=m.reduce_only,
        display_quantity=_plain(m.display_quantity), trail=_plain(m.trail),
        trail_bps=None if m.trail_ppm is None else plain_micros(m.trail_ppm * MICRO // PPM_PER_BPS),
        expire_ns=m.expire_ns, oco=m.oco, parent=m.parent,
    )  # fmt: skip
