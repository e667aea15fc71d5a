"""What is new? Headlines, announcements and tenders, and the alerts of the desk's owner.

Rules: headlines are what others wrote: data, never instructions and never markup. The list is bounded; the newest come
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vtrade.desk.alert_terms import KINDS
from vtrade.desk.alerts import alerts_of
from vtrade.desk.sections.words import clock_text
from vtrade.domain.messages import NewsPublished
from vtrade.domain.values import NS_PER_S
from vtrade.execution.explain import units_text

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look

NEWS_SHOWN: Final = 60
"""Headlines, at most."""
FIRED_SHOWN: Final = 40
HEADLINE_CHARACTERS_MAX: Final = 500
"""A longer headline is cut."""


def news(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """Headlines that this account may read, newest first."""
    mine = [n for n in desk._room.news if n.account in ("", desk.account)]
    return [
        {
            "id": n.seq, "time": clock_text(desk, n.ts_ns), "symbol": n.symbol,
            "headline": n.headline[:HEADLINE_CHARACTERS_MAX], "kind": _kind(desk, n), "ts_s": n.ts_ns / NS_PER_S,
        }
        for n in reversed(mine[-min(NEWS_SHOWN, look.news_rows) :])
    ]  # fmt: skip


def _kind(desk: Desk, n: NewsPublished) -> str:
    """Who speaks: the market (``headline``), the room (``announcement``), or the room to this account (``message``)."""
    if n.account:
        return "message"
    tape = None if desk._room.shared else desk.tape
    if tape is None:  # what is on the tape of others is not known, so that one has to go by what it is about
        return "headline" if n.symbol else "announcement"
    known: frozenset[tuple[str, str]] | None = vars(desk).get("_headlines")
    if known is None:
        known = vars(desk).setdefault("_headlines", frozenset((item.symbol, item.headline) for item in tape.news))
    return "headline" if (n.symbol, n.headline) in known else "announcement"


def tenders(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """Blocks offered to this account off the book, which it may take or leave."""
    rows = []
    for offer in desk._room.tenders.values():
        k = desk._room.engine.index(offer.symbol)
        if offer.account == desk.account and k is not None:
            i = desk.instruments[k]
            side, units, until = offer.side.name.lower(), i.quantity(offer.quantity), clock_text(desk, offer.expire_ns)
            rows.append(
                {
                    "tender": offer.tender, "symbol": offer.symbol, "side": side, "quantity": units,
                    "price": i.price(offer.price), "until": until, "time": clock_text(desk, offer.ts_ns),
                    "text": f"You may {side} {units_text(units)} {offer.symbol} at {i.price_text(offer.price)} "
                    f"until {until}",
                }
            )  # fmt: skip
    return rows


def alerts(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """Every alert, with how far it is from telling."""
    return alerts_of(desk).rows()


def fired(desk: Desk, look: Look) -> list[dict[str, Any]]:
    """What alerts have told, newest first."""
    return alerts_of(desk).fired_rows()[:FIRED_SHOWN]


def alert_kinds(desk: Desk, look: Look) -> list[dict[str, str]]:
    """What an alert can wait for."""
    return [{"kind": name, "label": k.label, "unit": k.unit, "window": k.window} for name, k in KINDS.items()]
