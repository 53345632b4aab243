"""Agents that are running say so, and those that hang are in trouble."""

import pytest
from playwright.sync_api import expect

from support.browser import TIMEOUT_MS, Visitor, problems
from support.pages import execute
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

STARTS = """
WITH run AS (
    INSERT INTO agent_run_log (agent_id, created_at, actions_taken)
    SELECT agent_id, now() - interval '5 hours' - n * interval '1 hour', '{"summary": "Fixed it"}'
    FROM unnest($1::text[]) AS agent_id, generate_series(1, 40) AS n
    RETURNING id, agent_id, created_at
), used AS (
    INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds)
    SELECT id, agent_id, created_at, 240 FROM run
)
INSERT INTO agent_run_start (agent_id, run_key, started_at, received_at) VALUES
    ('sage', 'a', now() - interval '4 minutes', now() - interval '4 minutes'),
    ('hangs-for-hours', 'b', now() - interval '3 hours', now() - interval '3 hours'),
    ('first-run', '', now() - interval '5 minutes', now() - interval '5 minutes')
"""
FOUND = """
INSERT INTO audit_finding (rule, agent_id, severity, message, evidence, opened_at, began_at) VALUES (
    'running_long', 'hangs-for-hours', 'high', 'hangs-for-hours has been running for 3 h, usually 4 min',
    '{"started_at": "2026-11-30T10:00:00+00:00", "run_key": "b",
      "duration": {"seconds": 10800, "median": 240, "most": 300, "limit": 600}}',
    now() - interval '2 hours', now() - interval '3 hours'
)
"""


@pytest.fixture(scope="module", autouse=True)
def starts(site: Served, module_database: str) -> None:
    """Agents with a run under way, one of which hangs."""
    execute(module_database, STARTS, ["sage", "hangs-for-hours", "idle"])
    execute(module_database, FOUND)


def test_the_list_says_who_is_running(visitor: Visitor) -> None:
    page = visitor.open("/agents")
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="Sage")).to_contain_text("running for 4 min")
    expect(rows.filter(has_text="hangs-for-hours")).to_contain_text("running far longer than usual")
    expect(rows.filter(has_text="first-run")).to_contain_text("running for 5 min")
    expect(rows.filter(has_text="idle")).not_to_contain_text("running")


def test_an_agent_and_the_finding_say_since_when(visitor: Visitor) -> None:
    page = visitor.open("/agents/sage")
    expect(page.locator(".agent-head")).to_contain_text("running for 4 min, since")
    page.goto(f"{visitor.base}/agents/first-run")
    expect(page.locator(".agent-head")).to_contain_text("It has started and has not reported yet.")
    page.goto(f"{visitor.base}/audit")
    expect(page.get_by_role("main")).to_contain_text("has been running for 3 h, usually 4 min")


def test_they_serve_everybody(visitor: Visitor) -> None:
    for path in ("/agents", "/agents/sage"):
        assert (path, problems(visitor.open(path))) == (path, [])
