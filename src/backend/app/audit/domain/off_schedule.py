"""Agents that report regularly, but not as their declared schedule says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from app.audit import calibration
from app.audit.cadence import DEFAULT_TIMEZONE, CronSchedule, IntervalSchedule, Schedule, SeveralSchedules
from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.domain.finding import Finding, last_good
from app.audit.domain.history import AgentHistory, ReportedRun, readable_schedule
from app.audit.domain.rule import Rule
from app.kit.text import in_words, printable

_Timed = CronSchedule | SeveralSchedules


class OffSchedule(Rule):
    """For days it came at another hour than declared, or seldom, each time alike.

    Another hour is that of the schedule in UTC, where it is declared in a time zone; or one that is nearer to
    the next due time than to the last: no run is that long. Seldom is after three due times and more.
    """

    name = "off_schedule"
    severity = "medium"
    needs = "runs"
    ending = "it comes as its schedule says"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether it has a schedule, and its newest runs are off it."""
        return self._reason(history, PREFILTER_DEPTH - 1) is not None

    def may_open_after(self, earlier: ReportedRun, run: ReportedRun) -> bool:
        """On a run that came hours after the one before."""
        return run.created_at - earlier.created_at >= calibration.OFF_SCHEDULE_GAP

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says how it comes instead."""
        reason = self._reason(history, calibration.OFF_SCHEDULE_RUNS)
        if reason is None:
            return None
        schedule = readable_schedule(history)
        message = f"{printable(history.agent_id)} {reason}; it is declared to be due {schedule}"
        evidence = {
            "schedule": history.schedule,
            "timezone": history.timezone,
            "last_success": last_good(history.runs),
        }
        return self._finding(history, message, evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No single run: what ends it is that the newest come as declared, or another declaration."""
        return False

    def _reason(self, history: AgentHistory, count: int) -> str | None:
        schedule, reports = readable_schedule(history), history.reports[: count + 1]
        if (
            schedule is None
            or len(reports) <= count
            or reports[0] - reports[-1] < calibration.OFF_SCHEDULE_FOR
        ):
            return None
        if _is_seldom(schedule, reports):
            gaps = sorted(later - earlier for later, earlier in pairwise(reports))
            return f"comes about every {in_words(gaps[len(gaps) // 2])}, far more seldom than it is due"
        return None if isinstance(schedule, IntervalSchedule) else _other_hour(schedule, reports)


def _is_seldom(schedule: Schedule, reports: Sequence[datetime]) -> bool:
    for later, earlier in pairwise(reports):
        due = earlier
        for _ in range(calibration.OFF_SCHEDULE_MISSED):
            due = schedule.next_after(due)
        if later <= due:
            return False
    return True


def _other_hour(schedule: _Timed, reports: Sequence[datetime]) -> str | None:
    late = sorted(_lateness(schedule, report) for report in reports)
    if late[-1] - late[0] > calibration.OFF_SCHEDULE_SPREAD or late[0] < calibration.OFF_SCHEDULE_SPREAD:
        return None
    middle = late[len(late) // 2]
    if isinstance(schedule, CronSchedule) and schedule.timezone != DEFAULT_TIMEZONE:
        in_utc = CronSchedule(schedule.expression, DEFAULT_TIMEZONE, schedule.days)
        if all(_lateness(in_utc, report) <= calibration.OFF_SCHEDULE_SPREAD for report in reports):
            return f"comes {in_words(middle)} after it is due each time, as by the clock of UTC"
    following = min(schedule.next_after(report) - report for report in reports)
    if middle >= calibration.OFF_SCHEDULE_GAP and following < middle:
        return f"comes {in_words(following)} before it is due each time"
    return None


def _lateness(schedule: _Timed, report: datetime) -> timedelta:
    return report - schedule.last_until(report)
