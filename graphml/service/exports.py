"""A case as a file that stands alone."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from graphml.cases.export import CaseFile, digest, export_html, export_json
from graphml.errors import UsageError
from graphml.explain.view import member_view, ring_view
from graphml.service.cases import shown_ring
from graphml.service.docs import told
from graphml.service.keys import now
from graphml.service.who import Person, Viewer
from graphml.service.world import World

router = APIRouter(tags=["cases"])


@router.get(
    "/cases/{case_id}/export",
    responses={**told({}, 404), 200: {"content": {"text/html": {}, "application/json": {}}}},
)
def export(
    request: Request,
    person: Viewer,
    case_id: str,
    format: Literal["html", "json"] = "html",  # noqa: A002
) -> Response:
    """Return a case as a file that stands alone, with its digest; the audit notes it."""
    world: World = request.app.state.world
    file = _file(world, case_id, person)
    content = export_json(file) if format == "json" else export_html(file)
    mark = base64.b64encode(bytes.fromhex(digest(content))).decode()
    world.book.append_audit(
        person.name, "exported", {"format": format, "sha256": digest(content)}, time=file.time,
        unit=file.case.unit, id=file.case.id, case_id=case_id,
    )  # fmt: skip
    return Response(
        content,
        media_type="application/json" if format == "json" else "text/html; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{case_id}.{format}"',
            "Repr-Digest": f"sha-256=:{mark}:",
            "Cache-Control": "no-store",
        },
    )


def _file(world: World, case_id: str, person: Person) -> CaseFile:
    """Return what goes into the file of a case."""
    case = world.book.case(case_id)
    ring, events = None, list[dict[str, Any]]()
    found = shown_ring(world, case.unit, case.id)
    if found is not None:
        ring = found.ring
        events = ring_view(world.known().postings, ring)["graph"]["events"]
    elif case.unit == "member":
        with suppress(UsageError):
            view = member_view(world.known().postings, case.id, as_of=world.known().newest)
            events = view["recent"]
    return CaseFile(
        case=case, entries=world.book.entries(case_id), head=world.book.head(), events=events, ring=ring,
        decisions=[due.decision for due in world.book.decisions(case_id)],
        store=world.store.url, by=person.name, time=now(),
    )  # fmt: skip
