"""Work on one batch while the next one is sampled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(make: Callable[[Given], Made], parts: Sequence[Given]) -> Iterator[Made]:
    """Yield ``make`` of each part in order; the next one is made on another thread meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="graphml-ahead") as pool:
        waiting = [pool.submit(make, part) for part in parts[:1]]
        for place in range(len(parts)):
            made = waiting.pop().result()
            if place + 1 < len(parts):
                waiting.append(pool.submit(make, parts[place + 1]))
            yield made
