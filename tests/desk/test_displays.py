"""Does everything that the public face hands out read well: on one line, as text, as a page, each time the same?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import vtrade as vt
from tests.research import strategies
from vtrade.domain import display
from vtrade.domain.rules import Latency
from vtrade.services.runtime import Verdict
from vtrade.tutor.answer import OrderTerms, Proposal

LINE_MAX = 250
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}|object at ")
VOID = {"img", "br"}

PAGES = {
    "Desk": ("desk",),
    "Instrument": ("instrument", "future"),
    "FeeSchedule": ("fees", "tiers", "no fees"),
    "RiskLimits": ("limits", "on margin"),
    "NO_LIMITS": ("no limits",),
    "RoomRules": ("rules", "plain rules", "latency"),
    "Tape": ("tape",),
    "synthetic": ("tape",),
    "exchange": ("exchange",),
    "from_ohlcv": ("bars",),
    "load_tape": ("loaded",),
    "verify": ("verdict", "bad verdict"),
    "load_journal": ("journal",),
    "backtest": ("backtest",),
    "sweep": ("sweep",),
    "order of a desk": ("order", "refused", "bracket", "exits", "explanation", "waits", "progress", "proposal"),
}
"""Values with a page of their own, by the public name that hands them out."""

LINES = {
    "strategy": ("strategy",),
    "save_tape": ("path",),
    "VTradeError": ("error",),
    "__version__": ("version",),
    "connect": ("desk",),
    "answers of a desk": ("answer", "review"),
}
"""Values that are text, or Markdown; a desk behind ``connect`` is the same class."""

TOLD = {
    "instrument": ("ACME", "tick", "0.01 USD", "0.005 USD per unit"),
    "future": ("0.25 USD", "50 units a point", "no fee"),
    "fees": ("0.005 per unit", "at least 1 an order", "at most 5 bps"),
    "tiers": ("maker -0.2 bps", "taker 0.3 bps", "from 1000000 traded on"),
    "limits": ("25 % of NAV", "1,000,000 units", "not allowed"),
    "on margin": ("leverage up to 2 x", "allowed", "3,600 s"),
    "no limits": ("a study",),
    "rules": ("entry 2 ms", "20 % of each level", "0.5 ticks"),
    "latency": ("jitter up to 0.5 ms",),
    "tape": ("synthetic market 7", "single orders (L3)", "ACME", "3 min", "0.01 USD"),
    "exchange": ("seeded agents",),
    "verdict": ("✓", "records", "all equal"),
    "bad verdict": ("✗", "record 3 differs: its facts are others"),
    "journal": ("records", "you", "NAV", "USD", "ACME"),
    "backtest": ("net profit", "USD", "%", "sharpe ratio"),
    "sweep": ("every", "total return", "Sharpe ratio", "%", "ZeroDivisionError", "Sweep of 3 cells"),
    "order": ("100 of 100", "USD", "average price", "filled"),
    "refused": ("0 of 10,000,000", "denied", "QUANTITY_TOO_LARGE"),
    "bracket": ("entry", "take profit", "stop loss", "limit 200.00"),
    "exits": ("take profit", "stop loss"),
    "explanation": ("Cost against the arrival mid", "spread", "<svg", "bps", "USD", "Filled bars cost"),
    "waits": ("limit 170.00", "accepted"),
    "progress": ("level 1", "XP", "Mission", " of "),
    "proposal": ("at 99.50 or better", "Only you can confirm it."),
}
"""What the page of a value must tell."""


def values(folder: Path) -> dict[str, Any]:
    """One of each."""
    import pandas as pd

    tape = vt.synthetic(7, symbols=["ACME", "BYTE"], minutes=3)
    desk = vt.Desk(tape, journal=folder / "a.vtrade", language_model=None)
    order = desk.buy("ACME", 100)
    waits = desk.buy("ACME", 10, limit=170)
    desk.step(seconds=30)
    refused = desk.buy("ACME", 10**7)
    bracket = desk.bracket("BYTE", 50, take_profit=200, stop_loss=20)
    exits = desk.oco("ACME", 50, take_profit=200, stop_loss=150)
    days = pd.DataFrame(
        {name: [10.0, 11.0, 10.5] for name in ("open", "high", "low", "close")} | {"volume": [100.0, 200.0, 150.0]},
        index=pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    )
    terms = OrderTerms(symbol="ACME", side="buy", type="limit", quantity=100, limit_price=99.5)
    made: dict[str, Any] = {
        "desk": desk, "order": order, "waits": waits, "refused": refused, "bracket": bracket, "exits": exits,
        "explanation": order.explain(), "instrument": desk.instruments[0],
        "future": vt.Instrument.make("ES", tick="0.25", multiplier=50),
        "fees": vt.FeeSchedule.per_share("0.005", minimum=1, cap_bps=5), "no fees": vt.FeeSchedule(),
        "tiers": vt.FeeSchedule.maker_taker("-0.2", "0.3", tiers=[(10**6, "-0.3", "0.2")]),
        "limits": desk.limits, "no limits": vt.NO_LIMITS,
        "on margin": vt.RiskLimits.make(leverage=2, allow_short=True), "plain rules": vt.RoomRules(),
        "rules": vt.RoomRules.make(hidden=0.2, latency_ms=2, impact=0.5), "latency": Latency(jitter_ns=500_000),
        "tape": tape, "exchange": vt.exchange(7, symbols=["ACME"], minutes=1),
        "bars": vt.from_ohlcv(days, symbol="ACME"), "review": order.review(), "progress": desk.progress,
        "proposal": Proposal(id="p1", terms=terms, why="You asked for it.", expires_ns=0), "verdict": desk.verify(),
        "bad verdict": Verdict(False, 2, 9, "ab", 3, 10, "its facts are others"),
        "answer": desk.ask("What is my buying power?"), "strategy": strategies.alternate,
        "backtest": vt.backtest(strategies.Alternate, tape, params={"every": 500}),
        "sweep": vt.sweep(strategies.Alternate, tape, {"every": [500, 0, 900]}, workers=1),
        "error": vt.VTradeError("it is not there"), "version": vt.__version__,
    }  # fmt: skip
    vt.save_tape(tape, folder / "tape.parquet")
    made["loaded"] = vt.load_tape(folder / "tape.parquet")
    with contextlib.chdir(folder):
        made["path"], made["journal"] = vt.save_tape(tape, "again.parquet"), vt.load_journal("a.vtrade")
    return made


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Two of each, made one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VTRADE_PREFERENCES", "off")
        pair = values(tmp_path_factory.mktemp("one")), values(tmp_path_factory.mktemp("two"))
        yield pair
        for made in pair:
            made["desk"].close_desk()


class Balance(HTMLParser):
    """Reads a page, and remembers what it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")], attrs
        self.addresses += [str(value) for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    assert balance.open == [], "every element ends"
    return balance


def page_of(value: Any) -> str:
    """The HTML that a notebook shows of a value."""
    bundle = getattr(value, "_repr_mimebundle_", None)
    if bundle is None:
        return str(value._repr_html_())
    found = bundle()
    return str((found[0] if isinstance(found, tuple) else found)["text/html"])


ALL_PAGES = sorted({name for names in PAGES.values() for name in names} - {"desk"})
ALL_LINES = sorted({name for names in (*PAGES.values(), *LINES.values()) for name in names})


def test_every_public_name_is_looked_at(shown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert set(vt.__all__) <= PAGES.keys() | LINES.keys()
    assert set(ALL_LINES) == shown[0].keys()
    assert set(ALL_PAGES) >= TOLD.keys()


@pytest.mark.parametrize("name", ALL_LINES)
def test_a_value_is_one_line_that_stays_the_same(name: str, shown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    line = repr(shown[0][name])
    assert "\n" not in line
    assert 0 < len(line) <= LINE_MAX
    assert not ADDRESS.search(line)
    assert "nan" not in line.lower().replace("nancy", "")
    assert repr(shown[1][name]) == line
    assert str(shown[1][name]) == str(shown[0][name])


@pytest.mark.parametrize("name", ALL_PAGES)
def test_a_page_is_whole_small_and_stays_the_same(name: str, shown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    page = page_of(shown[0][name])
    read_page = read(page)
    assert not read_page.tags & {"script", "style", "link", "iframe"}
    assert read_page.addresses == []
    assert not ADDRESS.search(page)
    assert " nan" not in read_page.text.lower()
    assert len(page) < 20_000
    assert page_of(shown[1][name]) == page
    for told in TOLD.get(name, ()):
        assert told in page, f"the page of {name} does not tell {told!r}"


def test_a_notebook_shows_the_whole_story_as_text(shown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    from IPython.core.formatters import PlainTextFormatter

    plain = PlainTextFormatter()
    for name in ("explanation", "backtest", "progress", "answer", "review", "proposal"):
        value = shown[0][name]
        assert plain(value) == str(value) != repr(value), name
    for name in ("instrument", "bracket", "limits", "tape", "journal", "sweep", "verdict"):
        assert plain(shown[0][name]) == repr(shown[0][name]), name


def test_parts_of_a_cost_stand_end_to_end(shown: tuple[dict[str, Any], dict[str, Any]]) -> None:
    story = shown[0]["explanation"]
    bars = re.findall(r'<rect x="([\d.]+)" y="2.5" width="([\d.]+)"', page_of(story))
    assert len(bars) == len(story.costs), "a bar for each part, and one for the total"
    scale = [(float(x), float(x) + float(width)) for x, width in bars]
    for before, after in pairwise(scale[:-1]):
        edges = {abs(a - b) for a in before for b in after}
        assert min(edges) < 0.7, "each part begins where the one before it ended"
    assert abs(max(scale[-1]) - max(scale[-2])) < 0.7 or abs(min(scale[-1]) - min(scale[-2])) < 0.7


def test_names_from_outside_are_only_text() -> None:
    evil = "<img src=x onerror=alert(1)>"
    acme = vt.Instrument.make("<b>", name=evil, sector=evil)
    for page in (
        acme._repr_html_(), display.html([display.Words(evil), display.facts({evil: evil}, title=evil)]),
        display.html([display.Picture("", evil, 10, 10)]), display.html([display.Table((evil,), [(evil,)], note=evil)]),
    ):  # fmt: skip
        assert not read(page).tags & {"b"}
        assert "<img src=x" not in page
        assert "&lt;img" in page


def test_an_order_that_was_rewound_still_shows_itself() -> None:
    desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=2))
    desk.step(seconds=30)
    order = desk.buy("ACME", 100)
    desk.rewind()
    assert "rewound" in repr(order)
    assert order._repr_mimebundle_() == {"text/plain": repr(order)}
    desk.close_desk()


TABLES: dict[str, Callable[[vt.Desk], Any]] = {
    "orders": vt.Desk.orders, "fills": vt.Desk.fills, "positions": vt.Desk.positions, "quotes": vt.Desk.quotes,
    "equity_curve": vt.Desk.equity_curve, "exposure": vt.Desk.exposure, "round_trips": vt.Desk.round_trips,
    "leaderboard": vt.Desk.leaderboard, "tenders": vt.Desk.tenders, "book": lambda desk: desk.book("ACME"),
    "bars": lambda desk: desk.bars("ACME"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_plain_and_a_page_shows_money_as_money(name: str) -> None:
    import pandas as pd

    from vtrade.figures import table

    desk = vt.Desk(vt.synthetic(7, symbols=["ACME"], minutes=2), cash=2 * 10**12, limits=vt.NO_LIMITS)
    desk.buy("ACME", 300)
    desk.step(seconds=30)
    desk.close("ACME")
    desk.buy("ACME", 200)
    frame = TABLES[name](desk)
    desk.close_desk()
    assert type(frame) is pd.DataFrame
    assert not [column for column in frame if frame[column].dtype == object], "every column has a type"
    page = table(frame)._repr_html_()
    assert not re.search(r"\de[+-]\d", page), "no number is written with an exponent"
    if name == "equity_curve":
        assert "1,999,999,999,9" in page or "2,000,000,000,0" in page
