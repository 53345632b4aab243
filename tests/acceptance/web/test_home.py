"""The Intelligence Dashboard in a real browser: what it shows, how it stays true, whom it serves."""

import json
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Browser, expect

from support.browser import (
    HOSTILE,
    TIMEOUT_MS,
    Visitor,
    problems,
    visiting,
)
from support.pages import REPORTS, execute, report
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)


def test_without_a_run_it_shows_how_to_begin(visitor: Visitor, site: Served) -> None:
    page = visitor.open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("No agent has reported yet")
    expect(page.locator("code")).to_contain_text(f"{site.url}{REPORTS}")
    assert problems(page) == []


def test_a_run_appears_in_every_open_tab_without_a_reload(visitor: Visitor, site: Served) -> None:
    first, second = visitor.open("/"), visitor.open("/")
    for page in (first, second):
        expect(page.locator("#live")).to_have_text("live")
        page.evaluate("window.untouched = true")
    report(site, "sage", summary="Fixed database connection pool leak in session.py")
    for page in (first, second):
        row = page.get_by_role("row").filter(has_text="Sage -- Backend")
        expect(row).to_contain_text("Fixed database connection pool leak in session.py")
        expect(row).to_contain_text("completed")
        assert page.evaluate("window.untouched")


def test_what_an_agent_wrote_is_text(visitor: Visitor, site: Served) -> None:
    report(site, HOSTILE[:200], summary=HOSTILE)
    page = visitor.open("/")
    action = page.locator(".action").filter(has_text="onerror").first
    expect(action).to_contain_text("<script>document.title=2</script>")
    expect(action).to_contain_text("U+202E")
    expect(action).to_contain_text("{{ 7*7 }}")
    assert page.locator("main script, main img").count() == 0
    assert page.title().endswith("Intelligence · Agent Run Log")


def test_the_verdict_names_who_is_in_trouble(visitor: Visitor, site: Served, module_database: str) -> None:
    report(site, "nova", summary="Scanned 212 dependencies: no new CVE")
    now = datetime.now(UTC)
    execute(module_database, "INSERT INTO audit_cycle (ended_at) VALUES ($1)", now)
    execute(
        module_database,
        "INSERT INTO audit_finding (rule, agent_id, message, severity, opened_at, last_run_at, evidence)"
        " VALUES ('silent_runs', 'nova', 'secret detail', 'high', $1, $1, $2)",
        now + timedelta(seconds=1),
        json.dumps({"first_run": {"created_at": (now - timedelta(days=9)).isoformat()}}),
    )
    page = visitor.open("/")
    since = f"1 silent since {now - timedelta(days=9):%Y-%m-%d}"
    expect(page.get_by_role("heading", level=1)).to_contain_text(since)
    expect(page.get_by_role("list").filter(has_text="Nova -- Security")).to_contain_text("silent")
    assert "secret detail" not in page.content()
    expect(page).to_have_title("(1) Intelligence · Agent Run Log")
    assert page.locator("#icon").get_attribute("href") == page.locator("#icon").get_attribute("data-trouble")
    execute(module_database, "UPDATE audit_finding SET closed_at = now()")
    expect(page).to_have_title("Intelligence · Agent Run Log")
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("silent")


def test_it_serves_everybody(visitor: Visitor, site: Served) -> None:
    report(site, "aurora", "failed", summary="Smoke tests: 2 of 38 failed")
    page = visitor.open("/")
    expect(page.get_by_role("row").filter(has_text="Aurora -- QA")).to_contain_text("failed")
    assert problems(page) == []


def test_without_scripts_all_of_it_can_be_read(browser: Browser, site: Served) -> None:
    report(site, "atlas", summary="Rotated the TLS certificates of 6 hosts")
    with visiting(browser, site.url, java_script_enabled=False) as visitor:
        page = visitor.open("/")
        expect(page.get_by_role("row").filter(has_text="Atlas")).to_contain_text("6 hosts")
        expect(page.locator("#live")).to_have_text("not live")
