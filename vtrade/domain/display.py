"""How does a value look as text, and as HTML on a page that nobody styles?

Rules: text and HTML come from the same pieces, so they tell the same. All text is escaped; there is no script, no link,
no style sheet and nothing random. Ink is that of the page around it, so it reads on light and on dark; meaning is
carried by words, signs and shapes. A page that strips every style, and every picture, still shows tables and sentences.
A picture is an image of its own (:class:`Picture`), which survives where drawings inside the page are taken out.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

UP: Final = "#16926a"
DOWN: Final = "#d8524a"
ACCENT: Final = "#3b7ddd"
QUIET: Final = "#7a828c"
"""Colours of pictures: 3.5 to 1 or better on white and on black paper alike."""

LINE_MAX: Final = 200
"""Characters of a value on one line."""
_MUTED: Final = "opacity:.75"
_CELL: Final = "padding:1px 12px 1px 0"
_FONT: Final = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.45;font-variant-numeric:tabular-nums"


# --- numbers ---------------------------------------------------------------------------------------------------------


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A number as text; empty for what is undefined, and never a negative zero.

    Examples
    --------
    >>> number(1234.5), number(-0.001), number(2, signed=True), number(None), number(float("nan"))
    ('1,234.50', '0.00', '+2.00', '', '')
    """
    if value is None or not isfinite(value):
        return ""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''},.{decimals}f}"


def units(value: float | None) -> str:
    """A quantity without needless decimals.

    Examples
    --------
    >>> units(1500.0), units(0.25), units(None)
    ('1,500', '0.25', '')
    """
    text = number(value, 6)
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A share of one in percent.

    Examples
    --------
    >>> percent(0.25, 0), percent(-0.0031, signed=True), percent(None)
    ('25 %', '-0.31 %', '')
    """
    text = number(None if share is None else 100 * share, decimals, signed=signed)
    return f"{text} %" if text else ""


def shortened(text: str, most: int = LINE_MAX) -> str:
    """A text on one line of so many characters.

    Examples
    --------
    >>> shortened("one and two", 8)
    'one and…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def called(name: str, *parts: str) -> str:
    """A value on one line: its name with what it is.

    Examples
    --------
    >>> called("Order", "buy 100 ACME", "", "FILLED")
    'Order(buy 100 ACME, FILLED)'
    """
    return shortened(f"{name}({', '.join(part for part in parts if part)})")


# --- pieces of a page ------------------------------------------------------------------------------------------------


class Words(NamedTuple):
    """A sentence or a heading.

    Attributes
    ----------
    text : str
    role : {"plain", "title", "strong", "quiet"}
    """

    text: str
    role: Literal["plain", "title", "strong", "quiet"] = "plain"


class Bar(NamedTuple):
    """A stretch of a scale, as a cell of a table; what it shows also stands beside it as a number.

    Attributes
    ----------
    start, end : float
        An end before the start is drawn hollow.
    low, high : float
        Of the scale.
    """

    start: float
    end: float
    low: float
    high: float


