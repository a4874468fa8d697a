"""How a detector stands: what moved, and what became of those it flagged; nothing from later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from graphml.fraud.evidence import Describer
from graphml.graph.build import build_graph
from graphml.pipeline.drifting import drift_of
from graphml.tasks.known import known_by
from tests.fraud.test_detector import LATER, fitted, market


def at(tables, as_of):
    """Return how the detector stands by ``as_of``, of all that the tables hold."""
    past = known_by(tables, as_of)
    describer = Describer(build_graph(past))
    detector = fitted().detector
    scores = detector.score(describer.graph, as_of=as_of, describer=describer)
    values = np.array(scores.values)
    return drift_of(describer, detector, values, past, as_of=as_of, capacity=0.02)


def test_scores_hardly_move_in_a_month_and_the_report_is_a_line():
    made, _, as_of = market()
    drift = at(made.tables, as_of)
    assert 0 <= drift.score < 0.25
    assert list(drift.columns.values()) == sorted(drift.columns.values(), reverse=True)
    assert drift.told().startswith(f"drift: scores {drift.score:.2f}")
    assert "\n" not in drift.told()


def test_what_became_of_the_flagged_is_counted_from_what_is_known_by_then():
    made, graph, as_of = market()
    then = as_of - fitted().detector.horizon
    scores = fitted().detector.score(graph, as_of=then)
    known = set(made.tables.labels.filter(pl.col("known_at") <= as_of)["member_id"].drop_nulls())
    order = np.argsort(scores.values)[::-1][: int(0.02 * len(scores.ids))]
    free = [scores.ids[i] for i in order if scores.ids[i] not in known]
    # Eight decided within the weeks since, others before and after them.
    days = [1] * 5 + [2] * 3 + [-1] * 2 + [30] * 2
    planted = pl.DataFrame(
        {
            "member_id": free[: len(days)],
            "label": [1] * 5 + [0] * 3 + [1] * 4,
            "known_at": [then + timedelta(days=day) for day in days],
        }
    )
    labels = pl.concat([made.tables.labels, planted], how="diagonal_relaxed")
    before, after = (
        at(replace(made.tables, labels=some), as_of).alerts for some in (made.tables.labels, labels)
    )
    assert before is not None
    assert after is not None
    assert after.confirmed == before.confirmed + 5
    assert after.cleared == before.cleared + 3
    assert after.precision == after.confirmed / (after.confirmed + after.cleared)
    assert after.low < after.precision < after.high


def test_what_comes_later_changes_nothing():
    made, _, as_of = market()
    labels = made.tables.labels.with_columns(
        known_at=pl.when(pl.col("known_at") > as_of)
        .then(pl.col("known_at") + timedelta(days=3))
        .otherwise(pl.col("known_at")),
        label=pl.when(pl.col("known_at") > as_of).then(1 - pl.col("label")).otherwise("label"),
    )
    events = made.tables.events.filter(pl.col("time") <= as_of + LATER / 2)
    assert at(replace(made.tables, labels=labels, events=events), as_of) == at(made.tables, as_of)


def test_a_model_that_knows_the_earlier_moment_says_nothing_of_its_alerts():
    made, _, _ = market()
    assert at(made.tables, fitted().detector.chosen_until).alerts is None
