"""Is the browser's code one honest module, all ours, and can everyone read what it paints?"""

import re

import pytest

from vtrade_widgets import assets

TOP_LEVEL = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
NAMED_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./(\w+\.js)";$', re.MULTILINE)
FILES_LINES_MOST = 300


def test_no_two_files_use_one_name():
    names = [name for file in assets.MODULES for name in TOP_LEVEL.findall(assets.read(file))]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("file", assets.MODULES)
def test_imports_point_to_files_before_and_to_names_that_exist(file):
    text = assets.read(file)
    found = NAMED_IMPORT.findall(text)
    assert len(found) == len(re.findall(r"\bimport\b", re.sub(r"//.*", "", text)))
    for names, source in found:
        assert assets.MODULES.index(source) < assets.MODULES.index(file)
        for name in names.split(", "):
            assert re.search(rf"^export (?:const|let|function|class) {name}\b", assets.read(source), re.MULTILINE)


@pytest.mark.parametrize("file", [*assets.MODULES, "panel.css"])
def test_nothing_comes_from_outside(file):
    links = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"')]*", assets.read(file))
    assert set(links) <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in assets.read(file)
    assert "innerHTML" not in assets.read(file)


@pytest.mark.parametrize("file", assets.MODULES)
def test_files_stay_readable(file):
    assert len(assets.read(file).splitlines()) <= FILES_LINES_MOST


def palettes():
    """The light palette, and the dark one laid over it."""
    blocks = re.findall(r"\.vt-desk(?:\[data-theme=\"dark\"\])? \{([^}]+)\}", assets.styles())[:2]
    light, dark = (dict(re.findall(r"--vt-([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[(ink, ground) for ink in ("text", "muted", "up", "down", "accent") for ground in ("surface", "raised", "ground")],
    ("text", "up-wash"), ("text", "down-wash"), ("warn", "warn-wash"), ("on-side", "buy"), ("on-side", "sell"),
    ("on-side", "buy-hot"), ("on-side", "sell-hot"), ("inverse", "accent"), ("inverse", "up"), ("inverse", "down"),
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_everything_it_stands_on(theme):
    colours = palettes()[theme]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_of_fields_can_be_seen(theme):
    colours = palettes()[theme]
    assert contrast(colours["edge"], colours["surface"]) >= 3
    assert contrast(colours["accent"], colours["surface"]) >= 3
