"""Does the panel keep its promises to the kernel: little traffic, no thread left behind, no click lost or silent?"""

import gc
import json
import threading
import time
import weakref

import pytest
import traitlets

from tests.widgets.fake_desk import FakeDesk
from vtrade_widgets import panel as make_panel
from vtrade_widgets.live import BYTES_PER_S, ENVELOPE_BYTES
from vtrade_widgets.panels import BY_PART, DeskPanel
from vtrade_widgets.sender import INBOX_MESSAGES

WAIT_S = 5.0
NEEDS = [
    "clock", "symbols", "symbol", "instrument", "quote", "depth", "bars", "orders", "positions", "account", "standings",
    "progress", "ticket", "news",
]  # fmt: skip
"""What the made-up desk can show."""


class Heard(list):
    """What the browser heard: messages with the time of each."""

    def __init__(self, panel):
        super().__init__()
        self.times = []
        panel.send = self.hear

    def hear(self, message):
        self.append(json.loads(json.dumps(message)))
        self.times.append(time.monotonic())


@pytest.fixture
def desk():
    made = FakeDesk()
    yield made
    made.shut()


@pytest.fixture
def panel(desk):
    made = make_panel(desk, rate_hz=20)
    made.heard = Heard(made)
    yield made
    made.close()


def say(panel, view="view-1", **content):
    """Speak as the browser does."""
    if content.get("hello"):
        content = {"needs": NEEDS, **content}
    panel._handle_custom_msg({**content, "view": view}, [])


def until(condition, what):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.005)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "vtrade-panel"]


def notice(panel, request):
    return next((reply for reply in replies(panel) if reply["reply"] == request), None)


def replies(panel):
    """Replies to intents, in the order in which they came."""
    return [reply for message in panel.heard for reply in message.get("replies", [])]


def pictures(panel):
    """Messages that are about the view."""
    return [message for message in panel.heard if "seq" in message]


def test_hello_is_answered_with_everything(panel, desk):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    first = panel.heard[0]
    assert first["full"]
    assert first["seq"] == 1
    assert {"quote", "depth", "bars", "orders", "account", "ticket", "error"} <= first["sections"].keys()
    assert first["sections"]["symbol"] == "ACME"


def test_a_second_view_gets_everything_too(panel, desk):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    say(panel, view="view-2", hello=True)
    until(lambda: len(panel.heard) == 2, "the second picture")
    assert panel.heard[1]["full"]
    assert panel.heard[1]["seq"] == 2


def test_only_what_changed_is_sent(panel, desk):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    desk.headlines.append({"id": 2, "time": "09:50:00", "symbol": "BOLT", "headline": "Bolt Energy finds oil"})
    desk.changed()
    until(lambda: len(panel.heard) == 2, "the news")
    assert panel.heard[1].keys() == {"seq", "rows"}
    assert panel.heard[1]["rows"].keys() == {"news"}


def test_a_quiet_desk_sends_nothing(panel, desk):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    desk.changed()
    time.sleep(0.2)
    assert len(panel.heard) == 1


def test_a_click_becomes_an_intent_and_its_answer_comes_back(panel, desk):
    say(panel, hello=True)
    order = {"symbol": "ACME", "side": "buy", "type": "market", "quantity": "100", "limit_price": None, "tif": "DAY"}
    say(panel, intent="submit", request="r1", **order)
    until(lambda: notice(panel, "r1"), "the notice")
    assert desk.handled == [{"intent": "submit", **order}]
    assert notice(panel, "r1")["kind"] == "ok"
    until(
        lambda: any((m.get("sections") or {}).get("orders") or "orders" in m.get("rows", {}) for m in pictures(panel)),
        "the order",
    )


def test_a_denial_comes_back_with_its_reason(panel, desk):
    say(panel, hello=True)
    say(panel, intent="submit", request="r1", symbol="ACME", side="buy", type="market", quantity="1e9")
    until(lambda: notice(panel, "r1"), "the notice")
    assert notice(panel, "r1")["kind"] == "error"
    assert "Not enough buying power" in notice(panel, "r1")["text"]


