"""Alerts and pauses on the command line and over HTTP, and that no secret is seen anywhere."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import agents, alerts, audit
from app.errors import ConfigError, NotFoundError
from support.alerting import FAILING, SECRET, audited, deliver, settle
from support.receiver import Receiver, receiving
from support.smtp_server import PASSWORD, Mailbox, mailbox

ALERTS = "/api/v1/internal/alerts"
TOKEN = "s3cr3tpath"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET, alert_timeout=2)
        yield receiver


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox() as box:
        settle(monkeypatch, alert_urls=box.url, alert_timeout=2)
        yield box


def runlog(group: Any, *arguments: str) -> Result:
    return CliRunner().invoke(group.app, arguments, catch_exceptions=False)


def execute(url: str, statement: str, *arguments: Any) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement, *arguments)
        await connection.close()

    asyncio.run(run())


def test_a_test_message_goes_by_every_channel_and_says_how(
    database: str, receiver: Receiver, box: Mailbox
) -> None:
    done = runlog(alerts, "test")
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first.startswith("mailto: ok in ")
    assert second.startswith("webhook: ok in ")
    assert second.endswith("HTTP 204")
    assert "Nothing is wrong" in receiver.requests[0].json["data"]["text"]
    assert box.mails[0]["subject"] == "Test of Agent Run Log"
    assert len(runlog(alerts, "test", "--channel", "webhook").stdout.splitlines()) == 1
    assert (len(receiver.requests), len(box.mails)) == (2, 1)


def test_a_failed_test_is_an_exit_status_and_is_not_tried_again(
    database: str, receiver: Receiver, box: Mailbox
) -> None:
    receiver.status = 500
    done = runlog(alerts, "test")
    assert done.exit_code == 1
    assert "webhook: failed in " in done.stdout
    assert "HTTP 500" in done.stdout
    assert "mailto: ok" in done.stdout
    asyncio.run(deliver())
    assert len(receiver.requests) == 1
    shown = [json.loads(line) for line in runlog(alerts, "list", "--json").stdout.splitlines()]
    assert sorted((alert["channel"], alert["state"], alert["kind"]) for alert in shown) == [
        ("mailto", "sent", "test"),
        ("webhook", "failed", "test"),
    ]


def test_without_channels_a_test_says_how_to_get_one(database: str) -> None:
    with pytest.raises(ConfigError, match="no channel is set: RUNLOG_ALERT_URLS"):
        runlog(alerts, "test")


def test_an_unknown_channel_is_named(database: str, receiver: Receiver) -> None:
    with pytest.raises(ConfigError, match="there is no channel pigeon; there is webhook"):
        runlog(alerts, "test", "--channel", "pigeon")


def test_the_list_shows_what_waits_and_how_the_last_try_went(database: str, receiver: Receiver) -> None:
    assert runlog(alerts, "list").stdout == "No alerts so far\n"
    receiver.status = 503
    execute(database, FAILING, "nova")
    asyncio.run(audited())
    assert "pending" in runlog(alerts, "list").stdout
    asyncio.run(deliver())
    assert "HTTP 503" in runlog(alerts, "list").stdout
    long = "no answer from the relay " * 5
    execute(database, "UPDATE alert_attempt SET outcome = $1", long)
    assert long.strip() in runlog(alerts, "list").stdout  # no line is broken in a pipe
    execute(database, "UPDATE alert_attempt SET outcome = 'HTTP 503'")
    [alert] = map(json.loads, runlog(alerts, "list", "--json").stdout.splitlines())
    assert [(each["ok"], each["outcome"]) for each in alert["attempts"]] == [(False, "HTTP 503")]


@pytest.mark.anyio
async def test_the_api_lists_alerts(
    db: asyncpg.Connection, api: httpx.AsyncClient, receiver: Receiver
) -> None:
    assert (await api.get(ALERTS)).json() == {"alerts": []}
    await db.execute(FAILING, "nova")
    await audited()
    [alert] = (await api.get(ALERTS, params={"state": "pending", "channel": "webhook"})).json()["alerts"]
    assert (alert["kind"], alert["title"], alert["attempts"]) == ("opened", None, [])
    [finding] = (await api.get("/api/v1/internal/audit/findings")).json()["findings"]
    assert alert["findings"] == [finding["id"]]
    await deliver()
    [alert] = (await api.get(ALERTS)).json()["alerts"]
    assert (alert["state"], alert["severity"], alert["next_attempt_at"]) == ("sent", "high", None)
    assert alert["title"] == "HIGH: Nova: consecutive failures"
    assert alert["attempts"][0]["outcome"] == "HTTP 204"
    assert (await api.get(ALERTS, params={"state": "failed"})).json() == {"alerts": []}
    for query in ({"state": "lost"}, {"limit": 0}, {"limit": 1001}, {"channel": "\0"}):
        assert (await api.get(ALERTS, params=query)).status_code == 422


@pytest.mark.anyio
async def test_no_secret_is_seen_anywhere(
    db: asyncpg.Connection,
    api: httpx.AsyncClient,
    receiver: Receiver,
    box: Mailbox,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    receiver.status, box.answer = 500, f"550 no {PASSWORD}"
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    shown = (await api.get(ALERTS)).text + str(await db.fetch("SELECT * FROM alert_attempt"))
    shown += str(await db.fetch("SELECT * FROM alert_notification")) + (await api.get("/metrics")).text
    logs = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    everything = f"{shown}{logs}{capfd.readouterr()}"
    assert "HTTP 500" in everything
    assert "550" in everything
    for secret in (TOKEN, PASSWORD, SECRET, SECRET.removeprefix("whsec_")):
        assert secret not in everything


def test_a_finding_is_acknowledged_by_the_beginning_of_its_id(database: str) -> None:
    execute(database, FAILING, "nova")
    asyncio.run(audited())
    [finding] = map(json.loads, runlog(audit, "--json").stdout.splitlines())
    assert finding["id"][:8] in runlog(audit).stdout
    done = runlog(audit, "acknowledge", finding["id"][:8], "--by", "kim", "--note", "on it")
    assert done.stdout == f"{finding['message']}: acknowledged by kim\n"
    [finding] = map(json.loads, runlog(audit, "--json").stdout.splitlines())
    assert (finding["acknowledged_by"], finding["acknowledgement_note"]) == ("kim", "on it")
    assert finding["severity"] == "high"
    assert "acknowledged" in runlog(audit).stdout
    with pytest.raises(NotFoundError, match="no open finding begins with zz"):
        runlog(audit, "acknowledge", "zz")


def test_pausing_and_muting_keep_the_declaration(database: str) -> None:
    execute(database, "INSERT INTO agent (agent_id, schedule, role) VALUES ('nova', 'every 1h', 'QA')")

    def declared() -> tuple[Any, ...]:
        async def read() -> Any:
            connection = await asyncpg.connect(database)
            row = await connection.fetchrow(
                "SELECT schedule, role, paused, paused_until > now() + interval '119 minutes', muted,"
                " resumed_at IS NOT NULL FROM agent"
            )
            await connection.close()
            return tuple(row)

        return asyncio.run(read())

    assert runlog(agents, "pause", "nova").stdout == "nova is paused until it is resumed\n"
    assert declared() == ("every 1h", "QA", True, None, False, False)
    assert "nova is paused until 20" in runlog(agents, "pause", "nova", "--until", "2h").stdout
    assert declared() == ("every 1h", "QA", False, True, False, False)
    assert runlog(agents, "resume", "nova").stdout == "nova is watched\n"
    assert declared() == ("every 1h", "QA", False, None, False, True)
    runlog(agents, "mute", "nova")
    assert declared()[4] is True
    runlog(agents, "unmute", "nova")
    assert declared() == ("every 1h", "QA", False, None, False, True)


def test_an_agent_that_nobody_knows_is_not_paused(database: str) -> None:
    with pytest.raises(NotFoundError, match="no agent nvoa has reported or is declared"):
        runlog(agents, "pause", "nvoa")
    assert runlog(agents, "pause", "nova", "--until", "2020-01-01").exit_code == 2
