"""What is the least a browser must be told to see the newest view?

Rules: a view is a dict of *sections* (its top-level keys). A message carries only the sections that changed since the
last message. Three kinds of section change a little at a time and travel as a difference: keyed rows (orders,
positions, symbols) as the rows that changed, bars as the tail that changed. :func:`apply` is the same fold the browser
does, so that a test can prove ``apply(old, changes(old, new)) == new`` without a browser.

``seq`` of a message counts messages of one panel: the browser drops an older one and asks for a full one after a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KEYED: Final = {"orders": "id", "positions": "symbol", "symbols": "symbol"}
"""Sections that are lists of rows, with the name of the field that tells the rows apart."""

NOT_SENT: Final = frozenset({"seq"})
"""Keys of a view that the browser has no use for."""

_SERIES: Final = ("t", "o", "h", "l", "c", "v")


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What to send so that a browser that shows ``old`` shows ``new``.

    Parameters
    ----------
    old, new : mapping
        Views; ``old`` may be empty, then everything is sent in full.

    Returns
    -------
    dict
        Any of ``sections`` (key to new value; ``None`` for one that went away), ``rows`` (key to changed rows) and
        ``bars_tail``; empty when nothing changed.

    Examples
    --------
    >>> old = {"quote": {"bid": 1}, "orders": [{"id": 1, "filled": 0}, {"id": 2, "filled": 0}]}
    >>> new = {"quote": {"bid": 1}, "orders": [{"id": 1, "filled": 0}, {"id": 2, "filled": 5}]}
    >>> changes(old, new)
    {'rows': {'orders': {'changed': [{'id': 2, 'filled': 5}]}}}
    >>> changes(new, new)
    {}
    """
    sections: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    message: dict[str, Any] = {}
    for key, value in new.items():
        if key in NOT_SENT or (key in old and old[key] == value):
            continue
        before = old.get(key)
        if key in KEYED and before and value:
            patch = _changed_rows(before, value, KEYED[key])
            if patch is not None:
                rows[key] = patch
                continue
        if key == "bars" and before and value:
            tail = _changed_bars(before, value)
            if tail is not None:
                message["bars_tail"] = tail
                continue
        sections[key] = value
    sections.update({key: None for key in old if key not in new and key not in NOT_SENT and old[key] is not None})
    if rows:
        message["rows"] = rows
    if sections:
        message["sections"] = sections
    return message


def apply(view: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
    """The view after a message: the fold that ``static/store.js`` does in the browser.

    Examples
    --------
    >>> old, new = {"news": [], "account": {"nav": 1.0}}, {"news": [], "account": {"nav": 2.0}}
    >>> apply(old, changes(old, new)) == new
    True
    """
    result = {} if message.get("full") else dict(view)
    result.update(message.get("sections", {}))
    for name, patch in message.get("rows", {}).items():
        key = KEYED[name]
        by_key = {row[key]: row for row in result[name]}
        by_key.update({row[key]: row for row in patch["changed"]})
        order = patch.get("order") or [row[key] for row in result[name]]
        result[name] = [by_key[item] for item in order]
    tail = message.get("bars_tail")
    if tail is not None:
        bars = result["bars"]
        kept = slice(tail["drop"], tail["drop"] + tail["keep"])
        result["bars"] = {**bars, **{name: bars[name][kept] + tail[name] for name in _SERIES}}
    return result


def _changed_rows(before: list[Any], after: list[Any], key: str) -> dict[str, Any] | None:
    """Changed rows and, if rows came, went or moved, the new order of keys; ``None`` if keys are not unique."""
    old = {row[key]: row for row in before}
    order = [row[key] for row in after]
    if len(set(order)) != len(order) or len(old) != len(before):
        return None
    patch: dict[str, Any] = {"changed": [row for row in after if old.get(row[key]) != row]}
    if order != [row[key] for row in before]:
        patch["order"] = order
    return patch


def _changed_bars(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """Bars to drop at the front, bars to keep after them, and the rest; ``None`` if too little stays the same."""
    if before.get("seconds") != after.get("seconds") or not after["t"] or after["t"][0] not in before["t"]:
        return None
    drop = before["t"].index(after["t"][0])
    keep, most = 0, min(len(before["t"]) - drop, len(after["t"]))
    while keep < most and all(before[name][drop + keep] == after[name][keep] for name in _SERIES):
        keep += 1
    if keep < most // 2:
        return None
    return {"drop": drop, "keep": keep, **{name: after[name][keep:] for name in _SERIES}}
