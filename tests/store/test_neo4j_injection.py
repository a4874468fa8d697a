"""Data stays data: ids, names of features and texts enter Neo4j as parameters, schema names as parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graphml.errors import GraphmlError
from graphml.results import Decision, Recommendation, Ring, RingMember, Scores
from graphml.schema import MARKETPLACE
from graphml.store.cypher import data_folder, statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_owners import Owner, Owners, is_quoted, quoted
from graphml.store.neo4j_session import Connection, _names, fill
from tests.contract.rows import LATER, at, event, tables

HOSTILE = (
    "') DETACH DELETE n //",
    "'}) MATCH (n) DETACH DELETE n //",
    '"}) MATCH (n) DETACH DELETE n //',
    "` SET n.owned = true //",
    "``",
    "\\u0027 OR true //",
    "\\u0060) DETACH DELETE n //",
    "\\",
    "\\'",
    "$key $keys $rows $run_id",
    "__KEY__ __LABEL__ __SLOT__ __TEXT__",
    "{key: 1}} ${x} {0} %s",
    "a\nMATCH (n) DETACH DELETE n\n//",
    "*/ DETACH DELETE n /*",
    "CALL hostile.plant('x')",
    "\x1f\x1e\x1d",
    "=",
    "null",
)


@pytest.fixture
def store(neo4j_url: str) -> Iterator[Neo4jStore]:
    with Neo4jStore(neo4j_url) as opened:
        yield opened


def loaded(store: Neo4jStore) -> None:
    """Load an event, a label and a link for each hostile text, with it in every id."""
    keys = [c for c in MARKETPLACE.tables["events"] if c.endswith("_id") or c in ("ip", "card")]
    store.write_tables(
        tables(
            [
                event(f"{text} {i}", i, text, "purchase", **dict.fromkeys(set(keys) - {"event_id", "member_id"}, text))
                for i, text in enumerate(HOSTILE)
            ],
            products=[{"product_id": text, "category": text} for text in HOSTILE],
            labels=[
                {"member_id": text, "order_id": text, "label": 1, "known_at": at(0)}
                for text in HOSTILE
            ],
            links=[
                {"member_id": text, "other_member_id": text, "kind": text, "time": at(0)}
                for text in HOSTILE
            ],
        )
    )  # fmt: skip


def ids(store: Neo4jStore, label: str, key: str) -> list[str]:
    rows = store._connection.read(f"MATCH (n:{label}) RETURN n.{key} AS id")
    return sorted(row["id"] for row in rows)


@pytest.mark.neo4j
def test_hostile_ids_come_back_through_every_call_and_harm_nothing(store: Neo4jStore) -> None:
    loaded(store)
    whole = store._connection.read("MATCH (n) RETURN count(n) AS n")
    for name in ("member", "product", "device", "ip", "card"):
        node = MARKETPLACE.nodes[name]
        if node.key in MARKETPLACE.tables["events"] and ids(store, node.label, node.key):
            assert ids(store, node.label, node.key) == sorted(HOSTILE), name
    for i, text in enumerate(HOSTILE):
        around = store.neighborhood("member", text, hops=1, as_of=LATER)
        assert around.events["event_id"].to_list() == [f"{text} {i}"]
        assert around.labels["order_id"].to_list() == [text]
        assert around.links["kind"].to_list() == [text]
        around = store.neighborhood("product", text, hops=2, as_of=LATER)
        assert around.products["category"].to_list() == [text]
    assert store._connection.read("MATCH (n) RETURN count(n) AS n") == whole
    assert store._connection.read("MATCH (n) WHERE n.owned RETURN n") == []


def ring(text: str) -> Ring:
    return Ring(
        ring_id=text,
        kind="device_farm",
        status="new",
        score=0.5,
        score_kind="rank",
        members=(RingMember(member_id=text, score=0.5, role="core"),),
        shared=(),
        amount_gross=1.0,
        amount_net=1.0,
        currency=text,
        first=at(0),
        last=at(1),
        as_of=at(2),
        model=text,
        evidence=(),
        counter_evidence=(),
    )


@pytest.mark.neo4j
def test_hostile_ids_come_back_through_results(store: Neo4jStore) -> None:
    loaded(store)
    scores = Scores(
        unit="member",
        ids=HOSTILE,
        values=tuple(i / len(HOSTILE) for i in range(len(HOSTILE))),
        score_kind="rank",
        as_of=at(2),
        model="`'\"",
    )
    lists = [Recommendation(member_id=text, product_id=text, rank=1, score=0.5) for text in HOSTILE]
    rings = [ring(text) for text in HOSTILE]
    decisions = [
        Decision(
            unit="ring", id=text, verdict="confirm", reason=text, by=text, time=at(i), members=(text,)
        )
        for i, text in enumerate(HOSTILE)
    ]  # fmt: skip
    store.publish("fraud", [scores], model=HOSTILE[0], as_of=at(2))
    store.publish("recommend", [lists], model=HOSTILE[1], as_of=at(2))
    store.publish("rings", [rings], model=HOSTILE[2], as_of=at(2))
    for decision in decisions:
        store.write_decision(decision)
    shown = store.cypher(statement("neo4j/read_scores"), {})
    assert dict(shown.select("member_id", "score").rows()) == dict(
        zip(scores.ids, scores.values, strict=True)
    )
    for text in HOSTILE:
        rows = store.cypher(statement("neo4j/read_recommendations"), {"member_id": text})
        assert rows["product_id"].to_list() == [text]
    assert sorted(store.read_recommendations(), key=repr) == sorted(lists, key=repr)
    assert sorted(store.read_rings(), key=repr) == sorted(rings, key=repr)
    assert store.decisions(LATER) == decisions
    assert {run.model for run in store.runs()} == set(HOSTILE[:3])
    assert ids(store, "Member", "member_id") == sorted(HOSTILE)


FEATURES = (
    "`",
    "`) SET n.owned = true //",
    "__KEY__",
    "__PROPERTIES__ __TEXT__",
    "{x}}",
    "$rows",
    "\\u0060",
    "a\nb",
    "'\"",
    "features",
    "\x1f",
    "fields[0]",
)


@pytest.mark.neo4j
def test_features_may_be_called_anything_at_once(store: Neo4jStore) -> None:
    values: dict[str, Any] = {name: float(i) for i, name in enumerate(FEATURES)}
    texts = {f"{name}!": name for name in FEATURES}
    batch = tables(
        members=[{"member_id": "m-1", "signup_time": at(0), **values, **texts}],
        products=[{"product_id": "p-1", **values}],
    )
    store.write_tables(batch)
    row = store.read_tables(LATER).members.to_dicts()[0]
    assert {name: row[name] for name in (*values, *texts)} == {**values, **texts}
    stored = store.stored_rows("products")
    assert {name: stored[name].to_list() for name in values} == {n: [v] for n, v in values.items()}
    assert store.write_tables(batch).repeats == 2
    keys = store._connection.read("MATCH (n) UNWIND keys(n) AS key RETURN DISTINCT key")
    assert not {row["key"] for row in keys} & (set(values) - {"features"})


PARTS = ("LABEL", "KEY", "RECORD", "RELATION", "SLOT", "TIE")


@settings(deadline=None)
@given(part=st.sampled_from(PARTS), name=st.text())
@example(part="LABEL", name="Member) DETACH DELETE (n")
@example(part="LABEL", name="`a``b`")
@example(part="KEY", name="`a`.b`")
@example(part="KEY", name="`a\\u0060`")
@example(part="KEY", name="member_id\n")
@example(part="TIE", name="__KEY__")
def test_no_other_name_is_filled_in(part: str, name: str) -> None:
    if name in _names() or is_quoted(name):
        assert "`" not in name[1:-1]
        return
    with pytest.raises(ValueError, match="no label, relationship type or key"):
        fill("create_nodes", **{"LABEL": "Member", "KEY": "member_id", part: name})


NAMES = st.text(
    st.sampled_from("`\\_'\"\n\r\x00\x1f\x85 ab)(}{$/*:.é\u2028") | st.characters(), max_size=20
)


@settings(deadline=None)
@given(name=NAMES)
def test_a_name_between_backticks_ends_only_at_the_last(name: str) -> None:
    try:
        text = quoted(name)
    except GraphmlError:
        assert not name or re.search(r"[`\\\x00-\x1f\x7f-\x9f\ud800-\udfff]", name)
        return
    assert text == f"`{name}`"
    assert not set(name) & set("`\\\n\r")


@settings(deadline=None)
@given(names=st.lists(st.sampled_from(["__KEY__", "__LABEL__", "__MEMBER_KEY__", "x", "a b"]), min_size=2, max_size=2))  # fmt: skip
def test_a_name_that_looks_like_a_part_is_no_part(names: list[str]) -> None:
    label, key = map(quoted, names)
    text = fill("create_nodes", LABEL=label, KEY=key)
    assert text.splitlines()[-1] == f"CREATE (:{label} {{{key}: key}})"


@pytest.mark.neo4j
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    name=NAMES.filter(
        lambda n: not re.search(r"[`\\\x00-\x1f\x7f-\x9f\ud800-\udfff]", n) and bool(n)
    )
)
def test_the_server_reads_a_quoted_name_as_it_was(name: str, session_store: Neo4jStore) -> None:
    row = session_store._connection.read(f"WITH {{{quoted(name)}: 1}} AS map RETURN keys(map) AS k")
    assert row == [{"k": [name]}]


@pytest.fixture(scope="module")
def session_store(neo4j_server: Any) -> Iterator[Neo4jStore]:
    with Neo4jStore(neo4j_server.url, read_only=True) as store:
        yield store


def test_owners_of_a_graph_of_the_users_are_filled_in_whole() -> None:
    hostile = Owners(member=Owner(label=quoted("__MEMBER_KEY__"), key=quoted("__MEMBER__")))
    for file in (data_folder("cypher") / "neo4j").glob("*.cypher"):
        if "__MEMBER__" in file.read_text():
            text = fill(file.stem, **hostile.parts)
            body = "\n".join(line for line in text.splitlines() if not line.startswith("//"))
            assert body.count("`") % 2 == 0
            assert "``" not in body


# How statements are made, by the source itself.

FOLDER = Path(__file__).parents[2] / "graphml" / "store"
MODULES = {file.stem: ast.parse(file.read_text()) for file in sorted(FOLDER.glob("neo4j*.py"))}
WORDS = re.compile(
    r"\b(MATCH|MERGE|CREATE|DELETE|UNWIND|RETURN|FOREACH|LOAD CSV|CALL|SHOW|DROP|REMOVE|YIELD|WITH)\b"
    r"|\b(SET|WHERE) \w+\."
)
WRITERS = {"neo4j_rows", "neo4j_pattern", "neo4j_owners"}
"""Modules that spell fragments of statements: of the schema's columns, and of names in backticks."""


