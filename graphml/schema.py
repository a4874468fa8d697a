"""The domain, spelled once: tables and their columns, node types, edge types.

Validation, the stores' constraints and Cypher, the graph's arrays and the docs all read it from
here. Labels, keys and property names enter Cypher from this allow-list alone, never from data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColumnType = Literal["text", "time", "number", "integer", "boolean"]
EdgeType = tuple[str, str, str]

SCHEMA_VERSION = 1
"""Version of the tables a store holds; raised whenever a stored column changes its meaning."""

KINDS: tuple[str, ...] = (
    "signup",
    "login",
    "view",
    "cart",
    "purchase",
    "refund",
    "review",
    "coupon",
    "points",
    "chargeback",
)
"""Event kinds of the marketplace, in the order of their codes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnSpec:
    """One column of a table.

    Attributes:
        type: What it holds; times are UTC with microseconds.
        required: A row without it is quarantined.
        minimum: Smallest allowed number, inclusive.
        required_for: Event kinds that need it although ``required`` is false.
        doc: One phrase for the reference.
    """

    type: ColumnType
    required: bool = False
    minimum: float | None = None
    required_for: tuple[str, ...] = ()
    doc: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSpec:
    """A node type: its name, its label in Neo4j, the event column that names its nodes."""

    name: str
    label: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EdgeSpec:
    """A pairwise edge that events make, and the tie that stands for all of a pair's edges.

    Attributes:
        type: ``(source, relation, target)`` of node types, as PyG writes it.
        tie: Relationship type in Neo4j.
        kinds: Event kinds that make it; ``None`` for every kind.
        columns: Columns of ``Graph.events`` that hold its ends, where these are not simply the
            names of their node types: between nodes of one type there have to be two.
    """

    type: EdgeType
    tie: str
    kinds: tuple[str, ...] | None = None
    columns: tuple[str, str] | None = None

    @property
    def ends(self) -> tuple[str, str]:
        """Columns of ``Graph.events`` that hold source and target."""
        return self.columns or (self.type[0], self.type[2])


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphSchema:
    """Tables, node types and edge types of one domain."""

    kinds: tuple[str, ...]
    tables: dict[str, dict[str, ColumnSpec]]
    nodes: dict[str, NodeSpec]
    edges: tuple[EdgeSpec, ...]
    identifiers: tuple[str, ...] = field(default=())

    def node_of(self, column: str) -> NodeSpec | None:
        """Return the node type that event column ``column`` names, if any."""
        return next((node for node in self.nodes.values() if node.key == column), None)

    def ends_of(self, node_type: str) -> tuple[str, ...]:
        """Return the columns of ``Graph.events`` that hold nodes of that type."""
        further = (
            column
            for edge in self.edges
            for name, column in zip(edge.type[::2], edge.ends, strict=True)
            if name == node_type
        )
        return tuple(dict.fromkeys((node_type, *further)))


def _text(
    doc: str = "", *, required: bool = False, required_for: tuple[str, ...] = ()
) -> ColumnSpec:
    return ColumnSpec(type="text", required=required, required_for=required_for, doc=doc)


_EVENTS = {
    "event_id": _text("unique", required=True),
    "time": ColumnSpec(type="time", required=True, doc="when it happened"),
    "kind": _text(" | ".join(KINDS), required=True),
    "member_id": _text("who", required=True),
    "product_id": _text("what", required_for=("view", "cart", "review", "purchase", "refund")),
    "device_id": _text("device or browser"),
    "address_id": _text("delivery address"),
    "ip": _text("IP address or network"),
    "card": _text("payment card, hashed"),
    "phone": _text("phone number"),
    "email": _text("e-mail address"),
    "amount": ColumnSpec(
        type="number", minimum=0, doc="in currency; never summed across currencies"
    ),
    "currency": _text("ISO 4217"),
    "quantity": ColumnSpec(type="integer", minimum=1, doc="units"),
    "rating": ColumnSpec(type="number", doc="of a review"),
    "order_id": _text("the order it belongs to"),
    "coupon_id": _text("the coupon used"),
    "points": ColumnSpec(type="number", doc="points earned or spent"),
}
_MEMBERS = {
    "member_id": _text("who", required=True),
    "signup_time": ColumnSpec(type="time", doc="makes a signup event where the source has none"),
    "opted_out": ColumnSpec(type="boolean", doc="of personalisation"),
    "valid_from": ColumnSpec(type="time", doc="from when the row holds"),
}
_PRODUCTS = {
    "product_id": _text("what", required=True),
    "category": _text("category"),
    "brand": _text("brand"),
    "seller_id": _text("seller"),
    "price": ColumnSpec(type="number", minimum=0, doc="list price"),
    "valid_from": ColumnSpec(type="time", doc="from when the row holds"),
}
_LABELS = {
    "member_id": _text("whom it is about, or"),
    "order_id": _text("which order it is about"),
    "label": ColumnSpec(type="integer", required=True, minimum=0, doc="1 fraud, 0 legitimate"),
    "known_at": ColumnSpec(type="time", doc="when it became known; without it: evaluation alone"),
    "fraud_time": ColumnSpec(type="time", doc="when the fraud happened"),
}
_LINKS = {
    "member_id": _text("from", required=True),
    "other_member_id": _text("to", required=True),
    "kind": _text("referral, gift, transfer, …", required=True),
    "time": ColumnSpec(type="time", required=True, doc="when"),
}

