"""The service itself: whether it lives, is ready, what it knows, its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import generate_latest
from starlette.responses import Response

from graphml import __version__
from graphml.cases.chain import digest
from graphml.cases.model import FITTING
from graphml.config import RING_KINDS
from graphml.results import time_text
from graphml.schema import KINDS, MARKETPLACE
from graphml.service.answers import answer
from graphml.service.cases import four_eyes
from graphml.service.docs import told
from graphml.service.examples import SESSION
from graphml.service.problems import ProblemError, problem_of
from graphml.service.rings import run_record
from graphml.service.who import Viewer
from graphml.service.world import World

router = APIRouter(tags=["service"])


@router.get("/health", responses={200: {"content": {"application/json": {"example": {"status": "ok", "version": "0.1.0"}}}}})  # fmt: skip
async def health(request: Request) -> Response:
    """Say that the process lives; open to everybody."""
    return answer(request, {"status": "ok", "version": __version__})


@router.get("/ready", responses=told({"status": "ready"}))
async def ready(request: Request, person: Viewer) -> Response:
    """Say whether the store answers and scores are worked out; 503 until then."""
    world: World = request.app.state.world
    if world.trouble is not None:
        raise ProblemError(503, problem_of(world.trouble).detail, headers={"Retry-After": "2"})
    if not world.ready:
        raise ProblemError(503, "scores are being worked out", headers={"Retry-After": "2"})
    return answer(request, {"status": "ready"})


@router.get("/metrics", responses={**told({}), 200: {"content": {"text/plain": {"example": "graphml_late_events 0.0"}}}})  # fmt: skip
def metrics(request: Request, person: Viewer) -> Response:
    """Return figures as Prometheus reads them."""
    world: World = request.app.state.world
    return Response(generate_latest(world.figures.registry), media_type="text/plain; version=0.0.4")


def description(describe: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return the route of the OpenAPI description."""
    made = APIRouter(include_in_schema=False)

    @made.get("/openapi.json")
    def openapi(request: Request, person: Viewer) -> Response:
        return answer(request, describe())

    return made


def _changed(world: World) -> str:
    """Return what is another text after every change of a case or a decision, wherever it was made.

    A page that is open asks for both again when it changes.
    """
    decisions = world.view.decisions
    last = decisions[-1].time if decisions else None
    return digest(repr((world.book.head(), len(decisions), last)).encode())[:16]


@router.get("/session", responses=told(SESSION))
def session(request: Request, person: Viewer) -> Response:
    """Return who asks, what is known, which run is in view."""
    world: World = request.app.state.world
    held = world.snapshot
    body: dict[str, Any] = {
        "user": person.name,
        "role": person.role,
        "auth": person.auth,
        "four_eyes": four_eyes(world, person),
        "version": __version__,
        "store": world.store.url,
        "as_of": held and time_text(held.newest),
        "run": run_record(world.view.run),
        "models": {
            "fraud": held and held.judge and held.judge.model,
            "recommend": world.recommender_name(),
        },
        "nodes": list(MARKETPLACE.nodes),
        "identifiers": list(MARKETPLACE.identifiers),
        "event_kinds": list(KINDS),
        "ring_kinds": list(RING_KINDS),
        "case_codes": {verdict: list(codes) for verdict, codes in FITTING.items()},
        "changed": _changed(world),
    }
    return answer(request, body)
