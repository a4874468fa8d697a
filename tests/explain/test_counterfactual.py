"""The smallest set of ties that clears is found, by trying all sets; none is an answer, too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from graphml.explain.candidates import key_of, shared_ties
from graphml.explain.company import Company, Hold, company_of
from graphml.explain.counterfactual import counterfactual
from graphml.explain.local import Tie, local
from graphml.explain.rescoring import Rescorer
from graphml.explain.worlds import Removal
from graphml.tabular.flags import known_flags
from tests.explain.farm import Sum, company
from tests.graph.marketplace import at
from tests.rings.small import Market, group
from tests.tabular.shop import dense, graph_of, shops

WEIGHTS = st.fixed_dictionaries(
    {
        name: st.sampled_from([0.0, 0.5, 1.0, 3.0])
        for name in ("device_members", "address_members_max", "ip_members", "card_members",
                     "neighbours", "shared_relations", "neighbours_close")
    }
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(shop=shops, number=st.integers(0, 4), weights=WEIGHTS, base=st.sampled_from([-6, -3, -1, 2]))
def test_no_smaller_set_clears(shop, number, weights, base):
    graph = graph_of(shop)
    member, as_of = dense(graph, number), at(40 * 24 * 3_600_000_000)
    if member is None:
        reject()
    around = local(graph, member, as_of=as_of, flags=known_flags(graph))
    if not len(around.own):
        reject()
    rescorer = Rescorer(around, Company(), Sum(weights, base=base))
    found = counterfactual(rescorer, threshold=0.5)
    ties = shared_ties(around, Company())

    if len(ties) > 7:
        reject()

    sets = [some for n in range(len(ties) + 1) for some in itertools.combinations(ties, n)]
    outcomes = rescorer.after([Removal(ties=frozenset(some)) for some in sets])
    clear = {frozenset(some) for some, one in zip(sets, outcomes, strict=True) if one.score < 0.5}
    least = min(map(len, clear), default=None)
    if least == 0 or least is None:
        assert found is None
        return
    assert found is not None
    named = {(tie.type, key_of(tie, around)): tie for tie in ties}
    assert frozenset(named[tie] for tie in found.ties) in clear
    assert found.score_without < 0.5
    if found.smallest:
        assert len(found.ties) == least


def ring(holds):
    """Return a member's rescorer: two devices, an address and a card shared with two others."""
    market = Market()
    for who in ("a", "b", "c"):
        for n, device in enumerate(("d-1", "d-2")):
            market.tell(who, n, "login", device_id=device)
        market.tell(who, 5, "purchase", address_id="home", card="visa", product_id="p")
        market.tell(who, 6, "login", device_id=f"own of {who}")
    graph = market.graph
    as_of = graph.events["time"][-1]
    weak = group(graph, ["b", "c"], as_of, score=0.3)
    found = company(graph, as_of, group(graph, ["a", "b", "c"], as_of, surprise=holds))
    around = local(graph, 0, as_of=as_of, flags=known_flags(graph))
    return around, found, weak


def test_all_that_holds_in_the_ring_has_to_go():
    around, found, _ = ring(2.0)
    rescorer = Rescorer(around, company_of(found, 0, around), Sum({}, structure=1.0))
    answer = counterfactual(rescorer, threshold=0.5)
    assert answer is not None
    assert answer.ties == (
        ("address", "home"),
        ("card", "visa"),
        ("device", "d-1"),
        ("device", "d-2"),
    )
    assert answer.smallest


def test_what_ties_cannot_clear_is_not_cleared():
    around, found, _ = ring(2.0)
    rescorer = Rescorer(around, company_of(found, 0, around), Sum({"purchases": 9.0}))
    assert counterfactual(rescorer, threshold=0.5) is None
    assert counterfactual(rescorer, threshold=1.1) is None  # nothing to clear


