"""The proof of a finding's alerts, from alerts that were really sent, refused and merged."""

from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy import select

from app.alerts.domain.proof import Proof
from app.alerts.proofs import proofs_of
from app.config import get_settings
from app.db.session import transaction
from app.kit.sql import database_now
from app.models import AuditFinding
from app.wiring import alert_settings
from support.alerting import AGAIN, FAILING, FIXED, SECRET, audited, deliver, settle
from support.receiver import Receiver, receiving

pytestmark = pytest.mark.anyio


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as receiver:
        settle(monkeypatch, alert_webhook_url=receiver.url, alert_webhook_secret=SECRET, alert_timeout=2)
        yield receiver


async def proofs() -> dict[str, Proof]:
    """The proof of each agent's one finding."""
    async with transaction() as session:
        findings = list(await session.scalars(select(AuditFinding)))
        channels = alert_settings(get_settings()).channels.names
        found = await proofs_of(
            session, findings, channels=channels, muted=(), now=await database_now(session)
        )
    return {finding.agent_id: found[finding.id] for finding in findings}


async def test_of_findings_in_one_message_each_has_the_whole_proof(
    db: asyncpg.Connection, receiver: Receiver
) -> None:
    await db.execute(FAILING, "sage")
    await db.execute(FAILING, "nova")
    await audited()
    receiver.status = 503
    await deliver()
    assert {proof.sentence for proof in (await proofs()).values()} == {"not delivered yet: 1 try so far"}
    receiver.status = 204
    await db.execute(AGAIN)
    await deliver()
    found = await proofs()
    assert set(found) == {"sage", "nova"}
    for proof in found.values():
        assert proof.level == "delivered"
        assert proof.sentence.startswith("delivered by webhook, ")
        queued, first, second = proof.steps
        assert queued.words == "webhook: alert queued"
        assert (first.ok, first.said) == (False, "HTTP 503")
        assert (second.ok, second.said) == (True, "HTTP 204")


async def test_the_end_of_one_of_them_is_in_its_own_proof_alone(
    db: asyncpg.Connection, receiver: Receiver
) -> None:
    await db.execute(FAILING, "sage")
    await db.execute(FAILING, "nova")
    await audited()
    await deliver()
    await db.execute(FIXED, "nova")
    await audited()
    await deliver()
    found = await proofs()
    over = "webhook: message that it is over queued"
    assert over in [step.words for step in found["nova"].steps]
    assert over not in [step.words for step in found["sage"].steps]


async def test_without_a_channel_nobody_was_alerted(db: asyncpg.Connection) -> None:
    await db.execute(FAILING, "sage")
    await audited()
    proof = (await proofs())["sage"]
    assert (proof.level, proof.sentence) == ("undelivered", "nobody was alerted: no channel is set")
