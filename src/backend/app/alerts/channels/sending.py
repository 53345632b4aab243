"""Sending by the channels that the settings name."""

import asyncio
import time
from dataclasses import replace

from app.alerts.channels.channel import Channel, DeliveryError
from app.alerts.channels.webhook import Webhook
from app.alerts.domain.delivery import Delivery, Outcome
from app.alerts.settings import ChannelSettings
from app.kit.text import shortened
from app.kit.urls import WEBHOOK, named_urls

_LONGEST_OUTCOME = 300  # characters that are kept
_EXTRA_SECONDS = 5.0  # a channel keeps its own time; this ends one that does not


def make_channels(settings: ChannelSettings) -> dict[str, Channel]:
    """Every channel that the settings name, by its name."""
    channels: dict[str, Channel] = {}
    if settings.urls:
        from app.alerts.channels.apprise_channel import AppriseChannel

        urls = named_urls(settings.urls)
        channels |= {name: AppriseChannel(url, settings.timeout) for name, url in urls.items()}
    if settings.webhook_url:
        channels[WEBHOOK] = Webhook(settings.webhook_url, settings.webhook_secret, settings.timeout)
    return channels


async def send(channel: Channel, delivery: Delivery) -> Outcome:
    """Send now. Every failure is an outcome, never an exception."""
    started = time.monotonic()
    refusal: DeliveryError | None = None
    try:
        async with asyncio.timeout(channel.timeout + _EXTRA_SECONDS):
            ok, text = True, await channel.send(delivery)
    except TimeoutError:
        ok, text = False, f"no answer within {channel.timeout:g} s"
    except DeliveryError as error:
        ok, text = False, str(error)
        refusal = error
    # Many libraries are behind the channels; any error of theirs is shown and retried.
    except Exception as error:  # noqa: BLE001
        ok, text = False, channel.scrub(f"{type(error).__name__}: {error}")
    outcome = Outcome(ok, shortened(text, _LONGEST_OUTCOME), round(time.monotonic() - started, 3))
    if refusal is None:
        return outcome
    return replace(
        outcome,
        rejected=refusal.rejected,
        retry_after=refusal.retry_after,
        delivered=refusal.delivered,
    )
