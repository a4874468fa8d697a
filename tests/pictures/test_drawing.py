"""What is drawn is what was given: nothing more, nothing else, and the same every time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.config import RING_KINDS
from graphml.errors import UsageError
from graphml.pictures import canvas
from graphml.pictures.canvas import COLOURS
from graphml.pictures.drawing import DRAWN, to_png, to_svg
from graphml.pictures.measured import capacity_of, reliability_of
from graphml.pictures.values import Learning
from graphml.pictures.watched import SHOWN, RingPrecision, RingTimeline
from graphml.pictures.wording import label
from tests.pictures import made
from tests.pictures.svg import SVG, gids, linear, marks, parse, part, paths, texts

EMPTY = np.zeros(0, np.int64)
NOTHING = {
    "ring_timeline": RingTimeline.of([], source="no run", as_of=None),
    "ring_precision": RingPrecision(source="s", as_of=made.BEGIN, true_rings=2, curves=(("a", ()),)),
    "reliability": reliability_of(np.zeros(0), EMPTY, EMPTY, model="m", split="test"),
    "capacity": capacity_of(
        {"a": np.zeros(3)}, np.zeros(3, np.int64), np.arange(3), first="a", share=0.1, model="m",
        split="test",
    ),
    "learning": Learning(model="m", metric="auroc", losses=(), validations=()),
}  # fmt: skip


def test_every_picture_has_values_to_test_with():
    assert [one.name for one in made.every()] == list(DRAWN)


def test_points_of_reliability_are_the_bins():
    values = made.reliability()
    root = parse(to_svg(values))
    points = marks(root, "reliability.points")
    assert len(points) == len(values.bins)
    (left, bottom), (right, top) = paths(root, "reliability.diagonal")[0]
    # The highest value is a round one that all are below, on axes of square roots.
    most = max(max(one.predicted, one.observed_high) for one in values.bins)
    whole = next(n for n in (0.1, 0.2, 0.5, 1.0) if n >= most)
    said = np.sqrt([one.predicted / whole for one in values.bins])
    came = np.sqrt([one.observed / whole for one in values.bins])
    np.testing.assert_allclose(points[:, 0], left + said * (right - left), atol=0.01)
    np.testing.assert_allclose(points[:, 1], bottom + came * (top - bottom), atol=0.01)
    bars = paths(root, "reliability.intervals")
    for bar, one in zip(bars, values.bins, strict=True):
        ends = np.sqrt([one.observed_low / whole, one.observed_high / whole])
        np.testing.assert_allclose(bar[:, 1], bottom + ends * (top - bottom), atol=0.01)
    heights = [abs(np.diff(bar[:, 1])[0]) for bar in paths(root, "reliability.counts")]
    assert linear([one.count for one in values.bins] + [0], [*heights, 0])[0] > 0


@pytest.mark.parametrize("measure", ["precision", "recall"])
def test_lines_of_capacity_are_the_curves_on_one_scale(measure):
    values = made.capacity()
    root = parse(to_svg(values))
    lines = [paths(root, f"capacity.{measure}.{place}")[0] for place in range(2)]
    given = [getattr(curve, measure) for curve in values.curves]
    for line in lines:
        linear(values.counts, line[:, 0])
    slope, start = linear(np.concatenate(given), np.concatenate(lines)[:, 1])
    assert slope < 0
    chosen = paths(root, f"capacity.chosen.{measure}")[0][0, 0]
    assert chosen == pytest.approx(lines[0][values.counts.index(values.chosen), 0], abs=0.01)
    if measure == "precision":
        chance = paths(root, "capacity.chance")[0][0, 1]
        assert chance == pytest.approx(start + slope * values.accused / values.asked, abs=0.01)


def test_bars_of_the_timeline_are_the_rings_the_highest_ranked_on_top():
    values = made.timeline(9)
    root = parse(to_svg(values))
    ends = [marks(root, f"ring_timeline.ends.{place}") for place in range(9)]
    times = [[bar.first.timestamp(), bar.last.timestamp()] for bar in values.bars]
    assert linear(np.array(times).ravel(), np.array(ends)[:, :, 0].ravel())[0] > 0
    heights = np.array(ends)[:, :, 1]
    assert (heights[:, 0] == heights[:, 1]).all()
    assert linear(np.arange(9), heights[:, 0])[0] > 0  # SVG counts from the top
    for place, bar in enumerate(values.bars):
        box = paths(root, f"ring_timeline.bar.{place}")[0]
        np.testing.assert_allclose([box[:, 0].min(), box[:, 0].max()], ends[place][:, 0], atol=0.01)
        amount = "".join(part(root, f"ring_timeline.amount.{place}").itertext()).strip()
        assert amount == f"{bar.amount:,.0f} EUR, {bar.members}"


@pytest.mark.parametrize("theme", list(COLOURS))
def test_kinds_differ_in_colour_and_in_hatches(theme):
    count = len(RING_KINDS)
    assert len(set(canvas.HATCHES)) == len(set(COLOURS[theme].series)) == count
    root = parse(to_svg(made.timeline(count), theme=theme))
    fills = set()
    for place in range(count):
        fills_here = [one.get("fill") for one in part(root, f"ring_timeline.bar.{place}").iter()]
        # A pattern holds colour and hatches.
        fills.add(next(fill for fill in fills_here if fill and fill != "none"))
    assert len(fills) == count


def test_at_most_forty_rings_are_drawn_and_the_rest_is_counted():
    values = made.timeline(47)
    root = parse(to_svg(values))
    assert len(gids(root, "ring_timeline.bar.")) == SHOWN == 40
    assert "7 more are not shown" in values.title
    assert values.finding.startswith("47 rings (")
    assert float(root.attrib["height"].removesuffix("pt")) > 4.5 * 72


def test_lines_of_ring_precision_and_of_learning_are_the_values():
    values = made.precision()
    root = parse(to_svg(values))
    lines = [paths(root, f"ring_precision.{place}")[0] for place in range(2)]
    given = [found for _, found in values.curves]
    assert linear(np.concatenate(given), np.concatenate(lines)[:, 1])[0] < 0
    learning = made.learning()
    root = parse(to_svg(learning))
    for name, found in (("loss", learning.losses), ("validation", learning.validations)):
        line = paths(root, f"learning.{name}")[0]
        linear(range(1, 5), line[:, 0])
        assert linear(found, line[:, 1])[0] < 0
    best = marks(root, "learning.best")[0]
    np.testing.assert_allclose(best, paths(root, "learning.validation")[0][2], atol=0.01)


def test_bars_of_drift_are_the_indices_and_the_shares():
    values = made.drift()
    root = parse(to_svg(values))
    wide = [np.ptp(paths(root, f"drift.index.{place}")[0][:, 0]) for place in range(4)]
    _, start = linear([values.score, *(index for _, index in values.columns)], wide)
    assert start == pytest.approx(0, abs=0.01)
    high = {
        name: [np.ptp(paths(root, f"drift.{name}.{place}")[0][:, 1]) for place in range(4)]
        for name in ("then", "now")
    }
    linear([*values.then[:4], *values.now[:4], 0], [*high["then"], *high["now"], 0])
    # Nobody was without a score, so there is no bin of them.
    assert gids(root, "drift.now.4") == []
    some = replace(values, now=(0.2, 0.3, 0.15, 0.25, 0.1))
    assert gids(parse(to_svg(some)), "drift.now.4")
    without = replace(values, edges=(), then=(), now=())
    assert gids(parse(to_svg(without)), "drift.now") == []


@pytest.mark.parametrize("theme", list(COLOURS))
@pytest.mark.parametrize("values", made.every(), ids=lambda one: one.name)
def test_a_picture_says_what_it_shows_and_is_the_same_every_time(values, theme):
    text = to_svg(values, theme=theme)
    assert text == to_svg(values, theme=theme)
    root = parse(text)
    assert root.find(f"{SVG}title").text == values.title
    assert root.find(f"{SVG}desc").text == values.alt
    assert COLOURS[theme].ground in text
    # Nothing is fetched: no address but those that name a namespace.
    assert "<!DOCTYPE" not in text
    assert {word.split('"')[0] for word in text.split("http://")[1:]} <= {
        "www.w3.org/2000/svg", "www.w3.org/1999/xlink",
    }  # fmt: skip
    # A page that forbids inline styles would leave it black.
    assert not [one for one in root.iter() if "style" in one.attrib or one.tag == f"{SVG}style"]
    shown = " ".join(texts(root))
    assert values.finding.split()[0] in shown


@pytest.mark.parametrize("values", made.every(), ids=lambda one: one.name)
def test_a_png_says_what_it_shows(values):
    from PIL import Image

    content = to_png(values)
    assert content == to_png(values)
    with Image.open(io.BytesIO(content)) as image:
        assert image.info["Title"] == values.title
        assert image.info["Description"] == values.alt
        assert image.size[0] == 1200


def test_themes_differ():
    assert to_svg(made.drift(), theme="light") != to_svg(made.drift(), theme="dark")
    with pytest.raises(UsageError, match="no theme 'pink'"):
        to_svg(made.drift(), theme="pink")


@pytest.mark.parametrize("theme", list(COLOURS))
@pytest.mark.parametrize("name", list(NOTHING))
def test_where_there_is_nothing_the_picture_says_so(name, theme):
    values = NOTHING[name]
    root = parse(to_svg(values, theme=theme))
    assert "".join(part(root, "nothing").itertext()).strip()
    assert values.title
    assert to_png(values, theme=theme)


@pytest.mark.parametrize("text", made.HOSTILE)
def test_hostile_texts_are_texts(text):
    for values in made.every(text):
        root = parse(to_svg(values))
        names = {one.tag.removeprefix(SVG) for one in root.iter()}
        assert not names & {"script", "img", "image", "foreignObject", "a"}
        assert not [key for one in root.iter() for key in one.attrib if key.startswith("on")]
    assert to_png(made.timeline(3, ring_id=text))
    shown = texts(parse(to_svg(made.timeline(ring_id=text))))
    # As it stands, a $ too, and what does not print escaped.
    assert f"3. {label(text, 20)}".strip() in shown


@given(text=st.text(max_size=60))
@settings(max_examples=12, deadline=None)
def test_any_text_can_be_drawn(text):
    for values in (made.timeline(ring_id=text), made.drift(text)):
        assert to_svg(values) == to_svg(values)
        parse(to_svg(values))


def test_pictures_may_be_drawn_in_several_threads_and_leave_the_settings_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    wanted = {one.name: to_svg(one, theme="dark") for one in made.every()}
    found: list[bool] = []

    def draw(values):
        found.append(to_svg(values, theme="dark") == wanted[values.name])

    threads = [threading.Thread(target=draw, args=(one,)) for one in made.every()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * len(threads)
    assert dict(mpl.rcParams) == before


def test_nobody_s_settings_change_a_picture(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nlines.linewidth: 9\ntext.usetex: True\n")
    program = (
        "from tests.pictures import made; from graphml.pictures.drawing import to_svg;"
        "import json; print(json.dumps([to_svg(one) for one in made.every()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert json.loads(done.stdout) == [to_svg(one) for one in made.every()]
