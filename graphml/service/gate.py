"""What every request passes: its id, how large and how often, headers, figures, the log."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphml.errors import GraphmlError
from graphml.results import time_text
from graphml.service.problems import ProblemError, problem_of, problem_response
from graphml.service.who import bearer

log = logging.getLogger("graphml.service")

_CALLERS = 10_000
"""Callers whose rate is remembered."""
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}


class Figures:
    """What Prometheus reads; one registry a service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "graphml_requests", "Requests by route and status.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "graphml_request_seconds", "Time to answer, by route.", ["route"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
            registry=self.registry,
        )  # fmt: skip
        self.scores = Counter(
            "graphml_scores", "Scores by what they rest on.", ["basis"], registry=self.registry
        )
        self.events = Counter(
            "graphml_events", "Events by what became of them.", ["became"], registry=self.registry
        )
        self.late = Gauge(
            "graphml_late_events", "Events since scores were worked out.", registry=self.registry
        )
        self.known = Gauge(
            "graphml_known_until_seconds", "Time of the last event known, Unix seconds.",
            registry=self.registry,
        )  # fmt: skip
        self.store = Gauge("graphml_store_up", "1 while the store answers.", registry=self.registry)


class Rates:
    """A bucket of requests a caller, filled with time.

    Args:
        per_s: Requests a second on average.
        burst: Most at once.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s, self._burst = per_s, float(burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str, now: float) -> float:
        """Return 0 and count a request, or the seconds until the next one is let through."""
        with self._lock:
            left, before = self._buckets.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - before) * self._per_s)
            through = left >= 1
            self._buckets[caller] = (left - through, now)
            if len(self._buckets) > _CALLERS:
                self._buckets.popitem(last=False)
        return 0.0 if through else (1 - left) / self._per_s


class Gate:
    """ASGI middleware around everything.

    Args:
        app: What answers.
        figures: That requests are counted in.
        rates: Who may ask how often.
        body: Largest body in bytes.
        caller: Whose key a token is, ``None`` for nobody's.
        local: Whether only this machine's own pages may ask: where nobody needs a key, a page of
            another site must not reach the service by a name that resolves to this machine.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        figures: Figures,
        rates: Rates,
        body: int,
        caller: Callable[[str], str | None],
        local: bool,
    ) -> None:
        self._app, self._figures, self._rates = app, figures, rates
        self._body, self._caller, self._local = body, caller, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = secrets.token_hex(8)
        start, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                ours = {**HEADERS, "X-Request-Id": scope["request_id"]}
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((k.lower().encode(), v.encode()) for k, v in ours.items()
                      if k.lower().encode() not in present),
                ]  # fmt: skip
            await send(message)

        try:
            problem = self._refused(scope)
            if problem is None:
                await self._app(scope, _Limited(receive, self._body), sending)
            else:
                await problem_response(problem, scope["request_id"])(scope, receive, sending)
        except (GraphmlError, OSError) as error:  # the keys cannot be read
            await problem_response(problem_of(error), scope["request_id"])(scope, receive, sending)
        except Exception:
            log.exception("request %s broke", scope["request_id"])
            problem = ProblemError(500, "something broke here; the log has it under this id")
            await problem_response(problem, scope["request_id"])(scope, receive, sending)
        finally:
            self._note(scope, status, time.perf_counter() - start)

    def _refused(self, scope: Scope) -> ProblemError | None:
        headers = dict(scope["headers"])
        if len(headers) < len(scope["headers"]) and _is_doubled(scope["headers"]):
            return ProblemError(400, "a header that may come once comes twice")
        if self._local and not _from_here(headers, scope["path"]):
            return ProblemError(403, "this service answers to pages of this machine alone")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._body:
            return ProblemError(413, f"the body has more than {self._body:,} bytes")
        # Only a key that opens has a bucket of its own: made-up ones would each have a full one.
        token = bearer(headers.get(b"authorization", b"").decode("latin-1"))
        client = scope.get("client") or ("", 0)
        caller = (self._caller(token) if token else None) or f"address {client[0]}"
        wait = self._rates.wait(caller, time.monotonic())
        if wait:
            seconds = str(max(1, round(wait)))
            return ProblemError(429, "too many requests", headers={"Retry-After": seconds})
        return None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route and not the path: a path holds ids of people.
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._figures.requests.labels(method, route, status).inc()
        self._figures.seconds.labels(route).observe(seconds)
        if log.isEnabledFor(logging.INFO):
            line = {
                "time": time_text(datetime.now(UTC)), "request_id": scope["request_id"],
                "method": method, "route": route, "status": status,
                "ms": round(1e3 * seconds, 2),
            }  # fmt: skip
            log.info("%s", json.dumps(line))


class _Limited:
    """Reads a body, and stops where it has too many bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left, self._most = receive, most, most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            # This kind of error alone is handed on by what reads the body.
            raise HTTPException(413, f"the body has more than {self._most:,} bytes")
        return message


_ONCE = (b"authorization", b"host", b"origin", b"content-length")


def _is_doubled(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    names = [name for name, _ in headers]
    return any(names.count(name) > 1 for name in _ONCE)


def _from_here(headers: dict[bytes, bytes], path: str) -> bool:
    """Return whether a request names this machine, and comes from no page but the service's own."""
    host = headers.get(b"host", b"").decode("latin-1")
    origin = headers.get(b"origin")
    try:
        here = is_loopback(urlsplit(f"//{host}").hostname or "")
        own = origin is None or urlsplit(origin.decode("latin-1")).netloc == host
    except ValueError:
        return False
    # A link elsewhere may open the page, and no more: not even a picture that is an answer.
    foreign = headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none")
    return here and own and not (foreign and path != "/")


def is_loopback(host: str) -> bool:
    """Return whether a name or address is this machine's own.

    >>> [is_loopback(host) for host in ("localhost", "127.9.9.9", "::1", "10.0.0.7", "localhost.evil")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
