"""The pages of runs in a real browser: finding runs, one run in full, rating it, and whom they serve."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from support.browser import TIMEOUT_MS, Visitor, problems, visiting
from support.database import execute
from support.processes import Served

REPORTS = "/api/v1/internal/agent-run-log"
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> \u202eevil\u200b {{ 7*7 }}'

expect.set_options(timeout=TIMEOUT_MS)


def report(site: Served, agent_id: str, status: str = "success", **actions: Any) -> str:
    """Record a run; returns its id."""
    body = {"agent_id": agent_id, "status": status, "actions_taken": actions}
    answer = httpx.post(site.url + REPORTS, json=body)
    assert answer.status_code == 204
    return answer.headers["Run-Id"]


def rows(page: Page) -> Any:
    """The runs in the list."""
    return page.locator(".runs tbody tr")


def deep(levels: int) -> Any:
    """An object in an object, and so on."""
    value: Any = "the end"
    for _ in range(levels):
        value = {"level": value}
    return value


def test_filters_are_in_the_address_and_an_empty_result_says_what_to_loosen(
    visitor: Visitor, site: Served
) -> None:
    page = visitor.open("/runs")
    expect(page.get_by_role("heading", name="None yet")).to_be_visible()
    for n in range(60):
        report(site, "sage", "failed" if n == 30 else "success", summary=f"Checked {n} files")
    report(site, "nova")
    expect(rows(page)).to_have_count(50)
    page.get_by_label("Agent").fill("sage")
    page.get_by_label("Status").select_option("failed")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(
        f"{site.url}/runs?agent_id=sage&status=failed&span=&q=&since=&until=&least_score=&most_score="
    )
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Checked 30 files")
    expect(rows(page)).to_contain_text("queued")
    page.goto(site.url + "/runs?agent_id=sage&status=failed&q=nowhere")
    expect(page.get_by_role("heading", name="No such run")).to_be_visible()
    page.get_by_role("link", name="without text: nowhere").click()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="Clear filters").click()
    page.get_by_role("link", name="Older runs").click()
    expect(rows(page)).to_have_count(11)
    expect(rows(page).last).to_contain_text("Checked 0 files")
    page.get_by_role("link", name="Newest runs").click()
    expect(rows(page).first).to_contain_text("success, silent")


def test_a_filter_that_cannot_be_read_is_named_beside_its_field(browser: Browser, site: Served) -> None:
    with visiting(browser, site.url, java_script_enabled=False) as visitor:
        answer = httpx.get(site.url + "/runs", params={"least_score": "high", "q": "kept"})
        assert answer.status_code == 422
        visitor.context.route(
            "**/runs?*", lambda route: route.fulfill(status=200, body=answer.text, content_type="text/html")
        )
        page = visitor.open("/runs?least_score=high")
        expect(page.get_by_label("Lowest score")).to_have_attribute("aria-describedby", "least_score-error")
        expect(page.locator("#least_score-error")).to_have_text("a number from 0 to 1")
        expect(page.get_by_label("Text")).to_have_value("kept")


def test_new_runs_come_in_at_the_top_unless_one_has_scrolled_away(visitor: Visitor, site: Served) -> None:
    for n in range(50):
        report(site, "atlas", summary=f"Before {n}")
    page = visitor.open("/runs")
    expect(page.locator("#live")).to_have_text("live")
    report(site, "atlas", summary="The first to come in")
    expect(rows(page).first).to_contain_text("The first to come in")
    page.evaluate("scrollTo(0, 400)")
    report(site, "atlas", summary="The second to come in")
    news = page.get_by_role("button", name="There is news: show it")
    expect(news).to_be_visible()
    expect(rows(page).first).to_contain_text("The first to come in")
    news.click()
    expect(rows(page).first).to_contain_text("The second to come in")


def test_a_run_is_compared_with_the_last_good_one(visitor: Visitor, site: Served) -> None:
    good = report(site, "luma", summary="Built the page", tests={"run": 14, "passed": 14}, pr="#12")
    report(site, "luma", "failed", summary="Could not build")
    silent = report(site, "luma")
    page = visitor.open(f"/runs/{silent}")
    part = page.get_by_role("region", name="What the last good run had")
    expect(part.get_by_role("link")).to_have_attribute("href", f"/runs/{good}")
    expect(part.get_by_role("listitem")).to_have_text(
        ["pr “#12”", re.compile("tests 2 keys"), re.compile("summary")]
    )
    page.get_by_role("link", name="Run before").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Could not build")
    expect(page.get_by_role("link", name="Run after")).to_have_attribute("href", f"/runs/{silent}")


def test_the_beginning_of_an_id_leads_to_its_run(visitor: Visitor, site: Served) -> None:
    run_id = report(site, "helios", summary="Found by the beginning of its id")
    page = visitor.open(f"/runs/{run_id[:-3].upper()}")
    expect(page).to_have_url(f"{site.url}/runs/{run_id}")
    for unknown in ("ffffffff", "no-id", HOSTILE.replace("/", "")):
        answer = httpx.get(f"{site.url}/runs/{unknown}", headers={"Accept": "text/html"})
        assert (answer.status_code, "<h1>Not Found</h1>" in answer.text) == (404, True)
        assert "<script>document" not in answer.text


def test_a_person_rates_by_one_key_and_takes_it_back(visitor: Visitor, site: Served) -> None:
    run_id = report(site, "scout", summary="Compared 3 vendors")
    ratings = f"{site.url}{REPORTS}/{run_id}/feedback"
    page = visitor.open(f"/runs/{run_id}")
    page.get_by_label("Your name").fill("Ada 5")
    assert httpx.get(ratings).json() == {"ratings": []}
    page.get_by_label("Comment").fill("thorough")
    page.get_by_role("heading", name="Rate it").click()
    page.keyboard.press("4")
    expect(page.get_by_role("listitem").filter(has_text="Ada 5")).to_contain_text("4 of 5")
    page.keyboard.press("2")
    expect(page.get_by_role("listitem").filter(has_text="Ada 5")).to_contain_text("2 of 5")
    assert [(each["rating"], each["comment"]) for each in httpx.get(ratings).json()["ratings"]] == [
        (0.25, "thorough")
    ]
    page.keyboard.press("u")
    expect(page.get_by_role("listitem").filter(has_text="Ada 5")).to_contain_text("4 of 5")
    other = visitor.open(f"/runs/{run_id}")
    expect(other.get_by_label("Your name")).to_have_value("Ada 5")
    other.get_by_label("Keys: 1 to 5 rate, u undoes").uncheck()
    other.keyboard.press("1")
    other.get_by_role("button", name="5").click()
    expect(other.get_by_role("listitem").filter(has_text="Ada 5")).to_contain_text("5 of 5")


def test_without_scripts_one_rates_and_reads_all_of_a_report(browser: Browser, site: Served) -> None:
    run_id = report(site, "lyra", summary="Wrote", log="x" * 5000 + "the end of the log", deep=deep(20))
    with visiting(browser, site.url, java_script_enabled=False) as visitor:
        page = visitor.open(f"/runs/{run_id}")
        page.get_by_label("Your name").fill("Grace")
        page.get_by_role("button", name="3").click()
        expect(page.get_by_role("listitem").filter(has_text="Grace")).to_contain_text("3 of 5")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("No person has rated it yet")).to_be_visible()
        page.get_by_role("link", name="show all, 5,018 characters").click()
        expect(page.get_by_text("the end of the log")).to_be_visible()
        page.go_back()
        for _ in range(3):
            page.locator("details:not([open]):has(.lazy)").last.locator("summary").click()
            page.get_by_role("link", name="Open").click()
        expect(page.locator("main")).to_contain_text("the end")
    answer = httpx.post(f"{site.url}/runs/{run_id}/rating", data={"rating": "6", "comment": "typed"})
    assert answer.status_code == 422
    assert all(part in answer.text for part in ("rating-error", "rater-error", 'value="typed"'))


def test_a_huge_hostile_report_is_text_and_opens_level_by_level(visitor: Visitor, site: Served) -> None:
    many = {f"key {n} {HOSTILE}": n for n in range(5000)}
    run_id = report(
        site, f"hostile {HOSTILE}", summary=HOSTILE, big="y" * 300_000 + HOSTILE, many=many, deep=deep(90)
    )
    httpx.post(
        f"{site.url}{REPORTS}/{run_id}/feedback", json={"rating": 0.5, "rater": HOSTILE, "comment": HOSTILE}
    )
    page = visitor.open(f"/runs/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("U+202E")
    levels = page.locator(".payload .key").filter(has_text=re.compile("^level$"))
    for _ in range(2):
        shown = levels.count()
        page.locator("details:has(> .lazy) > summary").filter(has_text="level").click()
        expect(levels).not_to_have_count(shown)
    page.locator(".payload summary").filter(has_text="many 5,000 keys").click()
    page.get_by_role("link", name="more, from 101 of 5,000 keys").click()
    expect(page.locator(".payload .key").filter(has_text="key 150 ")).to_have_count(1)
    page.get_by_role("link", name=re.compile("show all, 300,")).click()
    expect(page.locator(".value").filter(has_text="yyyy")).to_contain_text("{{ 7*7 }}")
    assert page.locator("main script, main img").count() == 0
    assert page.title().endswith("Agent Run Log")
    listed = visitor.open("/runs?q=onerror")
    expect(listed.locator(".runs .action").first).to_contain_text("<script>document.title=2</script>")
    assert listed.locator("main script, main img").count() == 0


def test_what_was_opened_stays_open_while_a_finding_comes_in(
    visitor: Visitor, site: Served, module_database: str
) -> None:
    run_id = report(site, "orion", summary="Ran", deep=deep(20))
    page = visitor.open(f"/runs/{run_id}")
    expect(page.locator("#live")).to_have_text("live")
    levels = page.locator(".payload .key").filter(has_text=re.compile("^level$"))
    shown = levels.count()
    page.locator("details:has(> .lazy) > summary").click()
    expect(levels).not_to_have_count(shown)
    opened = levels.count()
    finding = (
        "INSERT INTO audit_finding (rule, agent_id, message, severity)"
        " VALUES ('silent_runs', 'orion', 'says nothing', 'high')"
    )
    with ThreadPoolExecutor(1) as thread:  # Playwright keeps this thread's event loop
        thread.submit(asyncio.run, execute(module_database, finding)).result()
    page.get_by_role("button", name="There is news: show it").click()
    expect(page.get_by_text("says nothing")).to_be_visible()
    expect(levels).to_have_count(opened)


def test_they_serve_everybody(visitor: Visitor, site: Served) -> None:
    report(site, "aurora", summary="Smoke tests: 38 of 38 passed", builds=[1, 2])
    run_id = report(site, "aurora", "failed", summary="Smoke tests: 2 of 38 failed", log="z" * 900)
    httpx.post(f"{site.url}{REPORTS}/{run_id}/feedback", json={"rating": 0.5, "rater": "Ada"})
    for path in ("/runs", f"/runs/{run_id}?rated=Ada", "/runs?q=nowhere-at-all"):
        page = visitor.open(path)
        for summary in page.locator("summary").all():
            summary.click()
        assert (path, problems(page)) == (path, [])
        page.close()
