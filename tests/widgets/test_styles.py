"""Does a part's style sheet leave its neighbours alone?"""

from __future__ import annotations

import re
from collections import defaultdict

SHARED = {"base", "desk"}
"""Sheets whose classes all parts use: the looks of everything, and the places of the parts."""

COMMON = {"vt-desk", "vt-less-1", "vt-less-2"}
"""The root, and the columns that narrow tables leave out."""


def test_no_two_parts_style_one_class_of_their_own(root):
    homes = defaultdict(set)
    shared = set(COMMON)
    for sheet in (root / "widgets/src/styles").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
        for rule in re.findall(r"([^{}]+)\{", text):
            for selector in rule.split(","):
                classes = re.findall(r"\.(vt-[\w-]+)", selector)
                if sheet.stem in SHARED:
                    shared.update(classes)
                elif [name for name in classes if name != "vt-desk"][:1]:
                    homes[next(name for name in classes if name != "vt-desk")].add(sheet.stem)
    clashes = {name: sorted(sheets) for name, sheets in homes.items() if len(sheets) > 1 and name not in shared}
    assert clashes == {}
