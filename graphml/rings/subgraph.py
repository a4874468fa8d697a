r"""A ring's evidence as a networkx graph, and its export: GraphML for desktop tools, node-link JSON.

Members and the values they share are the nodes; an edge stands for all events of a member with a
value. Ids and keys are data: they enter attributes alone, never a node's name, and both writers
escape them. Characters that XML cannot hold are written as escapes (``\x00``).
"""

from __future__ import annotations

import json
from datetime import datetime
from io import BytesIO
from typing import Any

import networkx as nx
import polars as pl

from graphml.results import Ring, time_text
from graphml.schema import MARKETPLACE
from graphml.tables.frames import Tables


def evidence_graph(ring: Ring, tables: Tables) -> nx.Graph:
    """Return the members of ``ring`` and what they share, with one edge a member and value.

    Args:
        ring: Its ``as_of`` bounds what is looked at.
        tables: Of the store that the ring was found in; later events are ignored.

    Returns:
        Nodes ``m0``, ``m1``, … for members (type, key, role, score) and ``s0``, … for shared
        values (type, key, surprise); edges with events, first, last, amount (of purchases in the
        ring's currency, 0 where it has none) and kinds (``login 2, purchase 1``). The graph's
        attributes are the ring's own.
    """
    graph = nx.Graph(
        ring_id=ring.ring_id, kind=ring.kind, score=ring.score, as_of=time_text(ring.as_of)
    )
    for number, member in enumerate(ring.members):
        graph.add_node(
            f"m{number}", type="member", key=member.member_id, role=member.role, score=member.score
        )
    members = pl.DataFrame(
        {"member_id": list(ring.member_ids), "node": [f"m{n}" for n in range(len(ring.members))]},
        schema={"member_id": pl.String, "node": pl.String},
    )
    events = tables.events.filter(pl.col("time") <= ring.as_of).join(members, on="member_id")
    for number, value in enumerate(ring.shared):
        node = f"s{number}"
        graph.add_node(node, type=value.type, key=value.id, surprise=value.surprise)
        on_value = _on(events, tables, value.type, value.id, ring.as_of)
        for user, attributes in _edges(on_value, ring.currency):
            graph.add_edge(user, node, **attributes)
    return graph


def to_graphml(graph: nx.Graph) -> str:
    """Return ``graph`` as GraphML."""
    safe = nx.Graph(**_printable(graph.graph))
    safe.add_nodes_from((node, _printable(data)) for node, data in graph.nodes(data=True))
    safe.add_edges_from((a, b, _printable(data)) for a, b, data in graph.edges(data=True))
    file = BytesIO()
    nx.write_graphml_xml(safe, file)
    return file.getvalue().decode("utf-8") + "\n"


def to_node_link(graph: nx.Graph) -> str:
    """Return ``graph`` as node-link JSON: nodes, edges, and the ring under ``graph``."""
    return json.dumps(nx.node_link_data(graph, edges="edges"), indent=1) + "\n"


def _on(events: pl.DataFrame, tables: Tables, node: str, key: str, as_of: datetime) -> pl.DataFrame:
    """Return the events on one value; on a seller's products for a seller."""
    if node != "seller":
        return events.filter(pl.col(MARKETPLACE.nodes[node].key) == key)
    valid_from = pl.col("valid_from")
    held = tables.products.filter(valid_from.is_null() | (valid_from <= as_of))
    held = held.sort("valid_from", nulls_last=False, maintain_order=True)
    held = held.unique("product_id", keep="last", maintain_order=True)
    products = held.filter(pl.col("seller_id") == key)["product_id"]
    return events.filter(pl.col("product_id").is_in(products.implode()))


def _edges(events: pl.DataFrame, currency: str | None) -> list[tuple[str, dict[str, Any]]]:
    paid_in = pl.col("currency") == pl.lit(currency, pl.String)
    bought = (pl.col("kind").cast(pl.String) == "purchase") & paid_in
    parts = events.with_columns(
        paid=pl.when(bought & pl.col("amount").is_finite()).then("amount").otherwise(0.0)
    ).sort("node", "time", "event_id")
    result = []
    for (node,), rows in parts.group_by("node", maintain_order=True):
        kinds = (
            rows["kind"]
            .cast(pl.String)
            .value_counts()
            .sort("count", "kind", descending=[True, False])
        )
        attributes = {
            "events": rows.height,
            "first": time_text(rows["time"][0]),
            "last": time_text(rows["time"][-1]),
            "amount": round(float(rows["paid"].sum()), 2),
            "kinds": ", ".join(f"{kind} {number}" for kind, number in kinds.iter_rows()),
        }
        result.append((str(node), attributes))
    return result


def _printable(attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _xml(value) if isinstance(value, str) else value for name, value in attributes.items()
    }


def _xml(text: str) -> str:
    return "".join(c if _is_xml(ord(c)) else repr(c)[1:-1] for c in text)


def _is_xml(code: int) -> bool:
    """Return whether XML 1.0 can hold a character (section 2.2); a carriage return would be lost."""
    if code < 0x20:
        return code in (0x9, 0xA)
    return code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
