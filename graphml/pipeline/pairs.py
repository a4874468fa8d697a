"""From a card's pairs without time to a recommender of pairs, its report, its lists."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.errors import UsageError, one_line
from graphml.pipeline.keeping import Trained, keep
from graphml.recommend.evaluation import LENGTHS, MISSED, at_length, mean_interval
from graphml.recommend.filters import FilterConfig
from graphml.recommend.pairs import CARD, METHODS, POPULAR, PairRecommender, fit_pairs, learned_from
from graphml.results import Report
from graphml.store.provenance import Manifest, Stopwatch
from graphml.tables.graphparser import read_graph_card
from graphml.tables.graphsource import read_graph
from graphml.tasks.pairs import ENDS, CardPairs, hold_out, ids_of, pairs_of, with_test
from graphml.tasks.plain import EPOCH
from graphml.training.metrics import mrr, ndcg_at, ndcg_by_owner

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Lists = tuple[pl.DataFrame, str]

logger = logging.getLogger("graphml.pipeline")

_LIST = max(LENGTHS)
_CHOOSERS = 5_000
"""Owners by whose lists a method is chosen, at most."""


def is_timeless(card: Path) -> bool:
    """Return whether a card says that its graph has no time.

    Raises:
        GraphmlError: It is malformed or cannot be read.
    """
    return read_graph_card(card).head.timeless


def is_of_pairs(folder: Path) -> bool:
    """Return whether a folder holds a recommender of pairs, whole or damaged."""
    return (folder / CARD).is_file()


def split_card(card: Path, *, seed: int) -> CardPairs:
    """Return a card's pairs, a part of them drawn by seed for the test where it has none.

    Raises:
        GraphmlError: Card and files do not fit, it has times, or no pairs to learn from or to
            report on.
    """
    return with_test(_read(card), seed=seed)


def train_pairs(card: Path, seed: int, *, folder: Path) -> Trained[PairRecommender]:
    """Train on the pairs of a card; keep model, report and manifest in ``folder``.

    Of ``METHODS`` the one ships that has the highest NDCG of 20 on the card's pairs for
    validation, else on a tenth of each owner's pairs to learn from; it is then fitted on all of
    these. The test has no say.

    Raises:
        GraphmlError: As for ``split_card``.
    """
    watch = Stopwatch()
    config = FilterConfig(seed=seed)
    pairs = split_card(card, seed=seed)
    method, found = _choice(pairs, config)
    model = _fit(pairs, method, config)
    report = _report(model, pairs)
    manifest = Manifest.of(
        "train-recommend",
        settings=config,
        data=model.learned,
        as_of=EPOCH,
        seed=seed,
        model=model.name,
        counts={part: getattr(pairs, part).height for part in ("train", "valid", "test")},
        notes={
            "graph": pairs.name, "notes": list(report.notes), "method": method,
            "validation_ndcg_at_20": found,
        },
        watch=watch,
    )  # fmt: skip
    model.save(folder)
    keep(folder, report, manifest, card=CARD)
    return Trained(model=model, report=report, manifest=manifest)


def evaluate_pairs(card: Path, folder: Path) -> Report:
    """Return the report of a model on the test of a card, drawn by the model's seed where it has none.

    Raises:
        GraphmlError: There is no model, or the card is about other pairs than it.
    """
    model = PairRecommender.load(folder)
    pairs = split_card(card, seed=model.seed)
    _require_known(model, pairs)
    if learned_from(pairs.train, pairs.targets) != model.learned:
        said = (
            f"{model.name} was trained on other pairs than {card} has to learn from: the test may "
            "hold some of those, and look too good"
        )
        logger.warning("%s", said)
        pairs = replace(pairs, notes=(*pairs.notes, said))
    return _report(model, pairs)


def recommend_pairs(card: Path, folder: Path, ids: Sequence[str], top: int) -> Lists:
    """Return owners' lists, best first, and the model's name; what an owner has is not on its list.

    Who has nothing that the model knows gets what most have. What the card's training knows counts,
    also pairs that came since the model was trained, or that its test was drawn from.

    Args:
        card: With the pairs of today.
        folder: Of the model.
        ids: Owners; all of the card if empty.
        top: Longest list.

    Returns:
        source, target, rank (from 1 on) and score, owner by owner.

    Raises:
        GraphmlError: There is no model, the card is about other pairs, or has no such owner.
    """
    pairs = _read(card)
    model = PairRecommender.load(folder)
    _require_known(model, pairs)
    owners = pairs.owners
    if ids:
        owners = pl.Series("source", ids, dtype=pl.String).unique(maintain_order=True)
        strangers = owners.filter(~owners.is_in(pairs.owners.implode()))
        if len(strangers):
            raise UsageError(
                f"no {pairs.edge_type[0]} {one_line(strangers[0])} in {card}",
                hint="an id as in the card's files",
            )
    lists = model.top(owners, pairs.known, top)
    without = owners.filter(~owners.is_in(lists["source"].implode()))
    if len(without):
        logger.warning(
            "no list for %d of %d, as %s: they have every target",
            len(without), len(owners), one_line(without[0], 60),
        )  # fmt: skip
    return lists, model.name


def _read(card: Path) -> CardPairs:
    logger.info("reading the pairs of %s", card)
    return pairs_of(read_graph(card))


def _require_known(model: PairRecommender, pairs: CardPairs) -> None:
    """Refuse a card of other pairs than a model's; say how many of their targets it does not know."""
    if pairs.edge_type != model.edge_type:
        raise UsageError(
            f"{model.name} is about {' '.join(model.edge_type)}, "
            f"{pairs.name} asks about {' '.join(pairs.edge_type)}",
            hint="the card that it was trained on",
        )
    there = pairs.targets
    missing = there.filter(~there.is_in(model.targets.implode()))
    if len(missing) == len(there):
        raise UsageError(
            f"{model.name} knows no {pairs.edge_type[2]} of {pairs.name}",
            hint="the card that it was trained on",
        )
    if len(missing):
        logger.warning(
            "%s does not know %d of %d %s, as %s: no list names them",
            model.name, len(missing), len(there), pairs.edge_type[2], one_line(missing[0], 60),
        )  # fmt: skip


