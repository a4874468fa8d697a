"""One URL, one store: ``embedded://PATH``, Neo4j, or a card that maps a graph there."""

from __future__ import annotations

from pathlib import Path

from graphml.errors import UsageError
from graphml.store.base import GraphStore

_NEO4J = ("bolt://", "bolt+s://", "bolt+ssc://", "neo4j://", "neo4j+s://", "neo4j+ssc://")


def connect(url: str, *, read_only: bool = False) -> GraphStore:
    """Return the store at ``url``.

    Args:
        url: ``embedded://PATH`` (all that follows is a path), a Neo4j URL, or the path of a card
            (``.toml``) that maps a Neo4j graph; user and password come from NEO4J_USERNAME and
            NEO4J_PASSWORD.
        read_only: Never create or change anything there.

    Raises:
        UsageError: The URL names no known kind of store.
        CardError: The card is malformed.
        SourceError: There is no such card.
        StoreConnectionError: Nothing answers there.
        StorePermissionError: It answers, but not to this user.
    """
    if url.startswith("embedded://"):
        from graphml.store.embedded import EmbeddedStore

        return EmbeddedStore(url.removeprefix("embedded://"), read_only=read_only)
    if url.startswith(_NEO4J):
        from graphml.store.archive import Archive
        from graphml.store.neo4j import Neo4jStore

        return Neo4jStore(url, read_only=read_only, archive=Archive(state_folder(url) / "runs"))
    if url.lower().endswith(".toml") and "://" not in url:
        from graphml.store.archive import Archive
        from graphml.store.neo4j_mapped import MappedStore

        return MappedStore(url, read_only=read_only, archive=Archive(state_folder(url) / "runs"))
    raise UsageError(
        f"{url!r} names no kind of store",
        hint=f"embedded://{url}"
        if "://" not in url
        else "embedded://PATH, bolt://… or neo4j+s://…",
    )


def state_folder(url: str) -> Path:
    """Return the folder for what goes beside a store: manifests, quarantined rows.

    >>> state_folder("embedded://shop").as_posix(), state_folder("bolt://localhost").as_posix()
    ('shop', '.graphml')
    """
    if url.startswith("embedded://"):
        return Path(url.removeprefix("embedded://"))
    return Path(".graphml")
