"""How likely members are to do what with which product: a probability for each pair that a source names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.config import PropensityConfig
from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.recommend.candidates import Candidates
from graphml.recommend.chances_asked import KINDS, described, to_be_asked
from graphml.recommend.recommender import Shelf
from graphml.results import ScoreKind, parse_time, time_text
from graphml.store.files import clear_errors, read_saved, write_saved
from graphml.store.provenance import model_name
from graphml.tables.frames import TIME, require_utc
from graphml.tabular.calibration import Calibrator
from graphml.tabular.flags import fraudulent, opted_out
from graphml.tabular.logistic import log_odds, logarithms
from graphml.tabular.trees import TreeModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

CARD = "chances.json"
"""The file in a model's folder that says that it holds one of pairs."""
FORMAT = 1
TREES, BAR = METHODS = ("trees", "recency, frequency, popularity")
"""What may ship."""
_BAR = {"pair.since_bought": 10_000.0, "pair.baskets": 0.0, "score.popular_30": 0.0}
"""Columns of the bar, and what stands where there is none."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PairTarget:
    """How one kind of event is predicted.

    Attributes:
        method: Of ``METHODS``, which ships.
        trees: On the columns of a shelf.
        bar: Weights of the bar's columns (logarithms), and the constant last.
        calibrators: Of each method's log-odds.
    """

    method: str
    trees: TreeModel
    bar: tuple[float, ...]
    calibrators: Mapping[str, Calibrator]

    def log_odds(self, names: tuple[str, ...], values: Matrix, method: str | None = None) -> Floats:
        """Return what a method says of pairs, uncalibrated, float64 [pairs].

        Args:
            names: Of the columns.
            values: As a shelf describes pairs, float32 [pairs, names].
            method: Of ``METHODS``; the one that ships if omitted.

        Raises:
            UsageError: The columns are not those that the trees know.
        """
        if (method or self.method) == TREES:
            return self.trees.predict(values, names=names)
        return log_odds(bar_columns(names, values), self.bar)

    def probability(
        self, names: tuple[str, ...], values: Matrix, method: str | None = None
    ) -> Floats:
        """Return the chance that it comes true, in (0, 1), float64 [pairs]; as ``log_odds``."""
        said = self.log_odds(names, values, method)
        return self.calibrators[method or self.method].apply(said)

    @property
    def score_kind(self) -> ScoreKind:
        """``rank`` where too few answers of a kind were there to calibrate with."""
        return "rank" if self.calibrators[self.method].method == "none" else "probability"


@dataclass(frozen=True, kw_only=True, eq=False)
class PairModel:
    """How likely members are to view, put into the cart, buy or give back a product.

    Attributes:
        targets: By kind of event, in the order of ``KINDS``; those that the past could teach.
        config: How it was trained.
        trained_until: Last moment that training knew.
        chosen_until: Last moment that validation knew.
        digests: Of settings and data.
    """

    targets: Mapping[str, PairTarget]
    config: PropensityConfig
    trained_until: datetime
    chosen_until: datetime
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What scores carry: a digest of all that made it."""
        return model_name("propensity", self.digests)

    @property
    def horizon(self) -> timedelta:
        """How far ahead it looks."""
        return timedelta(days=self.config.horizon_days)

    def score(
        self, graph: Graph, *, as_of: datetime, target: str | None = None, top: int | None = None
    ) -> pl.DataFrame:
        """Return the chance of each target within the horizon after ``as_of``, for pairs.

        The pairs are those of members and the products that a source names for them. Who has opted
        out of personalisation and who is known by then to be fraudulent is left out, which is
        logged. Columns: member_id, product_id, target, score, score_kind, horizon_days, as_of,
        model; by target as in ``targets``, the likeliest first, of equal ones by ids.

        Args:
            graph: Of which what comes after ``as_of`` is not looked at.
            as_of: The last moment known, with a time zone.
            target: Of ``targets``; all if omitted.
            top: The likeliest pairs of each target alone, at least 1.

        Raises:
            ValueError: ``as_of`` is naive.
            UsageError: The model predicts no such target, or knows other columns.
        """
        if target is not None and target not in self.targets:
            raise UsageError(
                f"the model predicts no {target!r} of a product", hint=", ".join(self.targets)
            )
        then = graph.until(require_utc("as_of", as_of))
        without = fraudulent(then)
        if left := int((then.nodes["member"].present & (opted_out(then) | without)).sum()):
            _log.info("%d members have opted out or are fraudulent and are not scored", left)
        shelf = Shelf.of(then, without=without)
        names = [target] if target is not None else list(self.targets)
        best = {name: _Best.none() for name in names}
        for found, values in described(shelf, to_be_asked(then, without)):
            for name in names:
                said = self.targets[name].probability(shelf.names, values)
                best[name].add(found, said, top)
        return pl.concat([self._frame(name, best[name], then, as_of, top) for name in names])

    def _frame(
        self, name: str, best: _Best, graph: Graph, as_of: datetime, top: int | None
    ) -> pl.DataFrame:
        member, product, score = best.ordered(top)
        members, products = (graph.nodes[node].keys for node in ("member", "product"))
        return pl.DataFrame(
            {
                "member_id": members.gather(member),
                "product_id": products.gather(product),
                "target": pl.repeat(name, len(score), dtype=pl.String, eager=True),
                "score": score,
            }
        ).with_columns(
            pl.lit(self.targets[name].score_kind).alias("score_kind"),
            pl.lit(self.config.horizon_days, pl.Int64).alias("horizon_days"),
            pl.lit(as_of, TIME).alias("as_of"),
            pl.lit(self.name).alias("model"),
        )

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``: its trees, and ``chances.json`` last; no pickle.

        Raises:
            StoreError: The disk is full.
            StorePermissionError: The folder may not be written.
        """
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for name, target in self.targets.items():
            target.trees.save(folder / f"trees-{name}")
        about = {
            "format": FORMAT,
            "name": self.name,
            "targets": {
                name: {
                    "method": target.method,
                    "trees": target.trees.digest,
                    "bar": target.bar,
                    "calibrators": {k: one.to_json() for k, one in target.calibrators.items()},
                }
                for name, target in self.targets.items()
            },
            "config": asdict(self.config),
            "trained_until": time_text(self.trained_until),
            "chosen_until": time_text(self.chosen_until),
            "digests": dict(self.digests),
        }
        write_saved(folder / CARD, about)

    @classmethod
    def load(cls, folder: Path) -> PairModel:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``folder`` holds no model of pairs, or a damaged one.
        """
        absent = UsageError(
            f"no chances of products in {folder}",
            hint="graphml train propensity, with pairs = true under [propensity] in graphml.toml",
        )
        return read_saved(
            folder / CARD, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )


