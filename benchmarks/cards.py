"""Real data of the cards under ``datasets``, from a folder that does not ship."""

from __future__ import annotations

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.common import ROOT
from graphml.tables.frames import Tables
from graphml.tables.source import read_source
from graphml.tables.validate import validate

_SAMPLED = {
    "uci-online-retail": ("uci-online-retail/onlineretail-sample.csv.gz", "onlineretail.csv.gz")
}
"""Of cards that name a sample that ships: its path there, and the whole file."""


def data_folder() -> Path:
    """Return ../shared/data, or the folder of GRAPHML_DATA: a folder in it for each card."""
    return Path(os.environ.get("GRAPHML_DATA") or ROOT.parent / "shared" / "data")


def folder_of(name: str, *files: str) -> Path:
    """Return a card's folder of data; ends the program with one line where a file is not there."""
    folder = data_folder() / name
    for file in files:
        if not (folder / file).is_file():
            sys.exit(f"no {name}/{file} in {data_folder()}; name that folder with GRAPHML_DATA")
    return folder


def tables_of(name: str, folder: Path) -> Tables:
    """Return the tables of a card with the whole data in place of a sample."""
    text = (ROOT / "datasets" / f"{name}.toml").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as temporary:
        card = Path(temporary) / f"{name}.toml"
        sample, whole = _SAMPLED.get(name, ("", ""))
        card.write_text(text.replace(sample, whole) if sample else text, encoding="utf-8")
        return validate(read_source(card, folder), now=datetime.now(UTC))[0]
