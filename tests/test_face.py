"""Is the face of the package what its readers were promised, and no more?"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import vtrade as vt
from vtrade.desk import Order
from vtrade.domain.orders import Status

NAMES_MAX = 20
DESK = """
account ask bars book buy buying_power cancel cash close close_desk closed ended equity_curve exposure fills fork
forked_from handle instruments journal leaderboard nav now on_change order orders panel pause play playing positions
progress quotes record replace rewind round_trips run sell state_hash statistics step submit_many symbols tape ts_ns
verify view
""".split()
ORDER = """
avg_px cancel client_order_id explain fees filled_quantity id leaves_quantity quantity reason replace review side status
symbol working
""".split()


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


# --- names ------------------------------------------------------------------------------------------------------------


def test_every_name_is_there() -> None:
    for name in vt.__all__:
        assert getattr(vt, name) is not None
    assert len(vt.__all__) <= NAMES_MAX
    assert sorted(vt.__all__) == dir(vt)
    assert {"Desk", "load_tape", "synthetic", "verify", "NO_LIMITS", "RiskLimits"} <= set(vt.__all__)


@pytest.mark.parametrize("name", ["Dask", "__path", "numpy", "connect_to_broker"])
def test_another_name_is_not(name: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
        getattr(vt, name)


def test_names_are_fetched_when_they_are_used() -> None:
    code = (
        "import sys, vtrade; assert 'vtrade.desk' not in sys.modules; vtrade.Desk; assert 'vtrade.desk' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_from_import_and_star(tmp_path: Path) -> None:
    code = "from vtrade import *; from vtrade import Desk as D; assert Desk is D; assert synthetic and NO_LIMITS"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


def test_what_a_desk_has(desk: vt.Desk) -> None:
    assert set(DESK) <= public(desk)


def test_what_an_order_has(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 1)
    assert set(ORDER) <= public(order)
    assert isinstance(order, Order)


def test_every_public_name_says_what_it_is() -> None:
    silent = []
    for thing in (vt.Desk, Order):
        for name in public(thing):
            value = inspect.getattr_static(thing, name)
            text = inspect.getdoc(value.fget if isinstance(value, property) else value)
            if not text:
                silent.append(f"{thing.__name__}.{name}")
    silent += [
        name for name in vt.__all__ if name not in ("NO_LIMITS", "__version__") and not getattr(vt, name).__doc__
    ]
    assert silent == []


# --- the first five minutes -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tape() -> vt.Tape:
    return vt.synthetic(7, symbols=["ACME", "LUMA"], minutes=2, events_per_second=5)


@pytest.fixture
def desk(tape: vt.Tape) -> object:
    desk = vt.Desk(tape, language_model=None)
    yield desk
    desk.close_desk()


def test_a_desk_without_any_argument() -> None:
    desk = vt.Desk()
    try:
        assert len(desk.symbols) >= 3
        assert desk.account == "you"
        assert desk.nav == 1_000_000
        assert desk.journal is None
        assert desk.buy(desk.symbols[0], 100).status == Status.FILLED
        assert desk.ask("How am I doing?").text
    finally:
        desk.close_desk()


def test_the_same_seed_is_the_same_market() -> None:
    books = []
    for which in ({"seed": 11}, {"tape": "synthetic:11"}):
        desk = vt.Desk(**which, language_model=None)  # type: ignore[arg-type]
        desk.run(until="09:30:20")
        books.append(desk.book(desk.symbols[0]).to_csv())
        desk.close_desk()
    assert books[0] == books[1]


def test_a_desk_on_a_table_of_ones_own() -> None:
    table = pd.DataFrame(
        {"open": [10.0, 11.0, 12.0], "high": [11.0, 12.5, 12.5], "low": [9.5, 10.5, 11.5], "close": [11.0, 12.0, 12.0],
         "volume": [10_000, 20_000, 30_000]},
        index=pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    )  # fmt: skip
    desk = vt.Desk(vt.from_ohlcv(table, symbol="MINE"), language_model=None)
    try:
        order = desk.buy("MINE", 100)
        desk.step()
        assert (order.status, order.avg_px) == (Status.FILLED, 11.0)
        desk.run()
        assert desk.nav == pytest.approx(1_000_000 + 100 * (12 - 11))
        assert desk.bars("MINE").close.tolist() == [11.0, 12.0, 12.0]
    finally:
        desk.close_desk()


def test_a_tape_saved_is_the_tape_again(tape: vt.Tape, tmp_path: Path) -> None:
    vt.save_tape(tape, tmp_path / "day.parquet")
    again = vt.load_tape(tmp_path / "day.parquet")
    assert (again.events == tape.events).all()
    assert (again.instruments, again.news, again.date) == (tape.instruments, tape.news, tape.date)


def test_a_journal_can_be_verified_and_read(tape: vt.Tape, tmp_path: Path) -> None:
    desk = vt.Desk(tape, journal=tmp_path / "j.db", language_model=None)
    desk.buy("ACME", 10)
    state = desk.state_hash
    desk.close_desk()
    verdict = vt.verify(tmp_path / "j.db")
    assert verdict.ok
    assert verdict.state_hash == state
    assert "all equal" in str(verdict)
    assert len(vt.load_journal(tmp_path / "j.db").fills()) == 1


@pytest.mark.parametrize("look", [vt.verify, vt.load_journal])
def test_a_journal_that_is_not_there(look: object, tmp_path: Path) -> None:
    with pytest.raises(vt.VTradeError, match=r"nowhere\.db"):
        look(tmp_path / "nowhere.db")  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_ones_own_instruments_and_fees() -> None:
    mine = vt.Instrument.make("MINE", tick="0.05", lot=10, fees=vt.FeeSchedule.bps(2))
    assert mine.notional(1_000, 5) == 1_000 * 5 * 500_000
    assert mine.fee(1_000, 5) == mine.notional(1_000, 5) * 2 // 10_000


def test_every_error_is_a_vtrade_error() -> None:
    from vtrade import errors

    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(kind, vt.VTradeError) for kind in kinds)
    assert len(kinds) > 8


def test_import_is_quick_enough_to_be_light() -> None:
    code = "import sys, vtrade; print(sum(name.startswith('vtrade') for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert int(done.stdout) == 1
