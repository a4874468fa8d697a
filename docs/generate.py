"""Write docs/reference from the code: ``python docs/generate.py``; a test fails when it is stale."""

from __future__ import annotations

import importlib
import inspect
import itertools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
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


_SERVICE = """# REST

What `graphml serve` answers, by route: [serve and explore](../how-to/serve-and-explore.md). `GET /openapi.json` tells programs the same,
to who has a key. JSON in UTF-8, times in ISO 8601 with `Z`, every answer as of a moment that it names. Examples leave out what is null.

- **Who may.** `Authorization: Bearer KEY`, an API key or a token of the issuer. A viewer looks, an analyst decides too, an admin sends
  events too. With `--no-auth` everybody is an admin, from this machine alone.
- **Bodies** are JSON with `Content-Type: application/json`; a field that is not named here is refused.
- **Parameters** that are "any of" may come several times: `?kind=takeover&kind=brushing`; one that is not named here is refused.
- **Ids** may hold anything. In a path they are percent-encoded, slashes too (`%2F`).
- **Pages.** `limit` rows at most, and `next`: the `cursor` of the page after, null at the end. A list that has changed meanwhile refuses
  its old cursors (422); that of cases goes on.
- **ETag.** Answers to GET carry one; sent again as `If-None-Match`, it gets 304 and no body until something has changed.
- **Problems** are `application/problem+json` (RFC 9457): `title`, `status`, `detail`, perhaps a `hint` what to do, and the `request_id`
  that the log has.

Every route but `/health` may end in these, and in what its own section names:
"""


def rest() -> Iterator[str]:
    """Every route of the service, from its OpenAPI description."""
    from graphml.service.app import description

    told = description()
    routes = [
        (method.upper(), path, route)
        for path, methods in told["paths"].items()
        for method, route in methods.items()
    ]
    roles = _roles()
    guarded = [route for method, path, route in routes if roles[method, path]]
    common = set.intersection(*(set(route["responses"]) for route in guarded)) - {"200", "201"}
    yield _SERVICE
    yield "| status | |\n|---|---|"
    for status in sorted(common):
        yield f"| {status} | {guarded[0]['responses'][status]['description']} |"
    yield ""
    shown: dict[str, str] = {}
    for method, path, route in routes:
        yield f"## {method} {path}\n"
        yield " ".join(route["description"].split()).replace("``", "`") + "\n"
        yield f"Who may: {roles[method, path] or 'everybody'}\n"
        yield from _parameters(route.get("parameters", ()))
        yield from _body(route, told["components"]["schemas"])
        yield from _answers(f"{method} {path}", route["responses"], common, shown)


def _roles() -> dict[tuple[str, str], str | None]:
    """Return the least role that each route of the service asks for, ``None`` for none."""
    from graphml.service.app import _PARTS

    found: dict[tuple[str, str], str | None] = {}
    for route in itertools.chain.from_iterable(part.router.routes for part in _PARTS):
        asked = [inspect.getclosurevars(one.call).nonlocals for one in route.dependant.dependencies]
        role = next((one["role"] for one in asked if "role" in one), None)
        found |= {(method, route.path_format): role for method in route.methods}
    return found


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        f"| `{one['name']}` | {one['in']} | {_kind(one['schema'], many='any of')} "
        f"| {_usual(one)} | {_words(one)} |"
        for one in parameters
    ]
    if rows:
        yield "| parameter | in | type | default | |\n|---|---|---|---|---|"
        yield from rows
        yield ""