def bar_columns(names: tuple[str, ...], values: Matrix) -> Floats:
    """Return the logarithms that the bar weighs, float64 [pairs, 3].

    Days since the member bought the product, in how many baskets it did, and how much of the
    product was sold lately.
    """
    columns = [values[:, names.index(name)] for name in _BAR]
    return logarithms(columns, tuple(_BAR.values()))


@dataclass(kw_only=True, slots=True)
class _Best:
    """Pairs and their scores so far, in no order."""

    parts: list[tuple[NDArray[np.int32], NDArray[np.int32], Floats]]

    @classmethod
    def none(cls) -> _Best:
        return cls(parts=[(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0))])

    def add(self, found: Candidates, scores: Floats, top: int | None) -> None:
        self.parts.append((found.member.astype(np.int32), found.product.astype(np.int32), scores))
        if top is not None:
            self.parts = [self.ordered(top)]

    def ordered(self, top: int | None) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        member, product, scores = (np.concatenate(side) for side in zip(*self.parts, strict=True))
        # Dense ids are in the order of names.
        order = np.lexsort((product, member, -scores))[:top]
        return member[order], product[order], scores[order]


def _read(folder: Path, about: dict[str, Any]) -> PairModel:
    targets = {}
    for name, target in about["targets"].items():
        trees, bar = TreeModel.load(folder / f"trees-{name}"), tuple(map(float, target["bar"]))
        if name not in KINDS or target["method"] not in METHODS or len(bar) != len(_BAR) + 1:
            raise ValueError(f"no target {name!r}, or no method {target['method']!r}")
        if trees.digest != target["trees"]:
            raise ValueError(f"the trees of {name} are of another training, which did not end")
        targets[name] = PairTarget(
            method=target["method"],
            trees=trees,
            bar=bar,
            calibrators={m: Calibrator.from_json(target["calibrators"][m]) for m in METHODS},
        )
    if not targets:
        raise ValueError("it predicts nothing")
    return PairModel(
        targets=targets,
        config=PropensityConfig(**about["config"]),
        trained_until=parse_time(about["trained_until"]),
        chosen_until=parse_time(about["chosen_until"]),
        digests=dict(about["digests"]),
    )
