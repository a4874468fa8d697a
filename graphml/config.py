"""Settings of each stage: frozen, keyword-only, checked when made; unknown keys refused by name."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from graphml.errors import ConfigError

DEFAULT_STORE = "embedded://.graphml"

Difficulty = Literal["easy", "default", "hard"]
RingKind = Literal[
    "device_farm", "reshipping", "brushing", "coupon_farming", "refund_abuse", "takeover", "other"
]
RING_KINDS: tuple[RingKind, ...] = get_args(RingKind)


def _at_least(name: str, value: float, least: float) -> None:
    if not value >= least:
        raise ConfigError(f"{name} is {value}", hint=f"{_option(name)} of at least {least}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}", hint=f"{_option(name)} between {low} and {high}")


def _option(name: str) -> str:
    return "--" + name.partition(".")[2].replace("_", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulateConfig:
    """Size and difficulty of the made-up marketplace."""

    members: int = 20_000
    events: int | None = None
    """Roughly how many events; ``None`` for some thirty a member."""
    difficulty: Difficulty = "default"
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least("simulate.members", self.members, 200)
        if self.events is not None:
            _at_least("simulate.events", self.events, 1_000)
        if self.difficulty not in ("easy", "default", "hard"):
            raise ConfigError(
                f"simulate.difficulty is {self.difficulty!r}", hint="easy, default or hard"
            )


Strategy = Literal["uniform", "recent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleConfig:
    """How much of a seed's past is looked at: the edges drawn around it, hop by hop."""

    fanout: tuple[int, ...] = (10, 5)
    """Edges a node and edge type, one number a hop."""
    relations: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Other fanouts by relation, as ``views = [20, 0]``; 0 follows it not."""
    strategy: Strategy = "uniform"
    """``uniform`` without replacement, or ``recent``: the latest."""
    distinct: bool = False
    """Whether a neighbour met ten times counts once, by the latest of its edges."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.fanout or min(self.fanout) < 1:
            raise ConfigError(
                f"sample.fanout is {self.fanout}", hint="counts of at least 1, a hop each"
            )
        for relation, counts in self.relations.items():
            if len(counts) != len(self.fanout) or min(counts) < 0:
                raise ConfigError(
                    f"sample.relations.{relation} is {counts}",
                    hint=f"{len(self.fanout)} counts of at least 0, as fanout has hops",
                )
        if self.strategy not in get_args(Strategy):
            raise ConfigError(f"sample.strategy is {self.strategy!r}", hint="uniform or recent")


@dataclass(frozen=True, kw_only=True, slots=True)
class RingConfig:
    """What counts as a ring, and which are returned."""

    min_members: int | None = None
    """Fewest members returned; ``None`` for three, or two where a chargeback known by then is."""
    min_score: float | None = None
    """Lowest score returned, in [0, 1]; ``None`` for the threshold the data sets itself."""
    kinds: tuple[str, ...] = ()
    """Only these kinds; empty for all."""
    allow: frozenset[tuple[str, str]] = frozenset()
    """(type, id) pairs that tie nobody: known networks, lockers, test accounts (type member)."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_members is not None:
            _at_least("rings.min_members", self.min_members, 2)
        if self.min_score is not None:
            _within("rings.min_score", self.min_score, 0, 1)
        for kind in self.kinds:
            if kind not in RING_KINDS:
                raise ConfigError(f"rings.kinds: no kind {kind!r}", hint=", ".join(RING_KINDS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """All of graphml.toml."""

    store: str = DEFAULT_STORE
    simulate: SimulateConfig = field(default_factory=SimulateConfig)
    rings: RingConfig = field(default_factory=RingConfig)


def section(kind: type[Any], values: Mapping[str, Any], name: str) -> Any:
    """Return ``kind(**values)``; an unknown key is refused with the known ones beside it."""
    known = sorted(f.name for f in fields(kind))
    for key in values:
        if key not in known:
            raise ConfigError(
                f"unknown setting {name}.{key!r}; known: {', '.join(known)}",
                hint="correct it in graphml.toml",
            )
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    try:
        return kind(**plain)
    except TypeError as error:
        raise ConfigError(f"settings of [{name}]: {error}") from error


def load_settings(
    path: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of ``graphml.toml`` in the working folder, environment before file.

    Raises:
        ConfigError: The file is no TOML, or holds an unknown or unfitting setting.
    """
    file = path or Path("graphml.toml")
    values: dict[str, Any] = {}
    if file.is_file():
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} is no TOML: {error}") from error
    elif path is not None:
        raise ConfigError(f"no settings file {file}")
    for name, kind in (("simulate", SimulateConfig), ("rings", RingConfig)):
        if name in values:
            values[name] = section(kind, values[name], name)
    if "GRAPHML_STORE" in environment:
        values["store"] = environment["GRAPHML_STORE"]
    settings: Settings = section(Settings, values, "graphml.toml")
    return settings
