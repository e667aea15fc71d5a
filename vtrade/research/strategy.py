"""What is a strategy, and how does it say what it wants?

Rules: prices are ticks, quantities lots, sides +1 and -1, whole numbers all. A strategy is one of

- compiled: ``step(market, params, state, orders) -> int`` under :func:`strategy`. ``market`` is what it sees (names in
   `vtrade.execution.kernel.play.VIEW`), ``params`` what it was given, ``state`` its memory, a (size,) float64 array
  that begins with zeros, ``orders`` where it writes requests; it returns how many. :func:`market`, :func:`limit`,
  :func:`stop`, :func:`cancel` and :func:`cancel_all` write one each.
- Python: a function of a :class:`~vtrade.research.context.Context`, an object with such a method (``on_tick``,
  ``on_bar`` or ``on_wake``), or a class of such objects, which is made with the parameters.

It acts after each moment (rows of one time and instrument; on bars, after each close), after every so many of them,
when the clock says so, or after its own fills.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numba import njit
from numba.extending import register_jitable

from vtrade.errors import VTradeError
from vtrade.execution import layout as at
from vtrade.execution.kernel.play import ASK_FIELDS, CANCEL, CANCEL_ALL, SUBMIT, VIEW

VIEW_DTYPE: Final = np.dtype([(name, np.int64) for name in VIEW])
ASK_DTYPE: Final = np.dtype([(name, np.int64) for name in ASK_FIELDS])
STATE_MAX: Final = 2**24
METHODS: Final = ("on_tick", "on_bar", "on_wake")


class StrategyError(VTradeError):
    """A strategy failed, or cannot be run; ``row`` and ``ts_ns`` say where, ``result`` holds what it did until then."""

    def __init__(self, message: str, *, row: int | None = None, ts_ns: int | None = None, result: Any = None) -> None:
        super().__init__(message)
        self.row = row
        self.ts_ns = ts_ns
        self.result = result


# --- requests of compiled strategies ---------------------------------------------------------------------------------


@register_jitable
def _blank(orders: Any, n: int, action: int, side: int, quantity: int) -> None:
    order = orders[n]
    order.action = action
    order.instrument = -1
    order.side = side
    order.type = 0
    order.quantity = quantity
    order.limit = 0
    order.stop = 0
    order.tif = 0
    order.flags = 0
    order.trail = 0
    order.id = 0


@register_jitable
def market(orders: Any, n: int, side: int, quantity: int) -> int:
    """Write a market order as request ``n``; returns the number of requests then."""
    _blank(orders, n, SUBMIT, side, quantity)
    return n + 1


@register_jitable
def limit(orders: Any, n: int, side: int, quantity: int, price: int) -> int:
    """Write a limit order as request ``n``; returns the number of requests then."""
    _blank(orders, n, SUBMIT, side, quantity)
    orders[n].type = 1
    orders[n].limit = price
    return n + 1


@register_jitable
def stop(orders: Any, n: int, side: int, quantity: int, price: int) -> int:
    """Write a stop-market order as request ``n``; returns the number of requests then."""
    _blank(orders, n, SUBMIT, side, quantity)
    orders[n].type = 2
    orders[n].stop = price
    return n + 1


@register_jitable
def cancel(orders: Any, n: int, number: int) -> int:
    """Ask as request ``n`` to cancel the strategy's order ``number``; returns the number of requests then."""
    _blank(orders, n, CANCEL, 0, 0)
    orders[n].id = number
    return n + 1


@register_jitable
def cancel_all(orders: Any, n: int) -> int:
    """Ask as request ``n`` to cancel every order that works; returns the number of requests then."""
    _blank(orders, n, CANCEL_ALL, 0, 0)
    return n + 1


# --- strategies ------------------------------------------------------------------------------------------------------


class Compiled:
    """A strategy as machine code; made by :func:`strategy`."""

    def __init__(self, step: Callable[..., Any], size: int) -> None:
        self.step = step
        self.size = size
        self.name = step.__name__
        self._kept: dict[Any, tuple[Any, int]] = {}

    def __repr__(self) -> str:
        return f"<compiled strategy {self.name}, {self.size} numbers of state>"

    def __reduce__(self) -> Any:
        return _again, (self.step.__module__, self.step.__qualname__)

    def compiled(self, dtype: np.dtype[Any]) -> tuple[Any, int]:
        """The function for parameters of a kind, and its address."""
        if dtype not in self._kept:
            self._kept[dtype] = _compile(self, dtype)
        return self._kept[dtype]


