"""The list of cases: what waits for approval, cases without a ring, what others decide meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from graphml.config import RingConfig
from graphml.pipeline.detection import detect
from graphml.store.connect import connect
from tests.explorer.test_deciding import ask, rings
from tests.service.conftest import LAST, MARKET

MEMBERS = MARKET.tables.events["member_id"].unique(maintain_order=True).to_list()
ORDER = MARKET.tables.events["order_id"].drop_nulls()[0]


def state(page):
    return parse_qs(urlsplit(page.page.url).query)


def sign_in(explorer, office, name, **address):
    page = explorer(office, quiet=False).open(**address)
    page.find("login-key").fill(office.keys[name])
    page.click("login-go")
    expect(page.find("user")).to_contain_text(name)
    return page


def label(site, ring_id, verdict, *, by, reason):
    command = [
        sys.executable, "-m", "graphml", "label", "ring", ring_id, verdict, "--by", by,
        "--reason", reason, "--store", site.url,
    ]  # fmt: skip
    subprocess.run(command, cwd=site.folder.parent, check=True, capture_output=True)


def case_on(site, key, unit, id_):
    return ask(site, "/cases", key, {"unit": unit, "id": id_})


@pytest.fixture(scope="module")
def former(office):
    """A ring that ana dismissed, and that the run published then does not hold."""
    found = rings(office, office.keys["ana"])
    least, higher = found[-1], min(one["score"] for one in found if one["score"] > found[-1]["score"])  # fmt: skip
    label(office, least["ring_id"], "dismiss", by="ana", reason="a family")
    with connect(office.url) as store:
        config = RingConfig(min_score=(least["score"] + higher) / 2)
        detect(store, config, as_of=LAST, write=True)
    for _ in range(200):
        if least["ring_id"] not in {one["ring_id"] for one in rings(office, office.keys["ana"])}:
            return least["ring_id"]
        time.sleep(0.05)
    pytest.fail("the ring is still in the run")


def test_a_ring_that_is_gone_says_what_was_decided_and_shows_its_case(office, former, explorer):
    page = sign_in(explorer, office, "ben", ring=former)
    expect(page.find("former-ring")).to_contain_text(f"dismissed by ana on {datetime.now(UTC):%Y-%m-%d}")  # fmt: skip
    page.click("former-case")
    expect(page.find("case-about")).to_contain_text(former)
    expect(page.find("case-no-ring")).to_be_visible()
    expect(page.find("case-verdict")).to_contain_text("dismissed")
    expect(page.find("case-row").first).to_contain_text(former)
    page.page.go_back()
    expect(page.find("former-ring")).to_be_visible()
    page.open(ring="r-nobody-knows")
    expect(page.find("ring-empty")).to_contain_text("may have been merged")


def test_the_views_are_offered_to_who_is_signed_in_alone(office, explorer):
    page = explorer(office, quiet=False).open(page="cases")
    page.find("login-key").wait_for()
    for name in ("cases-open", "pictures-open", "cases"):
        expect(page.find(name)).to_have_count(0)
    page.find("login-key").fill(office.keys["vera"])
    page.click("login-go")
    page.find("cases").wait_for()
    for name in ("cases-open", "pictures-open"):
        expect(page.find(name)).to_be_visible()
    expect(page.find("open-on")).to_have_count(0)
    page.click("sign-out")
    expect(page.find("cases-open")).to_have_count(0)


def test_cases_on_members_and_orders_are_opened_and_worked_on_beside_the_list(office, explorer):
    page = sign_in(explorer, office, "ana", page="cases")
    page.click("open-go")
    expect(page.find("open-bad")).to_have_text("Write the id.")
    page.find("open-id").fill("nobody-of-this-name")
    page.click("open-go")
    expect(page.find("open-bad")).to_have_text("no member 'nobody-of-this-name'")
    expect(page.find("open-id")).to_have_attribute("aria-invalid", "true")
    page.find("open-id").fill(MEMBERS[0])
    page.click("open-go")
    expect(page.find("case-about")).to_contain_text(f"member {MEMBERS[0]}")
    page.find("open-unit").select_option("order")
    page.find("open-id").fill(ORDER)
    page.click("open-go")
    expect(page.find("case-about")).to_contain_text(f"order {ORDER}")
    expect(page.find("open-bad")).to_be_empty()
    rows = page.find("case-row")
    expect(rows.nth(0)).to_contain_text(f"order {ORDER}")
    expect(rows.nth(1)).to_contain_text(f"member {MEMBERS[0]}")
    page.click("assign")
    expect(page.find("case-assignee")).to_have_text("ana")
    page.find("filter-mine").check()
    expect(rows).to_have_count(1)
    expect(page.find("case-count")).to_have_text("1 case")
    assert state(page)["mine"] == ["1"]
    page.find("verdict-dismiss").check()
    page.find("resolve-comment").fill("a gift")
    page.click("resolve-go")
    expect(page.find("case-verdict")).to_contain_text("dismissed")
    row = page.page.locator("tr[data-case]")
    expect(row).to_contain_text("resolved")
    page.find("filter-cases").select_option("open")
    expect(page.find("cases-empty")).to_be_visible()
    page.page.reload()
    expect(page.find("cases-empty")).to_be_visible()
    expect(page.find("case-verdict")).to_contain_text("dismissed")
    assert state(page)["cases"] == ["open"]
    (decision,) = ask(office, f"/decisions?unit=order&id={ORDER}", office.keys["ana"])["decisions"]
    assert decision["reason"] == "a gift"


def test_a_second_analyst_finds_what_waits_and_approves_it(office, explorer):
    ring = rings(office, office.keys["ana"])[1]["ring_id"]
    case = case_on(office, office.keys["ana"], "ring", ring)
    body = {"verdict": "confirm", "code": "fraud_confirmed", "version": case["version"]}
    ask(office, f"/cases/{case['case_id']}/resolve", office.keys["ana"], body)
    ben = sign_in(explorer, office, "ben")
    ben.find("counts").wait_for()
    ben.click("cases-open")
    ben.find("filter-cases").select_option("waiting")
    row = ben.page.locator(f"tr[data-case='{case['case_id']}']")
    expect(row).to_contain_text("confirm proposed by ana")
    row.get_by_test_id("case-row").focus()
    ben.page.keyboard.press("Enter")
    expect(ben.find("ring-head")).to_contain_text(ring)
    assert (state(ben)["ring"], state(ben)["panel"]) == ([ring], ["case"])
    expect(ben.page.locator("main:focus")).to_have_id("ring")
    ben.click("approve")
    expect(ben.find("case-verdict")).to_have_text("confirmed, Fraud confirmed")
    expect(ben.find("ring-head")).to_contain_text("confirmed")
    ben.page.go_back()
    ben.find("filter-cases").select_option("all")
    expect(row).to_contain_text("confirmed")
    # An older case of the same ring is shown beside the list: the ring shows its latest.
    newer = case_on(office, office.keys["ana"], "ring", ring)
    assert newer["case_id"] != case["case_id"]
    row.get_by_test_id("case-row").click()
    expect(ben.find("case-about")).to_contain_text(ring)
    ben.click("case-ring")
    expect(ben.find("ring-head")).to_contain_text(ring)
    expect(ben.find("case-state")).to_have_text("open")


def test_who_proposed_takes_it_back_and_cannot_approve(office, explorer):
    case = case_on(office, office.keys["ana"], "member", MEMBERS[1])
    ana = sign_in(explorer, office, "ana", page="cases", **{"case-id": case["case_id"]})
    ana.find("verdict-confirm").check()
    ana.find("code").select_option("other")
    ana.click("resolve-go")
    expect(ana.find("own-proposal")).to_be_visible()
    expect(ana.find("approve")).to_have_count(0)
    expect(ana.find("reject-toggle")).to_have_text("Take back")
    ana.click("reject-toggle")
    ana.find("reject-text").fill("the wrong one")
    ana.click("reject-go")
    expect(ana.find("proposal")).to_have_count(0)
    expect(ana.find("case-state")).to_have_text("open")


def test_a_code_alone_is_enough_and_what_is_missing_is_told_beside_it(office, explorer):
    case = case_on(office, office.keys["ana"], "member", MEMBERS[2])
    page = sign_in(explorer, office, "ana", page="cases", **{"case-id": case["case_id"]})
    code, comment = page.find("code"), page.find("resolve-comment")
    group = page.page.get_by_role("radiogroup")
    page.click("resolve-go")
    expect(page.find("verdict-bad")).to_have_text("Choose the decision.")
    expect(page.find("reason-bad")).to_have_text("Choose a code or write your reasons.")
    expect(group).to_have_attribute("aria-invalid", "true")
    expect(group).to_have_attribute("aria-describedby", "verdict-bad")
    for field in (code, comment):
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_attribute("aria-describedby", "reason-bad")
    expect(page.find("verdict-confirm")).to_be_focused()
    expect(code.locator("option")).to_have_count(1)
    page.find("verdict-confirm").check()
    expect(page.find("verdict-bad")).to_be_empty()
    fitting = ask(office, "/session", office.keys["ana"])["case_codes"]
    values = "options => options.map(option => option.value).filter(Boolean)"
    assert code.locator("option").evaluate_all(values) == fitting["confirm"]
    code.select_option("fraud_confirmed")
    page.find("verdict-dismiss").check()
    assert code.locator("option").evaluate_all(values) == fitting["dismiss"]
    expect(code).to_have_value("")
    page.click("resolve-go")
    expect(code).to_be_focused()
    code.select_option("other")
    page.find("verdict-confirm").check()
    expect(code).to_have_value("other")
    page.find("verdict-dismiss").check()
    code.select_option("family")
    page.click("resolve-go")
    expect(page.find("case-verdict")).to_have_text("dismissed, Family or household")
    expect(page.find("history").locator("li").first).to_contain_text("decided: dismiss, Family or household")  # fmt: skip
    page.click("language")
    first = page.find("history").locator("li").first
    expect(first).to_contain_text("排除, 家庭或同住")
    expect(first).not_to_contain_text("family")


def test_lines_that_people_wrote_stay_lines(office, explorer):
    key = office.keys["ana"]
    case = case_on(office, key, "member", MEMBERS[3])
    ask(office, f"/cases/{case['case_id']}/comment", key, {"text": "first\nsecond\u202e\nthird"})
    body = {"verdict": "dismiss", "comment": "one\ntwo", "version": case["version"] + 1}
    ask(office, f"/cases/{case['case_id']}/resolve", key, body)
    page = sign_in(explorer, office, "ben", page="cases", **{"case-id": case["case_id"]})
    quotes = page.page.locator(".quote")
    expect(quotes.nth(0)).to_have_text("one\ntwo", use_inner_text=True)
    expect(quotes.nth(1)).to_have_text("one\ntwo", use_inner_text=True)
    expect(quotes.nth(2)).to_have_text("first\nsecond\\u202e\nthird", use_inner_text=True)


def test_a_case_is_given_to_a_name_and_to_nobody_and_what_was_done_is_told_for_a_while(office, explorer):  # fmt: skip
    case = case_on(office, office.keys["ana"], "member", MEMBERS[4])
    page = sign_in(explorer, office, "ana", page="cases", **{"case-id": case["case_id"]})
    page.click("assign-go")
    expect(page.find("assign-to")).to_have_attribute("aria-invalid", "true")
    page.find("assign-to").fill("Zoë of the night shift")
    page.click("assign-go")
    expect(page.find("case-assignee")).to_have_text("Zoë of the night shift")
    expect(page.find("assign-to")).to_have_value("")
    expect(page.find("history").locator("li").first).to_contain_text("assigned it: to Zoë of the night shift")  # fmt: skip
    page.click("release")
    expect(page.find("case-assignee")).to_have_text("nobody")
    expect(page.find("release")).to_have_count(0)
    expect(page.find("case-note")).to_have_text("Saved.")
    expect(page.find("case-note")).to_be_hidden(timeout=10_000)


def test_what_others_decide_comes_to_an_open_page_and_disturbs_nothing(site, explorer):
    found = rings(site)
    here, there = found[0]["ring_id"], found[-1]["ring_id"]
    case = case_on(site, None, "ring", here)
    page = explorer(site)
    page.page.set_viewport_size({"width": 1440, "height": 560})
    page.ring(here, panel="case")
    node = ask(site, f"/rings/{here}")["graph"]["nodes"][0]["id"]

    def place():
        """Return where the node stands on the stage, however far the page is scrolled."""
        found = page.place(node)
        left, top = page.page.evaluate("(({left, top}) => [left, top])(document.querySelector('.stage').getBoundingClientRect())")  # fmt: skip
        return [found["x"] - left, found["y"] - top]

    page.page.get_by_role("button", name="Zoom in").click()
    page.page.wait_for_timeout(800)  # the camera glides
    before = place()
    page.click("comment-toggle")
    page.find("comment-text").fill("half a sent")
    page.find("resolve-comment").fill("not yet")
    page.page.evaluate("document.querySelector('.scroll').scrollTop = 30; window.sameDocument = true")  # fmt: skip
    page.find("comment-text").focus()
    asked = len(page.asked)
    label(site, there, "dismiss", by="cid", reason="x")
    ask(site, f"/cases/{case['case_id']}/assign", None, {"to": "cid", "version": case["version"]})
    row = page.page.locator(f"tr[data-ring='{there}']")
    expect(row).to_contain_text("dismissed", timeout=40_000)
    expect(row).to_contain_text("resolved")
    expect(page.find("case-assignee")).to_have_text("cid", timeout=40_000)
    expect(page.find("case-note")).to_contain_text("changed meanwhile")
    expect(page.find("comment-text")).to_have_value("half a sent")
    expect(page.find("comment-text")).to_be_focused()
    expect(page.find("resolve-comment")).to_have_value("not yet")
    assert page.page.evaluate("[document.querySelector('.scroll').scrollTop, window.sameDocument]") == [30, True]  # fmt: skip
    assert place() == pytest.approx(before, abs=0.5)
    assert state(page)["ring"] == [here]
    assert not any(f"/rings/{here}" in url for url in page.asked[asked:])
    label(site, here, "dismiss", by="cid", reason="a\nfamily")
    expect(page.find("ring-head")).to_contain_text("dismissed", timeout=40_000)
    expect(page.find("case-verdict")).to_contain_text("dismissed")
    expect(page.find("comment-text")).to_have_value("half a sent")
    assert place() == pytest.approx(before, abs=0.5)


def test_the_list_is_walked_by_keys_and_reads_well(office, explorer):
    for member in MEMBERS[5:7]:
        case = case_on(office, office.keys["ana"], "member", member)
    for scheme in ("light", "dark"):
        page = sign_in(explorer, office, "ana", page="cases", theme=scheme)
        rows = page.find("case-row")
        rows.first.focus()
        page.page.keyboard.press("ArrowDown")
        expect(rows.nth(1)).to_be_focused()
        page.page.keyboard.press("ArrowUp")
        page.page.keyboard.press("Enter")
        expect(page.find("case-about")).to_contain_text(case["id"])
        expect(rows.first).to_be_focused()
        expect(rows.first).to_have_attribute("aria-current", "true")
        page.click("resolve-go")
        assert page.violations() == []
        page.page.keyboard.press("Escape")
        expect(rows.first).to_be_focused()
        page.page.keyboard.press("Escape")
        expect(page.find("cases")).to_have_count(0)
        expect(page.find("cases-open")).to_be_focused()
        assert "case-id" not in state(page)
        page.page.go_back()
        expect(page.find("case-about")).to_contain_text(case["id"])


def test_a_long_list_comes_in_pages(office, explorer):
    key = office.keys["ana"]
    for member in MEMBERS[10:115]:
        case_on(office, key, "member", member)
    page = sign_in(explorer, office, "ana", page="cases", cases="open")
    rows = page.find("case-row")
    expect(rows).to_have_count(100)
    expect(page.find("case-count")).to_have_text("the first 100 cases")
    page.click("cases-more")
    count = len(ask(office, "/cases?state=open&limit=500", key)["cases"])
    expect(rows).to_have_count(count)
    expect(page.find("case-count")).to_have_text(f"{count} cases")
    expect(page.find("cases-more")).to_have_count(0)
    # All that is shown is there again when something changed, and the new one with it.
    case_on(office, key, "member", MEMBERS[115])
    page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(rows).to_have_count(count + 1)
    expect(rows.first).to_contain_text(re.compile(re.escape(MEMBERS[115])))
