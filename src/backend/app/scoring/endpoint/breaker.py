"""A circuit breaker for the judge's endpoint: calls to one that is failing cost budget."""

from collections.abc import Callable
from datetime import timedelta

from app.kit.backoff import Backoff
from app.scoring.judge.reply import ENDPOINT_TROUBLE, Reply

_RETRIES = Backoff.exponential(timedelta(seconds=30), timedelta(minutes=15))
_LONGEST_ASKED_FOR = 3600.0


class Breaker:
    """Opens after a failure, for twice as long after each further one. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether no call is to be made now."""
        return self._clock() < self._rests_until

    @property
    def is_trying(self) -> bool:
        """Whether it is half open: one call at a time, until one succeeds."""
        return self._failures > 0

    def note(self, reply: Reply) -> None:
        """Learn from a call. An answer that is no judgement is a failure of the run, not of the endpoint."""
        if reply.outcome not in ENDPOINT_TROUBLE:
            self._failures, self._rests_until = 0, 0.0
            return
        rest = min(reply.retry_after or 0.0, _LONGEST_ASKED_FOR)
        # Calls that were on their way together count once.
        if not self.is_open:
            self._failures += 1
            rest = max(rest, _RETRIES.delay(self._failures).total_seconds())
        self._rests_until = max(self._rests_until, self._clock() + rest)