def test_an_exception_of_the_desk_is_told_and_not_fatal(panel, desk):
    say(panel, hello=True)
    say(panel, intent="dance", request="r1")
    until(lambda: notice(panel, "r1"), "the notice")
    assert notice(panel, "r1")["kind"] == "error"
    say(panel, intent="play", speed=2, request="r2")
    until(lambda: notice(panel, "r2"), "the next notice")
    assert desk.playing


def test_every_intent_has_one_reply_in_order(panel, desk):
    say(panel, hello=True)
    for number in range(30):
        say(panel, intent="pause", request=f"r{number}")
    until(lambda: notice(panel, "r29"), "the last reply")
    assert len(desk.handled) == 30
    assert [reply["reply"] for reply in replies(panel)] == [f"r{number}" for number in range(30)]


def test_a_stuck_desk_refuses_clicks_instead_of_piling_them_up(panel, desk):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    with desk.lock:
        say(panel, intent="pause")
        time.sleep(0.05)
        for _ in range(INBOX_MESSAGES):
            say(panel, intent="pause")
        say(panel, intent="pause", request="too-many")
    until(
        lambda: (
            any("too many clicks" in reply["text"] for reply in replies(panel)) or len(desk.handled) > INBOX_MESSAGES
        ),
        "an answer",
    )
    assert len(desk.handled) <= INBOX_MESSAGES + 1


def test_watching_another_symbol(panel, desk):
    say(panel, hello=True)
    say(panel, intent="watch", symbol="BOLT", request="r1")
    until(lambda: notice(panel, "r1"), "the notice")
    assert panel.symbol == "BOLT"
    until(lambda: any((m.get("sections") or {}).get("symbol") == "BOLT" for m in panel.heard), "the other symbol")
    say(panel, intent="watch", symbol="NOPE", request="r2")
    until(lambda: notice(panel, "r2"), "the notice")
    assert "it has ACME, BOLT, CORA" in notice(panel, "r2")["text"]
    assert panel.symbol == "BOLT"


def test_a_view_that_fails_is_told_and_then_forgotten(panel, desk, monkeypatch):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    view = desk.view
    monkeypatch.setattr(desk, "view", lambda *a, **k: 1 / 0)
    desk.changed()
    until(lambda: len(panel.heard) == 2, "the error")
    assert panel.heard[1]["sections"] == {"error": {"text": "division by zero."}}
    monkeypatch.setattr(desk, "view", view)
    desk.changed()
    until(lambda: len(panel.heard) == 3, "the recovery")
    assert panel.heard[2]["sections"]["error"] is None


def test_a_view_that_json_cannot_hold_is_told(panel, desk, monkeypatch):
    monkeypatch.setattr(desk, "view", lambda *a, **k: {"symbol": "ACME", "quote": {"last": float("nan")}})
    say(panel, hello=True)
    until(lambda: panel.heard, "the error")
    assert "cannot be sent" in panel.heard[0]["sections"]["error"]["text"]


def test_no_thread_before_somebody_looks_and_none_after(desk):
    before = len(threads())
    panel = make_panel(desk)
    Heard(panel)
    assert len(threads()) == before
    assert desk.callbacks == []
    say(panel, hello=True)
    assert len(threads()) == before + 1
    say(panel, view="view-2", hello=True)
    say(panel, bye=True)
    assert len(desk.callbacks) == 1
    say(panel, view="view-2", bye=True)
    until(lambda: len(threads()) == before, "the thread to end")
    assert desk.callbacks == []
    say(panel, hello=True)
    assert len(threads()) == before + 1
    panel.close()
    until(lambda: len(threads()) == before, "the thread to end")


def test_a_closed_desk_says_so_and_ends_the_thread(panel, desk):
    before = len(threads())
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    desk.shut()
    until(lambda: len(panel.heard) == 2, "the last message")
    assert panel.heard[1]["sections"]["error"]["closed"]
    until(lambda: len(threads()) == before, "the thread to end")


