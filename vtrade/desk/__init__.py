"""What a notebook holds: the desk, its orders, and the evidence the tutor sees."""

from vtrade.desk.desk import Desk
from vtrade.desk.order import Order
from vtrade.desk.wiring import Wiring

__all__ = ["Desk", "Order", "Wiring"]
