"""What does a Python strategy see, and how does it ask for orders?

Rules: the fields are read straight from where compiled code writes them, so a glance costs next to nothing; they hold
until the strategy returns. Prices are ticks and quantities lots. A request is done once the strategy returns.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from typing import Any, Final

from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import TimeInForce
from vtrade.execution import layout as at
from vtrade.execution.codes import TIFS
from vtrade.execution.kernel import play as st
from vtrade.research.strategy import StrategyError

_ROW: Final = struct.Struct(f"={st.ASK_COLS}q")


class Context(ctypes.Structure):
    """The market of one instrument and the strategy's own account, at a moment.

    Attributes
    ----------
    ts_ns, row, step : int
        Now, the last row of the tape that has happened, and how many moments there were.
    bid, bid_size, ask, ask_size, last : int
        Ticks and lots an order could trade with; 0 where there is none (on bars, but ``last``).
    open, high, low, close, volume : int
        Of the newest bar.
    position, cash : int
        Lots of the instrument; micro-units.
    working, fills, next_id : int
        Orders that work, fills so far, and the number that the next order will have.
    params : mapping
    instrument : int
        Its number; :attr:`symbol` is its name.
    """

    _fields_ = [(name, ctypes.c_int64) for name in st.VIEW]

    params: Mapping[str, Any]
    instruments: tuple[Instrument, ...]
    others: tuple[Context, ...]
    _r: Any
    _asks: Any
    _most: int

    @property
    def symbol(self) -> str:
        """The instrument's name."""
        return self.instruments[self.instrument].symbol  # type: ignore[no-any-return]

    def of(self, symbol: str) -> Context:
        """The same for another instrument."""
        for context, instrument in zip(self.others, self.instruments, strict=True):
            if instrument.symbol == symbol:
                return context
        raise StrategyError(f"{symbol!r} is not on this tape; it has {', '.join(i.symbol for i in self.instruments)}")

    def buy(self, quantity: int, **terms: Any) -> int:
        """Ask to buy so many lots; see :meth:`order`."""
        return self.order(1, quantity, **terms)

    def sell(self, quantity: int, **terms: Any) -> int:
        """Ask to sell so many lots; see :meth:`order`."""
        return self.order(-1, quantity, **terms)

    def order(
        self, side: int, quantity: int, *, limit: int | None = None, stop: int | None = None, trail: int | None = None,
        tif: str = "DAY",
        post_only: bool = False, reduce_only: bool = False,
    ) -> int:  # fmt: skip
        """Ask for an order: at the market, or with a limit, stop or trailing distance in ticks.

        Returns
        -------
        int
            The order's number, for :meth:`cancel`.
        """
        if trail is not None:
            kind = at.TRAILING
        elif stop is not None:
            kind = at.STOP_MARKET if limit is None else at.STOP_LIMIT
        else:
            kind = at.MARKET if limit is None else at.LIMIT
        code = 0 if tif == "DAY" else TIFS.get(tif, -1)  # type: ignore[call-overload]
        if code < 0:
            raise StrategyError(f"time in force {tif!r} is none; take one of {', '.join(TimeInForce)}")
        flags = (at.POST_ONLY if post_only else 0) | (at.REDUCE_ONLY if reduce_only else 0)
        n = self._put(st.SUBMIT, side, kind, quantity, limit or 0, stop or 0, code, flags, trail or 0, 0)
        asked = self._asks
        earlier: int = sum(_ROW.unpack_from(asked, i * _ROW.size)[0] == st.SUBMIT for i in range(n))
        return int(self.next_id) + earlier

    def cancel(self, number: int) -> None:
        """Ask to cancel an order."""
        self._put(st.CANCEL, 0, 0, 0, 0, 0, 0, 0, 0, number)

    def cancel_all(self) -> None:
        """Ask to cancel every order that works."""
        self._put(st.CANCEL_ALL, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def _put(self, action: int, side: int, *numbers: int) -> int:
        n: int = self._r[st.ASK_COUNT]
        if n >= self._most:
            raise StrategyError(f"more than {self._most} requests at once; ask for fewer, or raise requests_max")
        try:
            _ROW.pack_into(self._asks, n * _ROW.size, action, self.instrument, side, *numbers)
        except struct.error:
            raise StrategyError(
                f"side {side} and {numbers} are no whole ticks and lots; round them, such as int(price)"
            ) from None
        self._r[st.ASK_COUNT] = n + 1
        return n


def contexts(play: st.Play, instruments: tuple[Instrument, ...], params: Mapping[str, Any]) -> tuple[Context, ...]:
    """One context for each instrument of a run."""
    made = tuple(Context.from_buffer(play.views[k]) for k in range(len(instruments)))
    r, asks = play.r.data, play.asks.data.cast("B")
    for context in made:
        context.params, context.instruments, context.others = params, instruments, made
        context._r, context._asks, context._most = r, asks, len(play.asks)
    return made
