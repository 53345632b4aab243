"""Delivering alerts, as beat starts it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from app.alerts.channels.channel import Channel
from app.alerts.channels.sending import make_channels, send
from app.alerts.delivery import claim, forget_old, give_up_orphans, mark_notified, record
from app.alerts.digest import write_digests
from app.alerts.domain.delivery import Delivery
from app.alerts.settings import AlertSettings
from app.config import get_settings
from app.db.session import transaction
from app.logs import get_logger
from app.tasks.calibration import DELIVERY_SECONDS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.runtime import run_async
from app.wiring import alert_settings

log = get_logger(__name__)

_MARKING_TRIES = 5  # a second apart


@celery_app.task
def deliver_alerts() -> None:
    """Send what the outbox of alerts holds, each channel beside the others, and record how it went."""
    run_async(_deliver())


async def _deliver() -> None:
    with postponed_on_outage("alerts_postponed"):
        settings = alert_settings(get_settings())
        await _deliver_by(settings, make_channels(settings.channels))


async def _deliver_by(settings: AlertSettings, channels: Mapping[str, Channel]) -> None:
    async with transaction() as session:
        await write_digests(session, settings)
        await give_up_orphans(session, channels)
        await forget_old(session)
    ends = time.monotonic() + DELIVERY_SECONDS
    drains = (_drain(settings, name, channel, ends) for name, channel in channels.items())
    for failure in await asyncio.gather(*drains, return_exceptions=True):
        if failure is not None:
            raise failure


async def _drain(settings: AlertSettings, name: str, channel: Channel, ends: float) -> None:
    while time.monotonic() < ends:
        async with transaction() as session:
            delivery = await claim(session, settings, name)
        if delivery is None:
            return
        await _send(channel, delivery)


async def _send(channel: Channel, delivery: Delivery) -> None:
    outcome = await send(channel, delivery)
    async with transaction() as session:
        await record(session, delivery, outcome)
    if outcome.ok:
        await _mark_notified(delivery.findings)
    say = log.info if outcome.ok else log.warning
    say(
        "alert_sent" if outcome.ok else "alert_not_sent",
        notification_id=str(delivery.id),
        channel=delivery.channel,
        kind=delivery.kind,
        attempt=delivery.attempt,
        outcome=outcome.text,
    )


async def _mark_notified(finding_ids: Sequence[UUID]) -> None:
    for _ in range(_MARKING_TRIES):
        async with transaction() as session:
            finding_ids = await mark_notified(session, finding_ids)
        if not finding_ids:
            return
        await asyncio.sleep(1)
