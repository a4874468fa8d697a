"""What an SVG of ours holds, found by the ids of what carries a value."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"


def parse(text: str) -> Tree.Element:
    return Tree.fromstring(text)


def part(root: Tree.Element, gid: str) -> Tree.Element:
    return next(one for one in root.iter() if one.get("id") == gid)


def gids(root: Tree.Element, beginning: str) -> list[str]:
    found = [one.get("id", "") for one in root.iter()]
    return [name for name in found if name.startswith(beginning)]


def marks(root: Tree.Element, gid: str) -> np.ndarray:
    """Return where the marks of a series are, [marks, 2]."""
    uses = part(root, gid).iter(f"{SVG}use")
    return np.array([[float(one.attrib["x"]), float(one.attrib["y"])] for one in uses])


def paths(root: Tree.Element, gid: str) -> list[np.ndarray]:
    """Return the corners of each path that is no definition, [corners, 2] each."""
    group = part(root, gid)
    defined = {id(one) for defs in group.iter(f"{SVG}defs") for one in defs.iter()}
    found = [one for one in group.iter(f"{SVG}path") if id(one) not in defined]
    return [
        np.array(re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", one.attrib["d"]), dtype=float)
        for one in found
    ]


def texts(root: Tree.Element) -> list[str]:
    return ["".join(one.itertext()).strip() for one in root.iter(f"{SVG}text")]


def linear(values, places) -> tuple[float, float]:
    """Return slope and start of the line from values to places; fails where there is none."""
    slope, start = np.polyfit(values, places, 1)
    np.testing.assert_allclose(np.asarray(values) * slope + start, places, atol=0.01)
    return float(slope), float(start)
