"""Parts of a graph for people to look at: a ring's evidence, what is around a node, one member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError, one_line
from graphml.explain.viewparts import amounts, degrees, event_rows, node_rows, paid, part, span
from graphml.graph.nodes import microseconds
from graphml.graph.postings import NONE, Postings
from graphml.results import Ring, time_text
from graphml.schema import MARKETPLACE
from graphml.tables.frames import require_utc

Ints = NDArray[np.int64]

_MOST_PRODUCTS = 30
_RECENT = 50

Edge = tuple[int, str, int]
"""Member, type of the other end, the other end: codes in ``Postings``."""


def ring_view(postings: Postings, ring: Ring) -> dict[str, Any]:
    """Return the members of a ring, what they share, and the events of it, by ``ring.as_of``.

    Args:
        postings: Of the store that the ring was found in; later events are not looked at.
        ring: As a run holds it.

    Returns:
        ``graph`` (see ``part``) and ``products``: what two members or more bought or reviewed.
    """
    moment = microseconds(ring.as_of)
    members = {m.member_id: postings.code("member", m.member_id) for m in ring.members}
    known = np.array([code for code in members.values() if code is not None], dtype=np.int64)
    own = postings.rows("member", known, until=moment)
    records = postings.records(own)
    products = _common_products(records)
    named = {id_ for reason in (*ring.evidence, *ring.counter_evidence) for id_ in reason.event_ids}
    told = records["event_id"].is_in(list(named)).to_numpy()
    edges, keep = dict[tuple[int, str, str], Ints](), told
    for kind, codes, ids in _columns(postings, ring, own, told, products):
        on = np.isin(codes, list(ids))
        keep = keep | on
        edges |= _edges(own, records, codes, on, kind, ids)
    graph = part(
        postings, _ring_nodes(postings, ring, edges, moment), edges, own[keep],
        currency=ring.currency,
    )  # fmt: skip
    return {"graph": graph, "products": _product_rows(postings, own, products, ring)}


def _columns(
    postings: Postings, ring: Ring, own: Ints, told: NDArray[np.bool_], products: Mapping[int, int]
) -> Iterator[tuple[str, Ints, dict[int, str]]]:
    """Tell, by type of node, what each row names of it, and which of these are shown."""
    for kind, ids in _shared(postings, ring).items():
        yield kind, postings.codes(kind, own), ids
    bought = postings.codes("product", own)
    for value in ring.shared:
        if value.type == "seller":
            theirs = _products_of(postings, value.id, ring.as_of)
            yield "seller", np.where(np.isin(bought, theirs), 0, NONE), {0: value.id}
    pushed = np.array(sorted({*bought[told].tolist(), *products} - {NONE}), dtype=np.int64)
    if ring.kind == "brushing" and len(pushed):
        names = postings.keys("product", pushed)
        yield "product", bought, dict(zip(pushed.tolist(), names, strict=True))


def _ring_nodes(
    postings: Postings, ring: Ring, edges: Iterable[tuple[int, str, str]], moment: int
) -> list[dict[str, Any]]:
    roles = {m.member_id: m for m in ring.members}
    surprise = {(s.type, s.id): s.surprise for s in ring.shared}
    nodes = node_rows(postings, "member", list(roles), moment)
    for node in nodes:
        member = roles[node["key"]]
        node |= {"role": member.role, "score": member.score, "flagged": member.role != "victim"}
    others = dict[str, dict[str, None]]()
    for kind, key in [*((kind, key) for _, kind, key in edges), *surprise]:
        others.setdefault(kind, {})[key] = None
    for kind, keys in others.items():
        for node in node_rows(postings, kind, list(keys), moment):
            nodes.append({**node, "surprise": surprise.get((kind, node["key"]))})
    return nodes


def around_view(
    postings: Postings, kind: str, key: str, *, as_of: datetime, limit: int, offset: int = 0
) -> dict[str, Any]:
    """Return a node and its neighbours, those with the most events first, then the latest.

    Args:
        postings: All that is known.
        kind: The node's type.
        key: Its id.
        as_of: The last moment known, inclusive, with a time zone.
        limit: Neighbours at most.
        offset: So many of the first are left out.

    Returns:
        ``node``, ``total`` neighbours, ``offset``, ``as_of``, and ``graph`` (see ``part``).

    Raises:
        UsageError: There is no such type, or no such node by then.
    """
    moment = microseconds(require_utc("as_of", as_of))
    if kind not in postings.graph.nodes:
        raise UsageError(
            f"no node type {kind!r}", hint=f"one of {', '.join(sorted(postings.graph.nodes))}"
        )
    code = postings.code(kind, key)
    rows = postings.rows(kind, [code] if code is not None else [], until=moment)
    if code is None or not len(rows):
        raise UsageError(f"no {kind} {one_line(key, 60)!r} by {time_text(as_of)}")
    ties = _ties_of(postings, kind, code, rows)
    shown = ties[offset : offset + limit]
    edges, names = dict[tuple[int, str, str], Ints](), dict[int, str]()
    for (member, type_, other), held in shown:
        (names[member],) = postings.keys("member", np.array([member]))
        edges[member, type_, postings.keys(type_, np.array([other]))[0]] = held
    (node,) = node_rows(postings, kind, [key], moment)
    near = dict[str, list[str]]()
    for member, type_, key_ in edges:
        end, name = (type_, key_) if kind == "member" else ("member", names[member])
        near.setdefault(end, []).append(name)
    found = {
        one["id"]: one
        for name, keys in near.items()
        for one in node_rows(postings, name, keys, moment)
    }
    ends = (f"{t}:{o}" if kind == "member" else f"member:{names[m]}" for m, t, o in edges)
    nodes = [node, *(found[end] for end in ends)]
    return {
        "node": node,
        "total": len(ties),
        "offset": offset,
        "as_of": time_text(as_of),
        "graph": part(postings, nodes, edges, _together([held for _, held in shown])),
    }


def member_view(postings: Postings, member_id: str, *, as_of: datetime) -> dict[str, Any]:
    """Return what is known of a member: its life in numbers, its identifiers, its last events.

    Raises:
        UsageError: There is no such member by then.
    """
    moment = microseconds(require_utc("as_of", as_of))
    code = postings.code("member", member_id)
    rows = postings.rows("member", [code] if code is not None else [], until=moment)
    if not len(rows):
        raise UsageError(f"no member {one_line(member_id, 60)!r} by {time_text(as_of)}")
    records = postings.records(rows)
    identifiers = []
    for type_ in MARKETPLACE.identifiers:
        codes = postings.codes(type_, rows)
        for value in np.unique(codes[codes >= 0]).tolist():
            held = rows[codes == value]
            (name,) = postings.keys(type_, np.array([value]))
            identifiers.append(
                {
                    "type": type_,
                    "id": name,
                    "members": degrees(postings, type_, np.array([value]), moment)[value],
                    "events": len(held),
                    **span(postings, held),
                }
            )
    return {
        "member_id": member_id,
        "events": len(rows),
        **span(postings, rows),
        "identifiers": sorted(identifiers, key=lambda one: (-one["members"], -one["events"])),
        "amounts": amounts(records),
        "recent": event_rows(postings, rows[::-1][:_RECENT]),
    }


def _edges(
    rows: Ints,
    records: pl.DataFrame,
    codes: Ints,
    on: NDArray[np.bool_],
    type_: str,
    ids: Mapping[int, str],
) -> dict[tuple[int, str, str], Ints]:
    """Return rows by member and node, of those that are ``on`` one of ``ids``."""
    members = records["member"].cast(pl.Int64).to_numpy()
    found: dict[tuple[int, str, str], list[int]] = {}
    for place in np.flatnonzero(on).tolist():
        found.setdefault((int(members[place]), type_, ids[int(codes[place])]), []).append(
            int(rows[place])
        )
    return {edge: np.array(held, dtype=np.int64) for edge, held in found.items()}


def _ties_of(postings: Postings, kind: str, code: int, rows: Ints) -> list[tuple[Edge, Ints]]:
    """Return what ties a node to each neighbour, the strongest first."""
    columns = {"member": postings.codes("member", rows)}
    if kind == "member":
        columns = {n: postings.codes(n, rows) for n in postings.graph.nodes if n != "member"}
    found: list[tuple[Edge, Ints]] = []
    for name, codes in columns.items():
        order = np.argsort(codes, kind="stable")
        values, begin = np.unique(codes[order], return_index=True)
        for value, held in zip(values.tolist(), np.split(rows[order], begin[1:]), strict=True):
            if value != NONE:
                edge = (code, name, value) if kind == "member" else (value, kind, code)
                found.append((edge, held))
    last = postings.time(np.array([held[-1] for _, held in found], dtype=np.int64)).tolist()
    ranked = sorted(zip(found, last, strict=True), key=lambda one: (-len(one[0][1]), -one[1]))
    return [tie for tie, _ in ranked]


def _together(parts: Sequence[Ints]) -> Ints:
    rows = np.concatenate([np.empty(0, np.int64), *parts])
    return np.unique(rows)


def _shared(postings: Postings, ring: Ring) -> dict[str, dict[int, str]]:
    """Return the shared values that are nodes, by type: their ids by code."""
    found: dict[str, dict[int, str]] = {}
    for value in ring.shared:
        code = postings.code(value.type, value.id) if value.type in postings.graph.nodes else None
        if code is not None:
            found.setdefault(value.type, {})[code] = value.id
    return found


def _products_of(postings: Postings, seller: str, as_of: datetime) -> Ints:
    rows = attributes_by(postings, "product", as_of)
    if "seller_id" not in rows.columns:
        return np.empty(0, np.int64)
    return rows.filter(pl.col("seller_id") == seller)["node"].cast(pl.Int64).to_numpy()


def attributes_by(postings: Postings, kind: str, as_of: datetime) -> pl.DataFrame:
    """Return what attributes of nodes of a type hold at a moment: ``node`` and feature columns."""
    rows = postings.graph.nodes[kind].attributes
    held = rows.filter(pl.col("valid_from").is_null() | (pl.col("valid_from") <= as_of))
    return held.unique("node", keep="last", maintain_order=True)


def _common_products(records: pl.DataFrame) -> dict[int, int]:
    """Return how many members bought or reviewed each product that two or more did, the most first."""
    counted = (
        records.filter(pl.col("kind").cast(pl.String).is_in(["purchase", "review"]))
        .drop_nulls("product")
        .group_by("product")
        .agg(pl.col("member").n_unique().alias("members"))
        .filter(pl.col("members") > 1)
        .sort("members", "product", descending=[True, False])
        .head(_MOST_PRODUCTS)
    )
    return dict(counted.with_columns(pl.col("product").cast(pl.Int64)).iter_rows())


def _product_rows(
    postings: Postings,
    own: Ints,
    products: Mapping[int, int],
    ring: Ring,
) -> list[dict[str, Any]]:
    names = postings.keys("product", np.array(list(products), dtype=np.int64))
    some = attributes_by(postings, "product", ring.as_of)
    some = some.filter(pl.col("node").is_in(list(products)))
    told = {row["node"]: row for row in some.iter_rows(named=True)}
    codes, result = postings.codes("product", own), []
    for (code, members), name in zip(products.items(), names, strict=True):
        held = event_rows(postings, own[codes == code])
        ratings = [
            event["rating"] for event in held if event["kind"] == "review" and "rating" in event
        ]
        result.append(
            {
                "product_id": name,
                "members": members,
                "events": len(held),
                "amount": paid(held, ring.currency),
                "reviews": sum(event["kind"] == "review" for event in held),
                "mean_rating": round(sum(ratings) / len(ratings), 2) if ratings else None,
                "seller_id": told.get(code, {}).get("seller_id"),
                "category": told.get(code, {}).get("category"),
            }
        )
    return result
