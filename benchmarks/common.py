"""What all benchmarks share: options, progress, the JSON object at the end, the committed table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Table:
    """What ``--write`` puts under ``docs/benchmarks``."""

    title: str
    text: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def section(self, level: int) -> str:
        """Return the heading, the text and the grid."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        grid = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"{'#' * level} {self.title}\n\n{self.text}\n\n{grid}\n"

    def markdown(
        self, command: str, made_on: Mapping[str, Any], further: Sequence[Table] = ()
    ) -> str:
        """Return the page, with the command and the machine it was made by."""
        sections = [self.section(1), *[table.section(2) for table in further]]
        where = ", ".join(f"{name} {value}" for name, value in made_on.items())
        return "\n".join(sections) + f"\nMade by `{command}` on: {where}.\n"


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=doc)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="end within a minute")
    parser.add_argument("--write", action="store_true", help=f"renew docs/benchmarks/{name}.md")
    return parser


def arguments(name: str, doc: str | None, *, events: int, quick_events: int) -> Any:
    known = parser(name, doc)
    known.add_argument("--events", type=int)
    options = known.parse_args()
    options.events = options.events or (quick_events if options.quick else events)
    return options


def market_options(
    name: str, doc: str | None, *, quick: int, members: int, seeds: Sequence[int]
) -> tuple[Any, int, Sequence[int]]:
    """Return the options, how many members a marketplace has, and the seeds: seed 1 for quick ones."""
    known = parser(name, doc)
    known.add_argument("--members", type=int)
    known.add_argument("--seeds", type=int, nargs="+")
    options = known.parse_args()
    asked = options.members or (quick if options.quick else members)
    return options, asked, options.seeds or ((1,) if options.quick else seeds)


def made_on() -> dict[str, Any]:
    """Return machine, versions and commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "polars": version("polars"),
        "numpy": version("numpy"),
        "commit": commit,
    }


def finish(
    name: str,
    options: Any,
    figures: Mapping[str, Any],
    table: Table,
    *,
    seed: int | Sequence[int],
    further: Sequence[Table] = (),
) -> int:
    """Print the table on stderr and, asked to, one JSON object on stdout; renew the page."""
    where = made_on()
    command = " ".join(["python -m", f"benchmarks.{name}", *sys.argv[1:]])
    page = table.markdown(command, where, further)
    progress(page)
    if options.write:
        path = ROOT / "docs" / "benchmarks" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    if options.json:
        print(json.dumps({**figures, "seed": seed, **where}))
    return 0
