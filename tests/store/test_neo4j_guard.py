"""What an investigator's statement may do: read, and nothing that a plugin or the server does beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neo4j import READ_ACCESS, GraphDatabase

from graphml.errors import GraphmlError, StorePermissionError
from graphml.store.cypher import statement
from graphml.store.neo4j import Neo4jStore
from graphml.store.neo4j_guard import require_known_calls, require_reading, require_unnamed
from tests.neo4j_server import Server

Count = Callable[[], int]

FUNCTIONS = {"date": True, "date.truncate": True, "size": True, "hostile.planted": False}

CALLS = (
    "CALL hostile.plant('x')",
    "CALL hostile.plant('x') YIELD by RETURN by",
    "RETURN hostile.planted('x') AS x",
    "UNWIND [1] AS i RETURN hostile.gathered(i) AS x",
)
"""What the plugin offers, plainly."""

SPELLINGS = (
    "CALL `hostile`.`plant`('x')",
    "CALL hostile . plant ('x')",
    "call\nhostile\n.\tplant\r\n('x') yield by return by",
    "CALL hostile/* a */./*b*/plant/**/('x')",
    "CALL hostile // a\n . // b\r plant ('x')",
    "CALL h\\u006fstile.plant('x')",
    "CALL \\u0068ostile\\u002eplant('x')",
    "CALL hostile.plant",
    "CYPHER runtime=slotted CALL hostile.plant('x')",
    "CYPHER planner=cost CALL hostile.plant('x') YIELD by RETURN by",
    "CALL { CALL hostile.plant('x') YIELD by RETURN by } RETURN by",
    "RETURN 1 AS x UNION ALL CALL hostile.plant('x') YIELD by RETURN 1 AS x",
    "MATCH (n) OPTIONAL CALL hostile.plant('x') YIELD by RETURN by",
    "RETURN EXISTS { CALL hostile.plant('x') YIELD by RETURN by } AS x",
    "RETURN `hostile`.`planted`('x') AS x",
    "RETURN hostile\u00a0.\u2003planted\x1f('x') AS x",
    "RETURN h\\u006Fstile.planted('x') AS x",
    "RETURN hostile./* \\u002a/planted('x') AS x",
    "RETURN '' /* ' */ + hostile.planted('x') /* ' */ AS x",
    "RETURN \"\\\"\" + hostile.planted('x') + '\\'' AS x",
    "RETURN '\\\\' + hostile.planted('\\\\') AS x",
    "WITH 1 AS `'` RETURN hostile.planted('x') AS x, `'`",
    "WITH 1 AS `\\` RETURN hostile.planted('x') AS x, `\\`",
    "WITH 1 AS `a``'` RETURN hostile.planted('x') AS x, `a``'`",
    "WITH 1 AS call RETURN call, hostile.planted('x') AS x",
    "// '\rRETURN hostile.planted('x') AS x",
    "// '\nRETURN hostile.planted('x') AS x",
    "// \u2028 '\nRETURN hostile.planted('x') AS x",
    "/* // */ RETURN hostile.planted('x') AS x",
    "/* /* */ RETURN hostile.planted('x') AS x",
    "RETURN '//' + hostile.planted('x') AS x",
    "RETURN '/*' + hostile.planted('x') + '*/' AS x",
    "MATCH (n) RETURN n LIMIT size(hostile.planted('x'))",
    "MATCH (n) RETURN n SKIP toInteger(hostile.planted('x'))",
    "MATCH (n) WHERE n.x = hostile.planted('x') RETURN n",
    "MATCH (n {x: hostile.planted('x')}) RETURN n",
    "MATCH (n) RETURN n {.*, x: hostile.planted('x')} AS x",
    "MATCH (n:$(hostile.planted('x'))) RETURN n",
    "MATCH (n) RETURN n ORDER BY hostile.planted('x')",
    "MATCH (n) WHERE elementId(n) = hostile.planted('x') RETURN n",
    "MATCH (a)((x)-->(y) WHERE hostile.planted('x') = 'x'){1,3}(b) RETURN a",
    "RETURN [x IN [1] | hostile.planted('x')] AS x",
    "RETURN reduce(a = '', i IN [1] | a + hostile.planted('x')) AS x",
    "RETURN COUNT { MATCH (n) WHERE hostile.planted('x') = 'x' } AS x",
    "RETURN COLLECT { MATCH (n) RETURN hostile.planted('x') } AS x",
    "RETURN CASE WHEN true THEN hostile.planted('x') END AS x",
    "CALL db.index.fulltext.queryNodes(hostile.planted('x'), 'x')",
    "SHOW FUNCTIONS YIELD name WHERE name = hostile.planted('x') RETURN name",
    "SHOW TRANSACTIONS hostile.planted('x')",
    "LOAD CSV FROM hostile.planted('x') AS row RETURN row",
    "UNWIND [1] AS i RETURN percentileCont(i, size(hostile.planted('x')) / 1.0) AS x",
)  # fmt: skip

REFUSED = (
    "CREATE (:Planted)",
    "MATCH (n) DETACH DELETE n",
    "FOREACH (i IN [1] | CREATE (:Planted))",
    "MATCH (n) CALL (n) { CREATE (:Planted) } IN TRANSACTIONS",
    "UNWIND [1] AS i CALL (i) { RETURN 1 AS x } IN TRANSACTIONS RETURN x",
    "CREATE INDEX FOR (n:Planted) ON (n.by)",
    "DROP INDEX nothing IF EXISTS",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "LOAD CSV FROM 'http://169.254.169.254/' AS row RETURN row",
    "RETURN EXISTS { LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row } AS x",
    "CALL dbms.listConfig()",
    "CALL dbms.listConfig",
    "CALL dbms.killConnections(['x'])",
    "CALL db.clearQueryCaches()",
    "CALL db.stats.clear('QUERIES')",
    "CALL db.createLabel('Planted')",
    "CALL tx.setMetaData({a: 1})",
    "CALL db.awaitIndexes(1)",
    "SHOW TRANSACTIONS",
    "SHOW TRANSACTIONS YIELD transactionId, currentQuery RETURN *",
    "TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
    "SHOW SETTINGS",
    "SHOW USERS",
    "SHOW DATABASES",
    "SHOW CURRENT USER",
    "CREATE USER planted SET PASSWORD 'planted-planted'",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "USE system SHOW USERS",
    "USE system CALL dbms.components() YIELD name RETURN name",
    "USE system MATCH (n) RETURN n",
    "EXPLAIN RETURN 1 AS x",
    "PROFILE RETURN 1 AS x",
    "explain create (:Planted)",
    "CYPHER PROFILE RETURN 1 AS x",
    "CYPHER PROFILE CREATE (:Planted)",
    "RETURN 1 AS x; CREATE (:Planted)",
    "RETURN 1 AS x; RETURN 2 AS x",
    "",
    ";",
    " // ",
    "RETURN '\\u0041' AS x",
    "RETURN 'a",
    "RETURN unknown.name() AS x",
)  # fmt: skip

ANSWERED = (
    ("RETURN \"hostile.planted('x')\" AS x", "hostile.planted('x')"),
    ("RETURN 'CREATE (n)' AS x", "CREATE (n)"),
    ("// hostile.planted('x')\nRETURN 1 AS x", 1),
    ("/* CALL hostile.plant('x') */ RETURN 1 AS x", 1),
    ("WITH 1 AS `CREATE` RETURN `CREATE` AS x;", 1),
    ("WITH {hostile: {planted: 1}} AS m RETURN m.hostile.planted AS x", 1),
    ("WITH {planted: 1} AS hostile RETURN (hostile.planted) AS x", 1),
    ("WITH 1 AS call RETURN (call) AS x", 1),
    ("CYPHER runtime=slotted RETURN 1 AS x", 1),
    ("USE neo4j RETURN 1 AS x", 1),
    ("RETURN date.truncate('year', date('2024-06-02')).year AS x", 2024),
    ("RETURN duration.inDays(date('2024-06-02'), date('2024-06-04')).days AS x", 2),
    ("RETURN point.distance(point({x: 1, y: 1}), point({x: 1, y: 1})) AS x", 0.0),
    ("CALL db.labels() YIELD label RETURN count(*) >= 0 AS x", True),
    ("CALL `db`.`labels`() YIELD label RETURN count(*) >= 0 AS x", True),
    ("CALL db.schema.nodeTypeProperties() YIELD nodeType RETURN count(*) >= 0 AS x", True),
    ("SHOW INDEXES YIELD name RETURN count(*) >= 0 AS x", True),
    ("UNWIND [1] AS i CALL (i) { RETURN i AS y } RETURN y AS x", 1),
    ("RETURN $x AS x", "'; CALL hostile.plant('x') //"),
)


@pytest.fixture(scope="module")
def guarded(neo4j_server: Server) -> Iterator[Neo4jStore]:
    with Neo4jStore(neo4j_server.url, read_only=True) as store:
        yield store


@pytest.fixture(scope="module")
def planted(neo4j_server: Server) -> Iterator[Count]:
    """How many nodes the plugin has written since that was last asked."""
    account = (neo4j_server.username, neo4j_server.password)
    with GraphDatabase.driver(neo4j_server.url, auth=account) as driver:

        def count() -> int:
            return int(
                driver.execute_query("MATCH (n:Planted) DELETE n RETURN count(*)").records[0][0]
            )

        count()
        if not driver.execute_query("SHOW PROCEDURES YIELD name WHERE name = 'hostile.plant'")[0]:
            pytest.skip("this server has no plugin that writes by itself")
        yield count


@pytest.mark.neo4j
@pytest.mark.parametrize("text", CALLS)
def test_without_the_guard_a_plugin_writes_in_a_session_that_only_reads(
    text: str, guarded: Neo4jStore, planted: Count
) -> None:
    guarded._connection.read(text)
    assert planted() == 1


@pytest.mark.neo4j
def test_with_it_no_spelling_of_the_call_writes(guarded: Neo4jStore, planted: Count) -> None:
    for text in (*CALLS, *SPELLINGS):
        with pytest.raises(StorePermissionError, match=r"the statement is refused: ") as refused:
            guarded.cypher(text, {"by": "x"})
        assert "hostile" in refused.value.message or "\\u" in text, text
        assert "\n" not in refused.value.message
        assert refused.value.hint
        assert planted() == 0, text


@pytest.mark.neo4j
def test_each_spelling_is_one_that_the_server_takes(guarded: Neo4jStore, planted: Count) -> None:
    for text in SPELLINGS:
        guarded._connection.read(f"EXPLAIN {text}", by="x")
    assert planted() == 0


@pytest.mark.neo4j
@pytest.mark.parametrize("text", REFUSED)
def test_what_does_more_than_read_is_one_line(
    text: str, guarded: Neo4jStore, planted: Count
) -> None:
    with pytest.raises(GraphmlError) as refused:
        guarded.cypher(text, {})
    assert "\n" not in refused.value.message
    assert planted() == 0


@pytest.mark.neo4j
@pytest.mark.parametrize(("text", "value"), ANSWERED)
def test_what_only_reads_is_answered(text: str, value: object, guarded: Neo4jStore) -> None:
    rows = guarded.cypher(text, {"x": "'; CALL hostile.plant('x') //"})
    assert rows["x"].to_list() == [value]


@pytest.mark.neo4j
def test_the_statements_for_readers_are_answered(guarded: Neo4jStore) -> None:
    assert guarded.cypher(statement("neo4j/read_scores"), {}).height == 0
    parameters: dict[str, object] = {"member_id": "m-1"}
    assert guarded.cypher(statement("neo4j/read_recommendations"), parameters).height == 0


@pytest.mark.neo4j
def test_a_parameter_is_no_part_of_the_statement(guarded: Neo4jStore, planted: Count) -> None:
    hostile = ("') CALL hostile.plant('x') //", "\\u0027", "`", "$x", "x" * 1000)
    for value in hostile:
        assert guarded.cypher("RETURN $x AS x", {"x": value})["x"].to_list() == [value]
    assert planted() == 0


SPACES = st.lists(
    st.sampled_from(
        [" ", "\n", "\r", "\t", "\x0b", "\x1c", "\u00a0", "\u2028", "\u3000", "/**/", "/* ' */",
         '/* " */', "/* ` */", "/* // */", "// '\n", '// "\r', "// `\n", "// /*\r\n", "// */\n"]
    ),
    max_size=2,
).map("".join)  # fmt: skip
STRINGS = st.sampled_from(
    ["''", '""', "'\\''", '"\\""', "'\\\\'", "'//'", "'/*'", "'*/'", "'`'", '"\'"', "'\"'", "'\\\\\\''"]
)  # fmt: skip
QUOTED = st.sampled_from(["`'`", '`"`', "`//`", "`/*`", "`\\`", "`a``b`", "`''`", "x"])
HOSTILE = st.sampled_from(["hostile", "`hostile`"]), st.sampled_from(["planted", "`planted`"])


@st.composite
def calling(draw: Any) -> str:
    """Draw a statement that calls the plugin amid quotes and comments, most of them well formed."""

    def space() -> str:
        return str(draw(SPACES))

    namespace, name = (draw(part) for part in HOSTILE)
    call = f"{namespace}{space()}.{space()}{name}{space()}({space()}{draw(STRINGS)}{space()})"
    before, after, alias = draw(STRINGS), draw(STRINGS), draw(QUOTED)
    body = draw(
        st.sampled_from(
            [
                f"RETURN{space()} {before}{space()}+{space()}{call}{space()}+{space()}{after} AS x",
                f"WITH {before} AS {alias} RETURN{space()} {call} AS z, {alias}",
                f"WITH 1 AS y{space()} WHERE{space()} {before} <> {call} RETURN{space()} {after} AS x",
                f"UNWIND [{before},{call}] AS {alias} RETURN {alias}",
            ]
        )
    )
    return f"{space()}{body}{space()}"


@pytest.mark.neo4j
@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(text=calling())
def test_no_quote_or_comment_hides_a_call(text: str, guarded: Neo4jStore, planted: Count) -> None:
    with pytest.raises(GraphmlError):
        guarded.cypher(text, {})
    with guarded._connection.session(READ_ACCESS) as session:
        session.run(f"EXPLAIN {text}").consume()  # the server takes it
    assert planted() == 0


PIECES = st.sampled_from(
    [*"'\"`\\/*.(){}$,;=@", "\n", "\r", " ", "//", "/*", "*/", "\\'", "``", "RETURN ", "CALL ", " AS x",
     "hostile", "planted", ".plant", "hostile.planted", "hostile.planted('x')", "hostile.plant('x')",
     "RETURN hostile.planted('x') AS x", "WITH 1 AS ", "\\u0027", "\\u002e", "EXPLAIN ", "CYPHER ", "1"]
)  # fmt: skip


@pytest.mark.neo4j
@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(text=st.lists(PIECES, max_size=9).map("".join))
def test_no_text_at_all_plants_anything(text: str, guarded: Neo4jStore, planted: Count) -> None:
    with suppress(GraphmlError):
        guarded.cypher(text, {"by": "x"})
    assert planted() == 0


@given(text=calling())
@settings(deadline=None)
def test_a_call_is_found_before_the_server_sees_it(text: str) -> None:
    with pytest.raises(StorePermissionError, match=r"it calls hostile\.planted"):
        require_known_calls(text, FUNCTIONS)


@pytest.mark.parametrize(
    "text",
    [
        "RETURN hostil\u0065\u0301.planted('x')",
        "RETURN hostile\x00.planted('x')",
        "RETURN HOSTILE.Planted('x')",
        "RETURN Hostile.`PLANTED` ('x')",
        "RETURN other.planted('x')",
        "RETURN a$b.planted('x')",
        "CALL apoc.periodic.iterate('', '', {})",
        "CALL apoc.cypher.doIt('', {})",
        "CALL db.labels.more()",
        "CALL DB.labels()",
        "RETURN 'open hostile.planted(",
    ],
)
def test_what_the_server_may_not_list_is_refused_too(text: str) -> None:
    if "'open" in text:  # in a string that does not end: the server takes none of it
        require_known_calls(text, FUNCTIONS)
        return
    with pytest.raises(StorePermissionError, match="it calls "):
        require_known_calls(text, FUNCTIONS)


def operator(kind: str, details: str = "", *children: dict[str, Any]) -> dict[str, Any]:
    """Return an operator of a plan, as the driver hands it over."""
    return {"operatorType": kind, "args": {"Details": details}, "children": list(children)}


READ = operator("ProduceResults@neo4j", "x", operator("AllNodesScan@neo4j", "n"))


def test_a_plan_that_only_reads_its_own_database_passes() -> None:
    require_reading("r", READ, "neo4j")
    require_unnamed(READ, ["hostile.planted"])
    labels = operator("ProcedureCall@neo4j", "db.labels() :: (label :: STRING)")
    require_reading("r", operator("Apply@neo4j", "", READ, labels), "neo4j")


@pytest.mark.parametrize(
    ("query_type", "plan", "words"),
    [
        ("r", None, "no plan"),
        ("r", {}, "no plan"),
        ("w", READ, "does more than read"),
        ("rw", READ, "does more than read"),
        ("s", READ, "does more than read"),
        (None, READ, "does more than read"),
        ("r", operator("ProduceResults@fabric", "x", READ), "leaves database neo4j"),
        ("r", operator("Apply@neo4j", "", operator("AllNodesScan@other", "n")), "leaves database"),
        ("r", operator("AllNodesScan", "n"), "leaves database"),
        ("r", operator("Apply@neo4j", "", READ, operator("LoadCSV@neo4j", "r")), "LoadCSV"),
        ("r", operator("ProcedureCall@neo4j", "db.labelsX() :: ()"), "db.labelsX"),
        ("r", operator("ProcedureCall@neo4j", "`db.labels`() :: ()"), "`db.labels`"),
        ("r", {"operatorType": "ProcedureCall@neo4j"}, "it calls "),
        ("r", operator("ShowTransactions@neo4j"), "ShowTransactions"),
        ("r", operator("ShowSomethingNew@neo4j"), "ShowSomethingNew"),
    ],
)
def test_any_other_plan_is_refused(query_type: str | None, plan: Any, words: str) -> None:
    with pytest.raises(StorePermissionError, match=words):
        require_reading(query_type, plan, "neo4j")


def test_a_function_in_a_plan_is_seen_however_it_is_written() -> None:
    for details in ("hostile.planted($x) AS x", "`hostile`.planted(1)", "a + HOSTILE.planted(b)"):
        plan = operator("Apply@neo4j", "", READ, operator("Projection@neo4j", details))
        with pytest.raises(StorePermissionError, match=r"it calls hostile\.planted"):
            require_unnamed(plan, ["hostile.planted"])
