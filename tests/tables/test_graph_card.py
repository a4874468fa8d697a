"""Cards of plain graphs: what they give, and the one line that refuses what does not fit."""

import gzip
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from graphml.errors import CardError, ConfigError, SourceError
from graphml.privacy.pseudonyms import pseudonym
from graphml.schema import MARKETPLACE, plain_schema
from graphml.tables.graphsource import EDGES, read_graph
from graphml.tables.rules import EARLIEST
from graphml.tables.source import read_source
from tests.tables.papers import CARD, CITATIONS, CITES, PAPERS, TIMED, WRITE, WRITES, card, library

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
GOWALLA = Path(__file__).resolve().parents[3] / "shared" / "data" / "gowalla"
PAIRS = """
time = "none"
[files]
known = { path = "known.txt", format = "lists" }
asked = { path = "asked.txt", format = "lists" }
[[nodes]]
type = "user"
[[nodes]]
type = "item"
[[edges]]
type = "user visits item"
from = "known"
split = "train"
[[edges]]
type = "user visits item"
from = "asked"
split = "test"
"""


def ends(frame: pl.DataFrame) -> list[tuple[str, str]]:
    return frame.select("source", "target").rows()


def pairs(folder: Path, known: bytes, asked: bytes, text: str = PAIRS):
    (folder / "known.txt").write_bytes(known)
    (folder / "asked.txt").write_bytes(asked)
    (folder / "pairs.toml").write_text(text, encoding="utf-8")
    return read_graph(folder / "pairs.toml")


def test_a_card_gives_nodes_edges_labels_and_masks(tmp_path):
    source = library(tmp_path)
    assert source.schema == plain_schema(("paper", "author"), (CITES, WRITE))
    assert source.nodes["paper"].to_dict(as_series=False) == {
        "key": ["p-1", "p-2", "p-3", "p-4"],
        "year": [1999.0, 2004.5, None, 2011.0],
        "venue": ["KDD", None, "WWW", "KDD"],
        "abstract": ["On graphs", None, "On rings", "Never cited"],
        "open": [True, False, None, True],
    }
    assert source.nodes["author"].height == 0
    assert ends(source.edges[CITES]) == [
        ("p-2", "p-1"), ("p-3", "p-1"), ("p-3", "p-2"), ("p-1", "p-1"), ("p-3", "p-9"),
    ]  # fmt: skip
    assert source.edges[WRITE].select("source", "target", "amount").rows() == [
        ("ann", "p-1", 0.5),
        ("ann", "p-3", None),
    ]
    assert dict(source.edges[CITES].schema) == EDGES
    assert source.labels is not None
    assert source.labels.node_type == "paper"
    assert source.labels.rows.rows() == [("p-1", 1, None), ("p-2", 0, None), ("p-3", 1, None)]
    assert source.masks is not None
    shown = {part: getattr(source.masks, part).rows() for part in ("train", "valid", "test")}
    assert shown == {"train": [("p-1", 1)], "valid": [("p-2", 0)], "test": [("p-3", 1)]}
    assert source.timeless
    assert source.pairs is None
    assert source.notes == ("paper: edges name 1 nodes that have no row: nothing is known of them",)


def test_time_is_read_and_what_has_none_was_there_always(tmp_path):
    source = library(
        tmp_path,
        TIMED + "[split]\nvalid_from = 2004-01-01T00:00:00Z\ntest_from = '2010-01-01T01:00+01:00'",
    )
    assert not source.timeless
    assert source.edges[CITES]["time"][0] == datetime(2005, 1, 1, tzinfo=UTC)
    assert source.edges[WRITE]["time"].to_list() == [EARLIEST, EARLIEST]
    assert source.cuts == (datetime(2004, 1, 1, tzinfo=UTC), datetime(2010, 1, 1, tzinfo=UTC))
    assert source.notes[1] == ("paper: 1 rows are of nodes without an edge and a time: never there")


