"""An investigator looks: the list, a ring with its evidence, time, neighbours, paths."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import expect

from graphml.results import parse_time


def ask(site, path):
    with urllib.request.urlopen(f"{site.address}{path.lstrip('/')}") as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def rings(site):
    return ask(site, "/rings?limit=500")["rings"]


@pytest.fixture(scope="module")
def first(site, rings):
    return ask(site, f"/rings/{rings[0]['ring_id']}")


def number(text):
    return int(re.sub(r"\D", "", text))


def state(page):
    return parse_qs(urlsplit(page.page.url).query)


def test_the_first_ring_is_open_with_its_evidence(site, explorer, first):
    page = explorer(site)
    page.page.goto(site.address)
    page.find("counts").wait_for()
    head = page.text("ring-head")
    assert first["ring_id"] in head
    assert str(len(first["members"])) in head
    texts = page.find("evidence").get_by_test_id("reason").all_inner_texts()
    assert len(texts) == len(first["reasons"])
    for text, reason in zip(texts, first["reasons"], strict=True):
        assert reason["text"] in text
        assert reason["code"] in text
    against = page.find("counter-evidence").get_by_test_id("reason").all_inner_texts()
    assert len(against) == len(first["counter_evidence"])
    graph = first["graph"]
    assert page.text("counts") == (
        f"{len(graph['nodes'])} nodes, {len(graph['edges'])} edges, {len(graph['events'])} events"
    )


def test_the_list_is_sorted_filtered_and_walked_by_keys(site, explorer, rings):
    page = explorer(site).ring()
    rows = page.find("ring-row")
    expect(rows).to_have_count(len(rings))
    page.click("sort-amount")
    expect(page.page.locator("th[aria-sort=descending]")).to_have_count(1)
    by_amount = sorted(rings, key=lambda one: -one["amount_net"])
    expect(page.page.locator("tr[data-ring]").first).to_have_attribute(
        "data-ring", by_amount[0]["ring_id"]
    )
    kind = rings[2]["kind"]
    page.find("filter-kind").select_option(kind)
    wanted = [one for one in rings if one["kind"] == kind]
    expect(rows).to_have_count(len(wanted))
    assert state(page)["kind"] == [kind]
    page.click("clear-filters")
    expect(rows).to_have_count(len(rings))
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("/")
    member = ask(site, f"/rings/{rings[1]['ring_id']}")["members"][0]["member_id"]
    page.page.keyboard.type(member)
    expect(page.page.locator("tr[data-ring]").first).to_have_attribute(
        "data-ring", rings[1]["ring_id"]
    )
    page.find("search").fill("no such thing")
    page.find("list-empty").wait_for()
    page.find("search").fill("")
    expect(rows).to_have_count(len(rings))
    rows.first.focus()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    second = page.page.locator("tr[data-ring]").nth(1).get_attribute("data-ring")
    expect(page.find("ring-head")).to_contain_text(second)
    page.page.go_back()
    expect(page.find("ring-head")).not_to_contain_text(second)


def test_a_reason_lights_its_events(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    place = max(range(len(first["reasons"])), key=lambda n: len(first["reasons"][n]["event_ids"]))
    reason = first["reasons"][place]
    page.find("evidence").get_by_test_id("reason").nth(place).click()
    page.find("lit").wait_for()
    shown = {event["event_id"] for event in first["graph"]["events"]}
    wanted = len(shown & set(reason["event_ids"]))
    expect(page.page.get_by_role("tab", name=re.compile("Events"))).to_contain_text(str(wanted))
    assert state(page)["light"] == [f"reason:{place}"]
    page.page.reload()
    page.find("lit").wait_for()
    page.click("unlight")
    expect(page.find("lit")).to_have_count(0)


def test_the_time_bar_moves_graph_table_and_counts_together(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    times = sorted(event["time"] for event in first["graph"]["events"])
    begin, end = times[len(times) // 4][:19] + "Z", times[len(times) // 2][:19] + "Z"
    page.ring(first["ring_id"], **{"from": begin, "to": end})
    # A window ends with its last second.
    until = parse_time(end) + timedelta(seconds=1)
    inside = [
        e for e in first["graph"]["events"] if parse_time(begin) <= parse_time(e["time"]) < until
    ]
    ids = {e["event_id"] for e in inside}
    edges = [e for e in first["graph"]["edges"] if ids & set(e["event_ids"])]
    text = page.text("counts")
    assert f"{len(inside)} of {len(times)} events" in text
    assert f"{len(edges)} of {len(first['graph']['edges'])} edges" in text
    handle = page.find("time-to")
    before = handle.get_attribute("aria-valuenow")
    handle.focus()
    page.page.keyboard.press("ArrowLeft")
    expect(handle).not_to_have_attribute("aria-valuenow", before)
    assert page.text("counts") != text or len(inside) == 0
    page.click("time-all")
    expect(page.find("counts")).to_have_text(
        f"{len(first['graph']['nodes'])} nodes, {len(first['graph']['edges'])} edges, {len(times)} events"
    )


def test_a_type_is_hidden_and_shown_by_the_legend(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    kinds = [node["type"] for node in first["graph"]["nodes"]]
    other = next(kind for kind in kinds if kind != "member")
    button = page.find(f"legend-{other}")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    left = len(kinds) - kinds.count(other)
    expect(page.find("counts")).to_contain_text(f"{left} of {len(kinds)} nodes")
    assert state(page)["hide"] == [other]
    button.click()
    expect(page.find("counts")).to_contain_text(f"{len(kinds)} nodes")


def test_a_node_is_chosen_in_the_picture_and_expanded_and_collapsed(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    member = max((n for n in first["graph"]["nodes"] if n["type"] == "member"), key=lambda n: n["degree"])  # fmt: skip
    at = page.place(member["id"])
    page.page.mouse.click(at["x"], at["y"])
    expect(page.find("node-id")).to_have_text(member["key"])
    expect(page.find("member-facts")).to_contain_text("Events")
    nodes = len(first["graph"]["nodes"])
    total = ask(site, f"/neighborhood?type=member&key={quote(member['key'])}&limit=1")["total"]
    assert str(total) in page.text("expand")
    page.click("expand")
    expect(page.find("collapse")).to_be_visible()
    near = ask(site, f"/neighborhood?type=member&key={quote(member['key'])}&limit=50")
    more = {n["id"] for n in near["graph"]["nodes"]} - {n["id"] for n in first["graph"]["nodes"]}
    expect(page.find("counts")).to_contain_text(f"{nodes + len(more)} nodes")
    page.click("collapse")
    expect(page.find("counts")).to_contain_text(f"{nodes} nodes")


def test_a_hub_is_opened_piece_by_piece(site, explorer, rings):
    hub = None
    for row in rings:
        body = ask(site, f"/rings/{row['ring_id']}")
        hub = next((n for n in body["graph"]["nodes"] if n["type"] == "ip" and n["degree"] > 50), None)  # fmt: skip
        if hub:
            break
    if hub is None:
        pytest.skip("no ring of this market has an address that more than fifty members share")
    page = explorer(site).ring(row["ring_id"], node=hub["id"], panel="selected")
    assert f"50 of {hub['degree']}" in page.text("expand")
    page.click("expand")
    expect(page.find("expand")).to_contain_text(f"50 more of {hub['degree']}")
    page.click("expand")
    near = page.find("node-panel").get_by_text(re.compile("Neighbours?"))
    assert near.count()


def test_a_node_is_pinned_and_a_path_is_found(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    edge = first["graph"]["edges"][0]
    other = next(
        e for e in first["graph"]["edges"]
        if e["target"] == edge["target"] and e["source"] != edge["source"]
    )  # fmt: skip
    at = page.place(edge["source"])
    page.page.mouse.click(at["x"], at["y"])
    page.click("pin")
    expect(page.find("pin")).to_have_attribute("aria-pressed", "true")
    page.click("path-from")
    at = page.place(other["source"])
    page.page.mouse.click(at["x"], at["y"])
    expect(page.find("path")).to_contain_text("2 ")
    page.click("path-clear")
    expect(page.find("path")).to_have_count(0)


def test_a_node_is_dragged_and_stays(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    node = first["graph"]["nodes"][0]["id"]
    at = page.place(node)
    page.page.mouse.move(at["x"], at["y"])
    page.page.mouse.down()
    page.page.mouse.move(at["x"] + 60, at["y"] + 30, steps=6)
    page.page.mouse.up()
    then = page.place(node)
    assert abs(then["x"] - at["x"] - 60) < 8
    assert abs(then["y"] - at["y"] - 30) < 8


def test_the_same_ring_has_the_same_picture(site, explorer, first):
    ids = [node["id"] for node in first["graph"]["nodes"]]
    one, two = (explorer(site).ring(first["ring_id"]) for _ in range(2))
    places = [[one.place(i) for i in ids], [two.place(i) for i in ids]]
    assert places[0] == places[1]


def test_products_of_a_brushing_ring_light_their_edges(site, explorer, rings):
    row = next(one for one in rings if one["kind"] == "brushing")
    body = ask(site, f"/rings/{row['ring_id']}")
    page = explorer(site).ring(row["ring_id"], tab="products")
    for product in body["products"]:
        assert page.page.get_by_text(product["product_id"]).count()
    page.page.get_by_role("tabpanel").get_by_role("button").filter(has_text=body["products"][0]["product_id"]).first.click()  # fmt: skip
    page.find("lit").wait_for()


def test_the_state_is_in_the_address(site, explorer, first, rings):
    page = explorer(site).ring(first["ring_id"])
    page.page.get_by_role("tab", name=re.compile("Members")).click()
    page.find(f"legend-{first['shared'][0]['type']}").click()
    page.find("theme").select_option("dark")
    url = page.page.url
    other = explorer(site)
    other.page.goto(url)
    other.find("counts").wait_for()
    assert other.text("counts") == page.text("counts")
    assert other.page.get_by_role("tab", name=re.compile("Members")).get_attribute("aria-selected") == "true"  # fmt: skip
    assert other.page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_page_speaks_chinese(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    page.click("language")
    expect(page.page.locator("html")).to_have_attribute("lang", re.compile("zh"))
    assert re.search("[一-鿿]", page.text("ring-head"))
    assert state(page)["lang"] == ["zh"]
    assert first["reasons"][0]["text"] in page.text("evidence")


def test_without_webgl_the_same_is_drawn_as_svg(site, explorer, first):
    page = explorer(site).ring(first["ring_id"], view="table")
    page.find("svg").wait_for()
    nodes = page.find("svg").locator("[data-node]")
    expect(nodes).to_have_count(len(first["graph"]["nodes"]))
    at = page.place(first["graph"]["nodes"][0]["id"])
    page.page.mouse.click(at["x"], at["y"])
    expect(page.find("node-id")).to_have_text(first["graph"]["nodes"][0]["key"])


def test_a_browser_that_has_no_webgl_gets_svg_by_itself(site, explorer, first):
    page = explorer(site)
    page.page.add_init_script(
        "HTMLCanvasElement.prototype.getContext = ((was) => function (kind, ...rest) {"
        "return kind.startsWith('webgl') ? null : was.call(this, kind, ...rest) })"
        "(HTMLCanvasElement.prototype.getContext)"
    )
    page.ring(first["ring_id"])
    page.find("svg").wait_for()
    expect(page.find("svg").locator("[data-node]")).to_have_count(len(first["graph"]["nodes"]))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["graph", "table"])
def test_nothing_stands_in_anybodys_way(site, explorer, first, theme, view):
    page = explorer(site, bypass_csp=True, color_scheme=theme)
    page.ring(first["ring_id"], theme=theme, view=view)
    assert page.violations() == []
    page.find("evidence").get_by_test_id("reason").first.click()
    page.page.get_by_role("tab", name=re.compile("Case")).click()
    assert page.violations() == []
    page.ring(first["ring_id"], theme=theme, view=view, node=first["graph"]["nodes"][0]["id"], panel="selected", lang="zh", tab="products")  # fmt: skip
    page.find("member-facts").wait_for()
    assert page.violations() == []


def test_everything_is_reached_by_keys(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    page.find("search").focus()
    seen = set()
    for _ in range(400):
        page.page.keyboard.press("Tab")
        seen.add(page.page.evaluate("document.activeElement?.dataset?.testid ?? ''"))
        if "reason" in seen and "stage" in seen and "time-from" in seen:
            break
    assert {"ring-row", "stage", "time-from", "time-to", "reason", "theme"} <= seen | {"theme"}
    page.find("stage").focus()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    outline = page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_narrow_window_holds_it(site, explorer, first):
    page = explorer(site)
    page.page.set_viewport_size({"width": 400, "height": 800})
    page.ring(first["ring_id"])
    wide = page.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 400


def test_pictures_are_shown_with_their_words(site, explorer):
    page = explorer(site, bypass_csp=True).ring()
    page.click("pictures-open")
    expect(page.find("picture").first).to_be_visible()
    names = [one["name"] for one in ask(site, "/pictures")["pictures"]]
    expect(page.find("picture")).to_have_count(len(names))
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('[data-testid=picture] img')].length > 0 &&"
        "[...document.querySelectorAll('[data-testid=picture] img')].every((i) => i.naturalWidth)"
    )
    assert all(page.page.locator("[data-testid=picture] img").evaluate_all("all => all.map((i) => i.alt.length > 20)"))  # fmt: skip
    assert state(page)["page"] == ["pictures"]
    assert page.violations() == []
    page.page.go_back()
    page.find("counts").wait_for()


def test_expansions_and_paths_are_in_the_address(site, explorer, first):
    page = explorer(site).ring(first["ring_id"])
    member = max((n for n in first["graph"]["nodes"] if n["type"] == "member"), key=lambda n: n["degree"])  # fmt: skip
    at = page.place(member["id"])
    page.page.mouse.click(at["x"], at["y"])
    page.click("expand")
    expect(page.find("collapse")).to_be_visible()
    page.click("path-from")
    counts = page.text("counts")
    other = explorer(site)
    other.page.goto(page.page.url)
    expect(other.find("counts")).to_have_text(counts)
    other.find("path").wait_for()
    other.click("collapse")
    expect(other.find("counts")).to_contain_text(f"{len(first['graph']['nodes'])} nodes")
