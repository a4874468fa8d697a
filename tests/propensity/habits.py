"""A made-up shop whose members have habits, so that what they do next is known."""

from __future__ import annotations

import numpy as np

from tests.recommend.small import Act

DAYS = 200


def habits(members: int = 420, *, seed: int = 3) -> list[Act]:
    """Return what members do in 200 days, in four habits by their number.

    Of five: two buy every nine days or so and look at things before, one bought for a while and
    left, one only looks, one buys once a month or so and gives back most of it.
    """
    rng = np.random.default_rng(seed)
    acts: list[Act] = []
    for who in range(members):
        habit, day = who % 5, float(rng.uniform(0, 9))
        end = rng.uniform(30, 190) if habit == 2 else DAYS
        step = (9.0, 9.0, 9.0, 6.0, 25.0)[habit]
        while day < end:
            product = int(rng.integers(11))
            if habit != 4:
                acts.append(Act(who, product, round(day, 4), "view"))
            if habit in (0, 1) and rng.random() < 0.7:
                acts.append(Act(who, product, round(day + 0.01, 4), "cart"))
            if habit != 3:
                acts.append(Act(who, product, round(day + 0.02, 4), amount=5.0 + product))
            if habit == 4 and rng.random() < 0.8:
                acts.append(Act(who, product, round(day + 3, 4), "refund"))
            day += step * float(rng.uniform(0.6, 1.4))
    return acts