def test_a_node_may_have_a_time_and_its_label_another(tmp_path):
    text = TIMED.replace(
        'key = "id"',
        'key = "id"\ntime = { column = "year", format = "%Y" }\nknown_at = { value = "2020-01-01" }',
    ).replace('year = "year"', "")
    papers = PAPERS.replace("2004.5", "2004").replace("p-3,,", "p-3,2010,")
    source = library(tmp_path, text, papers=papers)
    assert source.nodes["paper"]["time"].dt.year().to_list() == [1999, 2004, 2010, 2011]
    assert source.labels is not None
    assert source.labels.rows["known_at"].unique().to_list() == [datetime(2020, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"])
def test_every_format_gives_the_same_edges(tmp_path, suffix):
    rows = pl.DataFrame({"a": ["p-2", 'O\'Br;ien "x" é', "7"], "b": ["p-1", "p-1", "a,b\n c"]})
    path = tmp_path / f"edges{suffix}"
    if suffix == ".parquet":
        rows.write_parquet(path)
    else:
        text = rows.write_csv() if ".csv" in suffix else rows.write_ndjson()
        data = text.encode()
        path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    (tmp_path / "card.toml").write_text(
        f'time = "none"\nfiles.e = "{path.name}"\n[[nodes]]\ntype = "paper"\n'
        '[[edges]]\ntype = "paper cites paper"\nfrom = "e"\ncolumns.source = "a"\ncolumns.target = "b"\n'
    )
    assert ends(read_graph(tmp_path / "card.toml").edges[CITES]) == rows.rows()


def test_a_parquet_file_says_of_what_type_its_columns_are(tmp_path):
    frame = pl.DataFrame(
        {
            "id": [17, 4, 5],
            "x_1": [0.5, float("nan"), None],
            "x_2": [1, 2, 3],
            "zip": ["01234", "5", "6"],
            "new": [True, False, None],
            "seen": pl.Series([datetime(2020, 1, 1, tzinfo=UTC)] * 3),
            "fraud": [True, False, None],
        }
    )
    frame.write_parquet(tmp_path / "papers.parquet")
    text = CARD[: CARD.index("[[edges]]")].replace("papers.csv", "papers.parquet")
    text = text[: text.index("[nodes.columns]")].replace('positive = ["ml"]', 'features = "*"')
    text += (
        '[nodes.columns]\nkey = "id"\nlabel = "fraud"\n'
        + CARD[CARD.index('\n[[nodes]]\ntype = "author"') :]
    )
    source = library(tmp_path, text)
    assert source.nodes["paper"].drop("seen").to_dict(as_series=False) == {
        "key": ["17", "4", "5"],
        "x_1": [0.5, None, None],
        "x_2": [1.0, 2.0, 3.0],
        "zip": ["01234", "5", "6"],
        "new": [True, False, None],
    }
    assert source.nodes["paper"]["seen"].dtype.is_temporal()
    assert source.labels is not None
    assert source.labels.rows["y"].to_list() == [1, 0]


def test_features_are_named_by_patterns_and_no_label_is_among_them(tmp_path):
    text = CARD.replace('positive = ["ml"]', 'positive = ["ml"]\nfeatures = ["*"]')
    for mapped in ("year", "venue", "abstract"):
        text = text.replace(f'{mapped} = "{mapped}"\n', "")
    assert library(tmp_path, text).nodes["paper"].columns == [
        "key", "open", "year", "venue", "abstract",
    ]  # fmt: skip


def test_the_language_of_cards_holds_for_graphs_too(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAPHML_PSEUDONYM_KEY", "k" * 32)
    text = (
        CARD.replace(
            'from = "papers"',
            "from = \"papers\"\njoin = [{ file = 'writes', on = { id = 'what' } }]",
        )
        .replace('year = "year"', "since = { formula = 'year - 1990' }\nby = 'who'")
        .replace('venue = "venue"', 'venue = { column = "venue", map = { KDD = "1" } }')
        .replace('abstract = "abstract"', 'both = { text = "{venue}:{open}" }')
        .replace('source = "who"', 'source = { column = "who", pseudonym = true }')
        .replace("by = 'who'", "by = { column = 'who', pseudonym = true }")
        .replace(
            '"citations.csv", delimiter = ";"',
            '"citations.csv", delimiter = ";", skip = "cited == \'p-9\'"',
        )
    )
    source = library(tmp_path, text)
    ann = pseudonym("ann", b"k" * 32)
    papers = source.nodes["paper"]
    assert papers["since"].to_list() == [9.0, 14.5, None, 21.0]
    assert papers["by"].to_list() == [ann, None, ann, None]
    assert papers["venue"].to_list() == ["1", None, "WWW", "1"]
    assert papers["both"].to_list() == ["KDD:yes", ":no", "WWW:", "KDD:yes"]
    assert source.edges[WRITE]["source"].to_list() == [ann, ann]
    assert source.notes == ("citations.csv: 1 rows skipped, as the card says",)
    monkeypatch.delenv("GRAPHML_PSEUDONYM_KEY")
    with pytest.raises(ConfigError):
        library(tmp_path, text)


def test_lists_of_pairs_are_edges_to_learn_from_and_pairs_to_predict(tmp_path):
    source = pairs(tmp_path, b"7 1 12\n\n3 1 \r\n4\n", b"3 12\n7\t5\n7 1")
    assert source.pairs is not None
    assert source.pairs.edge_type == ("user", "visits", "item")
    assert ends(source.pairs.train) == [("7", "1"), ("7", "12"), ("3", "1")]
    assert ends(source.pairs.test) == [("3", "12"), ("7", "5"), ("7", "1")]
    assert source.pairs.valid.height == 0
    assert ends(source.edges["user", "visits", "item"]) == ends(source.pairs.train)
    assert source.notes == ("user visits item: 1 pairs of test are in train too",)


def test_a_matrix_holds_the_pairs_of_its_cells(tmp_path):
    matrix = sparse.csr_array(np.array([[0, 2, 0], [1, 0, 0]]))
    for name, made in (("known", matrix), ("asked", matrix.tocsc()[:, [0, 2]].tocoo())):
        sparse.save_npz(tmp_path / f"{name}.npz", made)
    text = PAIRS.replace(".txt", ".npz").replace("lists", "npz")
    text += 'columns.rating = "value"\n'
    source = pairs(tmp_path, b"", b"", text)
    assert source.pairs is not None
    assert ends(source.pairs.train) == [("0", "1"), ("1", "0")]
    assert ends(source.pairs.test) == [("1", "0")]


def test_pairs_may_stand_in_any_table_and_keep_their_time(tmp_path):
    text = TIMED + (
        '[[edges]]\ntype = "paper cites paper"\nfrom = "more"\nsplit = "test"\n'
        "[edges.columns]\ntime = { value = '2020-01-01' }\n"
    )
    text = text.replace("[files]", '[files]\nmore = "more.csv"')
    (tmp_path / "more.csv").write_text("source,target\np-4,p-1\n")
    source = library(tmp_path, text)
    assert source.pairs is not None
    assert source.pairs.train.height == 0
    assert source.pairs.test.rows() == [("p-4", "p-1", datetime(2020, 1, 1, tzinfo=UTC))]
    assert source.edges[CITES].height == 5


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6
).filter(lambda name: name.strip())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(NAMES, NAMES), max_size=8), form=st.sampled_from(["parquet", "jsonl"])
)
def test_edges_are_those_of_the_file_whatever_the_ids(tmp_path, rows, form):
    frame = pl.DataFrame(rows, schema={"source": pl.String, "target": pl.String}, orient="row")
    if form == "parquet":
        frame.write_parquet(tmp_path / "e.parquet")
    else:
        lines = [json.dumps({"source": a, "target": b}) for a, b in rows]
        (tmp_path / "e.jsonl").write_text("\n".join(lines))
    (tmp_path / "c.toml").write_text(
        f'time = "none"\nfiles.e = "e.{form}"\n[[nodes]]\ntype = "n"\n[[edges]]\ntype = "n to n"\nfrom = "e"'
    )
    assert ends(read_graph(tmp_path / "c.toml").edges["n", "to", "n"]) == rows


IDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(IDS, min_size=1, max_size=5), max_size=6))
def test_lists_are_read_as_by_hand(tmp_path, lines):
    text = "\n".join(" ".join(ids) for ids in lines)
    source = pairs(tmp_path, text.encode(), b"u i")
    assert source.pairs is not None
    assert ends(source.pairs.train) == [(ids[0], target) for ids in lines for target in ids[1:]]


BAD_CARDS = {
    "unknown key 'edge'; known: .* nodes, edges, split": ('name = "library"', "edge = 1"),
    r"\[\[nodes\]\] 1: unknown key 'label'; known: type, from": ('from = "papers"', 'from = "papers"\nlabel = "class"'),
    r"\(paper\) columns|paper\): no column key": ('key = "id"', ""),
    "'weight'; known: source, target, time, amount": ('amount = "share"', 'weight = "share"'),
    "no node type 'papr'; known: paper, author": ("paper cites paper", "paper cites papr"),
    "type needs three words": ("paper cites paper", "cites"),
    "'a.b' is no name": ("paper cites paper", "paper a.b paper"),
    "'rev_cites' is no name": ("paper cites paper", "paper rev_cites paper"),
    "'other_x' is no name": ('type = "author"', 'type = "other_x"'),
    "no name for a type": ('type = "author"', f'type = "{"a" * 61}"'),
    "no type": ('type = "author"', ""),
    "the name of a record's column": ('type = "author"', 'type = "amount"'),
    "two .* blocks of type paper": ('type = "author"', 'type = "paper"'),
    "positive without from": ('from = "papers"', ""),
    "names the file 'paperz'; known: papers, citations, writes": ('from = "papers"', 'from = "paperz"'),
    "papers.csv has no column|no column 'yer'": ('year = "year"', 'year = "yer"'),
    "fits no further column": ('positive = ["ml"]', 'positive = ["ml"]\nfeatures = "x_*"'),
    "positive 'nlp' is the label of no row": ('["ml"]', '["ml", "nlp"]'),
    "train without label": ('label = "class"', ""),
    "no feature can be named 'node'": ('year = "year"', 'node = "year"'),
    "no feature can be named '_x'": ('year = "year"', '_x = "year"'),
    "type is 'int'; it needs one of": ('type = "boolean"', 'type = "int"'),
    "unknown key 'type'": ('key = "id"', 'key = { column = "id", type = "text" }'),
    "time speaks of time, but the card says": ('target = "cited"', 'target = "cited"\ntime = "when"'),
    "static speaks of time": ('from = "writes"', 'from = "writes"\nstatic = true'),
    r"\[split\] speaks of time": ("[files]", "[split]\nvalid_from = 1\n[files]"),
    "split is 'holdout'; it needs one of train, valid, test": ('from = "writes"', 'from = "writes"\nsplit = "holdout"'),
    "format is 'xls'; it needs one of csv, jsonl, parquet, lists, npz": ('delimiter = ";"', 'format = "xls"'),
    "joins a file twice": ('from = "papers"', "from = 'papers'\njoin = { file = 'papers', on = 'id' }"),
}  # fmt: skip


