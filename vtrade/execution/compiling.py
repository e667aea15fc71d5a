"""How does the kernel's plain Python source become machine code, and when must it be compiled anew?

Rules: ``inner`` functions are called by other kernels only, ``entry`` functions by Python too. Numba optimises and
compiles the whole of what a function calls once for each function; here only entries are compiled, each once with all
that it calls, which saves most of the time. What was compiled is kept on disk, and is right as long as none of its
sources changed. :func:`interpreted` gives the same functions uncompiled.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from llvmlite import ir
from llvmlite.binding import Linkage
from numba.core import types as nb
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.np import arrayobj

from vtrade.execution.layout import Book
from vtrade.execution.pointers import as_pointer

as_pointer(Book)

_njit: Any = numba.njit
_parts: Any = DefaultPassBuilder

F = TypeVar("F", bound=Callable[..., object])

OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "_nrt": False}
"""Nothing here makes arrays, so nothing needs to be counted: that saves a sixth of the compile time."""


_BESIDE: Final = ("layout", "pointers", "decay", "queues", "calling")
"""Modules beside the kernel whose source is compiled with it."""


class _Part(JITCodeLibrary):  # type: ignore[misc]
    """The code of one inner function: it waits to be put together."""

    def finalize(self) -> None:
        self._finalized = True


class _Whole(JITCodeLibrary):  # type: ignore[misc]
    """The code of an entry with every part that it needs, each once."""

    def finalize(self) -> None:
        parts: dict[int, Any] = {}
        found = list(self._linking_libraries)
        while found:
            part = found.pop()
            if id(part) not in parts:
                parts[id(part)] = part
                found += part._linking_libraries if isinstance(part, _Part) else []
        self._linking_libraries = list(parts.values())
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal  # nobody else calls it: what is inlined everywhere may go
        super()._optimize_final_module()


_part: Any = _Part
_whole: Any = _Whole


_counted: Final[Any] = arrayobj.fix_integer_index


def _index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    """Where an index points: a constant may count from the end, all else is 0 or more."""
    if isinstance(index, ir.Constant):
        return _counted(context, builder, kind, index, size)
    return context.cast(builder, index, kind, nb.intp)


@contextmanager
def _never_negative() -> Iterator[None]:
    """Compile without the question whether an index is negative: no kernel has such, and it takes half of the time."""
    before = arrayobj.fix_integer_index
    arrayobj.fix_integer_index = _index  # under Numba's own lock, so nobody else compiles meanwhile
    try:
        yield
    finally:
        arrayobj.fix_integer_index = before


class _Inner(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.flags.no_compile = True
        state.library = _part(state.targetctx.codegen(), state.func_id.func_qualname)
        return [_parts.define_nopython_pipeline(state)]

    def _compile_core(self) -> Any:
        with _never_negative():
            done: Any = super()._compile_core()  # type: ignore[no-untyped-call]
        key: Any = [].append  # stands for the function that nobody can call from Python; each list has its own
        self.state.targetctx.insert_user_function(key, done.fndesc, [done.library])
        return done._replace(entry_point=key)


class _Entry(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = _whole(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return [_parts.define_nopython_pipeline(state)]

    def _compile_core(self) -> Any:
        with _never_negative():
            return super()._compile_core()  # type: ignore[no-untyped-call]


def inner(function: F) -> F:
    """Compile a function that only other kernels call."""
    return cast(F, _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=_Inner, **OPTIONS)(function))


def entry(function: F) -> F:
    """Compile a function that Python calls, and keep the result on disk."""
    compiled = _njit(cache=True, no_cfunc_wrapper=True, pipeline_class=_Entry, **OPTIONS)(function)
    kept = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = _stamp()
    return cast(F, compiled)


def _stamp() -> tuple[float, int]:
    """Newest change and total size of all sources of the kernel."""
    here = Path(__file__).parent
    files = [*(here / "kernel").glob("*.py"), *(here / f"{name}.py" for name in _BESIDE), Path(__file__)]
    stats = [path.stat() for path in files if path.exists()]
    return max(s.st_mtime for s in stats), sum(s.st_size for s in stats)


def interpreted(modules: tuple[types.ModuleType, ...]) -> types.SimpleNamespace:
    """The functions of kernel modules as plain Python, calling each other.

    Returns
    -------
    SimpleNamespace
        Every function of the last module, and what it imports, by name.
    """
    plain: dict[int, types.FunctionType] = {}
    spaces: list[dict[str, Any]] = []
    for module in modules:
        space = dict(vars(module))
        for name, value in space.items():
            source = getattr(value, "py_func", None)
            if source is None or id(value) in plain:
                continue
            if value.__module__ == module.__name__:
                source = types.FunctionType(source.__code__, space, name, source.__defaults__, source.__closure__)
            plain[id(value)] = source
        spaces.append(space)
    for space in spaces:
        space.update({name: plain[id(value)] for name, value in space.items() if id(value) in plain})
    return types.SimpleNamespace(**spaces[-1])
