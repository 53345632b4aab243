"""The pages of the swarm and of a day in a real browser, and which pages the public face has."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from support.browser import (
    HOSTILE,
    TIMEOUT_MS,
    Visitor,
    problems,
)
from support.pages import execute
from support.processes import Served, served

expect.set_options(timeout=TIMEOUT_MS)

INTERNAL = "/api/v1/internal"


def today() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def beat(site: Served, agent_id: str, **fields: object) -> None:
    """Send a heartbeat."""
    body = {"agent_id": agent_id, **fields}
    assert httpx.post(f"{site.url}{INTERNAL}/peer-swarm/heartbeat", json=body).status_code == 204


def task(site: Served, task_id: str, **fields: object) -> None:
    """Report a task of Agent Cloud."""
    body = {"task_id": task_id, **fields}
    assert httpx.post(f"{site.url}{INTERNAL}/agent-cloud/tasks", json=body).status_code == 204


def report(site: Served, agent_id: str, status: str, summary: str) -> None:
    """Record a run."""
    body = {"agent_id": agent_id, "status": status, "actions_taken": {"summary": summary}}
    assert httpx.post(f"{site.url}{INTERNAL}/agent-run-log", json=body).status_code == 204


def test_what_the_swarm_adds_is_shown_as_it_comes_and_adds_up(
    visitor: Visitor, site: Served, module_database: str
) -> None:
    page = visitor.open("/swarm")
    expect(page.get_by_text("No peer has sent a heartbeat yet")).to_be_visible()
    beat(site, "sage", role="Backend", status="active", improvement_loops=4, details={"pr": 12})
    task(site, "task-1", agent_id="nova", status="completed")
    task(site, "task-2", status="failed", details={"error": "quota"})
    execute(
        module_database,
        "INSERT INTO peer_swarm_heartbeat (agent_id, improvement_loops, heartbeat_at)"
        " VALUES ('atlas', 9, now() - interval '2 days')",
    )
    row = page.get_by_role("row").filter(has_text="Sage -- Backend")
    expect(row).to_contain_text("active")
    expect(row).to_contain_text('{"pr":12}')
    expect(page.get_by_role("row").filter(has_text="task-1")).to_contain_text("Nova -- Security")
    page.reload()
    expect(page.get_by_role("row").filter(has_text="Atlas")).to_contain_text("none today; 9 on")
    expect(page.get_by_role("row").filter(has_text="task-2")).to_contain_text('{"error":"quota"}')
    public = httpx.get(f"{site.url}/api/v1/public/platform/intelligence").json()["metrics"]
    total = public["tasks_completed_today"]
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{total} tasks completed today")
    assert total == 5


def test_a_day_says_what_is_unknown(visitor: Visitor, site: Served, module_database: str) -> None:
    report(site, "aurora", "failed", "aborted: disk full")
    report(site, "nova", "success", "Scanned 212 dependencies")
    day = today().date()
    page = visitor.open("/day")
    page.wait_for_url(f"**/day/{day}")
    expect(page.get_by_text("it is not over: these are its figures so far")).to_be_visible()
    expect(page.locator("section", has=page.locator("#failures"))).to_contain_text("“aborted: disk full”")
    runs = page.locator("section", has=page.locator("#runs"))
    expect(runs.get_by_role("definition")).to_have_text(["1", "0", "1", "0"])
    expect(page.locator("section", has=page.locator("#missing"))).to_contain_text(
        "The Auditor did not judge on this day: this is unknown"
    )
    page.get_by_role("link", name=str(day - timedelta(days=1))).click()
    expect(page.get_by_text(f"The log begins on {day}: nothing is known of this day.")).to_be_visible()
    tasks = page.locator("section", has=page.locator("#tasks"))
    expect(tasks.locator(".figure")).to_have_text("unknown")
    expect(tasks.get_by_role("definition")).to_have_text(["unknown"] * 3)
    page.get_by_role("textbox", name="Day").fill(str(day))
    page.get_by_role("button", name="Go").click()
    page.wait_for_url(f"**/day/{day}")


@pytest.mark.parametrize(
    "path", ["/day/2026-02-30", "/day/9999-12-31", "/day/yesterday", "/day/1969-12-31", "/day?date=x"]
)
def test_what_is_no_day_is_not_found(site: Served, path: str) -> None:
    answer = httpx.get(site.url + path, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "<h1>Not Found</h1>" in answer.text
    assert "A day is written YYYY-MM-DD" in answer.text


def test_they_serve_everybody(visitor: Visitor, site: Served) -> None:
    beat(site, HOSTILE, role=HOSTILE[:200], status=HOSTILE[:60], details={HOSTILE: HOSTILE})
    task(site, HOSTILE, agent_id=HOSTILE, status="completed", details={HOSTILE: HOSTILE})
    report(site, HOSTILE, "failed", HOSTILE)
    for path in ("/swarm", f"/day/{today().date()}"):
        page = visitor.open(path)
        expect(page.locator("main")).to_contain_text("<script>document.title=2</script> U+202Eevil")
        assert page.locator("main script, main img").count() == 0
        assert problems(page) == []


def test_the_public_face_has_none_of_them(module_database: str, tmp_path: Path) -> None:
    env = {"DATABASE_URL": module_database, "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}
    with served("--expose", "public", env=env, log=tmp_path / "log") as public:
        for path in ("/audit", "/review", "/swarm", "/day", f"/day/{today().date()}"):
            assert httpx.get(public.url + path).status_code == 404
        for path in ("/audit/0/acknowledge", "/review/rate", "/review/undo"):
            assert httpx.post(public.url + path).status_code == 404
