"""Fewer messages: merged, limited by the hour, quiet at night, acknowledged, muted, and a daily digest."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.alerts.outbox import announce
from app.config import get_settings
from app.db.session import transaction
from app.models import AuditFinding
from app.wiring import alert_settings
from support.alerting import AGAIN, FAILING, FIXED, SECRET, audited, deliver, settle, states
from support.database import until_it_is
from support.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio

FINDING = """
    INSERT INTO audit_finding (rule, agent_id, message, severity)
    VALUES ($1::text, $2::text, $2 || ' ' || $1, $3::text)
"""
NIGHT = "22:00-07:00 Europe/Berlin"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET)
        yield receiver


def events_sent(receiver: Receiver) -> list[list[tuple[str, list[str]]]]:
    """For each message the agents it names, each with what happened."""
    messages = [request.json["data"]["findings"] for request in receiver.requests]
    return [sorted((each["agent_id"], each["events"]) for each in findings) for findings in messages]


def clock(offset: timedelta) -> str:
    return f"{datetime.now(UTC) + offset:%H:%M}"


async def announce_open(now: datetime) -> None:
    """Announce every open finding as of `now`."""
    from sqlalchemy import select

    async with transaction() as session:
        open_ = await session.scalars(select(AuditFinding).where(AuditFinding.closed_at.is_(None)))
        await announce(session, alert_settings(get_settings()), now, open_.all(), [])


async def test_fifty_agents_that_fail_together_make_one_message(
    db: asyncpg.Connection, receiver: Receiver
) -> None:
    for n in range(50):
        await db.execute(FAILING, f"agent-{n:02}")
    await audited()
    await deliver()
    [request] = receiver.requests
    data = request.json["data"]
    assert data["title"] == "HIGH: consecutive failures, 50 agents: agent-00, agent-01, agent-02 and 47 more"
    assert "and 37 more" in data["text"].splitlines()
    assert len(data["findings"]) == 50


async def test_what_is_over_the_rate_is_sent_together_later(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_rate=2)
    for n in range(5):
        await db.execute(FAILING, f"agent-{n}")
        await audited()
        await deliver()
    assert len(receiver.requests) == 2
    assert await states(db) == [("opened", "sent")] * 2 + [("opened", "pending")] * 3
    await db.execute(FIXED, "agent-4")
    await audited()
    await db.execute(
        "UPDATE alert_notification SET first_attempt_at = first_attempt_at - interval '61 minutes'"
    )
    await deliver()
    assert events_sent(receiver)[2:] == [
        [("agent-2", ["opened"]), ("agent-3", ["opened"]), ("agent-4", ["closed", "opened"])]
    ]
    assert await states(db) == [("opened", "sent")] * 3


async def test_what_failed_is_tried_again_whatever_the_rate(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_rate=1)
    receiver.status = 500
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    receiver.status = 200
    await db.execute(AGAIN)
    await deliver()
    assert await states(db) == [("opened", "sent")]


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-24T20:59:00+00:00", None),
        ("2026-11-24T21:00:00+00:00", "2026-11-25T06:00:00+00:00"),
        ("2026-11-25T05:59:00+00:00", "2026-11-25T06:00:00+00:00"),
        ("2026-11-25T06:00:00+00:00", None),
        ("2026-03-28T23:00:00+00:00", "2026-03-29T05:00:00+00:00"),
        ("2026-10-24T22:00:00+00:00", "2026-10-25T06:00:00+00:00"),
    ],
)
async def test_what_is_low_waits_for_the_end_of_the_quiet_hours(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, now: str, due: str | None
) -> None:
    settle(monkeypatch, alert_quiet_hours=NIGHT)
    await db.execute(FINDING, "late", "nova", "low")
    await db.execute(FINDING, "stopped_reporting", "sage", "high")
    await announce_open(datetime.fromisoformat(now))
    rows = await db.fetch("SELECT severity, next_attempt_at FROM alert_notification ORDER BY next_attempt_at")
    found = [(row["severity"], row["next_attempt_at"].isoformat()) for row in rows]
    assert found == ([("high", now), ("low", due)] if due else [("high", now)])


async def test_what_waited_is_sent_in_the_morning_with_its_end(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = f"{clock(timedelta(hours=-1))}-{clock(timedelta(hours=2))}"
    settle(monkeypatch, alert_quiet_hours=quiet)
    await db.execute(
        "INSERT INTO agent (agent_id, schedule, grace_seconds) VALUES ('nova', 'every 1h', 3600)"
    )
    ran = "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('nova', now() - interval '115 minutes')"
    await db.execute(ran)
    assert [finding.rule for finding in (await audited()).opened] == ["late"]
    await deliver()
    await db.execute(FIXED, "nova")
    assert len((await audited()).closed) == 1
    await deliver()
    assert receiver.requests == []
    await db.execute(AGAIN)
    await deliver()
    assert events_sent(receiver) == [[("nova", ["closed", "opened"])]]


async def test_an_open_finding_is_sent_again_until_it_is_acknowledged(
    db: asyncpg.Connection, receiver: Receiver, api: Any
) -> None:
    day = "UPDATE audit_finding SET alerted_at = alerted_at - interval '24 hours'"
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    await db.execute(day)
    await audited()
    await audited()
    await deliver()
    assert events_sent(receiver) == [[("nova", ["opened"])], [("nova", ["reminder"])]]
    assert receiver.requests[1].json["data"]["title"] == "HIGH, still: Nova: consecutive failures"
    [finding] = (await api.get("/api/v1/internal/audit/findings")).json()["findings"]
    path = f"/api/v1/internal/audit/findings/{finding['id']}/acknowledge"
    assert (await api.post(path, json={"by": "kim", "note": "on it"})).status_code == 204
    await db.execute(day)
    await audited()
    await deliver()
    assert len(receiver.requests) == 2
    [finding] = (await api.get("/api/v1/internal/audit/findings")).json()["findings"]
    assert (finding["acknowledged_by"], finding["acknowledgement_note"]) == ("kim", "on it")
    assert finding["acknowledged_at"]
    assert finding["notified_at"]
    await db.execute(FIXED, "nova")
    await audited()
    await deliver()
    assert events_sent(receiver)[2:] == [[("nova", ["closed"])]]
    assert (await api.post(path, json={"by": "kim"})).status_code == 404


@pytest.mark.parametrize("body", [{}, {"by": " "}, {"by": "kim", "note": 5}, {"by": "k\0m"}, []])
async def test_a_bad_acknowledgement_is_refused(db: asyncpg.Connection, api: Any, body: Any) -> None:
    await db.execute(FINDING, "late", "nova", "low")
    finding_id = await db.fetchval("SELECT id FROM audit_finding")
    path = "/api/v1/internal/audit/findings/{}/acknowledge"
    assert (await api.post(path.format(finding_id), json=body)).status_code == 422
    assert (await api.post(path.format("x"), json={"by": "kim"})).status_code == 422


async def test_of_a_muted_agent_nothing_is_sent_and_all_is_shown(
    db: asyncpg.Connection, receiver: Receiver, api: Any
) -> None:
    agent = "/api/v1/internal/agents/nova"
    assert (await api.put(agent, json={"muted": True})).status_code == 204
    assert (await api.get(agent)).json()["muted"] is True
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    [finding] = (await api.get("/api/v1/internal/audit/findings")).json()["findings"]
    assert (finding["muted"], finding["notified_at"], finding["severity"]) == (True, None, "high")
    assert receiver.requests == []
    assert (await api.put(agent, json={})).status_code == 204
    await audited()
    await deliver()
    assert events_sent(receiver) == [[("nova", ["opened"])]]
    await api.put(agent, json={"muted": True})
    await db.execute(FIXED, "nova")
    await audited()
    await deliver()
    assert len(receiver.requests) == 1


async def test_the_digest_goes_out_once_a_day(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_digest=clock(timedelta(minutes=-5)))
    await db.execute(FAILING, "nova")
    await db.execute(FAILING, "sage")
    await audited()
    await db.execute(FIXED, "sage")
    await audited()
    await deliver()
    await deliver()
    digests = [request.json for request in receiver.requests if request.json["type"] == "alert.digest"]
    [digest] = digests
    assert digest["data"]["title"] == "Digest: 1 open, 2 opened, 1 closed"
    assert "7 runs (1 success, 6 failed)" in digest["data"]["text"]
    assert "HIGH Nova: consecutive failures" in digest["data"]["text"]
    assert sorted(await states(db)) == [("digest", "sent"), ("opened", "sent")]
    # Another one has what came since.
    settle(monkeypatch, alert_digest=clock(timedelta(minutes=-2)))
    await deliver()
    second = receiver.requests[-1].json
    assert second["type"] == "alert.digest"
    assert second["data"]["title"] == "Digest: 1 open, 0 opened, 0 closed"


async def test_a_digest_that_is_long_due_does_not_go_out(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_digest=clock(timedelta(hours=-8)))
    await deliver()
    assert await states(db) == []


async def test_what_gets_worse_is_not_said_to_be_over(db: asyncpg.Connection, receiver: Receiver) -> None:
    await db.execute(
        "INSERT INTO agent (agent_id, schedule, grace_seconds) VALUES ('nova', 'every 1h', 3600)"
    )
    ran = "INSERT INTO agent_run_log (agent_id, created_at) VALUES ('nova', now() - interval '115 minutes')"
    await db.execute(ran)
    await audited()
    await deliver()
    await db.execute("UPDATE agent SET grace_seconds = 60")
    cycle = await audited()
    assert [finding.rule for finding in cycle.closed] == ["late"]
    await deliver()
    assert events_sent(receiver) == [[("nova", ["opened"])], [("nova", ["opened"])]]
    titles = [request.json["data"]["title"] for request in receiver.requests]
    assert titles == ["LOW: Nova: late", "HIGH: Nova: stopped reporting"]


async def test_a_finding_that_is_being_changed_is_marked_as_sent_afterwards(
    database: str, db: asyncpg.Connection, receiver: Receiver
) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    async with db.transaction():
        await db.execute("SELECT id FROM audit_finding FOR UPDATE")
        delivering = asyncio.create_task(deliver())
        await until_it_is(database, "SELECT state FROM alert_notification", "sent")
        assert await db.fetchval("SELECT notified_at FROM audit_finding") is None
    await delivering
    assert await db.fetchval("SELECT notified_at FROM audit_finding")


async def test_what_is_critical_waits_for_no_limit_and_no_muting(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_rate=1)
    await db.execute(FINDING, "late", "nova", "high")
    await announce_open(datetime.now(UTC))
    await deliver()
    await db.execute("INSERT INTO agent (agent_id, muted) VALUES ('auditor', true)")
    await db.execute(FINDING, "log_tampered", "auditor", "critical")
    await announce_open(datetime.now(UTC))
    await deliver()
    assert events_sent(receiver) == [[("nova", ["opened"])], [("auditor", ["opened"])]]
