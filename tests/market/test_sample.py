"""Is the market that comes with the installation whole and usable?"""

from __future__ import annotations

import numpy as np
import pytest
from bokeh_sampledata import stocks

from vtrade.errors import TapeError
from vtrade.market.dtype import Kind
from vtrade.market.sample import SAMPLES, load_sample


def closes(tape_name: str, **options: object) -> np.ndarray:
    events = load_sample(tape_name, **options).events  # type: ignore[arg-type]
    return events["price"][events["kind"] == Kind.BAR_CLOSE]


def test_all_five_share_one_time_line() -> None:
    tape = load_sample()
    assert tuple(i.symbol for i in tape.instruments) == SAMPLES
    assert {i.sector for i in tape.instruments} == {"Information Technology", "Communication Services"}
    bars = tape.events[tape.events["kind"] == Kind.BAR_CLOSE]
    assert np.bincount(bars["instrument"]).tolist() == [len(getattr(stocks, name)["close"]) for name in SAMPLES]


def test_prices_as_traded_are_the_packages_own() -> None:
    assert closes("MSFT", adjusted=False) == pytest.approx(np.array(stocks.MSFT["close"]) * 100, abs=0.5 + 1e-6)


def test_adjusted_prices_know_no_splits_and_end_as_traded() -> None:
    traded, adjusted = closes("AAPL", adjusted=False), closes("AAPL")
    assert np.exp(np.abs(np.diff(np.log(traded)))).max() > 1.9  # 2:1 on 2000-06-21 and 2005-02-28, and a real fall
    total = np.diff(np.log(adjusted))
    expected = np.diff(np.log(np.array(stocks.AAPL["adj_close"])))
    assert np.abs(total - expected).max() < 0.01  # what a cent of rounding can do to a price of a few dollars
    assert adjusted[-1] == traded[-1] == 43_047
    assert np.array_equal(closes("AAPL", start="2013-01-02", end="2013-02-28"), closes("AAPL")[-41:-1])


def test_only_those_that_traded_then() -> None:
    assert [i.symbol for i in load_sample("FB, ibm", end="2011-01-01").instruments] == ["IBM"]
    with pytest.raises(TapeError, match="sample FB has no day from 2000-03-01 to 2011-01-01"):
        load_sample("FB", end="2011-01-01")


def test_names_that_do_not_exist() -> None:
    with pytest.raises(TapeError, match="no sample 'APPL'; did you mean 'AAPL'"):
        load_sample("APPL")
    with pytest.raises(TapeError, match="not a day; write YYYY-MM-DD"):
        load_sample("AAPL", start="yesterday")
