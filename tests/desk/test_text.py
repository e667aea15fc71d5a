"""Can a desk be read without a panel?"""

from __future__ import annotations

import re

import pytest

import vtrade as vt
from tests.desk.conftest import Opener
from vtrade.domain.orders import Status


def test_print_shows_market_money_and_progress(desk: vt.Desk) -> None:
    text = str(desk)
    first, second, *rest = text.splitlines()
    assert first.startswith("you on synthetic market 7, 2026-01-05 09:30:00")
    assert first.endswith("paused")
    assert "NAV 1,000,000.00 USD" in second
    for symbol in desk.symbols:
        assert any(line.strip().startswith(symbol) and "|" in line and "OPEN" in line for line in rest)
    assert "level 1" in text
    assert "positions" not in text
    assert "orders" not in text


def test_print_shows_positions_and_working_orders(open_desk: Opener) -> None:
    desk = open_desk(limits=vt.NO_LIMITS, cash=10**9)
    filled = desk.buy("LUMA", "1234.56").filled_quantity
    desk.buy("ACME", 10, limit=180)
    text = str(desk)
    assert filled > 100
    assert re.search(rf"LUMA\s+{filled:,} at ", text)
    assert "#2 buy 10 ACME limit 180.00: ACCEPTED" in text
    assert max(map(len, text.splitlines())) < 200


def test_print_says_what_the_market_does(desk: vt.Desk) -> None:
    desk.play(0.01)
    assert str(desk).splitlines()[0].endswith("playing")
    desk.pause().run()
    assert str(desk).splitlines()[0].endswith("ended")
    desk.rewind(to="09:31")
    assert "branch of" in str(desk).splitlines()[0]
    fork = desk.fork()
    assert "branch of" in str(fork)
    fork.close_desk()


def test_repr_is_one_line(desk: vt.Desk) -> None:
    assert re.fullmatch(r"Desk\('you' on synthetic market 7, 2026-01-05 09:30:00\.\d+, NAV 1,000,000\.00\)", repr(desk))


def test_a_daily_desk_prints(open_desk: Opener, daily: vt.Tape) -> None:
    desk = open_desk(daily)
    desk.buy("AAPL", 100)
    desk.step()
    assert "2012-01-04 16:00:00.000" in str(desk)
    assert re.search(r"AAPL\s+100 at [\d.,]+, now", str(desk))


def test_a_cell_shows_text_where_no_panel_is(desk: vt.Desk) -> None:
    bundle = desk._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == str(desk)


@pytest.mark.parametrize("symbol", ["LUMA", "ACME"])
def test_an_order_reads_like_a_sentence(desk: vt.Desk, symbol: str) -> None:
    order = desk.buy(symbol, 100, limit=float(desk.quotes().ask[symbol]) + 1)
    assert re.fullmatch(rf"Order #1 buy 100 {symbol} limit [\d.]+: FILLED, 100 filled at [\d.]+", repr(order))
    assert order._repr_mimebundle_()["text/plain"] == repr(order)
    refused = desk.buy(symbol, 0)
    assert repr(refused).startswith(f"Order o2 buy 0 {symbol} at market: DENIED, QUANTITY_NOT_POSITIVE: ")


@pytest.mark.parametrize(
    ("symbol", "quantity", "shown"),
    [
        ("ACME", 1_234_567, "1,234,567"),
        ("ACME", 1_000_000, "1,000,000"),
        ("LUMA", "12345.67", "12,345.67"),
        ("LUMA", "0.01", "0.01"),
    ],
)
def test_every_digit_of_a_quantity_is_shown(open_desk: Opener, symbol: str, quantity: str, shown: str) -> None:
    desk = open_desk(cash=10**9, limits=vt.NO_LIMITS)
    order = desk.buy(symbol, quantity)
    assert f"buy {shown} {symbol}" in repr(order)
    assert f"buy {shown} {symbol}" in str(order.explain())
    if order.working:
        assert f"buy {shown} {symbol}" in str(desk)


def test_a_working_order_says_why_it_waits(desk: vt.Desk) -> None:
    order = desk.buy("ACME", 10, limit=180)
    assert order.status == Status.ACCEPTED
    assert "behind the best" in repr(order)
