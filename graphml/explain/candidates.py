"""What may be a reason, before it is put to the test: a code, its words, and what to take away."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from string import Formatter

import numpy as np

from graphml.explain.company import Company, Hold
from graphml.explain.local import Local, Tie
from graphml.explain.records import records_behind
from graphml.explain.rescoring import Floats
from graphml.explain.worlds import Removal
from graphml.rings.wording import count, name, names
from graphml.tabular.aggregates import AGGREGATES
from graphml.tabular.registry import PLURAL, RELATION, Aggregate

_TYPE = {relation: type_ for type_, relation in RELATION.items()}
_MOST_TIES = 24
"""Ties of a member that are tried one by one."""
_MANY = re.compile("MANY_|.*BURST$|CURRENCIES|LARGE_ORDER|LINKED_VIEWS|SHARED_IDENTIFIERS")
"""Codes that speak of several."""
_LEAST = {
    "dearness_mean": 0.2, "dearness_max": 0.2, "spent_last_ratio": 1.5, "pace_7d_30d": 1.5,
    "order_dearness": 0.2, "order_amount_ratio": 1.5, "order_amount_max_ratio": 1.5,
    "order_product_buyers_7d": 2.0,
}  # fmt: skip
"""By aggregate: below it nothing is unusual, whatever the trees make of it."""
_NAUGHT = {"age_days", "days_to_purchase", "neighbours_signup_hours", "hours_after_other"}
"""Aggregates of which 0 says the most."""
_STATED = {
    "order_amount": "amount", "order_amount_ratio": "amount", "order_amount_max_ratio": "amount",
    "order_dearness": "amount", "order_quantity": "quantity", "order_product_buyers_7d": "product",
    "order_product_flagged": "product", "order_product_flagged_share": "product",
}  # fmt: skip
"""By aggregate of a record: the field of it that is its evidence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A reason to be tested.

    Attributes:
        code: Of the reason.
        text: In words.
        removal: Takes the evidence away; takes something.
        columns: Of the trees' columns those that it is about; none of what the company says.
        stem: The words without the ties.
    """

    code: str
    text: str
    removal: Removal
    columns: tuple[int, ...] = ()
    stem: str = ""


def candidates(
    columns: Sequence[str],
    told: Floats,
    values: Mapping[str, float],
    local: Local,
    company: Company,
) -> list[Candidate]:
    """Return what may be reasons: what raises the trees' log-odds, and what holds in a ring.

    Columns with one code count together, whether they raise the log-odds or lower them.

    Args:
        columns: Of the trees.
        told: What each adds to the log-odds, float64 [columns].
        values: Aggregates by name.
        local: The member's part of the graph.
        company: Its candidate ring.
    """
    found = list(_of_company(company))
    codes: dict[str, list[int]] = {}
    for at, column in enumerate(columns):
        aggregate = AGGREGATES.get(column)
        if aggregate is not None and aggregate.code is not None:
            codes.setdefault(aggregate.code, []).append(at)
    for places in codes.values():
        telling = [
            at
            for at in places
            if told[at] > 0 and tells(AGGREGATES[columns[at]], values[columns[at]])
        ]
        if telling and told[places].sum() > 0:
            lead = max(telling, key=lambda at: told[at])
            found += _of_code(AGGREGATES[columns[lead]], tuple(places), values, local, company)
    return found


def shared_ties(local: Local, company: Company) -> list[Tie]:
    """Return the ties to identifiers of others: those that hold in a ring, then the rarest first."""
    held = [hold.tie for hold in company.holds if hold.tie is not None]
    rest = [tie for tie, others in local.others.items() if others and tie not in held]
    return [*dict.fromkeys(held), *sorted(rest, key=lambda tie: (local.others[tie], tie))]


def tells(aggregate: Aggregate, value: float) -> bool:
    """Return whether a value says what the aggregate's reason says: "many" of one are none.

    >>> tells(AGGREGATES["devices"], 1.0), tells(AGGREGATES["devices"], 2.0)
    (False, True)
    """
    if math.isnan(value) or aggregate.reason is None:
        return False
    if aggregate.name in _NAUGHT:
        return True
    least = _LEAST.get(aggregate.name, 2.0 if _MANY.match(aggregate.code or "") else 0.0)
    parts = Formatter().parse(aggregate.reason)
    shown = next((spec for _, field, spec, _ in parts if field == "value"), None)
    # As it is shown: a share of 0.00 convinces nobody.
    return value >= least and float(format(value, shown or "")) > 0


def widened(candidate: Candidate, ties: Sequence[Tie], local: Local) -> Candidate:
    """Return a candidate that rests on several ties."""
    return replace(
        candidate,
        text=f"{candidate.stem} ({listed(ties, local)})",
        removal=Removal(ties=frozenset(ties)),
    )


def _of_company(company: Company) -> Iterator[Candidate]:
    """Tell of each thing held in common, of all of each code, and of all that hold the member."""
    codes: dict[str, list[Hold]] = {}
    for hold in company.holds:
        codes.setdefault(hold.code, []).append(hold)
        yield Candidate(code=hold.code, text=hold.text, removal=hold.removal)
    for code, holds in codes.items():
        if len(holds) > 1:
            yield _all_of(holds, code)
    if len({hold.code for hold in company.counted}) > 1:
        yield _all_of(company.counted, "LINKED_VIEWS")


def _all_of(holds: Sequence[Hold], code: str) -> Candidate:
    """Tell of several things held in common, of the first in all its words."""
    removal = Removal(
        ties=frozenset(hold.tie for hold in holds if hold.tie is not None),
        events=frozenset().union(*(hold.events for hold in holds)),
    )
    text = f"{holds[0].text}; in common too: {names([hold.label for hold in holds[1:]])}"
    return Candidate(code=code, text=text, removal=removal)


def _of_code(
    lead: Aggregate, columns: tuple[int, ...], values: Mapping[str, float], local: Local,
    company: Company,
) -> Iterator[Candidate]:  # fmt: skip
    assert lead.code is not None
    stem = lead.worded(values[lead.name])
    of = Candidate(code=lead.code, text=stem, removal=Removal(), columns=columns, stem=stem)
    types = [_TYPE[relation] for relation in lead.relations if relation in _TYPE]
    if lead.group == "order":
        yield from _of_record(of, lead, types, local)
        return
    if types:
        yield from _of_ties(of, types, local, company)
        return
    removal = Removal(links=True)
    if lead.relations != ("links",):
        own = local.graph.events[local.own]
        places = records_behind(lead, own, moment=local.moment)
        removal = Removal(events=frozenset(local.own[places].tolist()))
    if removal and not _takes_all(removal, local):
        yield replace(of, removal=removal)


def _of_ties(
    of: Candidate, types: Sequence[str], local: Local, company: Company
) -> Iterator[Candidate]:
    """Rest a reason on each shared tie of some types, and on all ties of them."""
    shared = [tie for tie in shared_ties(local, company) if tie.type in types]
    for tie in shared[:_MOST_TIES]:
        who = count(local.others[tie], "other member")
        text = f"{of.stem} ({tie.type} {name(key_of(tie, local))}, {who})"
        yield replace(of, text=text, removal=Removal(ties=frozenset([tie])))
    every = [*shared, *(tie for tie in local.rows if tie.type in types and tie not in shared)]
    if len(every) > 1:
        yield widened(of, every, local)


def _of_record(
    of: Candidate, lead: Aggregate, types: Sequence[str], local: Local
) -> Iterator[Candidate]:
    """Rest a reason on each identifier that the record names, or on a field that it states."""
    if lead.name in _STATED:
        yield replace(of, removal=Removal(fields=frozenset([_STATED[lead.name]])))
        return
    ties = [tie for tie, rows in local.rows.items() if tie.type in types and local.record in rows]
    for tie in ties:
        who = count(local.others[tie], "other member")
        text = f"{of.stem} ({tie.type} {name(key_of(tie, local))}, {who})"
        yield replace(of, text=text, removal=Removal(ties=frozenset([tie])))
    if len(ties) > 1:
        yield widened(of, ties, local)


def _takes_all(removal: Removal, local: Local) -> bool:
    """Return whether nothing of the member is left: that clears anybody and explains nothing."""
    return len(removal.events) == len(local.own)


def listed(ties: Sequence[Tie], local: Local) -> str:
    """Return ties in words, the first three by their ids."""
    ids = [key_of(tie, local) for tie in ties]
    types = {tie.type for tie in ties}
    if len(types) == 1:
        return f"{ties[0].type if len(ids) == 1 else PLURAL[ties[0].type]} {names(ids)}"
    return names([f"{tie.type} {name(id_)}" for tie, id_ in zip(ties, ids, strict=True)])


def key_of(tie: Tie, local: Local) -> str:
    """Return the identifier as the tables have it."""
    row = int(local.rows[tie][0])
    place = local.graph.events[tie.type][row]
    key: str = local.graph.nodes[tie.type].keys[int(np.int64(place))]
    return key
