"""What of a card's files becomes no row of any table, and why."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from graphml.tables.blocks import BlockPart
from graphml.tables.cardfiles import ASIDE_SCHEMA, WITHHELD, CardTable
from graphml.tables.files import FILE, LINE, SHOWN
from graphml.tables.numbers import number, refusals


@dataclass(frozen=True, slots=True)
class Aside:
    """What of a file becomes no row of any table: told once, under the first table it serves."""

    table: str
    source: CardTable
    blocks: tuple[BlockPart, ...]
    keys: tuple[tuple[str, ...], ...]
    private: bool

    def rows(self) -> pl.DataFrame:
        """Return file, line, rule, column (null where it is the whole row) and value."""
        found = [self.source.set_aside(), *(self.source.lookup(keys)[1] for keys in self.keys)]
        if self.blocks and all(part.block.where is not None for part in self.blocks):
            found.append(self._taken_by_none())
        schema = {**ASIDE_SCHEMA, "column": pl.String}
        rows = pl.concat([pl.DataFrame(schema=schema), *found], how="diagonal")
        if self.private:
            value = pl.when(pl.col("value").is_not_null()).then(pl.lit(WITHHELD))
            rows = rows.with_columns(value.alias("value"))
        return rows

    def notes(self) -> tuple[str, ...]:
        """Return one line each: rows that the card skips, rows that are counted several times."""
        several = len(self.blocks) > 1 and any(part.block.where is None for part in self.blocks)
        told = (
            f"{', '.join(self.source.names)}: {len(self.blocks)} blocks read it; "
            "a row counts as a row in for each block that takes it"
        )
        return (*self.source.notes(), *[told] * several)

    def _taken_by_none(self) -> pl.DataFrame:
        rest = self.source.frame.collect()
        for part in self.blocks:
            rest = rest.join(part.selected().select(FILE, LINE), on=[FILE, LINE], how="anti")
        rest = rest.sort(FILE, LINE)
        # A filter that compares numbers is false where a cell is none: that is the row's own fault.
        broken = self._broken(rest)
        first = broken.unique("_row", keep="first", maintain_order=True)
        places = rest.select(FILE, LINE).with_row_index("_row")
        told = places.join(first, on="_row", how="left", maintain_order="left")
        rule = pl.col("_rule").fill_null("no block of the card takes this row")
        rows = self.source.rows_aside(told, rule, pl.col("_value"))
        return rows.with_columns(told["_column"].alias("column"))

    def _broken(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return row, rule, column and value of cells that should be numbers for a filter."""
        found = [pl.DataFrame(schema=_BROKEN)]
        for name in self._compared():
            cells = rows[name]
            values = rows.select(number(pl.col(name), self.source.decimal(name))).to_series()
            for rule, where in refusals(cells, cells.is_not_null() & values.is_null()):
                shown = cells.filter(where).cast(pl.String).str.slice(0, SHOWN)
                found.append(
                    pl.DataFrame({"_row": where.arg_true(), "_value": shown}).select(
                        pl.col("_row").cast(pl.UInt32),
                        _rule=pl.lit(rule),
                        _column=pl.lit(name),
                        _value=pl.col("_value"),
                    )
                )
        return pl.concat(found)

    def _compared(self) -> list[str]:
        """Return the file's columns that its blocks' filters compare as numbers."""
        names = (
            name
            for part in self.blocks
            if part.block.where is not None
            for name in part.block.where.compared(part.resolve)
        )
        return [name for name in dict.fromkeys(names) if name in self.source.columns]


_BROKEN = {"_row": pl.UInt32, "_rule": pl.String, "_column": pl.String, "_value": pl.String}
