"""Who logs in to Neo4j, and over what: URLs, encryption, credentials, and why it was refused."""

from __future__ import annotations

import ipaddress
import logging
import os
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from neo4j import Address, TrustCustomCAs
from neo4j.exceptions import ConfigurationError, ServiceUnavailable, SessionExpired

from graphml.errors import StoreConnectionError, StoreError, UsageError, one_line
from graphml.store.neo4j_errors import answered

logger = logging.getLogger("graphml.store")

_PLAIN = ("bolt", "neo4j")
_OTHERS = 0o077
"""Mode bits by which a file is open to others than its owner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A user and its password, which no repr shows."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where to connect, and how.

    Attributes:
        url: As it was given: for messages.
        address: The URL for the driver.
        options: The driver's settings of encryption.
        encryption: ``off``, ``not verified`` or ``verified``.
    """

    url: str
    address: str
    options: dict[str, Any] = field(default_factory=dict)
    encryption: str


def target(url: str) -> Target:
    """Return where ``url`` leads; nothing is looked up or connected.

    Without TLS only the local host is reached, by the text of the URL, unless
    GRAPHML_ALLOW_PLAINTEXT is 1. ``+s`` verifies the certificate, against the CA in NEO4J_CA_FILE
    where that is set; ``+ssc`` encrypts for whoever answers, and is warned of.

    Raises:
        UsageError: The URL holds a password or is none, would send one in plain text, or its CA
            cannot be read.
    """
    scheme, hosts = _parts(url)
    if scheme in _PLAIN:
        _require_local(url, scheme, hosts)
        return Target(url=url, address=url, encryption="off")
    authority = os.environ.get("NEO4J_CA_FILE")
    if scheme.endswith("+ssc"):
        if authority:
            raise UsageError(
                "NEO4J_CA_FILE is set, and +ssc verifies no certificate",
                hint=f"{scheme.removesuffix('sc')}://… verifies against it; or unset NEO4J_CA_FILE",
            )
        _warn(f"{url} is encrypted, but anybody may answer: +ssc verifies no certificate")
        return Target(url=url, address=url, encryption="not verified")
    if not authority:
        return Target(url=url, address=url, encryption="verified")
    _require_certificates(authority)
    # The driver takes a CA only beside a URL that says nothing of TLS.
    plain = urlunsplit(urlsplit(url)._replace(scheme=scheme.removesuffix("+s")))
    options = {"encrypted": True, "trusted_certificates": TrustCustomCAs(authority)}
    return Target(url=url, address=plain, options=options, encryption="verified")


def _parts(url: str) -> tuple[str, list[str]]:
    """Return scheme and hosts of ``url`` as the driver reads them; no message quotes its secrets."""
    try:
        split = urlsplit(url)
        if "@" in split.netloc:
            raise UsageError(
                "the store's URL holds a user or password",
                hint="put them in NEO4J_USERNAME and NEO4J_PASSWORD",
            )
        # A neo4j:// URL may list several, parted by spaces.
        hosts = [str(address.host) for address in Address.parse_list(split.netloc)]
    except ValueError as error:
        raise UsageError(
            f"the store's URL cannot be read: {one_line(error)}", hint="neo4j+s://graph.example.com"
        ) from error
    return split.scheme, hosts


def _require_local(url: str, scheme: str, hosts: list[str]) -> None:
    if os.environ.get("GRAPHML_ALLOW_PLAINTEXT") == "1" or all(map(_is_local, hosts)):
        return
    raise UsageError(
        f"{one_line(url)} would send password and data in plain text",
        hint=f"{scheme}+s://… encrypts; GRAPHML_ALLOW_PLAINTEXT=1 if the network does",
    )


