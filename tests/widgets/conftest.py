"""Tests of the panel share one made-up desk: see ``fake_desk.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
