"""A graph of the user's own through the command: the rings of its events, beside it, and no trace after."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from neo4j import Driver, GraphDatabase

from tests.cli.conftest import run_graphml
from tests.cli.test_runs import account
from tests.neo4j_server import Server

pytestmark = pytest.mark.neo4j

CARD = """
store = "URL"
currency = "EUR"

[files.acts]
match = "(c:Customer)-[r:ACTED]->(a:Act)"
[files.boxes]
match = "(a:Act)-[:FROM]->(b:Box)"
[files.places]
match = "(a:Act)-[:TO]->(p:Place)"

[[events]]
from = "acts"
join = [{ file = "boxes", on = { "a.id" = "a.id" } }, { file = "places", on = { "a.id" = "a.id" } }]
[events.columns]
event_id = "a.id"
time = "r.at"
kind = "a.what"
member_id = "c.no"
product_id = "a.product"
device_id = "b.name"
address_id = "p.name"
ip = "a.ip"
card = "a.card"
phone = "a.phone"
email = "a.email"
amount = "a.amount"
currency = "a.currency"
quantity = "a.quantity"
order_id = "a.order"
coupon_id = "a.coupon"
points = "a.points"
rating = "a.rating"
"""
NAMES = {
    "event_id": "id", "kind": "what", "product_id": "product", "ip": "ip", "card": "card", "phone": "phone",
    "email": "email", "amount": "amount", "currency": "currency", "quantity": "quantity", "order_id": "order",
    "coupon_id": "coupon", "points": "points", "rating": "rating",
}  # fmt: skip


def write_as_theirs(driver: Driver, events: pl.DataFrame) -> None:
    """Write events as somebody else would: customers who act, from boxes, to places."""
    for label, key in (("Customer", "no"), ("Act", "id"), ("Box", "name"), ("Place", "name")):
        driver.execute_query(
            f"CREATE INDEX theirs_{label} IF NOT EXISTS FOR (n:{label}) ON (n.{key})"
        )
    driver.execute_query("CALL db.awaitIndexes()")
    for batch in events.iter_slices(5_000):
        rows = [
            {
                "no": row["member_id"], "at": row["time"], "box": row.get("device_id"), "place": row.get("address_id"),
                "act": {new: row[old] for old, new in NAMES.items() if row.get(old) is not None},
            }
            for row in batch.to_dicts()
        ]  # fmt: skip
        driver.execute_query(
            "UNWIND $rows AS row MERGE (c:Customer {no: row.no}) CREATE (c)-[:ACTED {at: row.at}]->(a:Act) SET a = row.act "
            "FOREACH (x IN CASE WHEN row.box IS NULL THEN [] ELSE [row.box] END | MERGE (b:Box {name: x}) CREATE (a)-[:FROM]->(b)) "
            "FOREACH (x IN CASE WHEN row.place IS NULL THEN [] ELSE [row.place] END | MERGE (p:Place {name: x}) CREATE (a)-[:TO]->(p))",
            rows=rows,
        )  # fmt: skip


def count(driver: Driver) -> list[tuple[object, ...]]:
    return [
        tuple(row.values())
        for row in driver.execute_query(
            "MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN labels(n) AS l, "
            "count(DISTINCT n) AS n, count(r) AS r, sum(size(keys(n))) AS k ORDER BY l"
        ).records
    ]


def test_rings_are_found_in_it_written_beside_it_and_removed(
    loaded: Path, neo4j_server: Server, neo4j_url: str, tmp_path: Path
) -> None:
    (tmp_path / "theirs.toml").write_text(CARD.replace("URL", neo4j_url))
    whole = pl.read_parquet(loaded / "shop" / "events.parquet")
    events = whole.filter(~pl.col("kind").is_in(["view", "cart", "login"]))

    def run(*arguments: object, code: int = 0) -> str:
        done = run_graphml(*arguments, cwd=tmp_path, env=account())
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    auth = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_url, auth=auth, notifications_min_severity="OFF") as driver:
        write_as_theirs(driver, events)
        before = count(driver)
        try:
            run("load", "theirs.toml", "-q", "--store", "embedded://copy")
            copy, theirs = (
                [json.loads(line) for line in run("detect-rings", "-q", "--store", url, *more).splitlines()]
                for url, more in (("embedded://copy", ()), ("theirs.toml", ("--write",)))
            )  # fmt: skip
            assert len(theirs) > 3
            assert theirs == copy
            run("detect-rings", "-q", "--store", "theirs.toml", "--write")
            (only,) = run("runs", "list", "-q", "--store", "theirs.toml").splitlines()
            assert json.loads(only)["counts"] == {"rings": len(theirs)}
            (row,) = driver.execute_query(
                "MATCH (:GraphmlRing)-[r:GRAPHML_INCLUDES]->(c:Customer) RETURN count(r) AS n, count(DISTINCT c.no) AS c"
            ).records
            assert row["n"] == row["c"] == sum(len(ring["members"]) for ring in theirs)
            assert "--yes does it" in run("uninstall", "--store", "theirs.toml", code=2)
            told = json.loads(run("uninstall", "--store", "theirs.toml", "-q", "--dry-run"))
            assert (told["runs"], told["rings"], told["records"]) == (1, len(theirs), 0)
            assert len(count(driver)) > len(before)
            assert json.loads(run("uninstall", "--store", "theirs.toml", "-q", "--yes")) == told
            assert count(driver) == before
            assert "graphml's own folder" in run("uninstall", "--store", "embedded://copy", code=2)
        finally:
            for label in ("Customer", "Act", "Box", "Place"):
                driver.execute_query(f"DROP INDEX theirs_{label} IF EXISTS")
