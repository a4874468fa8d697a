"""How answers are sent: JSON with an ETag, pages by cursor."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from graphml.service.problems import ProblemError

MOST = 500
"""Longest page."""


def answer(request: Request, body: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return JSON with its digest as ETag; 304 to who has it already."""
    content = json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode()
    tag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if request.method == "GET":
        held = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
        if tag in held or f"W/{tag}" in held:
            return Response(status_code=304, headers=headers)
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def page(
    rows: Sequence[Any], *, limit: int, cursor: str | None, of: str
) -> tuple[Sequence[Any], str | None]:
    """Return one page of rows and the cursor of the next, ``None`` at the end.

    Args:
        rows: All of them, in order.
        limit: Longest page.
        cursor: Where it begins, as an answer before gave it.
        of: What the list is of, as a run and filters: a cursor of another list is refused.

    Raises:
        ProblemError: The cursor is none, or is of another list.
    """
    mark = blake2b(of.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    start = _read(cursor, mark) if cursor is not None else 0
    end = start + limit
    following = None
    if end < len(rows):
        following = _cursor(mark, end)
    return rows[start:end], following


def _cursor(mark: str, place: int) -> str:
    return base64.urlsafe_b64encode(f"{mark}.{place}".encode()).decode().rstrip("=")


def _read(cursor: str, mark: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        found, _, start = text.partition(".")
        place = int(start)
    except (ValueError, binascii.Error):
        found, place = "", -1
    if cursor != _cursor(found, place) or found != mark or place < 0:
        raise ProblemError(
            422,
            "cursor: of no page of this list; it may have changed",
            hint="begin again without cursor",
        )
    return place
