"""What ring members do for the ring: visits on shared values, at the ring's pace, to its ends."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from benchmarks.other_market.goods import Goods
from benchmarks.other_market.life import sign_up
from benchmarks.other_market.people import WELCOME, People, own_visits
from benchmarks.other_market.rings import TRADES, Plan, Trade
from benchmarks.other_market.style import DAY
from benchmarks.other_market.world import NONE, Floats, Integers, Visits, World, join, take

_REPLACED = ("device", "address", "card")
"""Identifiers of which a member has an earlier and a later one."""


def _values(world: World, people: People, plan: Plan, view: str) -> Integers:
    """Return the two values (columns) that each member alternates between; −1 for the own one."""
    rng, size = world.rng, len(plan.members)
    layout = rng.choice(["one", "few", "chain"], p=[0.4, 0.35, 0.25])
    if layout == "one" or size == 3:
        count, pairs = 1, np.zeros((size, 2), dtype=np.int64)
    elif layout == "few":
        count = max(2, round(size / rng.uniform(3, 6)))
        pairs = rng.integers(0, count, (size, 2))
    else:
        count = max(2, size // 2)
        links = rng.permutation(size) // 2 % count
        pairs = np.stack([links, (links + 1) % count], axis=1)
    values = world.new(view, count)
    if (
        view in _REPLACED and world.rng.random() < 0.35
    ):  # a leader's own device, home or card serves
        values[0] = getattr(people, view)[plan.members[0], 0]
    if view == "phone" and world.rng.random() < 0.35:
        values[0] = people.phone[plan.members[0]]
    pairs = values[pairs]
    absent = ~world.chance(rng.uniform(0.6, 1.0), size)
    absent[0] = False
    pairs[absent] = NONE
    return pairs


def _main_view(world: World, trade: Trade) -> str:
    """Return the view that holds the ring together: one that this shop writes down well."""
    recorded = world.style.recorded
    weight = {v: p * recorded[v].share for v, p in trade.shares.items() if recorded[v].share > 0.4}
    views = list(weight)
    odds = np.array([weight[view] for view in views])
    return str(world.rng.choice(views, p=odds / odds.sum()))


def _binds(world: World, view: str, *, orders: bool) -> bool:
    """Return whether a tie by ``view`` is seen: it is written down whatever the act is."""
    recorded = world.style.recorded[view]
    return recorded.share >= 0.5 and (orders or "login" in recorded.kinds)


def _bind(main: Integers, others: list[Integers]) -> Integers:
    """Return ``main`` with the first value lent to whoever nothing ties to the ring yet."""
    size = len(main)
    views = [main, *others]
    rows = np.concatenate([np.tile(np.arange(size), 2) for _ in views])
    values = np.concatenate([view.T.ravel() + (at << 40) for at, view in enumerate(views)])
    there = np.concatenate([view.T.ravel() for view in views]) != NONE
    unique, columns = np.unique(values[there], return_inverse=True)
    ties = sp.coo_matrix(
        (np.ones(there.sum()), (rows[there], columns)), (size, max(len(unique), 1))
    )
    _, label = connected_components(ties @ ties.T, directed=False)
    first = np.flatnonzero(main[:, 0] != NONE)
    bound = main.copy()
    for part in np.unique(label):
        loose = np.flatnonzero(label == part)[0]
        if not len(first) or part == label[first[0]]:
            continue
        bound[loose, 1] = main[first[0], 0]
        if bound[loose, 0] == NONE:
            bound[loose, 0] = main[first[0], 0]
    return bound


def _times(world: World, plan: Plan, place: Integers) -> Floats:
    """Return a moment for each act; ``place`` is the position of its member in the ring."""
    rng, length, count = world.rng, plan.end - plan.start, len(place)
    if plan.pace == "waves":
        waves = rng.random(int(rng.integers(2, 6)))
        part = rng.choice(waves, count) + rng.normal(0, 0.02, count)
    elif plan.pace == "relay":
        part = (place + rng.uniform(0, 2.5, count)) / (len(plan.members) + 2)
    else:
        part = rng.random(count)
    time = plan.start + np.clip(part, 0, 1) * length
    if length > 3 * DAY:
        time = world.hours(time, rng.uniform(8, 24), 2.5)
    return np.floor(time)


def _products(world: World, goods: Goods, trade: Trade, count: int) -> Integers:
    """Return what each act is after: one of the ring's few products, or any of the sort."""
    rng = world.rng
    wants = "any" if trade.wants == "seller" and not world.style.sellers else trade.wants
    if wants == "any":
        return np.full(count, NONE, dtype=np.int64)
    many = int(rng.integers(1, 9))
    sort = {"dear": goods.dear, "cheap": goods.cheap, "seller": goods.of_one_seller}[wants]
    few = sort(rng, many)
    return np.where(rng.random(count) < rng.uniform(0.5, 0.95), rng.choice(few, count), NONE)


