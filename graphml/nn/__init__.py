"""Networks over trees of edges: inputs, encoders, heads, losses."""

from __future__ import annotations

from torch import nn

from graphml.nn.hgt import HGT
from graphml.nn.sage import HeteroSAGE

ENCODERS: dict[str, type[nn.Module]] = {"sage": HeteroSAGE, "hgt": HGT}
"""Encoders by name; each has a ``reference`` and takes a ``Tree``."""
