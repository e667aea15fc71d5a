"""By which rules does the venue of a room trade?

Rules: everything is a whole number with its unit in the name, so that a room's rules are exact and travel in its log.
The defaults are the plainest venue: what was recorded, no delay, nothing hidden, no band.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import msgspec

from vtrade.domain import display
from vtrade.domain.values import MICRO, NS_PER_S, Number, plain_micros, to_micros
from vtrade.errors import ValueOffGrid


class QueueModel(StrEnum):
    """How a resting order moves up where the feed shows levels but no orders.

    ``RISK_AVERSE`` only by prints and where the level shrinks below what is ahead; ``POWER`` and ``LOG`` share each
    unexplained decrease between those ahead and those behind; ``INFERRED`` follows the single orders that the level's
    changes give away.
    """

    RISK_AVERSE = "risk_averse"
    POWER = "power"
    LOG = "log"
    INFERRED = "inferred"


class Beyond(StrEnum):
    """What a market order does that wants more than the visible book holds."""

    REST = "rest"
    CANCEL = "cancel"
    SQUARE_ROOT = "square_root"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long messages travel; nanoseconds.

    Attributes
    ----------
    feed_ns : int
        From the market to the participant.
    entry_ns : int
        From the participant to the market.
    ack_ns : int
        From the market back to the participant.
    jitter_ns : int
        Each way in takes up to so much longer, by luck that belongs to the order alone.
    recorded : tuple of int
        Measured ways in; an order's luck picks one of them, in place of ``entry_ns`` and the jitter.

    Examples
    --------
    >>> Latency(entry_ns=2_000_000).round_trip_ns
    2000000
    """

    feed_ns: int = 0
    entry_ns: int = 0
    ack_ns: int = 0
    jitter_ns: int = 0
    recorded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("feed_ns", "entry_ns", "ack_ns", "jitter_ns"):
            if not 0 <= getattr(self, name) <= 3_600 * NS_PER_S:
                raise ValueOffGrid(f"latency {name} {getattr(self, name)} must be from 0 to an hour of nanoseconds")
        if any(not 0 <= ns <= 3_600 * NS_PER_S for ns in self.recorded):
            raise ValueOffGrid("a recorded latency is negative or above an hour; correct the clocks first")

    @property
    def none(self) -> bool:
        """Whether everything arrives at once."""
        return not (self.feed_ns or self.entry_ns or self.jitter_ns or self.recorded)

    @property
    def round_trip_ns(self) -> int:
        """Feed, entry and acknowledgement together, without jitter."""
        return self.feed_ns + self.entry_ns + self.ack_ns

    def words(self) -> list[str]:
        """The ways in words, those that take no time left out.

        Examples
        --------
        >>> Latency(entry_ns=2_000_000, jitter_ns=500_000).words()
        ['entry 2 ms', 'jitter up to 0.5 ms']
        """
        ways = {"feed": self.feed_ns, "ack": self.ack_ns}
        if self.recorded:
            told = [f"entry one of {len(self.recorded):,} recorded"]
        else:
            ways["entry"] = self.entry_ns
            told = [f"jitter up to {_ms(self.jitter_ns)}"] if self.jitter_ns else []
        return [f"{name} {_ms(ways[name])}" for name in ("feed", "entry", "ack") if ways.get(name)] + told or ["none"]

    def __repr__(self) -> str:
        return display.called("Latency", *self.words())

    def _repr_html_(self) -> str:
        return display.html([display.facts({"latency": ", ".join(self.words())})])


class RoomRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules of the venue in this room.

    Attributes
    ----------
    bar_volume_share_ppm : int
        On bars, participants together may take this share of a bar's volume (100_000 = 10 %).
    queue_model : QueueModel
        For feeds without order ids.
    queue_power_milli : int
        Exponent of ``POWER`` in thousandths.
    beyond : Beyond
    hidden_ppm : int
        Hidden lots behind each visible level, as a share of it.
    resilience_ns : int
        Half-life in which lots that participants took come back by themselves; 0: only the feed brings them back.
    impact_ppm : int
        Lasting impact: an aggressive order as large as the touch moves the price for those who follow by this share of
        a tick times a million; 0: none.
    impact_half_life_ns : int
    latency : Latency
    luld_ppm : int
        Exchange rooms: no trade further from the reference price than this share of it; 0: no band.
    settlement_days : int
        Days until the proceeds of a sale may be spent: 0 or 1.
    fx_spread_ppm : int
        Half the spread of a currency conversion.
    extended_hours : bool
        Whether orders may trade outside the regular session.
    """

    bar_volume_share_ppm: int = 100_000
    queue_model: QueueModel = QueueModel.RISK_AVERSE
    queue_power_milli: int = 3_000
    beyond: Beyond = Beyond.REST
    hidden_ppm: int = 0
    resilience_ns: int = 0
    impact_ppm: int = 0
    impact_half_life_ns: int = 60 * NS_PER_S
    latency: Latency = Latency()
    luld_ppm: int = 0
    settlement_days: int = 0
    fx_spread_ppm: int = 0
    extended_hours: bool = False

    def __post_init__(self) -> None:
        bounds = {
            "bar_volume_share_ppm": (0, MICRO),
            "queue_power_milli": (1, 10_000),
            "hidden_ppm": (0, 10 * MICRO),
            "resilience_ns": (0, 86_400 * NS_PER_S),
            "impact_ppm": (0, 100 * MICRO),
            "impact_half_life_ns": (1, 86_400 * NS_PER_S),
            "luld_ppm": (0, MICRO - 1),
            "settlement_days": (0, 3),
            "fx_spread_ppm": (0, 100_000),
        }
        for name, (low, high) in bounds.items():
            if not low <= getattr(self, name) <= high:
                raise ValueOffGrid(f"rule {name} {getattr(self, name)} must be from {low} to {high}")

    def _facts(self) -> dict[str, str]:
        power = f", exponent {display.units(self.queue_power_milli / 1_000)}"
        return {
            "queue": f"{self.queue_model}{power if self.queue_model == QueueModel.POWER else ''}",
            "beyond the book": {
                Beyond.REST: "what is left rests", Beyond.CANCEL: "what is left is canceled",
                Beyond.SQUARE_ROOT: "fills on, at square-root impact",
            }[self.beyond],
            "a bar": f"participants may take {_percent(self.bar_volume_share_ppm)} of its volume",
            "latency": ", ".join(self.latency.words()),
            "hidden": f"{_percent(self.hidden_ppm)} of each level" if self.hidden_ppm else "nothing",
            "taken lots come back": f"half of them in {_seconds(self.resilience_ns)}"
            if self.resilience_ns
            else "with the feed",
            "lasting impact": f"{plain_micros(self.impact_ppm)} ticks, half of it gone in "
            f"{_seconds(self.impact_half_life_ns)}"
            if self.impact_ppm
            else "none",
            "price band": f"{_percent(self.luld_ppm)} around the reference price" if self.luld_ppm else "none",
            "settlement": f"{self.settlement_days} day{'s' if self.settlement_days > 1 else ''} after the sale"
            if self.settlement_days
            else "at once",
            "currency conversion": f"half a spread of {_percent(self.fx_spread_ppm)}" if self.fx_spread_ppm else "free",
            "hours": "extended" if self.extended_hours else "regular session",
        }  # fmt: skip

    def __repr__(self) -> str:
        told, plain = self._facts(), RoomRules._facts(_PLAIN)
        others = [f"{name} {text}" for name, text in told.items() if text != plain[name]]
        return display.called("RoomRules", *(others or ["the plainest venue"]))

    def _repr_html_(self) -> str:
        return display.html([display.facts(self._facts(), title="Rules of the room")])

    @classmethod
    def make(
        cls, *, queue_model: str = "risk_averse", beyond: str = "rest", hidden: Number = 0, resilience_s: Number = 0,
        impact: Number = 0, impact_half_life_s: Number = 60, latency_ms: Number = 0, **others: object,
    ) -> Self:  # fmt: skip
        """Build from a person's numbers: shares of one, seconds and milliseconds.

        Examples
        --------
        >>> RoomRules.make(hidden=0.2, latency_ms=2).latency.entry_ns
        2000000
        """
        try:
            models = QueueModel(queue_model), Beyond(beyond)
        except ValueError as error:
            raise ValueOffGrid(f"{error}; queue models: {', '.join(QueueModel)}; beyond: {', '.join(Beyond)}") from None
        return cls(
            queue_model=models[0],
            beyond=models[1],
            hidden_ppm=to_micros(hidden, what="hidden"),
            resilience_ns=to_micros(resilience_s, what="resilience_s") * 1_000,
            impact_ppm=to_micros(impact, what="impact"),
            impact_half_life_ns=to_micros(impact_half_life_s, what="impact_half_life_s") * 1_000,
            latency=Latency(entry_ns=to_micros(latency_ms, what="latency_ms")),
            **others,  # type: ignore[arg-type]
        )


def _percent(ppm: int) -> str:
    return f"{plain_micros(ppm * 100)} %"


def _ms(ns: int) -> str:
    return f"{display.units(ns / 1_000_000)} ms"


def _seconds(ns: int) -> str:
    return f"{display.units(ns / NS_PER_S)} s"


_PLAIN = RoomRules()
"""What a room's rules are told against."""
