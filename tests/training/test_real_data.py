"""Both encoders train for both tasks on tables nobody made up for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import torch

from graphml.graph.build import build_graph
from graphml.nn import ENCODERS
from graphml.tables.source import read_source
from graphml.tables.validate import validate
from graphml.tasks.fraud import fraud_labels
from graphml.tasks.recommend import purchase_links
from graphml.tasks.split import cut_times, split_by_time
from graphml.training.evaluate import evaluate
from graphml.training.fit import fit
from tests.rings.cards import CARDS
from tests.training.markets import SMALL

encoders = pytest.mark.parametrize("encoder", sorted(ENCODERS))


@pytest.fixture(scope="module")
def retail():
    source = read_source(CARDS / "uci-online-retail.toml")
    tables, _ = validate(source, now=datetime(2026, 1, 1, tzinfo=UTC))
    return tables


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(tables, labels, encoder):
    valid_from, test_from = cut_times(labels)
    split = split_by_time(labels, valid_from=valid_from, test_from=test_from)
    graph = build_graph(tables)
    config = replace(SMALL, encoder=encoder, epochs=1, batch_size=1024)
    model = fit(graph, split.train, split.valid, config)
    return evaluate(model, graph, split.test).rows


@encoders
def test_purchases_of_uci_online_retail(retail, encoder):
    labels = purchase_links(retail, until=retail.events["time"].max())
    rows = trained(retail, labels, encoder)
    assert rows[0]["method"] == encoder
    assert 0 <= rows[0]["ndcg_at_20"] <= 1
    assert rows[0]["members"] > 50


@encoders
def test_members_of_uci_online_retail_who_were_refunded_much(retail, encoder):
    """The shop has no fraud labels: whoever cancels three invoices or more stands for them."""
    refunds = retail.events.filter(pl.col("kind") == "refund").sort("time")
    third = refunds.group_by("member_id", maintain_order=True).agg(
        fraud_time=pl.col("time").get(2, null_on_oob=True)
    )
    stated = third.drop_nulls().select(
        "member_id",
        label=pl.lit(1, pl.Int64),
        known_at=pl.col("fraud_time") + timedelta(days=3),
        fraud_time="fraud_time",
    )
    tables = replace(retail, labels=stated)
    labels = fraud_labels(
        tables, horizon=timedelta(days=14), every=timedelta(days=14),
        until=retail.events["time"].max(), negatives="matured",
    )  # fmt: skip
    rows = trained(tables, labels, encoder)
    assert rows[0]["method"] == encoder
    assert 0 <= rows[0]["auroc"] <= 1
