"""Work on one batch while the next one is sampled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def ahead(
    make: Callable[[Given], Made], parts: Sequence[Given], *, workers: int = 1
) -> Iterator[Made]:
    """Yield ``make`` of each part in order; the next ``workers`` are made on other threads meanwhile."""
    with ThreadPoolExecutor(workers, thread_name_prefix="graphml-ahead") as pool:
        waiting = deque(pool.submit(make, part) for part in parts[:workers])
        for place in range(len(parts)):
            made = waiting.popleft().result()
            if place + workers < len(parts):
                waiting.append(pool.submit(make, parts[place + workers]))
            yield made
