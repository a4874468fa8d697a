"""The explorer's built files, served from the same origin as the answers it asks for."""

from __future__ import annotations

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from graphml.service.problems import ProblemError
from graphml.store.cypher import data_folder

router = APIRouter(include_in_schema=False)

_YEAR = 31_536_000
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}  # fmt: skip


def page_folder() -> Path | None:
    """Return where the built page is: in the wheel, else in the checkout; ``None`` if it is not built."""
    for folder in (data_folder("explorer"), data_folder("explorer") / "dist"):
        if (folder / "index.html").is_file() and (folder / "assets").is_dir():
            return folder
    return None


@lru_cache(maxsize=64)
def _file(path: Path, changed: int) -> bytes:
    return path.read_bytes()


@lru_cache(maxsize=64)
def _packed(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


@router.get("/")
def index(request: Request) -> Response:
    """Return the page."""
    return _sent(request, "index.html", "no-cache")


@router.get("/assets/{name}")
def asset(request: Request, name: str) -> Response:
    """Return a file of the page; its name changes with its content."""
    return _sent(request, f"assets/{name}", f"public, max-age={_YEAR}, immutable")


def _sent(request: Request, name: str, cache: str) -> Response:
    folder = page_folder()
    if folder is None:
        raise ProblemError(
            404, "the page is not built", hint="make explorer (it needs Node 20), then start again"
        )
    try:
        path = (folder / name).resolve()
        known = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        known = False
    if not known:
        raise ProblemError(404, "no such file")
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    content = _file(path, path.stat().st_mtime_ns)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers = _packed(content), {**headers, "Content-Encoding": "gzip"}
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0]
    return Response(content, media_type=kind or "application/octet-stream", headers=headers)
