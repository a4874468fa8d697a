"""The recommender that ships: sources of candidates and the ranker that orders them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graphml.config import RecommendConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.recommend import CARD
from graphml.recommend.candidates import Candidates, Sources
from graphml.recommend.features import Known
from graphml.recommend.history import History
from graphml.recommend.similar import similar
from graphml.recommend.vectors import Vectors
from graphml.results import parse_time, time_text
from graphml.store.files import read_saved, write_saved
from graphml.store.provenance import model_name
from graphml.tabular.trees import TreeModel

if TYPE_CHECKING:
    from graphml.training.model import GraphModel

FORMAT = 2

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shelf:
    """What a shop can recommend at one moment.

    Attributes:
        history: By the moment, without the events of members left out.
        known: Of members and products.
        sources: Of candidates.
    """

    history: History
    known: Known
    sources: Sources

    @classmethod
    def of(
        cls,
        graph: Graph,
        *,
        without: NDArray[np.bool_] | None = None,
        vectors: Vectors | None = None,
        segment: str | None = None,
    ) -> Shelf:
        """Return what is known of a graph that ``Graph.until`` made.

        Args:
            graph: As of a moment.
            without: Members whose events do not count, bool [members].
            vectors: A network's, of the same moment and of all members who are to be asked about.
            segment: Column of the members table by which those without a past are told apart.

        Raises:
            UsageError: The members table has no such column.
        """
        history = History.of(graph, without)
        return cls(
            history=history,
            known=Known.of(history),
            sources=Sources.of(
                history, neighbours=similar(history), vectors=vectors, segment=segment
            ),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of ``described``."""
        return (*self.sources.columns, *self.known.names)

    def described(self, members: Ints, *, each: int) -> tuple[Candidates, Matrix]:
        """Return candidates of members, dense ids, and all that a ranker is told of them."""
        found = self.sources.candidates(members, each=each)
        told = self.known.parts(found.member, found.product)
        return found, np.column_stack([found.values, *told])


def shelf_of(
    graph: Graph,
    members: Ints,
    config: RecommendConfig,
    *,
    without: NDArray[np.bool_],
    network: GraphModel | None = None,
) -> Shelf:
    """Return what a graph knows of some members by its moment, a network's vectors too.

    Args:
        graph: As of a moment.
        members: Who is to be asked about: dense ids, sorted, there by then.
        config: Of the recommender.
        without: Members whose events do not count, bool [all members].
        network: Trained on purchases; ``None`` for none.

    Raises:
        UsageError: The members table has no column that the configuration names.
    """
    vectors = None
    if network is not None:
        assert graph.as_of is not None
        vectors = Vectors.of(network, graph, members, as_of=graph.as_of)
    return Shelf.of(graph, without=without, vectors=vectors, segment=config.segment)


# What is not learned: the order by one column, and what breaks its ties.
SIMPLE: Mapping[str, tuple[str, str | None]] = {
    "popular": ("score.popular_30", None),
    "bought before, then popular": ("pair.baskets", "score.popular_30"),
    "bought lately, then popular": ("score.own", "score.popular_30"),
    "bought by the same members": ("score.similar", "score.popular_30"),
    "next in baskets": ("score.next", "score.popular_30"),
}
"""Methods without training, by name: the column that orders, and the one for ties."""
RANKER, WITH_NETWORK = "ranker", "ranker with network"


def simple_scores(names: tuple[str, ...], values: Matrix, method: str) -> Floats:
    """Return the scores of a method of ``SIMPLE``, float64 [candidates].

    The order of a member's candidates does not depend on the others that are scored.
    """
    first, second = SIMPLE[method]
    column = np.nan_to_num(values[:, names.index(first)])
    scores: Floats = column.astype(np.float64)
    if second is not None:
        ties, tie = np.unique(np.nan_to_num(values[:, names.index(second)]), return_inverse=True)
        # Less than to the next number of float32, so that no tie outweighs a difference.
        scores += np.spacing(column).astype(np.float64) * (tie / (len(ties) + 1))
    return scores


@dataclass(frozen=True, kw_only=True, eq=False)
class Recommender:
    """Which products members buy next, and in which order.

    Attributes:
        method: ``ranker``, ``ranker with network``, or a method of ``SIMPLE`` where that did better
            on validation.
        ranker: ``None`` where the method is simple.
        network: What names products too; ``None`` where it was not asked for or did not help.
        config: How it was trained.
        trained_until: Last moment that training knew.
        chosen_until: Last moment that validation knew.
        digests: Of settings and data.
    """

    method: str
    ranker: TreeModel | None
    config: RecommendConfig
    trained_until: datetime
    chosen_until: datetime
    digests: Mapping[str, str] = field(default_factory=dict)
    network: GraphModel | None = None

    @property
    def name(self) -> str:
        """What runs and lists carry: a digest of all that made it."""
        return model_name("recommend", self.digests)

    @property
    def horizon(self) -> timedelta:
        """How far ahead it was taught to look."""
        return timedelta(days=self.config.horizon_days)

    def shelf(self, graph: Graph, members: Ints, *, without: NDArray[np.bool_]) -> Shelf:
        """Return what a graph knows, as this recommender is told it.

        Args:
            graph: As of a moment.
            members: Who is to be asked about: dense ids, sorted.
            without: Members whose events do not count, bool [all members].
        """
        return shelf_of(graph, members, self.config, without=without, network=self.network)

    def scores(self, names: tuple[str, ...], values: Matrix) -> Floats:
        """Return the scores of described candidates, float64 [candidates]: higher comes first.

        Raises:
            UsageError: The columns are not those that the ranker knows.
        """
        if self.ranker is None:
            return simple_scores(names, values, self.method)
        return self.ranker.predict(values, names=names)

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, ``recommender.json`` last.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if self.ranker is not None:
            self.ranker.save(folder / "ranker")
        if self.network is not None:
            self.network.save(folder / "network")
        about = {
            "format": FORMAT,
            "name": self.name,
            "method": self.method,
            "config": asdict(self.config),
            "trained_until": time_text(self.trained_until),
            "chosen_until": time_text(self.chosen_until),
            "digests": dict(self.digests),
            "ranker": self.ranker.digest if self.ranker else None,
            "network": self.network.name if self.network else None,
        }
        write_saved(folder / CARD, about)

    @classmethod
    def load(cls, folder: Path) -> Recommender:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``folder`` holds no recommender, or a damaged one.
        """
        absent = UsageError(
            f"no recommender in {folder}", hint="graphml train recommend --out writes one"
        )
        return read_saved(
            folder / CARD, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )


def _read(folder: Path, about: dict[str, Any]) -> Recommender:
    ranker = TreeModel.load(folder / "ranker") if about["ranker"] else None
    if (ranker.digest if ranker else None) != about["ranker"]:
        raise ValueError("the ranker is of another training, which did not end")
    network = None
    if about["network"] is not None:
        from graphml.training.model import GraphModel

        network = GraphModel.load(folder / "network")
        if network.name != about["network"]:
            raise ValueError("the network is of another training, which did not end")
    learned = RANKER if network is None else WITH_NETWORK
    if about["method"] not in (SIMPLE if ranker is None else (learned,)):
        raise ValueError(f"no method {about['method']!r}")
    if not all(isinstance(one, str) for one in dict(about["digests"]).values()):
        raise ValueError("its digests are no text")
    return Recommender(
        method=about["method"],
        ranker=ranker,
        config=RecommendConfig(**about["config"]),
        trained_until=parse_time(about["trained_until"]),
        chosen_until=parse_time(about["chosen_until"]),
        digests=dict(about["digests"]),
        network=network,
    )
