"""From a finding to the other side of a webhook: at least once, and every try is kept."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import event

from app.db.session import get_database
from app.tasks import alert_tasks
from app.tasks.calibration import DELIVERY_TRANSACTIONS
from support.alerting import AGAIN, FAILING, FIXED, SECRET, audited, deliver, settle, states, tries
from support.processes import free_port
from support.receiver import Receiver, Request, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET, alert_timeout=0.5)
        yield receiver


def signed_by_hand(request: Request) -> str:
    """The signature as the published description has it, computed apart from the product."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    stamp = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}."
    mac = hmac.new(key, stamp.encode() + request.body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


async def test_a_finding_is_sent_when_it_opens_and_when_it_closes(
    db: asyncpg.Connection, receiver: Receiver
) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/hooks/s3cr3tpath")
    assert request.json["type"] == "alert.opened"
    data = request.json["data"]
    assert data["title"] == "HIGH: Nova: consecutive failures"
    assert data["text"].startswith("HIGH: nova failed 3 times in a row since ")
    assert "Last output: aborted (failed)" in data["text"]
    assert f"Notification {data['id']}" in data["text"]
    assert [(each["agent_id"], each["rule"]) for each in data["findings"]] == [
        ("nova", "consecutive_failures")
    ]
    await audited()
    await deliver()
    assert len(receiver.requests) == 1
    await db.execute(FIXED, "nova")
    await audited()
    await deliver()
    _, over = receiver.requests
    assert over.json["type"] == "alert.closed"
    assert over.json["data"]["title"] == "RESOLVED Nova: consecutive failures"
    assert "Why it is over: nova succeeded at " in over.json["data"]["text"]
    assert await states(db) == [("opened", "sent"), ("closed", "sent")]


async def test_it_is_signed_as_the_convention_says(db: asyncpg.Connection, receiver: Receiver) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    [request] = receiver.requests
    assert request.headers["webhook-signature"] == signed_by_hand(request)
    assert request.headers["webhook-id"] == request.json["data"]["id"]
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 120


async def test_what_the_receiver_does_not_take_comes_again_with_the_same_id(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks/s3cr3tpath"
    settle(monkeypatch, alert_webhook_url=url, alert_webhook_secret=SECRET, alert_timeout=0.5)
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()  # down
    with receiving(port) as receiver:
        receiver.status = 500
        await db.execute(AGAIN)
        await deliver()
        receiver.status, receiver.headers = 302, {"location": "/elsewhere"}
        await db.execute(AGAIN)
        await deliver()
        receiver.release.clear()
        await db.execute(AGAIN)
        await deliver()  # slower than the timeout
        receiver.release.set()
        assert await states(db) == [("opened", "pending")]
        receiver.status, receiver.headers = 200, {}
        await deliver()
        assert len(receiver.requests) == 3  # not before its time
        await db.execute(AGAIN)
        await deliver()
        await deliver()
        assert [request.path for request in receiver.requests] == ["/hooks/s3cr3tpath"] * 4
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
        assert all(
            request.headers["webhook-signature"] == signed_by_hand(request) for request in receiver.requests
        )
    assert await states(db) == [("opened", "sent")]
    outcomes = await tries(db)
    assert [ok for ok, _ in outcomes] == [False, False, False, False, True]
    assert outcomes[0][1]
    assert [text for _, text in outcomes[1:]] == [
        "HTTP 500",
        "HTTP 302, a redirect to another path of the same host, which is not followed: "
        "set the channel's URL to where it leads",
        "no answer within 0.5 s",
        "HTTP 200",
    ]


async def test_each_failure_waits_longer(db: asyncpg.Connection, receiver: Receiver) -> None:
    receiver.status = 500
    await db.execute(FAILING, "nova")
    await audited()
    pauses = []
    for _ in range(5):
        await db.execute(AGAIN)
        await deliver()
        pause = "SELECT extract(epoch FROM next_attempt_at - max(started_at)) FROM alert_notification"
        pauses.append(await db.fetchval(f"{pause}, alert_attempt GROUP BY next_attempt_at"))
    bounds = [20 * 2**n for n in range(5)]
    assert all(
        bound / 2 <= pause <= bound + 10 for pause, bound in zip(map(float, pauses), bounds, strict=True)
    )


async def test_after_days_it_is_given_up_and_seen_to_be(db: asyncpg.Connection, receiver: Receiver) -> None:
    receiver.status = 500
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    await db.execute("UPDATE alert_notification SET first_attempt_at = now() - interval '71 hours'")
    await db.execute(AGAIN)
    await deliver()
    assert await states(db) == [("opened", "pending")]
    await db.execute("UPDATE alert_notification SET first_attempt_at = now() - interval '73 hours'")
    await db.execute(AGAIN)
    await deliver()
    assert await states(db) == [("opened", "failed")]
    await db.execute(AGAIN)
    await deliver()
    assert len(receiver.requests) == 3


async def test_several_deliveries_at_once_send_once(db: asyncpg.Connection, receiver: Receiver) -> None:
    for agent in ("nova", "sage", "atlas"):
        await db.execute(FAILING, agent)
        await audited()
    receiver.release.clear()
    asyncio.get_running_loop().call_later(0.2, receiver.release.set)
    await asyncio.gather(*(deliver() for _ in range(4)))
    assert len(receiver.requests) == 1
    assert await states(db) == [("opened", "sent")]


async def test_a_hundred_channels_share_the_connections_and_two_that_fail_delay_none(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as hanging:
        hanging.release.clear()
        good = [f"json://127.0.0.1:{receiver.port}/{n}" for n in range(97)]
        refusing, silent = (
            f"json://127.0.0.1:{free_port()}/refusing",
            f"json://127.0.0.1:{hanging.port}/silent?rto=1",
        )
        settle(monkeypatch, alert_urls=" ".join([*good[:50], refusing, silent, *good[50:]]), alert_timeout=10)
        await db.execute(FAILING, "nova")
        await audited()
        engine = get_database().engine
        in_use: list[int] = []
        event.listen(engine.sync_engine, "checkout", lambda *_: in_use.append(engine.pool.checkedout()))
        await deliver()
    assert Counter(request.path for request in receiver.requests) == Counter(
        ["/hooks/s3cr3tpath", *(f"/{n}" for n in range(97))]
    )
    assert max(in_use) <= DELIVERY_TRANSACTIONS
    found = await db.fetch("SELECT channel, state, attempts FROM alert_notification WHERE state <> 'sent'")
    assert sorted(map(tuple, found)) == [("json-51", "pending", 1), ("json-52", "pending", 1)]
    assert Counter(await tries(db)) == Counter(
        {
            (True, "sent"): 97,
            (True, "HTTP 204"): 1,
            (False, "the connection failed: Connection refused"): 1,
            (False, "no answer within 1 s"): 1,
        }
    )


async def test_what_is_due_while_a_channel_hangs_goes_out_beside_it(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_tasks, "DELIVERY_RECHECK", 0.05)
    with receiving() as hanging:
        hanging.release.clear()
        settle(monkeypatch, alert_urls=f"json://127.0.0.1:{hanging.port}/silent?rto=60", alert_timeout=30)
        await db.execute(FAILING, "nova")
        await audited()
        delivering = asyncio.create_task(deliver())
        while not (hanging.requests and receiver.requests):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await db.execute(FAILING, "sage")
        await audited()
        while len(receiver.requests) < 2:
            assert not delivering.done()
            await asyncio.sleep(0.01)
        hanging.release.set()
        await delivering
    assert [request.json["data"]["findings"][0]["agent_id"] for request in receiver.requests] == [
        "nova",
        "sage",
    ]
    assert len(hanging.requests) == 2
    assert await states(db) == [("opened", "sent")] * 4


async def test_a_claimed_alert_is_leased_to_one_process(db: asyncpg.Connection, receiver: Receiver) -> None:
    from app.alerts.delivery import claim
    from app.alerts.domain.delivery import Delivery
    from app.config import get_settings
    from app.db.session import transaction
    from app.wiring import alert_settings

    async def claimed() -> Delivery | None:
        async with transaction() as session:
            return await claim(session, alert_settings(get_settings()), "webhook")

    await db.execute(FAILING, "nova")
    await audited()
    first = await claimed()
    assert first
    assert await claimed() is None
    await db.execute(AGAIN)  # the lease ends
    second = await claimed()
    assert second
    assert (second.id, first.attempt, second.attempt) == (first.id, 1, 2)


async def test_an_audit_that_is_rolled_back_tells_nothing(db: asyncpg.Connection, receiver: Receiver) -> None:
    from app.db.session import transaction
    from support.alerting import audit_and_announce

    await db.execute(FAILING, "nova")
    async with transaction() as session:
        assert (await audit_and_announce(session)).opened
        await session.rollback()
    assert await states(db) == []
    await audited()
    assert await states(db) == [("opened", "pending")]


async def test_two_audits_at_once_tell_once(db: asyncpg.Connection, receiver: Receiver) -> None:
    for agent in ("nova", "sage", "atlas"):
        await db.execute(FAILING, agent)
    await asyncio.gather(audited(), audited(), audited())
    events = await db.fetch("SELECT jsonb_array_elements(events) ->> 0 AS finding FROM alert_notification")
    assert len(events) == len({row["finding"] for row in events}) == 3


async def test_without_a_secret_nothing_is_sent_and_that_is_said(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNLOG_ALERT_WEBHOOK_SECRET")
    settle(monkeypatch)
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    assert receiver.requests == []
    assert await tries(db) == [(False, "RUNLOG_ALERT_WEBHOOK_SECRET is not set")]


async def test_without_a_channel_nothing_is_written_and_later_it_is_told(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    assert await states(db) == []
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET)
        await audited()
        await deliver()
        assert [request.json["type"] for request in receiver.requests] == ["alert.opened"]


async def test_what_waits_for_a_channel_that_is_gone_is_given_up_in_the_end(
    db: asyncpg.Connection, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    monkeypatch.delenv("RUNLOG_ALERT_WEBHOOK_URL")
    settle(monkeypatch)
    await deliver()
    assert await states(db) == [("opened", "pending")]
    await db.execute("UPDATE alert_notification SET next_attempt_at = now() - interval '4 days'")
    await deliver()
    assert await states(db) == [("opened", "failed")]


async def test_what_went_out_long_ago_is_forgotten(db: asyncpg.Connection, receiver: Receiver) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    await db.execute("UPDATE alert_notification SET created_at = created_at - interval '89 days'")
    await deliver()
    assert await states(db) == [("opened", "sent")]
    await db.execute("UPDATE alert_notification SET created_at = created_at - interval '2 days'")
    await deliver()
    assert await states(db) == []
    assert await tries(db) == []
    assert await db.fetchval("SELECT notified_at IS NOT NULL FROM audit_finding")


async def test_old_news_that_comes_late_says_that_it_is_over(
    db: asyncpg.Connection, receiver: Receiver
) -> None:
    await db.execute(FAILING, "nova")
    await audited()
    receiver.status = 500
    await deliver()
    await db.execute(FIXED, "nova")
    await audited()
    receiver.status = 200
    await deliver()
    await db.execute(AGAIN)
    await deliver()
    titles = [json.loads(request.body)["data"]["title"] for request in receiver.requests]
    assert titles[0] == "HIGH: Nova: consecutive failures"
    assert titles[1] == "RESOLVED Nova: consecutive failures"
    assert titles[2].startswith("HIGH: Nova: consecutive failures; over since ")
