"""Fraud rings and recommendations from one temporal graph of a marketplace.

The public names are loaded when first used, so that ``import graphml`` stays fast.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MARKETPLACE": "graphml.schema",
    "Evidence": "graphml.results",
    "Graph": "graphml.graph.build",
    "GraphSchema": "graphml.schema",
    "GraphmlError": "graphml.errors",
    "Quarantine": "graphml.tables.quarantine",
    "Ring": "graphml.results",
    "RingConfig": "graphml.config",
    "Scores": "graphml.results",
    "SimulateConfig": "graphml.config",
    "Tables": "graphml.tables.frames",
    "build_graph": "graphml.graph.build",
    "connect": "graphml.store.connect",
    "extract_rings": "graphml.rings.extract",
    "make_marketplace": "graphml.tables.synthetic",
    "read_source": "graphml.tables.source",
    "validate": "graphml.tables.validate",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'graphml' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
