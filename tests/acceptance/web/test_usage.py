"""What runs took, on the pages: of those that say it, and never 0 for the others."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from support.browser import TIMEOUT_MS, Visitor, problems
from support.pages import execute
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

USAGE = """
WITH run AS (
    INSERT INTO agent_run_log (agent_id, created_at, actions_taken, rlhf_scores)
    SELECT agent_id, now() - n * interval '1 millisecond', '{"summary": "Fixed it"}', '{"overall": 0.5}'
    FROM unnest($1::text[]) AS agent_id, generate_series(1, 3) AS n
    RETURNING id, agent_id, created_at
)
INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, tokens, cost_usd)
SELECT id, agent_id, created_at, 750, 1200000, 1.25 FROM run WHERE agent_id <> 'mute'
"""


@pytest.fixture(scope="module", autouse=True)
def usage(site: Served, module_database: str) -> None:
    """Runs of three agents; those of `mute` say nothing of it."""
    execute(module_database, USAGE, ["sage", "nova-with-a-long-name-of-many-words", "mute"])


def test_a_day_has_it_of_all_runs_and_of_each_agent(visitor: Visitor) -> None:
    page = visitor.open(f"/day/{datetime.now(UTC).date()}")
    cost = page.locator("section", has=page.locator("#cost"))
    expect(cost.locator(".figure")).to_have_text("$7.50")
    expect(cost).to_contain_text("Of the agents' work, as 6 of 9 runs say")
    expect(cost.get_by_role("definition")).to_contain_text(
        ["7,200,000, as 6 of 9 runs say", "12 min, at most"]
    )
    table = page.locator("section", has=page.locator("#usage"))
    expect(table.get_by_role("row").filter(has_text="Sage")).to_contain_text("3 of 3")
    expect(table.get_by_role("row").filter(has_text="mute")).to_have_count(0)


def test_an_agent_has_it_by_day(visitor: Visitor) -> None:
    page = visitor.open("/agents/sage")
    usage = page.locator("section", has=page.locator("#usage"))
    expect(usage.get_by_role("definition")).to_contain_text(
        ["12 min", "3,600,000, as 3 of 3 runs say", "$3.75"]
    )
    usage.get_by_text("By day").click()
    expect(usage.get_by_role("row").filter(has_text=str(datetime.now(UTC).date()))).to_contain_text("$3.75")
    page.goto(f"{visitor.base}/agents/mute")
    expect(page.locator("section", has=page.locator("#usage"))).to_contain_text("No report of these weeks")


def test_today_has_it_for_readers_of_the_internal_face(visitor: Visitor) -> None:
    today = visitor.open("/").locator("section", has_text="Tasks completed today")
    expect(today).to_contain_text("7,200,000 tokens, as 6 of 9 runs say")
    expect(today).to_contain_text("$7.50 spent, as 6 of 9 runs say")


def test_the_pages_serve_everybody(visitor: Visitor) -> None:
    for path in ("/", f"/day/{datetime.now(UTC).date()}", "/agents/sage"):
        page = visitor.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for details in page.locator("details.by-day summary").all():
            details.click()
        assert (path, problems(page)) == (path, [])
