"""Does a desk keep its promises over a long and restless life: trading, stepping, rewinding, forking, reopening?

Every life is drawn from a seed; a failure names the seed and the acts that led to it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import vtrade as vt
from tests.desk.conftest import Opener, standing, told
from tests.desk.test_view import check_view
from vtrade.domain.messages import MarketFrame, decode_inbound
from vtrade.domain.orders import TERMINAL

ACTS = 70


def check(desk: vt.Desk) -> None:
    """What must hold at any moment."""
    room, tape = desk._room, desk.tape
    assert tape is not None
    messages = (decode_inbound(entry.message) for entry in room.runtime.log.read())
    played = b"".join(message.events for message in messages if isinstance(message, MarketFrame))
    assert played == tape.events.tobytes()[: len(played)]
    assert room.feed is not None
    assert room.feed.rows * tape.events.itemsize == len(played)
    assert desk.ts_ns <= tape.end_ns
    room.portfolio.check()
    engine = room.runtime.engine
    account = engine.accounts[desk.account]
    records = room.blotter.of(desk.account)
    assert {r.order_id for r in records if r.working} == set(engine.orders)
    assert sum(r.fees for r in records) == room.portfolio.account(desk.account).fees
    assert account.cash == room.portfolio.account(desk.account).cash
    held = {p.symbol: p.quantity for p in room.portfolio.positions(desk.account)}
    for k, instrument in enumerate(desk.instruments):
        assert account.positions[k] == held.get(instrument.symbol, 0)
    assert account.reserved >= 0
    if not engine.orders:
        assert account.reserved == 0
    for record in records:
        assert (record.status in TERMINAL) == (not record.working)
        assert record.filled <= record.quantity or not record.order_id
    facts = told(desk)
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    times = [fact.ts_ns for fact in facts]
    assert times == sorted(times)
    check_view(desk.view())


@pytest.mark.parametrize(("seed", "market"), [(0, "ticks"), (1, "ticks"), (4, "ticks"), (2, "bars"), (3, "bars")])
def test_a_restless_life(
    open_desk: Opener, tape: vt.Tape, daily: vt.Tape, tmp_path: Path, seed: int, market: str
) -> None:
    which, pace = (tape, 1.0) if market == "ticks" else (daily, 50_000.0)
    luck = np.random.Generator(np.random.Philox(key=100 + seed))
    limits = vt.NO_LIMITS if seed == 4 else vt.RiskLimits(allow_short=seed % 2 == 1)
    desk = open_desk(which, journal=tmp_path / "life.db" if seed % 2 == 0 else None, limits=limits)
    done: list[str] = []

    def some(values: list[str]) -> str:
        return values[int(luck.integers(len(values)))]

    for n in range(ACTS):
        symbol = some(desk.symbols)
        quote = desk.quotes().loc[symbol]
        price = next((p for p in (quote.bid, quote.ask, quote["last"]) if not math.isnan(p)), 100.0)
        near = round(float(price) + int(luck.integers(-6, 7)) / 100, 2)
        size = int(luck.integers(1, 250))
        names = desk.orders().client_order_id.tolist()
        act = some(["trade"] * 6 + ["cancel", "replace", "close"] + ["step"] * 4 + ["rewind", "fork", "reopen", "look"])
        done.append(act)
        try:
            if act == "trade":
                terms = some(["", "limit", "stop", "limit stop"]).split()
                trade = desk.buy if luck.integers(2) else desk.sell
                tif = some(["DAY", "GTC", "IOC", "FOK"])
                trade(symbol, size, tif=tif, **dict.fromkeys(terms, near))  # type: ignore[arg-type]
            elif act == "cancel" and names:
                desk.cancel(some(names))
            elif act == "replace" and names:
                desk.replace(some(names), **{some(["quantity", "limit", "stop"]): size if luck.integers(2) else near})  # type: ignore[arg-type]
            elif act == "close":
                desk.close(symbol if luck.integers(2) else None)
            elif act == "step":
                desk.step(seconds=float(luck.uniform(0.001, 6)) * pace)
            elif act == "rewind":
                desk.rewind(seconds=float(luck.uniform(0.001, 40)) * pace)
            elif act == "fork":
                fork = desk.fork(journal=str(tmp_path / f"fork{n}.db") if luck.integers(2) else None)
                assert standing(fork) == standing(desk)
                desk.close_desk()
                desk = fork
            elif act == "reopen" and desk.journal is not None:
                before, path = standing(desk), desk.journal
                desk.close_desk()
                desk = open_desk(which, journal=path, limits=limits)
                assert standing(desk) == before
            else:
                for name in names[:5]:
                    assert desk.order(name).explain().lines
        except vt.VTradeError as error:
            pytest.fail(f"{done}: {error}")
        if n % 10 == 9:
            check(desk)
    verdict = desk.verify()
    assert verdict.ok, f"{done}: {verdict}"
    desk.run()
    check(desk)
    desk.close_desk()
