"""The contract of each table's rows, as a dataframely schema made from the graph's schema."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import dataframely as dy
import polars as pl

from graphml.schema import ColumnSpec
from graphml.tables.currencies import CURRENCIES

ID_BYTES = 1_000
"""Longest text of a cell that is kept, in bytes of UTF-8: longer ones are no identifier."""
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Times before it are typing errors or the zero of some clock."""
SLACK = timedelta(days=1)
"""How far clocks may run ahead before a time counts as in the future."""

ROW = "_row"
"""Number of a row within its file, which leads from a broken rule back to the raw row."""

UNKNOWN_KIND = "unknown kind"
"""The rule of an event of none of the kinds that the schema has."""

Check = Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What a contract depends on beside the columns.

    Attributes:
        kinds: Event kinds that are known.
        latest: Last time that is believed; ``None`` to believe any.
        products: Whether rows need the product that their kind asks for.
        timeless: Whether events may lack a time.
    """

    kinds: tuple[str, ...]
    latest: datetime | None
    products: bool = True
    timeless: bool = False


def terms_of(
    kinds: tuple[str, ...], now: datetime, *, allow_future: bool, products: bool, timeless: bool
) -> Terms:
    """Return the terms as of ``now``."""
    latest = None if allow_future else now + SLACK
    return Terms(kinds=kinds, latest=latest, products=products, timeless=timeless)


def contract(table: str, columns: dict[str, ColumnSpec], terms: Terms) -> type[dy.Schema]:
    """Return the dataframely schema of ``table``'s typed rows, with their number ``_row``."""
    return _contract(table, tuple(columns.items()), terms)


@lru_cache(maxsize=16)
def _contract(
    table: str, columns: tuple[tuple[str, ColumnSpec], ...], terms: Terms
) -> type[dy.Schema]:
    members: dict[str, Any] = {ROW: dy.UInt32()}
    for name, spec in columns:
        timeless = terms.timeless and (table, name) == ("events", "time")
        members[name] = _COLUMNS[spec.type](
            nullable=not spec.required or timeless, check=checks(table, name, spec, terms)
        )
        kinds = () if name == "product_id" and not terms.products else spec.required_for
        if kinds:
            members[f"{name}|missing for this kind"] = dy.rule()(_needed(name, kinds))
    if table == "labels":
        members["member_id|neither member nor order"] = dy.rule()(_names_something)
    return type(f"{table.capitalize()}Rows", (dy.Schema,), members)


_COLUMNS: dict[str, Callable[..., Any]] = {
    "text": dy.String,
    "time": lambda **settings: dy.Datetime(time_unit="us", time_zone="UTC", **settings),
    "number": lambda **settings: dy.Float64(allow_inf=True, allow_nan=True, **settings),
    "integer": dy.Int64,
    "boolean": dy.Bool,
}


def checks(table: str, name: str, spec: ColumnSpec, terms: Terms) -> dict[str, Check]:
    """Return what each cell of a column that is there must fulfil, by the rule's name."""
    checks: dict[str, Check] = {}
    if spec.type == "text":
        checks[f"longer than {ID_BYTES} bytes"] = lambda column: column.str.len_bytes() <= ID_BYTES
    if spec.type == "time":
        checks.update(_time_checks(name, terms))
    if spec.minimum is not None:
        least = spec.minimum
        checks[f"below {least:g}"] = lambda column: column >= least
    if (table, name) == ("events", "kind"):
        checks[UNKNOWN_KIND] = lambda column: column.is_in(list(terms.kinds))
    if name == "currency":
        checks["not an ISO 4217 currency"] = lambda column: column.is_in(list(CURRENCIES))
    if (table, name) == ("labels", "label"):
        checks["neither 0 nor 1"] = lambda column: column.is_in([0, 1])
    return checks


def _time_checks(name: str, terms: Terms) -> dict[str, Check]:
    checks: dict[str, Check] = {"before 1970": lambda column: column >= EARLIEST}
    latest = terms.latest
    # A price may be announced for next week; nothing else is known before it happens.
    if latest is not None and name != "valid_from":
        checks["in the future"] = lambda column: column <= latest
    return checks


def _needed(name: str, kinds: tuple[str, ...]) -> Callable[..., pl.Expr]:
    return lambda _: pl.col(name).is_not_null() | ~pl.col("kind").is_in(list(kinds))


def _names_something(_: Any) -> pl.Expr:
    return pl.col("member_id").is_not_null() | pl.col("order_id").is_not_null()


def first_broken(details: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Return ``_row``, column and rule of the first rule that each row of ``details`` breaks.

    Args:
        details: What dataframely says of rows that are refused, a column for each rule.
        columns: The table's columns, in the order in which their rules are told.
    """
    split = [tuple(name.split("|", 1)) for name in details.columns if "|" in name]
    rules = [rule for rule in split if rule[0] in columns]
    rules.sort(key=lambda rule: columns.index(rule[0]))
    broken = pl.coalesce(
        pl.when(pl.col("|".join(rule)) == "invalid").then(pl.lit(code, pl.UInt16))
        for code, rule in enumerate(rules)
    )
    names = [rule[1].removeprefix("check__").replace("nullability", "missing") for rule in rules]
    codes = details.select(ROW, broken.alias("code"))
    known = pl.DataFrame(
        {"code": range(len(rules)), "column": [rule[0] for rule in rules], "rule": names},
        schema_overrides={"code": pl.UInt16},
    )
    return codes.join(known, on="code", how="left", maintain_order="left").drop("code")
