"""Memory for samples, written again once nobody looks at it.

A page that is touched for the first time costs the system more than a sampler needs to fill it, so
memory is kept: arrays are views of it, and each view counts as a user of what it shows.
"""

from __future__ import annotations

import sys
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT = 256
"""Pieces kept; a loader that reads ahead holds a few samples of some dozen arrays."""
_LEAST = 1 << 12


class Arena:
    """Hands out arrays whose memory comes back when the last view of them is gone."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[NDArray[np.uint8]]] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Arena], tuple[()]]:
        """A copy in another process has memory of its own."""
        return Arena, ()

    def array(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return an unwritten array."""
        kind = np.dtype(dtype)
        size = int(np.prod(shape)) * kind.itemsize
        with self._lock:  # until the view is there, nobody seems to look at the piece
            result: NDArray[Any] = self._piece(size)[:size].view(kind).reshape(shape)
        return result

    def _piece(self, size: int) -> NDArray[np.uint8]:
        """Return a piece of the next power of two that nobody looks at, else a new one."""
        room = max(_LEAST, 1 << (size - 1).bit_length()) if size else _LEAST
        pieces = self._pieces.setdefault(room, [])
        for piece in pieces:
            # The list, the loop and the count itself use it: nobody else does.
            if sys.getrefcount(piece) <= 3:
                return piece
        pieces.append(np.empty(room, dtype=np.uint8))
        if len(pieces) > _KEPT:
            pieces.pop(0)
        return pieces[-1]
