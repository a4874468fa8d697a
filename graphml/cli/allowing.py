"""Who ties nobody: the allow-list, from a file or from graphml.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from graphml.errors import ConfigError, UsageError, one_line

Pairs = frozenset[tuple[str, str]]
"""Type and id of each."""


def read_allow_list(path: Path) -> Pairs:
    """Return the (type, id) pairs of an allow-list file.

    Raises:
        UsageError: No such file, no TOML, or an unknown type.
    """
    try:
        lists = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}",
            hint="name a file that exists and that you may read",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}", hint='device = ["d-5"]') from error
    require_known_types(lists, str(path))
    for name, ids in lists.items():
        if not isinstance(ids, list):
            raise UsageError(f"{path}: {name} is no list", hint=f'{name} = ["ID", …]')
    return frozenset((name, str(item)) for name, ids in lists.items() for item in ids)


def require_known_types(types: Iterable[str], where: str) -> None:
    """Refuse a type that ties nobody in any case.

    Raises:
        ConfigError: There is one.
    """
    from graphml.schema import MARKETPLACE

    known = ("member", *MARKETPLACE.identifiers)
    for name in types:
        if name not in known:
            raise ConfigError(f"{where}: no type {one_line(name, 60)!r}", hint=", ".join(known))
