"""What of a card's files becomes no row of any table, and why."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from graphml.tables.blocks import BlockPart
from graphml.tables.cardfiles import ASIDE_SCHEMA, WITHHELD, CardTable
from graphml.tables.files import FILE, LINE
from graphml.tables.numbers import looks_written_with


@dataclass(frozen=True, slots=True)
class Aside:
    """What of a file becomes no row of any table: told once, under the first table it serves."""

    table: str
    source: CardTable
    blocks: tuple[BlockPart, ...]
    keys: tuple[tuple[str, ...], ...]
    private: bool

    def rows(self) -> pl.DataFrame:
        """Return file, line, rule and value."""
        found = [self.source.set_aside(), *(self.source.lookup(keys)[1] for keys in self.keys)]
        if self.blocks and all(part.block.where is not None for part in self.blocks):
            found.append(self._taken_by_none())
        rows = pl.concat([pl.DataFrame(schema=ASIDE_SCHEMA), *found])
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
        # A filter that compares numbers is false where a cell is none, so it forgets such rows.
        commas = (
            looks_written_with(pl.col(name).cast(pl.String), ",")
            for name in self._filtered_by()
            if not self.source.file.spec.decimal
        )
        told = "no block of the card takes this row"
        rule = pl.when(pl.any_horizontal(pl.lit(value=False), *commas)).then(
            pl.lit(f'{told}; decimal comma? card: decimal = ","')
        )
        return self.source.rows_aside(rest.sort(FILE, LINE), rule.otherwise(pl.lit(told)))

    def _filtered_by(self) -> list[str]:
        """Return the file's columns that its blocks' filters read."""
        filters = [part.block.where for part in self.blocks if part.block.where is not None]
        own = f"{self.source.file.name}."
        names = dict.fromkeys(name.removeprefix(own) for each in filters for name in each.columns)
        return [name for name in names if name in self.source.columns]
