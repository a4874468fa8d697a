"""Bearer tokens of an OpenID Connect issuer: signature, issuer, audience, time, role."""

from __future__ import annotations

import json
import math
import threading
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import jwt

from graphml.config import ServiceConfig
from graphml.errors import ConfigError, StoreConnectionError
from graphml.service.keys import ROLES, Role

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures by a key pair alone: with HMAC the public key would be the secret."""
_LEEWAY_S = 30
_WAIT_S = 5
_AGAIN_S = 30
"""After a failure the issuer is left alone for so long."""


class Issuer:
    """An OIDC issuer, asked for its keys when they are first needed, and for new ones later.

    Args:
        config: With ``issuer`` and ``audience``.

    Raises:
        ConfigError: The issuer is no https address, and not on this machine.
    """

    def __init__(self, config: ServiceConfig) -> None:
        assert config.issuer is not None
        _require_tls(config.issuer, "service.issuer")
        self._config = config
        self._keys: jwt.PyJWKClient | None = None
        self._lock = threading.Lock()
        self._failed = -math.inf

    def who(self, token: str) -> tuple[str, Role] | None:
        """Return the user and the role that a token gives, ``None`` where it gives none.

        Raises:
            StoreConnectionError: The issuer does not answer.
        """
        try:
            if jwt.get_unverified_header(token).get("alg") not in _ALGORITHMS:
                return None
            claimed = jwt.decode(token, options={"verify_signature": False})
            if claimed.get("iss") != self._config.issuer:
                return None
            key = self._key(token)
            claims = jwt.decode(
                token, key.key, algorithms=_ALGORITHMS, audience=self._config.audience,
                issuer=self._config.issuer, leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud"]},
            )  # fmt: skip
        except jwt.PyJWKClientConnectionError as error:
            raise _away(self._config.issuer) from error
        except (jwt.PyJWTError, ValueError):
            return None
        return _named(claims, self._config)

    def _key(self, token: str) -> jwt.PyJWK:
        """Return the key that a token was signed with; one question at a time to the issuer.

        Raises:
            StoreConnectionError: The issuer did not answer within the last half minute.
        """
        with self._lock:
            if time.monotonic() - self._failed < _AGAIN_S:
                raise _away(self._config.issuer)
            try:
                return self._client().get_signing_key_from_jwt(token)
            except (StoreConnectionError, jwt.PyJWKClientConnectionError):
                self._failed = time.monotonic()
                raise

    def _client(self) -> jwt.PyJWKClient:
        if self._keys is None:
            address = f"{str(self._config.issuer).rstrip('/')}/.well-known/openid-configuration"
            try:
                with urllib.request.urlopen(address, timeout=_WAIT_S) as answer:  # noqa: S310 - checked above
                    about = json.loads(answer.read(1 << 20))
                place = about["jwks_uri"]
                _require_tls(place, "jwks_uri")
            except (OSError, ValueError, TypeError, KeyError, ConfigError) as error:
                raise _away(self._config.issuer) from error
            self._keys = jwt.PyJWKClient(place, cache_keys=True, lifespan=300, timeout=_WAIT_S)
        return self._keys


def _require_tls(address: str, called: str) -> None:
    """Refuse an address whose answers others could change on the way.

    Raises:
        ConfigError: It is one.
    """
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ConfigError(f"{called} is {address!r}", hint="an https address under [service]")


def _named(claims: dict[str, Any], config: ServiceConfig) -> tuple[str, Role] | None:
    user, roles = claims.get(config.user_claim), claims.get(config.role_claim)
    held = roles if isinstance(roles, list) else [roles]
    best = next((role for role in reversed(ROLES) if role in held), None)
    if not isinstance(user, str) or not user or best is None:
        return None
    return user, best


def _away(issuer: str | None) -> StoreConnectionError:
    return StoreConnectionError(f"{issuer} does not answer", hint="ask again in a moment")
