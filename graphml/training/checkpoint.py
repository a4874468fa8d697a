"""The state of training in one file: tensors and JSON, there whole or not at all, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from graphml.errors import UsageError
from graphml.store.files import clear_errors, replace_file

FORMAT = 1
_KEY = "graphml"


def write_tensors(file: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and JSON to ``file``, replacing one there.

    Raises:
        StoreError: The disk is full; what was there before stays.
        StorePermissionError: The folder may not be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, {_KEY: json.dumps({"format": FORMAT, **about})})
    with clear_errors(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, content)


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what ``write_tensors`` wrote.

    Raises:
        UsageError: There is no such file, or it is damaged, or of another format.
    """
    if not file.is_file():
        raise UsageError(f"no model in {file.parent}", hint="graphml train … --out writes one")
    try:
        with safe_open(file, framework="pt") as held:
            about = json.loads((held.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UsageError(f"{file} is damaged", hint="train again into another folder") from error
    if about.get("format") != FORMAT:
        raise UsageError(f"{file} is of another format", hint="train again with this version")
    return tensors, about


def optimizer_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's tensors by the names of the network's parameters."""
    return {
        f"optimizer.{what}.{name}": torch.as_tensor(value)
        for name, parameter in network.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    network: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the state that ``optimizer_tensors`` returned."""
    for name, parameter in network.named_parameters():
        state = {}
        for key, value in tensors.items():
            part, _, rest = key.removeprefix("optimizer.").partition(".")
            if key.startswith("optimizer.") and rest == name:
                # Steps are counted on the CPU, moments kept beside the weights.
                state[part] = value if part == "step" else value.to(parameter.device)
        if state:
            optimizer.state[parameter] = state