def hints(tree: ast.AST) -> list[ast.expr]:
    """Return the expressions that are given as ``hint``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [word.value for call in calls for word in call.keywords if word.arg == "hint"]


def made(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and constant text of whatever a module makes by f-string, +, %, format or join.

    But for hints, which tell people what to type.
    """
    told = {id(hint) for hint in hints(tree)}
    for node in ast.walk(tree):
        if id(node) in told:
            continue
        if isinstance(node, ast.JoinedStr):
            texts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            texts = [
                side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)
            ]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("format", "join", "replace")
        ):
            parts = [node.func.value, *node.args]
            texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        else:
            continue
        yield node.lineno, " ".join(text for text in texts if isinstance(text, str))


@pytest.mark.parametrize("name", MODULES)
def test_no_module_makes_a_statement_of_data(name: str) -> None:
    found = [(line, text) for line, text in made(MODULES[name]) if WORDS.search(text)]
    assert found == []
    # The investigator's own statement is explained first, and nothing is put into it.
    explained = [text for _, text in made(MODULES[name]) if "EXPLAIN" in text]
    assert explained == (["EXPLAIN "] if name == "neo4j_guard" else [])


def docstrings(tree: ast.AST) -> set[int]:
    """Return the ids of string expressions that stand alone: docstrings."""
    return {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}


