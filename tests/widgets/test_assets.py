"""Is the browser's code built from today's sources and from nothing else, and can everyone read what it paints?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vtrade.errors import DeskError
from vtrade_widgets import assets
from widgets import build

SOURCE = assets.WIDGETS / "src"
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.js"))
SHEETS = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.css"))
IMPORT = re.compile(
    r"""(?:^|[\s;}])(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']"""
)
SINKS = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser")
"""What turns text into markup or code: names of instruments and news come from outside."""

FILES_LINES_MOST = 400
RATIO_TEXT_LEAST = 4.5
RATIO_EDGE_LEAST = 3.0


@pytest.fixture(autouse=True, scope="module")
def front_end() -> None:
    """The front end, built from the sources that are here."""
    build.build()


@pytest.fixture(autouse=True)
def _fresh_look() -> None:
    for function in (assets.module, assets.styles, assets.notices):
        function.cache_clear()


# --- what a panel gets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["all", "light"])
def test_a_module_is_whole(name: str) -> None:
    code = assets.module(name)  # type: ignore[arg-type]
    assert len(re.findall(r"\bas default\b|\bexport default\b", code)) == 1
    assert assets.module(name) is code  # type: ignore[arg-type]


def test_only_one_module_carries_the_chart() -> None:
    assert "TradingView" in assets.module("all")
    assert "TradingView" not in assets.module("light")
    assert len(assets.module("light")) < len(assets.module("all")) - 100_000


def test_the_style_sheet_has_every_part() -> None:
    names = {
        name for sheet in SHEETS for name in re.findall(r"\.(vt-[\w-]+)", (SOURCE / sheet).read_text(encoding="utf-8"))
    }
    assert names
    assert {name for name in names if f".{name}" not in assets.styles()} == set()


def test_the_notices_name_what_is_inside() -> None:
    assert re.findall(r"^(\S+) \d+\.\d+\.\d+ \(", assets.notices(), re.MULTILINE) == [
        "fancy-canvas",
        "lightweight-charts",
    ]


# --- what is missing or old ------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sources and of what was built, which ``assets`` takes for its own."""
    for name in (".npmrc", "build.py", "package.json", "package-lock.json"):
        shutil.copy(root / "widgets" / name, tmp_path / name)
    for name in ("src", "notices", "vtrade_widgets/static"):
        shutil.copytree(root / "widgets" / name, tmp_path / name)
    monkeypatch.setattr(assets, "WIDGETS", tmp_path)
    monkeypatch.setattr(assets, "STATIC", tmp_path / "vtrade_widgets" / "static")
    return tmp_path


def test_a_copy_is_as_good(checkout: Path) -> None:
    assert assets.module("light") == (checkout / "vtrade_widgets" / "static" / "light.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["all.js", "light.js", "style.css", "NOTICES.txt", "built_from.txt"])
def test_a_missing_file_is_an_error_with_its_mend(checkout: Path, name: str) -> None:
    (checkout / "vtrade_widgets" / "static" / name).unlink()
    with pytest.raises(DeskError, match=r"run `make desk`, or `python widgets/build\.py`$"):
        [assets.module("all"), assets.styles(), assets.notices()]


@pytest.mark.parametrize("name", ["src/all.js", "src/styles/extra.css", "package-lock.json", "build.py"])
def test_a_changed_source_is_an_error_with_its_mend(checkout: Path, name: str) -> None:
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(DeskError, match=r"from other sources .*: run `make desk`, or `python widgets/build\.py`$"):
        assets.module("light")


def test_a_file_that_an_editor_left_changes_nothing(checkout: Path) -> None:
    (checkout / "src" / ".all.js.swp").touch()
    (checkout / "src" / "all.js~").touch()
    (checkout / "src" / ".#all.js").symlink_to("nobody@nowhere")
    assert assets.is_fresh(checkout)


def test_without_sources_what_was_packed_is_good(checkout: Path) -> None:
    (checkout / "package-lock.json").unlink()
    (checkout / "vtrade_widgets" / "static" / "built_from.txt").write_text("of long ago")
    assert assets.module("light")


def test_the_build_needs_nothing_installed(root: Path) -> None:
    code = "import runpy; runpy.run_path('widgets/build.py')"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- what people write -----------------------------------------------------------------------------------------------


def imported(name: str) -> set[str]:
    return {one or other for one, other in IMPORT.findall((SOURCE / name).read_text(encoding="utf-8"))}


def reached(entry: str) -> set[str]:
    """Every module that one leads to, and every library."""
    seen: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            if name.endswith(".js"):
                near = [path for path in imported(name) if path.startswith(".")]
                waiting += [
                    (SOURCE / name).parent.joinpath(path).resolve().relative_to(SOURCE).as_posix() for path in near
                ]
                seen |= {path for path in imported(name) if not path.startswith(".")}
    return seen


def test_every_module_is_used_and_only_the_chart_has_a_library() -> None:
    light, whole = reached("light.js"), reached("all.js")
    assert {name for name in light if not name.endswith(".js")} == set()
    assert {name for name in whole if not name.endswith(".js")} == {"lightweight-charts"}
    assert set(MODULES) - light - whole == set()


def test_every_sheet_is_used() -> None:
    text = (SOURCE / "style.css").read_text(encoding="utf-8")
    found = {str(Path(name)) for name in re.findall(r'@import "([^"]+)";', text)}
    assert found | {"style.css"} == set(SHEETS)


@pytest.mark.parametrize("name", [*MODULES, *SHEETS])
def test_a_source_makes_no_markup_of_text_and_fetches_nothing(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8")
    assert [sink for sink in SINKS if sink in text] == []
    links = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"')]*", text)
    assert set(links) <= {"http://www.w3.org/2000/svg", "https://www.tradingview.com/"}
    assert re.findall(r"url\((?!['\"]?(?:data:|#))", text) == []


@pytest.mark.parametrize("name", [*MODULES, *SHEETS])
def test_a_source_stays_readable(name: str) -> None:
    lines = (SOURCE / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= FILES_LINES_MOST
    if name.endswith(".js"):
        assert lines[0].startswith("//"), "it opens with the question it answers"


# --- colours ---------------------------------------------------------------------------------------------------------


def palettes() -> dict[str, dict[str, str]]:
    """The light palette, and the dark one laid over it."""
    text = "\n".join((SOURCE / sheet).read_text(encoding="utf-8") for sheet in SHEETS)
    blocks = dict(re.findall(r"^\.vt-desk(\[data-theme=\"dark\"\])? \{([^}]+)\}", text, re.MULTILINE)[::-1])
    light, dark = (
        dict(re.findall(r"--vt-([\w-]+): (#[0-9a-f]{6});", blocks[key])) for key in ("", '[data-theme="dark"]')
    )
    return {"light": light, "dark": {**light, **dark}}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *[(ink, ground) for ink in ("text", "muted", "up", "down", "accent") for ground in ("surface", "raised", "ground")],
    ("text", "up-wash"), ("text", "down-wash"), ("warn", "warn-wash"), ("on-side", "buy"), ("on-side", "sell"),
    ("on-side", "buy-hot"), ("on-side", "sell-hot"), ("inverse", "accent"), ("inverse", "up"), ("inverse", "down"),
]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_everything_it_stands_on(theme: str) -> None:
    colours = palettes()[theme]
    weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < RATIO_TEXT_LEAST} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_borders_of_fields_can_be_seen(theme: str) -> None:
    colours = palettes()[theme]
    assert contrast(colours["edge"], colours["surface"]) >= RATIO_EDGE_LEAST
    assert contrast(colours["accent"], colours["surface"]) >= RATIO_EDGE_LEAST
