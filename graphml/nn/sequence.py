"""A recurrent network over the events of one member, oldest first: trained, kept, read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from graphml.errors import UsageError
from graphml.schema import KINDS
from graphml.store.arrays import digest_of, load_arrays, save_arrays
from graphml.store.files import read_saved

Singles = NDArray[np.float32]

PADDING = 0
"""Kind code of places after a row's last event; kind ``KINDS[n]`` has code ``n + 1``."""
Inputs = tuple[Tensor, Tensor, Tensor]
"""What ``EventGRU`` takes: values, kinds, lengths."""
FORMAT = 1

_CARD = "sequence.json"
_TOGETHER = 128
_LEARNING_RATE = 3e-3
_MOST_GRADIENT = 1.0
_ALIKE = 1e-3

_log = logging.getLogger(__name__)


class EventGRU(nn.Module):
    """One GRU layer over events (Cho et al. 2014), as in GRU4Rec (Hidasi et al. 2016).

    An event's kind is embedded and set beside its numbers. The last state says how the member got
    here, the mean of all states what is usual; both enter the logits. The state before the first
    event is learned too, and is what a row without events has.

    Args:
        columns: Numbers of an event.
        targets: Logits of a row.
        hidden: Width of the states.
        embedding: Width of a kind's vector.
    """

    reference = "Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder, 2014"

    def __init__(self, columns: int, targets: int, *, hidden: int = 64, embedding: int = 8) -> None:
        super().__init__()
        self.kinds = nn.Embedding(len(KINDS) + 1, embedding, padding_idx=PADDING)
        self.input = nn.Linear(embedding + columns, hidden)
        self.start = nn.Parameter(torch.zeros(hidden))
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.head = nn.Linear(2 * hidden, targets)

    def forward(self, values: Tensor, kinds: Tensor, lengths: Tensor) -> Tensor:
        """Return the logits, float32 [rows, targets]; what stands in padding changes none.

        Args:
            values: Numbers of the events from the oldest, float32 [rows, length, columns].
            kinds: Their codes, int64 [rows, length]; ``PADDING`` after the last event.
            lengths: Events of each row, int64 [rows], from 0 to ``length``; at least one row.
        """
        order = torch.argsort(lengths, stable=True)
        parts = []
        # Rows of like length together: most of a long row's steps would be padding of others.
        for rows in torch.split(order, _TOGETHER):
            longest = max(1, int(lengths[rows[-1]]))
            parts.append(self._ends(values[rows, :longest], kinds[rows, :longest], lengths[rows]))
        result: Tensor = self.head(torch.cat(parts)[torch.argsort(order)])
        return result

    def _ends(self, values: Tensor, kinds: Tensor, lengths: Tensor) -> Tensor:
        """Return each row's last state and the mean of its states, float32 [rows, 2 * hidden]."""
        inputs = torch.relu(self.input(torch.cat([self.kinds(kinds), values], dim=-1)))
        states, _ = self.gru(inputs, self.start.expand(1, len(lengths), -1).contiguous())
        steps = lengths.clamp(min=1)
        real = torch.arange(states.shape[1], device=lengths.device) < lengths.unsqueeze(-1)
        last = states[torch.arange(len(lengths), device=lengths.device), steps - 1]
        mean = states.masked_fill(~real.unsqueeze(-1), 0).sum(dim=1) / steps.unsqueeze(-1)
        both = torch.cat([last, mean], dim=-1)
        return torch.where(lengths.unsqueeze(-1) > 0, both, self.start.repeat(2))


def check_answers(name: str, answers: ArrayLike, rows: int, targets: tuple[str, ...]) -> Singles:
    """Return answers as float32 [rows, targets].

    Raises:
        ValueError: They have another shape or are not all 1, 0 or NaN, or targets repeat.
    """
    found = np.asarray(answers, dtype=np.float32)
    if not targets or len(set(targets)) < len(targets):
        raise ValueError(f"targets need names, each once, got {targets}")
    if found.shape != (rows, len(targets)):
        raise ValueError(f"{name} needs shape {(rows, len(targets))}, got {found.shape}")
    if not (np.isnan(found) | (found == 0) | (found == 1)).all():
        raise ValueError(f"{name} needs 1, 0, or NaN where a target is not asked")
    return found


def refuse_silence(answers: Singles, valid: Singles, targets: tuple[str, ...]) -> None:
    """Return if each target has an answer in training, and validation has any at all.

    Raises:
        UsageError: Otherwise; it names the targets without an answer.
    """
    hint = "ask earlier, so that the horizon is over by the end of the data, or leave it out"
    silent = [
        name for name, column in zip(targets, answers.T, strict=True) if np.isnan(column).all()
    ]
    if silent:
        raise UsageError(f"no training row has an answer for {', '.join(silent)}", hint=hint)
    if np.isnan(valid).all():
        raise UsageError("no row of validation has an answer", hint=hint)


def answered_loss(logits: NDArray[np.float64], answers: Singles) -> float:
    """Return the mean log loss of all answers that are not NaN, in nats.

    Args:
        logits: Float64 [rows, targets].
        answers: 1, 0 or NaN, float32 [rows, targets].
    """
    return float(np.nanmean(np.logaddexp(0, logits) - logits * answers))