def _body(route: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    if "requestBody" not in route:
        return
    name = route["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/")[-1]
    schema = schemas[name]
    fields_ = schema["properties"]
    yield f"Body: {schema['description'][:1].lower()}{schema['description'][1:]}\n"
    yield "| field | type | default | |\n|---|---|---|---|"
    for field, kind in fields_.items():
        usual = _usual({"required": field in schema.get("required", ()), "schema": kind})
        yield f"| `{field}` | {_kind(kind)} | {usual} | {_words(kind)} |"
    yield ""
    for example in schema["examples"]:
        yield f"{_json(example)}\n"


def _answers(
    name: str, responses: Mapping[str, Any], common: set[str], shown: dict[str, str]
) -> Iterator[str]:
    """Tell of a route's answers; ``shown`` are examples that stand above, by the route they stand at."""
    good = [status for status in sorted(responses) if status < "300"]
    content = responses[good[0]]["content"]
    told = {kind: _json(one["example"]) for kind, one in content.items() if "example" in one}
    text = next(iter(told.values()), "")
    kinds = "".join(f", `{kind}`" for kind in told or content if list(told) != ["application/json"])
    if text and text in shown:
        above = shown[text]
        slug = re.sub(r"[^\w\- ]", "", above.lower()).replace(" ", "-")
        yield f"Answer: {' or '.join(good)}{kinds}, as at [{above}](#{slug})\n"
    else:
        yield f"Answer: {' or '.join(good)}{kinds}\n"
        if text:
            shown[text] = name
            yield f"{text}\n"
    own = sorted(set(responses) - common - set(good))
    for status in own:
        yield f"- {status}: {responses[status]['description']}"
    if own:
        yield ""


def _kind(schema: Mapping[str, Any], *, many: str = "list of") -> str:
    """Return a type of JSON in words; of a parameter, "any of" is one that may come several times."""
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if many == "list of" or one.get("type") != "null"]
        return " or ".join(_kind(one, many=many) for one in kinds)
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"{many} {_kind(schema['items'])}{_bounds(schema, 'minItems', 'maxItems')}"
    if kind == "string":
        form = "a time" if schema.get("format") == "date-time" else "text"
        return form + _bounds(schema, "minLength", "maxLength")
    return str(kind) + _bounds(schema, "minimum", "maximum")


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> str:
    found = [f"{name} {schema[key]:,.0f}" for name, key in (("from", least), ("to", most)) if key in schema]  # fmt: skip
    return f" ({' '.join(found)})" if found else ""


def _usual(one: Mapping[str, Any]) -> str:
    if one.get("required"):
        return "needed"
    usual = one["schema"].get("default")
    return "" if usual in (None, "") else f"`{json.dumps(usual)}`"


def _words(one: Mapping[str, Any]) -> str:
    return str(one.get("description", "")).replace("|", "or")


def _json(example: Any) -> str:
    """Return an example as a block, a field a line."""
    if not isinstance(example, dict) or not example:
        shown = example if isinstance(example, str) else json.dumps(example, ensure_ascii=False)
        return f"```text\n{shown}\n```"
    lines = (f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in example.items())
    return "```json\n{\n" + ",\n".join(lines) + "\n}\n```"


PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "command-line": command_line,
    "configuration": configuration,
    "event-columns": event_columns,
    "errors": error_tree,
    "metrics": metrics,
    "aggregates": aggregates,
    "python": python,
    "cypher": statements,
    "rest": rest,
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
    return "\n".join([*rows, *_lists_and_behaviour(), *_served()]) + "\n"


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


def _served() -> Iterator[str]:
    """The service and the page."""
    known, unseen, _, events = _table("service", "How fast the service answers")[:4]
    yield _row(
        "made-up marketplace, 20,000 members, two cores", "`POST /score` at 200/s: p50, p99",
        f"{known['p50, ms']} ms, {known['p99, ms']} ms",
        f"an unseen member's event: p99 {unseen['p99, ms']} ms", "service",
    )  # fmt: skip
    yield _row(
        "", "`POST /events`, 100 in each: events/s taken in; p50 of an answer",
        f"{100 * float(events['answered/s'].replace(',', '')):,.0f}/s; {events['p50, ms']} ms",
        "each on the disk and in every later score", "service",
    )  # fmt: skip
    found = {row["what"]: row["measured"] for row in _table("explorer", "How fast the page is")}
    yield _row(
        "a ring of 2,000 nodes and 5,000 edges, Chromium", "main thread's work a frame while panning: median, p95, p99",
        found["main thread's work a frame while panning, median, p95, p99"],
        f"first ring on screen: {found['first ring on screen, median']}", "explorer",
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
