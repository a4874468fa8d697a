"""The whole market: members, rings planned, life lived, events written down, truth kept apart."""

from __future__ import annotations

import numpy as np
import polars as pl

from benchmarks.other_market.acts import act
from benchmarks.other_market.goods import Goods, stock
from benchmarks.other_market.life import everyday
from benchmarks.other_market.people import People, settle
from benchmarks.other_market.record import moment, record
from benchmarks.other_market.rings import Plan, plan_rings, prepare
from benchmarks.other_market.sharing import Town, share
from benchmarks.other_market.style import DAY, STYLES
from benchmarks.other_market.world import Integers, Visits, World, join, opaque
from graphml.tables.frames import Tables


def make_other_market(
    *, members: int, seed: int, style: str
) -> tuple[Tables, pl.DataFrame, pl.DataFrame]:
    """Return a marketplace with its truth, the same for the same arguments.

    Args:
        members: How many, 200 or more; not all of them have events.
        seed: Of everything random, 0 or more.
        style: A name in ``STYLES``: grocery, fashion or electronics.

    Returns:
        The tables; the rings (ring_id, member_id, kind, role, and ``first_event``: the time of the
        member's first event for the ring, UTC); the groups of benign sharing (group_id, member_id,
        kind). A member is in at most one ring, and in any number of groups.

    Raises:
        ValueError: If the style is unknown or ``members`` is below 200.
    """
    if style not in STYLES:
        raise ValueError(f"style is {style!r}; known: {', '.join(STYLES)}")
    if members < 200:
        raise ValueError(f"members is {members}; it needs to be at least 200")
    rng = np.random.default_rng([seed, list(STYLES).index(style), members])
    world = World(style=STYLES[style], members=members, rng=rng, seed=seed)
    goods = stock(world)
    people = settle(world, goods)
    plans = plan_rings(world)
    for plan in plans:
        prepare(world, people, plan)
    joining = np.concatenate([plan.members[plan.fresh] for plan in plans])
    town = Town(
        world=world,
        people=people,
        goods=goods,
        visits=everyday(world, people, without=joining),
    )
    share(town)
    acts = [act(world, people, goods, plan) for plan in plans]
    events = record(world, people, goods, join([town.visits, *town.extra, *acts]))
    tables = Tables(
        events=events,
        members=_members(world, people),
        products=_products(world, goods),
        labels=_labels(world, plans),
    )
    return tables, _rings(world, plans, acts), _groups(world, town.groups)


def _members(world: World, people: People) -> pl.DataFrame:
    """Return the table of members; not every shop knows since when."""
    known = world.chance(0.8, world.members)
    frame = pl.DataFrame({"signup_time": people.signup}).select(moment(world, "signup_time"))
    return frame.with_columns(
        pl.when(pl.Series(known)).then("signup_time").alias("signup_time"),
        member_id=opaque(np.arange(world.members), "member", world.seed),
        opted_out=pl.Series(world.chance(0.04, world.members)),
    )


def _products(world: World, goods: Goods) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "product_id": opaque(np.arange(len(goods.price)), "product", world.seed),
            "category": opaque(goods.category, "category", world.seed),
            "brand": opaque(goods.brand, "brand", world.seed),
            "seller_id": opaque(goods.seller, "seller", world.seed),
            "price": goods.price,
        }
    )


def _labels(world: World, plans: list[Plan]) -> pl.DataFrame:
    """Return what reviewers found out: late, of some rings a part, and now and then wrong."""
    rng, share = world.rng, world.style.labels
    if not share:
        return pl.DataFrame(schema={"member_id": pl.String})
    known, time = [], []
    for plan in plans:
        if rng.random() < 0.5:
            found = plan.members[world.chance(2 * share, len(plan.members))]
            known.append(found)
            time.append(plan.end + rng.uniform(3, 60, len(found)) * DAY)
    wrong = rng.integers(0, world.members, max(1, world.members // 2_000))
    cleared = rng.integers(0, world.members, max(1, world.members // 500))
    member = np.concatenate([*known, wrong, cleared])
    elsewhere = rng.uniform(0.2, 0.98, len(wrong) + len(cleared)) * world.end
    label = np.ones(len(member), dtype=np.int64)
    label[len(member) - len(cleared) :] = 0
    frame = pl.DataFrame({"known_at": np.floor(np.concatenate([*time, elsewhere]))})
    return (
        frame.with_columns(member_id=opaque(member, "member", world.seed), label=label)
        .filter(pl.col("known_at") < world.end)
        .with_columns(moment(world, "known_at"))
        .unique("member_id", keep="first", maintain_order=True)
    )


def _numbered(world: World, name: str, members: list[Integers]) -> tuple[Integers, pl.DataFrame]:
    """Return the number of the group of each row, and the rows' group and member as text."""
    sizes = [len(group) for group in members]
    number = np.repeat(np.arange(len(members)), sizes)
    member = np.concatenate([*members, np.zeros(0, dtype=np.int64)])
    texts = {
        f"{name}_id": opaque(number, name, world.seed),
        "member_id": opaque(member.astype(np.int64), "member", world.seed),
    }
    return number, pl.DataFrame(texts)


def _rings(world: World, plans: list[Plan], acts: list[Visits]) -> pl.DataFrame:
    number, frame = _numbered(world, "ring", [plan.members for plan in plans])
    first = []
    for plan, visits in zip(plans, acts, strict=True):
        order = np.lexsort((visits["time"], visits["member"]))
        member, at = np.unique(visits["member"][order], return_index=True)
        first.append(visits["time"][order][at[np.searchsorted(member, plan.members)]])
    return frame.with_columns(
        kind=pl.Series([plans[at].kind for at in number]),
        role=pl.Series([role for plan in plans for role in plan.roles]),
        first_event=pl.Series(np.concatenate(first)),
    ).with_columns(moment(world, "first_event"))


def _groups(world: World, groups: list[tuple[str, Integers]]) -> pl.DataFrame:
    number, frame = _numbered(world, "group", [members for _, members in groups])
    return frame.with_columns(kind=pl.Series([groups[at][0] for at in number], dtype=pl.String))
