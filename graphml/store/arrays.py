"""Arrays of a model in a file of their own, named by what they are; no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from graphml.store.files import clear_errors, replace_file

Arrays = Mapping[str, NDArray[Any]]


def digest_of(arrays: Arrays, about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of arrays and of what JSON makes of ``about``, in hex."""
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode("ascii"))
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode("ascii"))
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def save_arrays(card: Path, arrays: Arrays, about: Mapping[str, Any], *, digest: str) -> None:
    """Write arrays, and ``card`` with what else there is to say, in place of those there.

    The arrays lie beside ``card`` in a file that is named by their digest, and ``card`` is replaced
    last: at any moment the folder holds the old model or the new one whole.

    Args:
        card: A JSON file; its folder is made if it is not there.
        arrays: By name.
        about: What ``card`` says; it names the digest.
        digest: Of the arrays.

    Raises:
        StoreError: The disk is full; what was there before stays.
        StorePermissionError: The folder may not be written.
    """
    folder = card.parent
    with clear_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        kept = _file(card, digest)
        replace_file(kept, save(dict(arrays)))
        replace_file(card, json.dumps(about, indent=1).encode("ascii"))
        for old in folder.glob(_file(card, "*").name):
            if old != kept:
                old.unlink(missing_ok=True)


def load_arrays(card: Path, digest: str) -> dict[str, NDArray[Any]]:
    """Return the arrays that ``save_arrays`` wrote under a digest.

    Raises:
        OSError: They are not there.
        ValueError: They are damaged.
    """
    content = _file(card, digest).read_bytes()
    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _file(card: Path, digest: str) -> Path:
    return card.with_name(f"{card.stem}-{digest[:16]}.safetensors")
