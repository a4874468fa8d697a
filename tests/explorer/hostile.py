"""A ring whose members, devices and products have ids that are code, markup and turned text."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from graphml.results import Evidence, Ring, RingMember, SharedValue
from graphml.store.connect import connect
from graphml.tables.frames import Tables
from tests.service.conftest import LAST


def publish(folder: Path, text: str) -> str:
    """Store events with hostile ids, and publish a ring of them; return the ring's id."""
    members = [f"{text} {n}" for n in range(4)]
    events = [
        {
            "event_id": f"{text} e{n}", "time": LAST - timedelta(hours=n), "kind": "purchase",
            "member_id": member, "device_id": text, "product_id": text, "amount": 5.0 + n,
            "currency": "EUR", "order_id": text,
        }
        for n, member in enumerate([*members, *members, f"{text} another"])
    ]  # fmt: skip
    ids = tuple(event["event_id"] for event in events[:8])
    ring = Ring(
        ring_id="r-hostile", kind="device_farm", status="new", score=0.9, score_kind="rank",
        members=tuple(RingMember(member_id=m, score=0.9, role="core") for m in members),
        shared=(SharedValue(type="device", id=text, members=4, events=8, first=LAST - timedelta(hours=8), last=LAST, surprise=9.0),),
        amount_gross=60.0, amount_net=60.0, currency="EUR", first=LAST - timedelta(hours=8),
        last=LAST, as_of=LAST, model=None,
        evidence=(Evidence(code="SHARED_DEVICE", text=f"4 members used device {text}", event_ids=ids),),
        counter_evidence=(Evidence(code="HOUSEHOLD", text=text),),
    )  # fmt: skip
    with connect(f"embedded://{folder}") as store:
        store.write_tables(Tables(events=pl.DataFrame(events)))
        store.publish("rings", [[ring]], model=None, as_of=LAST)
    return ring.ring_id
