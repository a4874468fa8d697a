"""Cases: who looks at what, what was decided, by whom; decisions become labels."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from graphml.cases.model import CODES, Case
from graphml.pipeline import casework
from graphml.pipeline.detection import FoundRing
from graphml.service.answers import MOST, answer
from graphml.service.docs import examples, told
from graphml.service.keys import now
from graphml.service.problems import ProblemError
from graphml.service.who import Analyst, Person, Viewer
from graphml.service.world import World

router = APIRouter(tags=["cases"])

Unit = Literal["ring", "member", "order"]
Verdict = Literal["confirm", "dismiss"]
Text = Annotated[str, Field(max_length=10_000)]
Id = Annotated[str, Field(min_length=1, max_length=1_000)]
Version = Annotated[int, Field(ge=0, lt=1 << 53)]

CASE = {
    "case_id": "c-1", "unit": "ring", "id": "r-3f9a1c20b7d45e88", "state": "open", "version": 1,
    "assignee": None, "opened_by": "ana", "opened": "2024-06-10T08:00:00Z",
    "updated": "2024-06-10T08:00:00Z", "verdict": None, "code": None, "comment": None,
    "proposal": None, "decided_by": None,
}  # fmt: skip
_WHOLE = {
    **CASE,
    "history": [{"time": "2024-06-10T08:00:00Z", "by": "ana", "action": "opened", "text": ""}],
}


class Opening(BaseModel):
    """What a case is to be about."""

    model_config = examples({"unit": "ring", "id": "r-3f9a1c20b7d45e88"})

    unit: Unit
    id: Id


class Assigning(BaseModel):
    """Who is to look at it; null for nobody."""

    model_config = examples({"to": "ana", "version": 1})

    to: Id | None
    version: Version


class Comment(BaseModel):
    """Something to say."""

    model_config = examples({"text": "all of one household"})

    text: Annotated[Text, Field(min_length=1)]


class Waiting(BaseModel):
    """What it waits for."""

    model_config = examples({"reason": "asked the bank", "version": 1})

    reason: Text
    version: Version


class Versioned(BaseModel):
    """The version that was looked at."""

    model_config = examples({"version": 1})

    version: Version


class Resolving(BaseModel):
    """How it ends."""

    model_config = examples(
        {
            "verdict": "confirm",
            "code": "fraud_confirmed",
            "comment": "one device in six hands",
            "version": 1,
        }
    )

    verdict: Verdict
    code: str | None = Field(default=None, max_length=100, description=" | ".join(CODES))
    comment: Text | None = None
    version: Version


class Saying(BaseModel):
    """Why."""

    model_config = examples({"comment": "the device is a kiosk", "version": 1})

    comment: Text
    version: Version


def four_eyes(world: World, person: Person) -> bool:
    """Return whether confirming takes two people: as the settings say, else where they have names."""
    setting = world.settings.cases.four_eyes
    return person.auth != "none" if setting is None else setting


def shown_ring(world: World, unit: str, id_: str) -> FoundRing | None:
    """Return the ring as the page shows it, ``None`` for one of a former run, and for all else."""
    place = world.view.by_id.get(id_) if unit == "ring" else None
    return None if place is None else FoundRing(ring=world.view.rings[place])


def about_what(world: World, unit: str, id_: str) -> FoundRing | None:
    """Return the ring as the page shows it; members and orders are known by their events.

    Raises:
        ProblemError: 404, there is no such thing.
    """
    found = shown_ring(world, unit, id_)
    if unit == "ring" and found is None:
        raise ProblemError(404, f"no ring {id_!r} in the run that readers see")
    postings = world.known().postings
    if unit == "member" and postings.code("member", id_) is None:
        raise ProblemError(404, f"no member {id_!r}")
    if unit == "order" and postings.of_orders([id_]).is_empty():
        raise ProblemError(404, f"no order {id_!r}")
    return found


def _case(request: Request, case: Case, *, status: int = 200, history: bool = False) -> Response:
    world: World = request.app.state.world
    body = case.to_json(world.book.history(case.case_id) if history else None)
    return answer(request, body, status=status)


@router.get("/cases", responses=told({"cases": [CASE], "next": None}))
def list_cases(
    request: Request,
    person: Viewer,
    state: Literal["open", "waiting", "resolved"] | None = None,
    assignee: Annotated[str | None, Query(max_length=1000)] = None,
    unit: Unit | None = None,
    id: Annotated[str | None, Query(max_length=1000)] = None,  # noqa: A002 - as the contract calls it
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List cases, the last opened first."""
    world: World = request.app.state.world
    found = world.book.cases(state, assignee, unit, id, limit=limit + 1, after=cursor)
    shown = found[:limit]
    following = shown[-1].case_id if len(found) > limit else None
    return answer(request, {"cases": [case.to_json() for case in shown], "next": following})


