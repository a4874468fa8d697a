"""What a Neo4j server answers when it does not do what was asked, in one line, with what to do."""

from __future__ import annotations

from neo4j.exceptions import AuthError, Forbidden

from graphml.errors import StoreConnectionError, StoreError, StorePermissionError, one_line

_LOGIN = "set NEO4J_USERNAME and NEO4J_PASSWORD (or NEO4J_PASSWORD_FILE); NEO4J_READ_… to read"
_READ_ONLY = (
    "neo4j:// finds the member of a cluster that may be written; a single server needs "
    "server.databases.read_only changed"
)
_AGAIN = "run the same command again: it goes on where it was"
_FULL = "see the server's log: is its disk full? Then start it and the same command again"
_ANSWERS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    (
        "Security.CredentialsExpired",
        StorePermissionError,
        "refuses this user: the password must be changed first",
        "ALTER CURRENT USER SET PASSWORD in cypher-shell, then set NEO4J_PASSWORD",
    ),
    ("Security.", StorePermissionError, "refuses this user: {reason}", _LOGIN),
    ("Statement.AccessMode", StorePermissionError, "refuses this user: {reason}", _LOGIN),
    ("OnReadOnly", StorePermissionError, "may not be written: {reason}", _READ_ONLY),
    (
        "Database.DatabaseNotFound",
        StoreConnectionError,
        "has no such database: {reason}",
        "set NEO4J_DATABASE to one it has, or unset it for the user's own",
    ),
    ("Cluster.NotALeader", StoreConnectionError, "leads its database no more: {reason}", _AGAIN),
    ("General.DatabaseUnavailable", StoreConnectionError, "cannot answer now: {reason}", _AGAIN),
    ("TransientError", StoreError, "could not do it now: {reason}", _AGAIN),
    ("DatabaseError.Transaction.", StoreError, "cannot go on: {reason}", _FULL),
    ("DatabaseError.General.", StoreError, "cannot go on: {reason}", _FULL),
)
"""Part of the code, how it is raised, what is told after the URL, and what to do; the first fits."""


def answered(url: str, error: Exception) -> StoreError:
    """Return what an answer of the server at ``url`` means; ``error`` is as the driver made it."""
    reason = one_line(getattr(error, "message", None) or error)
    code = getattr(error, "code", None) or ""
    if isinstance(error, AuthError | Forbidden) and "Security." not in code:
        code = "Security."
    for part, kind, told, hint in _ANSWERS:
        if part in code:
            return kind(f"{url} {told.replace('{reason}', reason)}", hint=hint)
    return StoreError(f"{url}: {reason}", hint="see the server's log")
