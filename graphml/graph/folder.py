"""A graph as a folder: Arrow files for frames, ``.npy`` files for arrays, all memory-mapped."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc

from graphml.errors import UsageError
from graphml.results import parse_time, time_text
from graphml.schema import EdgeType, GraphSchema

if TYPE_CHECKING:
    from graphml.graph.build import Graph

FORMAT = 1
_MANIFEST = "graph.json"
_FRAMES = ("events", "links", "stated")


def edge_folder(folder: Path, edge_type: EdgeType) -> Path:
    """Return where the arrays of ``edge_type`` are."""
    return folder / "edges" / ".".join(edge_type)


def save_graph(graph: Graph, folder: Path) -> None:
    """Write ``graph`` beside ``folder``, then move it there."""
    if folder.exists() and not (folder / _MANIFEST).is_file() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds something that is no graph", hint="name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write(graph, partial)
        if folder.exists():
            former = partial / "former"
            folder.replace(former)
            partial.replace(folder)
            shutil.rmtree(folder / "former")
        else:
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_graph(folder: Path, schema: GraphSchema) -> Graph:
    """Return the graph in ``folder``; arrays and frames are read when they are used."""
    from graphml.graph.build import Graph
    from graphml.graph.nodes import Nodes

    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no graph", hint="write one with Graph.save") from error
    if (manifest["format"], manifest["schema"]) != (FORMAT, _digest(schema)):
        raise UsageError(f"{folder} holds a graph of another schema", hint="build it again")
    as_of: datetime | None = parse_time(manifest["as_of"]) if manifest["as_of"] else None
    nodes = {
        name: Nodes(
            keys=_mapped(folder / "nodes" / name / "keys.arrow")["key"],
            first=np.load(folder / "nodes" / name / "first.npy", mmap_mode="r"),
            attributes=_mapped(folder / "nodes" / name / "attributes.arrow"),
            as_of=as_of,
        )
        for name in schema.nodes
    }
    frames = {name: _mapped(folder / f"{name}.arrow") for name in _FRAMES}
    return Graph(schema=schema, nodes=nodes, as_of=as_of, stored=folder, **frames)


def _write(graph: Graph, folder: Path) -> None:
    for name in _FRAMES:
        _save(getattr(graph, name), folder / f"{name}.arrow")
    for name, nodes in graph.nodes.items():
        place = folder / "nodes" / name
        place.mkdir(parents=True)
        _save(nodes.keys.to_frame(), place / "keys.arrow")
        _save(nodes.attributes, place / "attributes.arrow")
        np.save(place / "first.npy", nodes.first, allow_pickle=False)
    for edge_type, adjacency in graph.edges.items():
        adjacency.save(edge_folder(folder, edge_type))
    manifest = {
        "format": FORMAT,
        "schema": _digest(graph.schema),
        "as_of": time_text(graph.as_of) if graph.as_of else None,
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _save(frame: pl.DataFrame, file: Path) -> None:
    """Write one record batch, so that arrays over the mapped file are in one piece."""
    newest = pl.CompatLevel.newest()
    frame.write_ipc(file, record_batch_size=max(1, frame.height), compat_level=newest)


def _mapped(file: Path) -> pl.DataFrame:
    """Map what ``_save`` wrote into memory; polars itself would read it."""
    table = pa.ipc.open_file(pa.memory_map(str(file))).read_all()
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _digest(schema: GraphSchema) -> str:
    return hashlib.sha256(repr(schema).encode()).hexdigest()
