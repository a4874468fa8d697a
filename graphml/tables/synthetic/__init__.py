"""A marketplace made up from a seed: honest life, harmless sharing, and planted rings."""

from graphml.tables.synthetic.marketplace import Marketplace, make_marketplace

__all__ = ["Marketplace", "make_marketplace"]
