"""Rows as texts: how tables travel to Neo4j and back.

The Python driver spends about a microsecond on every value it sends or receives, whatever its
type. A row that travels as one text costs that once, and polars and the server take it apart in
compiled code. Fields are parted by a character that occurs nowhere in the batch, and a text that
may be absent starts with "=", so that nothing a field can hold is mistaken for anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from graphml.schema import MARKETPLACE, ColumnSpec, NodeSpec
from graphml.store.novelty import KEYS
from graphml.tables.frames import TIME, frame_schema

Columns = dict[str, ColumnSpec]

FEATURES = "features"
"""Property with a record's feature columns: a JSON object of texts, "{}" for none."""
FEATURE_TYPES = "feature_types"
"""Property with their types: a JSON object of type names."""

_DTYPES = {"Boolean": pl.Boolean(), "Int64": pl.Int64(), "Float64": pl.Float64(), "Time": TIME}
_IDENTIFIER = re.compile(r"[a-z][a-z_]*")


def owner_of(table: str) -> NodeSpec:
    """Return the type of the nodes that records of ``table`` belong to."""
    return MARKETPLACE.nodes["product" if table == "products" else "member"]


def named_keys(rows: pl.DataFrame, node: NodeSpec) -> list[pl.Series]:
    """Return the columns of ``rows`` that name nodes of a type: keys, repeats and nulls too."""
    return [rows[name] for name in (node.key, f"other_{node.key}") if name in rows.columns]


def record_columns(table: str) -> Columns:
    """Return what a record of ``table`` holds: the schema's columns, its sequence, its features."""
    columns = {"sequence": ColumnSpec(type="integer", required=True), **MARKETPLACE.tables[table]}
    if table in KEYS:
        columns[FEATURES] = columns[FEATURE_TYPES] = ColumnSpec(type="text", required=True)
    for name in columns:
        # Names become part of statements: they come from the schema and look like names.
        if not _IDENTIFIER.fullmatch(name):
            raise ValueError(f"column {name!r} of {table} cannot be a property name")
    return columns


def properties(columns: Columns, fields: str = "fields") -> str:
    """Return the Cypher map entries that turn the list ``fields`` of a packed row into properties."""
    entries, at = [], 0
    for name, column in columns.items():
        field = f"{fields}[{at}]"
        entries.append(f"{name}: {_value(field, f'{fields}[{at + 1}]', column)}")
        at += 2 if column.type == "time" else 1
    return ", ".join(entries)


def _value(field: str, next_field: str, column: ColumnSpec) -> str:
    """Return the Cypher expression for the value that ``field`` spells; absent ones give null."""
    if column.type == "time":
        time = f"datetime.fromEpoch(toInteger({field}), toInteger({next_field}))"
        return f"CASE {field} WHEN '' THEN null ELSE {time} END"
    if column.type == "text":
        return (
            field
            if column.required
            else f"CASE {field} WHEN '' THEN null ELSE substring({field}, 1) END"
        )
    # The three conversions give null for the empty text.
    turn = {"number": "toFloat", "integer": "toInteger", "boolean": "toBoolean"}[column.type]
    return f"{turn}({field})"


def row_text(columns: Columns, record: str = "record") -> str:
    """Return the Cypher expression that spells ``record`` as one text, parted by $separator."""
    return " + $separator + ".join(_text(f"{record}.{name}", c) for name, c in columns.items())


def _text(field: str, column: ColumnSpec) -> str:
    if column.type == "text":
        return field if column.required else f"coalesce('=' + {field}, '')"
    if column.type == "time":
        # epochSeconds is off by one before 1970; epochMillis is not.
        field = f"({field}.epochMillis * 1000 + {field}.microsecond % 1000)"
    return f"coalesce(toString({field}), '')"


def pack(frame: pl.DataFrame, columns: Columns) -> tuple[pl.Series, str]:
    """Return one text for each row of ``frame``, and the character that parts its fields."""
    texts = [frame[name] for name, column in columns.items() if column.type == "text"]
    separator = absent_character(texts)
    fields = [field for name, column in columns.items() for field in _fields(name, column)]
    rows = frame.select(pl.concat_str(*fields, separator=separator)).to_series()
    return rows, separator


def _separators() -> Iterator[str]:
    yield from map(chr, (0x1F, 0x1E, 0x1D, 0x1C))
    yield from map(chr, range(0xE000, 0xF900))  # private use
    yield from map(chr, range(0xF0000, 0x110000))


