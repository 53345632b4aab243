"""The pages of agents in a real browser: the list, an agent, and what a person declares of it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
from playwright.sync_api import expect

from support.browser import TIMEOUT_MS, Visitor, problems
from support.pages import execute, report
from support.processes import Served

API = "/api/v1/internal/agents"
HOSTILE = 'a/../<img src=x onerror="document.title=1">\u202e {{ 7*7 }}'

expect.set_options(timeout=TIMEOUT_MS)


def test_an_agent_is_declared_by_keyboard_with_its_due_times_seen_before(
    visitor: Visitor, site: Served
) -> None:
    page = visitor.open("/agents")
    page.get_by_label("Declare an agent before its first run").focus()
    page.keyboard.type("team/night shift")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Declare team/night shift")
    page.get_by_label("Schedule").focus()
    page.keyboard.type("0 9 * *")
    expect(page.locator("#preview")).to_contain_text("that is no schedule")
    page.keyboard.type(" 1-5")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+A")
    page.keyboard.type("Asia/Tokyo")
    expect(page.locator("#preview")).to_contain_text("at 09:00 on Monday through Friday (Asia/Tokyo)")
    rows = page.locator("#preview tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.first.locator("td").nth(1)).to_contain_text("00:00")
    expect(rows.first.locator("td").nth(2)).to_contain_text("09:00")
    expect(rows.first.locator("time")).not_to_contain_text("UTC")
    expect(page.get_by_label("Schedule")).to_have_value("0 9 * * 1-5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("team/night shift")
    expect(page.locator("main")).to_contain_text("at 09:00 on Monday through Friday (Asia/Tokyo)")
    expect(page.locator("h1 .state")).to_have_text("new")
    assert httpx.get(f"{site.url}{API}/team%2Fnight%20shift").json()["timezone"] == "Asia/Tokyo"


def test_a_run_shows_on_the_list_and_on_its_agent_at_once(visitor: Visitor, site: Served) -> None:
    report(site, "sage", summary="the first")
    one, all_of_them = visitor.open("/agents/sage"), visitor.open("/agents")
    for page in (one, all_of_them):
        expect(page.locator("#live")).to_have_text("live")
    report(site, "sage", "failed", summary="the second")
    expect(one.get_by_role("row").filter(has_text="the second")).to_contain_text("failed")
    expect(all_of_them.get_by_role("row").filter(has_text="Sage -- Backend")).to_contain_text("failed")


def test_buttons_pause_resume_and_mute_and_a_removal_tells_what_follows(
    visitor: Visitor, site: Served
) -> None:
    report(site, "nova", summary="Scanned 212 dependencies: no new CVE")
    page = visitor.open("/agents/nova")
    state = page.locator("h1 .state")
    page.get_by_label("Pause for").select_option("for 1 day")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("up")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.locator("main")).to_contain_text("no alert about it goes out")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Grace, in seconds").fill("soon")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
    expect(page.get_by_label("Grace, in seconds")).to_have_value("soon")
    visitor.errors.clear()  # Chromium calls every 422 an error
    page.get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="Remove the declaration").click()
    expect(page.locator("main")).to_contain_text("Its runs, scores and findings stay")
    page.get_by_role("button", name="Remove the declaration").click()
    expect(page.locator("main")).to_contain_text("Scanned 212 dependencies")
    expect(page.get_by_role("link", name="Remove the declaration")).to_have_count(0)


def test_what_agents_and_people_wrote_is_text(visitor: Visitor, site: Served, module_database: str) -> None:
    report(site, HOSTILE, summary=HOSTILE)
    execute(
        module_database,
        "INSERT INTO audit_finding (rule, agent_id, message, severity) VALUES ('late', $1, $2, 'low')",
        HOSTILE,
        HOSTILE,
    )
    declaration = {"display_name": HOSTILE, "role": HOSTILE}
    assert httpx.put(f"{site.url}{API}/{quote(HOSTILE, safe='')}", json=declaration).status_code == 204
    page = visitor.open("/agents?q=onerror")
    page.get_by_role("link").filter(has_text="onerror").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    expect(page.get_by_role("heading", level=1)).to_contain_text("U+202E")
    expect(page.get_by_role("row").filter(has_text="{{ 7*7 }}").first).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Display name")).to_have_value(HOSTILE)
    assert page.locator("main img, main script").count() == 0


def test_they_serve_everybody(visitor: Visitor, site: Served, module_database: str) -> None:
    now = datetime.now(UTC)
    report(site, "aurora", "failed", summary="Smoke tests: 2 of 38 failed")
    execute(
        module_database,
        "INSERT INTO agent_run_log (agent_id, status, created_at, rlhf_scores)"
        " SELECT 'aurora', 'success', $1::timestamptz - n * interval '3 hours',"
        ' \'{"overall": 0.7, "dimensions": {"evidence": 0.6}}\' FROM generate_series(1, 60) AS n',
        now,
    )
    execute(
        module_database,
        "INSERT INTO audit_finding (rule, agent_id, message, severity, opened_at, closed_at)"
        " VALUES ('late', 'aurora', 'aurora was late', 'low', $1, $2)",
        now - timedelta(hours=2),
        now - timedelta(hours=1),
    )
    httpx.put(f"{site.url}{API}/aurora", json={"schedule": "0 */3 * * *"})
    for path in ("/agents", *(f"/agents/aurora?show={name}" for name in ("feedback", "edit", "remove"))):
        page = visitor.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert (path, problems(page)) == (path, [])
