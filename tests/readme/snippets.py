"""Which snippets does the README hold, and what do they print?

``python -m tests.readme.snippets`` runs the Python ones and writes what they print below them, after a change that
moves a number. Rules: Python snippets share one namespace, as in one session; a block of ``text`` holds what the
snippet above it prints.
"""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

README = Path(__file__).resolve().parents[2] / "README.md"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, what it holds, and where that stands in the file."""

    language: str
    body: str
    start: int
    end: int


def blocks(text: str) -> list[Block]:
    """Fenced blocks, in order."""
    return [Block(found[1], found[2], found.start(2), found.end(2)) for found in FENCE.finditer(text)]


def pairs(text: str) -> list[tuple[Block, Block | None]]:
    """Python snippets, each with the block that shows what it prints."""
    found = blocks(text)
    return [
        (block, after if after is not None and after.language == "text" else None)
        for block, after in zip(found, [*found[1:], None], strict=True)
        if block.language == "python"
    ]


def run(source: str, names: dict[str, Any]) -> str:
    """What a snippet prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(source, "README.md", "exec"), names)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def main() -> None:
    """Write what the snippets print into the README."""
    text = README.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    printed = [(shown, run(block.body, names)) for block, shown in pairs(text)]
    for shown, out in reversed(printed):
        if shown is not None:
            text = text[: shown.start] + out + text[shown.end :]
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
