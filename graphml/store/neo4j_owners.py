"""Whose nodes results are about: graphml's own members and products, or those of a graph of the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphml.errors import CardError, one_line
from graphml.schema import MARKETPLACE
from graphml.tables.graphpattern import QUOTABLE

CONVERSIONS = ("", "toInteger")
"""Functions that turn an id's text into a key of the type that it has there."""
_QUOTED = re.compile(f"`{QUOTABLE}`")


def quoted(name: str) -> str:
    r"""Return a label, relationship type or key of the user's as it stands in a statement.

    Nothing in it can end the quotes: neither a backtick nor an escape that spells one.

    Raises:
        CardError: It holds a backtick, a backslash, a control character or a lone surrogate, or is empty.

    >>> quoted("Kunde Nr")
    '`Kunde Nr`'
    """
    text = f"`{name}`"
    if not is_quoted(text):
        raise CardError(
            f"{one_line(name)!r} cannot be named in a statement",
            hint="no backticks, backslashes, control characters or halves of a character",
        )
    return text


def is_quoted(text: str) -> bool:
    """Return whether ``text`` is one name between backticks, and nothing else."""
    return _QUOTED.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """A type of node that results speak of.

    Attributes:
        label, key: As they stand in a statement.
        convert: Function that turns an id's text into the key's type; empty where it is text.
    """

    label: str
    key: str
    convert: str = ""


NOBODY = Owner(label=quoted("GraphmlNobody"), key=quoted("key"))
"""No node is of it."""


def _own(node_type: str) -> Owner:
    node = MARKETPLACE.nodes[node_type]
    return Owner(label=node.label, key=node.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owners:
    """The nodes of members and products."""

    member: Owner = field(default_factory=lambda: _own("member"))
    product: Owner = field(default_factory=lambda: _own("product"))

    @property
    def parts(self) -> Mapping[str, str]:
        """What is filled into the statements that write about them."""
        return {
            f"{name}{part}": value
            for name, owner in (("MEMBER", self.member), ("PRODUCT", self.product))
            for part, value in (("", owner.label), ("_KEY", owner.key), ("_ID", owner.convert))
        }
