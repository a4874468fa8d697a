"""Write docs/reference from the code: ``python docs/generate.py``; a test fails when it is stale."""

from __future__ import annotations

import importlib
import inspect
import itertools
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from typer._click.core import Command

import graphml
from graphml import config, configfile, errors
from graphml.cli.app import app
from graphml.schema import MARKETPLACE
from graphml.store.cypher import data_folder

REFERENCE = Path(__file__).parent / "reference"
_WIDTH = 96
_GENERATED = "<!-- made by docs/generate.py; do not edit -->\n\n"


def command_line() -> Iterator[str]:
    """Help of every command, as the terminal shows it."""
    yield "# Command line\n"
    yield "Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 rings found, only with `--fail-on`;"
    yield "4 no connection or no permission; 5 nothing to work on; 130 interrupted.\n"
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        yield f"## graphml {name}\n"
        yield "```"
        yield _help(command, f"graphml {name}")
        yield "```\n"


def _help(command: Command, path: str) -> str:
    context = command.make_context(path, [], resilient_parsing=True, terminal_width=_WIDTH)
    lines = command.get_help(context).splitlines()
    return "\n".join(line.rstrip() for line in lines)


def configuration() -> Iterator[str]:
    """Every setting of graphml.toml with its default and meaning."""
    yield "# Configuration\n"
    yield "`graphml.toml` in the working folder. A flag goes before the environment, the environment before"
    yield "the file; an unknown key is refused by name.\n"
    yield f'`store` (default `"{config.DEFAULT_STORE}"`, or the variable GRAPHML_STORE): the store\'s URL.\n'
    sections = {**configfile.SECTIONS, "train.sample": config.SampleConfig}
    for section, kind in sections.items():
        yield f"## [{section}]\n"
        yield f"{inspect.getdoc(kind)}\n"
        yield "| setting | type | default | |"
        yield "|---|---|---|---|"
        said = _attribute_docs(kind)
        for item in fields(kind):
            kind_name = str(item.type).replace("|", "or")
            yield f"| `{item.name}` | {kind_name} | {_default(item)} | {said.get(item.name, '')} |"
        yield ""


def _default(setting: Field[Any]) -> str:
    if configfile.is_required(setting):
        return "needed"
    default = setting.default if setting.default is not MISSING else setting.default_factory()  # type: ignore[misc]
    return "" if is_dataclass(default) else f"`{default!r}`"


def _attribute_docs(kind: type) -> dict[str, str]:
    """Return the strings that stand below a class's attributes."""
    import ast

    body = ast.parse(inspect.getsource(kind)).body[0].body  # type: ignore[attr-defined]
    found = {}
    for above, below in itertools.pairwise(body):
        if isinstance(above, ast.AnnAssign) and isinstance(below, ast.Expr):
            found[above.target.id] = " ".join(ast.literal_eval(below.value).split())  # type: ignore[union-attr]
    return found


def event_columns() -> Iterator[str]:
    """Tables and columns, node and edge types."""
    yield "# Event columns and graph schema\n"
    for table, columns in MARKETPLACE.tables.items():
        yield f"## {table}\n"
        yield "| column | type | required | |"
        yield "|---|---|---|---|"
        for name, column in columns.items():
            required = "yes" if column.required else ""
            if column.required_for:
                required = "for " + ", ".join(column.required_for)
            kind = column.type + (f" ≥ {column.minimum:g}" if column.minimum is not None else "")
            yield f"| `{name}` | {kind} | {required} | {column.doc.replace('|', 'or')} |"
        yield ""
    yield "## Node types\n"
    yield "| node | label in Neo4j | named by |"
    yield "|---|---|---|"
    for node in MARKETPLACE.nodes.values():
        yield f"| {node.name} | `{node.label}` | `{node.key}` |"
    yield "\n## Edge types\n"
    yield "| edge | tie in Neo4j | made by |"
    yield "|---|---|---|"
    for edge in MARKETPLACE.edges:
        yield f"| {' – '.join(edge.type)} | `{edge.tie}` | {', '.join(edge.kinds or ['every kind'])} |"


def error_tree() -> Iterator[str]:
    """The tree of errors."""
    yield "# Errors\n"
    yield inspect.getdoc(errors).replace("::\n", "```", 1) + "\n```"  # type: ignore[union-attr]


def _module_doc(module: ModuleType, title: str) -> Iterator[str]:
    yield f"# {title}\n"
    yield f"{inspect.getdoc(module)}\n"
    for name, value in vars(module).items():
        if name.startswith("_") or not callable(value):
            continue
        if getattr(value, "__module__", "") == module.__name__:
            yield from _entry(name, value)


