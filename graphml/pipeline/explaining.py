"""Why members have the scores that a fraud detector gave them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graphml.errors import UsageError, one_line
from graphml.explain.explanation import Explanation
from graphml.explain.member import explain_member
from graphml.fraud.detector import FraudDetector
from graphml.fraud.evidence import Described, Describer
from graphml.graph.nodes import microseconds
from graphml.pipeline.reading import check_moment, stored_graph
from graphml.results import Scores, time_text
from graphml.tables.frames import TIME
from graphml.tabular.aggregates import Features
from graphml.tabular.flags import known_flags
from graphml.tabular.trees import TreeModel
from graphml.training.questions import seeds_of

if TYPE_CHECKING:
    from graphml.graph.build import Graph
    from graphml.store.base import GraphStore

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _OfOne:
    """A detector as explanations ask it: what the network says of the one member stays as it is."""

    detector: FraudDetector
    network: float | None

    @property
    def name(self) -> str | None:
        """The detector's."""
        return self.detector.name

    @property
    def trees(self) -> TreeModel | None:
        """The detector's."""
        return self.detector.trees

    def risks(self, features: Features, structure: Floats) -> Floats:
        """Return weighted log-odds, float64 [rows]."""
        said = None if self.network is None else np.full(len(structure), self.network)
        return self.detector.weighed(Described(features=features, structure=structure), said)

    def probability(self, risks: Floats) -> Floats:
        """Return the detector's probabilities, float64 [rows]."""
        return self.detector.probability(risks)


def explain_scores(
    describer: Describer,
    detector: FraudDetector,
    ids: Sequence[str],
    *,
    as_of: datetime,
    threshold: float,
) -> list[Explanation]:
    """Return why each member has its score as of a moment.

    Args:
        describer: Of the graph.
        detector: Whose scores they are.
        ids: Members there by then.
        as_of: The last moment known, with a time zone.
        threshold: From which score on a member is flagged.

    Raises:
        UsageError: There is no such member by then.
    """
    import polars as pl

    from graphml.fraud.detector import ask_network

    moment, graph = microseconds(as_of), describer.graph
    company, flags = describer.company(moment), known_flags(graph)
    said: Sequence[float | None] = [None] * len(ids)
    if detector.network is not None:
        asked = seeds_of(
            graph, "member", pl.Series(ids), np.full(len(ids), moment), seed=detector.seed
        )
        said = ask_network(detector.network, graph, asked).tolist()
    return [
        explain_member(
            graph, member_id, as_of=as_of, scorer=_OfOne(detector=detector, network=network),
            company=company, threshold=threshold, flags=flags, score_kind=detector.score_kind,
        )
        for member_id, network in zip(ids, said, strict=True)
    ]  # fmt: skip


def explain_stored(
    store: GraphStore, detector: FraudDetector, member_id: str, *, as_of: datetime, capacity: float
) -> Explanation:
    """Return why a member of a store has its score; flagged are the ``capacity`` riskiest members.

    Raises:
        NothingToDoError: There is no event by then.
        UsageError: There is no such member by then, or the detector knows what came later.
    """
    _, graph = stored_graph(store, as_of)
    check_moment(detector, as_of)
    _require_active(store, graph, member_id, as_of)
    describer = Describer(graph)
    scores = detector.score(graph, as_of=as_of, describer=describer)
    threshold = flagged_from(scores, capacity)
    (explained,) = explain_scores(
        describer, detector, [member_id], as_of=as_of, threshold=threshold
    )
    return explained


def _require_active(store: GraphStore, graph: Graph, member_id: str, as_of: datetime) -> None:
    """Refuse a member of whom nothing but attributes is known by then; of others nothing is told.

    Raises:
        UsageError: It is one.
    """
    import polars as pl

    if graph.nodes["member"].keys.index_of(member_id) is not None:
        return
    rows = store.stored_rows("members").filter(pl.col("member_id") == member_id)
    later = pl.max_horizontal("valid_from", "signup_time") > pl.lit(as_of, TIME)
    if not rows.filter(later.not_().fill_null(value=True)).is_empty():
        raise UsageError(
            f"{one_line(member_id, 60)} has no events by {time_text(as_of)}: "
            "there is nothing to score or to explain",
            hint="a later --as-of",
        )


def flagged_from(scores: Scores, capacity: float) -> float:
    """Return the lowest of the ``capacity`` highest scores; at least one is flagged."""
    return lowest_flagged(np.array(scores.values), capacity)


def lowest_flagged(values: Floats, share: float) -> float:
    """Return the lowest of the highest ``share`` of values; at least one is flagged."""
    count = max(1, int(share * len(values) + 1e-9))
    return float(np.sort(values)[::-1][count - 1])


def reasons_text(explained: Explanation) -> str:
    """Return the reasons as the JSON list that stands in a row of scores."""
    kept = ("code", "text", "event_ids")
    rows = [{name: reason[name] for name in kept} for reason in explained.to_json()["reasons"]]
    return json.dumps(rows, ensure_ascii=False)
