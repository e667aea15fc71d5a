"""How does compiled code call a stranger's compiled function, and find its own arrays again at its next call?

Rules: addresses are plain integers, valid while somebody keeps what they point to. A function is called through
:func:`call_step`, so the loop that calls it is compiled once for all; an exception in it comes back as a status.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils as untyped_cgutils
from numba.core import types as untyped_types
from numba.extending import intrinsic

cgutils: Any = untyped_cgutils
nb: Any = untyped_types

_WORD = ir.IntType(64)

STEP_ARGUMENTS = 6
"""Whole numbers that a step takes: addresses of view, parameters, state and requests, and how long the last two are."""


@intrinsic
def call_step(typing: Any, address: Any, view: Any, given: Any, state: Any, size: Any, asks: Any, most: Any) -> Any:
    """Call the function at an address with six whole numbers; its status (0: fine) and the number it returned."""
    signature = nb.UniTuple(nb.int64, 2)(*[nb.int64] * (STEP_ARGUMENTS + 1))

    def code(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        anything = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [_WORD.as_pointer(), anything.as_pointer(), *[_WORD] * STEP_ARGUMENTS])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        answer = cgutils.alloca_once_value(builder, ir.Constant(_WORD, 0))
        error = cgutils.alloca_once_value(builder, ir.Constant(anything, None))
        status = builder.call(function, [answer, error, *arguments[1:]])
        return cgutils.pack_array(builder, [builder.sext(status, _WORD), builder.load(answer)])

    return signature, code


def holders(sample: Any) -> tuple[Any, Any]:
    """Two compiled functions that keep a named tuple of arrays at an address, and fetch it from there.

    Parameters
    ----------
    sample : callable
        Makes a tuple of the kind; its first field is such a tuple itself.
    """

    @intrinsic
    def keep(typing: Any, whole: Any, address: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            outer = arguments[0].type.pointee
            inner = outer.elements[0].pointee
            place = builder.inttoptr(arguments[1], outer.as_pointer())
            behind = builder.inttoptr(
                builder.add(arguments[1], ir.Constant(_WORD, context.get_abi_sizeof(outer))), inner.as_pointer()
            )
            builder.store(builder.load(arguments[0]), place)
            builder.store(builder.load(builder.load(cgutils.gep_inbounds(builder, arguments[0], 0, 0))), behind)
            builder.store(behind, cgutils.gep_inbounds(builder, place, 0, 0))
            return ir.Constant(_WORD, context.get_abi_sizeof(outer) + context.get_abi_sizeof(inner))

        return nb.int64(whole, nb.int64), code

    @intrinsic
    def fetch(typing: Any, address: Any) -> Any:
        import numba

        look: Any = numba.typeof
        whole = look(sample())

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(whole))

        return whole(nb.int64), code

    return keep, fetch


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """An address as a pointer to anything."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(nb.voidptr))

    return nb.voidptr(nb.int64), code