def _choice(pairs: CardPairs, config: FilterConfig) -> tuple[str, dict[str, float]]:
    """Return the best method, and the NDCG of 20 by which it is."""
    kept, held = pairs.train, pairs.valid
    if held.is_empty():
        kept, held = hold_out(pairs, seed=(config.seed, 1))
    if kept.is_empty() or held.is_empty():
        logger.info("no %s has two pairs: nothing to choose by", pairs.edge_type[0])
        return POPULAR, {}
    asked = ids_of(held["source"])
    if len(asked) > _CHOOSERS:
        some = np.random.default_rng((config.seed, 2)).choice(len(asked), _CHOOSERS, replace=False)
        held = held.join(asked[some].to_frame("source"), on="source", how="semi")
    found: dict[str, float] = {}
    for method in METHODS:
        model = _fit(replace(pairs, train=kept), method, config)
        ranks, owners, _ = _ranked(model, kept, held)
        found[method] = ndcg_at(ranks, owners, k=_LIST)
        logger.info("%s: NDCG@%d %.4f on pairs held out", method, _LIST, found[method])
    return max(METHODS, key=lambda method: found[method]), found


def _fit(pairs: CardPairs, method: str, config: FilterConfig) -> PairRecommender:
    return fit_pairs(pairs.train, pairs.targets, method, config, pairs.edge_type)


def _ranked(
    model: PairRecommender, known: pl.DataFrame, asked: pl.DataFrame
) -> tuple[Ints, Ints, float]:
    """Return the rank from 0 of each pair asked about and whose it is, and the lists' coverage."""
    lists = model.top(ids_of(asked["source"]), known, _LIST)
    found = asked.join(lists, on=ENDS, how="left")
    ranks = (found["rank"] - 1).fill_null(MISSED).to_numpy()
    owners = found["source"].rank("dense").cast(pl.Int64).to_numpy() - 1
    return ranks, owners, lists["target"].n_unique() / len(model.targets)


def _report(model: PairRecommender, pairs: CardPairs) -> Report:
    """Return how good a model's lists are on the test, beside the other methods for the same owners.

    Intervals are 95 % of bootstrap samples of owners; ``above``: how much the model's NDCG of 20 is
    above this method's, on the same samples for both.
    """
    rows: list[dict[str, Any]] = []
    first: Floats | None = None
    for method in sorted(METHODS, key=lambda method: method != model.method):
        one = model if method == model.method else _fit(pairs, method, model.linear.config)
        ranks, owners, coverage = _ranked(one, pairs.train, pairs.test)
        row: dict[str, Any] = {"method": method}
        for k in reversed(LENGTHS):
            row |= at_length(ranks, owners, k)
            row[f"mrr_at_{k}"] = round(mrr(np.where(ranks < k, ranks, MISSED), owners), 9)
        ndcg = ndcg_by_owner(ranks, owners, k=_LIST)
        recall = np.bincount(owners, ranks < _LIST) / np.bincount(owners)
        first = ndcg if first is None else first
        row["above"] = float((first - ndcg).mean())
        told = {f"ndcg_at_{_LIST}": ndcg, f"recall_at_{_LIST}": recall, "above": first - ndcg}
        for name, values in told.items():
            row[f"{name}_low"], row[f"{name}_high"] = mean_interval(values, model.seed)
        rows.append({**row, "coverage": coverage, "members": len(ndcg)})
    return Report(
        task="recommend", model=model.name, rows=tuple(rows), labels=pairs.test.height,
        first=EPOCH, last=EPOCH, notes=pairs.notes,
    )  # fmt: skip
