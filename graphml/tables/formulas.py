"""A card's formulas: arithmetic for values, comparisons for filters, over a file's columns.

The language is a small part of Python's expressions, read by its parser and never run by it.
Column names that are no words stand in backticks: ``-Quantity * `Unit Price```.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from graphml.errors import CardError, one_line
from graphml.tables.numbers import number

Resolve = Callable[[str], str]
"""From a column's name in the card to its name in the frame."""
Decimal = Callable[[str], str]
"""From a column's name in the frame to the decimal sign of its numbers; see ``number``."""

_Binary = Callable[[pl.Expr, pl.Expr], pl.Expr]
_ARITHMETIC: dict[type[ast.operator], _Binary] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], _Binary] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "abs": lambda value: value.abs(),
    "round": lambda value: value.round(2),
}
_QUOTED = re.compile(r"`([^`]+)`")
_LONGEST = 2_000


def _plain(_: str) -> str:
    return ""


@dataclass(slots=True)
class Formula:
    """A formula that was parsed; ``columns`` are the names it speaks of.

    Raises:
        CardError: It is no formula, or uses what the language lacks.
    """

    text: str
    tree: ast.expr = field(init=False)
    names: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise CardError(f"the formula is longer than {_LONGEST} characters")
        try:
            self.tree = ast.parse(_QUOTED.sub(self._placeholder, self.text), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise CardError(
                f"{one_line(self.text)!r} is no formula",
                hint="write it as Quantity * UnitPrice, or as Quantity < 0 and Country == 'FR'",
            ) from error

    def _placeholder(self, match: re.Match[str]) -> str:
        name = f"_quoted_{len(self.names)}"
        self.names[name] = match[1]
        return name

    @property
    def columns(self) -> list[str]:
        """The columns it reads, each once."""
        return list(dict.fromkeys(_columns(self.tree, self.names)))

    def value(self, resolve: Resolve, decimal: Decimal = _plain) -> pl.Expr:
        """Return the number it stands for; null where a cell is empty or no number."""
        return _Reader(self, resolve, decimal).number(self.tree)

    def holds(self, resolve: Resolve, decimal: Decimal = _plain) -> pl.Expr:
        """Return where it is true; false where a cell it compares as a number is none."""
        return _Reader(self, resolve, decimal).truth(self.tree).fill_null(value=False)

    def compared(self, resolve: Resolve) -> list[str]:
        """Return the columns, as the frame names them, that a filter compares as numbers."""
        reader = _Reader(self, resolve, _plain)
        reader.truth(self.tree)
        return list(dict.fromkeys(reader.numbers))

    def unread(self, resolve: Resolve, decimal: Decimal = _plain) -> pl.Expr:
        """Return the first cell that is there but no number, as text; null where all are."""
        names = [resolve(name) for name in self.columns]
        cells = [
            pl.when(number(pl.col(name), decimal(name)).is_null()).then(_text(pl.col(name)))
            for name in names
        ]
        return pl.coalesce(*cells, pl.lit(None, pl.String))


def _columns(tree: ast.AST, names: dict[str, str]) -> Iterator[str]:
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
        yield f"{tree.value.id}.{tree.attr}"
    elif isinstance(tree, ast.Call):
        for argument in tree.args:
            yield from _columns(argument, names)
    elif isinstance(tree, ast.Name):
        yield names.get(tree.id, tree.id)
    else:
        for child in ast.iter_child_nodes(tree):
            yield from _columns(child, names)


def _text(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.String)


@dataclass(frozen=True, slots=True)
class _Reader:
    """One formula on its way to polars; each method reads one kind of thing."""

    formula: Formula
    resolve: Resolve
    decimal: Decimal
    numbers: list[str] = field(default_factory=list)
    """Columns that were read as numbers."""

    def number(self, tree: ast.expr) -> pl.Expr:
        if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float):
            return pl.lit(float(tree.value))
        if isinstance(tree, ast.BinOp) and type(tree.op) in _ARITHMETIC:
            return _ARITHMETIC[type(tree.op)](self.number(tree.left), self.number(tree.right))
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self.number(tree.operand)
        if isinstance(tree, ast.Call) and len(tree.args) == 1 and not tree.keywords:
            name = tree.func.id if isinstance(tree.func, ast.Name) else ""
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self.number(tree.args[0]))
        name = self.name(tree)
        self.numbers.append(name)
        return number(pl.col(name), self.decimal(name))

    def truth(self, tree: ast.expr) -> pl.Expr:
        if isinstance(tree, ast.BoolOp):
            parts = [self.truth(part) for part in tree.values]
            every = isinstance(tree.op, ast.And)
            return pl.all_horizontal(parts) if every else pl.any_horizontal(parts)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            return ~self.truth(tree.operand)
        if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
            return self.comparison(tree.left, tree.ops[0], tree.comparators[0])
        raise self.refused(tree)

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> pl.Expr:
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple):
            found = self.text(left).is_in([self.constant(item) for item in right.elts])
            return found if isinstance(op, ast.In) else ~found
        if type(op) not in _COMPARISONS:
            raise self.refused(left)
        compare = _COMPARISONS[type(op)]
        if any(
            isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right)
        ):
            return compare(self.text(left), self.text(right))
        return compare(self.number(left), self.number(right))

    def text(self, tree: ast.expr) -> pl.Expr:
        """An empty cell is the text ''."""
        if isinstance(tree, ast.Constant):
            return pl.lit(self.constant(tree))
        return _text(pl.col(self.name(tree))).fill_null("")

    def constant(self, tree: ast.expr) -> str:
        if isinstance(tree, ast.Constant) and isinstance(tree.value, str | int | float):
            return str(tree.value)
        raise self.refused(tree)

    def name(self, tree: ast.expr) -> str:
        if isinstance(tree, ast.Name):
            return self.resolve(self.formula.names.get(tree.id, tree.id))
        if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
            return self.resolve(f"{tree.value.id}.{tree.attr}")
        raise self.refused(tree)

    def refused(self, tree: ast.AST) -> CardError:
        return CardError(
            f"the formula {one_line(self.formula.text)!r} uses {one_line(ast.unparse(tree))!r}, "
            "which formulas do not know",
            hint="known: columns, numbers, 'texts', + - * /, abs(), round(), "
            "== != < <= > >=, in [...], and, or, not",
        )
