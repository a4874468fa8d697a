"""What people type: how long it may be, and which characters no file or screen can hold."""

from __future__ import annotations

import unicodedata

from graphml.errors import UsageError

TEXT_LIMIT = 10_000
"""Characters of a comment or reason."""

ID_LIMIT = 1_000
"""Characters of an id or a person's name."""


def checked_text(name: str, text: str, *, limit: int = TEXT_LIMIT) -> str:
    """Return ``text`` as it is.

    Raises:
        UsageError: It is longer than ``limit``, or holds NUL or half of a character.

    >>> checked_text("comment", "they share a kitchen")
    'they share a kitchen'
    """
    if len(text) > limit:
        raise UsageError(f"{name} has {len(text):,} characters", hint=f"at most {limit:,}")
    if not is_clean(text):
        raise UsageError(
            f"{name} holds NUL or half of a character", hint=f"a {name} in UTF-8, without NUL"
        )
    return text


def is_clean(text: str) -> bool:
    """Return whether a text can be kept: it holds neither NUL nor half of a character."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def checked_id(name: str, text: str) -> str:
    """Return ``text`` as it is: an id, or who somebody is.

    Raises:
        UsageError: It is blank, or as in ``checked_text``.
    """
    if not text.strip():
        raise UsageError(f"{name} is blank", hint=f"a {name} that can be told from others")
    return checked_text(name, text, limit=ID_LIMIT)


def same_person(one: str, other: str) -> bool:
    """Return whether two names are one person's, however they are spelled.

    >>> same_person("Ana", " ana"), same_person("ana", "ben")
    (True, False)
    """
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
