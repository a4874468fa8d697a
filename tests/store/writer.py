"""Writes batches of ten events for as long as it lives, and says which are acknowledged."""

from __future__ import annotations

import sys

from graphml.store.embedded import EmbeddedStore
from tests.contract.rows import event, tables


def main() -> None:
    folder, start = sys.argv[1], int(sys.argv[2])
    store = EmbeddedStore(folder)
    for number in range(start, start + 1_000_000):
        store.write_tables(tables([event(f"e-{number}-{i}", i, f"m-{number}") for i in range(10)]))
        print(number, flush=True)


if __name__ == "__main__":
    main()
