"""Every error that graphml raises on purpose.

::

    GraphmlError (exit 1)
    ├── UsageError (exit 2)         wrong command, option or setting
    │   └── ConfigError             a setting that does not exist or does not fit
    ├── SourceError (exit 1)        a source or card that cannot be read
    │   ├── CardError               a card that does not fit its tables
    │   └── SourcePermissionError (exit 4)  a file that this user may not read
    ├── OutputPermissionError (exit 4)      a file that this user may not write
    ├── StoreError (exit 1)         a store that cannot do what was asked
    │   ├── StoreConnectionError (exit 4)   no connection
    │   ├── StorePermissionError (exit 4)   no permission (also a read-only folder)
    │   ├── StoreConflictError (exit 1)     events it holds with other content
    │   ├── StoreLockedError (exit 1)       another writer holds the store
    │   └── StoreVersionError (exit 1)      a store of another schema version
    ├── CaseError (exit 1)          a case, or the audit, that is not as it has to be
    │   ├── CaseConflictError       somebody else changed it first
    │   ├── CaseRuleError           what its state, or the four-eyes rule, does not allow
    │   │   └── OwnProposalError    who proposed cannot approve
    │   └── UnknownCaseError        there is no such case
    └── NothingToDoError (exit 5)   an empty store, no events by ``as_of``

Each message says what and where, in one line; ``hint`` says what to do.
"""

from __future__ import annotations


def one_line(text: object, limit: int = 200) -> str:
    r"""Return ``text`` on one printable line of at most ``limit`` characters.

    >>> one_line("a\nb")
    'a\\nb'
    """
    flat = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(text))
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


class GraphmlError(Exception):
    """The base of all errors: ``message`` says what and where, ``hint`` what to try."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GraphmlError):
    """A command, option or argument that does not fit."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting that does not exist or is out of range."""


class SourceError(GraphmlError):
    """A source that cannot be read."""


class CardError(SourceError):
    """A card that is malformed or does not fit the tables it maps."""


class SourcePermissionError(SourceError):
    """A file of a source that this user may not read."""

    exit_code = 4


class OutputPermissionError(GraphmlError):
    """A file for a result that this user may not write."""

    exit_code = 4


class StoreError(GraphmlError):
    """A store that cannot do what was asked."""


class StoreConnectionError(StoreError):
    """A store that cannot be reached."""

    exit_code = 4


class StorePermissionError(StoreError):
    """A store that refuses this user, or a folder that cannot be written."""

    exit_code = 4


class StoreConflictError(StoreError):
    """Events that the store holds with other content, where none may be: nothing was written."""


class StoreLockedError(StoreError):
    """Another writer holds the store."""


class StoreVersionError(StoreError):
    """A store written under another schema version."""


class CaseError(GraphmlError):
    """A case that cannot be changed so, or an audit that does not hold."""


class CaseConflictError(CaseError):
    """A case that is not any more as who changes it saw it."""


class CaseRuleError(CaseError):
    """A change that the case's state does not allow."""


class OwnProposalError(CaseRuleError):
    """A proposal that its own author approves: four eyes are two people."""


class UnknownCaseError(CaseError):
    """A case that does not exist."""


class NothingToDoError(GraphmlError):
    """There is nothing to work on: an empty store is not "no fraud"."""

    exit_code = 5
