"""``graphml.toml``: read, checked against the settings of ``config``, unknown keys refused by name."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from graphml.config import (
    WANTED,
    CasesConfig,
    Costs,
    FraudConfig,
    PropensityConfig,
    RecommendConfig,
    RingConfig,
    SampleConfig,
    ServiceConfig,
    Settings,
    SimulateConfig,
    TrainConfig,
)
from graphml.errors import ConfigError


def section(kind: type[Any], values: Mapping[str, Any], name: str) -> Any:
    """Return ``kind(**values)``; an unknown key is refused with the known ones beside it.

    Raises:
        ConfigError: A key is unknown or missing, or a value of another type, or it does not fit.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{name} is {json.dumps(values, default=str)}", hint=f"[{name}], a table")
    known = sorted(f.name for f in fields(kind))
    for key in values:
        if key not in known:
            raise ConfigError(
                f"unknown setting {name}.{key!r}; known: {', '.join(known)}",
                hint="correct it in graphml.toml",
            )
    hints = get_type_hints(kind)
    for one in fields(kind):
        if one.name in values and not _fits(values[one.name], hints[one.name]):
            called = one.name if kind is Settings else f"{name}.{one.name}"
            raise ConfigError(
                f"{called} is {json.dumps(values[one.name], default=str)}",
                hint=one.metadata.get(WANTED) or _in_words(hints[one.name]),
            )
    for one in fields(kind):
        if one.name not in values and is_required(one):
            raise ConfigError(
                f"{name}.{one.name} is missing",
                hint=f"{one.name} = …, {_in_words(hints[one.name])}, under [{name}] in graphml.toml",
            )
    return kind(**{key: _made(value, hints[key]) for key, value in values.items()})


def is_required(setting: Field[Any]) -> bool:
    """Return whether a setting has no default."""
    return setting.default is MISSING and setting.default_factory is MISSING


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_COLLECTIONS = (tuple, frozenset)


def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without ``None`` and what it is a collection of."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    return get_origin(hint) or hint, get_args(hint)


def _in_words(hint: Any) -> str:
    """Return what a value of a type looks like in TOML."""
    plain, of = _parts(hint)
    if plain in _COLLECTIONS:
        return f"a list of {_in_words(of[0]).removeprefix('a ')}s"
    return _WORDS.get(plain, "a text" if plain is Literal else "a table of its own")


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value from TOML, or a default, is of a type; what it may be is no matter."""
    plain, of = _parts(hint)
    if value is None:
        return NoneType in get_args(hint)
    if plain in _COLLECTIONS:
        size = len(of) if plain is tuple and Ellipsis not in of else None
        return isinstance(value, (list, *_COLLECTIONS)) and _all_fit(value, of[0], size)
    if plain is Mapping:
        return isinstance(value, Mapping) and _all_fit([*value.values()], of[1], None)
    if plain is float:
        return type(value) in (int, float)
    if plain in _WORDS:
        return type(value) is plain
    return isinstance(value, str if plain is Literal else plain)


def _all_fit(items: Collection[Any], hint: Any, size: int | None) -> bool:
    return size in (None, len(items)) and all(_fits(item, hint) for item in items)


def _made(value: Any, hint: Any) -> Any:
    """Return a value with TOML's lists as what its type says."""
    plain, of = _parts(hint)
    if plain is Mapping:
        return {key: _made(item, of[1]) for key, item in value.items()}
    if plain not in _COLLECTIONS or value is None:
        return value
    return plain(_made(item, of[0]) for item in value)


SECTIONS: dict[str, type[Any]] = {
    "simulate": SimulateConfig,
    "rings": RingConfig,
    "train": TrainConfig,
    "fraud": FraudConfig,
    "recommend": RecommendConfig,
    "propensity": PropensityConfig,
    "costs": Costs,
    "cases": CasesConfig,
    "service": ServiceConfig,
}


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
            raise ConfigError(f"{file} is no TOML: {error}", hint=f"mend {file}") from error
    elif path is not None:
        raise ConfigError(f"no settings file {file}", hint="name a file that exists")
    if isinstance(values.get("train"), dict) and "sample" in values["train"]:
        sample = section(SampleConfig, values["train"]["sample"], "train.sample")
        values["train"] = {**values["train"], "sample": sample}
    for name, kind in SECTIONS.items():
        if name in values:
            values[name] = section(kind, values[name], name)
    if "GRAPHML_STORE" in environment:
        values["store"] = environment["GRAPHML_STORE"]
    settings: Settings = section(Settings, values, "graphml.toml")
    return settings
