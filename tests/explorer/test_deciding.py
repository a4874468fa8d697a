"""Investigators decide: cases, four eyes, a newer run, a service that goes away, hostile texts."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from playwright.sync_api import expect

from graphml.config import RingConfig
from graphml.pipeline.detection import detect
from graphml.store.connect import connect
from graphml.tables.frames import Tables
from tests.explorer.conftest import start_site
from tests.service.conftest import LAST

HOSTILE = "<img src=x onerror=alert(1)>'\"\u202e/../%2F&#39;é🙂"


def ask(site, path, key=None, body=None):
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{site.address}{path.lstrip('/')}", data=data, headers=headers)
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)


def signed_in(explorer, office, name):
    page = explorer(office, quiet=False).open(panel="case")
    page.find("login-key").fill(office.keys[name])
    page.click("login-go")
    page.find("counts").wait_for()
    assert name in page.text("user")
    return page


def rings(site, key=None):
    return ask(site, "/rings?limit=500", key)["rings"]


def test_a_key_is_asked_for_and_kept_for_the_tab_alone(office, explorer):
    page = explorer(office, quiet=False).open()
    page.find("login-key").fill("gml_no_such_key")
    page.click("login-go")
    expect(page.page.get_by_role("alert").filter(has_text=re.compile("\\w"))).to_be_visible()
    page.find("login-key").fill(office.keys["ana"])
    page.click("login-go")
    page.find("counts").wait_for()
    page.page.reload()
    page.find("counts").wait_for()
    assert office.keys["ana"] not in page.page.url
    assert page.page.evaluate("localStorage.length") == 0
    page.click("sign-out")
    page.find("login-key").wait_for()
    assert page.page.evaluate("JSON.stringify(sessionStorage)").count("gml_") == 0


def test_confirming_takes_two_people(office, explorer):
    ring = rings(office, office.keys["ana"])[0]["ring_id"]
    ana = signed_in(explorer, office, "ana")
    ana.ring(ring, panel="case")
    ana.click("case-open")
    ana.click("assign")
    expect(ana.find("case-assignee")).to_contain_text("ana")
    ana.find("comment-toggle").click()
    ana.find("comment-text").fill(f"look at {HOSTILE}")
    ana.find("comment-go").click()
    expect(ana.find("history")).to_contain_text(HOSTILE.split("\u202e")[0])
    ana.find("verdict-confirm").check()
    expect(ana.find("four-eyes")).to_be_visible()
    ana.find("code").select_option("fraud_confirmed")
    ana.find("resolve-comment").fill("one device, five accounts")
    ana.click("resolve-go")
    expect(ana.find("proposal")).to_contain_text("ana")
    expect(ana.find("own-proposal")).to_be_visible()
    expect(ana.find("approve")).to_have_count(0)
    ben = signed_in(explorer, office, "ben")
    ben.ring(ring, panel="case")
    expect(ben.find("proposal")).to_contain_text("one device, five accounts")
    ben.click("approve")
    expect(ben.find("case")).to_contain_text("ana, ben")
    (decision,) = ask(office, f"/decisions?id={ring}", office.keys["ben"])["decisions"]
    assert (decision["by"], decision["verdict"]) == ("ana, ben", "confirm")
    with connect(office.url) as store:
        labels = store.stored_rows("labels").filter(
            pl.col("known_at") > datetime.now(UTC) - timedelta(minutes=5)
        )
    assert set(labels["member_id"]) == set(decision["members"])
    with ben.page.expect_download() as download:
        ben.click("export-html")
    text = download.value.path().read_text(encoding="utf-8")
    assert "one device, five accounts" in text
    assert "<img" not in text
    with ben.page.expect_download() as download:
        ben.click("export-json")
    assert json.loads(download.value.path().read_text(encoding="utf-8"))["ring"]["ring_id"] == ring


def test_a_viewer_looks_and_is_told_why_not_more(office, explorer):
    vera = signed_in(explorer, office, "vera")
    vera.ring(rings(office, office.keys["vera"])[1]["ring_id"], panel="case")
    expect(vera.find("case-viewer")).to_be_visible()
    for name in ("case-open", "assign", "resolve-go", "approve"):
        expect(vera.find(name)).to_have_count(0)


def test_two_analysts_who_decide_at_once_are_told(office, explorer):
    ring = rings(office, office.keys["ana"])[2]["ring_id"]
    ana, ben = (signed_in(explorer, office, name) for name in ("ana", "ben"))
    ana.ring(ring, panel="case")
    ana.click("case-open")
    expect(ana.find("case-state")).to_be_visible()
    ben.ring(ring, panel="case")
    expect(ben.find("case-state")).to_be_visible()
    for page in (ana, ben):
        page.find("verdict-dismiss").check()
        page.find("code").select_option("family")
        page.find("resolve-comment").fill("three at one address")
    ana.click("resolve-go")
    expect(ana.find("case-verdict")).to_contain_text("Family")
    ben.click("resolve-go")
    expect(ben.find("case-note")).to_be_visible()
    expect(ben.find("history")).to_contain_text("ana")
    assert len(ask(office, f"/decisions?id={ring}", office.keys["ana"])["decisions"]) == 1


def test_one_person_on_a_machine_waits_resumes_dismisses_and_reopens(site, explorer):
    ring = rings(site)[3]["ring_id"]
    page = explorer(site).ring(ring, panel="case")
    page.click("case-open")
    page.find("wait-toggle").click()
    page.find("wait-text").fill("the bank answers on Monday")
    page.find("wait-go").click()
    expect(page.find("resume")).to_be_visible()
    page.click("resume")
    page.find("verdict-dismiss").check()
    page.find("code").select_option("corporate_network")
    page.find("resolve-comment").fill("an office")
    page.click("resolve-go")
    expect(page.find("case-verdict")).to_be_visible()
    expect(page.find("history")).to_contain_text("the bank answers on Monday")
    row = page.page.locator(f"tr[data-ring='{ring}']")
    expect(row).to_contain_text(re.compile("dismissed", re.IGNORECASE))
    page.find("reopen-toggle").click()
    page.find("reopen-text").fill("another account came")
    page.find("reopen-go").click()
    expect(page.find("case-state")).to_contain_text(re.compile("open", re.IGNORECASE))


def test_a_run_that_is_published_meanwhile_is_told(copied, explorer):
    site = start_site(copied(), "explore", "--no-browser")
    try:
        page = explorer(site).ring()
        before = page.text("run")
        with connect(site.url) as store:
            detect(store, RingConfig(min_score=0.9), as_of=LAST, write=True)
        page.find("banner-new-run").wait_for(timeout=40_000)
        assert page.text("run") == before
        page.find("banner-new-run").get_by_role("button").click()
        expect(page.find("banner-new-run")).to_have_count(0)
        expect(page.find("run")).not_to_have_text(before)
        page.find("counts").wait_for()
    finally:
        site.stop()


def test_a_service_that_goes_away_is_told_and_comes_back(copied, explorer):
    folder = copied()
    site = start_site(folder, "explore", "--no-browser")
    port = int(site.address.rstrip("/").rsplit(":", 1)[1])
    page = explorer(site, quiet=False).ring()
    site.stop()
    page.page.locator("tr[data-ring]").nth(1).click()
    page.find("banner-away").wait_for(timeout=40_000)
    again = start_site(folder, "explore", "--no-browser", port=port)
    try:
        expect(page.find("banner-away")).to_have_count(0, timeout=60_000)
        page.find("counts").wait_for()
    finally:
        again.stop()


def test_nothing_published_says_what_to_do(tmp_path, explorer):
    folder = tmp_path / "store"
    event = {"event_id": "e-1", "time": LAST, "kind": "login", "member_id": "m-1"}
    with connect(f"embedded://{folder}") as store:
        store.write_tables(Tables(events=pl.DataFrame([event])))
    site = start_site(folder, "explore", "--no-browser")
    try:
        page = explorer(site).open()
        expect(page.find("list-empty")).to_contain_text("graphml detect-rings --write")
    finally:
        site.stop()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A store whose every id is hostile, with a ring published in it."""
    from tests.explorer.hostile import publish

    folder = tmp_path_factory.mktemp("hostile") / "store"
    ring_id = publish(folder, HOSTILE)
    site = start_site(folder, "explore", "--no-browser")
    yield site, ring_id
    site.stop()


def test_hostile_ids_are_text_everywhere(hostile, explorer):
    site, ring_id = hostile
    page = explorer(site)
    page.page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.ring(ring_id)
    assert page.page.locator("img, iframe, object").count() == 0
    for tab in ("Events", "Shared values", "Members", "Products"):
        page.page.get_by_role("tab", name=re.compile(tab)).click()
    body = ask(site, f"/rings/{ring_id}")
    node = body["graph"]["nodes"][0]
    page.ring(ring_id, node=node["id"], panel="selected")
    page.find("member-facts").wait_for()
    page.click("expand")
    page.ring(ring_id, node=node["id"], panel="selected", view="table", lang="zh")
    page.find("member-facts").wait_for()
    page.find("search").fill(HOSTILE)
    expect(page.find("ring-row")).to_have_count(1)
    assert page.page.locator("img, iframe, object").count() == 0
