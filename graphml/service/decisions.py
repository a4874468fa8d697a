"""Decisions: what analysts said, here and on the command line; one in one call."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from graphml.pipeline import casework
from graphml.results import Decision, time_text
from graphml.service.answers import MOST, answer, page
from graphml.service.cases import (
    CASE,
    Analyst,
    Id,
    Text,
    Unit,
    Verdict,
    Viewer,
    about_what,
    four_eyes,
)
from graphml.service.docs import told
from graphml.service.keys import now
from graphml.service.world import World

router = APIRouter(tags=["cases"])

_DECISION = {
    "unit": "ring", "id": "r-3f9a1c20b7d45e88", "verdict": "dismiss", "reason": "a family",
    "by": "ana", "time": "2024-06-10T08:30:00Z", "members": ["m-17"],
}  # fmt: skip


class Deciding(BaseModel):
    """A verdict in one call."""

    model_config = ConfigDict(extra="forbid")

    unit: Unit
    id: Id
    verdict: Verdict
    reason: Text = ""
    code: str | None = Field(default=None, max_length=100)


def decision_record(decision: Decision) -> dict[str, Any]:
    """Return a decision as answers show it."""
    return {
        "unit": decision.unit, "id": decision.id, "verdict": decision.verdict,
        "reason": decision.reason, "by": decision.by, "time": time_text(decision.time),
        "members": list(decision.members),
    }  # fmt: skip


@router.get("/decisions", responses=told({"decisions": [_DECISION], "next": None}))
def list_decisions(
    request: Request,
    person: Viewer,
    unit: Unit | None = None,
    id: Annotated[str | None, Query(max_length=1000)] = None,  # noqa: A002 - as the contract calls it
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List decisions, the last first, from here and from the command line."""
    world: World = request.app.state.world
    rows = [
        decision_record(one)
        for one in reversed(world.view.decisions)
        if unit in (None, one.unit) and id in (None, one.id)
    ]
    of = repr((unit, id, len(world.view.decisions)))
    shown, following = page(rows, limit=limit, cursor=cursor, of=of)
    return answer(request, {"decisions": list(shown), "next": following})


@router.post(
    "/decisions", status_code=201,
    responses=told({"decision": _DECISION, "case": CASE}, 404, 409, status=201),
)  # fmt: skip
def decide(request: Request, person: Analyst, body: Annotated[Deciding, Body()]) -> Response:
    """Decide in one call, as ``graphml label`` does: opens a case and ends it, or proposes to."""
    world: World = request.app.state.world
    found = about_what(world, body.unit, body.id)
    members = found.ring.flagged_ids if found else ()
    case, _ = world.book.open_case(body.unit, body.id, by=person.name, time=now(), members=members)
    if case.proposal is not None and body.verdict == case.proposal.verdict:
        done = casework.approve(
            world.store, world.book, case.case_id, by=person.name, time=now(), version=case.version
        )
    else:
        done = casework.resolve(
            world.store, world.book, case.case_id, body.verdict, body.code, body.reason or None,
            by=person.name, time=now(), version=case.version, four_eyes=four_eyes(world, person),
            config=world.settings.rings, as_of=world.known().newest, found=found,
        )  # fmt: skip
    world.look()
    decision = done.decision and decision_record(done.decision)
    return answer(request, {"decision": decision, "case": done.case.to_json()}, status=201)
