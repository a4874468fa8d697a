"""Networks on the allow-list."""

import polars as pl
import pytest

from graphml.config import RingConfig
from graphml.rings.extract import extract_rings
from graphml.rings.networks import addresses_in, with_addresses
from tests.rings.small import Market, at

IPS = pl.Series(["203.0.113.7", "203.0.114.7", "2001:db8::1", "9f86d081884c7d65", "203.0.113.0/24"])


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("ip", "203.0.113.0/24", ["203.0.113.7", "203.0.113.0/24"]),
        ("ip", "203.0.112.0/22", ["203.0.113.7", "203.0.114.7", "203.0.113.0/24"]),
        ("ip", "203.0.113.9/24", ["203.0.113.7", "203.0.113.0/24"]),
        ("ip", "2001:db8::/32", ["2001:db8::1"]),
        ("ip", "203.0.113.7", []),
        ("ip", "no/network", []),
        ("device", "203.0.113.0/24", []),
    ],
)
def test_what_lies_in_a_network(kind, text, found):
    assert addresses_in(kind, text, IPS) == found
    allow = frozenset({(kind, text)})
    assert with_addresses(allow, IPS) == allow | {("ip", ip) for ip in found}


def test_an_allowed_network_ties_nobody():
    market = Market()
    for n in range(40):
        market.tell(f"crowd-{n}", 20 * n, ip=f"198.51.100.{n}")
    for n in range(5):
        market.tell(f"m-{n}", 300 + n, ip="203.0.113.7", device_id="d-1")
    everything = {"min_score": 0.0, "min_members": 2}
    graph, as_of = market.graph, at(900)
    for allow, types in (
        (frozenset(), {"ip", "device"}),
        (frozenset({("ip", "203.0.113.0/24")}), {"device"}),
    ):
        rings = extract_rings(graph, None, RingConfig(allow=allow, **everything), as_of=as_of)
        assert {shared.type for ring in rings for shared in ring.shared} == types
