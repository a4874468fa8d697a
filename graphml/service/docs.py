"""What OpenAPI tells of an answer: an example, and the problems that it may be instead."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import ConfigDict

_PROBLEMS = {
    400: ("the request cannot be read", "There was an error parsing the body"),
    401: ("no key, or one that opens nothing", "no key given"),
    403: ("the role may not do this", "viewers may look and not do this; it takes: analyst"),
    404: ("there is no such thing", "no ring 'r-0'"),
    409: ("somebody was faster", "case c-1 has version 3, not 2: somebody changed it"),
    413: ("the body is too large", "the body has more than 2,000,000 bytes"),
    422: ("the request is malformed", "event.device_id: longer than 1000 bytes"),
    429: ("too many requests", "too many requests"),
    503: ("the store does not answer, or is still being read", "scores are being worked out"),
}
"""What each status means, and what a detail says."""


def examples(*bodies: dict[str, Any]) -> ConfigDict:
    """Return the settings of a body with examples; a field that it has not is refused."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [*bodies]})


def told(example: Any, *problems: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return ``responses`` of a route: an example, and which problems it may end in."""
    found: dict[int | str, dict[str, Any]] = {
        status: {
            "description": "as in the example",
            "content": {"application/json": {"schema": {"type": "object"}, "example": example}},
        }
    }
    for number in sorted({400, 401, 403, 413, 422, 429, 503, *problems}):
        description, detail = _PROBLEMS[number]
        problem = {
            "type": "about:blank", "title": HTTPStatus(number).phrase, "status": number,
            "detail": detail, "request_id": "6b3f0c2a9d1e4f58",
        }  # fmt: skip
        found[number] = {
            "description": description,
            "content": {
                "application/problem+json": {"schema": {"type": "object"}, "example": problem}
            },
        }
    return found
