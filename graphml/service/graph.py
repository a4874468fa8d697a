"""What is around a node, one member, products for a member."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
import polars as pl
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from graphml.errors import UsageError
from graphml.explain.view import around_view, attributes_by, member_view
from graphml.pipeline.live import live_score, stored_score
from graphml.recommend.rules import Rules
from graphml.results import time_text
from graphml.service.answers import MOST, answer
from graphml.service.docs import told
from graphml.service.examples import EXPLANATION, NEIGHBORHOOD, RECOMMENDATIONS
from graphml.service.problems import ProblemError, not_found
from graphml.service.who import Viewer
from graphml.service.world import World

router = APIRouter(tags=["graph"])
AsOf = Annotated[
    datetime | None, Query(description="The last moment known; else that of the last event.")
]

_MEMBER = {
    "member_id": "m-17", "score": 0.93, "score_kind": "probability", "model": "fraud-blend-1",
    "as_of": "2024-06-09T11:00:00Z", "first": "2024-06-02T09:30:00Z",
    "last": "2024-06-09T11:00:00Z", "events": 25, "opted_out": False, "decision": None,
    "rings": [{"ring_id": "r-3f9a1c20b7d45e88", "kind": "device_farm", "role": "core", "score": 0.97}],
    "identifiers": [{"type": "device", "id": "d-5", "members": 6, "events": 11,
                     "first": "2024-06-02T09:30:00Z", "last": "2024-06-09T11:00:00Z"}],
    "amounts": [{"currency": "EUR", "gross": 120.5, "refunded": 0.0}], "recent": [],
}  # fmt: skip


def moment_asked(world: World, as_of: datetime | None) -> datetime:
    """Return the moment that is asked about: no later than the last event.

    Raises:
        ProblemError: It has no time zone.
    """
    newest = world.known().newest
    if as_of is None:
        return newest
    if as_of.tzinfo is None:
        raise ProblemError(422, "as_of has no time zone", hint="2024-06-02T00:00:00Z")
    try:
        return min(as_of.astimezone(UTC), newest)
    except OverflowError:
        raise ProblemError(422, "as_of is no moment that a calendar has") from None


@router.get(
    "/neighborhood",
    responses=told(NEIGHBORHOOD, 404),
)
def neighborhood(
    request: Request,
    person: Viewer,
    type: Annotated[str, Query(max_length=100)],  # noqa: A002 - as the contract calls it
    key: Annotated[str, Query(max_length=4000)],
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    as_of: AsOf = None,
) -> Response:
    """Return a node and its neighbours, the strongest tie first."""
    world: World = request.app.state.world
    moment = moment_asked(world, as_of)
    try:
        found = around_view(
            world.known().postings, type, key, as_of=moment, limit=limit, offset=offset
        )
    except UsageError as error:
        raise not_found(error) from error
    present = moment == world.known().newest
    for node in found["graph"]["nodes"]:
        # Scores and rings are of the present: at an earlier moment nobody knew them.
        if node["type"] == "member" and present:
            score = stored_score(world.known(), node["key"]) if world.ready else None
            node["score"] = None if score is None else round(score.score, 6)
            roles = {ring["role"] for ring in _rings(world, node["key"])}
            node["flagged"] = roles != {"victim"} if roles else None
    return answer(request, found)


@router.get("/members/{member_id:path}/explanation", responses=told(EXPLANATION, 404))
def explanation(request: Request, person: Viewer, member_id: str) -> Response:
    """Return why a member has its score: reasons that were tested, what would clear it."""
    from graphml.pipeline.explaining import explain_scores, lowest_flagged

    world: World = request.app.state.world
    snapshot = world.known()
    judge = snapshot.judge
    if judge is None:
        raise ProblemError(503, "scores are still being worked out", headers={"Retry-After": "2"})
    if judge.detector is None:
        raise ProblemError(
            404, "no fraud model explains members of this store", hint="graphml train fraud"
        )
    capacity = world.settings.fraud.capacity
    threshold = lowest_flagged(judge.values[~np.isnan(judge.values)], capacity)
    try:
        (found,) = explain_scores(
            judge.describer, judge.detector, [member_id], as_of=snapshot.as_of, threshold=threshold
        )
    except UsageError as error:
        raise not_found(error) from error
    return answer(request, {**found.to_json(), "decision": _decision(world, member_id)})


@router.get("/members/{member_id:path}", responses=told(_MEMBER, 404))
def one_member(request: Request, person: Viewer, member_id: str, as_of: AsOf = None) -> Response:
    """Return a member: score, identifiers, rings, the last events."""
    world: World = request.app.state.world
    snapshot = world.known()
    moment = moment_asked(world, as_of)
    try:
        found = member_view(snapshot.postings, member_id, as_of=moment)
    except UsageError as error:
        raise not_found(error) from error
    score = None
    present = moment == snapshot.newest
    if snapshot.judge is not None and present:
        score = stored_score(snapshot, member_id) or live_score(snapshot, member_id)
    return answer(
        request,
        {
            **found,
            "score": None if score is None else round(score.score, 6),
            "score_kind": score and score.score_kind,
            "model": score and score.model,
            "as_of": time_text(score.as_of if score else moment),
            "opted_out": _opted_out(world, member_id, moment),
            # What is said of a member now was not known at an earlier moment.
            "decision": _decision(world, member_id) if present else None,
            "rings": _rings(world, member_id) if present else [],
        },
    )


@router.get(
    "/recommendations/{member_id:path}",
    responses=told(RECOMMENDATIONS, 404),
)
def recommendations(
    request: Request,
    person: Viewer,
    member_id: str,
    top: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """Return products for a member, best first, with reasons."""
    world: World = request.app.state.world
    try:
        maker = world.list_maker()
    except UsageError as error:  # the recommender knows what came later, or is damaged
        raise not_found(error) from error
    if maker is None:
        raise ProblemError(404, "no recommender for this store", hint="graphml train recommend")
    try:
        found = maker.lists([member_id], rules=Rules(), top=top)
    except UsageError as error:
        known = world.known().postings.code("member", member_id) is not None
        hint = "lists know a member once everybody's scores are worked out anew" if known else ""
        raise ProblemError(404, error.message, hint=hint) from error
    return answer(
        request,
        {
            "member_id": member_id,
            "as_of": time_text(maker.as_of),
            "model": maker.recommender.name,
            "recommendations": [one.to_json() for one in found],
        },
    )


def _rings(world: World, member_id: str) -> list[dict[str, Any]]:
    found = []
    for place in world.view.of_member.get(member_id, ()):
        ring = world.view.rings[place]
        role = next(m.role for m in ring.members if m.member_id == member_id)
        found.append(
            {"ring_id": ring.ring_id, "kind": ring.kind, "role": role, "score": ring.score}
        )
    return found


def _decision(world: World, member_id: str) -> str | None:
    said = [d for d in world.view.decisions if (d.unit, d.id) == ("member", member_id)]
    return said[-1].verdict if said else None


def _opted_out(world: World, member_id: str, as_of: datetime) -> bool:
    postings = world.known().postings
    code = postings.code("member", member_id)
    held = attributes_by(postings, "member", as_of).filter(pl.col("node") == code)
    if "opted_out" not in held.columns or held.is_empty():
        return False
    return bool(held["opted_out"][0])
