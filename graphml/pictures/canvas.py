"""The canvas: colours, room and text of every picture, and how it becomes an SVG text or a PNG.

matplotlib is imported here and in ``plotted`` alone, when something is drawn. Its settings are one
for a whole process, so one picture is drawn at a time, under its defaults and these.
"""

from __future__ import annotations

import io
import textwrap
import threading
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from graphml.errors import UsageError
from graphml.pictures.page import page_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from graphml.pictures.values import Values

Theme = Literal["light", "dark"]

_WIDTH, _HEIGHT = 8.0, 4.5
_DPI = 150
_HEAD, _FOOT = 0.92, 0.78
"""Inches for the title, and for ticks, axis labels and legend."""
_LINES = 21
"""Lines of text that the height has room for; a picture of more rows grows."""
_LINE = 0.134
_LEGEND = 112
"""Characters of a legend in one line."""
_BOLD, _PLAIN = 82, 112
"""Characters of a line of the title, and of what is below it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Colours:
    """Colours of a theme: Okabe and Ito 2008, in the order in which they stand out from the ground."""

    ground: str
    ink: str
    quiet: str
    grid: str
    series: tuple[str, ...]


COLOURS: dict[Theme, Colours] = {
    "light": Colours(
        ground="#ffffff", ink="#1b1b1b", quiet="#595959", grid="#dedede",
        series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a8a8a"),
    ),
    "dark": Colours(
        ground="#14171c", ink="#ededed", quiet="#aab0b8", grid="#343a42",
        series=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#9a9a9a"),
    ),
}  # fmt: skip
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)),
)  # fmt: skip
MARKS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("//", "\\\\", "xx", "||", "++", "--", "")
"""A series is told by its colour, and again by its dashes and marks, or by its hatches."""

_lock = threading.Lock()


def require_matplotlib() -> None:
    """Refuse to go on where nothing can be drawn.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "pictures need matplotlib, which is not installed",
            hint="pip install 'graphml-engine[plots]'",
        ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Canvas:
    """A figure with its title written, and the room below it."""

    figure: Figure
    colours: Colours

    def axes(self, left: float, width: float, *, bottom: float = 0.0, height: float = 1.0) -> Axes:
        """Return axes on a part of the room between title and legend.

        Args:
            left: In inches from the left edge.
            width: In inches.
            bottom: As a share of the room's height.
            height: As a share of the room's height.
        """
        whole = self.figure.get_figheight()
        room = whole - _HEAD - _FOOT
        box = (
            left / _WIDTH, (_FOOT + bottom * room) / whole, width / _WIDTH, height * room / whole,
        )  # fmt: skip
        axes = self.figure.add_axes(box, facecolor=self.colours.ground)
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=self.colours.grid, linewidth=0.6)
        axes.tick_params(colors=self.colours.quiet, length=3, width=0.6)
        for side, spine in axes.spines.items():
            spine.set(color=self.colours.quiet, linewidth=0.6, visible=side in ("left", "bottom"))
        return axes

    def legend(self, of: Iterable[Axes]) -> None:
        """Name what carries a label on axes, in a line below everything."""
        pairs = [axes.get_legend_handles_labels() for axes in of]
        # What stands in several axes is named once.
        named = {n: h for handles, names in pairs for h, n in zip(handles, names, strict=True)}
        room = len(named) * 6 + sum(map(len, named)) < _LEGEND
        self.figure.legend(
            list(named.values()), list(named), loc="lower left", bbox_to_anchor=(0.04, 0.0),
            ncols=7 if room else 4, columnspacing=1.2, handlelength=2.4, handletextpad=0.5,
        )  # fmt: skip

    def say(self, text: str) -> None:
        """Write text where there is nothing to draw."""
        self.figure.text(
            0.5, 0.45, text, ha="center", va="center", color=self.colours.quiet, gid="nothing"
        )


Draw = Callable[[Canvas, "Values"], None]


def svg(values: Values, draw: Draw, *, theme: Theme) -> str:
    """Return a picture as the text of an SVG; the same values give the same text.

    Raises:
        UsageError: matplotlib is not installed, or there is no such theme.
    """

    def saved(figure: Figure) -> bytes:
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        buffer = io.BytesIO()
        # Neither the day nor the version: a picture is compared by its bytes.
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)  # type: ignore[no-untyped-call]
        return buffer.getvalue()

    return page_svg(_drawn(values, draw, theme, saved).decode(), values)


def png(values: Values, draw: Draw, *, theme: Theme) -> bytes:
    """Return a picture as the bytes of a PNG, its title and words in text chunks.

    Raises:
        UsageError: matplotlib is not installed, or there is no such theme.
    """

    def saved(figure: Figure) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        buffer = io.BytesIO()
        told = {"Title": values.title, "Description": values.alt, "Software": None}
        figure.set_dpi(_DPI)
        FigureCanvasAgg(figure).print_png(buffer, metadata=told)  # type: ignore[no-untyped-call]
        return buffer.getvalue()

    return _drawn(values, draw, theme, saved)


def _drawn(values: Values, draw: Draw, theme: Theme, saved: Callable[[Figure], bytes]) -> bytes:
    require_matplotlib()
    if theme not in COLOURS:
        raise UsageError(f"no theme {theme!r}", hint=" or ".join(COLOURS))
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with _lock, mpl.rc_context(), warnings.catch_warnings():
        # A browser has the glyphs that the font used for measuring lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_settings(values.name, COLOURS[theme]))
        height = max(_HEIGHT, _HEIGHT + _LINE * (values.rows - _LINES))
        figure = Figure(figsize=(_WIDTH, height), facecolor=COLOURS[theme].ground)
        canvas = Canvas(figure=figure, colours=COLOURS[theme])
        _head(canvas, values)
        draw(canvas, values)
        return saved(figure)


def _settings(name: str, colours: Colours) -> dict[Any, Any]:
    return {
        "svg.hashsalt": "graphml",
        "svg.id": f"graphml-{name}",
        # Text stays text: it can be read out, searched and escaped, and needs no font of ours.
        "svg.fonttype": "none",
        # A $ in an id is a $.
        "text.parse_math": False,
        "axes.unicode_minus": False,
        # Every value that is given is a point of its line.
        "path.simplify": False,
        "font.size": 8.0,
        "hatch.linewidth": 0.5,
        "text.color": colours.ink,
        "axes.labelcolor": colours.ink,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
    }


def _head(canvas: Canvas, values: Values) -> None:
    figure, top = canvas.figure, 0.09
    finding = textwrap.wrap(values.finding, _BOLD, max_lines=2, placeholder=" …")
    about = textwrap.wrap(values.about, _PLAIN, max_lines=2, placeholder=" …")
    for lines, size, weight, colour in (
        (finding, 10.0, "bold", canvas.colours.ink),
        (about, 8.0, "normal", canvas.colours.quiet),
    ):
        for line in lines:
            figure.text(
                0.1 / _WIDTH, 1 - top / figure.get_figheight(), line,
                size=size, weight=weight, color=colour, va="top",
            )  # fmt: skip
            top += size * 1.35 / 72
