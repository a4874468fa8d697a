"""The manifest of a run: what made a result, so that it can be made again."""

from __future__ import annotations

import hashlib
import json
import platform
import resource
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import polars as pl

from graphml import __version__
from graphml.results import time_text
from graphml.tables.frames import TABLES, Tables

_LIBRARIES = ("polars", "numpy", "numba", "graspologic-native")


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time so far."""
        return time.monotonic() - self._began


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What made a result.

    Attributes:
        settings_digest, data_fingerprint: 64 bits in hex; equal ones with equal ``seed`` and
            ``versions`` give equal results.
        peak_rss_mb: Peak resident memory of the process so far, in MiB.
    """

    run_id: str
    command: str
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    settings_digest: str
    data_fingerprint: str
    as_of: datetime
    seed: int
    model: str | None
    counts: Mapping[str, int]
    notes: Mapping[str, Any] = field(default_factory=dict)
    wall_s: float
    peak_rss_mb: float

    @classmethod
    def of(
        cls,
        command: str,
        *,
        settings: Any,
        data: str,
        as_of: datetime,
        seed: int,
        model: str | None,
        counts: Mapping[str, int],
        notes: Mapping[str, Any],
        watch: Stopwatch,
    ) -> Manifest:
        """Return the manifest of a result made under ``settings`` from what has a fingerprint."""
        plain = _plain(asdict(settings))
        return cls(
            run_id=f"{command}-{uuid.uuid4().hex[:12]}",
            command=command,
            versions=versions(),
            settings=plain,
            settings_digest=digest(plain),
            data_fingerprint=data,
            as_of=as_of,
            seed=seed,
            model=model,
            counts=dict(counts),
            notes=dict(notes),
            wall_s=round(watch.seconds, 3),
            peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        )

    def named(self, run_id: str) -> Manifest:
        """Return the manifest under the id that the store gave the run."""
        return replace(self, run_id=run_id)

    def to_json(self) -> str:
        """Return the manifest as one JSON object."""
        return json.dumps({**asdict(self), "as_of": time_text(self.as_of)}, indent=1)


def versions() -> dict[str, str]:
    """Return graphml's, Python's and the deciding libraries' versions."""
    found = {"graphml": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def fingerprint(tables: Tables) -> str:
    """Return 64 bits in hex of what ``tables`` hold, whatever the order of rows and columns.

    Every column counts but ``sequence``, the order of loading.
    """
    return digest(
        {name: content(getattr(tables, name).drop("sequence", strict=False)) for name in TABLES}
    )


def content(rows: pl.DataFrame) -> tuple[int, int]:
    """Return the number of rows and 64 bits of what they hold, whatever their order and that of columns."""
    named = rows.select(sorted(rows.columns))
    mixed = named.hash_rows(seed=1).reinterpret(signed=True) if named.width else pl.Series([0])
    return rows.height, int(mixed.sum() or 0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def model_name(kind: str, digests: Mapping[str, str]) -> str:
    """Return a model's name: its kind, and the beginnings of the digests of settings and data."""
    made = "".join(digests.get(key, "") for key in ("settings", "data"))
    return f"{kind}-{made[:8]}{made[16:24]}"


def digest(value: Any) -> str:
    """Return 64 bits in hex of what JSON makes of ``value``; what it does not know counts as text."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