def test_a_page_that_went_away_without_a_word_is_forgotten(panel, desk, monkeypatch):
    say(panel, hello=True)
    until(lambda: panel.heard, "the first picture")
    panel._views = {view: heard - 1e6 for view, heard in panel._views.items()}
    desk.tick()
    until(lambda: not desk.callbacks, "the lease to end")


def test_a_closed_panel_is_not_kept_alive(desk):
    panel = make_panel(desk)
    Heard(panel)
    say(panel, hello=True)
    ghost = weakref.ref(panel)
    panel.close()
    until(lambda: not threads(), "the thread to end")
    del panel
    gc.collect()
    assert ghost() is None


def test_a_busy_desk_stays_within_the_budget(desk):
    """500 changes a second, 50 orders that all change: at most 20 messages and 100 kB in any second."""
    panel = make_panel(desk, rate_hz=20)
    heard = Heard(panel)
    for _ in range(60):
        desk.handle(
            {"intent": "submit", "symbol": "ACME", "side": "buy", "type": "limit", "quantity": "9", "limit_price": "1"}
        )
    say(panel, hello=True)
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        desk.tick(20.0)
        time.sleep(0.002)
    panel.close()
    sizes = [len(json.dumps(message)) + ENVELOPE_BYTES for message in heard]
    assert len(heard) > 10
    for start in heard.times:
        window = [size for size, at in zip(sizes, heard.times, strict=True) if start <= at < start + 1.0]
        assert len(window) <= 20 + 1
        assert sum(window) <= 100_000
    assert sum(sizes[1:-1]) / (heard.times[-1] - heard.times[1]) <= BYTES_PER_S * 1.05


def test_the_cell_keeps_a_picture_for_where_nothing_is_alive(desk):
    data, _ = make_panel(desk)._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert "<img alt=" in data["text/html"]
    assert data["text/plain"].startswith("ACME ")
    assert "0x" not in data["text/plain"]
    assert threads() == []


def test_a_cell_shows_something_even_if_the_desk_fails(desk, monkeypatch):
    panel = make_panel(desk)
    monkeypatch.setattr(desk, "view", lambda *a, **k: 1 / 0)
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "DeskPanel('desk', symbol='ACME'): division by zero."


@pytest.mark.parametrize("rate_hz", [0, -1, 21])
def test_a_rate_out_of_bounds_is_refused(desk, rate_hz):
    with pytest.raises(ValueError, match="at most 20"):
        make_panel(desk, rate_hz=rate_hz)


def test_an_unknown_symbol_or_theme_is_refused(desk):
    with pytest.raises(traitlets.TraitError, match="it has ACME, BOLT, CORA"):
        make_panel(desk, symbol="NOPE")
    with pytest.raises(traitlets.TraitError):
        make_panel(desk, theme="pink")
    assert make_panel(desk, symbol="CORA").symbol == "CORA"


def test_the_browser_code_travels_as_text(desk):
    made = DeskPanel(desk)
    assert isinstance(made._esm, str)
    assert isinstance(made._css, str)
    assert len(make_panel(desk, "ticket")._esm) < len(made._esm)


# --- sections and looks -----------------------------------------------------------------------------------------------


def test_a_view_gets_what_it_looks_at_and_no_more(panel, desk):
    say(panel, hello=True, needs=["quote", "clock"])
    until(lambda: panel.heard, "the first picture")
    assert panel.heard[0]["sections"].keys() == {"quote", "clock", "error"}
    say(panel, needs=["quote", "clock", "news"])
    until(lambda: len(panel.heard) == 2, "what else is looked at")
    assert panel.heard[1]["sections"].keys() == {"news"}
    say(panel, needs=["quote"])
    until(lambda: len(panel.heard) == 3, "what is not looked at any more")
    assert panel.heard[2]["sections"] == {"clock": None, "news": None}


def test_two_views_get_what_either_looks_at(panel, desk):
    say(panel, hello=True, needs=["quote"])
    say(panel, view="view-2", hello=True, needs=["news"])
    until(lambda: any({"quote", "news"} <= (m.get("sections") or {}).keys() for m in panel.heard), "both")