class Table(NamedTuple):
    """Rows of cells.

    Attributes
    ----------
    heads : sequence of str
        Names of the columns, with units; all empty for a table without a head.
    rows : sequence of sequences of str or Bar
    title : str
    words : int or collection of int
        Columns that are words, by their places or the first so many; others are numbers, and stand to the right.
    note : str
        Said below.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str | Bar]]
    title: str = ""
    words: int | frozenset[int] = 1
    note: str = ""


class Picture(NamedTuple):
    """A drawing.

    Attributes
    ----------
    drawing : str
        SVG without the outer element.
    told : str
        What it shows, in a sentence; it stands below it.
    width, height : int
        Pixels.
    """

    drawing: str
    told: str
    width: int
    height: int


Block = Words | Table | Picture


class Beside(NamedTuple):
    """Columns of pieces, next to each other where there is room."""

    columns: Sequence[Sequence[Block]]


Piece = Block | Beside


def facts(pairs: Mapping[str, str], *, title: str = "") -> Table:
    """A table of names and values; those that are empty are left out.

    Examples
    --------
    >>> print(text([facts({"tick": "0.01 USD", "lot": ""}, title="ACME")]))
    ACME
    tick  0.01 USD
    """
    return Table(("", ""), [(name, value) for name, value in pairs.items() if value], title, 2)


# --- text ------------------------------------------------------------------------------------------------------------


def text(pieces: Iterable[Piece]) -> str:
    """The pieces as lines of plain text.

    Examples
    --------
    >>> print(text([Words("ACME", "title"), Table(("side", "size"), [("buy", "1,500"), ("sell", "20")])]))
    ACME
    side   size
    buy   1,500
    sell     20
    """
    return "\n".join(line for piece in pieces for line in _lines(piece))


def _lines(piece: Piece) -> Iterator[str]:
    if isinstance(piece, Beside):
        for inner in chain.from_iterable(piece.columns):
            yield from _lines(inner)
    elif isinstance(piece, Words):
        yield " ".join(piece.text.split())
    elif isinstance(piece, Picture):
        yield piece.told
    else:
        rows = [[_plain(cell) for cell in row] for row in (piece.heads, *piece.rows)]
        shown = [n for n in range(len(piece.heads)) if any(row[n] for row in rows[1:]) or len(rows) == 1]
        wide = {n: max(len(row[n]) for row in rows) for n in shown}
        if piece.title:
            yield piece.title
        for row in rows if any(piece.heads) else rows[1:]:
            cells = [row[n].ljust(wide[n]) if _is_words(piece, n) else row[n].rjust(wide[n]) for n in shown]
            yield "  ".join(cells).rstrip()
        if piece.note:
            yield piece.note


def _plain(cell: str | Bar) -> str:
    return "" if isinstance(cell, Bar) else " ".join(cell.split())


def _is_words(table: Table, place: int) -> bool:
    return place < table.words if isinstance(table.words, int) else place in table.words


# --- HTML ------------------------------------------------------------------------------------------------------------


def html(pieces: Iterable[Piece], *, label: str = "") -> str:
    """The pieces as HTML that needs nothing around it.

    Parameters
    ----------
    pieces : iterable of Piece
    label : str
        A class name of the outer element, for whoever looks for it.

    Examples
    --------
    >>> page = html([Words("A<B"), Table(("side", "size"), [("buy", "1,500")])])
    >>> "A&lt;B" in page, "1,500</td>" in page, "<script" in page
    (True, True, False)
    """
    named = f' class="{escape(label)}"' if label else ""
    return f'<div{named} style="{_FONT};max-width:1000px">{"".join(map(_html, pieces))}</div>'


def _html(piece: Piece) -> str:
    if isinstance(piece, Beside):
        columns = ""
        for column in filter(None, piece.columns):
            drawn = max((block.width for block in column if isinstance(block, Picture)), default=0)
            wide = f"flex:0 1 {drawn}px" if drawn else "flex:1 1 260px"  # no wider than what is drawn in it
            columns += f'<div style="{wide}">{"".join(map(_html, column))}</div>'
        return f'<div style="display:flex;flex-wrap:wrap;gap:0 28px;align-items:flex-start">{columns}</div>'
    if isinstance(piece, Words):
        shown = escape(piece.text).replace("\n", "<br>")
        if piece.role in ("title", "strong"):
            size = ";font-size:1.45em" if piece.role == "title" else ""
            return f'<p style="margin:0 0 4px{size}"><strong>{shown}</strong></p>'
        return f'<p style="margin:0 0 6px{";" + _MUTED if piece.role == "quiet" else ""}">{shown}</p>'
    if isinstance(piece, Picture):
        told = escape(piece.told)
        data = b64encode(svg(piece).encode()).decode()
        return (
            f'<p style="margin:4px 0 8px"><img alt="{told}" width="{piece.width}" height="{piece.height}" '
            f'style="max-width:100%;height:auto" src="data:image/svg+xml;base64,{data}"><br>'
            f'<small style="{_MUTED}">{told}</small></p>'
        )
    return _table(piece)


def _table(table: Table) -> str:
    sides = ["left" if _is_words(table, n) else "right" for n in range(len(table.heads))]
    shown = [n for n in range(len(table.heads)) if any(row[n] for row in table.rows) or not table.rows]
    facts_only = not any(table.heads)

    def cells(tag: str, row: Sequence[str | Bar]) -> str:
        told = ""
        for n in shown:
            cell, kind, side = row[n], "th" if facts_only and n == 0 else tag, sides[n]
            inner = _drawn(cell) if isinstance(cell, Bar) else escape(cell)
            whole = ";white-space:nowrap" if side == "right" else ""
            told += f'<{kind} align="{side}" style="text-align:{side};{_CELL}{whole}">{inner}</{kind}>'
        return told

    head = "" if facts_only else f"<thead><tr>{cells('th', table.heads)}</tr></thead>"
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    title = (
        f'<p style="margin:8px 0 2px"><strong>{escape(table.title)}</strong></p>' if table.title else ""
    )  # not a caption: pages that clean HTML drop those
    note = f'<p style="margin:0 0 6px;{_MUTED}">{escape(table.note)}</p>' if table.note else ""
    look = "border-collapse:collapse;border:0;margin:0 0 8px;font-size:13px"
    return f'{title}<table style="{look}">{head}<tbody>{body}</tbody></table>{note}'


def _drawn(bar: Bar, width: int = 150) -> str:
    """A bar as a drawing without text, in the ink of the page."""
    span = (bar.high - bar.low) or 1.0
    left, right = (width * (x - bar.low) / span for x in sorted((bar.start, bar.end)))
    fill = ' fill="none"' if bar.end < bar.start else ' fill="currentColor" fill-opacity=".55"'
    zero = f"{width * (0 - bar.low) / span:.1f}"
    return (
        f'<svg width="{width}" height="14" style="min-width:{width}px" aria-hidden="true"><path d="M{zero} 0V14" '
        f'stroke="currentColor" stroke-opacity=".5"/><rect x="{left:.1f}" y="2.5" width="{max(right - left, 0.5):.1f}" '
        f'height="9"{fill} stroke="currentColor"/></svg>'
    )


def svg(picture: Picture) -> str:
    """A picture as a file of its own."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width} {picture.height}" '
        f'width="{picture.width}" height="{picture.height}" font-family="system-ui,sans-serif" font-size="11" '
        f'fill="{QUIET}"><title>{escape(picture.told)}</title>{picture.drawing}</svg>'
    )


def pretty(value: Any, printer: Any, cycle: bool) -> None:
    """``_repr_pretty_`` of a value whose ``str`` is the whole story, and whose ``repr`` is one line of it."""
    printer.text(repr(value) if cycle else str(value))
