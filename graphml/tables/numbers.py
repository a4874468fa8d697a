"""Numbers as people write them: which sign parts the decimals, and which the thousands.

A point or comma that may mean either is never guessed: ``1.234`` in a file with decimal commas is
refused, while ``1.234,56`` and ``1.234.567`` can be read in one way alone.
"""

from __future__ import annotations

import polars as pl

_OTHER = {",": ".", ".": ","}
_SPACES = " '’\u00a0\u202f"
"""White space and apostrophes between thousands; they are never decimal signs."""
_NONE = "not a number"
_EITHER = f"{_NONE}; thousands or decimals?"


def _grouped(decimal: str) -> str:
    """Return the pattern of numbers whose thousands are parted beyond doubt."""
    other, sign = rf"\{_OTHER[decimal]}", rf"\{decimal}"
    groups = rf"(?:{other}\d{{3}}){{2,}}(?:{sign}\d+)?|(?:{other}\d{{3}})+{sign}\d+"
    spaced = rf"(?:[{_SPACES}]\d{{3}})+(?:{sign}\d+)?"
    return rf"^[+-]?\d{{1,3}}(?:{groups}|{spaced})$"


def number(cells: pl.Expr, decimal: str = "") -> pl.Expr:
    """Return the numbers that ``cells`` hold; null where one holds none.

    Args:
        cells: Text, or numbers already.
        decimal: The decimal sign, and leave to part thousands; ``""`` for a point and no leave.
    """
    text = cells.cast(pl.String).str.strip_chars()
    if decimal:
        other = _OTHER[decimal]
        whole = text.str.replace_all(f"[{_SPACES}{other}]", "")
        text = pl.when(text.str.contains(_grouped(decimal))).then(whole).otherwise(text)
        text = pl.when(~text.str.contains(other, literal=True)).then(text)
        text = text.str.replace(decimal, ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def refusals(text: pl.Series, where: pl.Series) -> tuple[tuple[str, pl.Series], ...]:
    """Return (rule, where) of cells that are no numbers; the rule says what they look like.

    Args:
        text: A column's cells.
        where: Which of them are no numbers.
    """
    if not where.any():
        return ()
    cell = pl.first().cast(pl.String).str.strip_chars()
    either = pl.when(cell.str.contains(r"^[+-]?\d{1,3}[.,]\d{3}$")).then(pl.lit(_EITHER))
    signs = (
        pl.when(looks_written_with(cell, sign)).then(
            pl.lit(f'{_NONE}; decimal {name}? card: decimal = "{sign}"')
        )
        for sign, name in ((",", "comma"), (".", "point"))
    )
    told = text.filter(where).to_frame().select(pl.coalesce(either, *signs, pl.lit(_NONE)))
    rule = pl.Series([None], dtype=pl.String).new_from_index(0, len(where))
    rule = rule.scatter(where.arg_true(), told.to_series())
    rules = told.to_series().unique(maintain_order=True)
    return tuple((each, (rule == each).fill_null(value=False)) for each in rules)


def looks_written_with(text: pl.Expr, decimal: str) -> pl.Expr:
    """Return where ``text`` can be read as a number with that decimal sign, and needs it to be."""
    sign, other = rf"\{decimal}", rf"\{_OTHER[decimal]}"
    plain = text.str.contains(rf"^[+-]?\d+{sign}\d+$")
    grouped = text.str.contains(_grouped(decimal)) & text.str.contains(rf"[{sign}{other}]")
    return (plain | grouped).fill_null(value=False)