@pytest.mark.parametrize("name", sorted(set(MODULES) - WRITERS))
def test_statements_stand_in_files_alone(name: str) -> None:
    tree = MODULES[name]
    alone = docstrings(tree) | {id(n) for hint in hints(tree) for n in ast.walk(hint)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    ]
    # Two capital words and what surrounds names: no message reads so.
    statements = [t for t in texts if re.search(r"\b(MATCH|MERGE|CREATE|UNWIND|CALL)\b.*[({]", t)]
    assert statements == []


@pytest.mark.parametrize("name", MODULES)
def test_only_fill_puts_parts_into_a_statement(name: str) -> None:
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.fullmatch(r"__[A-Z_]+__", node.value), node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            # The text of a statement is taken from its file by fill alone.
            assert node.func.id != "statement" or name == "neo4j_session", node.lineno


FRAGMENTS = ("PROPERTIES", "TEXT", "CHAIN", "IDS")


@pytest.mark.parametrize("name", MODULES)
def test_fragments_come_from_the_modules_that_write_them(name: str) -> None:
    for node in ast.walk(MODULES[name]):
        pairs: list[tuple[str | None, ast.expr]] = []
        if isinstance(node, ast.Call):
            pairs = [(word.arg, word.value) for word in node.keywords]
        elif isinstance(node, ast.Dict):
            keys = [str(key.value) if isinstance(key, ast.Constant) else None for key in node.keys]
            pairs = [*zip(keys, node.values, strict=True)]
        for part, value in pairs:
            if part in FRAGMENTS and name not in WRITERS:
                text = ast.unparse(value)
                assert re.match(r"(row_text|properties)\(record_columns\(|text$", text), text


