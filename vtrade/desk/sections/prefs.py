"""What did the owner of a desk choose?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vtrade.desk.preferences import ALERTS, preferences_of

if TYPE_CHECKING:
    from vtrade.desk.desk import Desk
    from vtrade.desk.sections.look import Look


def prefs(desk: Desk, look: Look) -> dict[str, Any]:
    """Choices by name; alerts have a section of their own."""
    return {name: value for name, value in preferences_of(desk).items() if name != ALERTS}
