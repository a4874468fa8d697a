"""Scores in milliseconds, and events that change them."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from graphml.pipeline.live import LiveScore, late_values, live_score, stored_score
from graphml.results import time_text
from graphml.schema import KINDS
from graphml.service.answers import answer
from graphml.service.docs import examples, told
from graphml.service.intake import MOST_EVENTS, Intake
from graphml.service.keys import this_minute
from graphml.service.problems import ProblemError
from graphml.service.who import Admin, Viewer
from graphml.service.world import World
from graphml.tables.frames import Tables
from graphml.tables.rules import UNKNOWN_KIND
from graphml.tables.sent import sent_events
from graphml.tables.validate import validate

router = APIRouter(tags=["scores"])

_AT_WORK = 2
"""Scores that are worked out at once, one a core; who asks meanwhile gets the one before."""

_EVENT: dict[str, Any] = {
    "event_id": "e-9", "time": "2024-06-02T09:30:00Z", "kind": "purchase", "member_id": "m-17",
    "product_id": "p-3", "device_id": "d-5", "address_id": "a-2", "amount": 12.5, "currency": "EUR",
}  # fmt: skip
_SCORE = {
    "member_id": "m-17", "unit": "member", "score": 0.93, "score_kind": "probability",
    "as_of": "2024-06-09T11:00:00Z", "model": "fraud-blend-1", "known": True, "basis": "stored",
    "ring_id": "r-3f9a1c20b7d45e88", "reasons": [],
}  # fmt: skip


class Asked(BaseModel):
    """Whose score: a member's, or that of an event's member with the event counted in."""

    model_config = examples({"member_id": "m-17"}, {"event": _EVENT})

    member_id: str | None = Field(default=None, min_length=1, max_length=1000)
    event: dict[str, Any] | None = Field(
        default=None,
        description="An event as in the tables; it is not stored. Without a time it is as of the "
        "last event known.",
    )
    explain: bool = Field(default=False, description="Say what raises the score most.")


class Sent(BaseModel):
    """Events to take in."""

    model_config = examples({"events": [_EVENT]})

    events: list[Any] = Field(min_length=1, max_length=MOST_EVENTS)


@router.post("/score", responses=told(_SCORE, 404))
async def score(request: Request, person: Viewer, asked: Annotated[Asked, Body()]) -> Response:
    """Return one score: stored where nothing came since, else from all that is known by now."""
    world: World = request.app.state.world
    if (asked.member_id is None) == (asked.event is None):
        raise ProblemError(422, "name a member_id or an event", hint='{"member_id": "m-17"}')
    snapshot, found = world.known(), None
    if asked.member_id is not None and not asked.explain:
        found = world.recent.get(snapshot, asked.member_id)
        found = found or stored_score(snapshot, asked.member_id)
    if found is None and world.at_work >= _AT_WORK:
        found = _earlier(world, asked)
    if found is None:
        world.at_work += 1
        try:
            found = await run_in_threadpool(_worked_out, world, asked)
        finally:
            world.at_work -= 1
    world.figures.scores.labels(found.basis).inc()
    return answer(request, {**found.to_json(), "ring_id": _ring(world, found, asked)})


@router.post("/events", responses=told({"accepted": 1, "repeats": 0, "quarantined": [], "conflicts": [], "as_of": "2024-06-09T11:00:00Z"}))  # fmt: skip
async def events(request: Request, person: Admin, sent: Annotated[Sent, Body()]) -> Response:
    """Take events in: when the answer goes out they are on the disk, and every score knows them."""
    intake: Intake = request.app.state.intake
    return answer(request, (await intake.take(sent.events)).to_json())


def _earlier(world: World, asked: Asked) -> LiveScore | None:
    """Return the last score that a member has: while many wait, one of a moment ago is better than none.

    It says as of when it is.
    """
    if asked.member_id is None or asked.explain:
        return None
    snapshot = world.known()
    return world.recent.last(snapshot, asked.member_id) or stored_score(
        snapshot, asked.member_id, overtaken=True
    )


def _worked_out(world: World, asked: Asked) -> LiveScore:
    snapshot = world.known()
    event, member_id = None, asked.member_id
    if asked.event is not None:
        event = _checked(world, asked.event)
        member_id = event.events["member_id"][0]
    assert member_id is not None
    found = live_score(snapshot, member_id, event=event, explained=asked.explain)
    if found is None:
        raise ProblemError(
            404, f"no member {member_id!r} by {time_text(snapshot.newest)}",
            hint="send an event of a member whom nothing is known of",
        )  # fmt: skip
    if event is None and not asked.explain:
        world.recent.put(snapshot, found)
    return found


def _checked(world: World, event: dict[str, Any]) -> Tables:
    """Return an event that keeps the contract.

    Raises:
        ProblemError: 422, it breaks a rule.
    """
    usual = {"event_id": f"asked:{secrets.token_hex(8)}", "time": time_text(world.known().newest)}
    given = {name: value for name, value in event.items() if value is not None}
    tables, refused = validate(sent_events([{**usual, **given}]), now=this_minute())
    if refused.rows.height:
        row = refused.rows.row(0, named=True)
        place = f"event.{row['column']}" if row["column"] else "event"
        got = "" if row["value"] is None else f", got {row['value']!r}"
        hint = ", ".join(KINDS) if row["rule"] == UNKNOWN_KIND else ""
        raise ProblemError(422, f"{place}: {row['rule']}{got}", hint=hint)
    return tables


def _ring(world: World, found: LiveScore, asked: Asked) -> str | None:
    """Return the ring of the run in view that a member is in, or whose value it comes to."""
    view = world.view
    places = list(view.of_member.get(found.member_id, ()))
    if not places and found.basis != "stored":
        snapshot = world.known()
        nodes = snapshot.postings.graph.schema.nodes.values()
        given = [(node.name, str((asked.event or {}).get(node.key, ""))) for node in nodes]
        for value in (*given, *late_values(snapshot, found.member_id)):
            places += view.of_value.get(value, ())
    return view.rings[min(places)].ring_id if places else None