def _is_local(host: str) -> bool:
    """Return whether ``host`` is this machine by its spelling alone: names are not looked up.

    >>> [_is_local(host) for host in ("localhost", "db.localhost", "127.9.9.9", "::1", "10.0.0.1")]
    [True, True, True, True, False]
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _require_certificates(file: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl's errors too
        reason = "no certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            f"NEO4J_CA_FILE: {file} cannot be used: {reason}",
            hint="a PEM file with the certificate of the authority that signed the server's",
        ) from error


def login(*, read_only: bool) -> Login | None:
    """Return who logs in, by the environment; ``None`` where it names nobody.

    To read, NEO4J_READ_USERNAME with NEO4J_READ_PASSWORD or NEO4J_READ_PASSWORD_FILE where they are
    set; else, and to write, NEO4J_USERNAME (neo4j unless set) with NEO4J_PASSWORD or
    NEO4J_PASSWORD_FILE. A variable that is empty counts as not set.

    Raises:
        UsageError: Half of it is set, or a password twice, or its file cannot be read.
    """
    reader = _login("NEO4J_READ_", default=None)
    usual = _login("NEO4J_", default="neo4j")
    if read_only:
        return reader or usual
    if reader and not usual:
        raise UsageError(
            "NEO4J_READ_USERNAME is for reading, and nobody is named who writes",
            hint="set NEO4J_USERNAME and NEO4J_PASSWORD (or NEO4J_PASSWORD_FILE)",
        )
    return usual


def _login(prefix: str, *, default: str | None) -> Login | None:
    user = os.environ.get(f"{prefix}USERNAME")
    password = _password(f"{prefix}PASSWORD")
    if password is None:
        if user:
            raise UsageError(
                f"{prefix}USERNAME is set, its password is not",
                hint=f"set {prefix}PASSWORD or {prefix}PASSWORD_FILE",
            )
        return None
    if not user and default is None:
        raise UsageError(
            f"{prefix}PASSWORD is set, {prefix}USERNAME is not", hint=f"set {prefix}USERNAME"
        )
    return Login(user=user or str(default), password=password)


def _password(name: str) -> str | None:
    password, file = os.environ.get(name), os.environ.get(f"{name}_FILE")
    if password and file:
        raise UsageError(f"{name} and {name}_FILE are both set", hint="unset one of them")
    return _read_password(f"{name}_FILE", Path(file)) if file else password or None


def _read_password(name: str, file: Path) -> str:
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
        mode = file.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        # What cannot be decoded is part of a secret.
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise UsageError(
            f"{name}: {file} cannot be read: {reason}",
            hint="a text file with the password alone, readable by you",
        ) from None
    if not password:
        raise UsageError(f"{name}: {file} is empty", hint="a text file with the password alone")
    if os.name == "posix" and mode & _OTHERS:
        _warn(f"{name}: others than you may read or write {file}; chmod 600 it")
    return password


@cache
def _warn(text: str) -> None:
    """Say it once, however often a process connects."""
    logger.warning("%s", text)


def translated(url: str, error: Exception) -> StoreError:
    """Return what a failure of the driver means, in graphml's words and in one line."""
    if isinstance(error, ServiceUnavailable | SessionExpired | ConfigurationError | OSError):
        return _no_connection(url, _root(error))
    return answered(url, error)


def _no_connection(url: str, root: BaseException) -> StoreConnectionError:
    if isinstance(root, ssl.SSLCertVerificationError):
        return StoreConnectionError(
            f"no connection to {url}: its certificate is not trusted: {one_line(root.verify_message)}",
            hint="NEO4J_CA_FILE=FILE.pem names the authority that signed it",
        )
    if isinstance(root, ssl.SSLError):
        return StoreConnectionError(
            f"no connection to {url}: TLS failed: {one_line(root.reason)}",
            hint="does its Bolt port offer TLS (server.bolt.tls_level)?",
        )
    # The driver's own words run over lines.
    told = getattr(root, "strerror", None) or str(root)
    reason = one_line(next(iter(told.splitlines()), type(root).__name__))
    hint = "is Neo4j running there, and is its Bolt port open?"
    if "incomplete handshake" in reason:
        hint = "does it require TLS? bolt+s:// or neo4j+s:// encrypts"
    return StoreConnectionError(f"no connection to {url}: {reason}", hint=hint)


def _root(error: BaseException) -> BaseException:
    """Return what the system said at first."""
    while inner := error.__cause__ or next(iter(getattr(error, "exceptions", ())), None):
        error = inner
    return error
