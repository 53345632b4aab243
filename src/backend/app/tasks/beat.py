"""Beat: when it sends what, and how it ends."""

import time
from typing import Any, NoReturn

from celery import platforms
from celery.apps.beat import Beat as CeleryBeat
from celery.beat import Scheduler, Service

from app.metrics import BEAT_SENT


class MonotonicScheduler(Scheduler):
    """A schedule in memory, kept by the monotonic clock: every entry comes each so many seconds (decision 8).

    Celery's follows the wall clock, and sends nothing for as long as that was set back.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.ending = False
        self._due: dict[str, float] = {}
        super().__init__(*arguments, **options)

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due; returns the seconds until the next entry is. Raises `SystemExit` to end beat."""
        for name, entry in self.schedule.items():
            now = time.monotonic()
            interval = entry.schedule.run_every.total_seconds()
            if self._due.setdefault(name, now + interval) <= now and not self.ending:
                self.apply_entry(self.reserve(entry), producer=self.producer)
                self._due[name] = now + interval
                BEAT_SENT.labels(entry.task).inc()
        if self.ending:
            raise SystemExit
        return max(0.0, min(self._due.values()) - time.monotonic())


class Beat(CeleryBeat):
    """Celery's beat, which ends on a signal that comes while a library reads, too."""

    def install_sync_handler(self, service: Service) -> None:
        """Have SIGTERM and SIGINT end beat: where the exception is lost, as redis-py may, by a flag."""

        def end(*_: object) -> NoReturn:
            service.scheduler.ending = True
            raise SystemExit

        platforms.signals.update(SIGTERM=end, SIGINT=end)
