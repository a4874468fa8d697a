"""One training in a process of its own: ``python -m tests.training.trainer TASK FOLDER [STOP]``.

With STOP it kills itself, with SIGKILL and no warning, at that many writes of its state: before the
file is moved into place at odd numbers, after it at even ones. Writes a digest of the weights to
``FOLDER.RANK``.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import torch

from graphml.training import checkpoint
from graphml.training.fit import fit
from tests.training.markets import SMALL, graph, split


def digest(network: torch.nn.Module) -> str:
    held = hashlib.blake2b(digest_size=8)
    for name, value in sorted(network.state_dict().items()):
        held.update(name.encode() + value.cpu().numpy().tobytes())
    return held.hexdigest()


def killed_at(stop: int) -> None:
    written = checkpoint.replace_file
    count = 0

    def replace(file: Path, content: bytes) -> None:
        nonlocal count
        count += 1
        if count == stop:
            if stop % 2:
                file.with_name(f"{file.name}.tmp").write_bytes(content[: len(content) // 2])
            else:
                written(file, content)
            os.kill(os.getpid(), signal.SIGKILL)
        written(file, content)

    checkpoint.replace_file = replace


def main() -> None:
    torch.set_num_threads(1)
    task, folder, *stop = sys.argv[1:]
    rank = int(os.environ.get("RANK", "0"))
    if stop and rank == int(os.environ.get("KILLED_RANK", "0")):
        killed_at(int(stop[0]))
    model = fit(graph(), split(task).train, split(task).valid, SMALL, folder=Path(folder))
    Path(f"{folder}.{rank}").write_text(digest(model.network))


if __name__ == "__main__":
    main()
