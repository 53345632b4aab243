"""What alerts say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.alerts.domain.digest import Digest, digest_message
from app.alerts.domain.incident import Incident, gravest, kind_of
from app.alerts.domain.message import alert_message
from app.alerts.domain.message import test_message as message_of_a_test

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://runlog.example.com"
STOPPED = Incident(
    finding_id="3f2a9c1b-0000-4000-8000-000000000000",
    rule="stopped_reporting",
    severity="high",
    agent_id="nova",
    agent="Nova",
    message="nova has not reported since 09:12 UTC; it is due every 15 min, and was expected by 09:42 UTC",
    evidence={
        "severity": "high",
        "last_run": {
            "summary": "Scan aborted",
            "status": "failed",
            "created_at": "2026-11-24T09:12:00+00:00",
        },
        "last_success": {"created_at": "2026-11-23T09:00:00+00:00"},
        "expected_by": "2026-11-24T09:42:00+00:00",
    },
    opened_at=NOW - timedelta(hours=2),
    events=frozenset({"opened"}),
)
CLOSED = replace(
    STOPPED,
    events=frozenset({"closed"}),
    closed_at=NOW,
    closing_evidence={"reason": "nova reported again at 12:00 UTC"},
)


def fleet(count: int, **changes: Any) -> list[Incident]:
    return [replace(STOPPED, agent_id=f"a{n}", agent=f"A{n}", **changes) for n in range(count)]


def title(*incidents: Incident) -> str:
    return alert_message("id", incidents, NOW, URL).title


def test_one_finding_in_full() -> None:
    message = alert_message("4c9d", [STOPPED], NOW, URL)
    assert message.title == "HIGH: Nova: stopped reporting"
    assert message.text == (
        "HIGH: nova has not reported since 09:12 UTC; it is due every 15 min, and was expected by 09:42 UTC\n"
        "Since: 10:00 UTC\n"
        "Last good run: 2026-11-23 09:00 UTC\n"
        "Expected by: 09:42 UTC\n"
        "Last output: Scan aborted (failed)\n"
        "To stop reminders: runlog audit acknowledge 3f2a9c1b\n"
        "\n"
        "Look: https://runlog.example.com/agents/nova\n"
        "\n"
        "Notification 4c9d"
    )


def test_the_end_of_one() -> None:
    message = alert_message("4c9d", [CLOSED], NOW, URL)
    assert message.title == "RESOLVED Nova: stopped reporting"
    assert message.text.startswith(f"RESOLVED: {CLOSED.message}\nSince: 10:00 UTC\nUntil: 12:00 UTC\n")
    assert "Why it is over: nova reported again at 12:00 UTC" in message.text
    assert "acknowledge" not in message.text


def test_the_message_about_one_finding_leads_to_its_run() -> None:
    first, last = ({"id": f"01a22879-6adb-7b48-ae58-28da9144eb3{n}", "summary": "x"} for n in (1, 2))
    judged = replace(STOPPED, evidence={"last_output": first, "last_run": last})
    assert f"\n\nRun: {URL}/runs/{first['id']}\n\nLook: " in alert_message("id", [judged], NOW, URL).text
    ended = replace(judged, closing_evidence={"run": last})
    assert f"Run: {URL}/runs/{last['id']}" in alert_message("id", [ended], NOW, URL).text
    assert "Run:" not in alert_message("id", [judged, CLOSED], NOW, URL).text
    foreign = replace(STOPPED, evidence={"last_run": {"id": "../evil @everyone"}})
    assert "Run:" not in alert_message("id", [foreign], NOW, URL).text


def test_an_id_that_is_no_part_of_a_path_leads_to_all_findings() -> None:
    assert f"Look: {URL}/audit\n" in alert_message("id", [replace(STOPPED, agent_id="..")], NOW, URL).text


def test_fifty_are_listed_in_one_with_what_is_more() -> None:
    message = alert_message("id", fleet(50), NOW, URL)
    assert message.title == "HIGH: stopped reporting, 50 agents: A0, A1, A2 and 47 more"
    lines = message.text.splitlines()
    assert lines[0] == "HIGH A0: stopped reporting, since 10:00 UTC"
    assert lines[13] == "and 37 more"
    assert f"Look: {URL}/audit\n" in message.text
    assert len(message.data["findings"]) == 50


def test_the_gravest_come_first() -> None:
    low = replace(STOPPED, severity="low", rule="late", agent_id="aurora", agent="Aurora")
    assert title(low, CLOSED, STOPPED).startswith("HIGH: 2 findings: Nova, Aurora; 1 resolved")
    text = alert_message("id", [CLOSED, low, STOPPED], NOW, URL).text
    assert text.index("HIGH: ") < text.index("LOW: ") < text.index("RESOLVED: ")


def test_titles() -> None:
    assert title(replace(STOPPED, events=frozenset({"reminder"}))) == ("HIGH, still: Nova: stopped reporting")
    assert title(replace(STOPPED, agent="Guard")) == "HIGH: Guard (nova): stopped reporting"
    assert title(replace(STOPPED, rule="late", severity="low"), STOPPED) == "HIGH: 2 findings: Nova"
    assert title(CLOSED, replace(CLOSED, rule="late")) == "RESOLVED 2 findings: Nova"


def test_what_opened_and_closed_meanwhile_is_told_as_closed() -> None:
    assert title(replace(CLOSED, events=frozenset({"opened", "closed"}))).startswith("RESOLVED Nova")


def test_what_could_steer_a_terminal_is_not_in_it() -> None:
    message = alert_message("id", [replace(STOPPED, agent="\x1b[31m", agent_id="a/\x1b\n")], NOW, URL)
    assert "\x1b" not in message.title + message.text
    assert "agents/a%2F%1B%0A" in message.text


def test_a_silent_fleet_is_not_to_be_looked_for_at_the_auditor() -> None:
    silent = replace(STOPPED, rule="fleet_silent", agent_id="auditor", agent="Auditor")
    assert "/audit\n" in alert_message("id", [silent], NOW, URL).text


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=20), each, max_size=3),
    max_leaves=6,
)


@example([Incident("id", "mean\nwords", "high", "nova", "Nova", "", {}, NOW)])
@example([Incident("id", "late", "low", "nova", "Nova", "", {"expected_by": "0001-01-01T00:00+14:00"}, NOW)])
@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Incident,
            finding_id=st.uuids().map(str),
            rule=st.text(max_size=64),
            severity=st.sampled_from(["high", "medium", "low", "else"]),
            agent_id=st.text(min_size=1),
            agent=st.text(),
            message=st.text(),
            evidence=st.fixed_dictionaries(
                {},
                optional={"last_run": JSON, "last_success": JSON, "expected_by": JSON, "last_output": JSON},
            ),
            opened_at=st.just(NOW),
            events=st.frozensets(st.sampled_from(["opened", "reminder", "closed"])),
            closing_evidence=st.none() | st.dictionaries(st.text(max_size=20), JSON, max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_a_finding_holds_there_is_a_message(incidents: list[Incident]) -> None:
    message = alert_message("id", incidents, NOW, URL)
    assert message.title
    assert "\n" not in message.title
    assert message.text.endswith("Notification id")
    assert len(message.text) < 20_000 + sum(len(each.message) + len(str(each.evidence)) for each in incidents)


def test_the_digest_says_who_is_open_and_what_came_and_went() -> None:
    digest = Digest(
        since=NOW - timedelta(days=1),
        now=NOW,
        open=[STOPPED, replace(STOPPED, rule="late", severity="low", acknowledged_by="kim", muted=True)],
        opened=3,
        closed=[CLOSED],
        runs={"success": 40, "failed": 2},
        quality_7d=0.8312,
        quality_previous_7d=0.79,
    )
    message = digest_message("id", digest, URL)
    assert message.title == "Digest: 2 open, 3 opened, 1 closed"
    assert message.text == (
        "Since 2026-11-23 12:00 UTC: 42 runs (40 success, 2 failed).\n\n"
        "Quality over 7 days: 0.83, shown (the week before: 0.79).\n\n"
        "Open:\n"
        "HIGH Nova: stopped reporting, since 10:00 UTC\n"
        "LOW Nova: late, since 10:00 UTC, acknowledged by kim, muted\n\n"
        "Closed:\nNova: stopped reporting, 10:00 UTC until 12:00 UTC\n\n"
        "Look: https://runlog.example.com/audit\n\n"
        "Notification id"
    )


def test_a_digest_of_a_quiet_day_is_short() -> None:
    message = digest_message("id", Digest(NOW, NOW, [], 0, [], {}, None, None), URL)
    assert message.title == "Digest: nothing is open, 0 opened, 0 closed"
    assert message.text.startswith("Since 12:00 UTC: no runs.\n\nLook:")


def test_kinds_and_severities_are_those_of_the_most_important() -> None:
    assert kind_of(["closed", "reminder", "opened"]) == "opened"
    assert kind_of(["closed", "reminder"]) == "reminder"
    assert gravest(["low", "high", "medium"]) == "high"
    assert gravest([]) == "low"


def test_a_test_says_that_nothing_is_wrong() -> None:
    message = message_of_a_test("id", "mailto", URL)
    assert "Nothing is wrong" in message.text
    assert "Notification id" in message.text
