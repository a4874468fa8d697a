"""Rings of the run in view: the list, and one with its graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from graphml.cases.model import Case
from graphml.config import RingKind
from graphml.explain.view import ring_view
from graphml.results import Ring, RunInfo, time_text
from graphml.service.answers import MOST, answer, page
from graphml.service.docs import told
from graphml.service.examples import RING, RUN
from graphml.service.problems import ProblemError
from graphml.service.view import View
from graphml.service.who import Viewer
from graphml.service.world import World

router = APIRouter(tags=["rings"])

Sort = Literal["rank", "score", "amount", "members", "first", "last", "kind", "status"]

_SORTS: Mapping[str, Callable[[Ring], Any]] = {
    "score": lambda ring: ring.score,
    "amount": lambda ring: ring.amount_net,
    "members": lambda ring: len(ring.members),
    "first": lambda ring: ring.first,
    "last": lambda ring: ring.last,
    "kind": lambda ring: ring.kind,
    "status": lambda ring: ring.status,
}
_ROW = {
    "ring_id": "r-3f9a1c20b7d45e88", "rank": 1, "kind": "device_farm", "status": "new",
    "score": 0.97, "score_kind": "rank", "members": 6, "flagged": 6, "amount_gross": 1834.5,
    "amount_net": 1410.0, "currency": "EUR", "first": "2024-06-02T09:30:00Z",
    "last": "2024-06-09T11:00:00Z", "decision": None, "case": None,
    "reason": "6 members used device d-5 within 3 days",
}  # fmt: skip


def run_record(run: RunInfo | None) -> dict[str, Any] | None:
    """Return a run as answers show it."""
    if run is None:
        return None
    return {
        "run_id": run.run_id,
        "as_of": time_text(run.as_of),
        "finished": run.finished and time_text(run.finished),
        "model": run.model,
        "rings": run.counts.get("rings", 0),
    }


def case_record(case: Case | None) -> dict[str, Any] | None:
    """Return a case as it stands beside a ring."""
    if case is None:
        return None
    return {"case_id": case.case_id, "state": case.state, "assignee": case.assignee}


def ring_row(ring: Ring, rank: int, view: View, case: Case | None) -> dict[str, Any]:
    """Return a ring as it stands in the list."""
    return {
        "ring_id": ring.ring_id,
        "rank": rank,
        "kind": ring.kind,
        "status": ring.status,
        "score": ring.score,
        "score_kind": ring.score_kind,
        "members": len(ring.members),
        "flagged": len(ring.flagged_ids),
        "amount_gross": ring.amount_gross,
        "amount_net": ring.amount_net,
        "currency": ring.currency,
        "first": time_text(ring.first),
        "last": time_text(ring.last),
        "decision": view.verdicts.get(ring.ring_id),
        "case": case_record(case),
        "reason": ring.evidence[0].text if ring.evidence else None,
    }


@router.get(
    "/rings",
    responses=told({"run": RUN, "total": 57, "rings": [_ROW], "next": "ZGE5LjEwMA"}),
)
def list_rings(
    request: Request,
    person: Viewer,
    kind: Annotated[list[RingKind] | None, Query(description="Only these kinds.")] = None,
    status: Annotated[list[Literal["new", "grown", "unchanged", "shrunk"]] | None, Query()] = None,
    case: Annotated[
        list[Literal["none", "open", "waiting", "resolved"]] | None,
        Query(description="Only with cases in these states."),
    ] = None,
    decision: Annotated[list[Literal["none", "confirm", "dismiss"]] | None, Query()] = None,
    min_score: Annotated[float, Query(ge=0, le=1)] = 0,
    q: Annotated[
        str, Query(max_length=1000, description="In the id of the ring, a member or a value.")
    ] = "",
    sort: Sort = "rank",
    desc: bool = False,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List the rings of the run that readers see, best first."""
    world: World = request.app.state.world
    view = world.view
    cases = world.book.by_unit("ring", view.by_id)
    rows = [
        ring_row(ring, rank, view, cases.get(ring.ring_id))
        for rank, ring in enumerate(view.rings, start=1)
        if ring.score >= min_score and _names(ring, q)
    ]
    wanted = {"kind": kind, "status": status, "decision": decision}
    for name, values in wanted.items():
        if values:
            rows = [row for row in rows if (row[name] or "none") in values]
    if case:
        rows = [row for row in rows if (row["case"] or {"state": "none"})["state"] in case]
    if sort != "rank":
        rows.sort(key=lambda row: _SORTS[sort](view.rings[row["rank"] - 1]))
    if desc:
        rows.reverse()
    # Of these very rows: one that left the list meanwhile would make a page pass over another.
    of = "\n".join(row["ring_id"] for row in rows)
    shown, following = page(rows, limit=limit, cursor=cursor, of=of)
    body = {"run": run_record(view.run), "total": len(rows), "rings": shown, "next": following}
    return answer(request, body)


@router.get("/rings/{ring_id:path}", responses=told(RING, 404))
def one_ring(request: Request, person: Viewer, ring_id: str) -> Response:
    """Return a ring with its evidence, and the graph of its members and what they share."""
    world: World = request.app.state.world
    view = world.view
    place = view.by_id.get(ring_id)
    if place is None:
        raise ProblemError(404, f"no ring {ring_id!r} in the run that readers see")
    ring = view.rings[place]
    case = world.book.by_unit("ring", [ring_id]).get(ring_id)
    shown = ring_view(world.known().postings, ring)
    return answer(
        request,
        {
            **ring.to_json(),
            "decision": view.verdicts.get(ring_id),
            "rank": place + 1,
            "run": run_record(view.run),
            "case": case_record(case),
            **shown,
        },
    )


def _names(ring: Ring, text: str) -> bool:
    if not text:
        return True
    wanted = text.casefold()
    ids = (ring.ring_id, *ring.member_ids, *(value.id for value in ring.shared))
    return any(wanted in id_.casefold() for id_ in ids)