def test_a_section_with_a_period_waits_and_then_comes(panel, desk, monkeypatch):
    from vtrade.desk import sections

    asked = []
    view = desk.view
    monkeypatch.setattr(
        desk, "view", lambda symbol, **more: asked.append(set(more["sections"])) or view(symbol, **more)
    )
    monkeypatch.setitem(sections.SECTIONS, "news", sections.Section(lambda desk, look: [], period_s=0.4))
    say(panel, hello=True, needs=["quote", "news"])
    until(lambda: panel.heard, "the first picture")
    desk.headlines.append({"id": 2, "time": "09:50:00", "symbol": "BOLT", "headline": "Bolt Energy finds oil"})
    desk.tick()
    until(lambda: any("quote" in (m.get("sections") or {}) for m in panel.heard[1:]), "the quote")
    assert asked[:2] == [{"quote", "news"}, {"quote"}]
    heard = lambda: [{*(m.get("sections") or {}), *m.get("rows", {})} for m in panel.heard[1:]]  # noqa: E731
    until(lambda: any("news" in names for names in heard()), "the news, without another change")


def test_a_look_changes_what_the_desk_is_asked_for(panel, desk, monkeypatch):
    looks = []
    view = desk.view
    monkeypatch.setattr(desk, "view", lambda symbol, **more: looks.append(more) or view(symbol, **more))
    say(panel, hello=True)
    say(panel, look={"bar_s": 300}, request="r1")
    until(lambda: notice(panel, "r1"), "the reply")
    assert notice(panel, "r1")["kind"] == "ok"
    until(lambda: looks[-1].get("bar_s") == 300, "the other bars")
    for number, wrong in enumerate(({"bar_s": "soon"}, {"nonsense": 1}, {"levels": 10**6}, ["x"], None)):
        say(panel, look=wrong, request=f"w{number}")
        until(lambda n=number: notice(panel, f"w{n}"), "the refusal")
        assert notice(panel, f"w{number}")["kind"] == "error"
    desk.tick()
    time.sleep(0.2)
    assert looks[-1].get("bar_s") == 300
    assert "levels" not in looks[-1]


def test_data_of_a_reply_comes_along_and_what_json_cannot_hold_is_told(panel, desk, monkeypatch):
    say(panel, hello=True)
    told = {
        "give": {"kind": "ok", "text": "", "data": [1, 2]},
        "break": {"kind": "ok", "text": "", "data": float("nan")},
    }
    monkeypatch.setattr(desk, "handle", lambda intent: told[intent["intent"]])
    say(panel, intent="give", request="r1")
    say(panel, intent="break", request="r2")
    until(lambda: notice(panel, "r2"), "the replies")
    assert notice(panel, "r1")["data"] == [1, 2]
    assert "cannot be sent" in notice(panel, "r2")["text"]


def test_an_instrument_that_got_another_symbol_is_followed(panel, desk):
    say(panel, hello=True)
    say(panel, intent="watch", symbol="BOLT", request="r1")
    until(lambda: notice(panel, "r1"), "the other symbol")
    desk.symbols[1] = "VOLT"
    desk.markets["VOLT"] = desk.markets["BOLT"]
    desk.changed()
    until(lambda: panel.symbol == "VOLT", "the new name")
    until(
        lambda: any("BOLT is not traded here" in str((m.get("sections") or {}).get("error")) for m in panel.heard),
        "word of it",
    )


@pytest.mark.parametrize("part", BY_PART)
def test_every_part_is_a_panel_of_its_own(desk, part):
    made = make_panel(desk, part)
    assert made.part == part
    assert repr(made) == f"{BY_PART[part].__name__}({part!r}, symbol='ACME')"
    made.close()


def test_an_unknown_part_is_refused(desk):
    with pytest.raises(ValueError, match="part 'kitchen' is none of a desk; choose one of desk, "):
        make_panel(desk, "kitchen")