def _fields(name: str, column: ColumnSpec) -> list[pl.Expr]:
    value = pl.col(name)
    if column.type == "time":
        micros = value.cast(pl.Int64)
        seconds = micros // 1_000_000
        return [_spelled(seconds), _spelled((micros - seconds * 1_000_000) * 1_000)]
    if column.type == "text":
        return [value if column.required else (pl.lit("=") + value).fill_null("")]
    if column.type == "number":
        # Java's spelling of what is not finite.
        return [_spelled(value).str.replace(r"^(-?)inf$", "${1}Infinity")]
    return [_spelled(value)]


def _spelled(value: pl.Expr) -> pl.Expr:
    return value.cast(pl.String).fill_null("")


def grouped(keys: pl.Series, rows: pl.Series) -> list[list[Any]]:
    """Return [key, its rows] for each key: the server looks each node up once."""
    groups = pl.DataFrame({"key": keys, "rows": rows}).group_by("key", maintain_order=True)
    return [list(group) for group in groups.agg("rows").rows()]


def unpack(rows: pl.Series, columns: Columns, separator: str) -> pl.DataFrame | None:
    """Return the frame that ``row_text`` spelled; ``None`` if a field holds the separator."""
    if not (rows.str.count_matches(separator, literal=True) == len(columns) - 1).all():
        return None
    fields = rows.str.split_exact(separator, len(columns) - 1).struct.unnest()
    fields.columns = list(columns)
    return fields.select(_parsed(name, column) for name, column in columns.items())


def absent_character(texts: Sequence[pl.Series]) -> str:
    """Return a character that occurs nowhere in ``texts``."""
    return next(
        c for c in _separators() if not any(t.str.contains(c, literal=True).any() for t in texts)
    )


def _parsed(name: str, column: ColumnSpec) -> pl.Expr:
    field = pl.col(name)
    if column.type == "text" and column.required:
        return field
    given = pl.when(field.str.len_bytes() > 0).then(field)
    if column.type == "text":
        return given.str.strip_prefix("=").alias(name)
    if column.type == "time":
        return given.cast(pl.Int64).cast(TIME).alias(name)
    if column.type == "boolean":
        return given.eq("true").alias(name)
    return given.cast(pl.Float64 if column.type == "number" else pl.Int64).alias(name)


def fold_features(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return ``frame`` with the columns the schema does not know folded into the two properties.

    Their names come from a user's data: they travel inside values, never as property names.
    """
    if table not in KEYS:
        return frame
    known = {*frame_schema(table), "sequence"}
    names = [name for name in frame.columns if name not in known]
    types = {name: _type_name(frame.schema[name]) for name in names}
    texts = [_feature_text(name, types[name]) for name in names]
    folded = pl.struct(*texts).struct.json_encode() if names else pl.lit("{}")
    return frame.select(
        *[name for name in frame.columns if name in known],
        folded.alias(FEATURES),
        pl.lit(json.dumps(types)).alias(FEATURE_TYPES),
    )


def unfold_features(frame: pl.DataFrame) -> pl.DataFrame:
    """Return ``frame`` with its features as columns of their own again."""
    if FEATURES not in frame.columns:
        return frame
    # Rows loaded together have the same features; a later load may bring others.
    parts = [
        part.drop(FEATURES, FEATURE_TYPES).hstack(_features(part[FEATURES], types))
        for (types,), part in frame.partition_by(
            FEATURE_TYPES, as_dict=True, maintain_order=True
        ).items()
    ]
    if not parts:
        return frame.drop(FEATURES, FEATURE_TYPES)
    return pl.concat(parts, how="diagonal_relaxed").sort("sequence")


def _features(folded: pl.Series, types: object) -> pl.DataFrame:
    names: dict[str, str] = json.loads(str(types))
    if not names:
        return pl.DataFrame()
    texts = folded.str.json_decode(pl.Struct(dict.fromkeys(names, pl.String()))).struct.unnest()
    return texts.select(_feature(name, kind) for name, kind in names.items())


def _feature(name: str, kind: str) -> pl.Expr:
    text = pl.col(name)
    if kind == "Boolean":
        return text == "true"
    if kind == "Time":
        return text.cast(pl.Int64).cast(TIME)
    return text.cast(_DTYPES.get(kind, pl.String()))


def _feature_text(name: str, kind: str) -> pl.Expr:
    value = pl.col(name)
    return (value.cast(pl.Int64) if kind == "Time" else value).cast(pl.String)


def _type_name(dtype: pl.DataType) -> str:
    return next((name for name, known in _DTYPES.items() if dtype == known), "String")
