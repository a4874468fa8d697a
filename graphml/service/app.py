"""The application: routes, who may ask, what every request passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from graphml import __version__
from graphml.service import (
    about,
    cases,
    decisions,
    exports,
    graph,
    page,
    pictures,
    rings,
    scores,
)
from graphml.service.gate import Gate, Rates
from graphml.service.intake import Intake
from graphml.service.problems import add_problems
from graphml.service.who import Door
from graphml.service.world import World

_THREADS = 16
"""Requests that are worked on at once; there are few cores, and each holds memory."""
_PARTS = (about, rings, graph, scores, cases, exports, decisions, pictures)
_DESCRIPTION = (
    "Rings, members, scores and cases of one temporal graph of a marketplace. Every answer is as of "
    "a moment, which it names. Errors are `application/problem+json`."
)


def create_app(world: World, door: Door) -> FastAPI:
    """Return the application that answers from a world.

    Args:
        world: What answers are made of; it is started with the application and stopped with it.
        door: Who may ask.
    """
    intake = Intake(world)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        world.start()
        intake.start()
        yield
        intake.stop()
        world.stop()

    app = _described(running)
    app.state.world, app.state.door, app.state.intake = world, door, intake
    app.state.gallery = pictures.Gallery()
    app.include_router(about.description(app.openapi))
    app.include_router(page.router)
    add_problems(app)
    app.add_middleware(GZipMiddleware, minimum_size=4_000, compresslevel=4)
    limits = world.settings.service
    app.add_middleware(
        Gate,
        figures=world.figures,
        rates=Rates(limits.rate_per_s, limits.burst),
        body=int(limits.body_mb * 1_000_000),
        caller=door.caller,
        local=door.open,
    )
    return app


def description() -> dict[str, Any]:
    """Return the OpenAPI description of every service."""
    return _described(None).openapi()


def _described(running: Any) -> FastAPI:
    """Return an application with the routes that are described."""
    app = FastAPI(
        title="graphml", version=__version__, description=_DESCRIPTION, lifespan=running,
        docs_url=None, redoc_url=None, openapi_url=None,
        # Ids may hold a slash at their end, too.
        redirect_slashes=False,
    )  # fmt: skip
    for part in _PARTS:
        app.include_router(part.router)
    made: dict[str, Any] = FastAPI.openapi(app)
    made["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key, or an OIDC token."}
    }
    made["security"] = [{"key": []}]
    app.openapi = lambda: made  # type: ignore[method-assign]
    return app