def column_scale(blocks: Iterable[Singles], columns: int) -> Singles:
    """Return each column's mean, then its standard deviation, float32 [2, columns].

    A column that is all but alike has a deviation of 1, so that its noise is not made large.

    Args:
        blocks: Rows, float32 [events, columns] each; without any the means are 0.
        columns: How many there are.
    """
    sums, count = np.zeros((2, columns)), 0
    for block in blocks:
        exact = block.astype(np.float64)
        sums += exact.sum(axis=0), (exact**2).sum(axis=0)
        count += len(exact)
    mean, square = sums / max(count, 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return np.stack([mean, np.where(deviation > _ALIKE, deviation, 1)]).astype(np.float32)


def new_event_gru(columns: int, answers: Singles, *, hidden: int, seed: int) -> EventGRU:
    """Return an untrained network that is the same for the same seed; no other chance is touched.

    The biases of the last layer are the targets' log-odds, of half a 1 or half a 0 at least.

    Args:
        columns: Numbers of an event.
        answers: 1, 0 or NaN, float32 [rows, targets], of each target at least one that is not NaN.
        hidden: Width of the states.
        seed: Of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = EventGRU(columns, answers.shape[1], hidden=hidden)
    ones, all_ = np.nansum(answers, axis=0, dtype=np.float64), (~np.isnan(answers)).sum(axis=0)
    ones = np.clip(ones, 0.5, all_ - 0.5)
    with torch.no_grad():
        network.head.bias.copy_(torch.from_numpy(np.log(ones / (all_ - ones))))
    return network


def train_event_gru(
    network: EventGRU,
    batches: Callable[[], Iterable[tuple[Inputs, Tensor]]],
    validate: Callable[[], float],
    *,
    epochs: int,
    patience: int,
) -> None:
    """Leave in ``network`` the weights of the epoch with the lowest validation loss.

    Adam (Kingma, Ba 2015) on the mean log loss of all answers in a batch; gradients are kept short
    (Pascanu et al. 2013).

    Args:
        network: Untrained.
        batches: Gives the batches of one epoch with their answers: 1, 0, or NaN where nothing is
            asked, float32 [rows, targets], at least one answer a batch.
        validate: Gives the loss of the network as it is.
        epochs: Most of them.
        patience: Epochs without a better validation after which training ends.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    best, best_epoch, lowest = _copy(network), 0, np.inf
    for epoch in range(1, epochs + 1):
        for inputs, answers in batches():
            given = ~answers.isnan()
            logits = network(*inputs)[given]
            loss = functional.binary_cross_entropy_with_logits(logits, answers[given])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), _MOST_GRADIENT)
            optimizer.step()
        found = validate()
        _log.info("epoch %d of at most %d: validation loss %.5f", epoch, epochs, found)
        if found < lowest:
            best, best_epoch, lowest = _copy(network), epoch, found
        elif epoch - best_epoch >= patience:
            break
    network.load_state_dict(best)
    network.requires_grad_(False)


def event_gru_digest(network: EventGRU, scale: Singles, about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of all that ``save_event_gru`` would write, in hex."""
    return digest_of(_arrays(network, scale), about)


def save_event_gru(
    folder: Path, network: EventGRU, scale: Singles, about: Mapping[str, Any]
) -> None:
    """Write a network into ``folder``, in place of one there; no pickle.

    The arrays lie in a file that is named by the digest, all else in ``sequence.json``, which is
    replaced last: at any moment the folder holds the old network or the new one whole.

    Args:
        folder: Made if it is not there.
        network: With its weights on the CPU.
        scale: What ``column_scale`` returned.
        about: What else is to be kept: JSON under other names than ``format`` and ``arrays``.

    Raises:
        StoreError: The disk is full; what was there before stays.
        StorePermissionError: The folder may not be written.
    """
    digest = event_gru_digest(network, scale, about)
    card = {"format": FORMAT, "arrays": digest, **about}
    save_arrays(folder / _CARD, _arrays(network, scale), card, digest=digest)


def load_event_gru(folder: Path) -> tuple[EventGRU, Singles, dict[str, Any]]:
    """Return what ``save_event_gru`` wrote: network, scale, about. It is not to be trained.

    Raises:
        UsageError: There is none, or it is damaged, or of another format.
    """
    absent = UsageError(f"no sequence model in {folder}", hint="train one, or name its folder")
    return read_saved(
        folder / _CARD, lambda card: _read(folder, card), format_=FORMAT, absent=absent
    )


def _read(folder: Path, card: dict[str, Any]) -> tuple[EventGRU, Singles, dict[str, Any]]:
    arrays = load_arrays(folder / _CARD, card["arrays"])
    try:
        scale = arrays.pop("scale")
        (targets, _), (hidden, width) = arrays["head.weight"].shape, arrays["input.weight"].shape
        embedding = arrays["kinds.weight"].shape[-1]
        network = EventGRU(width - embedding, targets, hidden=hidden, embedding=embedding)
        network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    except RuntimeError as error:  # of weights that do not fit each other
        raise ValueError(str(error)) from error
    about = {name: value for name, value in card.items() if name not in ("format", "arrays")}
    if event_gru_digest(network, scale, about) != card["arrays"]:
        raise ValueError("the arrays are not those it was written with")
    return network.requires_grad_(False), scale, about


def _arrays(network: EventGRU, scale: Singles) -> dict[str, Singles]:
    return {"scale": scale} | {name: weight.numpy() for name, weight in _copy(network).items()}


def _copy(network: EventGRU) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
