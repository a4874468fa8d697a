"""A small store with one ring in it, and a process that is killed while it decides."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphml.cases.book import CaseBook
from graphml.config import RingConfig
from graphml.pipeline import casework
from graphml.pipeline.detection import FoundRing
from graphml.results import Ring, RingMember
from graphml.store.embedded import EmbeddedStore
from tests.cases.desk import at
from tests.contract.rows import at as event_at
from tests.contract.rows import event, tables

LAST = event_at(9_000_000)

POINTS = ("before", "kept", "decided", "labelled", "written")
"""Where the process is killed: before the case's transaction ends, after it, after the decision is
in the store, after the labels are, after all is noted."""

ASKED: dict[str, Any] = {"config": RingConfig(), "as_of": LAST}


def store_in(folder: Path) -> EmbeddedStore:
    store = EmbeddedStore(folder)
    store.write_tables(
        tables(
            [
                event(f"e-{n}", n, f"m-{n % 5}", device_id="d-1", order_id=f"o-{n}")
                for n in range(10)
            ]
        )
    )
    return store


def ring(ring_id: str = "r-1", members: tuple[str, ...] = ("m-1", "m-2", "m-3")) -> Ring:
    """A ring whose last member is a victim."""
    roles = ["core"] * (len(members) - 1) + ["victim"]
    return Ring(
        ring_id=ring_id, kind="device_farm", status="new", score=0.9, score_kind="rank",
        members=tuple(
            RingMember(member_id=m, score=0.9, role=role)  # type: ignore[arg-type]
            for m, role in zip(members, roles, strict=True)
        ),
        shared=(), amount_gross=0.0, amount_net=0.0, currency=None, first=event_at(0),
        last=event_at(9), as_of=LAST, model=None, evidence=(), counter_evidence=(),
    )  # fmt: skip


def found(**options: Any) -> FoundRing:
    return FoundRing(ring=ring(**options))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying(step: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    def run(*arguments: Any, **options: Any) -> Any:
        if before:
            _die()
        step(*arguments, **options)
        _die()

    return run


def _arm(point: str) -> None:
    """Have this process killed when it comes to ``point``."""
    import graphml.cases.rows as rows

    where: dict[str, tuple[Any, str, bool]] = {
        "before": (rows, "add_decision", False),
        "kept": (EmbeddedStore, "write_decision", True),
        "decided": (EmbeddedStore, "write_decision", False),
        "labelled": (EmbeddedStore, "write_tables", False),
        "written": (CaseBook, "mark_written", False),
    }
    owner, name, before = where[point]
    setattr(owner, name, _dying(getattr(owner, name), before=before))


def main() -> None:
    folder, act, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    store, book = EmbeddedStore(folder), CaseBook.beside(f"embedded://{folder}")
    _arm(point)
    who: dict[str, Any] = {"by": "ben", "time": at(5)}
    if act == "resolve":
        casework.resolve(
            store, book, "c-1", "confirm", "other", "so", version=1, four_eyes=False,
            found=found(), **who, **ASKED,
        )  # fmt: skip
    elif act == "approve":
        casework.approve(store, book, "c-1", version=2, **who)
    else:
        casework.label(
            store, book, "member", "m-1", "confirm", reason="so", four_eyes=False, **who, **ASKED
        )


if __name__ == "__main__":
    main()
