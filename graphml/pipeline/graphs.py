"""From a card of a plain graph to a trained model, its report, its scores."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from graphml.config import TrainConfig
from graphml.errors import UsageError
from graphml.pipeline.keeping import Trained, keep
from graphml.pipeline.reading import check_moment
from graphml.pipeline.training import Asking, What
from graphml.results import Report, Scores
from graphml.store.provenance import Manifest, Stopwatch

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.tables.graphsource import GraphSource
    from graphml.tasks.split import Split
    from graphml.training.model import GraphModel

logger = logging.getLogger("graphml.pipeline")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PlainGraph:
    """What a card asks, and the graphs to learn from and to ask.

    Attributes:
        source: As the card has it.
        split: Its labels or pairs.
        learned: Without the pairs that validation took from those to learn from.
        asked: With them.
    """

    source: GraphSource
    split: Split
    learned: Graph
    asked: Graph


def plain_graph(card: Path, what: What, config: TrainConfig, asking: Asking) -> PlainGraph:
    """Return the graph of a card, and what it asks: of nodes for ``fraud``, else of pairs.

    Raises:
        GraphmlError: Card and files do not fit, or declare nothing of the kind.
    """
    from graphml.graph.plain import build_plain_graph
    from graphml.tables.graphsource import read_graph
    from graphml.tasks.plain import link_split, node_split

    logger.info("reading the graph of %s", card)
    source = read_graph(card)
    if what == "fraud":
        split = node_split(
            source, seed=config.seed, valid_from=asking.valid_from, test_from=asking.test_from
        )
        graph = build_plain_graph(source)
        return PlainGraph(source=source, split=split, learned=graph, asked=graph)
    rest, split = link_split(source, batch_size=config.batch_size, seed=config.seed)
    return PlainGraph(
        source=source,
        split=split,
        learned=build_plain_graph(rest),
        asked=build_plain_graph(source),
    )


def train_graph(
    card: Path, what: What, config: TrainConfig, asking: Asking, *, folder: Path
) -> Trained[GraphModel]:
    """Train on the graph that a card declares; keep model and report in ``folder``.

    Raises:
        GraphmlError: Card and files do not fit, or declare nothing to learn.
    """
    from graphml.training.evaluate import evaluate
    from graphml.training.fit import fit

    watch = Stopwatch()
    given = plain_graph(card, what, config, asking)
    split = given.split
    logger.info(
        "%d to learn from, %d to choose by, %d to report on",
        len(split.train), len(split.valid), len(split.test),
    )  # fmt: skip
    model = fit(given.learned, split.train, split.valid, config, folder=folder)
    report = evaluate(model, given.asked, split.test, seed=config.seed)
    manifest = Manifest.of(
        f"train-{what}",
        settings=config,
        data=model.digests["data"],
        as_of=model.chosen_until,
        seed=config.seed,
        model=model.name,
        counts={"train": len(split.train), "valid": len(split.valid), "test": len(split.test)},
        notes={"graph": given.source.name, "notes": list(given.source.notes)},
        watch=watch,
    )
    keep(folder, report, manifest, card=None)
    return Trained(model=model, report=report, manifest=manifest)


def evaluate_graph(card: Path, model: GraphModel) -> Report:
    """Return a model's report on the test part of a card's split.

    Raises:
        UsageError: The card asks about something else than the model.
    """
    from graphml.training.evaluate import evaluate

    what: What = "fraud" if len(model.about) == 1 else "recommend"
    import polars as pl

    given = plain_graph(card, what, model.config, Asking())
    test = given.split.test
    if test.about != model.about:
        raise UsageError(
            f"{model.name} is about {' '.join(model.about)}, "
            f"{card} asks about {' '.join(test.about)}",
            hint="the card that it was trained on",
        )
    _require_known(model, given.asked, card)
    later = test.where(pl.col("as_of") >= model.chosen_until)
    if not len(later):
        raise UsageError(
            f"{card} asks nothing after {model.chosen_until.isoformat()}, by which {model.name} was chosen",
            hint="the card that it was trained on",
        )
    return evaluate(model, given.asked, later, seed=model.config.seed)


def _require_known(model: GraphModel, graph: Graph, card: Path) -> None:
    """Refuse a graph without the edges that a model was trained on."""
    if missing := sorted(set(model.edge_types) - set(graph.edges)):
        raise UsageError(
            f"{card} has no {' '.join(missing[0])}, which {model.name} was trained on",
            hint="the card that it was trained on",
        )


def score_graph(card: Path, model: GraphModel, *, as_of: datetime | None) -> tuple[Scores, Graph]:
    """Return the score of every node of the type asked about, as of ``as_of`` or the last edge, and the graph.

    Raises:
        UsageError: The model knows what comes after ``as_of``, or is about another type.
    """
    from graphml.graph.plain import build_plain_graph
    from graphml.tables.graphsource import read_graph
    from graphml.tasks.plain import EPOCH

    graph = build_plain_graph(read_graph(card))
    if model.about[0] not in graph.nodes:
        raise UsageError(f"{card} has no {model.about[0]}", hint="the card that it was trained on")
    moment = EPOCH if graph.timeless else as_of or graph.events["time"].max()
    if graph.timeless and as_of is not None:
        raise UsageError(f"{card} has no time, so there is no as_of", hint="without --as-of")
    check_moment(model, moment)  # type: ignore[arg-type]
    _require_known(model, graph, card)
    return model.score(graph, as_of=moment), graph  # type: ignore[arg-type]