@router.post(
    "/cases", status_code=201, responses={**told(_WHOLE, 404), **told(_WHOLE, 404, status=201)}
)
def open_case(request: Request, person: Analyst, about: Annotated[Opening, Body()]) -> Response:
    """Open a case; where one on the same thing is not resolved, that one is returned."""
    world: World = request.app.state.world
    found = about_what(world, about.unit, about.id)
    members = found.ring.flagged_ids if found else ()
    case, new = world.book.open_case(
        about.unit, about.id, by=person.name, time=now(), members=members
    )
    return _case(request, case, status=201 if new else 200, history=True)


@router.get("/cases/{case_id}", responses=told(_WHOLE, 404))
def one_case(request: Request, person: Viewer, case_id: str) -> Response:
    """Return a case with its history."""
    world: World = request.app.state.world
    return _case(request, world.book.case(case_id), history=True)


@router.post("/cases/{case_id}/assign", responses=told(_WHOLE, 404, 409))
def assign(
    request: Request, person: Analyst, case_id: str, body: Annotated[Assigning, Body()]
) -> Response:
    """Give a case to somebody, or to nobody."""
    world: World = request.app.state.world
    case = world.book.assign(case_id, body.to, by=person.name, time=now(), version=body.version)
    return _case(request, case, history=True)


@router.post("/cases/{case_id}/comment", responses=told(_WHOLE, 404, 409))
def comment(
    request: Request, person: Analyst, case_id: str, body: Annotated[Comment, Body()]
) -> Response:
    """Say something about a case."""
    world: World = request.app.state.world
    case = world.book.comment(case_id, body.text, by=person.name, time=now())
    return _case(request, case, history=True)


@router.post("/cases/{case_id}/wait", responses=told(_WHOLE, 404, 409))
def wait(
    request: Request, person: Analyst, case_id: str, body: Annotated[Waiting, Body()]
) -> Response:
    """Let a case wait for something outside."""
    world: World = request.app.state.world
    case = world.book.wait(case_id, body.reason, by=person.name, time=now(), version=body.version)
    return _case(request, case, history=True)


@router.post("/cases/{case_id}/resume", responses=told(_WHOLE, 404, 409))
def resume(
    request: Request, person: Analyst, case_id: str, body: Annotated[Versioned, Body()]
) -> Response:
    """Go on with a waiting case."""
    world: World = request.app.state.world
    case = world.book.resume(case_id, by=person.name, time=now(), version=body.version)
    return _case(request, case, history=True)


@router.post("/cases/{case_id}/resolve", responses=told(_WHOLE, 404, 409))
def resolve(
    request: Request, person: Analyst, case_id: str, body: Annotated[Resolving, Body()]
) -> Response:
    """End a case; to confirm may take a second person, and is a proposal until then."""
    world: World = request.app.state.world
    case = world.book.case(case_id)
    done = casework.resolve(
        world.store, world.book, case_id, body.verdict, body.code, body.comment,
        by=person.name, time=now(), version=body.version, four_eyes=four_eyes(world, person),
        config=world.settings.rings, as_of=world.known().newest,
        found=shown_ring(world, case.unit, case.id),
    )  # fmt: skip
    world.look()
    return _case(request, done.case, history=True)


@router.post("/cases/{case_id}/approve", responses=told(_WHOLE, 404, 409))
def approve(
    request: Request, person: Analyst, case_id: str, body: Annotated[Versioned, Body()]
) -> Response:
    """End a case as another person proposed."""
    world: World = request.app.state.world
    done = casework.approve(
        world.store, world.book, case_id, by=person.name, time=now(), version=body.version
    )
    world.look()
    return _case(request, done.case, history=True)


@router.post("/cases/{case_id}/reject", responses=told(_WHOLE, 404, 409))
def reject(
    request: Request, person: Analyst, case_id: str, body: Annotated[Saying, Body()]
) -> Response:
    """Refuse what is proposed, or take it back."""
    world: World = request.app.state.world
    case = world.book.reject(
        case_id, body.comment, by=person.name, time=now(), version=body.version
    )
    return _case(request, case, history=True)


@router.post("/cases/{case_id}/reopen", responses=told(_WHOLE, 404, 409))
def reopen(
    request: Request, person: Analyst, case_id: str, body: Annotated[Saying, Body()]
) -> Response:
    """Go on with a resolved case; its decision stands until there is another."""
    world: World = request.app.state.world
    case = world.book.reopen(
        case_id, body.comment, by=person.name, time=now(), version=body.version
    )
    return _case(request, case, history=True)