def _behave(world: World, goods: Goods, plan: Plan, visits: Visits, turn: Integers) -> None:
    """Give the acts the ring's purpose."""
    trade, rng, count = TRADES[plan.kind], world.rng, len(turn)
    buys = world.chance(rng.uniform(*trade.buy), count)
    visits["items"] = np.where(buys, 1 + rng.poisson(rng.uniform(0, world.style.items), count), 0)
    visits["browse"] = rng.poisson(rng.uniform(*trade.browse), count)
    visits["target"] = _products(world, goods, trade, count)
    coupons = world.chance(rng.uniform(*trade.coupon), count)
    visits["coupon"][coupons] = WELCOME if rng.random() < 0.5 else visits["coupon"].max()
    visits["refund"] = np.maximum(visits["refund"], rng.uniform(*trade.refund))
    if world.style.review:
        visits["review"] = np.maximum(visits["review"], rng.uniform(*trade.review))
    if trade.wants == "seller":
        praise = world.chance(0.9, count)
        visits["rating"][praise] = 5.0
        visits["delay"][:] = rng.uniform(0.1, 1.0)
    visits["chargeback"] = np.full(count, rng.uniform(*trade.chargeback))
    if world.style.points and trade.spend[1]:
        visits["spent"] = np.where(turn == 0, np.round(rng.uniform(*trade.spend, count)), 0.0)


def _share(world: World, people: People, plan: Plan, visits: Visits, rows: Integers) -> None:
    """Put the ring's values on its acts; ``rows``: the ring's place of each act's member."""
    trade, rng = TRADES[plan.kind], world.rng
    turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
    main = _main_view(world, trade)
    shared = {
        v: _values(world, people, plan, v) for v, p in trade.shares.items() if rng.random() < p
    }
    shared.setdefault(main, _values(world, people, plan, main))
    orders = "login" not in world.style.recorded[main].kinds
    binding = [view for view in shared if view != main and _binds(world, view, orders=orders)]
    shared[main] = _bind(shared[main], [shared[view] for view in binding])
    loyal = rng.uniform(0.6, 1.0)
    for view, pairs in shared.items():
        value = pairs[rows, turn % 2]
        used = (value != NONE) & (world.chance(loyal, len(rows)) | (turn < 2))
        visits[view][used] = value[used]
        visits[f"keeps_{view}"][(turn < 2) & (view in (main, *binding))] = True
    early = (turn < 2) & orders
    visits["items"][early] = np.maximum(visits["items"][early], 1)


def act(world: World, people: People, goods: Goods, plan: Plan) -> Visits:
    """Return all that the ring's members do for it, their sign-ups for it included."""
    trade, rng, size = TRADES[plan.kind], world.rng, len(plan.members)
    mean = rng.uniform(*trade.acts)
    count = 2 + rng.poisson(max(mean - 2, 0), size)
    count[np.array(plan.roles) == "periphery"] = 2
    place = np.repeat(np.arange(size), count)
    member = plan.members[place]
    time = _times(world, plan, place)
    # Who joins late acts from then on, within what is left of the ring's time.
    late = np.maximum(people.signup[member] + 60, plan.start)
    wait = rng.random(len(time)) * np.maximum(plan.end - late, 3_600)
    time = np.where(time < late, np.floor(late + wait), time)
    time = np.minimum(time, world.end - 2)
    order = np.lexsort((time, place))
    visits = own_visits(world, people, member[order], time[order])
    turn = np.arange(len(place)) - np.searchsorted(place, place)
    _behave(world, goods, plan, visits, turn)
    _share(world, people, plan, visits, place)
    visits["sticky"][:] = True
    return _with_sign_ups(world, people, plan, visits, place)


def _with_sign_ups(
    world: World, people: People, plan: Plan, visits: Visits, place: Integers
) -> Visits:
    """Return the acts and, for fresh members, the sign-up, mostly from where the first act is."""
    fresh = np.flatnonzero(plan.fresh & (people.signup[plan.members] >= 0))
    first = take(visits, np.searchsorted(place, fresh))
    members = plan.members[fresh]
    joining = sign_up(world, people, members)
    led = world.chance(world.rng.uniform(0.4, 0.9), len(fresh))
    for view in ("device", "ip", "phone"):
        for name in (view, f"keeps_{view}"):
            joining[name][led] = first[name][led]
    return join([visits, joining])
