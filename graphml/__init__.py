"""Fraud rings and recommendations from one temporal graph of a marketplace.

The public names are loaded when first used, so that ``import graphml`` stays fast.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "MARKETPLACE": "graphml.schema",
    "Evidence": "graphml.results",
    "Graph": "graphml.graph.build",
    "GraphSchema": "graphml.schema",
    "GraphSource": "graphml.tables.graphsource",
    "GraphmlError": "graphml.errors",
    "Quarantine": "graphml.tables.quarantine",
    "Ring": "graphml.results",
    "RingConfig": "graphml.config",
    "Scores": "graphml.results",
    "SimulateConfig": "graphml.config",
    "Tables": "graphml.tables.frames",
    "build_graph": "graphml.graph.build",
    "build_plain_graph": "graphml.graph.plain",
    "connect": "graphml.store.connect",
    "extract_rings": "graphml.rings.extract",
    "make_marketplace": "graphml.tables.synthetic",
    "read_graph": "graphml.tables.graphsource",
    "read_source": "graphml.tables.source",
    "validate": "graphml.tables.validate",
}

__all__ = ["__version__", *_HOME]


def _let_numba_cache() -> None:
    """Name a folder for compiled loops where numba would find none that it can write to.

    It looks beside the modules, then in the user's cache; a container may have neither. What lies
    there is run, so nobody else may write to the folder.
    """
    users = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111 - never fails
    known = (Path(__file__).parent / "__pycache__", users / "numba")
    if os.environ.get("NUMBA_CACHE_DIR") or any(map(_can_be_written, known)):
        return
    import tempfile

    try:
        folder = Path(tempfile.gettempdir()) / f"graphml-numba-{os.geteuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        ours = found.st_mode & 0o170077 == 0o040000 and found.st_uid == os.geteuid()
        if not ours:  # a file, a link, another's, or open to others
            folder = Path(tempfile.mkdtemp(prefix="graphml-numba-"))
    except OSError:
        return  # nowhere at all: numba says so itself
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        sys.modules["numba"].config.reload_config()


def _can_be_written(folder: Path) -> bool:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)


_let_numba_cache()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'graphml' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
