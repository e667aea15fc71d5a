"""Which purchase does a sale close, and what did the pair earn?

Rules: first in, first out, per account and symbol. A fill in the direction of the position opens a lot; a fill against
it closes the oldest lots first, and what is left of it after the last lot opens a position the other way. A lot keeps
what it cost, in micro-units: its price is that over its lots. A part of a lot has its share of the cost, which is exact
as long as the lot stands as it was bought; where a split left a cost that is no whole number a lot, the share is
rounded half to even and what is left of the lot takes the rest. Realised profit is gross of fees; fees stand beside it:
a fill's fee is split over the lots it opens or closes in proportion to their size, rounded half to even, and the last
part takes what is left, so that no micro-unit is lost or counted twice.

A round trip is one entry order matched with one exit order: pieces that follow each other and belong to the same two
orders are one round trip, however many fills they took.

A split changes how many lots there are and not what they cost; the newest round trip ends there, in lots of before.
"""

from __future__ import annotations

import msgspec

from vtrade.domain.instruments import Instrument
from vtrade.domain.orders import Side
from vtrade.domain.values import divide


class RoundTrip(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry and the exit that closed it.

    Attributes
    ----------
    account, symbol : str
    side : Side
        Side of the entry: BUY was long, SELL was short.
    quantity : int
        Lots.
    entry_ts_ns, exit_ts_ns : int
        First entry fill and last exit fill.
    entry_order_id, exit_order_id : int
        Negative where it was no order: minus the ``seq`` of the tender, the delisting or the cash for a fraction.
    entry_px, exit_px : float
        Average prices, in units of money.
    gross_pnl : int
        Micro-units, before fees; exact.
    fees : int
        Micro-units: this round trip's share of the entry's and the exit's fees.
    """

    account: str
    symbol: str
    side: Side
    quantity: int
    entry_ts_ns: int
    exit_ts_ns: int
    entry_order_id: int
    exit_order_id: int
    entry_px: float
    exit_px: float
    gross_pnl: int
    fees: int

    @property
    def net_pnl(self) -> int:
        """Micro-units, after fees."""
        return self.gross_pnl - self.fees


class Lot:
    """What is left of one opening fill: lots, what they cost and their share of the fee, both in micro-units."""

    __slots__ = ("cost", "fee", "order_id", "quantity", "ts_ns")

    def __init__(self, quantity: int, cost: int, ts_ns: int, order_id: int, fee: int) -> None:
        self.quantity = quantity
        self.cost = cost
        self.ts_ns = ts_ns
        self.order_id = order_id
        self.fee = fee


class OpenTrip:
    """A round trip whose two orders may still add to it; values and fees in micro-units."""

    __slots__ = (
        "entry_order_id",
        "entry_ts_ns",
        "entry_value",
        "exit_order_id",
        "exit_ts_ns",
        "exit_value",
        "fees",
        "quantity",
        "side",
    )

    def __init__(self, side: int, lot: Lot, exit_order_id: int) -> None:
        self.side = side
        self.entry_order_id = lot.order_id
        self.exit_order_id = exit_order_id
        self.entry_ts_ns = lot.ts_ns
        self.exit_ts_ns = lot.ts_ns
        self.quantity = self.entry_value = self.exit_value = self.fees = 0

    def belongs(self, side: int, entry_order_id: int, exit_order_id: int) -> bool:
        """Whether a piece of these two orders is part of this round trip."""
        return self.entry_order_id == entry_order_id and self.exit_order_id == exit_order_id and self.side == side

    def round_trip(self, account: str, instrument: Instrument) -> RoundTrip:
        """The round trip as it stands."""
        worth = self.quantity * instrument.tick_value
        return RoundTrip(
            account,
            instrument.symbol,
            Side.BUY if self.side > 0 else Side.SELL,
            self.quantity,
            self.entry_ts_ns,
            self.exit_ts_ns,
            self.entry_order_id,
            self.exit_order_id,
            instrument.price(self.entry_value / worth),
            instrument.price(self.exit_value / worth),
            self.side * (self.exit_value - self.entry_value),
            self.fees,
        )


class LotQueue:
    """The open lots of one account in one instrument, oldest first.

    Attributes
    ----------
    quantity : int
        Lots held; negative when short.
    cost_basis : int
        Micro-units paid for what is held; negative when short: what was received.
    realized_pnl : int
        Micro-units, before fees.
    lots : list of Lot
        All on the same side; they sum to ``quantity``.
    open_trip : OpenTrip or None
        The newest round trip, to which the same two orders may still add.

    Examples
    --------
    >>> queue = LotQueue("ana", Instrument.make("ACME", tick="0.01"))
    >>> queue.trade(1, 7, side=1, px=10_000, quantity=3, fee=30)
    []
    >>> queue.trade(2, 8, side=-1, px=10_100, quantity=5, fee=50)  # closes 3, and goes short 2
    []
    >>> queue.quantity, queue.cost_basis, queue.realized_pnl
    (-2, -202000000, 3000000)
    >>> [(trip.quantity, trip.exit_px, trip.gross_pnl, trip.fees) for trip in queue.trips()]
    [(3, 101.0, 3000000, 60)]
    """

    __slots__ = ("account", "cost_basis", "instrument", "lots", "open_trip", "quantity", "realized_pnl", "tick_value")

    def __init__(self, account: str, instrument: Instrument) -> None:
        self.account = account
        self.instrument = instrument
        self.tick_value = instrument.tick_value
        self.quantity = 0
        self.cost_basis = 0
        self.realized_pnl = 0
        self.lots: list[Lot] = []
        self.open_trip: OpenTrip | None = None

    def trade(self, ts_ns: int, order_id: int, *, side: int, px: int, quantity: int, fee: int) -> list[RoundTrip]:
        """Take one fill: ``px`` ticks, ``quantity`` lots, ``fee`` micro-units, ``side`` +1 or -1.

        Returns
        -------
        list of RoundTrip
            Those to which nothing can be added any more, because this fill began the next one.
        """
        value = px * quantity * self.tick_value
        return self.exchange(ts_ns, order_id, side=side, quantity=quantity, value=value, fee=fee)

    def exchange(self, ts_ns: int, order_id: int, *, side: int, quantity: int, value: int, fee: int) -> list[RoundTrip]:
        """:meth:`trade` for lots that cost ``value`` micro-units together."""
        done: list[RoundTrip] = []
        lots = self.lots
        if self.quantity * side < 0:
            gone = 0
            while quantity and gone < len(lots):
                lot = lots[gone]
                if lot.quantity <= quantity:
                    taken, cost, entry_fee = lot.quantity, lot.cost, lot.fee
                    gone += 1
                else:
                    taken = quantity
                    cost, entry_fee = divide(lot.cost * taken, lot.quantity), divide(lot.fee * taken, lot.quantity)
                    lot.quantity -= taken
                    lot.cost -= cost
                    lot.fee -= entry_fee
                proceeds, exit_fee = value, fee
                if taken != quantity:
                    proceeds, exit_fee = divide(value * taken, quantity), divide(fee * taken, quantity)
                quantity -= taken
                value -= proceeds
                fee -= exit_fee
                self.quantity += side * taken
                self.cost_basis += side * cost
                self.realized_pnl += side * (cost - proceeds)
                trip = self.open_trip
                if trip is None or not trip.belongs(-side, lot.order_id, order_id):
                    done += self.finish()
                    trip = self.open_trip = OpenTrip(-side, lot, order_id)
                trip.quantity += taken
                trip.entry_value += cost
                trip.exit_value += proceeds
                trip.fees += entry_fee + exit_fee
                trip.exit_ts_ns = ts_ns
            del lots[:gone]
        if quantity:
            lots.append(Lot(quantity, value, ts_ns, order_id, fee))
            self.quantity += side * quantity
            self.cost_basis += side * value
        return done

    def resize(self, quantity: int) -> list[RoundTrip]:
        """Hold ``quantity`` lots, not 0 and on the same side, for the same cost: a split.

        Each lot grows or shrinks alike, counted from the oldest and cut to whole lots; one of which nothing is left
        joins the next with its cost and fee.

        Returns
        -------
        list of RoundTrip
            The one that could still grow, if there was one: in lots of before the split.

        Examples
        --------
        >>> queue = LotQueue("ana", Instrument.make("ACME", tick="0.01"))
        >>> queue.trade(1, 7, side=1, px=64_557, quantity=10, fee=0), queue.resize(70)
        ([], [])
        >>> queue.quantity, queue.cost_basis
        (70, 6455700000)
        """
        before, after = abs(self.quantity), abs(quantity)
        kept: list[Lot] = []
        seen = given = cost = fee = 0
        for lot in self.lots:
            seen += lot.quantity
            cost += lot.cost
            fee += lot.fee
            share = seen * after // before - given
            if share:
                kept.append(Lot(share, cost, lot.ts_ns, lot.order_id, fee))
                given += share
                cost = fee = 0
        self.lots = kept
        self.quantity = quantity
        return self.finish()

    def finish(self) -> list[RoundTrip]:
        """Hand out the newest round trip, if there is one: nothing can be added to it any more."""
        done = self.trips()
        self.open_trip = None
        return done

    def trips(self) -> list[RoundTrip]:
        """The newest round trip as it stands, if there is one: those before it were handed out."""
        return [self.open_trip.round_trip(self.account, self.instrument)] if self.open_trip else []
