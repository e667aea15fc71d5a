"""What is the owner of a desk told without having to watch? Alerts: what waits, what has fired.

Rules: alerts run on simulated time, from the market's own prints; the same tape gives the same firings. What fired in a
future that was undone is armed again. The terms are kept with the preferences; what fired is not: the tape tells it
again. An alert whose symbol is renamed follows it; one whose symbol was split rests, as its price is of another size.

Locks are taken in this order: the room's, that of the alerts.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from vtrade.desk.alert_terms import KINDS, Alert, AlertError, checked, number, sentence
from vtrade.desk.alert_watch import CandlePrints, Fired, TapePrints, Watch, day_began_s, told
from vtrade.desk.names import names_of
from vtrade.desk.preferences import ALERTS, preferences_of
from vtrade.domain.values import NS_PER_S
from vtrade.errors import DeskError

if TYPE_CHECKING:
    import pandas as pd

    from vtrade.desk.desk import Desk
    from vtrade.domain.values import Number

ALERTS_MAX: Final = 100
FIRED_KEPT: Final = 100
"""Firings that are remembered; the oldest go first."""

_COLUMNS: Final = {
    "symbol": "str", "waits_for": "str", "now": "float64", "trigger": "float64", "distance": "float64",
    "distance_pct": "float64", "state": "str", "times": "int64",
}  # fmt: skip
_FIRED_COLUMNS: Final = {"alert": "int64", "time": "str", "symbol": "str", "price": "float64", "text": "str"}


class Firing(NamedTuple):
    """An alert told.

    Attributes
    ----------
    n : int
        Counts firings of a desk; larger is newer.
    alert : Alert
    fired : Fired
    k : int
        Number of the instrument.
    """

    n: int
    alert: Alert
    fired: Fired
    k: int


class Alerts:
    """The alerts of a desk.

    Examples
    --------
    >>> import vtrade as vt
    >>> desk = vt.Desk("synthetic:7", account="a student with alerts")
    >>> alerts = alerts_of(desk)
    >>> alerts.clear()
    >>> alert = alerts.add("ACME", above=1_000_000)
    >>> alerts.table().loc[alert.id, "waits_for"]
    'ACME trades at or above 1,000,000.00'
    >>> alerts.remove(alert.id)
    >>> desk.close_desk()
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.RLock()
        self._watches: dict[int, Watch] = {}
        self._firings: list[Firing] = []
        self._count = 0
        self._room: Any = None
        self._prints: TapePrints | CandlePrints | None = None
        self._stop: Any = None
        self._alerts = {alert.id: alert for alert in _read(preferences_of(desk).get(ALERTS))}
        self._listen()

    def __repr__(self) -> str:
        return f"Alerts({len(self._alerts)} set, {len(self._firings)} fired)"

    def __len__(self) -> int:
        return len(self._alerts)

    # --- what a person does ------------------------------------------------------------------------------------------

    def add(
        self, symbol: str, *, above: Number | None = None, below: Number | None = None, crosses: Number | None = None,
        change_pct: float | None = None, volume: Number | None = None, trailing_pct: float | None = None,
        within_s: float | None = None, once: bool = True,
    ) -> Alert:  # fmt: skip
        """Set an alert; one that waits for the same already is given back instead.

        Parameters
        ----------
        symbol : str
        above, below, crosses : number, optional
            A price at or above which, at or below which, or through which it trades.
        change_pct : float, optional
            Percent, negative for a fall, since the open of the session or ``within_s``.
        volume : number, optional
            Units that trade ``within_s``, or more.
        trailing_pct : float, optional
            Percent below the highest price since the alert was set.
        within_s : float, optional
            Simulated seconds to look back over.
        once : bool
            Whether it rests after it told, or tells every time.

        Raises
        ------
        DeskError
            If not exactly one condition is given, or it makes no sense.
        """
        given = {
            kind: value
            for kind, value in (
                ("above", above), ("below", below), ("crosses", crosses), ("change", change_pct), ("volume", volume),
                ("trailing", trailing_pct),
            )
            if value is not None
        }  # fmt: skip
        if len(given) != 1:
            raise DeskError(
                "an alert waits for one thing; give above, below, crosses, change_pct, volume or trailing_pct"
            )
        ((kind, value),) = given.items()
        return self.set(symbol, kind, value, window_s=within_s or 0.0, once=once)

    def set(self, symbol: str, kind: str, value: Any, *, window_s: Any = 0.0, once: bool = True) -> Alert:
        """Set an alert by the name of its kind, one of ``KINDS``."""
        with self._desk._room.lock, self._lock:
            self.look()
            alert, k = self.draft(symbol, kind, value, window_s=window_s, once=once)
            same = next((a for a in self._alerts.values() if a.terms == alert.terms), None)
            if same is not None and not self._rests(same):
                return same
            if same is None and len(self._alerts) >= ALERTS_MAX:
                raise DeskError(f"there are {ALERTS_MAX} alerts, which is as many as a desk keeps; remove some")
            number_ = max(self._alerts, default=0) + 1 if same is None else same.id
            alert = self._alerts[number_] = msgspec.structs.replace(alert, id=number_)
            self._watch(alert, k)
        try:
            self._keep()
        except DeskError:  # what cannot be kept is not set either
            self._alerts.pop(alert.id, None)
            self._watches.pop(alert.id, None)
            raise
        return alert

    def draft(self, symbol: str, kind: str, value: Any, *, window_s: Any = 0.0, once: bool = True) -> tuple[Alert, int]:
        """An alert as it would be set, and the number of its instrument.

        Raises
        ------
        AlertError
            Naming the field that makes no sense.
        """
        desk = self._desk
        k = names_of(desk).index(desk, symbol) if isinstance(symbol, str) else None
        if k is None:
            raise AlertError(
                f"{symbol!r} is not traded here; known: {', '.join(desk.symbols[:12])}", field="symbol"
            )  # fmt: skip
        if kind not in KINDS:
            raise AlertError(f"an alert cannot wait for {kind!r}; choose one of {', '.join(KINDS)}", field="kind")
        if once is not True and once is not False:
            raise AlertError(f"once {once!r} is not True or False", field="once")
        i = desk.instruments[k]
        alert = Alert(
            id=0, symbol=i.symbol, kind=kind, value=number(value, KINDS[kind].label, field="value"),
            window_s=number(window_s or 0.0, "the window", field="window_s"), once=once, since_ns=desk._room.now_ns,
        )  # fmt: skip
        return checked(alert, i), k

    def remove(self, alert: int | Alert) -> None:
        """Take an alert back; what it told stays listed."""
        with self._desk._room.lock, self._lock:
            found = self._find(alert)
            del self._alerts[found.id]
            self._watches.pop(found.id, None)
        self._keep()

    def arm(self, alert: int | Alert) -> Alert:
        """Let an alert that has told, or that rests, wait again from now on."""
        with self._desk._room.lock, self._lock:
            self.look()
            found = self._find(alert)
            again = self._alerts[found.id] = msgspec.structs.replace(found, since_ns=self._desk._room.now_ns)
            k = names_of(self._desk).index(self._desk, again.symbol)
            if k is not None:
                self._watch(again, k)
        self._keep()
        return again

    def clear(self, *, fired: bool = False) -> None:
        """Take every alert back; with ``fired`` only those that have told and rest, and the list of what was told."""
        with self._desk._room.lock, self._lock:
            self.look()
            for alert in [a for a in self._alerts.values() if not fired or self._rests(a)]:
                del self._alerts[alert.id]
                self._watches.pop(alert.id, None)
            if fired:
                self._firings = []
        self._keep()

    def _rests(self, alert: Alert) -> bool:
        """Whether an alert has told and will not again."""
        watch = self._watches.get(alert.id)
        return watch is not None and watch.done

    def _find(self, alert: int | Alert) -> Alert:
        number_ = alert.id if isinstance(alert, Alert) else alert
        found = self._alerts.get(number_) if isinstance(number_, int) else None
        if found is None:
            raise DeskError(f"there is no alert {number_!r}; desk.alerts.table() lists them")
        return found

    def _keep(self) -> None:
        """Remember the terms, and show them to whoever looks."""
        rows = [msgspec.to_builtins(alert) for alert in self._alerts.values()]
        preferences_of(self._desk).set(ALERTS, rows or None)
        self._listen()
        with self._desk._room.together():
            pass  # so that panels look again

    # --- the market goes on ------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Hear of the market while something waits."""
        if self._alerts and self._stop is None:
            self._stop = self._desk.on_change(self.look)
        elif not self._alerts and self._stop is not None:
            self._stop()
            self._stop = None

    def look(self) -> None:
        """Consider everything that traded since the last time; as often as one likes."""
        desk = self._desk
        with desk._room.lock, self._lock:
            if desk._room is not self._room:
                self._begin()
            assert self._prints is not None
            names = names_of(desk)
            places = {a.id: k for a in self._alerts.values() if (k := names.index(desk, a.symbol)) is not None}
            active = {name: k for name, k in places.items() if name in self._watches and not self._watches[name].done}
            came = self._prints.new(desk, set(active.values()))
            for name, k in active.items():
                prints = came.get(k)
                if prints is None:
                    continue
                if self._split(name, k):  # what traded before it still counts
                    prints = prints.first(int((prints.ts < self._split_ns(k)).sum()))
                self._tell(self._alerts[name], k, self._watches[name].take(desk, prints))
            for name, k in places.items():
                if name not in self._watches:
                    self._watch(self._alerts[name], k)

    def _begin(self) -> None:
        """A desk that was opened, or rewound: its tape tells again what fired until now."""
        desk = self._desk
        room = self._room = desk._room
        taped = (
            not room.shared and room.events() is not None and room.head is not None and room.head.depth != "exchange"
        )
        self._prints = TapePrints(desk) if taped else CandlePrints()
        self._watches = {}
        now = room.now_ns
        self._firings = [firing for firing in self._firings if firing.fired.ts_ns <= now]
        self._alerts = {
            name: alert if alert.since_ns <= now else msgspec.structs.replace(alert, since_ns=now)
            for name, alert in self._alerts.items()
        }

    def _watch(self, alert: Alert, k: int) -> None:
        """Begin to wait: look back as far as the alert does, and tell what it would have told since it was set."""
        desk, prints = self._desk, self._prints
        assert prints is not None
        day_ns = day_began_s(desk, alert.since_ns // NS_PER_S) * NS_PER_S
        back_ns = min(day_ns, alert.since_ns - int(alert.window_s * NS_PER_S))
        past = prints.history(desk, k, back_ns)
        split = self._split_ns(k)
        at = int((past.ts <= alert.since_ns).sum())
        before, since = past.first(at), past.after(at)
        if split > alert.since_ns:
            since = since.first(int((since.ts < split).sum()))
        elif split:
            before = before.after(int((before.ts < split).sum()))
        watch = self._watches[alert.id] = Watch(desk, alert, desk.instruments[k], before)
        self._tell(alert, k, watch.take(desk, since))

    def _tell(self, alert: Alert, k: int, fired: list[Fired]) -> None:
        known = {(f.alert.id, f.fired.ts_ns) for f in self._firings} if fired else set()
        for one in fired:
            if (alert.id, one.ts_ns) not in known:  # a rewound desk has told it already
                self._count += 1
                self._firings.append(Firing(self._count, alert, one, k))
        del self._firings[:-FIRED_KEPT]

    def _split_ns(self, k: int) -> int:
        splits, desk = self._desk._room.splits, self._desk
        if not splits:
            return 0
        return max(splits.get(name, 0) for name in (desk.instruments[k].symbol, names_of(desk).before(desk, k)))

    def _split(self, name: int, k: int) -> bool:
        """Whether the symbol of an alert was split since it was set, so that its numbers mean nothing any more."""
        return self._split_ns(k) > self._alerts[name].since_ns

    # --- what there is to see ----------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Every alert with how far it is from telling, in the order in which they were set."""
        with self._desk._room.lock, self._lock:
            self.look()
            return [self._row(alert) for alert in self._alerts.values()]

    def _row(self, alert: Alert) -> dict[str, Any]:
        desk = self._desk
        k = names_of(desk).index(desk, alert.symbol)
        times = sum(1 for firing in self._firings if firing.alert.id == alert.id)
        row: dict[str, Any] = {
            "id": alert.id, "symbol": alert.symbol, "kind": alert.kind, "once": alert.once, "times": times, "now": None,
            "trigger": None, "distance": None, "distance_pct": None, "unit": KINDS[alert.kind].unit,
        }  # fmt: skip
        if k is None:
            return {**row, "text": f"{alert.symbol} is not traded here any more", "state": "gone", "away": ""}
        i = desk.instruments[k]
        watch = self._watches[alert.id]
        text = sentence(alert, i).removesuffix(".").removeprefix("Tells you ")
        state = "split" if self._split(alert.id, k) else "fired" if watch.done else "waits"
        row |= {"symbol": i.symbol, "text": text, "state": state, "away": ""}
        if watch.value is None or state != "waits":
            return row
        value, trigger = watch.value, alert.value
        if alert.kind in ("above", "below", "crosses", "trailing"):
            value = i.price(int(value))
            if alert.kind == "trailing":
                trigger = i.price(watch.high) * (1 - alert.value / 100)
            row["distance_pct"] = round(100 * (trigger - value) / value, 4)
            row["away"] = f"{trigger - value:+,.{i.price_decimals}f} ({row['distance_pct']:+.2f} %) to go"
        elif alert.kind == "change":
            row["away"] = f"now {value:+.2f} %"
        else:
            row["away"] = f"now {value:,.0f} of {trigger:,.0f}"
        return row | {"now": round(value, 6), "trigger": round(trigger, 6), "distance": round(trigger - value, 6)}

    def fired_rows(self) -> list[dict[str, Any]]:
        """What was told, newest first."""
        desk = self._desk
        with desk._room.lock, self._lock:
            self.look()
            return [
                {
                    "n": f.n, "alert": f.alert.id, "time": desk._time(f.fired.ts_ns)[-12:-4],
                    "symbol": desk.instruments[f.k].symbol, "price": desk.instruments[f.k].price(f.fired.px),
                    "text": told(f.alert, f.fired, desk.instruments[f.k]),
                }
                for f in sorted(self._firings, key=lambda f: (f.fired.ts_ns, f.n), reverse=True)
            ]  # fmt: skip

    def table(self) -> pd.DataFrame:
        """Alerts by number: what each waits for, where that stands now, how far it is."""
        import pandas as pd

        rows = [
            (
                row["id"], row["symbol"], row["text"].removeprefix("every time ").removeprefix("when "), row["now"],
                row["trigger"], row["distance"], row["distance_pct"], row["state"], row["times"],
            )
            for row in self.rows()
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["id", *_COLUMNS]).astype({"id": "int64", **_COLUMNS}).set_index("id")

    def fired(self) -> pd.DataFrame:
        """What was told, newest first."""
        import pandas as pd

        rows = [(row["alert"], row["time"], row["symbol"], row["price"], row["text"]) for row in self.fired_rows()]
        return pd.DataFrame(rows, columns=list(_FIRED_COLUMNS)).astype(_FIRED_COLUMNS)


def _read(kept: Any) -> list[Alert]:
    """Alerts as they were kept; what makes no sense is passed over."""
    alerts: dict[int, Alert] = {}
    for row in kept if isinstance(kept, list) else ():
        try:
            alert = msgspec.convert(row, Alert)
        except (msgspec.ValidationError, TypeError):
            continue
        if alert.kind in KINDS and alert.value == alert.value and alert.window_s >= 0 and len(alerts) < ALERTS_MAX:
            alerts[alert.id] = alert
    return list(alerts.values())


def alerts_of(desk: Desk) -> Alerts:
    """The alerts of a desk; those that were set before are read when they are asked for first."""
    found: Alerts | None = vars(desk).get("_alerts")
    if found is None:
        with desk._room.lock:  # two threads may come here at once, and both would listen
            found = vars(desk).get("_alerts") or vars(desk).setdefault("_alerts", Alerts(desk))
    return found
