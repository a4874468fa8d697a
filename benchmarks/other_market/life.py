"""Ordinary life: when members come, between the day they sign up and the day they stay away."""

from __future__ import annotations

import numpy as np

from benchmarks.other_market.people import WELCOME, People, own_visits
from benchmarks.other_market.style import DAY
from benchmarks.other_market.world import Floats, Integers, Visits, World, join

_WEEKDAYS = {"weekly": (4, 3, 3, 4, 7, 9, 6), "steady": (6, 5, 5, 5, 5, 7, 9)}


def _season(world: World) -> Floats:
    """Return each day's share of the shop's visits: weekdays, tides, a few big days."""
    days = world.style.days
    week = np.array(_WEEKDAYS.get(world.style.rhythm, (5, 5, 5, 5, 5, 6, 6)), dtype=float)
    phase = world.rng.uniform(0, 2 * np.pi)
    season = week[np.arange(days) % 7] * (1 + 0.25 * np.sin(np.arange(days) / 58 + phase))
    season[world.rng.integers(0, days, days // 60)] *= 2.2
    shares: Floats = season / season.sum()
    return shares


def _days_by_season(world: World, member: Integers, people: People) -> Floats:
    """Return a moment for each visit, by the shop's season between the member's first and last."""
    rise = np.concatenate([[0.0], np.cumsum(_season(world))])
    edges = np.arange(len(rise)) * DAY
    low = np.interp(np.maximum(people.signup[member], 0), edges, rise)
    high = np.interp(np.minimum(people.leave[member], world.end), edges, rise)
    moments: Floats = np.interp(low + world.rng.random(len(member)) * (high - low), rise, edges)
    return moments


def _weekly(world: World, member: Integers, people: People) -> Floats:
    """Return moments that stay near the member's own weekday."""
    time = _days_by_season(world, member, people)
    weekday = (people.email[member] * 5) % 7
    return (np.floor(time / (7 * DAY)) * 7 + weekday) * DAY + world.rng.normal(0, DAY, len(time))


def _episodes(world: World, member: Integers, people: People) -> Floats:
    """Return moments in a few short stretches: people come when they need something."""
    stretches = 3
    owner = np.repeat(np.arange(world.members), stretches)
    centre = _days_by_season(world, owner, people).reshape(-1, stretches)
    chosen = (world.rng.random(len(member)) ** 1.5 * stretches).astype(int)
    moments: Floats = centre[member, chosen] + world.rng.exponential(2.5 * DAY, len(member))
    return moments


_RHYTHMS = {"weekly": _weekly, "steady": _days_by_season, "episodes": _episodes}


def live(world: World, people: People) -> Visits:
    """Return the visits of ordinary life, sorted by time."""
    there = np.minimum(people.leave, world.end) - np.maximum(people.signup, 0)
    share = np.clip(there, 0, None) / world.end
    count = world.rng.poisson(1.45 * world.style.visits * people.activity * share)
    member = np.repeat(np.arange(world.members), count)
    time = _RHYTHMS[world.style.rhythm](world, member, people)
    time = world.hours(time, people.hour[member], 2.5)
    inside = (time > people.signup[member]) & (time < world.end - 1)
    member, time = member[inside], time[inside]
    order = np.argsort(time, kind="stable")
    return own_visits(world, people, member[order], time[order])


def sign_up(world: World, people: People, member: Integers) -> Visits:
    """Return the visit of signing up of those ``member`` who join after the shop's first day."""
    late = member[(people.signup[member] >= 0) & (people.signup[member] < world.end)]
    visits = own_visits(world, people, late, people.signup[late])
    visits["signup"][:] = True
    # Some look around at once and buy; most come back later.
    idle = world.chance(0.6, len(late))
    visits["items"][idle] = 0
    visits["browse"][world.chance(0.5, len(late))] = 0
    welcome = world.chance(min(1.0, 2 * world.style.coupon), len(late))
    visits["coupon"][welcome] = WELCOME
    return visits


def everyday(world: World, people: People, *, without: Integers) -> Visits:
    """Return ordinary life with its sign-ups, sorted by time; ``without``: who sign up elsewhere."""
    joining = np.setdiff1d(np.arange(world.members), without)
    visits = join([live(world, people), sign_up(world, people, joining)])
    order = np.argsort(visits["time"], kind="stable")
    return {name: column[order] for name, column in visits.items()}
