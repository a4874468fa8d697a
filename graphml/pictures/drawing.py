"""Values to a picture: an SVG text for a page, or the bytes of a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphml.pictures.canvas import Theme, png, require_matplotlib, svg
from graphml.pictures.plotted import draw_capacity, draw_learning, draw_reliability
from graphml.pictures.plotted_watched import draw_drift, draw_ring_precision, draw_timeline
from graphml.pictures.values import Capacity, Learning, Reliability, Values
from graphml.pictures.watched import Drifted, RingPrecision, RingTimeline

__all__ = ["DRAWN", "Theme", "require_matplotlib", "to_png", "to_svg"]

DRAWN: Mapping[str, Any] = {
    RingTimeline.name: draw_timeline,
    RingPrecision.name: draw_ring_precision,
    Reliability.name: draw_reliability,
    Capacity.name: draw_capacity,
    Drifted.name: draw_drift,
    Learning.name: draw_learning,
}
"""Every picture by its name, in the order of a page, and what draws its values."""


def to_svg(values: Values, *, theme: Theme = "light") -> str:
    """Return a picture as the text of an SVG; the same values give the same text.

    Its ``<title>`` and ``<desc>`` are those of the values; no font, style sheet or address is
    fetched from elsewhere.

    Raises:
        UsageError: matplotlib is not installed, or there is no such theme.
    """
    return svg(values, DRAWN[values.name], theme=theme)


def to_png(values: Values, *, theme: Theme = "light") -> bytes:
    """Return a picture as the bytes of a PNG, its title and words in text chunks.

    Raises:
        UsageError: matplotlib is not installed, or there is no such theme.
    """
    return png(values, DRAWN[values.name], theme=theme)
