"""What is kept of every result: its manifest, in the folder of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphml.cli.output import write_whole
from graphml.cli.progress import say
from graphml.errors import GraphmlError

if TYPE_CHECKING:
    from graphml.store.provenance import Manifest


def keep_manifest(manifest: Manifest, folder: Path, *, quiet: bool) -> None:
    """Write a manifest into ``manifests`` of a store's folder, and say where."""
    path = folder / "manifests" / f"{manifest.run_id}.json"
    try:
        write_whole(path, manifest.to_json().encode())
    except GraphmlError as error:  # a store that may only be read still gives its results
        say(f"no manifest kept: {error.message}", quiet=quiet)
        return
    say(f"manifest: {path}", quiet=quiet)
