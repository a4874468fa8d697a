"""How the picture of rings and that of drift are drawn. What carries a value has an id (gid)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from graphml.config import RING_KINDS
from graphml.fraud.drift import MOVED
from graphml.pictures.canvas import DASHES, HATCHES, MARKS, Canvas
from graphml.pictures.watched import Bar, Drifted, RingPrecision, RingTimeline
from graphml.pictures.wording import label

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

_LONG = timedelta(days=3)
_TALL = 0.68
"""Height of a bar, of a line's."""


def draw_timeline(canvas: Canvas, values: RingTimeline) -> None:
    """Draw a bar for each ring, the highest ranked on top, and its amount at the right."""
    if not values.bars:
        canvas.say("no rings")
        return
    axes = canvas.axes(1.55, 5.35)
    for place, bar in enumerate(values.bars):
        _bar(canvas, axes, place, bar)
    begin, end = _span(values)
    axes.set_xlim(cast(Any, begin), cast(Any, end))
    axes.set_ylim(len(values.bars) - 0.4, -0.6)
    ranked = [f"{rank}. {label(bar.ring_id, 20)}" for rank, bar in enumerate(values.bars, 1)]
    axes.set_yticks(range(len(values.bars)), ranked, fontsize=6.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    _dates(axes, end - begin)
    axes.set_xlabel("first to last event (UTC)")
    axes.set_ylabel("rank and ring", labelpad=2)
    axes.text(
        1.015, 1.01, "amount, members", transform=axes.transAxes, fontsize=6.5, va="bottom",
        color=canvas.colours.quiet,
    )  # fmt: skip
    _kinds(canvas, values)


def _bar(canvas: Canvas, axes: Axes, place: int, bar: Bar) -> None:
    colours = canvas.colours
    colour, hatch = _look(canvas, bar.kind)
    ends = cast(Any, (bar.first, bar.last))
    axes.fill_betweenx(
        (place - _TALL / 2, place + _TALL / 2), *ends, facecolor=colour, hatch=hatch,
        edgecolor=colours.ink, linewidth=0.5, gid=f"ring_timeline.bar.{place}",
    )  # fmt: skip
    # A ring of one moment has no width, and its ends are seen all the same.
    axes.plot(
        ends, (place, place), linestyle="none", marker="|", markersize=5, color=colours.ink,
        clip_on=False, gid=f"ring_timeline.ends.{place}",
    )  # fmt: skip
    axes.text(
        1.015, place, f"{bar.amount_words}, {bar.members:,}", va="center", fontsize=6.5,
        transform=axes.get_yaxis_transform(), color=colours.ink, gid=f"ring_timeline.amount.{place}",
    )  # fmt: skip


def _look(canvas: Canvas, kind: str) -> tuple[str, str]:
    """Return colour and hatches of a kind; one that nobody knows looks like ``other``."""
    known = list(RING_KINDS)
    place = known.index(kind) if kind in known else known.index("other")
    return canvas.colours.series[place], HATCHES[place]


def _kinds(canvas: Canvas, values: RingTimeline) -> None:
    from matplotlib.patches import Patch

    patches = []
    for kind, _ in values.kinds:
        colour, hatch = _look(canvas, kind)
        patch = Patch(facecolor=colour, edgecolor=canvas.colours.ink, linewidth=0.5)
        patch.set(hatch=2 * hatch, label=label(kind.replace("_", " ")))
        patches.append(patch)
    canvas.figure.legend(
        handles=patches, loc="lower left", bbox_to_anchor=(0.03, 0.0), ncols=7, columnspacing=1.2
    )


def _span(values: RingTimeline) -> tuple[datetime, datetime]:
    first = min(bar.first for bar in values.bars)
    last = max(bar.last for bar in values.bars)
    room = max((last - first) * 0.02, timedelta(minutes=1))
    return first - room, last + room


def _dates(axes: Axes, span: timedelta) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    pattern = "%Y-%m-%d" if span > _LONG else "%m-%d %H:%M"
    axes.xaxis.set_major_formatter(DateFormatter(pattern))  # type: ignore[no-untyped-call]


def draw_ring_precision(canvas: Canvas, values: RingPrecision) -> None:
    """Draw the precision of the first k rings of each method."""
    if not any(found for _, found in values.curves):
        canvas.say(values.finding)
        return
    axes = canvas.axes(0.8, 7.0)
    for place, (name, found) in enumerate(values.curves):
        axes.plot(
            range(1, len(found) + 1), found, linestyle=DASHES[place % len(DASHES)],
            color=canvas.colours.series[place % 7], linewidth=1.0 if place else 2.0,
            marker=MARKS[place % len(MARKS)], markevery=[-1], markersize=5, zorder=3 - place / 10,
            label=label(name, 32), gid=f"ring_precision.{place}",
        )  # fmt: skip
    axes.set_xlim(0, 1.02 * max(len(found) for _, found in values.curves))
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")
    axes.set_xlabel("rings looked at, highest ranked first (k)")
    axes.set_ylabel("true rings among them (%)")
    canvas.legend((axes,))


def draw_drift(canvas: Canvas, values: Drifted) -> None:
    """Draw how far each column moved and, where it is known, how the scores are spread."""
    narrow = bool(values.now)
    axes = canvas.axes(1.7, 2.3 if narrow else 6.0)
    if narrow:
        _spread(canvas, canvas.axes(4.8, 3.0), values)
    rows = [("score", values.score), *values.columns]
    for place, (_, index) in enumerate(rows):
        moved = index >= MOVED
        axes.barh(
            place, index, height=_TALL, color=canvas.colours.series[1 if moved else 0],
            hatch=HATCHES[0] if moved else "", edgecolor=canvas.colours.ink, linewidth=0.5,
        )[0].set_gid(f"drift.index.{place}")  # fmt: skip
        axes.annotate(
            f"{index:.2f}", (index, place), xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=6.5,
        )  # fmt: skip
    axes.axvline(
        MOVED, color=canvas.colours.quiet, linewidth=1, linestyle="--", gid="drift.moved",
        label=f"moved ({MOVED:g})",
    )  # fmt: skip
    axes.set_yticks(range(len(rows)), [label(name, 26) for name, _ in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.2 * max(MOVED, *(index for _, index in rows)))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("population stability index (0: as it was)")
    canvas.legend(canvas.figure.axes)


def _spread(canvas: Canvas, axes: Axes, values: Drifted) -> None:
    """Draw shares of the bins of the score, then beside now; what had no score only if there is any."""
    count = len(values.now) - (values.then[-1] == values.now[-1] == 0)
    at = np.arange(count)
    for side, name, hatch, shares in (
        (-0.2, "when it was chosen", "", values.then),
        (0.2, "now", HATCHES[1], values.now),
    ):
        bars = axes.bar(
            at + side, shares[:count], width=0.4, hatch=hatch, linewidth=0.5,
            color=canvas.colours.series[3 if side > 0 else 6], edgecolor=canvas.colours.ink,
            label=f"scores {name}",
        )  # fmt: skip
        for place, patch in enumerate(bars):
            patch.set_gid(f"drift.{'now' if side > 0 else 'then'}.{place}")
    upper = [f"≤ {100 * edge:.3g}" for edge in values.edges]
    names = [*upper, f"> {100 * values.edges[-1]:.3g}" if upper else "all", "none"]
    axes.set_xticks(at, names[:count], rotation=45, ha="right", fontsize=6)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")
    axes.set_xlabel("score (%)")
    axes.set_ylabel("members (%)")
