"""Orders and reviews as units: a model that says how likely each is fraud, the moment it comes in."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from scipy.special import logit

from graphml.config import Costs
from graphml.errors import NothingToDoError, UsageError
from graphml.fraud import ORDERS
from graphml.fraud.decisions import decide
from graphml.fraud.order_columns import COLUMNS, EVERY, Floats, Ints, OrderColumns
from graphml.graph.build import Graph
from graphml.results import ScoreKind, time_text
from graphml.store.files import clear_errors, read_saved, write_saved
from graphml.store.provenance import digest
from graphml.tables.frames import TIME, require_utc
from graphml.tabular.aggregates import AGGREGATES, Features
from graphml.tabular.calibration import Calibrator, fit_calibrator
from graphml.tabular.trees import TreeConfig, TreeModel, fit_trees
from graphml.tasks.labels import MICROSECOND
from graphml.tasks.order_labels import UNITS, OrderLabels

Bar = Literal["flat", "aggregates", "blend"]
BARS: tuple[Bar, ...] = get_args(Bar)
FORMAT = 1

_FIELDS = ("is_review", "amount", "quantity", "rating", "coupon", "hour", "weekday")
_FLAT_FIELDS = {f"order_{name}" for name in (*_FIELDS, "amount_ratio", "amount_max_ratio")}
_FLAT_GROUPS = {"own", "spending", "variety"}
_SHARE = 0.1
"""Weight of the structure's log-odds beside the trees."""
_CLIP = 1e-3

_log = logging.getLogger(__name__)


def _flat() -> tuple[str, ...]:
    groups = {name: aggregate.group for name, aggregate in AGGREGATES.items()}
    return tuple(n for n, g in groups.items() if g in _FLAT_GROUPS or n in _FLAT_FIELDS)


BAR_COLUMNS: Mapping[Bar, tuple[str, ...]] = {
    "flat": _flat(),
    "aggregates": tuple(AGGREGATES),
    "blend": COLUMNS,
}
"""What each bar's trees see: the record's fields and its member's own past; all aggregates; all."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OrderModel:
    """Trees of three bars, and what makes a probability of the last one's score.

    Attributes:
        trees: By bar.
        calibrator: Of the blend's log-odds.
        every: From one look at the rings to the next.
    """

    trees: Mapping[Bar, TreeModel]
    calibrator: Calibrator
    every: timedelta

    def log_odds(self, features: Features) -> dict[Bar, Floats]:
        """Return what each bar says of rows of ``OrderColumns``, float64 [rows]; higher is riskier.

        The blend is its trees' log-odds plus a tenth of those of the structural score of the
        member's candidate ring, which rank where labels are too few for trees.

        Raises:
            UsageError: The columns are not the model's.
        """
        return {**{bar: self._said(bar, features) for bar in BARS}, "blend": self.risk(features)}

    def risk(self, features: Features) -> Floats:
        """Return what the blend says, as ``log_odds`` does, without asking the other bars."""
        return _blended(self._said("blend", features), features)

    def _said(self, bar: Bar, features: Features) -> Floats:
        if features.names != COLUMNS:
            raise UsageError("other columns than OrderColumns has", hint="ask with OrderColumns.of")
        return self.trees[bar].predict(_columns(features, bar), names=BAR_COLUMNS[bar])

    def score(
        self,
        graph: Graph,
        *,
        since: datetime,
        until: datetime,
        unit: str | None = None,
        costs: Costs | None = None,
        columns: OrderColumns | None = None,
    ) -> pl.DataFrame:
        """Return the orders and reviews that came in ``(since, until]``, as ``score_rows`` does.

        Args:
            graph: Events of which those up to ``until`` are looked at, and for each row's score
                those strictly before it.
            since: Not included.
            until: Included.
            unit: ``order`` or ``review``; both if omitted.
            costs: As in ``score_rows``.
            columns: Of the graph until ``until``, to be used again.

        Raises:
            ValueError: A moment is naive.
            UsageError: The graph is no marketplace, has no time, or ``unit`` is another.
            NothingToDoError: Nothing came in.
        """
        since, until = require_utc("since", since), require_utc("until", until)
        if unit not in (None, *UNITS):
            raise UsageError(f"no unit {unit!r}", hint=f"one of {', '.join(UNITS)}")
        columns = columns or OrderColumns(graph.until(until), every=self.every)
        came = columns.units.filter(pl.col("time") > pl.lit(since, TIME))
        if unit is not None:
            came = came.filter(pl.col("unit") == unit)
        if came.is_empty():
            raise NothingToDoError(
                f"no {unit or 'order or review'} after {time_text(since)} by {time_text(until)}",
                hint="a longer window, or another store",
            )
        return self.score_rows(columns, came["row"].cast(pl.Int64).to_numpy(), costs=costs)

    def score_rows(
        self, columns: OrderColumns, rows: Ints, *, costs: Costs | None = None
    ) -> pl.DataFrame:
        """Return id, unit, score, exposure, currency, as_of, event_id and member_id, in that order.

        ``score`` is the calibrated probability of fraud (see ``score_kind``), ``exposure`` the amount (``order_units``).
        With costs there is the further column ``decision``: ship, hold or refuse. Exposures of
        several currencies are each taken to be in that of the costs.

        Args:
            columns: Of the graph.
            rows: Places in its events of orders' first purchases and of reviews, int64 [rows].
            costs: Of each decision.

        Raises:
            UsageError: A row is something else, or columns look at rings at other moments.
        """
        if columns.every != self.every:
            raise UsageError(
                f"rings at every {columns.every}, and the model was trained on every {self.every}",
                hint="OrderColumns(graph, every=model.every)",
            )
        ids = columns.graph.events["event_id"].gather(rows)
        rows = columns.rows_of(ids)
        chance = self.calibrator.apply(self.risk(columns.of(rows)))
        units = pl.DataFrame({"event_id": ids}).join(
            columns.units, on="event_id", how="left", maintain_order="left"
        )
        scored = units.select(
            "id",
            "unit",
            score=pl.Series(chance),
            exposure=pl.col("amount"),
            currency=pl.col("currency").cast(pl.String),
            as_of=pl.col("time") - MICROSECOND,
            event_id=pl.col("event_id"),
            member_id=columns.graph.nodes["member"].keys.gather(units["member"]),
        )
        if costs is None:
            return scored
        decision = decide(chance, scored["exposure"].to_numpy(), costs=costs)
        return scored.with_columns(decision=pl.Series(decision.tolist(), dtype=pl.String))

    @property
    def score_kind(self) -> ScoreKind:
        """``probability``, or ``rank`` where too few were accused to calibrate by."""
        return "rank" if self.calibrator.method == "none" else "probability"

    @property
    def digest(self) -> str:
        """Of the trees of all bars."""
        return digest({bar: model.digest for bar, model in self.trees.items()})

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, in place of one there; no pickle.

        Each bar's trees lie in a folder named by their digest, all else in ``orders.json``, which
        is replaced last: at any moment the folder holds the old model or the new one whole.

        Raises:
            StoreError: The disk is full; what was there before stays.
            StorePermissionError: The folder may not be written.
        """
        kept = {bar: model.digest for bar, model in self.trees.items()}
        about = {
            "format": FORMAT,
            "trees": kept,
            "calibrator": self.calibrator.to_json(),
            "every": self.every // MICROSECOND,
        }
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for bar, model in self.trees.items():
                model.save(folder / _trees_folder(bar, kept[bar]))
            write_saved(folder / ORDERS, about)
            wanted = {_trees_folder(bar, digest) for bar, digest in kept.items()}
            for bar in BARS:
                for old in folder.glob(_trees_folder(bar, "*")):
                    if old.name not in wanted:
                        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> OrderModel:
        """Return what ``save`` wrote.

        Raises:
            UsageError: There is none, or it is damaged, or of another format.
        """
        absent = UsageError(f"no model of orders in {folder}", hint="train one, or name another")
        return read_saved(
            folder / ORDERS, lambda about: _read(folder, about), format_=FORMAT, absent=absent
        )


