"""Memory for samples, written again once nobody looks at it.

A page that is touched for the first time costs the system more than a sampler needs to fill it, so
memory is kept: arrays are views of it, and each view counts as a user of what it shows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEPT = 8
"""Pieces kept; a loader that reads ahead holds three or so."""
_ALIGN = 64


class Arena:
    """Hands out arrays whose memory comes back when the last view of them is gone."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[np.uint8]] = []

    def arrays(self, shapes: Sequence[tuple[tuple[int, ...], np.dtype[Any]]]) -> list[NDArray[Any]]:
        """Return unwritten arrays of these shapes and types, all in one piece of memory."""
        sizes = [int(np.prod(shape)) * dtype.itemsize for shape, dtype in shapes]
        begins = np.cumsum([0, *(-(-size // _ALIGN) * _ALIGN for size in sizes)])
        piece = self._piece(int(begins[-1]))
        return [
            piece[begin : begin + size].view(dtype).reshape(shape)
            for begin, size, (shape, dtype) in zip(begins, sizes, shapes, strict=False)
        ]

    def _piece(self, size: int) -> NDArray[np.uint8]:
        for piece in self._pieces:
            # The list, the loop and the count itself use it: nobody else does.
            if len(piece) >= size and sys.getrefcount(piece) <= 3:
                return piece
        piece = np.empty(size, dtype=np.uint8)
        self._pieces = [*self._pieces[-_KEPT + 1 :], piece]
        return piece
