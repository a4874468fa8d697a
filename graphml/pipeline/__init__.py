"""The stages in order; only this package sees two of them."""

from graphml.pipeline.deciding import Decided, decide
from graphml.pipeline.detection import Detection, FoundRing, detect, find_ring
from graphml.pipeline.judging import evaluate_store
from graphml.pipeline.loading import LoadReport, load_source

__all__ = [
    "Decided",
    "Detection",
    "FoundRing",
    "LoadReport",
    "decide",
    "detect",
    "evaluate_store",
    "find_ring",
    "load_source",
]
