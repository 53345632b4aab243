"""When a judge that failed is asked again."""

from datetime import timedelta

MAX_ATTEMPTS = 3

_FIRST_PAUSE = timedelta(minutes=1)
_GROWTH = 5
_LONGEST_PAUSE = timedelta(days=1)


def retry_pause(attempts: int, asked_for: float | None = None) -> timedelta | None:
    """How long to wait after `attempts` failures; None when it is given up.

    `asked_for` is how many seconds the endpoint itself wants to be left alone, up to a day of which it gets.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    pause: timedelta = _FIRST_PAUSE * _GROWTH ** (attempts - 1)
    if asked_for is None:
        return pause
    return max(pause, timedelta(seconds=min(asked_for, _LONGEST_PAUSE.total_seconds())))
