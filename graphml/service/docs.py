"""What OpenAPI tells of an answer: an example, and the problems that it may be instead."""

from __future__ import annotations

from typing import Any

_PROBLEMS = {
    401: "no key, or one that opens nothing",
    403: "the role may not do this",
    404: "there is no such thing",
    409: "somebody was faster",
    413: "the body is too large",
    422: "the request is malformed",
    429: "too many requests",
    503: "the store does not answer, or is still being read",
}
_PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "no ring 'r-0'",
    "request_id": "6b3f0c2a9d1e4f58",
}


def told(example: Any, *problems: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of a route: an example, and which problems it may end in."""
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "as in the example",
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        }
    }
    for number in sorted({401, 403, 413, 422, 429, 503, *problems}):
        found[number] = {
            "description": _PROBLEMS[number],
            "content": {
                "application/problem+json": {"schema": {"type": "object"}, "example": _PROBLEM}
            },
        }
    return found
