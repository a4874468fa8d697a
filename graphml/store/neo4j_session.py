"""The connection to Neo4j: credentials, statements, errors told in graphml's words."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, ManagedTransaction, Session
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    DriverError,
    Forbidden,
    IncompleteCommit,
    Neo4jError,
    ServiceUnavailable,
    SessionExpired,
)

from graphml.errors import (
    StoreConnectionError,
    StoreError,
    StorePermissionError,
    UsageError,
    one_line,
)
from graphml.schema import MARKETPLACE
from graphml.store.cypher import statement

Work = tuple[str, Mapping[str, Any]]
"""A statement and its parameters."""

Result = TypeVar("Result")

_TIMEOUT = 5.0
_AGAIN = 5
"""How often a transaction is tried of which the end is not known."""
_REFUSED = ("Statement.AccessMode", "Security.", "WriteOnReadOnlyAccessDatabase")


@cache
def fill(name: str, **parts: str) -> str:
    """Return statement ``cypher/neo4j/NAME.cypher`` with each ``__PART__`` replaced.

    Labels, relationship types and keys are parts; what is none of the schema's is refused, so that
    no data can become part of a statement. Fragments that ``neo4j_rows`` writes are made from the
    schema's columns alone.
    """
    text = statement(f"neo4j/{name}")
    for part, value in parts.items():
        if part not in ("PROPERTIES", "TEXT") and value not in _names():
            raise ValueError(f"{value!r} is no label, relationship type or key of the schema")
        text = text.replace(f"__{part}__", value)
    return text


@cache
def _names() -> frozenset[str]:
    nodes = MARKETPLACE.nodes.values()
    names = {node.label for node in nodes} | {node.key for node in nodes}
    names |= {edge.tie for edge in MARKETPLACE.edges} | set(RECORDS.values())
    names |= {EVENT_RELATION, RECORD_RELATION, OTHER_TIE, "event_id", "order_id", "sequence"}
    return frozenset(names | _OWN)


RECORDS = {
    "events": "Event",
    "members": "MemberRecord",
    "products": "ProductRecord",
    "labels": "LabelRecord",
    "links": "LinkRecord",
}
"""Label of the record nodes of each table."""
EVENT_RELATION = "DID"
"""From a member to each of its events: the timeline."""
RECORD_RELATION = "HAS"
"""From a member or product to its other records."""

OTHER_TIE = "NAMES"
"""From a member to a node that its events name in a kind without a tie of its own."""
SLOTS = {"a": "graphml_fraud_a", "b": "graphml_fraud_b"}
"""Property of members that holds each slot's scores; the pointer of kind fraud names the live one."""
_OWN = {
    *("GraphmlStore", "GraphmlSequence", "GraphmlPointer", "GraphmlRun", "GraphmlRing"),
    *("GraphmlList", "GraphmlDecision", "name", "kind", "run_id", "key"),
    *SLOTS.values(),
}

# A transaction that waits for another's node is tried again by the driver, which would print so.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


