"""How often a channel is written to, and how soon what failed is tried again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.kit.backoff import Backoff

RATE_WINDOW = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
"""How long after its first try a notification is tried again."""

RETRIES = Backoff.exponential(timedelta(seconds=20), timedelta(hours=1), spread=(1.0, 0.5))
"""When a notification that could not be delivered is tried again."""


def held_until(begun: Sequence[datetime], limit: int, now: datetime) -> datetime | None:
    """When the next new message may go out if `limit` are allowed in an hour; None where at once.

    `begun` holds when the channel's messages were first tried.
    """
    recent = sorted(moment for moment in begun if now - RATE_WINDOW < moment <= now)
    return None if len(recent) < limit else recent[-limit] + RATE_WINDOW


def gives_up(begun: datetime, now: datetime) -> bool:
    """Whether a notification first tried at `begun` is not to be tried again."""
    return now - begun >= GIVE_UP_AFTER
