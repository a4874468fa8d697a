"""A sequence model of behaviour: from a member's last events to what comes within a horizon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from graphml.errors import UsageError
from graphml.graph.build import Graph
from graphml.graph.nodes import time_array
from graphml.nn.sequence import (
    EventGRU,
    Inputs,
    answered_loss,
    check_answers,
    column_scale,
    event_gru_digest,
    load_event_gru,
    new_event_gru,
    refuse_silence,
    save_event_gru,
    train_event_gru,
)
from graphml.schema import KINDS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

COLUMNS = (
    "days_ago", "days_since_previous", "amount", "amount_known", "hour_sin", "hour_cos",
    "weekday_sin", "weekday_cos", "product_seen", "quantity",
)  # fmt: skip
"""What is told of each event beside its kind, in order."""
DAY = 86_400_000_000
"""Microseconds."""
_HOUR = DAY // 24
_BLOCK = 4_096


class Sequences:
    """Events of one graph by member, in order of (time, event).

    Args:
        graph: With members and events in time; the whole graph or one that ``until`` made.
        length: Most events of a sequence, at least 1.

    Raises:
        UsageError: The graph has events without time.
        ValueError: ``length`` is below 1.
    """

    def __init__(self, graph: Graph, length: int = 64) -> None:
        if length < 1:
            raise ValueError(f"length needs at least 1 event, got {length}")
        if graph.timeless:
            raise UsageError("the graph has events without time, so they have no order")
        self.length = length
        self.members = len(graph.nodes["member"])
        rows = graph.events.select("member", "product", "kind", "time", "amount", "quantity")
        rows = rows.with_row_index("event").drop_nulls("member")
        rows = rows.sort("member", maintain_order=True)
        member = rows["member"].to_numpy().astype(np.int64)
        self._every = time_array(graph.events["time"])
        # One number for (member, event), rising: one search finds a member's events by a moment.
        self._stride = len(self._every) + 1
        self._place = member * self._stride + rows["event"].to_numpy()
        self._time = time_array(rows["time"])
        self._kind = rows["kind"].cast(pl.Enum(KINDS)).to_physical().to_numpy() + np.uint8(1)
        self._values = _lasting(rows, member, self._time)

    def read(self, nodes: ArrayLike, as_of: ArrayLike) -> tuple[Ints, Singles, Ints]:
        """Return each member's last events by a moment, oldest first, then padding.

        All of it is made of the member's events at or before the moment, and nothing else.

        Args:
            nodes: Dense ids of members, int64 [rows].
            as_of: Microseconds since 1970, inclusive, int64 [rows]; or one for all rows.

        Returns:
            Kind codes, int64 [rows, length], ``n + 1`` for ``KINDS[n]`` and 0 in padding; values
            of ``COLUMNS``, float32 [rows, length, columns], 0 in padding; events of each row,
            int64 [rows]. Days, amounts (each in its currency, 0 where unknown) and quantities are
            ``log(1 + x)``; hour and weekday (UTC) are points of a circle. A product is seen if an
            earlier event of the member, also one before the sequence, is about it.

        Raises:
            ValueError: An id is no member's.
        """
        nodes, as_of = _questions(nodes, as_of)
        if len(nodes) and not 0 <= nodes.min() <= nodes.max() < self.members:
            raise ValueError(f"nodes must be ids of the graph's {self.members} members")
        known = np.searchsorted(self._every, as_of, side="right")
        first = np.searchsorted(self._place, nodes * self._stride)
        end = np.searchsorted(self._place, nodes * self._stride + known)
        lengths = np.minimum(end - first, self.length)
        real = np.arange(self.length) < lengths[:, None]
        row, step = np.nonzero(real)
        place = (end - lengths)[row] + step
        kinds = np.zeros(real.shape, dtype=np.int64)
        kinds[real] = self._kind[place]
        values = np.zeros((*real.shape, len(COLUMNS)), dtype=np.float32)
        told = np.empty((len(place), len(COLUMNS)), dtype=np.float32)
        told[:, 0] = np.log1p((as_of[row] - self._time[place]) / DAY)
        told[:, 1:] = self._values[place]
        values[real] = told
        return kinds, values, lengths


def _lasting(rows: pl.DataFrame, member: Ints, time: Ints) -> Singles:
    """Return the columns after the first, which no later event changes, float32 [events, 9]."""
    values = np.zeros((rows.height, len(COLUMNS) - 1), dtype=np.float32)
    same = member[1:] == member[:-1]
    values[1:, 0] = np.log1p(np.where(same, np.diff(time), 0) / DAY)
    amount = rows["amount"].cast(pl.Float64).fill_nan(None)
    values[:, 1] = np.log1p(amount.fill_null(0).to_numpy())
    values[:, 2] = amount.is_not_null().to_numpy()
    values[:, 3:5] = _circle(24)[time // _HOUR % 24]
    values[:, 5:7] = _circle(7)[(time // DAY + 3) % 7]  # 1970 began on a Thursday; 0 is Monday
    again = ~pl.struct("member", "product").is_first_distinct() & pl.col("product").is_not_null()
    values[:, 7] = rows.select(again).to_series().to_numpy()
    values[:, 8] = np.log1p(rows["quantity"].cast(pl.Float64).fill_null(0).to_numpy())
    return values


def _circle(points: int) -> Floats:
    angle = 2 * np.pi * np.arange(points) / points
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SequenceModel:
    """A network that says how likely members are to do several things within a horizon.

    Attributes:
        network: Of ``COLUMNS`` and the targets.
        targets: Names of what is foretold, in order.
        length: Most events of a sequence.
        scale: Means of the columns over the events of training, then their standard deviations
            (1 for a column without any), float32 [2, columns].
    """

    network: EventGRU
    targets: tuple[str, ...]
    length: int
    scale: Singles

    def logits(self, sequences: Sequences, nodes: ArrayLike, as_of: ArrayLike) -> Floats:
        """Return the log-odds of each target, float64 [rows, targets].

        Args:
            sequences: Of the length that the model was trained with.
            nodes: Dense ids of members, int64 [rows].
            as_of: Microseconds since 1970, inclusive, int64 [rows]; or one for all rows.

        Raises:
            UsageError: The sequences are of another length.
            ValueError: An id is no member's.
        """
        if sequences.length != self.length:
            raise UsageError(
                f"the model knows the last {self.length} events, got {sequences.length}",
                hint="read sequences of the length that the model was trained with",
            )
        nodes, as_of = _questions(nodes, as_of)
        result = np.zeros((len(nodes), len(self.targets)))
        with torch.inference_mode():
            for rows in _blocks(len(nodes)):
                inputs = _inputs(sequences, nodes[rows], as_of[rows], self.scale)
                result[rows] = self.network(*inputs).numpy()
        return result

    @property
    def digest(self) -> str:
        """SHA-256 of weights, scale, targets and length, in hex."""
        return event_gru_digest(self.network, self.scale, self._about())

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``, in place of one there, as ``save_event_gru`` does.

        Raises:
            StoreError: The disk is full; what was there before stays.
            StorePermissionError: The folder may not be written.
        """
        save_event_gru(folder, self.network, self.scale, self._about())

    @classmethod
    def load(cls, folder: Path) -> SequenceModel:
        """Return the model that ``save`` wrote.

        Raises:
            UsageError: There is none, or it is damaged, or of another format or other columns.
        """
        network, scale, about = load_event_gru(folder)
        if tuple(about["columns"]) != COLUMNS:
            raise UsageError(
                f"the sequence model in {folder} knows other columns of events",
                hint="train again with this version of graphml",
            )
        return cls(
            network=network, targets=tuple(about["targets"]), length=about["length"], scale=scale
        )

    def _about(self) -> dict[str, Any]:
        return {"columns": COLUMNS, "targets": self.targets, "length": self.length}


