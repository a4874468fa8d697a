"""Fitted encoders of columns, as plain values that belong to a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

HASHED = 16
"""Numbers that a text becomes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberSpec:
    """A column of numbers: centre and scale of ``log1p`` where ``log``, else of the values."""

    name: str
    center: float
    scale: float
    log: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFeatures:
    """Columns of one node type; all empty for a type without attributes.

    ``known`` are the keys that have a vector of their own, where there are such.
    """

    numbers: tuple[NumberSpec, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Numbers a node has: value and whether it is missing, and hashed text."""
        return 2 * len(self.numbers) + HASHED * len(self.texts)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSpec:
    """Every fitted encoder of a model.

    Attributes:
        nodes: By node type.
        events: Numbers that edges carry from their records.
        kinds: Event kinds, in the order of their codes.
    """

    nodes: Mapping[str, NodeFeatures]
    events: tuple[NumberSpec, ...]
    kinds: tuple[str, ...]

    @property
    def event_width(self) -> int:
        """Numbers an edge carries from its record: values, and one for each kind."""
        return len(self.events) + len(self.kinds)

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, spec: Mapping[str, Any]) -> FeatureSpec:
        """Return the spec that ``to_json`` wrote."""
        nodes = {
            name: NodeFeatures(
                numbers=tuple(NumberSpec(**number) for number in one["numbers"]),
                categories={key: tuple(values) for key, values in one["categories"].items()},
                texts=tuple(one["texts"]),
                known=tuple(one["known"]),
            )
            for name, one in spec["nodes"].items()
        }
        events = tuple(NumberSpec(**number) for number in spec["events"])
        return cls(nodes=nodes, events=events, kinds=tuple(spec["kinds"]))
