"""When a judge that failed is asked again."""

from datetime import timedelta

from app.kit.backoff import Backoff

MAX_ATTEMPTS = 3

_LONGEST = timedelta(days=1)
_RETRIES = Backoff.exponential(timedelta(minutes=1), _LONGEST, growth=5)


def retry_pause(attempts: int, asked_for: float | None = None) -> timedelta | None:
    """How long to wait after `attempts` failures; None when it is given up.

    `asked_for` is how many seconds the endpoint itself wants to be left alone, up to a day of which it gets.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    pause = _RETRIES.delay(attempts)
    if asked_for is None:
        return pause
    return max(pause, timedelta(seconds=min(asked_for, _LONGEST.total_seconds())))
