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
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import typer
from typer._click.core import Command

import graphml
from graphml import config, errors
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
    for section, kind in (("simulate", config.SimulateConfig), ("rings", config.RingConfig)):
        yield f"## [{section}]\n"
        yield f"{inspect.getdoc(kind)}\n"
        yield "| setting | type | default | |"
        yield "|---|---|---|---|"
        said = _attribute_docs(kind)
        for item in fields(kind):
            kind_name = str(item.type).replace("|", "or")
            yield f"| `{item.name}` | {kind_name} | `{item.default!r}` | {said.get(item.name, '')} |"
        yield ""


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
    """Ring metrics."""
    return _module_doc(importlib.import_module("graphml.rings.metrics"), "Metrics")


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


def with_demo(readme: str, block: str) -> str:
    """Return the README with its demo block replaced."""
    return re.sub(
        r"(<!-- demo:.*?-->\n).*?(<!-- /demo -->)",
        lambda m: m[1] + block + m[2],
        readme,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for each in PAGES:
        (REFERENCE / f"{each}.md").write_text(page(each), encoding="utf-8")
    if "--readme" in sys.argv:
        readme = Path(__file__).parent.parent / "README.md"
        readme.write_text(with_demo(readme.read_text("utf-8"), demo_block()), encoding="utf-8")
