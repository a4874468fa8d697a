"""What is shown agrees with itself: windows of time, paths, steps back, names, room on the page."""

from __future__ import annotations

import json
import math
import re
from datetime import timedelta
from itertools import combinations

import pytest
from playwright.sync_api import expect

from graphml.results import parse_time
from tests.explorer.test_looking import ask, number, state

MOST_REASON_EVENTS = 50
NAME_WIDTH, NAME_HEIGHT = 6.6, 13


@pytest.fixture(scope="module")
def bodies(site):
    return [ask(site, f"/rings/{row['ring_id']}") for row in ask(site, "/rings?limit=500")["rings"]]


def tab(page, name):
    return page.page.get_by_role("tab", name=re.compile(name))


def cells(page, table):
    """Return the texts of a table's rows, its numbers as they are written."""
    rows = page.find(table).locator("tbody tr").all()
    return {row.locator("td .id").first.get_attribute("title"): row.locator("td").all_inner_texts() for row in rows}  # fmt: skip


def inside(body, begin, end):
    until = parse_time(end) + timedelta(seconds=1)
    return [e for e in body["graph"]["events"] if parse_time(begin) <= parse_time(e["time"]) < until]  # fmt: skip


def used_within(body, events):
    """Return the events of each value's edges, of those in ``events``."""
    used = {}
    for edge in body["graph"]["edges"]:
        held = [events[i] for i in edge["event_ids"] if i in events]
        if held:
            used.setdefault(edge["target"], []).extend(held)
    return used


def dealt_within(body, events):
    """Return the events of each of the ring's products, of those in ``events``."""
    names, dealt = {product["product_id"] for product in body["products"]}, {}
    for event in events.values():
        if event.get("product_id") in names:
            dealt.setdefault(event["product_id"], []).append(event)
    return dealt


