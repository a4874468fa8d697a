"""What went wrong, as ``application/problem+json`` (RFC 9457): one sentence, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from graphml.errors import (
    CaseConflictError,
    CaseRuleError,
    GraphmlError,
    NothingToDoError,
    OwnProposalError,
    StoreConflictError,
    StoreError,
    UnknownCaseError,
    UsageError,
    one_line,
)

_RETRY_S = 2


class ProblemError(Exception):
    """A request that ends in a status other than success."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})


def not_found(error: GraphmlError) -> ProblemError:
    """Return the problem of asking for what is not there."""
    return ProblemError(404, error.message, hint=error.hint)


def problem_response(problem: ProblemError, request_id: str) -> Response:
    """Return the answer that tells of a problem."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": one_line(problem.detail, 500),
        "request_id": request_id,
    }
    if problem.hint:
        body["hint"] = one_line(problem.hint, 300)
    return Response(
        json.dumps(body, ensure_ascii=True),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=problem.headers,
    )


def problem_of(error: Exception) -> ProblemError:
    """Return the problem that an error of the engine is to who asks."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, HTTPException):
        return ProblemError(error.status_code, str(error.detail), headers=error.headers)
    if isinstance(error, RequestValidationError):
        return _malformed(error)
    if isinstance(error, GraphmlError):
        status = _status(error)
        headers = {"Retry-After": str(_RETRY_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return ProblemError(status, error.message, hint=error.hint, headers=headers)
    if isinstance(error, TimeoutError | OSError):
        return ProblemError(
            503, "the store cannot be reached", headers={"Retry-After": str(_RETRY_S)}
        )
    return ProblemError(500, "something broke here; the log has it under this request's id")


def _status(error: GraphmlError) -> int:
    kinds: tuple[tuple[type[GraphmlError], int], ...] = (
        (UnknownCaseError, 404),
        (CaseConflictError, 409),
        (OwnProposalError, 403),
        (CaseRuleError, 409),
        (StoreConflictError, 409),
        (StoreError, 503),
        (NothingToDoError, 503),
        (UsageError, 422),
    )
    return next((status for kind, status in kinds if isinstance(error, kind)), 500)


def _malformed(error: RequestValidationError) -> ProblemError:
    told = []
    for one in error.errors()[:3]:
        place, kind = one.get("loc", ()), one.get("type")
        if kind == "json_invalid":
            return ProblemError(422, f"the body is no JSON from character {place[-1]} on")
        if place == ("body",) and kind == "model_attributes_type":
            return ProblemError(
                422, "the body is not read as a JSON object",
                hint="send one with Content-Type: application/json",
            )  # fmt: skip
        told.append(f"{'.'.join(map(str, place))}: {one.get('msg', 'does not fit')}")
    return ProblemError(422, "; ".join(told), hint="docs/reference/rest.md tells what each takes")


def add_problems(app: FastAPI) -> None:
    """Let every error of ``app`` end as a problem."""

    def answer(request: Request, error: Exception) -> Response:
        return problem_response(problem_of(error), request.scope.get("request_id", ""))

    for kind in (ProblemError, HTTPException, RequestValidationError, GraphmlError, OSError):
        app.add_exception_handler(kind, answer)
