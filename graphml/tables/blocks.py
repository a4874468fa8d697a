"""A block of a card as rows of its table: source columns found by name, joined and filtered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from graphml.errors import CardError, one_line
from graphml.schema import MARKETPLACE
from graphml.tables.card import Block, Column
from graphml.tables.cardfiles import CardTable
from graphml.tables.columns import Making, numbered, source_columns
from graphml.tables.files import FILE, LINE, Rows, malformed


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A block of a card as rows of its table."""

    block: Block
    tables: dict[str, CardTable]
    zone: str | None
    currency: str | None
    key: bytes | None = field(repr=False)

    @property
    def table(self) -> str:
        """The table it gives rows to."""
        return self.block.table

    @property
    def name(self) -> str:
        """Its place in the card."""
        return self.block.label

    @property
    def names(self) -> tuple[str, ...]:
        """The files its rows come from."""
        return self.tables[self.block.source].names

    def columns(self) -> list[str]:
        """Return the columns that it maps."""
        return [column.name for column in self.block.columns]

    def rows(self, columns: Iterable[str]) -> Rows:
        """Return its rows; what is malformed is told once for the file, by ``Aside``."""
        frame = self.selected()
        making = Making(self.resolve, self.decimal, self.zone, self.key)
        made = [frame[FILE], frame[LINE]]
        for column in self.block.columns:
            if not column.number:
                made += making.make(column, frame, numeric=self.is_numeric(column))
        result = pl.DataFrame(made)
        for column in self.block.columns:
            if column.number:
                prefix = result["kind"].first() if self.kind_is_constant() else self.table
                result = result.with_columns(numbered(result, column, str(prefix)))
        return Rows(frame=self._with_currency(result).lazy(), malformed=malformed())

    def kind_is_constant(self) -> bool:
        """Return whether every row is of one kind."""
        return any(c.name == "kind" and c.value is not None for c in self.block.columns)

    def is_numeric(self, column: Column) -> bool:
        """Return whether ``column`` shall hold numbers."""
        spec = column.spec or MARKETPLACE.tables[self.table][column.name]
        return spec.type in ("number", "integer")

    def decimal(self, name: str) -> str:
        """Return the decimal sign of a column of ``selected``."""
        file, column = self._split(name)
        return self.tables[file].decimal(column)

    def typed(self, name: str) -> bool:
        """Return whether the file of a column of ``selected`` says of what type it is."""
        return self.tables[self._split(name)[0]].typed

    def selected(self) -> pl.DataFrame:
        """Return the source rows that the block takes, with what it joins to them."""
        frame = self.tables[self.block.source].frame
        for position, join in enumerate(self.block.joins):
            other = self.tables[join.file]
            right = other.lookup(join.right)[0].lazy()
            keys = [f"_on{index}" for index in range(len(join.left))]
            left_keys = [
                pl.col(self.resolve(name, position)).cast(pl.String).alias(key)
                for name, key in zip(join.left, keys, strict=True)
            ]
            right_columns = [
                pl.col(name).cast(pl.String).alias(key)
                for name, key in zip(join.right, keys, strict=True)
            ] + [pl.col(name).alias(f"{join.file}.{name}") for name in other.used]
            frame = (
                frame.with_columns(left_keys)
                .join(right.select(right_columns), on=keys, how="left", maintain_order="left")
                .drop(keys)
            )
        if self.block.where is not None:
            frame = frame.filter(self.block.where.holds(self.resolve, self.decimal))
        return frame.collect()

    def resolve(self, name: str, joined: int | None = None) -> str:
        """Return the frame's name of a source column: plain, or ``file.column`` where joined.

        Args:
            name: As the card writes it.
            joined: How many of the joins are done by then; all when omitted.

        Raises:
            CardError: No file of the block has it, or several have.
        """
        main = self.tables[self.block.source]
        own = name.removeprefix(f"{self.block.source}.")
        if name in main.columns or own in main.columns:
            return name if name in main.columns else own
        named = {
            f"{join.file}.{column}": column in join.right
            for join in self.block.joins[:joined]
            if self.tables[join.file].has(column := name.removeprefix(f"{join.file}."))
        }
        # A key that was joined on repeats what the row has already, so it is no second meaning.
        found = [each for each, is_key in named.items() if not is_key] or [*named][:1]
        if len(found) == 1:
            return found[0]
        if not found and main.open_ended:
            return own
        raise self._unresolved(name, found)

    def _unresolved(self, name: str, found: list[str]) -> CardError:
        if found:
            return CardError(
                f"{self.name}: {one_line(name)!r} may be {' or '.join(found)}", hint="say which one"
            )
        files = [self.block.source, *(join.file for join in self.block.joins)]
        known = [f"{file}: {', '.join(self.tables[file].columns)}" for file in files]
        return CardError(
            f"{self.name}: no column {one_line(name)!r} in {', '.join(files)}",
            hint=f"columns of {one_line('; of '.join(known), 400)}",
        )

    def reads(self, column: Column) -> list[tuple[str, str]]:
        """Return (file, column) of what a column of the block is made from."""
        return [self._origin(name) for name in source_columns(column)]

    def _origin(self, name: str, joined: int | None = None) -> tuple[str, str]:
        return self._split(self.resolve(name, joined))

    def _split(self, resolved: str) -> tuple[str, str]:
        """Return (file, column) of a column of ``selected``."""
        for join in self.block.joins:
            if (
                resolved.startswith(f"{join.file}.")
                and resolved not in self.tables[self.block.source].columns
            ):
                return join.file, resolved.removeprefix(f"{join.file}.")
        return self.block.source, resolved

    def bind(self) -> None:
        """Tell each file which of its columns are read; a column that is not there is an error."""
        read = [
            self._origin(name) for name in (self.block.where.columns if self.block.where else ())
        ]
        for position, join in enumerate(self.block.joins):
            read += [self._origin(name, position) for name in join.left]
            read += [(join.file, self.tables[join.file].column(key)) for key in join.right]
        for column in self.block.columns:
            read += self.reads(column)
        for file, name in read:
            self.tables[file].use([name])

    def _with_currency(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``rows`` with the card's currency beside each amount that names none."""
        if self.table != "events" or self.currency is None or "amount" not in rows.columns:
            return rows
        own = pl.col("currency") if "currency" in rows.columns else pl.lit(None, pl.String)
        card = pl.when(pl.col("amount").is_not_null()).then(pl.lit(self.currency))
        return rows.with_columns(own.fill_null(card).alias("currency"))