def test_a_window_moves_the_tables_their_badges_and_the_selected_node(site, explorer, bodies):
    def early(body):
        times = sorted(event["time"] for event in body["graph"]["events"])
        return times[0][:19] + "Z", times[len(times) // 5][:19] + "Z"

    def dropped(body):
        seen = {event["member_id"] for event in inside(body, *early(body))}
        return sum(m["member_id"] not in seen for m in body["members"]) * bool(body["products"])

    body = max(bodies, key=dropped)
    assert dropped(body), "no ring of this market has a member who came late"
    begin, end = early(body)
    events = {event["event_id"]: event for event in inside(body, begin, end)}
    window = {"from": begin, "to": end}

    used = used_within(body, events)
    shared = {s["id"]: used[f"{s['type']}:{s['id']}"] for s in body["shared"] if f"{s['type']}:{s['id']}" in used}  # fmt: skip
    page = explorer(site).ring(body["ring_id"], tab="shared", **window)
    shown = cells(page, "shared") if shared else {}
    assert set(shown) == set(shared)
    for key, held in shared.items():
        first, last = min(e["time"] for e in held), max(e["time"] for e in held)
        assert shown[key][2:6] == [
            str(len({e["member_id"] for e in held})), str(len(held)),
            first[:16].replace("T", " "), last[:16].replace("T", " "),
        ]  # fmt: skip
    expect(tab(page, "Shared values")).to_contain_text(str(len(shared)))
    assert not shared or "whole time" in page.find("shared").locator("thead").inner_text().lower()

    page.ring(body["ring_id"], tab="members", **window)
    seen = {event["member_id"] for event in events.values()}
    assert set(cells(page, "members")) == seen
    assert number(tab(page, "Members").inner_text()) == len(seen) < len(body["members"])

    dealt = dealt_within(body, events)
    page.ring(body["ring_id"], tab="products", **window)
    assert number(tab(page, "Products").inner_text()) == len(dealt)
    shown = cells(page, "products") if dealt else {}
    assert {key: row[2] for key, row in shown.items()} == {key: str(len(held)) for key, held in dealt.items()}  # fmt: skip
    held = {e["event_id"] for e in body["graph"]["events"] if e.get("product_id") in dealt}
    short = sum(p["events"] for p in body["products"] if p["product_id"] in dealt) > len(held)
    expect(page.find("products-part")).to_have_count(int(short))

    node = max(used, key=lambda one: len(used[one]))
    page.ring(body["ring_id"], node=node, panel="selected", **window)
    near = {e["source"] for e in body["graph"]["edges"] if e["target"] == node and set(e["event_ids"]) & set(events)}  # fmt: skip
    assert page.text("node-events") == str(len(used[node]))
    assert page.text("node-shown") == page.text("near") == str(len(near))
    facts = page.text("node-facts")
    assert min(e["time"] for e in used[node])[:16].replace("T", " ") in facts
    assert max(e["time"] for e in used[node])[:16].replace("T", " ") in facts

    page.click("time-all")
    for name in ("shared", "members", "products"):
        assert number(page.text(f"tab-{name}")) == len(body[name])


def test_a_path_is_in_the_address_at_once_and_after_a_reload(site, explorer, bodies):
    body = bodies[0]
    edge = body["graph"]["edges"][0]
    page = explorer(site).ring(body["ring_id"], node=edge["source"], panel="selected")
    page.click("path-from")
    assert state(page)["path"] == [edge["source"]]
    page.find("node-panel").get_by_role("button").filter(has_text=edge["target"].split(":", 1)[1]).last.click()  # fmt: skip
    expect(page.find("path")).to_contain_text("1 step")
    assert state(page)["path"] == [edge["source"]]
    assert state(page)["path-to"] == [edge["target"]]
    assert state(page)["node"] == [edge["target"]]
    said = page.text("path")
    page.page.reload()
    expect(page.find("path")).to_have_text(said)
    page.page.go_back()
    assert "path-to" not in state(page)


def test_filters_and_search_survive_a_step_back(site, explorer, bodies):
    page = explorer(site).ring()
    rows = page.find("ring-row")
    expect(rows).to_have_count(len(bodies))
    rows.nth(1).click()
    expect(page.find("ring-head")).to_contain_text(bodies[1]["ring_id"])
    page.find("filter-decision").select_option("none")
    member = bodies[2]["members"][0]["member_id"]
    page.find("search").fill(member)
    found = page.page.locator(f"tr[data-ring='{bodies[2]['ring_id']}']")
    expect(rows).not_to_have_count(len(bodies))
    found.click()
    expect(page.find("ring-head")).to_contain_text(bodies[2]["ring_id"])
    for ring in (bodies[1], bodies[0]):
        page.page.go_back()
        expect(page.find("ring-head")).to_contain_text(ring["ring_id"])
        assert page.find("search").input_value() == member
        assert page.find("filter-decision").input_value() == "none"
        assert (state(page)["q"], state(page)["decision"]) == ([member], ["none"])
        expect(rows).not_to_have_count(len(bodies))


def test_reasons_say_how_many_events_they_carry(site, explorer, bodies):
    body = bodies[0]
    ids = [event["event_id"] for event in body["graph"]["events"]]
    texts = {"LABEL": 0, "ONE": 1, "SOME": 7, "LONG": MOST_REASON_EVENTS}
    long = (ids * MOST_REASON_EVENTS)[:MOST_REASON_EVENTS]
    reasons = [{"code": code, "text": f"{code} speaks", "event_ids": long[:n]} for code, n in texts.items()]  # fmt: skip
    page = explorer(site)
    page.page.route(
        f"**/rings/{body['ring_id']}",
        lambda route: route.fulfill(json={**body, "reasons": reasons, "counter_evidence": []}),
    )
    page.ring(body["ring_id"])
    told = page.find("evidence").get_by_test_id("reason")
    said = [text.splitlines()[-1] for text in told.all_inner_texts()]
    assert said == ["LABEL", "ONE 1 event", "SOME 7 events", "LONG first 50 events"]
    assert told.nth(0).evaluate("one => one.tagName") == "P"
    assert told.nth(1).evaluate("one => one.tagName") == "BUTTON"
    before = page.page.evaluate(COLOURS)
    told.nth(0).click()
    assert "light" not in state(page)
    # A link that was made before there was nothing to press greys nothing either.
    page.ring(body["ring_id"], light="reason:0")
    page.place(body["graph"]["nodes"][0]["id"])
    assert page.page.evaluate(COLOURS) == before
    expect(page.find("lit")).to_have_count(0)


COLOURS = "() => { const found = {}; window.__graphmlTest.inner()?.graph.forEachNode((id, one) => (found[id] = one.color)); return found; }"  # fmt: skip


def test_types_that_the_service_does_not_count_are_not_counted(site, explorer, bodies):
    body = next(b for b in bodies if any(n["type"] == "seller" for n in b["graph"]["nodes"]))
    assert "seller" not in ask(site, "/session")["nodes"]
    edge = next(e for e in body["graph"]["edges"] if e["target"].startswith("seller:"))
    page = explorer(site).ring(body["ring_id"], node=edge["target"], panel="selected")
    facts = page.text("node-facts")
    assert "whole graph" not in facts
    buyers = sum(e["target"] == edge["target"] for e in body["graph"]["edges"])
    assert page.text("node-shown") == str(buyers)
    page.ring(body["ring_id"], node=edge["source"], panel="selected")
    page.find("expand").click()
    page.page.get_by_text(re.compile(r"All \d+ neighbours are shown")).wait_for()
    (degree,) = {n["degree"] for n in body["graph"]["nodes"] if n["id"] == edge["source"]}
    assert "whole graph" in page.text("node-facts")
    assert page.text("node-shown") == str(degree)


PICTURE = """() => {
  const { sigma, graph } = window.__graphmlTest.inner();
  const found = [];
  graph.forEachNode((id, one) => found.push({
    id, ...sigma.graphToViewport({ x: one.x, y: one.y }), radius: sigma.scaleSize(one.size), text: one.label,
    side: one.labelVisibility === "visible" ? one.labelPosition : null, layer: one.depth,
  }));
  return found;
}"""


def name_box(node):
    width, away = NAME_WIDTH * len(node["text"]), node["radius"] + 3
    left = {"right": node["x"] + away, "left": node["x"] - away - width}.get(node["side"], node["x"] - width / 2)  # fmt: skip
    top = {"above": node["y"] - away - NAME_HEIGHT, "below": node["y"] + away}.get(node["side"], node["y"] - NAME_HEIGHT / 2)  # fmt: skip
    return left, top, left + width, top + NAME_HEIGHT


def test_what_is_expanded_fans_out_and_its_names_do_not_cover_each_other(site, explorer, bodies):
    own = {n["id"] for n in bodies[0]["graph"]["nodes"]}
    member = max((n for n in bodies[0]["graph"]["nodes"] if n["type"] == "member"), key=lambda n: n["degree"])  # fmt: skip
    assert member["degree"] > 12
    page = explorer(site)
    page.page.set_viewport_size({"width": 1400, "height": 760})
    page.ring(bodies[0]["ring_id"], node=member["id"], panel="selected")
    page.place(member["id"])
    page.click("expand")
    page.find("collapse").wait_for()
    page.page.wait_for_function("() => window.__graphmlTest.inner().graph.order > " + str(len(own)))
    page.page.wait_for_timeout(1_500)
    nodes = page.page.evaluate(PICTURE)
    fresh = [node for node in nodes if node["id"] not in own]
    assert fresh
    for one in fresh:
        for other in nodes:
            away = math.hypot(one["x"] - other["x"], one["y"] - other["y"])
            assert other is one or away > one["radius"] + other["radius"], (one, other)
    assert max(one["radius"] for one in fresh) < max(one["radius"] for one in nodes if one["id"] in own)  # fmt: skip
    named = [name_box(node) for node in nodes if node["side"]]
    assert len(named) > 3
    for a, b in combinations(named, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    faded = [node for node in nodes if node["layer"] == "nodes"]
    assert faded
    assert all(node["side"] is None for node in faded if not node["text"])
    layers = page.page.evaluate("() => window.__graphmlTest.inner().sigma.depthLayers")
    assert layers.index("nodes") < layers.index("topEdges") < layers.index("topNodes")


@pytest.mark.parametrize("size", [(1400, 760), (1920, 1080)])
def test_the_selected_node_has_room(site, explorer, bodies, size):
    body = bodies[0]
    member = max((n for n in body["graph"]["nodes"] if n["type"] == "member"), key=lambda n: n["degree"])  # fmt: skip
    page = explorer(site)
    page.page.set_viewport_size({"width": size[0], "height": size[1]})
    page.ring(body["ring_id"], node=member["id"], panel="selected", light="reason:0")
    page.find("member-facts").wait_for()
    dates = page.page.locator(".side .when")
    assert dates.count() >= 2
    for date in dates.all():
        assert date.evaluate("one => one.getClientRects().length === 1 && one.clientHeight < 25")
    side = page.page.locator(".side .tab-body")
    assert side.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.find("lit").is_visible()
    assert page.find("counts").evaluate("one => one.clientHeight < 25")


def test_the_page_has_no_second_scrollbar(site, explorer, bodies):
    member = bodies[0]["members"][0]["member_id"]
    page = explorer(site)
    # So low that tables in the panel end below the window.
    page.page.set_viewport_size({"width": 1400, "height": 570})
    page.ring(bodies[0]["ring_id"], node=f"member:{member}", panel="selected")
    page.find("member-facts").wait_for()
    captions = page.page.locator(".side caption").evaluate_all("all => all.map((one) => one.closest('table').getBoundingClientRect().top)")  # fmt: skip
    assert max(captions) > 570
    assert page.page.evaluate("() => document.scrollingElement.scrollHeight") == 570
    page.click("expand")
    page.find("collapse").wait_for()
    assert page.page.evaluate("() => document.scrollingElement.scrollHeight") == 570


def test_the_list_says_who_is_flagged_and_of_how_many_rings_it_is(site, explorer, bodies):
    rows = ask(site, "/rings?limit=500")["rings"]
    mixed = {**rows[0], "members": 9, "flagged": 4}
    page = explorer(site)
    page.page.route(
        re.compile(r"/rings\?"),
        lambda route: changed(route, mixed),
    )
    page.ring()
    first = page.page.locator("tr[data-ring]").first.locator("td").nth(2)
    assert "4 of 9 flagged" in first.text_content()
    assert "4/9" in first.text_content()
    assert first.get_attribute("title") == "9 members, 4 flagged as taking part"
    for row in rows[1:]:
        cell = page.page.locator(f"tr[data-ring='{row['ring_id']}'] td").nth(2).text_content()
        if row["flagged"] == row["members"]:
            assert "all flagged" in cell
        else:
            assert ("flagged" in cell) == (row["flagged"] > 0)
    assert page.text("ring-count") == f"{len(rows)} of {len(rows)} rings"
    page.find("search").fill("no such thing")
    page.find("list-empty").wait_for()
    expect(page.find("ring-count")).to_have_text(f"0 of {len(rows)} rings")


def changed(route, row):
    answer = json.loads(route.fetch().body())
    route.fulfill(json={**answer, "rings": [row if one["ring_id"] == row["ring_id"] else one for one in answer["rings"]]})  # fmt: skip
