"""What a receiver answers without taking the message: redirects, rejections, pauses and errors under 200."""

from collections.abc import Iterator

import asyncpg
import pytest
from apprise.plugins.discord import NotifyDiscord

from app.alerts.domain.room import utf16_units
from support.alerting import AGAIN, FAILING, SECRET, audited, deliver, settle, states, tries
from support.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio

CHANNELS = ["json", "form", "xml", "discord", "webhook"]
LONG = """
    INSERT INTO agent_run_log (agent_id, status, created_at, action_summary)
    SELECT $1, 'failed', clock_timestamp() - i * interval '1 minute', repeat('mail 😀 ', 120)
    FROM generate_series(1, 3) i
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def settle_on(channel: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have alerts go to `receiver` alone, by `channel`."""
    if channel == "webhook":
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET)
    elif channel == "discord":
        monkeypatch.setattr(NotifyDiscord, "notify_url", receiver.url)
        settle(monkeypatch, alert_urls="discord://1234567890/abcdefghijklmnopqrst?avatar=no")
    else:
        settle(monkeypatch, alert_urls=receiver.url.replace("http", channel, 1) + "?redirect=yes")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("channel", CHANNELS)
async def test_behind_a_redirect_nothing_counts_as_delivered(
    channel: str, status: int, db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as elsewhere:
        receiver.status = status
        receiver.headers = {"location": elsewhere.url.replace("127.0.0.1", "localhost") + "/s3cr3t"}
        settle_on(channel, receiver, monkeypatch)
        await db.execute(FAILING, "nova")
        await audited()
        await deliver()
        assert elsewhere.requests == []
    assert len(receiver.requests) == 1
    [(ok, outcome)] = await tries(db)
    assert ok is False
    assert outcome is not None
    assert outcome.startswith(
        f"HTTP {status}, a redirect to localhost:{elsewhere.port}, which is not followed"
    )
    assert "s3cr3t" not in outcome
    assert await states(db) == [("opened", "pending")]


@pytest.mark.parametrize("channel", ["json", "discord", "webhook"])
async def test_what_is_rejected_is_tried_in_ever_shorter_forms(
    channel: str, db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 400
    settle_on(channel, receiver, monkeypatch)
    for agent in ("nova", "sage", "atlas", "iris", "juno", "kepler", "lyra", "mira"):
        await db.execute(FAILING, agent)
    await audited()
    for _ in range(5):
        await db.execute(AGAIN)
        await deliver()
    sizes = [len(request.body) for request in receiver.requests]
    assert len(sizes) == 5
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == sizes[-2] < sizes[0]
    assert "8 findings: http://127.0.0.1:8000/audit" in receiver.requests[-1].body.decode()
    receiver.status = 204
    await db.execute(AGAIN)
    await deliver()
    assert await states(db) == [("opened", "sent")]
    assert (await tries(db))[-1][1] == ("HTTP 204, shortened" if channel == "webhook" else "sent, shortened")
    # The next alert is whole again.
    await db.execute("UPDATE audit_finding SET alerted_at = alerted_at - interval '2 days'")
    await audited()
    await deliver()
    assert (await tries(db))[-1][1] == ("HTTP 204" if channel == "webhook" else "sent")


async def test_what_the_receiver_was_too_busy_for_comes_unchanged(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_on("json", receiver, monkeypatch)
    await db.execute(FAILING, "nova")
    await audited()
    for receiver.status in (408, 425, 429, 500):
        await db.execute(AGAIN)
        await deliver()
    assert len({request.json["message"] for request in receiver.requests}) == 1
    assert await db.fetchval("SELECT rejections FROM alert_notification") == 0


async def test_four_failing_backups_fit_into_a_message_of_discord(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_on("discord", receiver, monkeypatch)
    for number in range(4):
        await db.execute(LONG, f"backup-{number}")
    await audited()
    await deliver()
    [request] = receiver.requests
    content = request.json["content"]
    assert 0 < utf16_units(content) <= 2000
    assert all(f"backup-{number}" in content for number in range(4))
    assert "/audit" in content
    assert await states(db) == [("opened", "sent")]


@pytest.mark.parametrize("channel", ["json", "discord", "webhook"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [({"retry-after": "7200"}, b""), ({}, b'{"retry_after": 7200.0}')],
    ids=["header", "body"],
)
async def test_a_receiver_that_asks_for_a_pause_gets_it(
    channel: str,
    headers: dict[str, str],
    body: bytes,
    db: asyncpg.Connection,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if channel == "webhook" and body:
        pytest.skip("its answers are not read")
    receiver.status, receiver.headers, receiver.body = 429, headers, body
    settle_on(channel, receiver, monkeypatch)
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    await db.execute(FAILING, "sage")  # another alert waits as well
    await audited()
    await deliver()
    assert len(receiver.requests) == 1
    pause = await db.fetchval(
        "SELECT extract(epoch FROM max(next_attempt_at) - now()) FROM alert_notification"
    )
    assert 7000 < pause <= 7200
    assert "7200 s" in str(await tries(db))


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok": false, "description": "chat not found"}',
        b'{"success": false, "error": "chat not found"}',
        b'{"errcode": 93000, "errmsg": "chat not found"}',
        b'{"status": "error", "message": "chat not found"}',
        b"Webhook message delivery failed with error: chat not found",
    ],
)
async def test_an_error_under_http_200_is_no_success(
    body: bytes, db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status, receiver.body = 200, body
    settle_on("json", receiver, monkeypatch)
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    [(ok, outcome)] = await tries(db)
    assert ok is False
    assert "chat not found" in str(outcome)
    receiver.body = b'{"ok": true}'
    await db.execute(AGAIN)
    await deliver()
    assert await states(db) == [("opened", "sent")]


async def test_an_outcome_names_the_setting_that_is_missing(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_webhook_url=f"{receiver.url}/runlog/alert/webhook/secret")
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    assert await tries(db) == [(False, "RUNLOG_ALERT_WEBHOOK_SECRET is not set")]


async def test_of_several_targets_none_is_told_twice(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ["b"]
    receiver.status_of = lambda request: 400 if request.json["topic"] in refused else 200
    settle(monkeypatch, alert_urls=f"ntfy://127.0.0.1:{receiver.port}/a/b/c/d?mode=private", alert_timeout=4)
    await db.execute(FAILING, "nova")
    await audited()
    for _ in range(2):
        await db.execute(AGAIN)
        await deliver()
    refused.clear()
    await db.execute(AGAIN)
    await deliver()
    topics = [request.json["topic"] for request in receiver.requests]
    assert sorted(topics) == ["a", "b", "b", "b", "c", "d"]
    assert await states(db) == [("opened", "sent")]


async def test_channels_that_hang_delay_no_other(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as hanging:
        hanging.release.clear()
        urls = [hanging.url.replace("http", "json", 1)] * 40 + ["json://", "nonsense://x", "json://[::bad"]
        settle(
            monkeypatch,
            alert_urls=" ".join([*urls, receiver.url.replace("http", "form", 1)]),
            alert_timeout=1,
        )
        await db.execute(FAILING, "nova")
        await audited()
        await deliver()
        assert hanging.requests
    # On a busy machine one of these may not even be connected to in that time.
    failed = [outcome for ok, outcome in await tries(db) if not ok]
    assert len([outcome for outcome in failed if outcome != "apprise cannot read this URL"]) == 40
    assert len(receiver.requests) == 1
    sent = await db.fetch("SELECT channel FROM alert_notification WHERE state = 'sent'")
    assert [row["channel"] for row in sent] == ["form"]