def _entry(name: str, value: Callable[..., object]) -> Iterator[str]:
    kind = "" if inspect.isclass(value) else str(inspect.signature(value))
    yield f"## {name}\n"
    if kind:
        yield f"```python\n{name}{kind}\n```\n"
    yield f"```text\n{inspect.getdoc(value)}\n```\n"


def metrics() -> Iterator[str]:
    """Ring metrics, then those of scores and of lists."""
    yield from _module_doc(importlib.import_module("graphml.rings.metrics"), "Metrics")
    yield from _module_doc(importlib.import_module("graphml.training.metrics"), "Metrics of models")


def aggregates() -> Iterator[str]:
    """Every aggregate with its definition."""
    from graphml.tabular.aggregates import aggregates_table

    yield "# Aggregates\n"
    yield "Named numbers about a member as of a moment, and (`order_…`) about an order or review before it is"
    yield 'placed. Nothing later than the moment shows in any of them; "by then" is by that moment, inclusive.\n'
    yield aggregates_table()


def python() -> Iterator[str]:
    """The public names of the package."""
    yield "# Python\n"
    yield f"{inspect.getdoc(graphml)}\n"
    for name in sorted(graphml.__all__):
        value = getattr(graphml, name)
        if callable(value):
            yield from _entry(name, value)


def statements() -> Iterator[str]:
    """Every Cypher statement with its header."""
    yield "# Cypher statements\n"
    for path in sorted(data_folder("cypher").rglob("*.cypher")):
        name = path.relative_to(data_folder("cypher")).with_suffix("").as_posix()
        yield f"## {name}\n\n```cypher\n{path.read_text(encoding='utf-8').strip()}\n```\n"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "command-line": command_line,
    "configuration": configuration,
    "event-columns": event_columns,
    "errors": error_tree,
    "metrics": metrics,
    "aggregates": aggregates,
    "python": python,
    "cypher": statements,
}


def page(name: str) -> str:
    """Return the text of one reference page."""
    return _GENERATED + "\n".join(PAGES[name]()).rstrip() + "\n"


