"""Which form of the kernel runs: machine code, or the same source as plain Python while nothing is compiled yet?

Rules: both give the same bytes; an engine may change from one to the other between two messages. A machine that has
compiled the kernel once loads it from disk.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType, SimpleNamespace


def kernel() -> ModuleType:
    """The compiled kernel."""
    from vtrade.execution import kernel as compiled

    return compiled


@lru_cache(maxsize=1)
def plain() -> SimpleNamespace:
    """The kernel as plain Python: slow, and there at once."""
    from vtrade.execution import kernel as compiled
    from vtrade.execution.compiling import interpreted

    return interpreted(compiled.MODULES)
