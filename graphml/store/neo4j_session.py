"""The connection to Neo4j: credentials, statements, errors told in graphml's words."""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from neo4j import READ_ACCESS, WRITE_ACCESS, Driver, GraphDatabase, ManagedTransaction, Session
from neo4j.exceptions import DriverError, IncompleteCommit, Neo4jError

from graphml.errors import StorePermissionError
from graphml.schema import MARKETPLACE
from graphml.store.cypher import statement
from graphml.store.neo4j_access import login, target, translated
from graphml.store.neo4j_owners import CONVERSIONS, Owners, is_quoted

Work = tuple[str, Mapping[str, Any]]
"""A statement and its parameters."""

Result = TypeVar("Result")

_TIMEOUT = 5.0
_AGAIN = 5
"""How often a transaction is tried of which the end is not known."""
_FRAGMENTS = ("PROPERTIES", "TEXT", "CHAIN", "IDS")
_PART = re.compile(r"__([A-Z]+(?:_[A-Z]+)*)__")
_QUOTES = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")


@cache
def fill(name: str, **parts: str) -> str:
    """Return statement ``cypher/neo4j/NAME.cypher`` with each ``__PART__`` replaced.

    Labels, relationship types and keys are parts; what is none of the schema's, and no name that a
    card gives in backticks, is refused, so that no data can become part of a statement. Fragments
    that ``neo4j_rows`` and ``neo4j_pattern`` write are made from such names alone.
    """
    text = statement(f"neo4j/{name}")
    for part, value in parts.items():
        made = part in _FRAGMENTS or is_quoted(value)
        made = made or (part.endswith("_ID") and value in CONVERSIONS)
        if (part in _within_quotes(text) or not made) and value not in _names():
            raise ValueError(f"{value!r} is no label, relationship type or key of the schema")
    # In one pass: a name may hold what looks like another part, and filling that would end its quotes.
    return _PART.sub(lambda part: parts.get(part[1], part[0]), text)


def _within_quotes(text: str) -> set[str]:
    """Return the parts of a statement that stand within quotes, where no other quotes may be."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
    return {part for quotes in _QUOTES.findall(body) for part in _PART.findall(quotes)}


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


def relation_of(table: str) -> str:
    """Return the relationship that leads to records of ``table``."""
    return EVENT_RELATION if table == "events" else RECORD_RELATION


OTHER_TIE = "NAMES"
"""From a member to a node that its events name in a kind without a tie of its own."""
SLOTS = {"a": "graphml_fraud_a", "b": "graphml_fraud_b"}
"""Property of members that holds each slot's scores; the pointer of kind fraud names the live one."""
RESULTS = ("GraphmlPointer", "GraphmlRun", "GraphmlRing", "GraphmlList", "GraphmlDecision")
"""Labels of what runs and analysts leave in a graph."""
MARKS = ("GraphmlLedger", "GraphmlSequence", "GraphmlStore")
"""Labels of what says how far a store is loaded."""
_OWN = {*RESULTS, *MARKS, *SLOTS.values(), "name", "kind", "run_id", "key", "side"}

# A transaction that waits for another's node is tried again by the driver, which would print so.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


class Connection:
    """A driver with graphml's settings; every failure is a ``StoreError``.

    Attributes:
        url: As it was given.
        read_only: Whether no session may write.
        owners: Whose nodes results are about; graphml's own unless a card says otherwise.
        user: Who is logged in; ``None`` for nobody.
        encryption: ``off``, ``not verified`` or ``verified``.

    Raises:
        UsageError: The URL or the credentials cannot be used as they are set.
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
    """

    def __init__(self, url: str, *, read_only: bool) -> None:
        to = target(url)
        who = login(read_only=read_only)
        self.url = to.url
        self.read_only = read_only
        self.owners = Owners()
        self.user = who.user if who else None
        self.encryption = to.encryption
        self._database = os.environ.get("NEO4J_DATABASE")
        with self._told():
            self.driver: Driver = GraphDatabase.driver(
                to.address,
                auth=(who.user, who.password) if who else None,
                connection_timeout=_TIMEOUT,
                connection_acquisition_timeout=3 * _TIMEOUT,
                initial_retry_delay=0.1,  # for sides that met at a node after all
                notifications_min_severity="OFF",
                user_agent="graphml",
                **to.options,
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

    def reading(self, work: Callable[[ManagedTransaction], Result]) -> Result:
        """Return what ``work`` does in one transaction that may only read."""
        with self._told(), self.session(READ_ACCESS) as session:
            return session.execute_read(work)

    @contextmanager
    def holding_ids(self) -> Iterator[None]:
        """Keep internal ids from being given to other nodes until the block ends.

        Neo4j gives an id away again only when no transaction is open that is older than the end of
        its node.
        """
        with (
            self._told(),
            self.session(READ_ACCESS) as session,
            session.begin_transaction() as transaction,
        ):
            transaction.run(fill("touch")).consume()
            yield

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
        """Return a new session; one that may write only where the store was opened for that.

        Raises:
            StorePermissionError: It was opened to be read only.
        """
        if access != READ_ACCESS:
            self.require_writable()
        return self.driver.session(default_access_mode=access, database=self._database)

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self.driver.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (Neo4jError, DriverError, OSError) as error:
            raise translated(self.url, error) from error


def rows_of(transaction: ManagedTransaction, *works: Work) -> list[dict[str, Any]]:
    """Run ``works`` within a transaction; return the rows of the last."""
    rows: list[dict[str, Any]] = []
    for text, parameters in works:
        rows = transaction.run(text, dict(parameters)).data()
    return rows
