"""Which parameters would have done well? One backtest for each cell of a grid, on as many processors as there are.

Rules: rows come in the order of the grid, the last parameter fastest, whoever finishes first. A cell that fails keeps
its error as text and the others go on; what was done stays when the workers die. The tape goes to each worker once, as
a file that workers on this machine map into memory.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from vtrade.domain import display
from vtrade.domain.actions import CorporateAction
from vtrade.domain.instruments import Instrument
from vtrade.market.tape import NewsItem, Tape
from vtrade.research.strategy import StrategyError

if TYPE_CHECKING:
    import pandas as pd

CELLS_SHOWN: Final = 40
ERRORS_SHOWN: Final = 10
STATISTICS_SHOWN: Final = {
    "total_return": "total return", "sharpe_ratio": "Sharpe ratio", "max_drawdown": "max drawdown", "fills": "fills",
    "hit_rate": "hit rate",
}  # fmt: skip
"""What the HTML of a sweep shows of each cell; :meth:`SweepResult.frame` has all."""
CELLS_MAX: Final = 1_000_000
Progress = Callable[[int, int], None]
"""Called with the cells that are done, and how many there are."""


class _Rest(msgspec.Struct, frozen=True):
    """What a tape is beside its events."""

    name: str
    instruments: tuple[Instrument, ...]
    depth: str
    date: str
    timezone: str
    news: tuple[NewsItem, ...]
    actions: tuple[CorporateAction, ...]


class SweepResult:
    """Statistics of each cell: a table by :meth:`frame`, the cells that failed in :attr:`errors`.

    Attributes
    ----------
    params : list of dict
        What each cell was given.
    statistics : list of dict
        What came out; empty where the cell failed or was never run.
    errors : dict of int to str
        Why a cell has no statistics, by its number.
    stopped : str
        Why the sweep ended before its end; empty if it did not.
    """

    def __init__(
        self,
        params: list[dict[str, Any]],
        statistics: list[dict[str, float | int]],
        errors: dict[int, str],
        stopped: str,
    ) -> None:
        self.params = params
        self.statistics = statistics
        self.errors = errors
        self.stopped = stopped

    def __len__(self) -> int:
        return len(self.params)

    def frame(self) -> pd.DataFrame:
        """A row for each cell: its parameters, statistics and ``error``."""
        import pandas as pd

        rows = [
            {**params, **found, "error": self.errors.get(n, "")}
            for n, (params, found) in enumerate(zip(self.params, self.statistics, strict=True))
        ]
        return pd.DataFrame(rows)

    def best(self, by: str = "sharpe_ratio") -> dict[str, Any]:
        """Parameters of the cell with the largest statistic; the first of equals.

        Raises
        ------
        StrategyError
            If no cell has such a number.
        """
        found = [(s[by], n) for n, s in enumerate(self.statistics) if by in s and not math.isnan(s[by])]
        if not found:
            raise StrategyError(f"no cell has a number {by!r}; see errors and frame()")
        return self.params[max(found, key=lambda pair: (pair[0], -pair[1]))[1]]

    def __repr__(self) -> str:
        failed = f", {len(self.errors):,} failed" if self.errors else ""
        return f"Sweep({len(self):,} cells{failed}{'; ' + self.stopped if self.stopped else ''})"

    def _repr_html_(self) -> str:
        names = [*dict.fromkeys(name for params in self.params for name in params)]
        chosen = sorted({*range(min(len(self), CELLS_SHOWN)), *sorted(self.errors)[:ERRORS_SHOWN]})
        rows = [
            (*(f"{self.params[n].get(name, '')}" for name in names), *_shown(self.statistics[n]),
             display.shortened(self.errors.get(n, ""), 120))
            for n in chosen
        ]  # fmt: skip
        heads = (*names, *STATISTICS_SHOWN.values(), "error")
        left = len(self) - len(rows)
        note = f"and {left:,} more cells: see frame()" if left > 0 else ""
        table = display.Table(heads, rows, f"Sweep of {len(self):,} cells", frozenset((len(heads) - 1,)), note)
        return display.html([table, *([display.Words(self.stopped)] if self.stopped else [])])


def _shown(statistics: Mapping[str, float | int]) -> list[str]:
    """Statistics of a cell as text."""
    if not statistics:
        return [""] * len(STATISTICS_SHOWN)
    return [
        display.percent(statistics[name])
        if name in ("total_return", "max_drawdown")
        else f"{statistics[name]:,}"
        if isinstance(statistics[name], int)
        else display.number(statistics[name])
        for name in STATISTICS_SHOWN
    ]


def cells(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the last parameter fastest.

    Examples
    --------
    >>> cells({"fast": [5, 10], "slow": [50]})
    [{'fast': 5, 'slow': 50}, {'fast': 10, 'slow': 50}]
    """
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or not len(values):
            raise StrategyError(f"grid {name}={values!r} must be a list of one value or more")
    count = math.prod(len(values) for values in grid.values())
    if not grid or count > CELLS_MAX:
        raise StrategyError(f"a grid of {count:,} cells; 1 to {CELLS_MAX:,} are possible, from one parameter on")
    plain = [[v.item() if isinstance(v, np.generic) else v for v in values] for values in grid.values()]
    return [dict(zip(grid, chosen, strict=True)) for chosen in itertools.product(*plain)]


