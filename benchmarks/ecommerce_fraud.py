"""Rings on real identifiers: the IP file of ecommerce-fraud, whose labels serve evaluation alone.

``python -m benchmarks.ecommerce_fraud [--json] [--write]``. Needs fraud_data_ip_30190.csv.gz (see
datasets/ecommerce-fraud.toml) in ecommerce-fraud in ../shared/data or in the
folder of GRAPHML_DATA.
No parameter was fitted to its labels: it is looked at, so it is no unseen set.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.cards import folder_of, tables_of
from benchmarks.common import Table, finish, parser, progress
from graphml.config import RingConfig
from graphml.graph.build import Graph, build_graph
from graphml.rings.extract import extract_rings

_JANUARY = datetime(2015, 1, 31, tzinfo=UTC)


def source() -> Path:
    return folder_of("ecommerce-fraud", "fraud_data_ip_30190.csv.gz")


def measures(flagged: set[int], fraud: pl.DataFrame) -> tuple[float, float]:
    """Return precision and recall of flagged members among those of ``fraud`` (member, label)."""
    inside = fraud.filter(pl.col("member").is_in(list(flagged)))
    found = int(inside["label"].sum())
    return found / max(inside.height, 1), found / max(int(fraud["label"].sum()), 1)


def baseline(events: pl.DataFrame, least: int) -> set[int]:
    """Return the members who bought from a device that at least ``least`` members bought from."""
    bought = events.filter(pl.col("kind") == "purchase").drop_nulls("device")
    users = bought.group_by("device").agg(pl.col("member").unique())
    return set(users.filter(pl.col("member").list.len() >= least)["member"].explode())


def at(graph: Graph, as_of: datetime, config: RingConfig) -> dict[str, Any]:
    """Return precision, recall and who is flagged and who a victim, among buyers by ``as_of``."""
    events = graph.events.filter(pl.col("time") <= as_of)
    buyers = events.filter(pl.col("kind") == "purchase")["member"].unique()
    fraud = graph.evaluation_labels.filter(pl.col("member").is_in(buyers.implode()))
    rings = extract_rings(graph, None, config, as_of=as_of)
    place = {key: i for i, key in enumerate(graph.nodes["member"].keys)}
    flagged = {place[m] for ring in rings for m in ring.flagged_ids}
    victims = {place[m.member_id] for r in rings for m in r.members if m.role == "victim"}
    return {
        "rings": len(rings),
        "flagged": len(flagged),
        "victims": victims,
        "ours": measures(flagged, fraud),
        "by_two": measures(baseline(events, 2), fraud),
        "by_three": measures(baseline(events, 3), fraud),
        "base_rate": float(fraud["label"].mean()),  # type: ignore[arg-type]
        "members": fraud.height,
    }


def lone_legitimate(graph: Graph) -> set[int]:
    """Return the one legitimate member of each device of three or more that has exactly one."""
    bought = graph.events.drop_nulls("device").join(graph.evaluation_labels, on="member")
    users = bought.unique(["device", "member"]).group_by("device").agg("member", "label")
    users = users.filter(pl.col("member").list.len() >= 3)
    honest = users.explode("member", "label").filter(pl.col("label") == 0)
    return set(
        honest.group_by("device")
        .agg("member")
        .filter(pl.col("member").list.len() == 1)["member"]
        .explode()
    )


def main() -> int:
    options = parser("ecommerce_fraud", __doc__).parse_args()
    graph = build_graph(tables_of("ecommerce-fraud", source()))
    end = graph.events["time"].max()
    assert isinstance(end, datetime)
    cases = {
        "2015-01-31, default options": (_JANUARY, RingConfig()),
        "2015-01-31, --min-members 2": (_JANUARY, RingConfig(min_members=2)),
        "the end, default options": (end, RingConfig()),
        "the end, --min-members 2": (end, RingConfig(min_members=2)),
    }
    rows, figures = [], {}
    for name, (as_of, config) in cases.items():
        progress(name)
        result = at(graph, as_of, config)
        lone = lone_legitimate(graph)
        named = len(result["victims"] & lone)
        rows.append([
            name, f"{result['members']:,}", f"{result['base_rate']:.3f}",
            f"{result['rings']}", f"{result['flagged']:,}",
            *[f"{p:.3f} / {r:.3f}" for p, r in (result["ours"], result["by_two"], result["by_three"])],
            f"{named} of {len(lone)}" if as_of == end else "",
        ])  # fmt: skip
        figures[name] = {
            "precision": round(result["ours"][0], 4),
            "recall": round(result["ours"][1], 4),
            "victims_named": named,
        }
    table = Table(
        title="Rings on ecommerce-fraud",
        text=(
            "Sign-ups and first purchases with device and IP address on the purchase alone, 30,189 members. "
            "Precision / recall of flagged members (members of returned rings but victims) among the "
            "members with a purchase by then; beside them devices that two, and three, members bought from. "
            "Victims: of the devices of three or more with exactly one legitimate member, in how many it is "
            "named `victim`."
        ),
        columns=("as of", "members", "fraud", "rings", "flagged", "graphml", "device shared by 2", "device shared by 3", "victims named"),
        rows=rows,
    )  # fmt: skip
    return finish("ecommerce_fraud", options, figures, table, seed=0)


if __name__ == "__main__":
    sys.exit(main())
