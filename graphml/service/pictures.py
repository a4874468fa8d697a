"""Pictures of the run in view and of the store's fraud model, as SVG."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from graphml.errors import UsageError
from graphml.pipeline.picturing import picture, pictures_of
from graphml.service.answers import answer
from graphml.service.docs import told
from graphml.service.problems import ProblemError
from graphml.service.who import Viewer
from graphml.service.world import World

router = APIRouter(tags=["pictures"])

_KEPT = 32
_EXAMPLE = {"name": "ring_timeline", "title": "57 rings over time", "alt": "A bar a ring, …"}


class Gallery:
    """Pictures that were drawn, by all that they show."""

    def __init__(self) -> None:
        self._drawn: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, world: World, name: str, theme: Literal["light", "dark"]) -> str:
        """Return a picture, drawn if it has not been since what it shows has changed."""
        found = {one.name: one for one in pictures_of(world.store, world.models)}
        if name not in found:
            raise ProblemError(404, f"no picture {name!r}", hint="GET /pictures lists them")
        run = world.view.run.run_id if world.view.run else ""
        key = (name, theme, found[name].title, found[name].alt, run)
        with self._lock:
            if key not in self._drawn:
                self._drawn[key] = picture(world.store, world.models, name, theme=theme)
                while len(self._drawn) > _KEPT:
                    self._drawn.popitem(last=False)
            return self._drawn[key]


@router.get("/pictures", responses=told({"pictures": [_EXAMPLE]}))
def list_pictures(request: Request, person: Viewer) -> Response:
    """List the pictures that there are, each with what it shows in words."""
    world: World = request.app.state.world
    rows = [
        {"name": one.name, "title": one.title, "alt": one.alt}
        for one in pictures_of(world.store, world.models)
    ]
    return answer(request, {"pictures": rows})


@router.get(
    "/pictures/{name}",
    responses={**told({}, 404), 200: {"content": {"image/svg+xml": {"example": "<svg/>"}}}},
)
def one_picture(
    request: Request, person: Viewer, name: str, theme: Literal["light", "dark"] = "light"
) -> Response:
    """Return a picture as SVG."""
    gallery: Gallery = request.app.state.gallery
    try:
        drawn = gallery.get(request.app.state.world, name.removesuffix(".svg"), theme)
    except UsageError as error:  # nothing to draw with, or with what there is
        raise ProblemError(404, error.message, hint=error.hint) from error
    return Response(
        drawn, media_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"}
    )
