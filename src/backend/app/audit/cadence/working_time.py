"""Time in which a schedule is at work: the rest at night and on weekends counts as one step.

An agent that leaves out two due times on a Friday is away for days by the clock, and still for two steps
only.
"""

from datetime import datetime, timedelta

from app.audit.cadence import calibration
from app.audit.cadence.schedule import Schedule, due_times, rhythm


def step_at_work(schedule: Schedule) -> timedelta | None:
    """The time between due times of a schedule that rests; None of one that is due at about even times.

    Raises `ValueError` when the schedule never comes again.
    """
    shortest, longest, _ = rhythm(schedule)
    return shortest if longest > calibration.EVEN * shortest else None


def day_at_work(schedule: Schedule) -> timedelta:
    """How much of it is in a day. Raises `ValueError` as `step_at_work`."""
    shortest, _, most_a_day = rhythm(schedule)
    return shortest * most_a_day


def worked(schedule: Schedule, due: datetime, until: datetime) -> timedelta:
    """How much of it passed from a due time `until` a moment. Raises `ValueError` as `step_at_work`."""
    step = step_at_work(schedule)
    if step is None or until - due <= step:
        return until - due
    passed = timedelta()
    for following in due_times(schedule, due):
        if following > until:
            break
        passed += min(following - due, step)
        due = following
    return passed + min(until - due, step)


def after_work(schedule: Schedule, due: datetime, *works: timedelta) -> list[datetime]:
    """When so much of it has passed since a due time, in ascending order. Raises as `step_at_work`."""
    step, passed, found = step_at_work(schedule), timedelta(), []
    times = due_times(schedule, due)
    for work in works:
        while step is not None and work - passed > step:
            following = next(times)
            passed += min(following - due, step)
            due = following
        found.append(due + (work - passed))
    return found
