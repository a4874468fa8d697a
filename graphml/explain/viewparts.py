"""What parts of a graph are made of when people look at them: nodes, edges, events, sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.graph.nodes import moment_of
from graphml.graph.postings import NONE, Postings
from graphml.results import time_text
from graphml.schema import MARKETPLACE

Ints = NDArray[np.int64]

MOST_EVENTS = 5_000
"""Events in one part; of more the last are left out, and the part says so."""
_RELATIONS = tuple((spec.type[2], spec.type[1], spec.kinds) for spec in MARKETPLACE.edges)
_STRONGEST = ("purchase", "review", "refund", "cart", "view")
"""By which kind of event a member and a product are said to be tied, the first that there is."""
_NUMBERS = ("amount", "currency", "quantity", "rating", "order_id", "coupon_id", "points")


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
        edges: Rows by member, type and id of the other end; all among ``rows``.
        rows: Events that are shown; no more than ``MOST_EVENTS``.
        currency: Of the amounts on edges; the most frequent of the events if omitted.
    """
    shown = event_rows(postings, rows)
    currency = currency or _usual(one.get("currency") for one in shown)
    by_row = dict(zip(rows.tolist(), shown, strict=True))
    kept = set(rows[:MOST_EVENTS].tolist())
    members = sorted({member for member, _, _ in edges})
    names = dict(zip(members, postings.keys("member", np.array(members, np.int64)), strict=True))
    return {
        "nodes": list(nodes),
        "edges": [
            _edge(names[member], type_, key, [(row in kept, by_row[row]) for row in held.tolist()], currency)
            for (member, type_, key), held in edges.items()
        ],
        "events": shown[:MOST_EVENTS],
        "events_total": len(rows),
        "truncated": len(rows) > MOST_EVENTS,
    }  # fmt: skip


def event_rows(postings: Postings, rows: Ints) -> list[dict[str, Any]]:
    """Return records as JSON shows them, with the columns that they fill."""
    records = postings.records(rows)
    columns: dict[str, list[Any]] = {
        "event_id": records["event_id"].to_list(),
        "time": [moment_text(time) for time in postings.time(rows).tolist()],
        "kind": records["kind"].cast(pl.String).to_list(),
    }
    for name, node in postings.graph.schema.nodes.items():
        codes = postings.codes(name, rows)
        some = np.unique(codes[codes >= 0])
        keys = dict(zip(some.tolist(), postings.keys(name, some), strict=True))
        columns[node.key] = [keys.get(code) for code in codes.tolist()]
    for name in _NUMBERS:
        if name in records.columns:
            series = records[name]
            text = series.dtype not in (pl.Float64, pl.Int64)
            columns[name] = (series.cast(pl.String) if text else series).to_list()
    return [
        {name: value for name, value in zip(columns, one, strict=True) if value is not None}
        for one in zip(*columns.values(), strict=True)
    ]


def _edge(
    member: str,
    type_: str,
    key: str,
    events: Sequence[tuple[bool, Mapping[str, Any]]],
    currency: str | None,
) -> dict[str, Any]:
    """Return an edge; ``events`` are in order of time, each with whether it is shown."""
    kinds = Counter(event["kind"] for _, event in events)
    ranked = dict(sorted(kinds.items(), key=lambda one: (-one[1], one[0])))
    return {
        "id": f"member:{member}→{type_}:{key}",
        "source": f"member:{member}",
        "target": f"{type_}:{key}",
        "relation": _relation(type_, ranked),
        "events": len(events),
        "first": events[0][1]["time"],
        "last": events[-1][1]["time"],
        "amount": paid((event for _, event in events), currency),
        "kinds": ranked,
        "event_ids": [event["event_id"] for kept, event in events if kept],
    }


def _relation(type_: str, kinds: Mapping[str, int]) -> str:
    if type_ == "seller":
        return "buys_from"
    strongest = next((kind for kind in _STRONGEST if kind in kinds), None)
    for other, relation, made_by in _RELATIONS:
        if other == type_ and (made_by is None or strongest in made_by):
            return relation
    return "names"


def node_rows(
    postings: Postings, kind: str, keys: Sequence[str], moment: int
) -> list[dict[str, Any]]:
    """Return nodes as they are shown, with how many neighbours each has in the whole graph."""
    known = kind in postings.graph.nodes
    codes = [postings.code(kind, key) if known else None for key in keys]
    some = np.array([code for code in codes if code is not None], dtype=np.int64)
    near = degrees(postings, kind, some, moment) if len(some) else {}
    return [
        {
            "id": f"{kind}:{key}",
            "type": kind,
            "key": key,
            "role": None,
            "score": None,
            "surprise": None,
            "degree": 0 if code is None else near[code],
            "flagged": None,
        }
        for key, code in zip(keys, codes, strict=True)
    ]


def degrees(postings: Postings, kind: str, codes: Ints, moment: int) -> dict[int, int]:
    """Return how many neighbours each of some nodes has by a moment, by code."""
    rows = postings.rows(kind, np.unique(codes), until=moment)
    owner = postings.codes(kind, rows)
    found = dict.fromkeys(codes.tolist(), 0)
    others = ["member"] if kind != "member" else [n for n in postings.graph.nodes if n != "member"]
    for name in others:
        other = postings.codes(name, rows)
        pairs = np.unique(owner[other != NONE] << 32 | other[other != NONE])
        for code, count in zip(*np.unique(pairs >> 32, return_counts=True), strict=True):
            found[int(code)] += int(count)
    return found


def paid(events: Iterable[Mapping[str, Any]], currency: str | None) -> float:
    """Return what events paid in one currency; amounts of several are never added up."""
    sums = [
        event["amount"]
        for event in events
        if event["kind"] == "purchase"
        and event.get("currency") == currency
        and np.isfinite(event.get("amount", np.nan))
    ]
    return round(float(sum(sums)), 2)


def amounts(records: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what was paid and given back in each currency, the largest first."""
    kinds = records["kind"].cast(pl.String)
    told = records.with_columns(kind=kinds, currency=records["currency"].cast(pl.String)).filter(
        pl.col("amount").is_finite() & pl.col("kind").is_in(["purchase", "refund"])
    )
    sums = told.group_by("currency").agg(
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
    return {"first": moment_text(int(time.min())), "last": moment_text(int(time.max()))}


def moment_text(time: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC."""
    return time_text(moment_of(time))


def _usual(texts: Iterable[str | None]) -> str | None:
    counts = Counter(text for text in texts if text is not None)
    return min(counts, key=lambda text: (-counts[text], text)) if counts else None
