"""The page of findings in a real browser: proofs, filters, acknowledging, and whom it serves."""

import json
from typing import Any
from uuid import UUID, uuid4

import httpx
from playwright.sync_api import Browser, expect

from support.browser import (
    HOSTILE,
    TIMEOUT_MS,
    Visitor,
    problems,
    visiting,
)
from support.pages import execute
from support.processes import Served

expect.set_options(timeout=TIMEOUT_MS)

OPEN = """
INSERT INTO audit_finding (id, rule, agent_id, message, severity, opened_at, evidence, alerted_at)
VALUES ($1, $2, $3, $4, $5, now() - interval '1 hour', $6, now())
"""
ALERTED = """
INSERT INTO alert_notification (id, kind, channel, state, events, created_at, sent_at)
VALUES ($1, 'opened', 'webhook', 'sent', $2, now() - interval '1 hour', now() - interval '59 minutes')
"""
TRIED = """
INSERT INTO alert_attempt (notification_id, attempt, started_at, ok, outcome, seconds)
VALUES ($1, $2, now() - interval '59 minutes', $3, $4, 0.2)
"""


def found(database: str, agent_id: str, message: str = "m", severity: str = "high", **evidence: Any) -> UUID:
    """An open finding."""
    finding_id = uuid4()
    rule = "silent_runs" if severity == "high" else "late"
    execute(database, OPEN, finding_id, rule, agent_id, message, severity, json.dumps(evidence))
    return finding_id


def alerted(database: str, finding_id: UUID) -> None:
    """An alert about the finding that was refused once, and then delivered."""
    notification_id = uuid4()
    execute(database, ALERTED, notification_id, json.dumps([[str(finding_id), "opened"]]))
    execute(database, TRIED, notification_id, 1, False, "HTTP 503: away")
    execute(database, TRIED, notification_id, 2, True, "HTTP 204")


def test_a_finding_shows_its_evidence_and_the_proof_of_its_alert(
    visitor: Visitor, module_database: str
) -> None:
    finding_id = found(
        module_database, "sage", "sage says nothing", last_output=None, count=3, stopped_with=["nova"]
    )
    alerted(module_database, finding_id)
    found(module_database, "atlas", "atlas is late", "low")
    page = visitor.open("/audit")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 open findings, 2 not acknowledged")
    assert [each.split()[0] for each in page.locator("article h3").all_inner_texts()] == ["Sage", "Atlas"]
    finding = page.locator(f"#finding-{finding_id}")
    expect(finding).to_contain_text("none among the runs that were looked at")
    expect(finding.get_by_role("link", name="nova")).to_have_attribute("href", "/agents/nova")
    finding.get_by_text("delivered by webhook, ").click()
    steps = finding.locator(".steps li")
    expect(steps).to_contain_text(["Opened", "queued", "503", "204"], use_inner_text=True)
    expect(page.get_by_text("No channel is set: no one is alerted")).to_be_visible()


def test_filters_are_in_the_address(visitor: Visitor, module_database: str) -> None:
    found(module_database, "lyra", severity="low")
    page = visitor.open("/audit")
    page.get_by_role("textbox", name="Agent").fill("lyra")
    page.get_by_label("Severity").select_option("low")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/audit?agent=lyra*severity=low*")
    expect(page.locator("article h3")).to_have_count(1)
    page.goto(page.url.replace("severity=low", "severity=high"))
    expect(page.get_by_text("No open finding is so")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("article").filter(has_text="Lyra")).to_be_visible()


def test_who_acknowledges_is_kept_and_remembered(visitor: Visitor, module_database: str) -> None:
    first, second = found(module_database, "luma"), found(module_database, "helios")
    page = visitor.open("/audit?severity=high")
    form = page.locator(f"#finding-{first}")
    form.get_by_text("Acknowledge", exact=True).first.click()
    form.get_by_label("Your name").fill("ada")
    form.get_by_label("Reason").fill("the disk is being replaced")
    form.get_by_label("Reason").press("Enter")
    page.wait_for_url(f"**/audit?severity=high#finding-{first}")
    expect(form).to_contain_text("Acknowledged by ada")
    expect(form).to_contain_text("“the disk is being replaced”")
    expect(page.locator(f"#by-{second}")).to_have_value("ada")


def test_a_form_that_is_refused_says_why_and_keeps_what_was_typed(
    browser: Browser, site: Served, module_database: str
) -> None:
    finding_id = found(module_database, "scout")
    path = f"/audit/{finding_id}/acknowledge"
    refused = httpx.post(site.url + path, data={"note": "kept", "severity": "high"})
    assert refused.status_code == 422
    with visiting(browser, site.url, java_script_enabled=False) as visitor:
        page = visitor.open("/audit?agent=scout")
        page.get_by_text("Acknowledge", exact=True).first.click()
        page.get_by_label("Your name").fill("x" * 256)
        page.get_by_label("Reason").fill("kept")
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".error").filter(has_text="has more than 255 characters")).to_be_visible()
        expect(page.get_by_label("Reason")).to_have_value("kept")
        visitor.errors.clear()  # the browser's own note of the status
    assert httpx.post(site.url + f"/audit/{uuid4()}/acknowledge", data={"by": "ada"}).status_code == 404


def test_what_changes_is_shown_without_a_reload(visitor: Visitor, module_database: str) -> None:
    page = visitor.open("/audit?agent=orion")
    expect(page.locator("#live")).to_have_text("live")
    page.evaluate("window.untouched = true")
    finding_id = found(module_database, "orion")
    expect(page.locator(f"#finding-{finding_id}")).to_be_visible()
    alerted(module_database, finding_id)
    expect(page.locator(f"#finding-{finding_id}")).to_contain_text("delivered by webhook")
    execute(module_database, "INSERT INTO audit_cycle (error) VALUES ('OSError: the disk is full')")
    expect(page.get_by_text("OSError: the disk is full")).to_be_visible()
    assert page.evaluate("window.untouched")


def test_what_one_has_opened_stays_until_one_asks_for_the_news(
    visitor: Visitor, module_database: str
) -> None:
    finding_id = found(module_database, "vega")
    page = visitor.open("/audit?agent=vega")
    expect(page.locator("#live")).to_have_text("live")
    page.locator(f"#finding-{finding_id} summary").first.click()
    alerted(module_database, finding_id)
    page.get_by_role("button", name="There is news: show it").click()
    expect(page.locator(f"#finding-{finding_id}")).to_contain_text("delivered by webhook")


def test_it_serves_everybody(visitor: Visitor, module_database: str) -> None:
    evidence = {"last_success": {"summary": HOSTILE}, "schedule": HOSTILE}
    finding_id = found(module_database, HOSTILE, HOSTILE, **evidence)
    execute(
        module_database,
        "UPDATE audit_finding SET closed_at = now(), acknowledged_at = now(), acknowledged_by = 'ada',"
        " acknowledgement_note = $2, closing_evidence = $3 WHERE id = $1",
        finding_id,
        HOSTILE,
        json.dumps({"reason": HOSTILE}),
    )
    page = visitor.open("/audit")
    finding = page.locator(f"#finding-{finding_id}")
    finding.locator("summary").first.click()
    expect(finding.locator(".sentence")).to_contain_text("<script>document.title=2</script> U+202Eevil")
    assert page.locator("main script, main img").count() == 0
    assert problems(page) == []
