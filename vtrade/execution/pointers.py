"""How does compiled code hand a book from function to function without copying it?

Rules: Numba passes a tuple by value, so every call of a book of a dozen arrays would copy a hundred numbers. A tuple
class named to :func:`as_pointer` is passed as one pointer to what says where its arrays lie; that never changes while
compiled code runs, and nothing is counted or freed there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import typeof
from numba.core import cgutils
from numba.core import types as nb
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)


class State(nb.Type):  # type: ignore[misc]
    """A named tuple of arrays that compiled functions hand on as one pointer, not as a hundred numbers."""

    def __init__(self, cls: type, fields: tuple[Any, ...]) -> None:
        self.cls = cls
        self.fields = fields
        super().__init__(name=f"{cls.__name__}({', '.join(map(str, fields))})")


class _Pointer(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, state: State) -> None:
        parts = [dmm.lookup(field).get_value_type() for field in state.fields]
        super().__init__(dmm, state, ir.LiteralStructType(parts).as_pointer())


class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = State

    def generic_resolve(self, state: State, name: str) -> Any:  # type: ignore[override]
        """Type of a field."""
        return state.fields[state.cls._fields.index(name)]  # type: ignore[attr-defined]


def _field(context: Any, builder: Any, state: State, pointer: Any, name: str) -> Any:
    """Load what says where an array lies; it never changes while compiled code runs."""
    number = state.cls._fields.index(name)  # type: ignore[attr-defined]
    place = cgutils.gep_inbounds(builder, pointer, 0, number)
    value = ir.Constant(place.type.pointee, ir.Undefined)
    fixed = builder.module.add_metadata([])

    def read(path: list[int], kind: Any, value: Any) -> Any:
        if isinstance(kind, ir.LiteralStructType | ir.ArrayType):
            for i in range(len(kind)):
                part = kind.elements[i] if isinstance(kind, ir.LiteralStructType) else kind.element
                value = read([*path, i], part, value)
            return value
        loaded = builder.load(cgutils.gep_inbounds(builder, place, 0, *path))
        loaded.set_metadata("invariant.load", fixed)
        return builder.insert_value(value, loaded, path) if path else loaded

    return read([], place.type.pointee, value)


def _unboxed(state: State, obj: Any, c: Any) -> Any:
    """Put the arrays of a tuple where compiled code finds them, for the length of a call."""
    pointed = c.context.data_model_manager.lookup(state).get_value_type().pointee
    place = cgutils.alloca_once(c.builder, pointed)
    failed = ir.Constant(ir.IntType(1), 0)
    for number, field in enumerate(state.fields):
        native = c.unbox(field, c.pyapi.tuple_getitem(obj, number))
        c.builder.store(native.value, cgutils.gep_inbounds(c.builder, place, 0, number))
        failed = c.builder.or_(failed, native.is_error)
    return NativeValue(place, is_error=failed)


def as_pointer(cls: type) -> None:
    """Let compiled functions take tuples of this class by reference."""
    typeof_impl.register(cls)(lambda value, context: State(cls, tuple(typeof(field) for field in value)))


register_model(State)(_Pointer)
infer_getattr(_Fields)
lower_getattr_generic(State)(_field)
unbox(State)(_unboxed)
