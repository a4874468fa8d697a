"""What parts of a graph are made of when people look at them: nodes, edges, events, sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.postings import Postings
from graphml.results import time_text
from graphml.schema import MARKETPLACE

Ints = NDArray[np.int64]

MOST_EVENTS = 5_000
"""Events in one part; of more the last are left out, and the part says so."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RELATIONS = tuple((spec.type[2], spec.type[1], spec.kinds) for spec in MARKETPLACE.edges)
_STRONGEST = ("purchase", "review", "refund", "cart", "view")
"""By which kind of event a member and a product are said to be tied, the first that there is."""


def part(
    postings: Postings,
    nodes: Sequence[Mapping[str, Any]],
    edges: Mapping[tuple[int, str, str], Ints],
    rows: Ints,
    *,
    currency: str | None = None,
) -> dict[str, Any]:
    """Return nodes, edges and events as JSON shows them.

    Args:
        postings: That codes and rows are of.
        nodes: As they are shown.
        edges: Rows by member, type and id of the other end.
        rows: Events that are shown; no more than ``MOST_EVENTS``.
        currency: Of the amounts on edges; the most frequent of the events if omitted.
    """
    total, rows = len(rows), rows[:MOST_EVENTS]
    shown = event_rows(postings, rows)
    currency = currency or _usual([one.get("currency") for one in shown])
    by_row = dict(zip(rows.tolist(), shown, strict=True))
    members = sorted({member for member, _, _ in edges})
    names = dict(zip(members, postings.keys("member", np.array(members, np.int64)), strict=True))
    return {
        "nodes": list(nodes),
        "edges": [
            _edge(postings, names[member], type_, key, held, by_row, currency)
            for (member, type_, key), held in edges.items()
        ],
        "events": shown,
        "events_total": total,
        "truncated": total > len(rows),
    }


def event_rows(postings: Postings, rows: Ints) -> list[dict[str, Any]]:
    """Return records as JSON shows them, with the columns that they fill."""
    records = postings.records(rows)
    columns: dict[str, list[Any]] = {
        "event_id": records["event_id"].to_list(),
        "time": [time_text(_EPOCH + timedelta(microseconds=t)) for t in postings.time(rows).tolist()],
        "kind": records["kind"].cast(pl.String).to_list(),
    }  # fmt: skip
    for name, node in postings.graph.schema.nodes.items():
        codes = postings.codes(name, rows)
        some = np.unique(codes[codes >= 0])
        keys = dict(zip(some.tolist(), postings.keys(name, some), strict=True))
        columns[node.key] = [keys.get(code) for code in codes.tolist()]
    for name in ("amount", "currency", "quantity", "rating", "order_id", "coupon_id", "points"):
        if name in records.columns:
            series = records[name]
            text = series.dtype not in (pl.Float64, pl.Int64)
            columns[name] = (series.cast(pl.String) if text else series).to_list()
    return [
        {name: value for name, value in zip(columns, one, strict=True) if value is not None}
        for one in zip(*columns.values(), strict=True)
    ]


def _edge(
    postings: Postings,
    member: str,
    type_: str,
    key: str,
    rows: Ints,
    shown: Mapping[int, Mapping[str, Any]],
    currency: str | None,
) -> dict[str, Any]:
    records = postings.records(rows)
    kinds = records["kind"].cast(pl.String).value_counts().sort("count", "kind", descending=[True, False])  # fmt: skip
    told = dict(kinds.iter_rows())
    return {
        "id": f"member:{member}→{type_}:{key}",
        "source": f"member:{member}",
        "target": f"{type_}:{key}",
        "relation": _relation(type_, told),
        "events": len(rows),
        **span(postings, rows),
        "amount": paid(records, currency),
        "kinds": told,
        "event_ids": [shown[row]["event_id"] for row in rows.tolist() if row in shown],
    }


def _relation(type_: str, kinds: Mapping[str, int]) -> str:
    if type_ == "seller":
        return "buys_from"
    strongest = next((kind for kind in _STRONGEST if kind in kinds), None)
    for other, relation, made_by in _RELATIONS:
        if other == type_ and (made_by is None or strongest in made_by):
            return relation
    return "names"


def node_row(postings: Postings, kind: str, key: str, moment: int) -> dict[str, Any]:
    """Return a node as it is shown, with how many neighbours it has in the whole graph."""
    code = postings.code(kind, key) if kind in postings.graph.nodes else None
    return {
        "id": f"{kind}:{key}",
        "type": kind,
        "key": key,
        "role": None,
        "score": None,
        "surprise": None,
        "degree": 0 if code is None else degree(postings, kind, code, moment),
        "flagged": None,
    }


def degree(postings: Postings, kind: str, code: int, moment: int) -> int:
    """Return how many neighbours a node has by a moment."""
    rows = postings.rows(kind, [code], until=moment)
    others = ["member"] if kind != "member" else [n for n in postings.graph.nodes if n != "member"]
    found = (postings.codes(name, rows) for name in others)
    return sum(len(np.unique(codes[codes >= 0])) for codes in found)


def paid(records: pl.DataFrame, currency: str | None) -> float:
    """Return what records paid in one currency; amounts of several are never added up."""
    bought = records.filter(
        (records["kind"].cast(pl.String) == "purchase")
        & (records["currency"].cast(pl.String) == pl.lit(currency, pl.String))
        & records["amount"].is_finite()
    )
    return round(float(bought["amount"].sum() or 0), 2)


def amounts(records: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what was paid and given back in each currency, the largest first."""
    kinds = records["kind"].cast(pl.String)
    paid = records.with_columns(kind=kinds, currency=records["currency"].cast(pl.String)).filter(
        pl.col("amount").is_finite() & pl.col("kind").is_in(["purchase", "refund"])
    )
    sums = paid.group_by("currency").agg(
        gross=pl.col("amount").filter(pl.col("kind") == "purchase").sum(),
        refunded=pl.col("amount").filter(pl.col("kind") == "refund").sum(),
    )
    return [
        {"currency": currency, "gross": round(gross, 2), "refunded": round(refunded, 2)}
        for currency, gross, refunded in sums.sort("gross", "currency", descending=True).iter_rows()
    ]


def span(postings: Postings, rows: Ints) -> dict[str, str]:
    """Return when the first and the last of some records, at least one, happened."""
    time = postings.time(rows)
    ends = (int(time.min()), int(time.max()))
    first, last = (time_text(_EPOCH + timedelta(microseconds=t)) for t in ends)
    return {"first": first, "last": last}


def _usual(texts: Iterable[str | None]) -> str | None:
    some = [text for text in texts if text is not None]
    return max(sorted(set(some)), key=some.count) if some else None