def fit_sequence(
    sequences: Sequences,
    nodes: ArrayLike,
    as_of: ArrayLike,
    y: ArrayLike,
    valid_nodes: ArrayLike,
    valid_as_of: ArrayLike,
    valid_y: ArrayLike,
    *,
    targets: Sequence[str],
    seed: int,
    epochs: int = 8,
    batch: int = 512,
    hidden: int = 64,
    patience: int = 2,
) -> SequenceModel:
    """Return the network of the epoch with the lowest mean log loss of validation's answers.

    The same rows in the same order give the same weights on one machine's CPU.

    Args:
        sequences: Of a graph that knows the moments asked for.
        nodes: Dense ids of members, int64 [rows].
        as_of: Microseconds since 1970, inclusive, int64 [rows]; or one for all rows.
        y: 1 or 0, NaN where the target is not asked of the row, float32 [rows, targets].
        valid_nodes: As above, for choosing the epoch.
        valid_as_of: As above.
        valid_y: As above.
        targets: Their names, each once.
        seed: Of the first weights and of the order of rows.
        epochs: Most passes over the rows.
        batch: Rows of a step.
        hidden: Width of the network's states.
        patience: Epochs without a better validation after which training ends.

    Raises:
        UsageError: No training row has an answer for some target, or no row of validation has any.
        ValueError: Shapes, ids, names or answers are not as above.
    """
    targets = tuple(targets)
    nodes, as_of = _questions(nodes, as_of)
    valid_nodes, valid_as_of = _questions(valid_nodes, valid_as_of)
    y = check_answers("y", y, len(nodes), targets)
    valid_y = check_answers("valid_y", valid_y, len(valid_nodes), targets)
    refuse_silence(y, valid_y, targets)
    asked = ~np.isnan(y).all(axis=1)
    nodes, as_of, y = nodes[asked], as_of[asked], y[asked]
    reads = (sequences.read(nodes[rows], as_of[rows]) for rows in _blocks(len(nodes)))
    scale = column_scale((values[kinds > 0] for kinds, values, _ in reads), len(COLUMNS))
    model = SequenceModel(
        network=new_event_gru(len(COLUMNS), y, hidden=hidden, seed=seed), targets=targets,
        length=sequences.length, scale=scale,
    )  # fmt: skip
    order = np.random.default_rng(seed)

    def batches() -> Iterator[tuple[Inputs, Tensor]]:
        shuffled = order.permutation(len(nodes))
        for part in _blocks(len(nodes), batch):
            rows = shuffled[part]
            inputs = _inputs(sequences, nodes[rows], as_of[rows], model.scale)
            yield inputs, torch.from_numpy(y[rows])

    def validate() -> float:
        return answered_loss(model.logits(sequences, valid_nodes, valid_as_of), valid_y)

    train_event_gru(model.network, batches, validate, epochs=epochs, patience=patience)
    return model


def _questions(nodes: ArrayLike, as_of: ArrayLike) -> tuple[Ints, Ints]:
    nodes = np.asarray(nodes, dtype=np.int64)
    return nodes, np.broadcast_to(np.asarray(as_of, dtype=np.int64), nodes.shape)


def _blocks(rows: int, size: int = _BLOCK) -> Iterator[slice]:
    for start in range(0, rows, size):
        yield slice(start, start + size)


def _inputs(sequences: Sequences, nodes: Ints, as_of: Ints, scale: Singles) -> Inputs:
    kinds, values, lengths = sequences.read(nodes, as_of)
    longest = max(1, int(lengths.max()))
    kinds, values = kinds[:, :longest], (values[:, :longest] - scale[0]) / scale[1]
    return torch.from_numpy(values), torch.from_numpy(kinds), torch.from_numpy(lengths)
