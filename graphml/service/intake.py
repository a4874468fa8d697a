"""Events that are sent: validated at once, written together, known when the answer goes out."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from starlette.concurrency import run_in_threadpool

from graphml.results import time_text
from graphml.service.keys import this_minute
from graphml.service.world import World
from graphml.tables.frames import Tables
from graphml.tables.sent import sent_events
from graphml.tables.validate import validate

MOST_EVENTS = 5_000
"""Events of one request."""
_TOGETHER = 20_000
"""Events of one write, at most."""
_WAIT_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of events that were sent: each is counted once.

    Attributes:
        accepted: New; on the disk, and known to every answer from now on.
        repeats: In the store already with the same content, or sent twice.
        quarantined: Those that broke a rule: index, column, value, rule.
        conflicts: Ids in the store with other content.
        as_of: Time of the last event known.
    """

    accepted: int
    repeats: int
    quarantined: Sequence[dict[str, Any]]
    conflicts: Sequence[str]
    as_of: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "accepted": self.accepted,
            "repeats": self.repeats,
            "quarantined": list(self.quarantined),
            "conflicts": list(self.conflicts),
            "as_of": self.as_of and time_text(self.as_of),
        }


@dataclass(frozen=True, slots=True)
class _Letter:
    events: pl.DataFrame
    ids: frozenset[str]
    answer: Future[tuple[int, list[str]]]


def _validated(rows: Sequence[Any]) -> tuple[Tables, list[dict[str, Any]]]:
    """Return the events that keep the contract, and of the others what rule they broke."""
    tables, refused = validate(sent_events(rows), now=this_minute())
    told = [
        {
            "index": row["line"] - 1,
            "column": row["column"],
            "value": row["value"],
            "rule": row["rule"],
        }
        for row in refused.rows.sort("line").iter_rows(named=True)
    ]
    return tables, told


class Intake:
    """Writes what several requests send as one: a write costs the same for one event and a thousand.

    Args:
        world: Whose store takes the events.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._letters: queue.Queue[_Letter | None] = queue.Queue()
        self._left: _Letter | None = None
        self._thread = threading.Thread(target=self._write, name="graphml-intake", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what has come, and stop."""
        self._letters.put(None)
        self._thread.join(timeout=30)

    async def take(self, rows: Sequence[Any]) -> Taken:
        """Write events, and return what became of each when they are on the disk.

        No thread waits meanwhile: many who send do not hold up who asks.

        Raises:
            StoreError: They could not be written; none of them is.
        """
        tables, told = await run_in_threadpool(_validated, rows)
        new, conflicts = 0, list[str]()
        if tables.events.height:
            answer: Future[tuple[int, list[str]]] = Future()
            self._letters.put(_Letter(tables.events, frozenset(tables.events["event_id"]), answer))
            new, conflicts = await asyncio.wait_for(asyncio.wrap_future(answer), _WAIT_S)
        held = self._world.snapshot
        became = {
            "accepted": new,
            "repeats": len(rows) - len(told) - new - len(conflicts),
            "quarantined": len(told),
            "conflicts": len(conflicts),
        }
        for name, count in became.items():
            self._world.figures.events.labels(name).inc(count)
        return Taken(
            accepted=new, repeats=became["repeats"], quarantined=told, conflicts=conflicts,
            as_of=held.newest if held else None,
        )  # fmt: skip

    def _write(self) -> None:
        while (letters := self._next()) is not None:
            try:
                conflicts, new = self._world.write(
                    Tables(events=pl.concat([one.events for one in letters], how="diagonal"))
                )
            except BaseException as error:  # noqa: BLE001 - who sent them is told
                for one in letters:
                    if one.answer.set_running_or_notify_cancel():
                        one.answer.set_exception(error)
                continue
            for one in letters:
                # Who has waited too long is gone; the events are written all the same.
                if one.answer.set_running_or_notify_cancel():
                    one.answer.set_result((len(one.ids & new), sorted(one.ids & conflicts)))

    def _next(self) -> list[_Letter] | None:
        """Return what has come, at least one; ``None`` at the end.

        No id comes twice in one write, so that each request hears of its own events.
        """
        first = self._left or self._letters.get()
        self._left = None
        if first is None:
            return None
        letters, ids, height = [first], set(first.ids), first.events.height
        while height < _TOGETHER:
            try:
                following = self._letters.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._letters.put(None)
                break
            if ids & following.ids:
                self._left = following
                break
            letters.append(following)
            ids |= following.ids
            height += following.events.height
        return letters
