"""How each picture of a model is drawn. What carries a value has an id (gid) to find it by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphml.pictures.canvas import DASHES, MARKS, Canvas
from graphml.pictures.values import Capacity, Learning, Reliability
from graphml.pictures.wording import label, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)
_DIGITS = (1, 2, 5, 10)


def draw_reliability(canvas: Canvas, values: Reliability) -> None:
    """Draw observed against predicted with intervals, and below it how many rows each bin has."""
    if not values.bins:
        canvas.say(values.finding)
        return
    colours = canvas.colours
    said = [one.predicted for one in values.bins]
    came = [one.observed for one in values.bins]
    top = _round_up(max(*said, *(one.observed_high for one in values.bins)))
    upper = canvas.axes(0.85, 6.95, bottom=0.27, height=0.73)
    lower = canvas.axes(0.85, 6.95, height=0.17)
    upper.plot(
        [0, top], [0, top], color=colours.quiet, linestyle="--", linewidth=1,
        label="what was said came", gid="reliability.diagonal",
    )  # fmt: skip
    upper.vlines(
        said, [one.observed_low for one in values.bins], [one.observed_high for one in values.bins],
        color=colours.series[0], linewidth=1.2, label="95 % interval", gid="reliability.intervals",
    )  # fmt: skip
    upper.scatter(
        said, came, s=26, color=colours.series[0], edgecolor=colours.ink, linewidth=0.6, zorder=3,
        clip_on=False, label="a bin", gid="reliability.points",
    )  # fmt: skip
    lower.vlines(
        said, 0, [one.count for one in values.bins], color=colours.series[0], linewidth=2.5,
        gid="reliability.counts",
    )  # fmt: skip
    for axes in (upper, lower):
        _roots(axes, "x", top)
    _roots(upper, "y", top)
    upper.set_xticklabels([])
    upper.set_ylabel("accused (%, root scale)")
    lower.set_ylim(0, 1.1 * max(one.count for one in values.bins))
    lower.set_ylabel("rows")
    lower.set_xlabel("chance of an accusation that was said (%, root scale)")
    upper.legend(loc="upper left")


def _roots(axes: Axes, which: Literal["x", "y"], top: float) -> None:
    """Scale an axis of shares by their square root: most of what is said is near 0."""
    scale, limit = (
        (axes.set_xscale, axes.set_xlim) if which == "x" else (axes.set_yscale, axes.set_ylim)
    )
    scale("function", functions=(_root, np.square))
    limit(0, top)
    axis: Axis = getattr(axes, f"{which}axis")
    ticks = [top * tick for tick in _TICKS]
    axis.set_ticks(ticks, [f"{100 * tick:.3g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def _root(values: Any) -> Any:
    return np.sqrt(np.maximum(values, 0))


def _round_up(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, at least ``value`` and at most 1.

    >>> _round_up(0.031), _round_up(0.7)
    (0.05, 1.0)
    """
    power = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    return float(min(1.0, next(round(d * power, 9) for d in _DIGITS if d * power >= value - 1e-12)))


def draw_capacity(canvas: Canvas, values: Capacity) -> None:
    """Draw precision and recall of the k riskiest, side by side, and mark the capacity."""
    if not values.counts:
        canvas.say(values.finding)
        return
    sides = (canvas.axes(0.7, 3.2), canvas.axes(4.6, 3.2))
    for axes, measure in zip(sides, ("precision", "recall"), strict=True):
        highest = 0.0
        for place, curve in enumerate(values.curves):
            found = getattr(curve, measure)
            highest = max(highest, *found)
            # More methods than colours: their dashes and marks still differ.
            axes.plot(
                values.counts, found, linestyle=DASHES[place % len(DASHES)],
                color=canvas.colours.series[place % 7], linewidth=1.0 if place else 2.0,
                marker=MARKS[place % len(MARKS)], markevery=[values.counts.index(values.chosen)],
                markersize=5, zorder=3 - place / 10, label=label(curve.method),
                gid=f"capacity.{measure}.{place}",
            )  # fmt: skip
        axes.axvline(
            values.chosen, color=canvas.colours.quiet, linewidth=1, linestyle=(0, (2, 2)),
            gid=f"capacity.chosen.{measure}",
        )  # fmt: skip
        top = min(1.0, 1.1 * highest) if measure == "precision" else 1.0
        _percents(axes, top)
        axes.set_xlim(0, values.counts[-1] * 1.02)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(f"rows looked at, riskiest first (k of {values.asked:,})")
    chance = values.accused / values.asked
    sides[0].axhline(
        chance, color=canvas.colours.quiet, linewidth=0.8, label=f"by chance ({percent(chance)})",
        gid="capacity.chance",
    )  # fmt: skip
    sides[0].set_ylabel("precision: accused among those (%)")
    sides[1].set_ylabel("recall: of all accused (%)")
    said = f"capacity {percent(values.share)}: k = {values.chosen:,}"
    sides[1].annotate(
        said, (values.chosen, 1.0), xytext=(4, -3), textcoords="offset points", va="top",
        color=canvas.colours.quiet, fontsize=7,
    )  # fmt: skip
    canvas.legend(sides)


def _percents(axes: Axes, top: float) -> None:
    axes.set_ylim(0, max(top, 1e-6))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")


def draw_learning(canvas: Canvas, values: Learning) -> None:
    """Draw the loss and the validation metric of each pass, and mark the one that was kept."""
    if not values.losses:
        canvas.say(values.finding)
        return
    from matplotlib.ticker import MaxNLocator

    colours, passes = canvas.colours, range(1, len(values.losses) + 1)
    left, right = canvas.axes(0.8, 3.1), canvas.axes(4.6, 3.2)
    rows = (
        (left, values.losses, "loss in training (mean)", "loss"),
        (right, values.validations, f"{values.metric_words} on validation", "validation"),
    )
    for place, (axes, found, words, name) in enumerate(rows):
        axes.plot(
            passes, found, color=colours.series[place], marker=MARKS[place], markersize=3,
            linewidth=1.4, label=words, gid=f"learning.{name}",
        )  # fmt: skip
        axes.set_xlim(0.5, len(passes) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        # An offset or a power of ten beside the axis would be easy to miss.
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
        axes.set_xlabel("pass over the training labels")
        axes.set_ylabel(words)
    right.scatter(
        [values.best + 1], [values.validations[values.best]], s=90, marker="*", zorder=3,
        color=colours.series[4], edgecolor=colours.ink, linewidth=0.6, gid="learning.best",
        label=f"kept: pass {values.best + 1}",
    )  # fmt: skip
    canvas.legend((left, right))