def sweep(
    strategy: Any, tape: Tape, grid: Mapping[str, Sequence[Any]], *, executor: Executor | None = None,
    workers: int | None = None, progress: Progress | None = None, **options: Any,
) -> SweepResult:  # fmt: skip
    """Backtest a strategy with every combination of parameters.

    Parameters
    ----------
    strategy : Compiled, callable, object or class
        As in :func:`~vtrade.research.backtest.backtest`; it must be importable, at the top of a module, where other
        processes run it.
    tape : Tape
    grid : mapping of str to sequence
        Values of each parameter.
    executor : Executor, optional
        Where the backtests run, such as ``dask.distributed.Client(...).get_executor()``; a process for each processor
        by default. It must see this machine's temporary files.
    workers : int, optional
        Processes, where no executor is given; with 1 everything runs in this one.
    progress : callable, optional
        Called with cells done and cells in all.
    **options
        For each backtest: ``cash``, ``limits``, ``rules``, ``seed``, ``every``, ...

    Returns
    -------
    SweepResult
    """
    chosen = cells(grid)
    if executor is None and workers == 1:
        return _collect([_here(strategy, tape, params, options) for params in chosen], chosen, progress)
    with tempfile.TemporaryDirectory(prefix="vtrade-sweep-") as folder:
        _put_away(tape, Path(folder))
        own = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if executor is None else None
        try:
            running: list[Future[Any]] = []
            pool: Any = executor or own
            with suppress(BrokenProcessPool):  # those that were sent say so themselves
                running += [pool.submit(_cell, strategy, folder, params, options) for params in chosen]
            return _collect(running, chosen, progress)
        finally:
            if own is not None:
                own.shutdown(cancel_futures=True)


def _here(strategy: Any, tape: Tape, params: dict[str, Any], options: dict[str, Any]) -> Future[Any]:
    done: Future[Any] = Future()
    done.set_result(_run(strategy, tape, params, options))
    return done


def _collect(running: list[Future[Any]], chosen: list[dict[str, Any]], progress: Progress | None) -> SweepResult:
    statistics: list[dict[str, float | int]] = [{} for _ in chosen]
    errors: dict[int, str] = {}
    stopped = ""
    for n, future in enumerate(running):
        try:
            found, error = future.result()
            statistics[n] = found
            if error:
                errors[n] = error
        except (BrokenProcessPool, CancelledError) as died:
            stopped = stopped or f"the workers died at cell {n} ({type(died).__name__}); fewer workers need less memory"
            errors[n] = "not run: the workers died"
        except Exception as error:  # what a strange executor, or a strategy that cannot be sent, may raise
            errors[n] = f"{type(error).__name__}: {error}"
        if progress is not None:
            progress(n + 1, len(chosen))
    for n in range(len(running), len(chosen)):
        errors[n] = "not run: the workers died"
    return SweepResult(chosen, statistics, errors, stopped)


# --- in the workers --------------------------------------------------------------------------------------------------


def _run(strategy: Any, tape: Tape, params: dict[str, Any], options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    from vtrade.research.backtest import backtest

    try:
        return backtest(strategy, tape, params=params, **options).statistics(), ""
    except Exception as error:  # whatever a strategy may raise
        return {}, f"{type(error).__name__}: {error}"


def _cell(strategy: Any, folder: str, params: dict[str, Any], options: dict[str, Any]) -> tuple[dict[str, Any], str]:
    return _run(strategy, _fetched(folder), params, options)


def _put_away(tape: Tape, folder: Path) -> None:
    np.save(folder / "events.npy", tape.events)
    rest = _Rest(tape.name, tape.instruments, tape.depth, tape.date, tape.timezone, tape.news, tape.actions)
    (folder / "rest.msgpack").write_bytes(msgspec.msgpack.encode(rest))


@lru_cache(maxsize=1)
def _fetched(folder: str) -> Tape:
    rest = msgspec.msgpack.decode((Path(folder) / "rest.msgpack").read_bytes(), type=_Rest)
    events: Any = np.asarray(np.load(Path(folder) / "events.npy", mmap_mode="r"))
    return Tape(rest.name, rest.instruments, events, rest.depth, rest.date, rest.timezone, rest.news, rest.actions)
