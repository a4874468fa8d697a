"""What a ranker is told about a member, a product, and the two together, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from graphml.recommend.fresh import codes_of
from graphml.recommend.history import KINDS, History

Ints = NDArray[np.int64]
Matrix = NDArray[np.float32]

_WINDOWS = (7, 28, 90)
"""Days."""

_BOUGHT = pl.col("kind") == 0
_AGE: pl.Expr = pl.col("age")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Table:
    """Rows of numbers under sorted keys.

    Attributes:
        keys: Each once, sorted, int64 [rows].
        names: Of the columns.
        values: float32 [rows, columns], NaN where there is none.
    """

    keys: Ints
    names: tuple[str, ...]
    values: Matrix

    def at(self, keys: Ints) -> Matrix:
        """Return the rows of keys, NaN for a key that is not there, float32 [keys, columns]."""
        result = np.full((len(keys), len(self.names)), np.nan, np.float32)
        if len(self.keys):
            place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            found = self.keys[place] == keys
            result[found] = self.values[place[found]]
        return result

    def column(self, name: str) -> Matrix:
        """Return one column, float32 [rows]."""
        return self.values[:, self.names.index(name)]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Known:
    """Tables of one moment; ages and gaps are days, shares are in [0, 1].

    Attributes:
        pairs: Of a member and a product it had to do with; key ``member · products + product``.
        products, members: Key is the dense id.
        attributes: By name: each product's code, int64 [products], −1 for none, and a table of a
            member and a code; key ``member · codes + code``.
    """

    pairs: Table
    products: Table
    members: Table
    attributes: dict[str, tuple[Ints, Table]]

    @classmethod
    def of(cls, history: History) -> Known:
        """Return what a history tells."""
        count = history.shape[1]
        events = pl.DataFrame(
            {
                "member": history.member, "product": history.product, "kind": history.kind,
                "basket": history.basket, "units": history.units,
                "price": pl.Series(np.log(np.maximum(history.price, 1e-6)), nan_to_null=True),
                "age": history.age(),
            }
        ).with_columns(key=pl.col("member") * count + pl.col("product"))  # fmt: skip
        pairs = _pairs(events)
        return cls(
            pairs=pairs,
            products=_products(events, pairs, count),
            members=_members(events),
            attributes=dict(_attributes(events, codes_of(history))),
        )

    @property
    def names(self) -> list[str]:
        """Names of what ``describe`` returns, in order."""
        own = [f"pair.{name}" for name in self.pairs.names]
        product = [f"product.{name}" for name in self.products.names]
        member = [f"member.{name}" for name in self.members.names]
        shared = [f"{name}.{one}" for name, (_, t) in self.attributes.items() for one in t.names]
        return [*own, *product, *member, *shared, *_CROSSED]

    def describe(self, member: Ints, product: Ints) -> Matrix:
        """Return what is known of pairs of dense ids, float32 [pairs, ``names``]."""
        return np.column_stack(self.parts(member, product))

    def parts(self, member: Ints, product: Ints) -> list[Matrix]:
        """Return what ``describe`` puts side by side, for who has more to put beside it."""
        own = self.pairs.at(member * len(self.products.keys) + product)
        of_product, of_member = self.products.at(product), self.members.at(member)
        shared = []
        for code, table in self.attributes.values():
            codes = code[product]
            key = np.where(codes < 0, -1, member * (code.max(initial=0) + 1) + codes)
            shared.append(table.at(key))

        def of(table: Table, values: Matrix, name: str) -> Matrix:
            return values[:, table.names.index(name)]

        since = of(self.pairs, own, "since_bought")
        with np.errstate(divide="ignore", invalid="ignore"):
            crossed = [
                since / of(self.products, of_product, "gap"),
                since / of(self.pairs, own, "gap"),
                since / of(self.members, of_member, "gap"),
                of(self.members, of_member, "since_bought") / of(self.members, of_member, "gap"),
                of(self.products, of_product, "price") - of(self.members, of_member, "price"),
                of(self.pairs, own, "baskets") / of(self.members, of_member, "baskets"),
                since - of(self.members, of_member, "since_bought"),
            ]
        return [own, of_product, of_member, *shared, *crossed]


_CROSSED = (
    "since_by_product_gap",
    "since_by_own_gap",
    "since_by_member_gap",
    "due",
    "dearer",
    "basket_share",
    "baskets_behind",
)


def _pairs(events: pl.DataFrame) -> Table:
    age, baskets = _AGE.filter(_BOUGHT), pl.col("basket").filter(_BOUGHT).n_unique()
    looked = pl.col("kind").is_in([KINDS.index("cart"), KINDS.index("view")])
    return _table(
        events,
        "key",
        lines=_BOUGHT.sum(),
        baskets=baskets,
        lines_28=(_BOUGHT & (_AGE <= 28)).sum(),
        faded_30=_faded(30),
        faded_90=_faded(90),
        since_bought=age.min(),
        since_first=age.max(),
        gap=pl.when(baskets > 1).then((age.max() - age.min()) / (baskets - 1)),
        units=pl.col("units").filter(_BOUGHT).mean(),
        refunds=(pl.col("kind") == KINDS.index("refund")).sum(),
        carts=(pl.col("kind") == KINDS.index("cart")).sum(),
        views=(pl.col("kind") == KINDS.index("view")).sum(),
        since_looked=_AGE.filter(looked).min(),
    )


def _products(events: pl.DataFrame, pairs: Table, count: int) -> Table:
    again = pl.DataFrame(
        {
            "product": pairs.keys % max(count, 1),
            "baskets": pairs.column("baskets"),
            "gap": pl.Series(pairs.column("gap"), nan_to_null=True),
        }
    ).filter(pl.col("baskets") > 0)
    rhythm = again.group_by("product").agg(
        gap=pl.col("gap").median(), again=(pl.col("baskets") > 1).mean(), buyers=pl.len()
    )
    table = _table(
        events.join(rhythm.rename({"gap": "usual"}), on="product", how="left"),
        "product",
        **{f"lines_{days}": _within(days).log1p() for days in _WINDOWS},
        trend=(_within(28) + 1).log() - (_within(56) - _within(28) + 1).log(),
        since_bought=_AGE.filter(_BOUGHT).min(),
        since_first=_AGE.max(),
        price=pl.col("price").filter(_BOUGHT).mean(),
        gap=pl.col("usual").first(),
        again=pl.col("again").first(),
        buyers=pl.col("buyers").first().log1p(),
        refunds=(pl.col("kind") == KINDS.index("refund")).mean(),
        views_28=((pl.col("kind") == KINDS.index("view")) & (_AGE <= 28)).sum().log1p(),
    )
    every = np.arange(count)
    return Table(keys=every, names=table.names, values=table.at(every))


def _members(events: pl.DataFrame) -> Table:
    age, baskets = _AGE.filter(_BOUGHT), pl.col("basket").filter(_BOUGHT).n_unique()
    return _table(
        events,
        "member",
        baskets=baskets,
        lines=_BOUGHT.sum() / baskets,
        baskets_28=pl.col("basket").filter(_BOUGHT & (_AGE <= 28)).n_unique(),
        products=pl.col("product").filter(_BOUGHT).n_unique(),
        again=1 - pl.col("product").filter(_BOUGHT).n_unique() / _BOUGHT.sum(),
        since_bought=age.min(),
        since_first=age.max(),
        gap=pl.when(baskets > 1).then((age.max() - age.min()) / (baskets - 1)),
        price=pl.col("price").filter(_BOUGHT).mean(),
        units=pl.col("units").filter(_BOUGHT).mean(),
    )


def _attributes(events: pl.DataFrame, attributes: Mapping[str, Ints]) -> Any:
    for name, code in attributes.items():
        codes = int(code.max(initial=0)) + 1
        rows = events.with_columns(code=pl.lit(pl.Series(code)).gather(pl.col("product")))
        rows = rows.filter(_BOUGHT & (pl.col("code") >= 0)).with_columns(
            seat=pl.col("member") * codes + pl.col("code"), every=pl.len().over("member")
        )
        table = _table(
            rows, "seat",
            lines=pl.len(), share=pl.len() / pl.col("every").first(),
            faded=_faded(30), since=_AGE.min(),
        )  # fmt: skip
        yield name, (code, table)


def _faded(days: float) -> pl.Expr:
    return (0.5 ** (_AGE.filter(_BOUGHT) / days)).sum()


def _within(days: float) -> pl.Expr:
    return (_BOUGHT & (days >= _AGE)).sum()


def _table(events: pl.DataFrame, key: str, **columns: pl.Expr) -> Table:
    frame = events.group_by(key).agg(**columns).sort(key)
    values = frame.select(pl.exclude(key).cast(pl.Float32).fill_null(np.nan))
    return Table(
        keys=frame[key].to_numpy().astype(np.int64),
        names=tuple(columns),
        values=np.ascontiguousarray(values.to_numpy(), dtype=np.float32),
    )