@pytest.mark.parametrize("told", BAD_CARDS)
def test_a_bad_card_is_one_clear_line(tmp_path, told):
    old, new = BAD_CARDS[told]
    assert old in CARD
    with pytest.raises(CardError, match=told) as caught:
        library(tmp_path, CARD.replace(old, new, 1))
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.message.startswith(("library.toml", "[files."))


BAD_TIMED_CARDS = {
    "paper.: may year change": ("static = true\n[nodes", "[nodes"),
    "no column time": ('time = "when"', ""),
    "both time and static": ('time = "when"', 'time = "when"\n[[edges]]\ntype = "paper a paper"\nfrom = "citations"\nstatic = true\n[edges.columns]\ntime = "when"'),
    "needs valid_from and, later, test_from": ("[files]", "[split]\nvalid_from = 2020-01-01T00:00:00Z\n[files]"),
    "a moment with its zone": ("[files]", "[split]\nvalid_from = 2020-01-01\n[files]"),
    "split stands at paper cites paper and author writes paper": (
        'type = "author writes paper"\n', 'type = "author writes paper"\nsplit = "train"\n[[edges]]\ntype = "paper cites paper"\nsplit = "train"\nstatic = true\n'),
}  # fmt: skip


@pytest.mark.parametrize("told", BAD_TIMED_CARDS)
def test_a_bad_card_with_time_is_one_clear_line(tmp_path, told):
    old, new = BAD_TIMED_CARDS[told]
    assert old in TIMED
    text = TIMED.replace(old, new, 1)
    if "split stands" in told:
        text = TIMED.replace('from = "citations"', 'from = "citations"\nsplit = "test"').replace(
            'from = "writes"', 'from = "writes"\nsplit = "train"'
        )
    with pytest.raises(CardError, match=told) as caught:
        library(tmp_path, text)
    assert caught.value.hint


