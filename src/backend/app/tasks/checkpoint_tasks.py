"""Sending checkpoints out of the reach of a person who can change the log, as beat starts it."""

import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast
from uuid import uuid4

from app.alerts.channels.channel import Channel
from app.alerts.channels.checkpoints import CheckpointFile, CheckpointWebhook
from app.alerts.channels.sending import make_channels, send
from app.alerts.domain.delivery import Delivery, Outcome
from app.alerts.domain.message import Message
from app.alerts.domain.timing import retry_delay
from app.alerts.settings import ChannelSettings
from app.config import Settings, get_settings
from app.db.session import transaction
from app.logs import get_logger
from app.proof.calibration import CHECKPOINT_SECONDS, MAIL_PAUSE, TIMESTAMP_PAUSE
from app.proof.checkpoints import StoredCheckpoint, newest_checkpoint
from app.proof.deliveries import (
    destinations_due,
    forget_others,
    lock_deliveries,
    record_delivery,
    record_failure,
)
from app.proof.domain.checkpoint import as_signed
from app.proof.timestamps import keep_timestamp
from app.tasks.celery_app import celery_app
from app.tasks.outage import postponed_on_outage
from app.tasks.runtime import run_async

if TYPE_CHECKING:
    from app.alerts.channels.timestamps import TimestampAuthority

log = get_logger(__name__)

_FILE, _WEBHOOK, _TIMESTAMP = "file", "webhook", "timestamp"


@celery_app.task
def send_checkpoints() -> None:
    """Send the newest checkpoint to each destination that wants it now."""
    run_async(send_newest(get_settings()))


async def send_newest(settings: Settings) -> None:
    """Send the newest checkpoint to the destinations of the settings, and record how that went.

    Does nothing while another process does.
    """
    channels = _channels(settings)
    with postponed_on_outage("checkpoints_postponed"):
        async with transaction() as locked:
            if not await lock_deliveries(locked):
                return
            async with transaction() as session:
                await forget_others(session, channels)
                checkpoint = await newest_checkpoint(session)
                if checkpoint is None:
                    return
                every = {name: pause for name, (_, pause) in channels.items()}
                due = await destinations_due(session, every, checkpoint.tree_size)
            for name in due:
                await _send(name, channels[name][0], checkpoint)


def _channels(settings: Settings) -> dict[str, tuple[Channel, timedelta]]:
    """Each destination's channel, by its name, and the time between two deliveries."""
    timeout, each_one = settings.alert_timeout, timedelta(seconds=CHECKPOINT_SECONDS / 2)
    channels: dict[str, tuple[Channel, timedelta]] = {}
    if settings.checkpoint_urls:
        urls = ChannelSettings(urls=settings.checkpoint_urls.get_secret_value(), timeout=timeout)
        channels |= {name: (channel, MAIL_PAUSE) for name, channel in make_channels(urls).items()}
    if settings.checkpoint_webhook:
        url = settings.checkpoint_webhook.get_secret_value()
        channels[_WEBHOOK] = CheckpointWebhook(url, timeout), each_one
    if settings.timestamp_url:
        from app.alerts.channels.timestamps import TimestampAuthority

        authority = TimestampAuthority(settings.timestamp_url.get_secret_value(), timeout)
        channels[_TIMESTAMP] = authority, TIMESTAMP_PAUSE
    if settings.checkpoint_file:
        channels[_FILE] = CheckpointFile(settings.checkpoint_file, timeout), each_one
    return channels


def _delay(failures: int, outcome: Outcome) -> timedelta:
    return retry_delay(failures, random.random(), outcome.retry_after)  # noqa: S311


async def _send(name: str, channel: Channel, checkpoint: StoredCheckpoint) -> None:
    note = as_signed(checkpoint.note) if name == _TIMESTAMP else checkpoint.note
    message = Message(f"Checkpoint of the log: {checkpoint.tree_size:,} leaves", note, {})
    outcome = await send(channel, Delivery(uuid4(), "checkpoint", name, None, checkpoint.made_at, 1, message))
    async with transaction() as session:
        if outcome.ok:
            if name == _TIMESTAMP:
                response = cast("TimestampAuthority", channel).response
                await keep_timestamp(session, checkpoint.tree_size, response)
            await record_delivery(session, name, checkpoint.tree_size, outcome.text)
        else:
            await record_failure(session, name, outcome.text, partial(_delay, outcome=outcome))
    if not outcome.ok:
        log.warning(
            "checkpoint_not_sent", destination=name, leaves=checkpoint.tree_size, outcome=outcome.text
        )
