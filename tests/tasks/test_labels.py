"""Labels hold what they say, and come back from a file as they were."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from graphml.errors import UsageError
from graphml.tasks.labels import ROWS, Labels
from tests.graph.marketplace import HOSTILE, at

FRAUD = Labels(
    task="fraud",
    horizon=timedelta(days=30, microseconds=1),
    rows=pl.DataFrame(
        [("m-1", at(0), 1, at(3)), (HOSTILE, at(0), 0, at(8)), ("m-1", at(2), 1, at(3))],
        schema=ROWS["fraud"],
        orient="row",
    ),
)
PURCHASE = Labels(
    task="purchase",
    horizon=None,
    rows=pl.DataFrame(
        [(HOSTILE, "p'\n", at(0), at(1), None, "e-1", at(1))],
        schema=ROWS["purchase"],
        orient="row",
    ),
)


@pytest.mark.parametrize("labels", [FRAUD, PURCHASE, FRAUD.where(pl.lit(False))])
def test_what_was_saved_comes_back(labels: Labels, tmp_path) -> None:
    file = tmp_path / "new folder" / "labels [1].parquet"
    for _ in range(2):  # over itself
        labels.save(file)
    back = Labels.load(file)
    assert (back.task, back.horizon) == (labels.task, labels.horizon)
    assert back.rows.equals(labels.rows)
    assert back.rows.schema == labels.rows.schema
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_other_files_are_no_labels(tmp_path) -> None:
    text, other = tmp_path / "text.parquet", tmp_path / "other.parquet"
    text.write_text("no Parquet")
    FRAUD.rows.write_parquet(other)
    for file in (text, other, tmp_path / "none.parquet", tmp_path):
        with pytest.raises(UsageError, match="holds no labels") as raised:
            Labels.load(file)
        assert raised.value.hint


def test_a_window_is_settled_when_it_is_over_and_known() -> None:
    labels = Labels(task="fraud", horizon=timedelta(microseconds=5), rows=FRAUD.rows)
    assert labels.rows.select(labels.settled).to_series().to_list() == [at(5), at(8), at(7)]
    assert PURCHASE.rows.select(PURCHASE.settled).item() == at(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "churn"}, "no task 'churn'; known: fraud, purchase"),
        ({"rows": PURCHASE.rows}, "fraud labels need"),
        ({"rows": FRAUD.rows.with_columns(pl.col("y").cast(pl.Int64))}, "fraud labels need"),
        (
            {"rows": FRAUD.rows.with_columns(known_at=pl.lit(None, ROWS["fraud"]["known_at"]))},
            "fraud labels without known_at",
        ),
        ({"horizon": None}, "fraud labels with horizon None"),
        ({"horizon": timedelta(0)}, "horizon must be positive"),
        (
            {"task": "purchase", "rows": PURCHASE.rows, "horizon": timedelta(1)},
            "purchase labels with horizon 1 day",
        ),
    ],
)
def test_labels_that_do_not_fit_are_refused(change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Labels(**{"task": "fraud", "horizon": FRAUD.horizon, "rows": FRAUD.rows} | change)


def test_where_keeps_the_order() -> None:
    kept = FRAUD.where(pl.col("y") == 1)
    assert kept.rows["as_of"].to_list() == [at(0), at(2)]
    assert (kept.task, kept.horizon, len(kept)) == ("fraud", FRAUD.horizon, 2)
