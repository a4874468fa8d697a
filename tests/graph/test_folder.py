from dataclasses import replace

import numpy as np
import pytest

from graphml.errors import UsageError
from graphml.graph import folder as folder_module
from graphml.graph.build import Graph, build_graph
from graphml.schema import MARKETPLACE
from tests.graph.marketplace import at, described, tables
from tests.graph.test_build import EVENTS

LINKED = tables(
    EVENTS,
    links=[{"member_id": "m-7", "other_member_id": "m-8", "kind": "gift", "time": at(12)}],
    members=[{"member_id": "m-1", "tier": "gold", "valid_from": at(20)}],
    labels=[{"member_id": "m-1", "label": 1, "known_at": at(70)}],
)


@pytest.mark.parametrize("moment", [5, 30, 90])
def test_saved_and_loaded_it_shows_the_same(tmp_path, moment):
    graph = build_graph(LINKED).until(at(moment))
    graph.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph")
    assert described(loaded) == described(graph)
    assert loaded.as_of == graph.as_of
    assert loaded.events.schema == graph.events.schema
    assert isinstance(loaded.edges["member", "uses", "device"].time, np.memmap)


def test_a_loaded_graph_still_hides_the_future(tmp_path):
    graph = build_graph(LINKED)
    graph.save(tmp_path / "graph")
    loaded = Graph.load(tmp_path / "graph")
    assert described(loaded.until(at(29))) == described(graph.until(at(29)))


def test_a_graph_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    build_graph(LINKED).save(tmp_path / "graph")
    build_graph(LINKED).until(at(20)).save(tmp_path / "graph")
    assert Graph.load(tmp_path / "graph").events.height == 2
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]
    assert not (tmp_path / "graph" / "former").exists()


def test_a_save_that_fails_leaves_the_former_graph(tmp_path, monkeypatch):
    build_graph(LINKED).save(tmp_path / "graph")
    monkeypatch.setattr(folder_module, "_digest", lambda schema: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_graph(LINKED).until(at(20)).save(tmp_path / "graph")
    monkeypatch.undo()
    assert Graph.load(tmp_path / "graph").events.height == len(EVENTS)
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(UsageError, match="holds something that is no graph"):
        build_graph(LINKED).save(tmp_path)
    assert (tmp_path / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_what_is_no_graph_or_of_another_schema_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no graph"):
        Graph.load(tmp_path)
    build_graph(LINKED).save(tmp_path / "graph")
    other = replace(MARKETPLACE, kinds=(*MARKETPLACE.kinds, "gift"))
    with pytest.raises(UsageError, match="another schema"):
        Graph.load(tmp_path / "graph", other)
