"""When an agent is to report by its jobs in OpenClaw, as far as the log can say it in one schedule.

- One recurring job is declared as it is: `every 6h`, or its cron expression in its time zone.
- Several cron jobs are declared together: a report is due at the times of any.
- Nothing is declared of an agent with a job that comes at other times than a schedule says (on an event,
  paced by the agent), with several jobs of which one has an interval, or with an expression whose time zone
  is not known. The Auditor watches it by its habit.

Jobs that are switched off and those that come once are no part of it. Reports may be late by a job's stagger
of some minutes and by the pauses after errors, which the Auditor learns: no grace is declared.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from app.audit.cadence import CronSchedule, SeveralSchedules, parse_schedule
from app.intake.domain.openclaw.facts import JobFact
from app.kit.times import EPOCH

_MOST_STAGGER_MS = 24 * 3600 * 1000


class Declaration(NamedTuple):
    """What is declared of an agent: a schedule and the clock of its expressions."""

    schedule: str
    timezone: str


class NotDeclared(NamedTuple):
    """Why nothing is."""

    reason: str


def declaration_of(jobs: Iterable[JobFact], timezone: str | None) -> Declaration | NotDeclared:
    """The one schedule of an agent's jobs. `timezone` is the gateway's, of expressions without their own."""
    recurring = [job for job in jobs if job.enabled and not job.is_system and _kind(job) != "at"]
    if not recurring:
        return NotDeclared("no recurring job is switched on")
    if any(job.is_irregular or job.schedule is None for job in recurring):
        return NotDeclared("a job comes at other times than a schedule says")
    if len(recurring) > 1 and any(_kind(job) == "every" for job in recurring):
        return NotDeclared("of several jobs one has an interval")
    said = list(dict.fromkeys(_said(job, timezone) for job in recurring))
    reasons = [each for each in said if isinstance(each, NotDeclared)]
    if reasons:
        return reasons[0]
    declared = [each for each in said if isinstance(each, Declaration)]
    if len(declared) == 1:
        return _checked(declared[0])
    lines = "; ".join(f"TZ={each.timezone} {each.schedule}" for each in declared)
    return _checked(Declaration(lines, "UTC"))


def _kind(job: JobFact) -> Any:
    return (job.schedule or {}).get("kind")


def _said(job: JobFact, timezone: str | None) -> Declaration | NotDeclared:
    schedule = job.schedule or {}
    if schedule.get("kind") == "every":
        return Declaration(_interval(schedule), "UTC")
    expression = str(schedule.get("expr", ""))
    zone = schedule.get("tz") or timezone
    if zone is None and not _comes_in_utc(expression, schedule, job.next_run_at_ms):
        return NotDeclared("the time zone of the gateway is not known")
    return Declaration(expression, zone or "UTC")


def _interval(schedule: Mapping[str, Any]) -> str:
    seconds = int(schedule.get("everyMs", 0) / 1000)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"every {seconds // size}{unit}"
    return f"every {seconds}s"


def _comes_in_utc(expression: str, schedule: Mapping[str, Any], next_run_at_ms: int | None) -> bool:
    """Whether the gateway's own next time is one of the expression's in UTC, within the job's stagger."""
    if next_run_at_ms is None:
        return False
    stagger = timedelta(milliseconds=min(schedule.get("staggerMs", 0), _MOST_STAGGER_MS))
    due = EPOCH + timedelta(milliseconds=next_run_at_ms)
    try:
        parsed = parse_schedule(expression)
        if not isinstance(parsed, CronSchedule | SeveralSchedules):
            return False
        return parsed.last_until(due) >= due - stagger - timedelta(seconds=1)
    except ValueError:
        return False


def _checked(declaration: Declaration) -> Declaration | NotDeclared:
    try:
        parse_schedule(*declaration)
    except ValueError as error:
        return NotDeclared(str(error))
    return declaration
