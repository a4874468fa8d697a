"""What ``evaluate --plots DIR`` draws, and how it says what it drew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphml.cli import options
from graphml.cli.output import print_rows, require_writable, write_whole
from graphml.cli.progress import progress, say

if TYPE_CHECKING:
    from graphml.pipeline.judging import JudgedRings
    from graphml.pipeline.picturekeeping import Pictured

PlotsOption = Annotated[
    Path | None,
    typer.Option(
        "--plots",
        metavar="DIR",
        help="Draw pictures too, into DIR: of rings, a fraud model or a network; SVG and PNG.",
        show_default=False,
    ),
]


def require_plots(folder: Path | None) -> None:
    """Refuse pictures that could not be drawn or written, before anything is computed.

    Raises:
        UsageError: matplotlib is not installed, or the folder is a file.
        OutputPermissionError: This user may not write there.
    """
    if folder is None:
        return
    from graphml.pictures.canvas import require_matplotlib

    require_matplotlib()
    require_writable(folder / "picture.svg")


def write_pictures(found: Pictured, folder: Path, *, quiet: bool) -> None:
    """Write pictures as SVG and PNG, and say which were drawn, and which were not and why.

    Raises:
        OutputPermissionError: This user may not write there.
        GraphmlError: The disk is full, or another error of the system.
    """
    from graphml.pictures.drawing import to_png, to_svg

    for values in found.drawn:
        write_whole(folder / f"{values.name}.svg", to_svg(values).encode())
        write_whole(folder / f"{values.name}.png", to_png(values))
        say(f"{folder / values.name}.svg and .png: {values.title}", quiet=quiet)
    for name, why in found.absent.items():
        say(f"{name} not drawn: {why}", quiet=quiet)


def plot_rings(judged: JudgedRings, url: str, folder: Path, *, quiet: bool) -> None:
    """Draw an evaluation of the rings found in a store."""
    from graphml.pipeline.picturing import pictures_of_rings

    write_pictures(pictures_of_rings(judged, source=url), folder, quiet=quiet)


def plot_detector(
    folder: Path,
    url: str,
    plots: Path,
    *,
    as_of: str | None,
    format_: str,
    out: Path | None,
    quiet: bool,
) -> None:
    """Print how a detector does on what became known since it was chosen, and draw it."""
    from graphml.fraud.detector import FraudDetector
    from graphml.pipeline.fraud import judge_detector, shown
    from graphml.pipeline.picturing import pictures_of_judging
    from graphml.store.connect import connect

    capacity = options.settings().fraud.capacity
    with progress(quiet=quiet), connect(url, read_only=True) as source:
        moment = options.as_of_or_last(source, as_of)
        detector = FraudDetector.load(folder)
        judged = judge_detector(source, detector, as_of=moment, capacity=capacity)
        found = pictures_of_judging(judged, detector, folder, as_of=moment, capacity=capacity)
    rows = judged.report.rows
    print_rows(shown(rows) if format_ == "table" else rows, format_, out)
    write_pictures(found, plots, quiet=quiet)


def refuse_plots(plots: Path | None, what: str) -> None:
    """Refuse pictures of a model that has none.

    Raises:
        UsageError: They were asked for.
    """
    options.refuse_options(
        {"--plots": plots},
        f"draws nothing of {what}",
        hint="evaluate rings --truth DIR, or evaluate a fraud model or a network",
    )
