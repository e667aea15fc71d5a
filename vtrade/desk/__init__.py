"""What a notebook holds: the desk, its orders, and the evidence the tutor sees."""

from vtrade.desk.desk import Desk, Wiring
from vtrade.desk.order import Order

__all__ = ["Desk", "Order", "Wiring"]
