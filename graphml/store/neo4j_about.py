"""What stands behind a Neo4j store: the server, the database, and who logs in."""

from __future__ import annotations

from dataclasses import dataclass

from graphml.errors import UsageError
from graphml.store.neo4j_access import login
from graphml.store.neo4j_session import Connection, fill


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """Facts of a server, none of them secret.

    Attributes:
        version, edition: As the server names them.
        database: The one that is used.
        access: ``read-write``, ``read-only`` or ``not online``.
        writable: Whether the database takes writes; what its writer may do there is not tried.
        encryption: ``off``, ``not verified`` or ``verified``.
        reader, writer: Who logs in to read and to write; ``None`` for nobody.
    """

    version: str
    edition: str
    database: str
    access: str
    writable: bool
    encryption: str
    reader: str | None
    writer: str | None


def read_about(connection: Connection) -> About:
    """Return what answers at ``connection``; nothing is written."""
    server = connection.read(fill("read_server"))[0]
    rows = [
        row
        for row in connection.read(fill("read_databases"))
        if row["name"] == server["database"] and row["status"] == "online"
    ]
    accesses = sorted({row["access"] for row in rows})
    writers = [row for row in rows if row["writer"] and row["access"] == "read-write"]
    return About(
        version=server["version"],
        edition=server["edition"],
        database=server["database"],
        access=" and ".join(accesses) or "not online",
        writable=bool(writers),
        encryption=connection.encryption,
        reader=_user(read_only=True),
        writer=_user(read_only=False),
    )


def _user(*, read_only: bool) -> str | None:
    try:
        who = login(read_only=read_only)
    except UsageError:  # nobody is named who writes
        return None
    return who.user if who else None
