"""When a notification may go out: the limit of messages an hour, retries, and when it is given up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.alerts.domain.calibration import GIVE_UP_AFTER, RATE_WINDOW

_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(hours=1)


def throttled_until(begun: Sequence[datetime], limit: int, now: datetime) -> datetime | None:
    """When the next new message may go out if `limit` are allowed in an hour; None where at once.

    `begun` holds when the channel's messages were first tried.
    """
    recent = sorted(moment for moment in begun if now - RATE_WINDOW < moment <= now)
    return None if len(recent) < limit else recent[-limit] + RATE_WINDOW


def retry_pause(attempts: int, chance: float) -> timedelta:
    """How long to wait after so many failed attempts, 1 or more: twice as long each time, up to an hour.

    `chance`, from 0 to 1, takes away up to half, so that what failed together is not tried together.
    """
    longest = min(_FIRST_PAUSE * float(2 ** min(attempts - 1, 20)), _LONGEST_PAUSE)
    return longest * (1 - chance / 2)


def gives_up(begun: datetime, now: datetime) -> bool:
    """Whether a notification whose first attempt was at `begun` is given up."""
    return now - begun >= GIVE_UP_AFTER
