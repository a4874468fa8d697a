"""A marketplace by a second maker, to see whether what was found on one carries over to another.

It shares no code and no assumption with the library's own made-up marketplace, and is for
measuring alone: nothing may be tuned on it.
"""

from __future__ import annotations

from benchmarks.other_market.market import make_other_market
from benchmarks.other_market.style import STYLES

__all__ = ["STYLES", "make_other_market"]
