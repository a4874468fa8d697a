"""From which score on orders were flagged, kept beside their model for the explanations that follow."""

from __future__ import annotations

import json
import logging
import math
from datetime import datetime
from pathlib import Path

from graphml.results import time_text
from graphml.store.files import replace_file
from graphml.store.provenance import digest, fingerprint
from graphml.tables.frames import Tables

FILE = "thresholds.json"
_KEPT = 50

logger = logging.getLogger("graphml.pipeline")


def threshold_key(model: str, tables: Tables, *, unit: str, as_of: datetime) -> str:
    """Return 64 bits in hex of all that a threshold depends on.

    Args:
        model: The model's digest.
        tables: What is known by ``as_of``.
        unit: order | review.
        as_of: The last moment known.
    """
    return digest([model, fingerprint(tables), unit, time_text(as_of)])


def kept_threshold(folder: Path, key: str) -> float | None:
    """Return the threshold kept under a key, or None; a damaged file holds none."""
    found = _read(folder).get(key)
    return found if isinstance(found, float) and math.isfinite(found) else None


def keep_threshold(folder: Path, key: str, value: float) -> None:
    """Keep a threshold, and at most 49 others; where the folder cannot be written, none."""
    others = {name: kept for name, kept in _read(folder).items() if name != key}
    kept = dict([*others.items(), (key, float(value))][-_KEPT:])
    try:
        replace_file(folder / FILE, json.dumps(kept, indent=1).encode())
    except OSError as error:
        logger.debug("the threshold is not kept: %s", error)


def _read(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