class Connection:
    """A driver with graphml's settings; every failure is a ``StoreError``.

    Raises:
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
    """

    def __init__(self, url: str, *, read_only: bool) -> None:
        self.url = _without_secrets(url)
        self.read_only = read_only
        self._database = os.environ.get("NEO4J_DATABASE")
        with self._told():
            self.driver: Driver = GraphDatabase.driver(
                url,
                auth=_credentials(),
                connection_timeout=_TIMEOUT,
                connection_acquisition_timeout=3 * _TIMEOUT,
                initial_retry_delay=0.1,  # for sides that met at a node after all
                notifications_min_severity="OFF",
                user_agent="graphml",
            )
        try:
            with self._told():
                self.driver.verify_connectivity()
        except BaseException:
            self.close()
            raise

    def read(self, text: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of one reading statement."""
        with self._told(), self.session(READ_ACCESS) as session:
            return session.execute_read(rows_of, (text, parameters))

    def write(self, *works: Work) -> list[dict[str, Any]]:
        """Run ``works`` in one transaction; return the rows of the last."""
        self.require_writable()
        with self._told(), self.session(WRITE_ACCESS) as session:
            return session.execute_write(rows_of, *works)

    def once(self, work: Callable[[ManagedTransaction], Result]) -> Result:
        """Return what ``work`` does in one transaction, again where nobody knows whether it ended.

        A connection may be lost between a commit and the word of it. So ``work`` must look first
        whether it was done.
        """
        self.require_writable()
        with self._told():
            for left in reversed(range(_AGAIN)):
                try:
                    with self.session(WRITE_ACCESS) as session:
                        return session.execute_write(work)
                except IncompleteCommit:
                    if not left:
                        raise
        raise AssertionError("no attempt was made")

    def run(self, text: str, **parameters: Any) -> None:
        """Run a statement in a transaction of its own making: constraints, cuts into pieces."""
        self.require_writable()
        with self._told(), self.session(WRITE_ACCESS) as session:
            session.run(text, parameters).consume()

    def write_side_by_side(self, sides: Sequence[Iterable[Work]]) -> None:
        """Run each of ``sides`` in a session of its own, one transaction a work, all at once.

        Works of different sides must share no node, else they wait for each other. When one fails,
        the others stop after the work they are at.
        """
        self.require_writable()
        stop = threading.Event()

        def write(works: Iterable[Work]) -> None:
            try:
                with self._told(), self.session(WRITE_ACCESS) as session:
                    for work in works:
                        if stop.is_set():
                            return
                        session.execute_write(rows_of, work)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(len(sides)) as pool:
            running = [pool.submit(write, side) for side in sides]
            try:
                for side in running:
                    side.result()
            except BaseException:
                stop.set()
                raise

    def require_writable(self) -> None:
        """Raise StorePermissionError if the store was opened to be read only."""
        if self.read_only:
            raise StorePermissionError(
                f"store {self.url} was opened to be read only", hint="open it without read_only"
            )

    @contextmanager
    def transaction(self, metadata: Mapping[str, Any], timeout: float | None) -> Iterator[Any]:
        """Hold a transaction open; it is committed when the block ends well, else rolled back."""
        with (
            self._told(),
            self.session(WRITE_ACCESS) as session,
            session.begin_transaction(metadata=dict(metadata), timeout=timeout) as transaction,
        ):
            yield transaction
            transaction.commit()

    def session(self, access: str) -> Session:
        """Return a new session."""
        return self.driver.session(default_access_mode=access, database=self._database)

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self.driver.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (Neo4jError, DriverError, OSError) as error:
            raise _translated(self.url, error) from error


def rows_of(transaction: ManagedTransaction, *works: Work) -> list[dict[str, Any]]:
    """Run ``works`` within a transaction; return the rows of the last."""
    rows: list[dict[str, Any]] = []
    for text, parameters in works:
        rows = transaction.run(text, dict(parameters)).data()
    return rows


def _translated(url: str, error: Exception) -> StoreError:
    reason = one_line(getattr(error, "message", None) or error)
    code = getattr(error, "code", None) or ""
    if isinstance(error, AuthError | Forbidden) or any(part in code for part in _REFUSED):
        return StorePermissionError(
            f"{url} refuses this user: {reason}",
            hint="set NEO4J_USERNAME and NEO4J_PASSWORD (or NEO4J_PASSWORD_FILE)",
        )
    if isinstance(error, ServiceUnavailable | SessionExpired | ConfigurationError | OSError):
        return StoreConnectionError(
            f"no connection to {url}: {_root(error)}",
            hint="is Neo4j running there, and is its Bolt port open?",
        )
    return StoreError(f"{url}: {reason}", hint="see the server's log")


def _root(error: BaseException) -> str:
    """Return in one sentence what the system said; the driver's own words run over lines."""
    while inner := error.__cause__ or next(iter(getattr(error, "exceptions", ())), None):
        error = inner
    told = getattr(error, "strerror", None) or str(error)
    return one_line(next(iter(told.splitlines()), type(error).__name__))


def _without_secrets(url: str) -> str:
    """Return ``url`` if it carries no password: those never stand in a command line.

    >>> _without_secrets("bolt://user:secret@host")
    Traceback (most recent call last):
    graphml.errors.UsageError: the store's URL holds a user or password
    """
    if "@" in urlsplit(url).netloc:
        raise UsageError(
            "the store's URL holds a user or password",
            hint="put them in NEO4J_USERNAME and NEO4J_PASSWORD",
        )
    return url


def _credentials() -> tuple[str, str] | None:
    """Return user and password from the environment, or a file that it names; ``None`` for none."""
    password = os.environ.get("NEO4J_PASSWORD")
    if password is None and "NEO4J_PASSWORD_FILE" in os.environ:
        file = Path(os.environ["NEO4J_PASSWORD_FILE"])
        try:
            password = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"NEO4J_PASSWORD_FILE: {file} cannot be read: {error}",
                hint="a text file with the password alone, readable by you",
            ) from error
    return None if password is None else (os.environ.get("NEO4J_USERNAME", "neo4j"), password)
