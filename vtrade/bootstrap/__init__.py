"""Which adapters does a desk stand on? The only place that names them."""

from __future__ import annotations

import contextlib
import importlib.util
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from vtrade import desk as core
from vtrade.adapters.clock import SystemClock
from vtrade.adapters.llm import model_from_environment
from vtrade.adapters.preferences import preferences_from_environment
from vtrade.adapters.redis import embedded_redis
from vtrade.adapters.sqlite import MEMORY, SqliteLog
from vtrade.desk.opened import JournalView, read_journal
from vtrade.domain.accounts import RiskLimits
from vtrade.domain.messages import OpenRoom, decode_inbound
from vtrade.domain.rules import RoomRules
from vtrade.domain.values import Number
from vtrade.errors import DeskError, JournalCorrupt, JournalError, TapeError, ValueOffGrid
from vtrade.gamification.leaderboard import Leaderboard
from vtrade.market.load import load_tape
from vtrade.market.tape import Tape
from vtrade.ports import Log
from vtrade.services.runtime import Verdict
from vtrade.services.runtime import verify as verify_log
from vtrade.tutor.dialogue import LanguageModel


def open_journal(path: str | Path, *, read_only: bool = False) -> Log:
    """A journal file as a log; to write to, it is locked until it is closed."""
    return SqliteLog(path, read_only=read_only)


def verify(path: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Verdict:
    """Recompute a journal from its inputs and compare; a journal in use may be verified too.

    Parameters
    ----------
    path : str or Path
    progress : callable, optional
        Called with the number of each record, and how many there are.

    Raises
    ------
    JournalError
        If there is no such journal.
    """
    log = open_journal(path, read_only=True)
    try:
        if progress is None:
            return verify_log(log)
        total = 0
        with contextlib.suppress(JournalCorrupt):
            last = log.last()
            total = last.seq if last else 0
        return verify_log(log, progress=lambda seq: progress(seq, max(seq, total)))
    finally:
        log.close()


def load_journal(path: str | Path) -> JournalView:
    """A journal as tables, to look at; one in use may be read too.

    Parameters
    ----------
    path : str or Path
        What a desk, or ``vtrade replay``, wrote.

    Returns
    -------
    JournalView
        Accounts, orders, fills, positions, equity curve, costs, statistics.

    Raises
    ------
    JournalError
        If there is no such journal, or a record of it was changed.
    """
    log = SqliteLog(path, read_only=True)
    try:
        return read_journal(log, path=str(path))
    finally:
        log.close()


class Desk(core.Desk):
    """A trading desk on one market, on this machine, with no server.

    Parameters
    ----------
    tape : str, Path, Tape or None
        What plays: ``"synthetic:7"``, ``"exchange:7"``, ``"sample:AAPL"``, ``"lobster:FILE.zip"``, a path, or a loaded
        tape. Without it a synthetic market of ``seed``, or the one the journal began with.
    account : str
        Your name at the desk.
    cash : number
        Money at the start, whole units.
    seed : int
        Of the synthetic market.
    journal : str or Path, optional
        SQLite file that keeps everything; an existing one is gone on with. In memory without it.
    limits : RiskLimits, optional
        What the account may do: ``vtrade.RiskLimits.make(leverage=2, allow_short=True)`` for a margin account, for
        example; ``vtrade.NO_LIMITS`` lifts them all.
    rules : RoomRules, str or dict, optional
        By which the venue trades: ``RoomRules.make(latency_ms=5)``, a dictionary of changes to what the tape asks for
        (``{"latency_ms": 5}``), or ``"tape"``, ``"plain"`` or ``"realistic"``. Those that the tape asks for without it.
    language_model : {"auto", None} or LanguageModel
        ``"auto"`` takes the one the environment names, if it does; ``None`` keeps the tutor offline.

    Raises
    ------
    TapeError, JournalError, ValueOffGrid

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7")
    >>> order = desk.buy(desk.symbols[0], 100)
    >>> order.status
    <Status.FILLED: 'FILLED'>
    >>> desk.close_desk()
    """

    def __init__(
        self, tape: str | Path | Tape | None = None, *, account: str = "you", cash: Number = 1_000_000, seed: int = 7,
        journal: str | Path | None = None, limits: RiskLimits | None = None,
        rules: RoomRules | str | Mapping[str, Any] | None = None,
        language_model: LanguageModel | Literal["auto"] | None = "auto",
    ) -> None:  # fmt: skip
        try:
            seed = operator.index(seed)
        except TypeError:
            raise ValueOffGrid(f"seed {seed!r} is not a whole number; give one such as 7") from None
        if language_model not in ("auto", None) and not isinstance(language_model, LanguageModel):
            raise DeskError(
                f"language_model {language_model!r} is none; take 'auto', None, or one such as "
                "vtrade.adapters.llm.OpenAIChat('small')"
            )
        path = None if journal is None or str(journal) == MEMORY else str(journal)
        began_with = _tape_of(path) if path is not None and Path(path).exists() else None
        if tape is None:
            tape = began_with or f"synthetic:{seed}"
        try:
            loaded = tape if isinstance(tape, Tape) else load_tape(tape)
        except TapeError as error:
            if tape is not began_with:
                raise
            raise DeskError(
                f"journal {path} began with the tape {began_with!r}, which cannot be loaded by that name ({error}); "
                "load it and hand it over: vt.Desk(tape, journal=...)"
            ) from error
        super().__init__(
            make_wiring(language_model), tape=loaded,
            tape_name=str(tape) if isinstance(tape, str | Path) else loaded.name, account=account, cash=cash,
            seed=seed, journal=path, limits=limits, rules=rules,
        )  # fmt: skip


def _tape_of(path: str) -> str | None:
    """The name of the tape a journal began with."""
    if Path(path).is_file() and not Path(path).stat().st_size:
        return None  # the desk that made it was killed before it wrote anything
    log = SqliteLog(path, read_only=True)
    try:
        first = next(log.read(), None)
    finally:
        log.close()
    if first is None:
        return None
    message = decode_inbound(first.message)
    if not isinstance(message, OpenRoom):
        raise JournalError(f"journal {path} does not begin with a room; run `vtrade verify {path}`")
    return message.tape or None


def make_wiring(language_model: LanguageModel | Literal["auto"] | None) -> core.Wiring:
    """What every desk on this machine stands on."""

    def open_log(path: str | None) -> Log:
        return SqliteLog(MEMORY if path is None else path)

    def leaderboards() -> dict[str, Leaderboard]:
        client = embedded_redis()
        return {by: Leaderboard(client, f"vtrade:room:{by}") for by in ("xp", "nav")}

    def model() -> LanguageModel | None:
        return model_from_environment() if language_model == "auto" else language_model

    return core.Wiring(
        clock=SystemClock(),
        open_log=open_log,
        next_path=next_path,
        leaderboards=leaderboards,
        model=model,
        show=_show if importlib.util.find_spec("vtrade_widgets") else None,
        preferences=preferences_from_environment,
    )


def next_path(path: str) -> str:
    """A name beside ``path`` for the journal of a branch, not taken yet."""
    old = Path(path)
    stem = old.stem.split("-rewind")[0]
    for number in range(1, 10_000):
        name = old.with_name(f"{stem}-rewind{number}{old.suffix}")
        if not name.exists():
            return str(name)
    raise DeskError(f"there are 9,999 branches beside {path}; remove some")


def _show(desk: core.Desk, **options: Any) -> Any:
    return importlib.import_module("vtrade_widgets").panel(desk, **options)
