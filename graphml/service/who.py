"""Who asks, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from graphml.errors import one_line
from graphml.service.keys import ROLES, KeyRing, Role, now
from graphml.service.oidc import Issuer
from graphml.service.problems import ProblemError


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who asks.

    Attributes:
        name: As decisions carry it.
        auth: How it is known: by nothing, a key, or a token of an issuer.
    """

    name: str
    role: Role
    auth: Literal["none", "key", "oidc"]

    def may(self, role: Role) -> bool:
        """Return whether this one may do what a role may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Door:
    """Tells who asks.

    Args:
        keys: API keys; ``None`` where nobody is asked, on the local host alone.
        issuer: Of tokens; ``None`` without one.
        local: Who everybody is, where nobody is asked.
    """

    def __init__(self, keys: KeyRing | None, issuer: Issuer | None, *, local: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._local = Person(name=local, role="admin", auth="none")

    def caller(self, token: str) -> str | None:
        """Return whose key a token is, ``None`` where it is nobody's, or an issuer's."""
        key = self._keys.who(token, now=now()) if self._keys is not None else None
        return None if key is None else key.id

    @property
    def open(self) -> bool:
        """Whether nobody is asked."""
        return self._keys is None

    async def who(self, request: Request) -> Person:
        """Return who asks.

        Raises:
            ProblemError: 401, the key or token opens nothing.
        """
        if self._keys is None:
            return self._local
        token = bearer(request.headers.get("authorization", ""))
        if not token:
            raise _closed("no key given")
        key = self._keys.who(token, now=now())
        if key is not None:
            return Person(name=key.name, role=key.role, auth="key")
        if self._issuer is not None and token.count(".") == 2:
            found = await run_in_threadpool(self._issuer.who, token)
            if found is not None:
                return Person(name=found[0], role=found[1], auth="oidc")
        raise _closed("this key opens nothing: unknown, expired or revoked")


def bearer(header: str) -> str:
    """Return the token of an Authorization header, empty without one.

    >>> bearer("Bearer gml_1_x"), bearer("Basic x"), bearer("")
    ('gml_1_x', '', '')
    """
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _closed(detail: str) -> ProblemError:
    return ProblemError(
        401,
        detail,
        hint="Authorization: Bearer KEY; graphml keys add NAME makes one",
        headers={"WWW-Authenticate": 'Bearer realm="graphml"'},
    )


def _require_known_parameters(request: Request) -> None:
    """Refuse a parameter that the route has not: a misspelt filter would answer everything.

    Raises:
        ProblemError: 422, with those that it has.
    """
    route = request.scope.get("route")
    known = {field.alias for field in route.dependant.query_params} if route else set()
    for name in request.query_params:
        if name not in known:
            raise ProblemError(
                422, f"no parameter {one_line(name, 60)!r}",
                hint=", ".join(sorted(known)) or "this takes none",
            )  # fmt: skip


def allowed(role: Role) -> Callable[[Request], Awaitable[Person]]:
    """Return what lets those through who may do what ``role`` may."""

    async def check(request: Request) -> Person:
        door: Door = request.app.state.door
        person = await door.who(request)
        if not person.may(role):
            raise ProblemError(403, f"{person.role}s may look and not do this; it takes: {role}")
        _require_known_parameters(request)
        return person

    return check


Viewer = Annotated[Person, Depends(allowed("viewer"))]
Analyst = Annotated[Person, Depends(allowed("analyst"))]
Admin = Annotated[Person, Depends(allowed("admin"))]
