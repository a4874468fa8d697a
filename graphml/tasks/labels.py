"""Labels: what to predict, for whom, as of when, and since when the answer is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Literal

import polars as pl

from graphml.errors import UsageError
from graphml.store.files import replace_file
from graphml.tables.frames import TIME

Task = Literal["fraud", "purchase", "node", "link"]

ROWS: dict[Task, dict[str, pl.DataType]] = {
    "fraud": {
        "member_id": pl.String(),
        "as_of": TIME,
        "y": pl.Int8(),
        "known_at": TIME,
    },
    "purchase": {
        "member_id": pl.String(),
        "product_id": pl.String(),
        "as_of": TIME,
        "time": TIME,
        "order_id": pl.String(),
        "event_id": pl.String(),
        "known_at": TIME,
    },
    "node": {
        "key": pl.String(),
        "as_of": TIME,
        "y": pl.Int8(),
        "known_at": TIME,
    },
    "link": {
        "source": pl.String(),
        "target": pl.String(),
        "as_of": TIME,
        "order_id": pl.String(),
        "known_at": TIME,
    },
}
"""The columns of each task's rows with their types, in order; only ``order_id`` may be null."""
ABOUT: dict[Task, tuple[str, ...]] = {
    "fraud": ("member",),
    "purchase": ("member", "buys", "product"),
}
"""What the marketplace's tasks are about; those of plain graphs name it themselves."""

MICROSECOND = timedelta(microseconds=1)
_FORMAT = "1"


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """What is to be predicted: one row per question, with its answer.

    Attributes:
        task: ``fraud``: will this member be found fraudulent; ``purchase``: will this member buy
            this product; ``node`` and ``link``: the same of any node or edge type of a plain graph.
        horizon: Fraud answers cover ``(as_of, as_of + horizon]``; ``None`` for all others.
        rows: The columns of ``ROWS[task]``. ``as_of`` is the last moment an input may know,
            inclusive; ``known_at``, later than that, is the moment from which the answer may be
            used. Fraud rows are sorted by (as_of, member_id) and unique by that, ``y`` is 1 for
            fraud; purchases are sorted by (time, event_id). Neither a link's ends nor what it is
            told apart from see an edge of its ``order_id``.
        about: The node type asked about, or the edge type.

    Raises:
        ValueError: The rows do not have those columns, an id or a moment is missing, or the
            horizon or ``about`` does not fit the task.
    """

    task: Task
    horizon: timedelta | None
    rows: pl.DataFrame
    about: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in ROWS:
            raise ValueError(f"no task {self.task!r}; known: {', '.join(ROWS)}")
        if self.rows.schema != pl.Schema(ROWS[self.task]):
            raise ValueError(f"{self.task} labels need {ROWS[self.task]}, got {self.rows.schema}")
        needed = self.rows.drop("order_id", strict=False)
        if gaps := [column.name for column in needed if column.null_count()]:
            raise ValueError(f"{self.task} labels without {', '.join(gaps)}")
        if (self.horizon is None) != (self.task != "fraud"):
            raise ValueError(f"{self.task} labels with horizon {self.horizon}")
        object.__setattr__(self, "about", self.about or ABOUT.get(self.task, ()))
        if len(self.about) != (3 if self.of_links else 1):
            raise ValueError(f"{self.task} labels about {self.about}")
        if self.horizon is not None and self.horizon < MICROSECOND:
            raise ValueError(f"horizon must be positive, got {self.horizon}")

    def __len__(self) -> int:
        return self.rows.height

    @property
    def of_links(self) -> bool:
        """Whether a row asks about a pair, by its first two columns; else about a node, by its first."""
        return self.task in ("purchase", "link")

    @property
    def node_types(self) -> tuple[str, ...]:
        """The types of the nodes that rows name."""
        return self.about[::2]

    @property
    def settled(self) -> pl.Expr:
        """The moment when a row's window is over and its answer known: usable from then on."""
        if self.horizon is None:
            return pl.col("known_at")
        return pl.max_horizontal("known_at", pl.col("as_of") + self.horizon)

    def where(self, condition: pl.Expr) -> Labels:
        """Return the labels whose rows fulfil ``condition``, in the same order."""
        return replace(self, rows=self.rows.filter(condition))

    def save(self, file: Path) -> None:
        """Write the labels to Parquet file ``file``, whole or not at all, replacing one there."""
        metadata = {
            "graphml.labels": _FORMAT,
            "graphml.task": self.task,
            "graphml.about": " ".join(self.about),
        }
        if self.horizon is not None:
            metadata["graphml.horizon"] = str(self.horizon // MICROSECOND)
        content = BytesIO()
        self.rows.write_parquet(content, metadata=metadata)
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, content.getvalue())

    @classmethod
    def load(cls, file: Path) -> Labels:
        """Return what ``save`` wrote.

        Raises:
            UsageError: ``file`` holds no labels, or some of another version.
        """
        try:
            metadata = pl.read_parquet_metadata(file)
            rows = pl.read_parquet(file, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UsageError(
                f"{file} holds no labels", hint="write them with Labels.save"
            ) from error
        task = next((task for task in ROWS if task == metadata.get("graphml.task")), None)
        if metadata.get("graphml.labels") != _FORMAT or task is None:
            raise UsageError(f"{file} holds no labels of this version", hint="make them again")
        horizon = metadata.get("graphml.horizon")
        return cls(
            task=task,
            horizon=None if horizon is None else int(horizon) * MICROSECOND,
            rows=rows,
            about=tuple(metadata.get("graphml.about", "").split()),
        )