def test_what_is_not_needed_is_left_out_again():
    market = Market()
    for who in ("a", "b"):
        market.tell(who, 5, "login", address_id="home")
        for n in range(4):
            market.tell(who, n, "login", device_id=f"d-{n}")
    graph = market.graph
    around = local(graph, 0, as_of=graph.events["time"][-1], flags=known_flags(graph))
    # Alone only the address counts, but together the devices are what it takes, all of them.
    scorer = Sum({"device_members_max": 5.0, "address_members": 1.0}, base=-4.0)
    answer = counterfactual(Rescorer(around, Company(), scorer), threshold=0.5)
    assert answer is not None
    assert answer.ties == tuple(("device", f"d-{n}") for n in range(4))
    assert answer.smallest


def test_two_that_count_only_together_are_found_before_three_that_count_alone():
    market = Market()
    for who in ("a", "b"):
        market.tell(who, 5, "login", address_id="home", ip="cafe", card="visa")
        for n in range(2):
            market.tell(who, n, "login", device_id=f"d-{n}")
    graph = market.graph
    around = local(graph, 0, as_of=graph.events["time"][-1], flags=known_flags(graph))
    weights = {"address_members": 1.0, "ip_members": 1.0, "card_members": 1.0}
    scorer = Sum({**weights, "device_members_max": 5.0}, base=-5.5)
    answer = counterfactual(Rescorer(around, Company(), scorer), threshold=0.5)
    assert answer is not None
    assert answer.ties == (("device", "d-0"), ("device", "d-1"))
    assert answer.smallest


@pytest.fixture
def around():
    return ring(2.0)[0]


def hold(tie, surprise):
    return Hold(code="X", text="x", label="x", surprise=surprise, tie=tie)


def test_one_surprising_value_holds_and_weak_ones_beside_it_do_not(around):
    ties = sorted(around.rows)
    strong, weak = (
        next(t for t in ties if t.type == "card"),
        next(t for t in ties if t.type == "address"),
    )
    both = Company(score=0.9, apart=0.2, holds=(hold(strong, 1.0), hold(weak, 0.99)))
    assert both.without(Removal(ties=frozenset([weak])), around) == 0.9
    assert both.without(Removal(ties=frozenset([strong])), around) == 0.2
    shared = [tie for tie, others in around.others.items() if others]
    assert both.without(Removal(ties=frozenset(shared)), around) == 0.0
    unmeasured = Company(score=0.9, apart=0.2, holds=(hold(strong, 0.0), hold(weak, 0.0)))
    assert unmeasured.without(Removal(ties=frozenset([strong])), around) == 0.9
    assert unmeasured.without(Removal(ties=frozenset([strong, weak])), around) == 0.2


def test_a_tie_is_gone_with_its_last_record(around):
    tie = next(tie for tie in around.rows if tie.type == "card")
    held = Company(score=0.9, apart=0.1, holds=(hold(tie, 2.0),))
    rows = frozenset(around.rows[tie].tolist())
    assert held.without(Removal(events=rows), around) == 0.1
    other = frozenset(set(around.own.tolist()) - rows)
    assert held.without(Removal(events=other), around) == 0.9


def test_who_left_its_ring_has_what_weak_groups_have_and_never_more():
    around, _, weak = ring(2.0)
    graph = ring(2.0)[1].candidates.graph
    as_of = graph.events["time"][-1]
    strong = group(graph, ["a", "b"], as_of, score=0.9)
    found = company(graph, as_of, strong, others=(weak,))
    assert company_of(found, 0, around).apart == pytest.approx(0.3)
    feeble = company(graph, as_of, others=(group(graph, ["a", "b"], as_of, score=0.1), weak))
    assert company_of(feeble, 0, around).apart == np.float32(0.1)
    alone = company(graph, as_of)
    assert company_of(alone, 0, around) == Company()


def test_ties_of_the_ring_come_first_then_the_rarest(around):
    ties = shared_ties(around, Company(holds=(hold(Tie("device", 1), 1.0),)))
    assert ties[0] == Tie("device", 1)
    others = [around.others[tie] for tie in ties[1:]]
    assert others == sorted(others)
    assert all(others)
