"""How does the front end get into what is installed?

Rules: hatchling calls this before it packs a wheel, an editable one too, or a source archive; the front end is built
first (``build.py``), which takes no time when it is already built from the same sources. So an archive carries the
built files and their stamp, and installing from one needs neither Node nor network. ``pyproject.toml`` lists the files
as artifacts, which are packed although version control ignores them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEnd(BuildHookInterface[Any]):
    """Builds the front end before it is packed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, or stop with one sentence that says how to mend what is wrong."""
        folder = Path(self.root) / "widgets"
        spec = importlib.util.spec_from_file_location("vtrade_widgets_build", folder / "build.py")
        assert spec is not None
        assert spec.loader is not None
        build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(build)
        try:
            build.build(folder)
        except build.BuildError as error:
            self.app.abort(f"Panels: {error}")