def fit_orders(
    graph: Graph,
    train: OrderLabels,
    valid: OrderLabels,
    *,
    config: TreeConfig,
    every: timedelta = EVERY,
    columns: OrderColumns | None = None,
) -> OrderModel:
    """Return trees of the three bars and a calibrated blend.

    Who is not accused is not innocent: in the blend's trees a 0 weighs (1 − s)², s being the
    structural score of the member's candidate ring just before the order. The bars' 0s weigh 1.

    Args:
        graph: Of the tables that the labels are of.
        train: What to learn from; its answers should be known when ``valid`` begins.
        valid: What to stop growing and to calibrate by: later orders.
        config: How trees are grown.
        every: From one look at the rings to the next, positive.
        columns: Of the graph, to look at its rings once for several calls; ``every`` is theirs.

    Raises:
        UsageError: The labels are about events that are not in the graph, are all alike, or there
            are none to validate by.
        ConfigError: ``every`` is not positive.
    """
    columns = columns or OrderColumns(graph, every=every)
    told, asked = (columns.of(columns.rows_of(part.rows["event_id"])) for part in (train, valid))
    train_y, valid_y = (part.rows["y"].to_numpy().astype(np.int64) for part in (train, valid))
    believed = (1 - told["structure_score"].astype(np.float64)) ** 2
    trees: dict[Bar, TreeModel] = {}
    for bar in BARS:
        trees[bar] = fit_trees(
            _columns(told, bar), train_y, _columns(asked, bar), valid_y,
            names=BAR_COLUMNS[bar], config=config,
            weights=np.where(train_y == 1, 1.0, believed) if bar == "blend" else None,
        )  # fmt: skip
        _log.info("%s: %d trees", bar, trees[bar].best_round)
    said = trees["blend"].predict(_columns(asked, "blend"))
    calibrator = fit_calibrator(_blended(said, asked), valid_y)
    return OrderModel(trees=trees, calibrator=calibrator, every=columns.every)


def _columns(features: Features, bar: Bar) -> Any:
    place = {name: at for at, name in enumerate(features.names)}
    return np.ascontiguousarray(features.values[:, [place[name] for name in BAR_COLUMNS[bar]]])


def _blended(trees: Floats, features: Features) -> Floats:
    score = features["structure_score"].astype(np.float64)
    result: Floats = trees + _SHARE * logit(np.clip(score, _CLIP, 1 - _CLIP))
    return result


def _trees_folder(bar: Bar, digest: str) -> str:
    return f"{bar}-{digest[:16]}"


def _read(folder: Path, about: dict[str, Any]) -> OrderModel:
    trees: dict[Bar, TreeModel] = {}
    for bar in BARS:
        trees[bar] = TreeModel.load(folder / _trees_folder(bar, about["trees"][bar]))
        if trees[bar].digest != about["trees"][bar]:
            raise ValueError(f"the trees of {bar} are not those it was written with")
        if trees[bar].names != BAR_COLUMNS[bar]:
            raise ValueError(f"the trees of {bar} know other columns")
    return OrderModel(
        trees=trees,
        calibrator=Calibrator.from_json(about["calibrator"]),
        every=int(about["every"]) * MICROSECOND,
    )