BAD_FILES = {
    r"papers.csv line 3: key: names another row too, got 'p-1'": {"papers": PAPERS.replace("p-2", "p-1")},
    r"papers.csv line 2: key: missing": {"papers": PAPERS.replace("p-1", " ")},
    r"papers.csv line 4: too few fields, got 'p-3,1' \(1 more rows": {"papers": PAPERS.replace("p-3,", "p-3,1\np-5,2\np-6,")},
    r"papers.csv line 3: open: not true or false, got 'perhaps'": {"papers": PAPERS.replace(",no,", ",perhaps,")},
    r"papers.csv line 2: in more than one of train, valid, test": {"papers": PAPERS.replace("ml,1,0,0", "ml,1,1,0")},
    r"papers.csv line 5: in one of train, valid, test, but without a label": {"papers": PAPERS.replace(",yes,,0", ",yes,,1")},
    r"citations.csv line 3: target: missing": {"citations": CITATIONS.replace("p-3;p-1", "p-3;")},
    r"citations.csv line 2: source: longer than 1000 bytes": {"citations": CITATIONS.replace("p-2;p-1", "x" * 1001 + ";p-1")},
    r"citations.csv: the file is empty": {"citations": ""},
    r"writes.jsonl line 2: not JSON": {"writes": WRITES.replace('{"who": "ann", "what": "p-3"}', '{"who"')},
    r"writes.jsonl line 1: amount: below 0, got '-0.5'": {"writes": WRITES.replace("0.5", "-0.5")},
    r"writes.jsonl line 1: amount: not a number, got 'half'": {"writes": WRITES.replace("0.5", '"half"')},
}  # fmt: skip


@pytest.mark.parametrize("told", BAD_FILES)
def test_a_bad_file_is_one_clear_line(tmp_path, told):
    with pytest.raises(SourceError, match=told) as caught:
        library(tmp_path, **BAD_FILES[told])
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_labels_that_are_neither_0_nor_1_are_refused(tmp_path):
    text = CARD.replace('positive = ["ml"]\n', "")
    with pytest.raises(SourceError, match="label: not a number, got 'ml'"):
        library(tmp_path, text)
    papers = PAPERS.replace(",ml,", ",1,").replace(",db,", ",2,")
    with pytest.raises(SourceError, match=r"line 3: label: neither 0 nor 1, got 2; classes\? card"):
        library(tmp_path, text, papers=papers)
    source = library(tmp_path, text, papers=papers.replace(",2,", ",0.0,"))
    assert source.labels is not None
    assert source.labels.rows["y"].to_list() == [1, 0, 1]


def test_a_row_that_no_block_takes_is_refused(tmp_path):
    text = CARD.replace('from = "citations"', 'from = "citations"\nwhere = "cited != \'p-9\'"')
    with pytest.raises(SourceError, match=r"citations.csv line 6: no block of the card takes"):
        library(tmp_path, text)


