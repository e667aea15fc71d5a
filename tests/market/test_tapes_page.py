"""Does every snippet of the page about tapes print what the page shows?

``python -m tests.market.test_tapes_page`` writes what the snippets print into the page, after a change that moves a
number.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.readme.snippets import blocks, pairs, run
from vtrade.market.load import READERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tapes.md"


def test_the_snippets_print_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    text = PAGE.read_text(encoding="utf-8")
    shown = [(snippet.body, run(snippet.body, names), expected) for snippet, expected in pairs(text)]
    assert len(shown) >= 10
    for source, printed, expected in shown:
        assert expected is not None, f"the page does not show what this prints:\n{source}"
        assert printed == expected.body, source


def test_the_page_knows_every_format() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert {word for word in READERS if f"`{word}:" in text or f"FILE.{word}" in text} == set(READERS)
    assert {block.language for block in blocks(text)} == {"python", "text"}
    assert text.count("```") == 2 * len(blocks(text))


def main() -> None:
    """Write what the snippets print into the page."""
    text = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        printed = [(shown, run(snippet.body, names)) for snippet, shown in pairs(text)]
    for shown, out in reversed(printed):
        if shown is not None:
            text = text[: shown.start] + out + text[shown.end :]
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
