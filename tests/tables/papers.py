"""A tiny library with known answers: papers cite papers, authors write them; no symmetry."""

from __future__ import annotations

from pathlib import Path

from graphml.tables.graphsource import GraphSource, read_graph

PAPERS = """id,year,venue,abstract,open,class,learn,check,ask
p-1,1999,KDD,On graphs,yes,ml,1,0,0
p-2,2004.5,,,no,db,0,1,0
p-3,,WWW,On rings,,ml,0,0,1
p-4,2011,KDD,Never cited,yes,,0,0,0
"""
CITATIONS = """citing;cited;when
p-2;p-1;2005-01-01
p-3;p-1;2010-03-01
p-3;p-2;2010-03-01
p-1;p-1;2001-01-01
p-3;p-9;2012-01-01
"""
WRITES = '{"who": "ann", "what": "p-1", "share": 0.5}\n{"who": "ann", "what": "p-3"}\n'
CARD = """
name = "library"
time = "none"

[files]
papers = "papers.csv"
citations = { path = "citations.csv", delimiter = ";" }
writes = "writes.jsonl"

[[nodes]]
type = "paper"
from = "papers"
positive = ["ml"]
[nodes.columns]
key = "id"
year = "year"
venue = "venue"
abstract = "abstract"
open = { column = "open", type = "boolean" }
label = "class"
train = "learn"
valid = "check"
test = "ask"

[[nodes]]
type = "author"

[[edges]]
type = "paper cites paper"
from = "citations"
[edges.columns]
source = "citing"
target = "cited"

[[edges]]
type = "author writes paper"
from = "writes"
[edges.columns]
source = "who"
target = "what"
amount = "share"
"""
TIMED = (
    CARD.replace('time = "none"', 'time_zone = "UTC"')
    .replace('target = "cited"', 'target = "cited"\ntime = "when"')
    .replace('from = "writes"', 'from = "writes"\nstatic = true')
    .replace('positive = ["ml"]', 'positive = ["ml"]\nstatic = true')
)
CITES, WRITE = ("paper", "cites", "paper"), ("author", "writes", "paper")


def card(folder: Path, text: str = CARD, **files: str) -> Path:
    """Write the card and its files; ``papers``, ``citations`` and ``writes`` replace theirs."""
    (folder / "papers.csv").write_text(files.get("papers", PAPERS), encoding="utf-8")
    (folder / "citations.csv").write_text(files.get("citations", CITATIONS), encoding="utf-8")
    (folder / "writes.jsonl").write_text(files.get("writes", WRITES), encoding="utf-8")
    (folder / "library.toml").write_text(text, encoding="utf-8")
    return folder / "library.toml"


def library(folder: Path, text: str = CARD, **files: str) -> GraphSource:
    return read_graph(card(folder, text, **files))