def _again(module: str, name: str) -> Any:
    import importlib

    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def strategy(step: Callable[..., Any] | None = None, *, state: int = 64) -> Any:
    """Make a function a compiled strategy.

    Parameters
    ----------
    step : callable
        ``step(market, params, state, orders) -> int`` in the Python that Numba compiles.
    state : int
        Numbers of memory.

    Examples
    --------
    >>> @strategy(state=1)
    ... def buy_once(market, params, state, orders):
    ...     if market.position or market.working:
    ...         return 0
    ...     return limit(orders, 0, 1, params.lots, market.bid)
    >>> buy_once
    <compiled strategy buy_once, 1 numbers of state>
    """
    if not 1 <= state <= STATE_MAX:
        raise StrategyError(f"state {state} must be from 1 to {STATE_MAX} numbers")
    if step is None:
        return lambda function: Compiled(function, state)
    return Compiled(step, state)


def _compile(strategy: Compiled, dtype: np.dtype[Any]) -> tuple[Any, int]:
    import numba
    from numba import types

    from vtrade.execution.calling import STEP_ARGUMENTS, pointer

    carray: Any = numba.carray  # type: ignore[attr-defined]
    at_address: Any = pointer
    view_type, ask_type, kind = VIEW_DTYPE, ASK_DTYPE, np.dtype(np.float64)

    def made(**options: Any) -> Any:
        step = njit(strategy.step, boundscheck=True, **options)

        def called(view: int, given: int, memory: int, size: int, asks: int, most: int) -> int:
            seen = carray(at_address(view), (1,), view_type)
            params = carray(at_address(given), (1,), dtype)
            state = carray(at_address(memory), (size,), kind)
            orders = carray(at_address(asks), (most,), ask_type)
            count: int = step(seen[0], params[0], state, orders)
            for i in range(min(count, most)):
                if orders[i].instrument == -1:
                    orders[i].instrument = seen[0].instrument
            return count

        whole = njit(called, **options)
        whole.compile(types.int64(*[types.int64] * STEP_ARGUMENTS))
        return whole

    try:
        try:
            whole = made(_nrt=False)  # nothing to count, so faster
        except Exception:  # it makes arrays of its own, or cannot be compiled at all
            whole = made()
    except Exception as error:  # Numba tells of what it cannot compile by errors of all kinds
        raise StrategyError(f"{strategy.name} cannot be compiled: {type(error).__name__}: {error}") from None
    found = next(iter(whole.overloads.values()))
    return whole, int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


def given(params: Mapping[str, Any]) -> Any:
    """Parameters as one record: whole numbers, floats and truths.

    Examples
    --------
    >>> record = given({"fast": 10, "share": 0.5})
    >>> record[0].fast, record.dtype.names
    (np.int64(10), ('fast', 'share'))
    """
    columns: list[tuple[str, Any]] = []
    for name, value in params.items():
        if not name.isidentifier():
            raise StrategyError(f"parameter {name!r} is no name; use letters, digits and underscores")
        if isinstance(value, bool | np.bool_):
            columns.append((name, np.bool_))
        elif isinstance(value, int | np.integer):
            if not -(2**63) <= value < 2**63:
                raise StrategyError(f"parameter {name}={value} is beyond 64 bits")
            columns.append((name, np.int64))
        elif isinstance(value, float | np.floating):
            if not math.isfinite(value):
                raise StrategyError(f"parameter {name}={value} is not a finite number")
            columns.append((name, np.float64))
        else:
            raise StrategyError(f"parameter {name}={value!r} is no number; compiled strategies take numbers only")
    columns = columns or [("nothing", np.int64)]
    record = np.zeros(1, np.dtype(columns)).view(np.recarray)
    for name, value in params.items():
        record[name][0] = value
    return record


def python_callable(candidate: Any, params: Mapping[str, Any]) -> Callable[[Any], Any]:
    """What to call when a Python strategy is awake.

    Raises
    ------
    StrategyError
        If there is nothing to call.
    """
    if isinstance(candidate, type):
        try:
            candidate = candidate(**params)
        except TypeError as error:
            raise StrategyError(f"{candidate.__name__} does not take these parameters: {error}") from None
    for method in METHODS:
        if callable(getattr(candidate, method, None)):
            return getattr(candidate, method)  # type: ignore[no-any-return]
    if callable(candidate):
        return candidate  # type: ignore[no-any-return]
    raise StrategyError(
        f"{candidate!r} is no strategy; give a function of a context, an object with {', '.join(METHODS)}, "
        "or a function under @vt.strategy"
    )


LIMIT_TYPES: Final = (at.LIMIT, at.STOP_LIMIT)
STOP_TYPES: Final = (at.STOP_MARKET, at.STOP_LIMIT)
