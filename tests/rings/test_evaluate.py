from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from graphml.config import RingConfig
from graphml.errors import SourceError
from graphml.graph.build import build_graph
from graphml.results import Ring, RingMember
from graphml.rings import evaluate as evaluate_module
from graphml.rings.evaluate import OURS, detection_days, evaluate_rings, read_truth
from graphml.rings.truth import true_rings
from graphml.tables.frames import Tables

START = datetime(2024, 6, 1, tzinfo=UTC)


def day(n):
    return START + timedelta(days=n)


def ring(*members, victims=(), as_of=START):
    roles = [(member, "victim" if member in victims else "core") for member in members]
    return Ring(
        ring_id=f"r-{members[0]}",
        kind="other",
        status="new",
        score=0.9,
        score_kind="rank",
        members=tuple(RingMember(member_id=m, score=0.9, role=role) for m, role in roles),
        shared=(),
        amount_gross=0.0,
        amount_net=0.0,
        currency=None,
        first=START,
        last=START,
        as_of=as_of,
        model=None,
        evidence=(),
        counter_evidence=(),
    )


EVENTS = pl.DataFrame(
    [
        {
            "event_id": f"e-{n}",
            "time": day(n),
            "kind": "login",
            "member_id": f"m-{n}",
            "device_id": "d-1" if n < 4 else f"d-{n}",
        }
        for n in range(10)
    ]
)
GRAPH = build_graph(Tables(events=EVENTS))
TRUTH = pl.DataFrame(
    {
        "ring_id": ["r-1", "r-1", "r-1", "r-2", "r-2"],
        "member_id": ["m-0", "m-1", "m-2", "m-6", "m-7"],
        "first_event": [day(0), day(1), day(2), day(6), day(7)],
    }
)
GROUPS = pl.DataFrame(
    {
        "group_id": ["g-1"] * 3 + ["g-2"] * 2,
        "member_id": ["m-3", "m-4", "m-0", "m-8", "m-9"],
        "kind": ["household"] * 3 + ["café"] * 2,
    }
)


def rows(rings, as_of, **options):
    report = evaluate_rings(rings, TRUTH, GROUPS, graph=GRAPH, as_of=as_of, **options)
    return {row["method"]: row for row in report.rows()}


def test_ours_comes_first_and_every_method_has_the_same_columns():
    report = evaluate_rings([], TRUTH, GROUPS, graph=GRAPH, as_of=day(9))
    names = [row["method"] for row in report.rows()]
    assert names == [OURS, *evaluate_module.BASELINES]
    assert len({tuple(row) for row in report.rows()}) == 1


def test_members_are_counted_victims_too_but_only_accused_ones_are_flagged():
    found = [ring("m-0", "m-1", "m-2", "m-3", victims=("m-3",)), ring("m-4", "m-8", "m-9")]
    ours = rows(found, day(9), baselines=())[OURS]
    assert ours["pair_precision"] == pytest.approx(3 / 9, abs=1e-4)
    assert ours["pair_recall"] == pytest.approx(3 / 4)
    assert (ours["recovered_j50"], ours["over_merge"], ours["precision_top50"]) == (0.5, 0, 0.5)
    # Benign are m-3, m-4, m-5, m-8 and m-9; m-3 is a victim.
    assert ours["benign_per_1000"] == pytest.approx(600)
    assert ours["benign_per_1000_household"] == pytest.approx(500)
    assert ours["benign_per_1000_café"] == pytest.approx(1000)
    assert (ours["rings"], ours["members"], ours["seconds"]) == (2, 7, None)


def test_a_baseline_stands_beside_and_flags_whom_it_returns():
    shared = rows([], day(9), baselines=("device shared by 3",))["device shared by 3"]
    assert (shared["rings"], shared["members"]) == (1, 4)
    assert shared["pair_recall"] == pytest.approx(3 / 4)
    assert shared["benign_per_1000_household"] == pytest.approx(500)
    assert shared["seconds"] is not None


def test_what_has_not_happened_yet_is_not_missed():
    found = [ring("m-0", "m-1")]
    assert rows(found, day(1), baselines=())[OURS]["pair_f1"] == 1
    assert rows(found, day(2), baselines=())[OURS]["pair_recall"] == pytest.approx(1 / 3, abs=1e-4)
    assert rows(found, day(3), baselines=())[OURS]["benign_per_1000"] == 0
    with pytest.raises(ValueError, match="as_of needs a time zone"):
        rows(found, datetime(2024, 6, 1), baselines=())  # noqa: DTZ001


def test_a_ring_of_one_is_no_ring_yet_and_a_member_of_two_counts_once():
    assert true_rings(TRUTH, day(6)) == [{"m-0": day(0), "m-1": day(1), "m-2": day(2)}]
    twice = pl.concat([TRUTH, TRUTH.tail(2).with_columns(ring_id=pl.lit("r-9"))])
    assert true_rings(twice, day(9)) == true_rings(TRUTH, day(9))


def test_days_run_from_the_first_event_to_the_detection(monkeypatch):
    seen = []

    def extract(graph, scores, config, *, as_of, previous=()):
        seen.append([r.ring_id for r in previous])
        return [ring("m-0", "m-1", as_of=as_of)] if as_of >= day(4) else []

    monkeypatch.setattr(evaluate_module, "extract_rings", extract)
    moments = [day(2), day(4), day(9)]
    assert detection_days(GRAPH, TRUTH, RingConfig(), moments=moments) == [4.0, None]
    assert seen == [[], [], ["r-m-0"]]


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")


def test_truth_is_read_from_any_format(tmp_path):
    write(
        tmp_path,
        "rings.csv",
        "member_id,ring_id,first_event\nm-1,r-1,2024-06-02T00:00:00Z\nm-2,r-1,\n",
    )
    GROUPS.write_parquet(tmp_path / "groups.parquet")
    rings, groups = read_truth(tmp_path)
    assert rings.select("ring_id", "member_id", "kind", "first_event").rows() == [
        ("r-1", "m-1", None, day(1)),
        ("r-1", "m-2", None, None),
    ]
    assert groups.equals(GROUPS)


def test_truth_without_groups_is_enough(tmp_path):
    write(tmp_path, "rings.jsonl", '{"ring_id": "r", "member_id": "m"}\n')
    assert read_truth(tmp_path)[1].height == 0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("other.csv", "", "no rings table"),
        ("rings.csv", "ring_id\nr-1\n", "rings.csv row 1: no member_id"),
        ("rings.csv", "ring_id,member_id\nr-1,\n", "rings.csv row 1: no member_id"),
        ("rings.csv", "ring_id,member_id,first_event\nr,m,yesterday\n", "rings.csv row 1"),
        ("rings.csv", "ring_id,member_id\nr,m,more\n", "rings.csv line 2"),
    ],
)
def test_broken_truth_is_refused(tmp_path, name, text, message):
    write(tmp_path, name, text)
    with pytest.raises(SourceError, match=message):
        read_truth(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match="no such folder"):
        read_truth(tmp_path / "nowhere")
