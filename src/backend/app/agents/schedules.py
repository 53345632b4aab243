"""A schedule for people: in words, and when it comes next."""

from datetime import datetime

from cronsim import CronSim

from app.audit.cadence import CronSchedule, IntervalSchedule, Schedule, SeveralSchedules
from app.kit.times import EPOCH


def schedule_in_words(schedule: Schedule) -> str:
    """A schedule without its expression: `at 09:00 on Monday through Friday (Europe/Berlin)`."""
    if isinstance(schedule, IntervalSchedule):
        return str(schedule)
    if isinstance(schedule, SeveralSchedules):
        return " or ".join(schedule_in_words(part) for part in schedule.parts)
    return f"{_explained(schedule)} ({schedule.timezone})"


def due_times(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """The first `count` times later than `after` that it comes, in UTC.

    An interval is counted from `after`, as if every run took no time.
    """
    times: list[datetime] = []
    for _ in range(count):
        times.append(schedule.next_after(times[-1] if times else after))
    return times


def _explained(schedule: CronSchedule) -> str:
    if schedule.days is not None:  # a rule that a cron expression cannot say
        return f"`{schedule.declared or schedule.expression}`"
    said = CronSim(schedule.expression, EPOCH).explain()
    return said[:1].lower() + said[1:]
