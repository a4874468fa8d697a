"""Networks on the allow-list: an entry such as ``203.0.113.0/24`` stands for its addresses."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

import polars as pl

Network = IPv4Network | IPv6Network


def with_addresses(allow: frozenset[tuple[str, str]], ips: pl.Series) -> frozenset[tuple[str, str]]:
    """Return ``allow`` with those of ``ips`` beside it that lie in its networks.

    >>> allow = frozenset({("ip", "203.0.113.0/24")})
    >>> sorted(with_addresses(allow, pl.Series(["203.0.113.7", "198.51.100.1"])))
    [('ip', '203.0.113.0/24'), ('ip', '203.0.113.7')]
    """
    return allow.union(("ip", ip) for kind, text in allow for ip in addresses_in(kind, text, ips))


def addresses_in(kind: str, text: str, ips: pl.Series) -> list[str]:
    """Return those of ``ips`` that lie in the network ``text``; none where it is no network."""
    network = _network(text) if kind == "ip" and "/" in text else None
    return [ip for ip in ips.to_list() if _lies_in(_network(ip), network)] if network else []


def _network(text: str) -> Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:  # a pseudonym, or whatever else the source calls an address
        return None


def _lies_in(own: Network | None, network: Network) -> bool:
    if own is None or own.version != network.version:
        return False
    return own.subnet_of(network)  # type: ignore[arg-type]  # both of one version, just asked
