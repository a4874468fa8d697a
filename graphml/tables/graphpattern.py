"""A pattern of a user's graph, as a card writes it: ``(c:Customer)-[r:BOUGHT]->(i:Item)``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from graphml.errors import CardError, one_line

QUOTABLE = r"[^`\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+"
"""What may stand between backticks and cannot end them, as a regular expression."""
_NAME = r"(?:`(?P<{0}_quoted>" + QUOTABLE + r")`|(?P<{0}>\w+))"
_NODE = re.compile(r"\(\s*(?P<alias>\w+)\s*:\s*" + _NAME.format("label") + r"\s*\)")
_STEP = re.compile(
    r"\s*(?P<left><)?-\s*\[\s*(?P<alias>\w+)?\s*:\s*" + _NAME.format("type") + r"\s*\]\s*-(?P<right>>)?\s*"
)  # fmt: skip
_HINT = "write it as (c:Customer)-[r:BOUGHT]->(i:Item), names with other signs in backticks"


@dataclass(frozen=True, slots=True)
class PatternNode:
    """A node of a pattern: its alias, and its label without quotes."""

    alias: str
    label: str


@dataclass(frozen=True, slots=True)
class PatternStep:
    """A relationship of a pattern; ``forward`` says whether it leads to the node on its right."""

    alias: str | None
    type: str
    forward: bool


@dataclass(frozen=True, slots=True)
class GraphPattern:
    """A chain of nodes with one step between each two; it has a row for each way to match it."""

    nodes: tuple[PatternNode, ...]
    steps: tuple[PatternStep, ...]

    @property
    def aliases(self) -> tuple[str, ...]:
        """All aliases, from left to right."""
        steps = (step.alias for step in self.steps)
        return (*(node.alias for node in self.nodes), *(alias for alias in steps if alias))

    def label_of(self, alias: str) -> str | None:
        """Return the label of the node of that alias; ``None`` for a step's."""
        return next((node.label for node in self.nodes if node.alias == alias), None)

    @property
    def flipped(self) -> GraphPattern:
        """The same matches, written from the other end."""
        steps = tuple(replace(step, forward=not step.forward) for step in reversed(self.steps))
        return GraphPattern(self.nodes[::-1], steps)

    def properties(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``names`` that are ``alias.property`` of this pattern, each once."""
        known = {*self.aliases}
        found = (name for name in names if name.partition(".")[0] in known and "." in name)
        return tuple(dict.fromkeys(found))


def parse_pattern(text: str, where: str) -> GraphPattern:
    """Return the pattern that ``text`` spells.

    Raises:
        CardError: It is no chain of nodes and directed steps, or uses an alias twice.

    >>> parse_pattern("(c:Customer)-[:PLACED]->(o:`Web Order`)", "card").label_of("o")
    'Web Order'
    """
    nodes, steps, at = [], [], 0
    text = text.strip()
    while True:
        node = _NODE.match(text, at)
        if node is None:
            raise _no_pattern(text, where, at)
        nodes.append(PatternNode(node["alias"], node["label"] or node["label_quoted"]))
        at = node.end()
        if at == len(text):
            break
        step = _STEP.match(text, at)
        if step is None or bool(step["left"]) == bool(step["right"]):
            raise _no_pattern(text, where, at)
        kind = step["type"] or step["type_quoted"]
        steps.append(PatternStep(step["alias"], kind, bool(step["right"])))
        at = step.end()
    pattern = GraphPattern(tuple(nodes), tuple(steps))
    if len({*pattern.aliases}) < len(pattern.aliases):
        raise CardError(f"{where}: an alias stands twice in {one_line(text)!r}", hint=_HINT)
    return pattern


def _no_pattern(text: str, where: str, at: int) -> CardError:
    return CardError(f"{where}: {one_line(text)!r} is no pattern from sign {at + 1} on", hint=_HINT)
