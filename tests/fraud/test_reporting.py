"""Who stands together, whom a threshold holds: by hand, and blind to the future."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from graphml.config import Costs, FraudConfig
from graphml.errors import UsageError
from graphml.fraud.decisions import Capacity, threshold_for_costs
from graphml.fraud.detector import FraudDetector
from graphml.fraud.drift import Reference, Shape
from graphml.fraud.evidence import Describer
from graphml.fraud.exposure import exposures
from graphml.fraud.fitting import Fitted, Part
from graphml.fraud.operating import operating_point
from graphml.fraud.reporting import companies, operate, require_segments, segments_of
from graphml.graph.build import build_graph
from graphml.pipeline.scoring import score
from graphml.rings.membership import membership
from graphml.store.connect import connect
from graphml.store.moments import visible
from graphml.tables.frames import TIME
from graphml.tabular.calibration import Calibrator
from graphml.tasks.labels import ROWS, Labels
from graphml.training.questions import seeds_of
from tests.fraud.test_exposure import asked
from tests.graph.marketplace import at, event, tables
from tests.properties.future import MICROSECOND, cut, future, market, together

DAY = timedelta(days=1)
DAYS = DAY // MICROSECOND
COSTS = Costs(review=5, block_good=20, margin=0.1, wronged=0.02)


def test_rings_of_two_moments_that_share_a_member_are_one_company():
    groups = {1: [0, 0, -1, 1, -1, -1], 2: [-1, 0, 0, -1, 1, -1]}
    describer = SimpleNamespace(
        graph=SimpleNamespace(nodes={"member": range(6)}),
        company=lambda moment: SimpleNamespace(group=np.array(groups[moment], np.int32)),
    )
    seeds = SimpleNamespace(
        nodes=np.array([5, 0, 1, 2, 3, 1, 2, 4, 5]), as_of=np.array([1, 1, 1, 1, 1, 2, 2, 2, 2])
    )
    # 0 and 1 were in a ring first, 1 and 2 later: one company; 3, 4 and 5 are alone.
    assert companies(describer, seeds).tolist() == [0, 1, 1, 1, 2, 1, 1, 3, 0]


def test_segments_are_what_held_at_the_moment():
    rows = [
        {"member_id": "ann", "region": "north", "tier": 1.5, "valid_from": None},
        {"member_id": "ann", "region": "so|uth", "tier": None, "valid_from": at(40 * DAYS)},
        {"member_id": "bob", "region": "west", "tier": 2.0, "valid_from": at(40 * DAYS + 1)},
    ]
    shop = tables(
        [event("e-1", 10 * DAYS, "ann"), event("e-2", 10 * DAYS + 1, "bob")], members=rows
    )
    graph = build_graph(shop)
    wanted = asked(
        ("ann", 40 * DAYS - 1), ("ann", 40 * DAYS), ("bob", 40 * DAYS), ("bob", 40 * DAYS + 1)
    )
    seeds = seeds_of(graph, "member", wanted["member_id"], wanted["as_of"], seed=0)
    found = segments_of(graph, seeds, ("region", "tier"))
    assert list(found) == ["account_age", "region", "tier"]
    assert found["account_age"].to_list() == ["new", "old", "new", "old"]
    assert found["region"].to_list() == ["north", "so|uth", None, "west"]
    assert found["tier"].to_list() == ["1.5", None, None, "2.0"]
    for wrong in ("age_band", "member_id", "valid_from", "signup_time", ""):
        with pytest.raises(UsageError, match=f"no column '{wrong}'") as error:
            require_segments(shop.members, ("region", wrong))
        assert error.value.hint == "it has opted_out, region, tier"
    require_segments(shop.members, ("tier", "region"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sure(FraudDetector):
    """Candidate rings whose scores pass for probabilities."""

    @property
    def score_kind(self):
        return "probability"


def detector(known, kind=Sure):
    return kind(
        weights={"structure": 1.0}, trees=None, network=None, calibrator=Calibrator(method="none"),
        found=1.0, wrong=0.0, method="structure", horizon=14 * DAY, trained_until=known,
        chosen_until=known, seed=0,
        reference=Reference(scores=Shape.of(np.linspace(0, 1, 50)), columns={}),
    )  # fmt: skip


def labels_at(shop, moments, ringed, *, turn: int) -> Labels:
    """Return labels of all who are there: most of the ringed are accused, and one in a hundred."""
    chance = pl.col("member_id").hash(turn) % 100
    accused = (pl.col("member_id").is_in(ringed) & (chance < 70)) | (chance == 99)
    first = shop.events.group_by("member_id").agg(first=pl.col("time").min())
    parts = [
        first.filter(pl.col("first") <= moment).select(
            "member_id",
            as_of=pl.lit(moment, TIME),
            y=accused.cast(pl.Int8),
            known_at=pl.lit(moment + 14 * DAY, TIME),
        )
        for moment in moments
    ]
    rows = pl.concat(parts).sort("as_of", "member_id")
    return Labels(task="fraud", horizon=14 * DAY, rows=rows.select(*ROWS["fraud"]))


def with_regions(shop):
    region = pl.col("member_id").hash(3) % 3
    return replace(shop, members=shop.members.with_columns(region=region.cast(pl.String)))


@cache
def case():
    """Return a marketplace, the moment it is looked at, and what is asked in between."""
    shop = with_regions(market("default"))
    as_of = cut(shop, 0.8)
    past = visible(shop, as_of)
    graph = build_graph(past)
    company = membership(graph, as_of=as_of)
    ringed = graph.nodes["member"].keys.filter(pl.Series(company.score > 0.5)).to_list()
    valid = labels_at(past, [as_of - 60 * DAY, as_of - 45 * DAY], ringed, turn=1)
    test = labels_at(past, [as_of - 15 * DAY, as_of], ringed, turn=2)
    return shop, past, as_of, valid, test


def operated(shop, valid, test, costs=COSTS):
    describer = Describer(build_graph(shop))
    learn, part = (Part.of(describer, labels, seed=0) for labels in (valid, test))
    fitted = Fitted(
        detector=detector(valid.rows["as_of"].max()), chosen="structure", validation={},
        scores={"structure": part.told.suspicion}, test=part, valid=learn,
        risk=learn.told.suspicion, describer=describer,
    )  # fmt: skip
    config = FraudConfig(capacity=0.05, segments=("region",))
    return operate(shop.events, fitted, config=config, costs=costs), fitted


def flipped(labels: Labels) -> Labels:
    return replace(labels, rows=labels.rows.with_columns(y=1 - pl.col("y")))


def test_validation_chooses_the_threshold_and_test_is_told_by_hand():
    _, past, _, valid, test = case()
    found, fitted = operated(past, valid, test)
    chance = fitted.detector.probability(fitted.scores["structure"])
    learn = Part.of(Describer(build_graph(past)), valid, seed=0)
    wanted = threshold_for_costs(
        learn.y, fitted.detector.probability(learn.told.suspicion),
        exposures(past.events, valid.rows), costs=COSTS,
    )  # fmt: skip
    assert (found.point.threshold, found.chosen_by) == (wanted, "costs")
    assert 0 < found.point.flagged < 0.2 * found.point.rows
    assert found.point.precision > 0.5
    assert found.point.saved > 0
    at_risk = exposures(past.events, test.rows)
    by_hand = operating_point(
        test.rows["y"].to_numpy(), chance, at_risk, threshold=wanted, costs=COSTS
    )
    assert replace(found.point, intervals={}) == by_hand
    other, _ = operated(past, valid, flipped(test))
    assert other.point.threshold == wanted
    assert other.point.recall != found.point.recall
    figures = found.figures()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["saved_low"] <= figures["saved"] <= figures["saved_high"]


def test_without_costs_or_accused_the_capacity_chooses_and_no_money_is_told():
    _, past, _, valid, test = case()
    found, _ = operated(past, valid, test, costs=None)
    assert found.chosen_by == "capacity"
    assert 0 < found.point.flagged <= 0.1 * found.point.rows
    assert found.figures()["saved"] is None
    assert found.figures()["saved_low"] is None
    silent = replace(valid, rows=valid.rows.with_columns(y=pl.lit(0, pl.Int8)))
    assert operated(past, silent, test)[0].chosen_by == "capacity"


def test_segments_add_up_to_all_rows():
    _, past, _, valid, test = case()
    found, _ = operated(past, valid, test)
    sums = found.segments.group_by("column").agg(pl.col("count", "flagged").sum())
    assert set(sums["column"]) == {"account_age", "region"}
    assert set(sums["count"]) == {found.point.rows}
    assert set(sums["flagged"]) == {found.point.flagged}


@pytest.mark.parametrize("seed", [7, 8])
def test_the_operating_point_and_segments_do_not_know_the_future(seed):
    shop, past, as_of, valid, test = case()
    alone, _ = operated(past, valid, test)
    for later in (shop, with_regions(together(past, future(shop, as_of, seed), seed))):
        found, _ = operated(later, valid, test)
        assert found.figures() == alone.figures()
        assert found.segments.equals(alone.segments)


@pytest.mark.parametrize(
    ("costs", "reviews"),
    [(COSTS, None), (COSTS, Capacity(share=0.02)), (None, Capacity(count=31))],
)
def test_decisions_at_a_moment_do_not_change_with_later_events(tmp_path, costs, reviews):
    shop, past, as_of, _, _ = case()
    model = detector(as_of - DAY)

    def decided():
        with connect(f"embedded://{tmp_path}/store", read_only=True) as store:
            return score(store, model, as_of=as_of, costs=costs, reviews=reviews).rows

    for loaded in (past, future(shop, as_of, 7)):
        with connect(f"embedded://{tmp_path}/store") as store:
            store.write_tables(loaded)
        if loaded is past:
            alone = decided()
    assert decided().equals(alone)
    held = int((alone["decision"] == "hold").sum())
    assert held > 0
    if costs is None:
        assert alone["decision"].head(31).to_list() == ["hold"] * 31
        assert held == 31
    elif reviews is not None:
        assert held <= 0.02 * alone.height


def test_ranks_are_held_by_capacity_alone(tmp_path):
    _, past, as_of, _, _ = case()
    model = detector(as_of - DAY, kind=FraudDetector)
    with connect(f"embedded://{tmp_path}/store") as store:
        store.write_tables(past)
        with pytest.raises(UsageError, match="these scores are ranks") as error:
            score(store, model, as_of=as_of, costs=COSTS)
        assert "--capacity" in error.value.hint
        assert "train with labels" in error.value.hint
        rows = score(store, model, as_of=as_of, costs=COSTS, reviews=Capacity(count=3)).rows
        assert rows["decision"].head(4).to_list() == ["hold"] * 3 + ["ship"]
        assert "decision" not in score(store, model, as_of=as_of).rows.columns
