"""When a notification may go out: the limit of messages an hour, retries, and when it is given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.alerts.domain.calibration import GIVE_UP_AFTER, LONGEST_PAUSE, RATE_WINDOW
from app.kit.backoff import Backoff

RETRIES = Backoff.exponential(timedelta(seconds=20), timedelta(hours=1), spread=(1.0, 0.5))
"""When a notification that could not be delivered is tried again."""


def retry_delay(attempts: int, luck: float, retry_after: float | None) -> timedelta:
    """How long after failed attempt number `attempts` the next one is due; `luck` is from 0 to 1.

    Not before `retry_after`, the seconds that the receiver asked to wait, up to `LONGEST_PAUSE`.
    """
    asked = min(retry_after or 0.0, LONGEST_PAUSE.total_seconds())
    return max(RETRIES.delay(attempts, luck), timedelta(seconds=asked))


def throttled_until(begun: Sequence[datetime], limit: int, now: datetime) -> datetime | None:
    """When the next new message may go out if `limit` are allowed in an hour; None where at once.

    `begun` holds when the channel's messages were first tried.
    """
    recent = sorted(moment for moment in begun if now - RATE_WINDOW < moment <= now)
    return None if len(recent) < limit else recent[-limit] + RATE_WINDOW


def gives_up(begun: datetime, now: datetime) -> bool:
    """Whether a notification whose first attempt was at `begun` is given up."""
    return now - begun >= GIVE_UP_AFTER
