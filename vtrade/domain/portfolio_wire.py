"""How do money and positions of an account look between processes?

Rules: two forms. A :class:`HotView` is what Redis holds of an account, and stands for itself. The portfolio topic
carries a :class:`AccountFull` now and then, and between two of them an :class:`AccountDelta` each time something
changed; both hold values and no differences, so reading one twice does no harm, and whoever missed one sees it from
``after`` and waits for the next full one. Inside, an account is a map with the fields of the portfolio's
``AccountView``, a position one with those of its ``PositionView``; they are left encoded here, because only their home
knows what they mean.
"""

from __future__ import annotations

from typing import Any

import msgspec

from vtrade.domain.wire import Wire


class HotView(msgspec.Struct, frozen=True):
    """An account as Redis holds it.

    Attributes
    ----------
    seq : int
        Number of the last fact that is in it.
    ts_ns : int
        The room's time then.
    lag_s : float
        How old the newest record was when it was folded, seconds; 0 where nobody knows.
    account : map
    positions : list of maps
        What the account holds.
    """

    seq: int
    ts_ns: int
    lag_s: float
    account: msgspec.Raw
    positions: msgspec.Raw


class AccountFull(Wire, frozen=True, tag="full"):
    """Everything about an account as of fact ``seq``."""

    seq: int
    ts_ns: int
    account: msgspec.Raw
    positions: msgspec.Raw


class AccountDelta(Wire, frozen=True, tag="delta"):
    """What changed of an account up to fact ``seq``.

    Attributes
    ----------
    seq, ts_ns : int
    after : int
        ``seq`` of the account's record before this one.
    money : dict
        Fields of the account that changed, with their new values.
    positions : list of maps
        Positions that changed, whole. ``weight`` follows from market value and net asset value; where only that
        changed, a position is left out.
    gone : tuple of str
        Symbols of which nothing is held any more.
    """

    seq: int
    ts_ns: int
    after: int
    money: dict[str, Any]
    positions: msgspec.Raw
    gone: tuple[str, ...] = ()


AccountRecord = AccountFull | AccountDelta

_encoder = msgspec.msgpack.Encoder()
_record_decoder: msgspec.msgpack.Decoder[AccountRecord] = msgspec.msgpack.Decoder(AccountRecord)
_view_decoder: msgspec.msgpack.Decoder[HotView] = msgspec.msgpack.Decoder(HotView)


def encode_account(record: AccountRecord | HotView) -> bytes:
    """The wire form of a record of the portfolio topic, or of a view in Redis.

    Examples
    --------
    >>> empty = msgspec.Raw(msgspec.msgpack.encode([]))
    >>> decode_account(encode_account(AccountDelta(7, 0, 5, {"nav": 1}, empty))).money
    {'nav': 1}
    """
    return _encoder.encode(record)


def decode_account(data: bytes) -> AccountRecord:
    """Read a record of the portfolio topic; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _record_decoder.decode(data)


def decode_view(data: bytes) -> HotView:
    """Read a view of Redis; raises ``msgspec.MsgspecError`` on bytes that are none."""
    return _view_decoder.decode(data)


__all__ = ["AccountDelta", "AccountFull", "AccountRecord", "HotView", "decode_account", "decode_view", "encode_account"]
