"""Decisions: what analysts said, here and on the command line; one in one call."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from graphml.cases.model import decision_json
from graphml.pipeline import casework
from graphml.service.answers import MOST, answer, page
from graphml.service.cases import (
    CASE,
    Id,
    Text,
    Unit,
    Verdict,
    about_what,
    four_eyes,
)
from graphml.service.docs import examples, told
from graphml.service.keys import now
from graphml.service.who import Analyst, Viewer
from graphml.service.world import World

router = APIRouter(tags=["cases"])

_DECISION = {
    "unit": "ring", "id": "r-3f9a1c20b7d45e88", "verdict": "dismiss", "reason": "a family",
    "by": "ana", "time": "2024-06-10T08:30:00Z", "members": ["m-17"],
}  # fmt: skip


class Deciding(BaseModel):
    """A verdict in one call."""

    model_config = examples(
        {
            "unit": "ring",
            "id": "r-3f9a1c20b7d45e88",
            "verdict": "dismiss",
            "code": "family",
            "reason": "all of one household",
        }
    )

    unit: Unit
    id: Id
    verdict: Verdict
    reason: Text = ""
    code: str | None = Field(default=None, max_length=100)


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
        decision_json(one)
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
    done = casework.label(
        world.store, world.book, body.unit, body.id, body.verdict, reason=body.reason,
        code=body.code, by=person.name, time=now(), four_eyes=four_eyes(world, person),
        config=world.settings.rings, as_of=world.known().newest,
        found=about_what(world, body.unit, body.id),
    )  # fmt: skip
    world.look()
    assert done.case is not None  # nothing but a dry run leaves none
    decision = None if done.proposed else decision_json(done.decided.decision)
    return answer(request, {"decision": decision, "case": done.case.to_json()}, status=201)
