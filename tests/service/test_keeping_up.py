"""A snapshot is one state of the store, and what comes beside it is known once and at its time."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from graphml.config import ServiceConfig, Settings
from graphml.errors import StoreLockedError
from graphml.graph.build import build_graph
from graphml.graph.nodes import NEVER, microseconds
from graphml.pipeline.live import Recent, stored_score
from graphml.pipeline.snapshot import judged, take_snapshot
from graphml.service import world as worlds
from graphml.store.connect import connect
from graphml.store.embedded import EmbeddedStore
from graphml.tables.frames import Tables, empty
from graphml.tabular.flags import known_flags
from tests.graph.marketplace import at, event, tables
from tests.service.conftest import LAST, SETTINGS, later
from tests.service.test_changes import new_event, ring_of
from tests.service.test_doors import problem

ACTS = [
    event("e-1", 0, "m-1", "signup", device_id="d-1"),
    event("e-2", 1, "m-1", "purchase", device_id="d-1", product_id="p-1", order_id="o-1", amount=9.0, currency="EUR"),
    event("e-3", 2, "m-2", "purchase", device_id="d-1", product_id="p-1", order_id="o-2", amount=5.0, currency="EUR"),
    event("e-4", 3, "m-3", "login", device_id="d-1", order_id="o-2"),
]  # fmt: skip


def label(known, **about):
    rows = [{"label": 1, "known_at": at(known), **about}]
    return Tables(events=empty("events"), labels=pl.DataFrame(rows))


def flags(snapshot):
    known = snapshot.known()
    keys = snapshot.postings.graph.nodes["member"].keys.to_list()
    return {key: int(known[n]) for n, key in enumerate(keys) if known[n] != NEVER}


@pytest.fixture
def store(tmp_path):
    with connect(f"embedded://{tmp_path}/s") as opened:
        opened.write_tables(tables(ACTS))
        yield opened


def test_what_is_loaded_while_a_snapshot_is_taken_is_in_it_once(store, monkeypatch):
    held = EmbeddedStore.summary

    def summary(self):
        found = held(self)
        self.write_tables(tables([event("e-late", 1, "m-1", device_id="d-1")]))
        return found

    monkeypatch.setattr(EmbeddedStore, "summary", summary)
    taken = take_snapshot(store)
    monkeypatch.setattr(EmbeddedStore, "summary", held)
    after = taken.with_rows(store.rows_since(taken.sequence), store.summary().sequence)
    code = after.postings.code("member", "m-1")
    ids = after.postings.records(after.postings.rows("member", [code]))["event_id"].to_list()
    assert sorted(ids) == ["e-1", "e-2", "e-late"]


@pytest.mark.parametrize("before", [True, False])
def test_labels_flag_from_their_moment_however_they_came(store, before):
    """Of members, of orders (their buyers), before the snapshot or after, beyond the last event."""
    told = (label(50, member_id="m-3"), label(60, order_id="o-1"), label(70, order_id="o-2"))
    if not before:
        taken = take_snapshot(store)
    for one in told:
        store.write_tables(one)
    if before:
        taken = take_snapshot(store)
    else:
        taken = taken.with_rows(store.rows_since(taken.sequence), store.summary().sequence)
    assert flags(taken) == {
        "m-3": microseconds(at(50)), "m-1": microseconds(at(60)), "m-2": microseconds(at(70)),
    }  # fmt: skip
    with_all = known_flags(build_graph(replace(tables(ACTS), labels=store.stored_rows("labels"))))
    assert sorted(with_all.known_at.tolist()) == sorted(flags(taken).values())


def test_a_label_that_says_legitimate_flags_nobody(store):
    taken = take_snapshot(store)
    rows = [{"label": 0, "known_at": at(50), "member_id": "m-3"}]
    store.write_tables(Tables(events=empty("events"), labels=pl.DataFrame(rows)))
    assert flags(taken.with_rows(store.rows_since(taken.sequence), 99)) == {}


def test_a_chargeback_that_comes_later_flags_its_member(store):
    taken = take_snapshot(store)
    store.write_tables(tables([event("e-9", 9, "m-2", "chargeback", order_id="o-2")]))
    after = taken.with_rows(store.rows_since(taken.sequence), store.summary().sequence)
    assert flags(after) == {"m-2": microseconds(at(9))}
    assert after.newest == at(9)
    assert take_snapshot(store).newest == at(9)
    earlier = after.with_rows(tables([event("e-0", 0, "m-9")]), 99)
    assert earlier.newest == at(9)


def test_scores_that_were_kept_let_go_of_what_they_came_from(store):
    first = judged(take_snapshot(store), None)
    recent = Recent()
    score = stored_score(first, "m-1")
    recent.put(first, score)
    assert recent.get(first, "m-1") is score
    second = judged(take_snapshot(store), None)
    assert recent.get(second, "m-1") is None
    recent.put(second, score)
    assert list(recent._held) == ["m-1"]
    assert recent._judge is second.judge


def test_scores_are_worked_out_anew_when_anything_came(serving):
    quick = replace(SETTINGS, service=ServiceConfig(look_s=0.1, refresh_s=0.1, rate_per_s=1e5, burst=10**5))  # fmt: skip
    service = serving(settings=quick)
    first = service.world.known()
    member = ring_of(service).members[0].member_id
    with connect(service.url) as store:
        rows = [{"member_id": member, "label": 1, "known_at": datetime.now(UTC)}]
        store.write_tables(Tables(events=empty("events"), labels=pl.DataFrame(rows)))
    service.wait(lambda: service.world.known().taken > first.taken)
    service.post("/events", {"events": [new_event(1, "m-new", device_id="d")]})
    service.wait(lambda: service.post("/score", {"member_id": "m-new"}).json()["basis"] == "stored")
    assert service.world.known().postings.late == 0
    settled = service.world.known()
    service.world._stop.wait(0.5)
    assert service.world.known() is settled  # nothing came, nothing is done


def test_lists_are_made_anew_with_the_snapshot(serving):
    quick = replace(SETTINGS, service=ServiceConfig(look_s=0.1, refresh_s=0.1, rate_per_s=1e5, burst=10**5))  # fmt: skip
    service = serving(settings=quick)
    service.wait(lambda: service.world.recommender_name() is not None)
    first = service.world.list_maker()
    assert service.world.list_maker() is first
    service.post("/events", {"events": [new_event(1, "m-new", device_id="d")]})
    service.wait(lambda: service.world.known().as_of > LAST and service.world.known().judge)
    service.wait(lambda: service.world.list_maker().as_of > first.as_of)


def test_while_lists_are_made_anew_the_ones_before_are_told(serving):
    service = serving()
    service.wait(lambda: service.world.recommender_name() is not None)
    member = ring_of(service).members[0].member_id
    before = service.get(f"/recommendations/{member}").json()
    with service.world._listing:
        assert service.get(f"/recommendations/{member}").json() == before
        service.world._lists = None
        assert "Retry-After" in service.get(f"/recommendations/{member}").headers


def test_an_event_that_is_stored_counts_once_when_it_is_asked_about(serving):
    service = serving()
    member = ring_of(service).members[0].member_id
    sent = new_event("again", member, device_id="d-new", ip="10.9.9.9")
    service.post("/events", {"events": [sent]})
    stored = service.post("/score", {"member_id": member}).json()
    asked = service.post("/score", {"event": sent}).json()
    assert asked["score"] == stored["score"]
    other = service.post("/score", {"event": {**sent, "event_id": "another"}}).json()
    assert other["basis"] == "recomputed"


def test_while_many_wait_the_score_before_is_told_with_its_moment(serving):
    service = serving()
    member = ring_of(service).members[0].member_id
    before = service.post("/score", {"member_id": member}).json()
    service.post("/events", {"events": [new_event(1, member, device_id="d-new")]})
    service.world.at_work = 2
    busy = service.post("/score", {"member_id": member}).json()
    assert busy == before
    asked = {"event": new_event(2, "m-unseen"), "explain": False}
    assert service.post("/score", asked).json()["basis"] == "inductive"  # nothing before: it waits
    service.world.at_work = 0
    after = service.post("/score", {"member_id": member}).json()
    assert (after["basis"], after["as_of"] > before["as_of"]) == ("recomputed", True)
    service.post("/events", {"events": [{**new_event(3, member), "time": later(2)}]})
    service.world.at_work = 2
    assert service.post("/score", {"member_id": member}).json() == after


def test_only_what_was_sent_here_is_counted_as_accepted(serving, monkeypatch):
    service = serving(settings=Settings(service=ServiceConfig(look_s=600, rate_per_s=1e5, burst=10**5)))  # fmt: skip
    sent = [new_event(n, "m-x") for n in range(3)]
    frame = pl.DataFrame(sent).with_columns(pl.col("time").str.to_datetime(time_zone="UTC"))
    with connect(service.url) as store:
        store.write_tables(Tables(events=frame[:2]))
    answer = service.post("/events", {"events": sent}).json()
    assert (answer["accepted"], answer["repeats"], answer["conflicts"]) == (1, 2, [])
    assert service.get("/members/m-x").json()["events"] == 3


def test_a_damaged_model_leaves_the_one_before(serving):
    service = serving()
    before = service.get("/session").json()["models"]["fraud"]
    card = service.folder / "models" / "fraud" / "detector.json"
    card.write_text("{")
    service.wait(lambda: service.world._model == card.stat().st_mtime_ns)
    service.wait(lambda: service.world.ready)
    assert service.get("/session").json()["models"]["fraud"] == before
    member = ring_of(service).members[0].member_id
    assert service.post("/score", {"member_id": member}).json()["model"] == before


def test_decisions_that_cannot_be_written_now_hold_nobody_up(serving, monkeypatch):
    service = serving()

    def due(*_):
        raise StoreLockedError("the store is being written")

    monkeypatch.setattr(worlds, "settle", due)
    service.world._stop.wait(0.4)
    assert service.get("/ready").status_code == 200
    service.post("/events", {"events": [new_event(1, "m-new")]})
    assert service.get("/members/m-new").status_code == 200


def test_what_is_said_now_was_not_known_at_an_earlier_moment(serving):
    service = serving()
    ring = next(r for r in service.world.view.rings if any(m.role == "victim" for m in r.members) or r)  # fmt: skip
    member = ring.members[0].member_id
    body = {"unit": "member", "id": member, "verdict": "dismiss", "reason": "known"}
    assert service.post("/decisions", body, who="ana").status_code == 201
    now = service.get(f"/members/{member}").json()
    assert (now["decision"], len(now["rings"]) > 0) == ("dismiss", True)
    again = {**body, "verdict": "confirm"}
    assert service.post("/decisions", again, who="ana").json()["decision"] is None
    early = service.get(f"/members/{member}", params={"as_of": now["first"]}).json()
    assert (early["decision"], early["rings"], early["score"]) == (None, [], None)


def test_a_victim_is_not_flagged_wherever_it_is_shown(serving):
    service = serving()
    found = [(r, m) for r in service.world.view.rings for m in r.members if m.role == "victim"]
    for ring, victim in found[:3]:
        query = {"type": "member", "key": victim.member_id, "limit": 1}
        node = service.get("/neighborhood", params=query).json()["node"]
        assert node["flagged"] is False
        shown = service.get(f"/rings/{ring.ring_id}").json()["graph"]["nodes"]
        assert next(n for n in shown if n["key"] == victim.member_id)["flagged"] is False


def test_a_member_that_has_opted_out_is_told_so_from_then_on(serving):
    service = serving()
    member = ring_of(service).members[0].member_id
    assert service.get(f"/members/{member}").json()["opted_out"] is False
    rows = [{"member_id": member, "opted_out": True, "valid_from": LAST - timedelta(days=1)}]
    with connect(service.url) as store:
        store.write_tables(Tables(events=empty("events"), members=pl.DataFrame(rows)))
    service.world.look()
    service.world.refresh()
    assert service.get(f"/members/{member}").json()["opted_out"] is True
    before = (LAST - timedelta(days=2)).isoformat()
    assert service.get(f"/members/{member}", params={"as_of": before}).json()["opted_out"] is False


def test_an_order_that_nobody_placed_leaves_no_case(serving):
    service = serving()
    about = {"unit": "order", "id": "o-nobody's"}
    problem(service.post("/cases", about, who="ana"), 404)
    problem(service.post("/decisions", {**about, "verdict": "dismiss"}, who="ana"), 404)
    ring = service.world.view.rings[0].ring_id
    told = {"unit": "ring", "id": ring, "verdict": "dismiss", "reason": "a\x00b"}
    problem(service.post("/decisions", told, who="ana"), 422)
    assert service.get("/cases").json()["cases"] == []
    order = service.world.known().postings.graph.events["order_id"].drop_nulls()[0]
    assert service.post("/cases", {"unit": "order", "id": order}, who="ana").status_code == 201


def test_who_approves_in_one_call_is_heard(serving):
    service = serving()
    ring = service.world.view.rings[0].ring_id
    body = {"unit": "ring", "id": ring, "verdict": "confirm"}
    service.post("/decisions", {**body, "reason": "one device"}, who="ana")
    problem(service.post("/decisions", {**body, "reason": "me again"}, who="ana"), 403)
    done = service.post("/decisions", {**body, "reason": "the bank agrees"}, who="ben").json()
    history = service.get(f"/cases/{done['case']['case_id']}").json()["history"]
    assert "the bank agrees" in [entry["text"] for entry in history]


@pytest.mark.parametrize(("setting", "no_auth", "asks"), [(None, False, True), (None, True, False), (False, False, False), (True, True, True)])  # fmt: skip
def test_four_eyes_are_as_the_settings_say(serving, setting, no_auth, asks):
    settings = replace(SETTINGS, cases=replace(SETTINGS.cases, four_eyes=setting))
    service = serving(settings=settings, no_auth=no_auth)
    assert service.get("/session").json()["four_eyes"] is asks
    ring = service.world.view.rings[0].ring_id
    made = service.post("/decisions", {"unit": "ring", "id": ring, "verdict": "confirm"}).json()
    assert (made["decision"] is None) is asks


def test_a_list_that_changed_begins_again(serving):
    service = serving()
    rings = [one["ring_id"] for one in service.get("/rings").json()["rings"]]
    for ring in rings[:4]:
        service.post("/cases", {"unit": "ring", "id": ring}, who="ana")
    page = service.get("/rings", params={"case": "open", "limit": 2}).json()
    assert [one["ring_id"] for one in page["rings"]] == rings[:2]
    told = {"unit": "ring", "id": rings[0], "verdict": "dismiss", "reason": "x"}
    service.post("/decisions", told, who="ana")
    query = {"case": "open", "limit": 2, "cursor": page["next"]}
    problem(service.get("/rings", params=query), 422)
    assert [one["ring_id"] for one in service.get("/rings", params={"decision": "dismiss"}).json()["rings"]] == rings[:1]  # fmt: skip
    assert service.get("/rings", params={"decision": "none"}).json()["total"] == len(rings) - 1
    assert service.get("/rings", params={"status": "grown"}).json()["total"] == 0
    for sort in ("first", "last"):
        times = [one[sort] for one in service.get("/rings", params={"sort": sort}).json()["rings"]]
        assert times == sorted(times, key=lambda text: datetime.fromisoformat(text))
        assert len(set(times)) > 1
    assert later() > LAST.isoformat()


def test_what_is_replaced_goes_though_the_collector_looks_no_more(serving):
    """The first snapshot is among what stays, for the collector; nothing in it may be a circle."""
    service = serving()
    service.wait(lambda: gc.get_freeze_count() > 0)
    first = weakref.ref(service.world.known().postings)
    gc.disable()
    try:
        service.post("/events", {"events": [new_event(1, "m-00001")]})
        service.world.refresh()
        service.wait(lambda: first() is None, seconds=5)
    finally:
        gc.enable()
    service.world.stop()
    assert gc.get_freeze_count() == 0
