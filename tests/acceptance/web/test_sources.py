"""A run's page says who reported it, and what each source said."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from support.browser import TIMEOUT_MS, Visitor, problems
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

ENDPOINT = "/api/v1/internal/agent-run-log"
OWN: dict[str, Any] = {
    "status": "success",
    "actions_taken": {"summary": "Fixed a leak <script>alert(1)</script>"},
}
PLUGIN: dict[str, Any] = {
    "source": "openclaw-plugin",
    "status": "failed",
    "actions_taken": {"error": "timed out after 300 s"},
    "started_at": "2026-11-30T00:00:00Z",
    "finished_at": "2026-11-30T00:05:00Z",
}


@pytest.fixture(scope="module")
def run_id(site: Served) -> str:
    """A run that two sources reported."""
    for report in (OWN, PLUGIN):
        answer = httpx.post(f"{site.url}{ENDPOINT}", json={"agent_id": "sage", "run_key": "k", **report})
        assert answer.status_code == 204
    run_id: str = answer.headers["Run-Id"]
    return run_id


def test_each_source_is_shown_with_what_it_said(visitor: Visitor, run_id: str) -> None:
    page = visitor.open(f"/runs/{run_id}")
    sources = page.locator("section", has=page.locator("#sources"))
    expect(sources.get_by_role("listitem")).to_contain_text(["agent success", "openclaw-plugin failed"])
    expect(sources).to_contain_text("began")
    sources.get_by_text("What it reported").last.click()
    expect(sources.get_by_text("timed out after 300 s")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fixed a leak")


def test_a_run_of_the_agent_alone_has_no_such_list(site: Served, visitor: Visitor) -> None:
    answer = httpx.post(f"{site.url}{ENDPOINT}", json={"agent_id": "nova", **OWN})
    page = visitor.open(f"/runs/{answer.headers['Run-Id']}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#sources")).to_have_count(0)


def test_it_serves_everybody(visitor: Visitor, run_id: str) -> None:
    page = visitor.open(f"/runs/{run_id}")
    page.locator("#source-1").get_by_text("What it reported").click()
    assert problems(page) == []
