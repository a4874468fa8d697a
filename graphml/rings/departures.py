"""Who departs from a group's synchrony: came to the shared value long after the others.

Two delays are looked at, in log time: from a member's sign-up to the first use of the shared value,
and from that use to the others' burst. Both must lie more than five spreads beyond the others'. A
spread is the largest of the others' own (1.4826 times the median absolute deviation), of what is
usual between members of a group in this market, and of a factor of two: nobody is in better step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graphml.rings.dossier import Dossier, Use
from graphml.rings.wording import MINUTE

_SPREADS = 5.0
_FACTOR_OF_TWO = math.log(2)
_NORMAL = 1.4826
"""Standard deviations of a normal a median absolute deviation."""

Floats = NDArray[np.float64]


def usual_spread(dossiers: Sequence[Dossier]) -> float:
    """Return the median, over all shared identifiers, of the spread of delays, in log time.

    0 where no value has three members with a known sign-up.
    """
    spreads = [
        _spread(_logs(delays))
        for dossier in dossiers
        for use in dossier.identifiers
        if len(delays := _delays(dossier, use)[1]) > 2
    ]
    return float(np.median(spreads)) if spreads else 0.0


def departed(dossier: Dossier, usual: float) -> frozenset[int]:
    """Return the members who depart on every identifier that they share; a minority, at most.

    A pair has none: of two, nobody can say who departs.
    """
    inside: set[int] = set()
    outside: set[int] = set()
    for use in dossier.identifiers:
        late = _late(dossier, use, usual)
        outside |= late
        inside |= set(use.rows.members.tolist()) - late
    result = frozenset(outside - inside)
    return result if 2 * len(result) < len(dossier.members) else frozenset()


def _late(dossier: Dossier, use: Use, usual: float) -> set[int]:
    members, delays, first = _delays(dossier, use)
    if len(members) < 3:
        return set()
    logs = _logs(delays)
    late = set()
    for place, member in enumerate(members):
        others = np.arange(len(members)) != place
        burst = np.median(first[others])
        distance = _logs(np.abs(first - burst))
        if _beyond(logs, place, others, usual) and _beyond(distance, place, others, usual):
            late.add(int(member))
    return late


def _beyond(logs: Floats, place: int, others: NDArray[np.bool_], usual: float) -> bool:
    spread = max(_spread(logs[others]), usual, _FACTOR_OF_TWO)
    return bool(logs[place] - np.median(logs[others]) > _SPREADS * spread)


def _delays(
    dossier: Dossier, use: Use
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return members with a known sign-up, their delay to the first use, and that use's time."""
    members, places = np.unique(use.rows.member, return_index=True)
    known = np.array([m in dossier.opened for m in members.tolist()], dtype=bool)
    members, first = members[known], use.rows.time[places[known]]
    opened = np.array([dossier.opened[m] for m in members.tolist()], dtype=np.int64)
    return members, first - opened, first


def _logs(delays: NDArray[np.int64] | Floats) -> Floats:
    """Return the delays' logarithms; below a minute, and before the sign-up, all are alike."""
    return np.log(np.maximum(delays, MINUTE))


def _spread(logs: Floats) -> float:
    return float(_NORMAL * np.median(np.abs(logs - np.median(logs))))
