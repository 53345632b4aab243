"""Delivering alerts, as beat starts it."""

import asyncio
import time
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.alerts.channels.channel import Channel
from app.alerts.channels.sending import make_channels, send
from app.alerts.delivery import channels_due, claim, forget_old, give_up_orphans, mark_notified, record
from app.alerts.digest import write_digests
from app.alerts.domain.delivery import Delivery
from app.alerts.settings import AlertSettings
from app.config import get_settings
from app.db.session import transaction
from app.logs import get_logger
from app.tasks.calibration import DELIVERY_RECHECK, DELIVERY_SECONDS, DELIVERY_TRANSACTIONS
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.runtime import run_async
from app.tracing import span
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
        await _Deliveries(settings, make_channels(settings.channels)).run()


class _Deliveries:
    """The deliveries of one task: by all channels at once, `DELIVERY_TRANSACTIONS` at a time."""

    def __init__(self, settings: AlertSettings, channels: Mapping[str, Channel]) -> None:
        self._settings, self._channels = settings, channels
        self._ends = time.monotonic() + DELIVERY_SECONDS
        self._gate = asyncio.Semaphore(DELIVERY_TRANSACTIONS)

    async def run(self) -> None:
        """Write the digests that are due, forget what is old, and send what is due, by every channel.

        While a slow channel keeps the task waiting, what becomes due for others goes out beside it.
        """
        async with self._transaction() as session:
            await write_digests(session, self._settings)
            await give_up_orphans(session, self._channels)
            await forget_old(session)
        sending = await self._begin({})
        begun = list(sending.values())
        try:
            while sending:
                await asyncio.wait(sending.values(), timeout=DELIVERY_RECHECK)
                sending = {name: task for name, task in sending.items() if not task.done()}
                if sending:
                    more = await self._begin(sending)
                    begun += more.values()
                    sending |= more
        finally:
            # Whatever ends the loop: a message that is on its way is recorded.
            outcomes = await asyncio.gather(*begun, return_exceptions=True)
        for failure in outcomes:
            if failure is not None:
                raise failure

    async def _begin(self, sending: Container[str]) -> dict[str, asyncio.Task[None]]:
        """Begin to send by the channels with something due that are not among those `sending`."""
        if time.monotonic() >= self._ends:
            return {}
        async with self._transaction() as session:
            due = await channels_due(session)
        begun = (name for name in self._channels if name in due and name not in sending)
        return {name: asyncio.create_task(self._drain(name)) for name in begun}

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        # Waiting here has no limit. Waiting for a connection has one, and an alert whose outcome missed it
        # would be sent twice.
        async with self._gate, transaction() as session:
            yield session

    async def _drain(self, name: str) -> None:
        while time.monotonic() < self._ends:
            async with self._transaction() as session:
                delivery = await claim(session, self._settings, name)
            if delivery is None:
                return
            await self._send(self._channels[name], delivery)

    async def _send(self, channel: Channel, delivery: Delivery) -> None:
        with span("deliver alert", channel=delivery.channel, kind=delivery.kind):
            outcome = await send(channel, delivery)
        async with self._transaction() as session:
            await record(session, delivery, outcome)
        if outcome.ok:
            await self._mark_notified(delivery.findings)
        facts = {
            "notification_id": str(delivery.id),
            "channel": delivery.channel,
            "kind": delivery.kind,
            "attempt": delivery.attempt,
            "outcome": outcome.text,
        }
        if outcome.ok:
            log.info("alert_sent", **facts)
        else:
            log.warning("alert_not_sent", **facts)

    async def _mark_notified(self, finding_ids: Sequence[UUID]) -> None:
        for _ in range(_MARKING_TRIES):
            async with self._transaction() as session:
                finding_ids = await mark_notified(session, finding_ids)
            if not finding_ids:
                return
            await asyncio.sleep(1)
