"""What an aggregate is: a named number about a member or an order, and how it is put into words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphml.schema import MARKETPLACE

RELATION: dict[str, str] = {
    spec.type[2]: spec.type[1]
    for spec in MARKETPLACE.edges
    if spec.kinds is None and spec.type[2] in MARKETPLACE.identifiers
}
"""The relation by which a member has an identifier of each type: ``device`` → ``uses`` …"""

IDENTIFIERS: tuple[str, ...] = MARKETPLACE.identifiers
PLURAL: dict[str, str] = {name: f"{name}es" if name[-1] == "s" else f"{name}s" for name in RELATION}

Values = NDArray[np.float32]

_MOST_HOURS = 72
_STATED = {"order_amount"}
"""Not worked out but stated by the order, to the cent."""
_IN_HOURS = re.compile(r"\{value:\.[0-9]f\} hours")
_PRECISE = re.compile(r"\{value:\.[12]f\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Aggregate:
    """A number that describes a member at a moment, or an order before it is placed.

    Attributes:
        name: The column's name.
        group: What it is made of: own | spending | variety | shared | neighbours | two_hop |
            products | links | order.
        definition: One sentence; "by then" is by ``as_of``, inclusive.
        reason: What an analyst reads when it pushes risk up, with ``{value}`` to fill in; ``None``
            where no analyst would understand it.
        code: Reason code; ``None`` exactly where ``reason`` is.
        relations: Relations and event kinds whose records are its evidence.
    """

    name: str
    group: str
    definition: str
    reason: str | None = None
    code: str | None = None
    relations: tuple[str, ...] = ()

    def worded(self, value: float) -> str:
        """Return the reason with its value: counts whole, all else with three digits at most.

        What an order states stays as it is; more than 72 hours are told in days.

        Raises:
            ValueError: There is no reason.
        """
        if self.reason is None:
            raise ValueError(f"{self.name} has no reason")
        reason = self.reason
        if value > _MOST_HOURS and _IN_HOURS.search(reason):
            reason, value = _IN_HOURS.sub("{value:.2f} days", reason), value / 24
        if value >= 10 and self.name not in _STATED:
            reason = _PRECISE.sub("{value:.1f}" if value < 100 else "{value:.0f}", reason)
        return reason.format(value=value)


def aggregates_of(group: str, *usual: str, prefix: str = "") -> Callable[..., Aggregate]:
    """Return what makes aggregates of a group: of name, definition, code, reason and relations.

    Args:
        group: As in ``Aggregate``.
        usual: Relations of those that name none.
        prefix: Of all names.
    """

    def make(
        name: str,
        definition: str,
        code: str | None = None,
        reason: str | None = None,
        *relations: str,
    ) -> Aggregate:
        return Aggregate(
            name=prefix + name,
            group=group,
            definition=definition,
            reason=reason,
            code=code,
            relations=relations or usual,
        )

    return make


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Aggregates that one loop works out.

    Attributes:
        aggregates: In the order of their columns.
        fill: Writes every column of every row, from index, rows, the table of all columns and the
            column that is this group's first; holds no lock.
    """

    aggregates: tuple[Aggregate, ...]
    fill: Callable[[Any, Any, Values, int], None]