def demo_block() -> str:
    """Return what ``make demo`` prints, run here and now in an empty folder."""
    command = [str(Path(sys.executable).parent / "graphml"), "demo", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    shown = done.stdout.rstrip().replace(command[0], ".venv/bin/graphml")
    return f"```console\n$ make demo\n{shown}\n```\n"


def with_block(readme: str, name: str, block: str) -> str:
    """Return the README with what stands between ``<!-- name: … -->`` and ``<!-- /name -->`` replaced."""
    return re.sub(
        rf"(<!-- {name}:.*?-->\n).*?(<!-- /{name} -->)",
        lambda m: m[1] + block + m[2],
        readme,
        flags=re.DOTALL,
    )


def figures_block() -> str:
    """Return the README's figures, read from the tables under docs/benchmarks."""
    rows = ["| data | measure | graphml | beside it | made by |", "|---|---|---|---|---|"]
    for style in ("default", "hard"):
        found = _table("rings", f"Found on {style}")
        ours, best = found[0], max(found[1:], key=lambda row: float(row["pair F1"]))
        about = f"made-up marketplace, {style}, 100,000 members, five seeds unseen while building"
        rows += [
            _row(about, "pairwise F1 of rings, no label used; mean (lowest–highest)", ours["pair F1"],
                 f"{best['pair F1']} ({best['method']})", "rings"),
            _row("", "rings recovered at Jaccard ≥ .5", ours["recovered"], best["recovered"], "rings"),
            _row("", "benign members flagged per 1,000", ours["benign per 1,000"],
                 best["benign per 1,000"], "rings"),
        ]  # fmt: skip
    for style in ("grocery", "fashion", "electronics"):
        found = _table("rings", f"Found on {style}")
        best = max(found[1:], key=lambda row: float(row["pair F1"]))
        about = f"another maker's marketplace, {style}, 20,000 members, two seeds"
        rows.append(
            _row(about, "pairwise F1 of rings", found[0]["pair F1"],
                 f"{best['pair F1']} ({best['method']})", "rings")
        )  # fmt: skip
    for style in ("default", "hard"):
        found = {row["method"]: row for row in _table("fraud", f"On {style}")}
        risk = {
            row["scores"]: row
            for row in _table("risk", f"Rings on {style}, without and with scores")
        }
        orders = {row["method"]: row for row in _table("orders", f"On {style}")}
        about = f"made-up marketplace, {style}, 20,000 members, five seeds unseen while building"
        precision = "average precision"
        rows += [
            _row(about, "average precision of fraudulent members, some 95 accused to learn from",
                 found["blend"][precision], f"{found['aggregates'][precision]} (trees on aggregates)", "fraud"),
            _row("", "average precision of fraudulent orders of four weeks", orders["blend"][precision],
                 f"{orders['aggregates'][precision]} (trees on aggregates)", "orders"),
            _row("", "pairwise F1 of rings with a model's scores", risk["with"]["pair F1"],
                 f"{risk['without']['pair F1']} (without)", "risk"),
        ]  # fmt: skip
    for case in _table("ecommerce_fraud", "Rings on ecommerce-fraud"):
        when, options = case["as of"].split(", ")
        if options == "default options":
            rows.append(
                _row(f"ecommerce-fraud, as of {when}", "precision / recall of whom rings flag",
                     case["graphml"], f"{case['device shared by 2']} (device shared by 2)",
                     "ecommerce_fraud")
            )  # fmt: skip
    for size in _table("load", "From events to rings: time and memory by size")[1:]:
        rows.append(
            _row(f"{size['events']} events, two cores", "load, then detect-rings",
                 f"{size['load, s']} s, {size['detect-rings, s']} s",
                 f"peak {size['load, peak MB']} and {size['detect-rings, peak MB']} MB", "load")
        )  # fmt: skip
    for case in _table("neo4j", "Neo4j beside a naive driver loop")[:2]:
        rows.append(
            _row("Neo4j Community, 200,000 events", case[""], f"{case['ratio']} × as fast",
                 "naive driver loop", "neo4j")
        )  # fmt: skip
    return "\n".join([*rows, *_lists_and_behaviour()]) + "\n"


def _lists_and_behaviour() -> Iterator[str]:
    for shop in ("uci-online-retail", "complete-journey"):
        first, *others = _table("recommend", f"On {shop}")
        best = max(others, key=lambda row: row["NDCG@20"])
        yield _row(
            f"{shop}, the last four weeks", "NDCG@20 of lists, all products ranked",
            first["NDCG@20"], f"{best['NDCG@20']} ({best['method']})", "recommend",
        )  # fmt: skip
        for target in ("purchase", "churn"):
            rows = [row for row in _table("propensity", f"On {shop}") if row["target"] == target]
            yield _row(
                "", f"AUROC of {target} within four weeks, by member", rows[0]["AUROC"],
                f"{rows[-1]['AUROC']} ({rows[-1]['method']})", "propensity",
            )  # fmt: skip
    ours, theirs = (
        next(row for row in _table("gowalla", "Recommendation on Gowalla") if row["method"] == name)
        for name in ("graphml's filter", "ChebyCF (Kim et al. 2025), published")
    )
    yield _row(
        "gowalla, LightGCN's split", "Recall@20, NDCG@20 of the linear filter",
        f"{ours['Recall@20'].split()[0]}, {ours['NDCG@20'].split()[0]}",
        f"{theirs['Recall@20']}, {theirs['NDCG@20']} (ChebyCF, published)", "gowalla",
    )  # fmt: skip
    (speed,) = _table("serving", "How fast lists come")
    yield _row(
        "100,000 members and products, two cores", "one member's list, p99; everybody's",
        f"{speed['p99, ms']} ms; {speed['members a second']} members/s",
        f"peak {speed['peak MB']} MB", "serving",
    )  # fmt: skip


def _row(about: str, measure: str, ours: str, other: str, benchmark: str) -> str:
    command = f"[`benchmarks.{benchmark}`](docs/benchmarks/{benchmark}.md)"
    return f"| {about} | {measure} | {ours} | {other} | {command} |"


def _table(page: str, title: str) -> list[dict[str, str]]:
    """Return the rows of one table under docs/benchmarks, by heading."""
    text = (Path(__file__).parent / "benchmarks" / f"{page}.md").read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text, flags=re.MULTILINE)
    lines = next(s for s in section if s.startswith(title + "\n")).splitlines()
    grid = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    return [dict(zip(grid[0], row, strict=True)) for row in grid[2:]]


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for each in PAGES:
        (REFERENCE / f"{each}.md").write_text(page(each), encoding="utf-8")
    if "--readme" in sys.argv:
        file = Path(__file__).parent.parent / "README.md"
        readme = with_block(file.read_text("utf-8"), "demo", demo_block())
        file.write_text(with_block(readme, "figures", figures_block()), encoding="utf-8")