MARKETPLACE = GraphSchema(
    kinds=KINDS,
    tables={
        "events": _EVENTS,
        "members": _MEMBERS,
        "products": _PRODUCTS,
        "labels": _LABELS,
        "links": _LINKS,
    },
    nodes={
        spec.name: spec
        for spec in (
            NodeSpec(name="member", label="Member", key="member_id"),
            NodeSpec(name="product", label="Product", key="product_id"),
            NodeSpec(name="device", label="Device", key="device_id"),
            NodeSpec(name="address", label="Address", key="address_id"),
            NodeSpec(name="ip", label="Ip", key="ip"),
            NodeSpec(name="card", label="Card", key="card"),
            NodeSpec(name="phone", label="Phone", key="phone"),
            NodeSpec(name="email", label="Email", key="email"),
        )
    },
    edges=(
        EdgeSpec(type=("member", "uses", "device"), tie="USES"),
        EdgeSpec(type=("member", "ships_to", "address"), tie="SHIPS_TO"),
        EdgeSpec(type=("member", "connects_from", "ip"), tie="CONNECTS_FROM"),
        EdgeSpec(type=("member", "pays_with", "card"), tie="PAYS_WITH"),
        EdgeSpec(type=("member", "has_phone", "phone"), tie="HAS_PHONE"),
        EdgeSpec(type=("member", "has_email", "email"), tie="HAS_EMAIL"),
        EdgeSpec(type=("member", "views", "product"), tie="VIEWS", kinds=("view",)),
        EdgeSpec(type=("member", "carts", "product"), tie="CARTS", kinds=("cart",)),
        EdgeSpec(type=("member", "buys", "product"), tie="BUYS", kinds=("purchase",)),
        EdgeSpec(type=("member", "refunds", "product"), tie="REFUNDS", kinds=("refund",)),
        EdgeSpec(type=("member", "reviews", "product"), tie="REVIEWS", kinds=("review",)),
    ),
    identifiers=("device", "address", "ip", "card", "phone", "email"),
)
"""The marketplace: members buy products from devices to addresses."""


def plain_schema(nodes: tuple[str, ...], edges: tuple[EdgeType, ...]) -> GraphSchema:
    """Return the schema of a graph that is no marketplace: its records are edges.

    The kind of a record is the edge's type, as ``"paper cites paper"``. Records have the columns
    of the marketplace's, with a key for each node type; between nodes of one type the target is
    under ``other_`` and the type's name.

    >>> plain_schema(("paper",), (("paper", "cites", "paper"),)).edges[0].ends
    ('paper', 'other_paper')
    """
    further = {name: spec for name, spec in _EVENTS.items() if MARKETPLACE.node_of(name) is None}
    kinds = tuple(" ".join(edge) for edge in edges)
    return GraphSchema(
        kinds=kinds,
        tables={"events": {**further, **{name: _text(name) for name in nodes}}},
        nodes={name: NodeSpec(name=name, label=name.title(), key=name) for name in nodes},
        edges=tuple(
            EdgeSpec(
                type=edge,
                tie=edge[1].upper(),
                kinds=(kind,),
                columns=(edge[0], f"other_{edge[2]}") if edge[0] == edge[2] else None,
            )
            for edge, kind in zip(edges, kinds, strict=True)
        ),
    )
