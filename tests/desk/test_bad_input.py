"""What does a desk say to what is no number, no name, no file? One clear error, and nothing half done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vtrade as vt
from tests.desk.conftest import Opener, records
from vtrade.domain.messages import decode_inbound
from vtrade.domain.orders import Status
from vtrade.errors import DeskError, JournalError, JournalInUse, TapeError, ValueOffGrid

NO_NUMBERS: list[Any] = [
    None, "", "x", "12,5", "1e999999", "1e-999999", "sNaN", "0x10", [], [5], {}, {"a": 1}, (1,), b"5", 1 + 0j, object(),
    float("nan"), float("inf"), float("-inf"), np.nan, np.float32("inf"), pd.NA, pd.NaT, pd.Timestamp("2026-01-05"),
    pd.Series([5, 6]), np.array([5, 6]), 1e13, -1e300, 10**30, 1e-9, "0.0000001",
]  # fmt: skip


def name_of(value: object) -> str:
    return f"{type(value).__name__} {str(value)[:12]}"


def still_works(desk: vt.Desk) -> None:
    """Nothing is broken, and nothing was written that cannot be read."""
    assert desk.buy("ACME", 1).status == Status.FILLED
    assert desk.verify().ok
    json.dumps(desk.view(), allow_nan=False)
    assert str(desk)


@pytest.fixture(scope="module")
def shared(tape: vt.Tape) -> Any:
    desk = vt.Desk(tape, language_model=None)
    yield desk
    still_works(desk)
    desk.close_desk()


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["quantity", "limit", "stop"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=name_of)
def test_what_is_no_number_is_one_error_and_nothing_is_written(shared: vt.Desk, where: str, value: Any) -> None:
    if where != "quantity" and value is None:
        return  # not given
    before = (records(shared), shared.state_hash)
    terms: dict[str, Any] = {"quantity": 1, "limit": None, "stop": None} | {where: value}
    for trade in (shared.buy, shared.sell):
        with pytest.raises(ValueOffGrid, match=where) as caught:
            trade("ACME", terms["quantity"], limit=terms["limit"], stop=terms["stop"])
        assert len(str(caught.value)) < 400
    assert (records(shared), shared.state_hash) == before


@given(value=st.one_of(st.floats(), st.integers(), st.decimals(), st.text(max_size=8), st.booleans(), st.none()))
def test_any_quantity_is_an_order_or_a_value_error(shared: vt.Desk, value: Any) -> None:
    before = records(shared)
    try:
        order = shared.buy("LUMA", value, tif="FOK")
    except ValueOffGrid:
        assert records(shared) == before
    else:
        assert order.status in Status
        assert records(shared) == before + 1


@given(
    value=st.one_of(st.floats(), st.integers(), st.decimals(), st.text(max_size=8)),
    stop=st.one_of(st.none(), st.floats(), st.integers(-(10**6), 10**6)),
)
def test_any_price_is_an_order_or_a_value_error(shared: vt.Desk, value: Any, stop: Any) -> None:
    before = records(shared)
    try:
        order = shared.buy("LUMA", "0.01", limit=value, stop=stop, tif="GTC")
    except ValueOffGrid:
        assert records(shared) == before
    else:
        assert order.status in Status
        if order.working:
            order.cancel()


def test_what_was_refused_on_the_way_can_all_be_read_again(shared: vt.Desk) -> None:
    still_works(shared)
    for entry in shared._room.runtime.log.read():
        decode_inbound(entry.message)


@pytest.mark.parametrize("tif", ["", 5, "day ", [], "IMMEDIATE"])
def test_an_unknown_time_in_force(shared: vt.Desk, tif: Any) -> None:
    before = records(shared)
    with pytest.raises(ValueOffGrid, match="DAY, GTC, IOC, FOK"):
        shared.buy("ACME", 1, tif=tif)
    assert records(shared) == before


@pytest.mark.parametrize(
    "symbol", [None, 5, ["ACME"], {}, "\ud800", "ACME\x00", "<script>", "x" * 10_000, b"ACME", np.nan]
)
def test_what_is_no_symbol_is_denied_or_an_error(shared: vt.Desk, symbol: Any) -> None:
    before = records(shared)
    try:
        order = shared.buy(symbol, 1)
    except vt.VTradeError:
        assert records(shared) == before
    else:
        assert order.status == Status.DENIED
        assert "UNKNOWN_SYMBOL" in order.reason
        assert "<script>" not in order.explain()._repr_html_()


@pytest.mark.parametrize("name", [5, 0.5, True, b"x", ("a",), ["a"], {"a": 1}, "\ud800", np.int64(5)], ids=name_of)
def test_a_name_that_is_no_text_is_an_error(shared: vt.Desk, name: Any) -> None:
    before = records(shared)
    with pytest.raises(ValueOffGrid):
        shared.buy("ACME", 1, client_order_id=name)
    assert records(shared) == before


@pytest.mark.parametrize("name", ["", "ä €", "a\nb", "<b>", " ", "o" * 500, np.str_("numpy")])
def test_any_text_is_a_name(open_desk: Opener, name: str) -> None:
    desk = open_desk()
    order = desk.buy("ACME", 1, client_order_id=name)
    assert order.client_order_id == (name or "o1")
    assert type(order.client_order_id) is str
    still_works(desk)


# --- every method -----------------------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[vt.Desk, Any], Any]] = {
    "book symbol": lambda desk, x: desk.book(x),
    "book levels": lambda desk, x: desk.book("ACME", levels=x),
    "bars symbol": lambda desk, x: desk.bars(x),
    "bars seconds": lambda desk, x: desk.bars("ACME", seconds=x),
    "exposure": lambda desk, x: desk.exposure(by=x),
    "statistics": lambda desk, x: desk.statistics(periods_per_year=x),
    "leaderboard by": lambda desk, x: desk.leaderboard(by=x),
    "leaderboard n": lambda desk, x: desk.leaderboard(n=x),
    "order": lambda desk, x: desk.order(x),
    "cancel": lambda desk, x: desk.cancel(x),
    "replace": lambda desk, x: desk.replace(x, quantity=1),
    "play": lambda desk, x: desk.play(x).pause(),
    "step events": lambda desk, x: desk.step(events=x),
    "step seconds": lambda desk, x: desk.step(seconds=x),
    "run": lambda desk, x: desk.run(until=x),
    "rewind seconds": lambda desk, x: desk.rewind(seconds=x),
    "rewind to": lambda desk, x: desk.rewind(to=x),
    "fork": lambda desk, x: desk.fork(to=x).close_desk(),
    "record": lambda desk, x: desk.record(x, x, x),
    "view symbol": lambda desk, x: desk.view(x),
    "view levels": lambda desk, x: desk.view(levels=x),
    "view bars": lambda desk, x: desk.view(bars=x),
    "ask": lambda desk, x: desk.ask(x),
}
JUNK: list[Any] = [
    None, "", "x", "²", "\ud800", 0, -1, 2.5, 10**9, 10**30, -(10**30), float("nan"), float("inf"),
    -float("inf"), 1e300, True, [], {}, (),
    b"x", object(), pd.NA, pd.NaT, pd.Timedelta("5s"), pd.Timestamp("2026-01-05 09:31"), np.int64(3), np.float32(1.5),
    np.array([1, 2]), pd.Series([1, 2]), "25:00", "9999-12-31", "0001-01-01", "99999-01-01", "12:00:00+25:00",
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_no_method_fails_in_a_way_of_its_own(open_desk: Opener, call: str) -> None:
    desk, strange = open_desk(), []
    for junk in JUNK:
        try:
            CALLS[call](desk, junk)
        except vt.VTradeError as error:
            if not str(error):
                strange.append(f"{junk!r}: an error without a word")
        except Exception as error:
            strange.append(f"{junk!r}: {error!r}")
        if desk.ended or records(desk) == 0:
            desk.close_desk()
            desk = open_desk()
    assert not strange, "\n".join(strange)
    desk.rewind()
    still_works(desk)


# --- opening a desk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cash", [None, "x", float("nan"), float("inf"), 1e13, [], -1, "-0.01"])
def test_money_that_is_none(open_desk: Opener, cash: Any) -> None:
    with pytest.raises(ValueOffGrid, match="cash"):
        open_desk(cash=cash)


@pytest.mark.parametrize("cash", [0, 1, "1000.50", np.float64(5e5), np.int64(7), 2e12, 0.01])
def test_any_money_will_do(open_desk: Opener, cash: Any) -> None:
    desk = open_desk(cash=cash)
    assert desk.nav == desk.cash == float(cash)
    desk.buy("ACME", 1)
    json.dumps(desk.view(), allow_nan=False)
    assert desk.leaderboard("nav").score[0] == pytest.approx(desk.nav, abs=0.01)
    assert desk.verify().ok


@pytest.mark.parametrize("account", [None, 5, "", " ", "\t\n", [], b"you", "\ud800"])
def test_an_account_without_a_name(open_desk: Opener, account: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueOffGrid, match=r"account|OpenRoom"):
        open_desk(account=account, journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db").verify().ok


@pytest.mark.parametrize("account", ["Ana Čapek", "<b>you</b>", "x" * 200, "o'hara; drop", "a\nb"])
def test_any_name_will_do(open_desk: Opener, account: str) -> None:
    desk = open_desk(account=account)
    desk.buy("ACME", 1)
    assert desk.leaderboard().account.tolist() == [account]
    assert desk.view()["standings"][0]["me"]
    still_works(desk)


@pytest.mark.parametrize("seed", [None, "x", 1.5, [], 2**70])
def test_a_seed_that_is_none(open_desk: Opener, seed: Any, tmp_path: Path) -> None:
    with pytest.raises(vt.VTradeError, match=r"seed|OpenRoom"):
        open_desk(seed=seed, journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db").verify().ok


def test_numpy_seeds_are_seeds(open_desk: Opener) -> None:
    assert open_desk(seed=np.int64(3)).verify().ok


@pytest.mark.parametrize("limits", ["none", 5, vt.RiskLimits(concentration_ppm=0.25), vt.RiskLimits(allow_short=None)])  # type: ignore[arg-type]
def test_limits_that_are_none(open_desk: Opener, limits: Any, tmp_path: Path) -> None:
    with pytest.raises(vt.VTradeError, match=r"limits|OpenAccount"):
        open_desk(limits=limits, journal=tmp_path / "j.db")
    assert open_desk(journal=tmp_path / "j.db").verify().ok


@pytest.mark.parametrize(
    "tape", ["", "x", "nope:7", "synthetic:-1", "synthetic:x", "sample:NOPE", 5, b"x", [], object()]
)
def test_a_tape_that_is_none(open_desk: Opener, tape: Any) -> None:
    with pytest.raises(TapeError):
        open_desk(tape)


@pytest.mark.parametrize("model", ["gpt", 5, object(), True])
def test_a_language_model_that_is_none(open_desk: Opener, model: Any) -> None:
    with pytest.raises(vt.VTradeError, match="language_model"):
        open_desk(language_model=model)


def test_journals_that_are_none(open_desk: Opener, tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("hello world" * 100, encoding="utf-8")
    for journal in (tmp_path, text):
        with pytest.raises(JournalError, match=journal.name):
            open_desk(journal=journal)
    assert text.read_text(encoding="utf-8") == "hello world" * 100


def test_two_desks_on_one_journal(open_desk: Opener, tmp_path: Path) -> None:
    first = open_desk(journal=tmp_path / "j.db")
    with pytest.raises(JournalInUse, match=r"j\.db is in use"):
        open_desk(journal=tmp_path / "j.db")
    with pytest.raises(JournalInUse):
        first.fork(journal=str(tmp_path / "j.db"))
    assert first.buy("ACME", 1).status == Status.FILLED
    first.close_desk()
    assert len(open_desk(journal=tmp_path / "j.db").orders()) == 1


# --- a desk that is closed --------------------------------------------------------------------------------------------


def test_a_closed_desk_can_be_looked_at_and_says_that_it_is_closed(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk(journal=tmp_path / "j.db")
    order = desk.buy("ACME", 100)
    resting = desk.buy("ACME", 100, limit=180)
    story, text, nav = str(order.explain()), str(desk), desk.nav
    desk.close_desk()
    desk.close_desk()
    assert desk.closed
    acts: list[Callable[[], Any]] = [
        lambda: desk.buy("ACME", 1), lambda: desk.sell("ACME", 1), desk.close, lambda: desk.cancel(resting),
        lambda: resting.replace(quantity=1), desk.play, desk.step, lambda: desk.step(seconds=1), lambda: desk.step(5),
        desk.run, desk.rewind, desk.fork, lambda: desk.record("plan_written"), desk.verify,
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(DeskError, match="closed"):
            act()
    assert desk.handle({"intent": "submit", "symbol": "ACME", "side": "buy", "quantity": 1})["kind"] == "error"
    assert (str(order.explain()), str(desk), desk.nav) == (story, text, nav)
    assert len(desk.orders()) == 2
    assert order.review().text
    assert desk.ask("How am I doing?").text
    json.dumps(desk.view(), allow_nan=False)
    assert vt.verify(tmp_path / "j.db").ok
