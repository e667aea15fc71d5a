"""What is the least a browser must be told to see the newest view?

Rules: a view is a dict of *sections* (its top-level keys). A message carries only the sections that changed since the
last message. Two kinds of section change a little at a time and travel as a difference: lists of rows (``KEYED``) as
the rows that changed, and columns that grow at their end (``SERIES``) as the tail that changed. :func:`apply` is the
same fold the browser does, so that a test can prove ``apply(old, changes(old, new)) == new`` without a browser.

``seq`` of a message counts messages of one panel: the browser drops an older one and asks for a full one after a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KEYED: Final = {
    "orders": "id", "ladder_orders": "id", "order_list": "id", "fills": "seq", "positions": "symbol",
    "symbols": "symbol", "coach_turns": "id", "coach_text": "id", "watch_rows": "symbol", "sparks": "symbol",
    "news": "id", "alerts": "id", "fired": "n",
}  # fmt: skip
"""Sections that are lists of rows, with the name of the field that tells the rows apart."""

NOT_SENT: Final = frozenset({"seq"})
"""Keys of a view that the browser has no use for."""

SERIES: Final = {"bars": "t", "prints": "n", "equity": "t"}
"""Sections that are columns of one length and some single values, oldest row first, with the column that tells the
rows apart."""


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
        ``tails`` (key to a changed tail); empty when nothing changed.

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
    tails: dict[str, Any] = {}
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
        if key in SERIES and before and value:
            tail = _changed_tail(before, value, SERIES[key])
            if tail is not None:
                tails[key] = tail
                continue
        sections[key] = value
    sections.update({key: None for key in old if key not in new and key not in NOT_SENT and old[key] is not None})
    if rows:
        message["rows"] = rows
    if tails:
        message["tails"] = tails
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
    for name, tail in message.get("tails", {}).items():
        series = {**result[name], **tail["values"]}
        kept = slice(tail["drop"], tail["drop"] + tail["keep"])
        result[name] = {**series, **{column: series[column][kept] + rest for column, rest in tail["columns"].items()}}
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


def _changed_tail(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """Rows to drop at the front, rows to keep after them, and the rest; ``None`` if too little stays the same."""
    columns = [name for name, value in after.items() if isinstance(value, list)]
    if [name for name, value in before.items() if isinstance(value, list)] != columns or set(before) != set(after):
        return None
    if not after[key] or after[key][0] not in before[key]:
        return None
    drop = before[key].index(after[key][0])
    keep, most = 0, min(len(before[key]) - drop, len(after[key]))
    while keep < most and all(before[name][drop + keep] == after[name][keep] for name in columns):
        keep += 1
    if keep < most // 2:
        return None
    values = {name: value for name, value in after.items() if name not in columns and before[name] != value}
    return {"drop": drop, "keep": keep, "values": values, "columns": {name: after[name][keep:] for name in columns}}
