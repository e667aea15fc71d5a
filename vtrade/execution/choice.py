"""Which form of the kernel runs: machine code, or the same source as plain Python while nothing is compiled yet?

Rules: both give the same bytes; an engine may change from one to the other between two messages. A machine compiles the
kernel once, in a process of its own, and loads it from disk ever after; who waits for a first fill does not wait for
that.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from functools import lru_cache
from types import ModuleType, SimpleNamespace

Kernel = ModuleType | SimpleNamespace


def kernel(*, at_once: bool = False) -> Kernel:
    """The compiled kernel; with ``at_once`` the plain one as long as the other would have to be compiled first."""
    from vtrade.execution import kernel as compiled

    return plain() if at_once and not _compiler().done else compiled


@lru_cache(maxsize=1)
def plain() -> SimpleNamespace:
    """The kernel as plain Python: slow, and there at once."""
    from vtrade.execution import kernel as compiled
    from vtrade.execution.compiling import interpreted

    return interpreted(compiled.MODULES)


class _Compiler:
    """Compiles the kernel onto the disk, once, in the background."""

    def __init__(self) -> None:
        from vtrade.execution.warm import is_warm

        self.done = is_warm()
        if not self.done:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vtrade.execution.warm"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip

            atexit.register(self._part)

    def _part(self) -> None:
        """Where this process ends first, the other goes on by itself, for the next one."""
        if self._process.poll() is None:
            self._process.returncode = 0

    def look(self) -> None:
        """See whether it is done; where it failed, the kernel is compiled in this process when it is called."""
        if not self.done:
            self.done = self._process.poll() is not None


@lru_cache(maxsize=1)
def _make() -> _Compiler:
    return _Compiler()


def _compiler() -> _Compiler:
    compiler = _make()
    compiler.look()
    return compiler