@pytest.mark.parametrize(
    "file", sorted((data_folder("cypher") / "neo4j").glob("*.cypher")), ids=lambda file: file.stem
)
def test_a_statement_quotes_no_name_of_the_users_and_no_parameter(file: Path) -> None:
    body = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("//"))
    for text in re.findall(r"'[^']*'|\"[^\"]*\"|`[^`]*`", body):
        assert "$" not in text
        for part in re.findall(r"__([A-Z_]+)__", text):
            # Names of the schema may stand there, none that brings quotes of its own.
            for name in ("`x`", "`' OR true OR '`"):
                with pytest.raises(ValueError, match="no label"):
                    fill(file.stem, **{part: name})


@pytest.mark.neo4j
def test_whatever_graphml_only_reads_it_reads_in_sessions_that_may_only_read(
    store: Neo4jStore, neo4j_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(store)
    batch = tables([event("new", 0, "m-1")])
    opened: list[str] = []
    session = Connection.session

    def noted(self: Connection, access: str) -> Any:
        opened.append(access)
        return session(self, access)

    monkeypatch.setattr(Connection, "session", noted)
    with Neo4jStore(neo4j_url) as reader:
        reader.summary()
        reader.read_tables(LATER)
        reader.stored_rows("events")
        reader.neighborhood("member", HOSTILE[0], as_of=LATER)
        reader.preview_tables(batch)
        reader.runs()
        reader.read_rings()
        reader.read_recommendations()
        reader.decisions(LATER)
        reader.about()
        reader.cypher("RETURN 1 AS x", {})
    assert len(opened) > 15
    assert set(opened) == {"READ"}
