"""Records are found by what they name, those that came later too, and no later moment shows."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from graphml.graph.build import build_graph
from graphml.graph.nodes import microseconds
from graphml.graph.postings import NONE, Postings
from tests.graph.marketplace import at, event, tables

quick = settings(max_examples=80, deadline=None)

keys = st.none() | st.sampled_from(["a", "b", "c", "Ω'\"\x00"])
records = st.lists(
    st.tuples(
        st.sampled_from(["m-1", "m-2", "m-3", "m-4", "m-5"]), st.integers(0, 6), keys, keys,
        st.sampled_from(["login", "signup", "chargeback"]),
    ),
    max_size=14,
)  # fmt: skip


def frame(rows, prefix):
    return tables(
        [
            event(f"{prefix}{n}", time, member, kind, device_id=device, ip=ip)
            for n, (member, time, device, ip, kind) in enumerate(rows)
        ]
    ).events


@quick
@given(
    first=records.filter(bool), later=st.lists(records, max_size=3), until=st.integers(-1, 7)
)  # fmt: skip
def test_rows_are_those_that_a_search_through_all_records_finds(first, later, until):
    base = frame(first, "e")
    postings = Postings(build_graph(tables(base.to_dicts())))
    everything = base.to_dicts()
    for number, rows in enumerate(later):
        piece = frame(rows, f"l{number}-")
        postings = postings.plus(piece)
        everything += piece.to_dicts()
    assert postings.height == len(everything)
    moment = microseconds(at(until))
    for name, column in (("member", "member_id"), ("device", "device_id"), ("ip", "ip")):
        for key in {row[column] for row in everything} - {None}:
            code = postings.code(name, key)
            assert postings.keys(name, np.array([code])) == [key]
            found = postings.rows(name, [code], until=moment)
            ids = postings.records(found)["event_id"].to_list()
            wanted = {
                row["event_id"]
                for row in everything
                if row[column] == key and microseconds(row["time"]) <= moment
            }
            assert len(ids) == len(wanted)
            assert set(ids) == wanted
            assert postings.time(found).tolist() == sorted(postings.time(found).tolist())
            assert (postings.codes(name, found) == code).all()
    assert postings.code("device", "nobody's") is None


@quick
@given(first=records.filter(bool), later=records)
def test_what_is_added_leaves_the_postings_before_as_they_were(first, later):
    before = Postings(build_graph(tables(frame(first, "e").to_dicts())))
    height, size = before.height, before.size("device")
    after = before.plus(frame(later, "l"))
    assert (before.height, before.size("device"), before.late) == (height, size, 0)
    assert after.late == len(later)
    for name in ("member", "device"):
        for code in range(after.size(name)):
            named = np.flatnonzero(after.codes(name, np.arange(height, after.height)) == code)
            wanted = height + int(named[-1]) if len(named) else -1
            assert after.last_late(name, np.array([code])) == wanted


@quick
@given(first=records.filter(bool), later=records)
def test_first_uses_are_one_a_member_and_value_and_chargebacks_are_none(first, later):
    rows = frame(first, "e")
    postings = Postings(build_graph(tables(rows.to_dicts())))
    deeds = rows.filter(rows["kind"] != "chargeback")
    for key in set(rows["device_id"].drop_nulls()):
        code = np.array([postings.code("device", key)])
        seats = postings.seats("device", code)
        on = deeds.filter(deeds["device_id"] == key)
        assert sorted(postings.codes("member", seats).tolist()) == sorted(
            {postings.code("member", m) for m in on["member_id"]}
        )
        firsts = postings.records(seats)["time"].to_list()
        wanted = on.group_by("member_id").agg(pl.col("time").min())["time"]
        assert sorted(firsts) == sorted(wanted.to_list())
        assert len(postings.seats("device", code, first=1)) == min(1, len(seats))


def test_a_record_of_nothing_has_no_code():
    postings = Postings(build_graph(tables([event("e", 0, "m")])))
    assert postings.codes("device", np.array([0])).tolist() == [NONE]
    assert postings.rows("device", []).tolist() == []