def test_times_must_name_a_zone_and_begin_with_1970(tmp_path):
    with pytest.raises(SourceError, match="line 2: time: a time without a zone"):
        library(tmp_path, TIMED.replace('time_zone = "UTC"', ""))
    citations = CITATIONS.replace("2001-01-01", "1969-12-31")
    with pytest.raises(SourceError, match="line 5: time: before 1970"):
        library(tmp_path, TIMED, citations=citations)
    with pytest.raises(SourceError, match="line 5: time: missing"):
        library(tmp_path, TIMED, citations=citations.replace("1969-12-31", ""))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"u \xff 1\n", "known.txt line 1: not UTF-8"),
        (b"u i\nu\0 i\n", "known.txt line 2: a NUL byte"),
    ],
)
def test_a_bad_list_is_one_clear_line(tmp_path, data, told):
    with pytest.raises(SourceError, match=told):
        pairs(tmp_path, data, b"u i")


def test_a_list_may_have_a_delimiter_and_then_no_empty_id(tmp_path):
    text = PAIRS.replace('format = "lists"', 'format = "lists", delimiter = ","')
    source = pairs(tmp_path, b"the user, item 1,b\n", b"", text)
    assert ends(source.edges["user", "visits", "item"]) == [
        ("the user", "item 1"),
        ("the user", "b"),
    ]
    with pytest.raises(SourceError, match=r"known.txt line 2: target: missing"):
        pairs(tmp_path, b"u,i\nu,,i\n", b"", text)


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "indices", "object", "array"])
def test_a_damaged_matrix_is_one_clear_line(tmp_path, damage):
    path = tmp_path / "known.npz"
    matrix = sparse.csr_array(np.eye(3))
    sparse.save_npz(path, matrix)
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    if damage == "indices":
        np.savez(path, format=b"csr", shape=(3, 3), **{**parts, "indices": np.array([0, 1, 9])})
    elif damage == "object":
        np.savez(path, format=b"csr", shape=(3, 3), **{**parts, "data": np.array([{}, 1, 2])})
    elif damage == "array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    else:
        whole = path.read_bytes()
        path.write_bytes({"text": b"1 2 3", "empty": b"", "cut": whole[: len(whole) // 2]}[damage])
    text = PAIRS.replace("known.txt", "known.npz").replace("lists", "npz", 1)
    with pytest.raises(SourceError, match=r"known.npz: no whole sparse matrix of scipy") as caught:
        pairs(tmp_path, b"", b"u i", text)
    assert caught.value.hint


def test_a_column_of_lists_is_no_feature(tmp_path):
    pl.DataFrame({"id": ["p-1"], "x": [[1.0, 2.0]]}).write_parquet(tmp_path / "papers.parquet")
    text = CARD.replace("papers.csv", "papers.parquet").replace('positive = ["ml"]\n', "")
    start, end = text.index("year ="), text.index('[[nodes]]\ntype = "author"')
    with pytest.raises(CardError, match=r"x: a column of List\(Float64\) is no feature"):
        library(tmp_path, text[:start] + 'x = "x"\n' + text[end:])


@pytest.mark.parametrize("name", ["*", "^.*$"])
def test_a_column_named_like_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(CardError, match=r"\[files.writes\]: a column named .* cannot be read"):
        library(tmp_path, CARD.replace('target = "what"', f'target = "{name}"'))


@pytest.mark.parametrize("name", ["filter", "a|b", "x y", "$", "{y}", "event_id", "é"])
def test_a_feature_may_have_any_other_name(tmp_path, name):
    text = CARD.replace('positive = ["ml"]', f'positive = ["ml"]\nfeatures = "{name}"')
    papers = PAPERS.replace("year", name, 1)
    source = library(tmp_path, text.replace('year = "year"\n', ""), papers=papers)
    assert source.nodes["paper"][name].to_list() == [1999.0, 2004.5, None, 2011.0]


def test_missing_files_and_cards_are_one_clear_line(tmp_path):
    path = card(tmp_path)
    (tmp_path / "citations.csv").unlink()
    with pytest.raises(SourceError, match=r"the file citations.csv is not there"):
        read_graph(path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_graph(tmp_path / "none.toml")
    path.write_text("[[nodes")
    with pytest.raises(CardError, match="no TOML"):
        read_graph(path)


def test_edges_are_a_list_of_blocks(tmp_path):
    start = CARD.index("[[edges]]")
    with pytest.raises(CardError, match="needs double brackets"):
        library(tmp_path, CARD[:start] + "[edges]\n")
    nodes = CARD.index("[[nodes]]")
    with pytest.raises(CardError, match=r"no \[\[edges\]\] block, and no table") as caught:
        library(tmp_path, CARD[:nodes] + '[[nodes]]\ntype = "author"\n')
    assert caught.value.hint


def test_a_table_with_labels_needs_neither_edges_nor_a_key(tmp_path):
    (tmp_path / "s.csv").write_text("pages,device,bought\n3,phone,0\n9,,1\n3,phone,\n")
    text = """time = "none"
files.s = "s.csv"
[[nodes]]
type = "session"
from = "s"
features = ["*"]
columns.label = "bought"
"""
    (tmp_path / "c.toml").write_text(text)
    source = read_graph(tmp_path / "c.toml")
    assert source.schema == plain_schema(("session",), ())
    assert source.nodes["session"].to_dict(as_series=False) == {
        "key": ["1", "2", "3"], "pages": [3.0, 9.0, 3.0], "device": ["phone", None, "phone"],
    }  # fmt: skip
    assert source.labels is not None
    assert source.labels.rows.select("key", "y").rows() == [("1", 0), ("2", 1)]
    assert (source.edges, source.notes) == ({}, ())

    timed = text.replace('time = "none"\n', "").replace("features", "static = true\nfeatures")
    (tmp_path / "c.toml").write_text(timed)
    with pytest.raises(CardError, match="no column time, and no edges that have one") as caught:
        read_graph(tmp_path / "c.toml")
    assert caught.value.hint


def test_a_node_that_edges_name_needs_a_key(tmp_path):
    with pytest.raises(CardError, match=r"\[\[nodes\]\] 1 \(paper\): no column key") as caught:
        library(tmp_path, CARD.replace('key = "id"', "year2 = 'year'"))
    assert caught.value.hint


def test_each_reader_refuses_the_others_cards(tmp_path):
    with pytest.raises(CardError, match=r"a card of a graph, not of events"):
        read_source(card(tmp_path))
    with pytest.raises(CardError, match=r"unknown key 'products'; known: .*nodes, edges"):
        read_graph(DATASETS / "ecommerce-fraud.toml")


def test_the_folder_of_the_files_may_be_named(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    path = card(tmp_path / "data").rename(tmp_path / "library.toml")
    assert read_graph(path, data=tmp_path / "data").edges[CITES].height == 5
    monkeypatch.setenv("GRAPHML_DATA", str(tmp_path / "data"))
    assert read_graph(str(path)).edges[CITES].height == 5


def test_the_marketplace_is_spelled_as_before():
    assert all(edge.ends == (edge.type[0], edge.type[2]) for edge in MARKETPLACE.edges)
    assert MARKETPLACE.ends_of("member") == ("member",)


@pytest.mark.skipif(not (GOWALLA / "train.npz").exists(), reason="the data of gowalla may not ship")
def test_gowalla_has_the_pairs_of_the_published_split():
    began = time.monotonic()
    source = read_graph(DATASETS / "gowalla.toml", data=GOWALLA)
    assert time.monotonic() - began < 10
    assert source.pairs is not None
    assert source.pairs.train.height == 810_128
    assert source.pairs.test.height == 217_242
    assert source.edges["user", "visits", "item"].height == 810_128
    assert source.pairs.train["source"].n_unique() == 29_858
    assert pl.concat([source.pairs.train, source.pairs.test])["target"].n_unique() == 40_981
    assert source.notes == ()


def test_gowalla_refuses_another_file(tmp_path):
    for name in ("train", "test"):
        sparse.save_npz(tmp_path / f"{name}.npz", sparse.csr_array(np.eye(2)))
    with pytest.raises(SourceError, match="not the file the card was written for"):
        read_graph(DATASETS / "gowalla.toml", data=tmp_path)
