"""Alerts by mail, to a real SMTP server."""

import logging

import asyncpg
import pytest

from support.alerting import AGAIN, FAILING, audited, deliver, settle, states, tries
from support.processes import free_port
from support.smtp_server import PASSWORD, body_of, mailbox

pytestmark = pytest.mark.anyio


async def test_a_finding_comes_by_mail_however_the_server_behaves_at_first(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = free_port()
    with mailbox(port) as box:
        settle(monkeypatch, alert_urls=box.url, alert_timeout=2)
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()  # down
    with mailbox(port) as box:
        box.answer = "451 no room for hunter2222"
        await db.execute(AGAIN)
        await deliver()
        box.answer = "250 taken"
        await db.execute(AGAIN)
        await deliver()
        await deliver()
        [mail] = box.mails
        assert box.logins[-1] == PASSWORD.encode()
    assert mail["subject"] == "HIGH: Nova: consecutive failures"
    assert "ops@example.com" in mail["to"]
    text = body_of(mail)
    notification_id = await db.fetchval("SELECT id FROM alert_notification")
    assert text.splitlines()[0].startswith("HIGH: nova failed 3 times in a row since ")
    assert f"Notification {notification_id}" in text
    assert await states(db) == [("opened", "sent")]
    outcomes = await tries(db)
    assert [ok for ok, _ in outcomes] == [False, False, True]
    assert all(text for _, text in outcomes)
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    assert PASSWORD not in f"{outcomes}{ours}"
    assert "451" in (outcomes[1][1] or "")


async def test_a_mail_that_is_too_large_comes_in_a_shorter_form(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox() as box:
        settle(monkeypatch, alert_urls=box.url, alert_timeout=2)
        await db.execute(FAILING, "nova")
        await audited()
        for answer in (
            "552 5.2.2 mailbox full",
            "552 5.3.4 message size exceeds fixed limit",
            "550 5.2.3 message too long",
            "250 taken",
        ):
            box.answer = answer
            await db.execute(AGAIN)
            await deliver()
        [mail] = box.mails
    text = body_of(mail)
    assert text.startswith("1 finding: http://")
    assert "Notification" not in text
    assert [ok for ok, _ in await tries(db)] == [False, False, False, True]
    assert await db.fetchval("SELECT rejections FROM alert_notification") == 2


async def test_a_wrong_password_is_an_outcome_that_does_not_tell_it(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox() as box:
        settle(monkeypatch, alert_urls=box.url.replace(PASSWORD, "wr0ngpass"), alert_timeout=2)
        await db.execute(FAILING, "nova")
        await audited()
        await deliver()
        assert (box.mails, len(box.logins)) == ([], 1)
    [(ok, text)] = await tries(db)
    assert not ok
    assert text
    assert "wr0ngpass" not in text


async def test_a_url_of_no_known_service_is_said_to_be_one(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, alert_urls="carrierpigeon://coop")
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    assert await tries(db) == [(False, "apprise cannot read this URL")]


async def test_one_channel_that_is_down_does_not_hold_the_other(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mailbox() as box:
        down = box.url.replace(f":{box.port}", f":{free_port()}")
        settle(monkeypatch, alert_urls=f"{down}, {box.url}")
        await db.execute(FAILING, "nova")
        await audited()
        await deliver()
        assert len(box.mails) == 1
    found = await db.fetch("SELECT channel, state FROM alert_notification ORDER BY channel")
    assert [tuple(row) for row in found] == [("mailto", "pending"), ("mailto-2", "sent")]
