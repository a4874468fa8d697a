"""Runs and decisions in Neo4j: rings as nodes, scores in two slots, one pointer to what is in view."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from graphml.errors import UsageError
from graphml.results import (
    Decision,
    Recommendation,
    Results,
    Ring,
    RunInfo,
    RunStatus,
    Scores,
    parse_time,
    time_text,
)
from graphml.store.archive import Archive
from graphml.store.history import chosen_run
from graphml.store.neo4j_ledger import (
    SCORES_AT_ONCE,
    Slot,
    empty_slot,
    take_slot,
    taken,
    write_batch,
)
from graphml.store.neo4j_session import SLOTS, Connection, fill, rows_of

_RINGS_AT_ONCE = 1_000
_LISTS_AT_ONCE = 1_000
_NAME = re.compile(r"[a-z][a-z_]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Neo4jRun:
    """An open run: readers see none of it before it is published.

    It is written in batches. Each is one transaction, which counts it on the run's node too: a
    batch whose end nobody heard of is looked up and not written twice, and a run of the same
    content that was cut off goes on where its count ends.

    Attributes:
        run_id: Its name.
        resumable: Whether all that it is to hold was known when it began.
    """

    def __init__(
        self,
        connection: Connection,
        kind: str,
        model: str | None,
        as_of: datetime,
        content: str | None,
        archive: Archive | None,
    ) -> None:
        if not _NAME.fullmatch(kind):
            raise UsageError(f"no kind of run {kind!r}", hint="lower-case letters, as rings")
        started = datetime.now(UTC)
        self._connection = connection
        self._archive = archive
        self._kind = kind
        self.resumable = content is not None
        self._batch = self._rings = 0
        self._slot: Slot | None = None
        self._scores: list[Scores] = []
        parameters = {
            "run_id": f"{kind}-{started:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            "kind": kind,
            "model": model,
            "as_of": time_text(as_of),
            "started": time_text(started),
            "content": content,
        }
        work = fill("open_run"), parameters
        self.run_id: str = connection.once(lambda t: rows_of(t, work))[0]["run_id"]

    def write(self, results: Results) -> None:
        """Add results to the run: rings and lists as nodes, scores as a property of their members.

        Raises:
            UsageError: Scores of orders or reviews, or in a run that is not of kind fraud.
            StoreLockedError: Another run has begun to write scores since this one did.
        """
        if isinstance(results, Scores):
            self._write_scores(results)
        else:
            self._write_rings([one for one in results if isinstance(one, Ring)])
            self._write_lists([one for one in results if isinstance(one, Recommendation)])

    def _write_rings(self, rings: Sequence[Ring]) -> None:
        for batch in _batches(rings, _RINGS_AT_ONCE):
            rows = [_ring_row(self._rings + i, ring) for i, ring in enumerate(batch)]
            self._write_batch(fill("write_rings", **self._connection.owners.parts), rows)
            self._rings += len(rows)

    def _write_lists(self, recommendations: Sequence[Recommendation]) -> None:
        by_member = sorted(recommendations, key=lambda one: (one.member_id, one.rank))
        lists = (list(own) for _, own in groupby(by_member, key=lambda one: one.member_id))
        for batch in _batches(lists, _LISTS_AT_ONCE):
            text = fill("write_lists", **self._connection.owners.parts)
            self._write_batch(text, [_list_row(own) for own in batch])

    def _write_scores(self, scores: Scores) -> None:
        if scores.unit != "member" or self._kind != "fraud":
            raise UsageError(
                f"Neo4j keeps no scores of unit {scores.unit} from a run of kind {self._kind}",
                hint="write scores of members in a run of kind fraud, or use an embedded store",
            )
        if self._slot is None:
            self._slot = take_slot(self._connection, self._kind, self.run_id)
        text = fill("write_slot", SLOT=SLOTS[self._slot], **self._connection.owners.parts)
        for rows in _batches(zip(scores.ids, scores.values, strict=True), SCORES_AT_ONCE):
            self._write_batch(text, [list(row) for row in rows])
        self._scores.append(scores)

    def _write_batch(self, text: str, rows: list[Any]) -> None:
        work = text, {"run_id": self.run_id, "batch": self._batch, "rows": rows}
        write_batch(
            self._connection, work, self._kind, batch=self._batch, slot=self._slot is not None
        )
        self._batch += 1

    def publish(self) -> None:
        """Put the run in view, in one small transaction; what it scored is kept as Parquet before.

        Raises:
            StoreLockedError: Another run writes scores of the kind, or this one was given up.
        """
        if self._slot is not None:
            own = (name for part in self._scores for name in part.ids)
            empty_slot(self._connection, self._kind, self.run_id, self._slot, but=own)
            if self._archive is not None:
                self._archive.keep(self.run_id, self._scores)
        named = {"run_id": self.run_id, "kind": self._kind}
        work = fill("publish_run"), {**named, "finished": _now(), "slot": self._slot}
        if self._connection.once(lambda t: rows_of(t, work))[0]["slots"] != 1:
            raise taken(self.run_id, self._kind)

    def fail(self) -> None:
        """Mark the run as given up, and remove its rings; the former run stays in view."""
        work = fill("fail_run"), {"run_id": self.run_id, "finished": _now()}
        if self._connection.write(work)[0]["failed"]:
            self._connection.run(fill("remove_found"), runs=[self.run_id])


def read_runs(connection: Connection) -> list[RunInfo]:
    """Return all runs, the newest first."""
    return [_info(row) for row in connection.read(fill("read_runs"))]


def _info(row: dict[str, Any]) -> RunInfo:
    status: RunStatus = "superseded"
    if row["failed"]:
        status = "failed"
    elif row["withdrawn"]:
        status = "withdrawn"
    elif row["finished"] is None:
        status = "open"
    elif row["in_view"]:
        status = "published"
    return RunInfo(
        run_id=row["run_id"],
        kind=row["kind"],
        model=row["model"],
        as_of=parse_time(row["as_of"]),
        started=parse_time(row["started"]),
        finished=None if row["finished"] is None else parse_time(row["finished"]),
        status=status,
        counts={name: row[name] for name in ("rings", "scores", "recommendations") if row[name]},
        content=row["content"],
    )


def read_rings(connection: Connection, run_id: str | None) -> list[Ring]:
    """Return the rings of a run, best first; of the published one unless named.

    Raises:
        UsageError: No run of that name was published.
    """
    chosen = chosen_run(read_runs(connection), run_id, kind="rings", url=connection.url)
    rows = connection.read(fill("read_rings"), run_id=chosen) if chosen else []
    return [Ring.from_json(json.loads(row["json"])) for row in rows]


def read_recommendations(connection: Connection, run_id: str | None) -> list[Recommendation]:
    """Return the lists of a run, by member and rank; of the published one unless named.

    Raises:
        UsageError: No run of that name was published.
    """
    chosen = chosen_run(read_runs(connection), run_id, kind="recommend", url=connection.url)
    rows = connection.read(fill("read_lists"), run_id=chosen) if chosen else []
    found = [Recommendation.from_json(one) for row in rows for one in json.loads(row["json"])]
    return sorted(found, key=lambda one: (one.member_id, one.rank))


def write_decision(connection: Connection, decision: Decision) -> bool:
    """Keep ``decision``; false if the same one is there already."""
    content = {
        "unit": decision.unit,
        "id": decision.id,
        "verdict": decision.verdict,
        "reason": decision.reason,
        "by": decision.by,
        "time": _microseconds(decision.time),
        "members": list(decision.members),
    }
    key = hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
    parameters = {**content, "key": key, "token": secrets.token_hex(8)}
    return bool(connection.write((fill("write_decision"), parameters))[0]["new"])


def read_decisions(connection: Connection, as_of: datetime) -> list[Decision]:
    """Return the decisions taken by ``as_of``, inclusive, oldest first."""
    return [
        Decision(
            **{
                **row,
                "time": _EPOCH + row["time"] * _MICROSECOND,
                "members": tuple(row["members"]),
            }
        )
        for row in connection.read(fill("read_decisions"), as_of=_microseconds(as_of))
    ]


def _ring_row(position: int, ring: Ring) -> dict[str, Any]:
    return {
        "position": position,
        "ring_id": ring.ring_id,
        "kind": ring.kind,
        "score": ring.score,
        "json": json.dumps(ring.to_json()),
        "members": [
            {"member_id": m.member_id, "role": m.role, "score": m.score} for m in ring.members
        ],
    }


def _list_row(own: Sequence[Recommendation]) -> dict[str, Any]:
    return {
        "member_id": own[0].member_id,
        "json": json.dumps([one.to_json() for one in own]),
        "products": [
            {"product_id": one.product_id, "rank": one.rank, "score": one.score} for one in own
        ],
    }


def _batches(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch


def _now() -> str:
    return time_text(datetime.now(UTC))


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
