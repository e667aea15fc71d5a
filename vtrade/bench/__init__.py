"""How fast and how large is VTrade on this machine, and is that as promised?

Rules: every figure is taken in a fresh process, the median of several runs; what was not measured is ``None``, never a
guess. A row names its goal, and its peer where one is installed.
"""

from vtrade.bench.rows import Row
from vtrade.bench.suites import SUITES, measure

__all__ = ["SUITES", "Row", "measure"]
