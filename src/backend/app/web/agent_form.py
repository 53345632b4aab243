"""The form in which a person declares an agent: its fields, what is wrong with them, a schedule's preview."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from app.agents.schedules import due_times, schedule_in_words
from app.agents.wire import AgentDeclarationIn
from app.audit.cadence import DEFAULT_TIMEZONE, IntervalSchedule, parse_schedule
from app.models import Agent
from app.web.forms import field_errors

DUE_TIMES = 5
"""Shown of a schedule: enough to see that one for working days skips a weekend."""

_TEXTS = ("display_name", "role", "schedule", "timezone", "paused_until")
_CHECKED = ("paused", "muted")


@dataclass(frozen=True, slots=True)
class AgentForm:
    """What stands in the form, by field, and beside which fields stands what is wrong."""

    values: Mapping[str, str]
    errors: Mapping[str, str]


class DueTime(NamedTuple):
    """A moment at which a schedule comes, and what its own clock shows then."""

    moment: datetime
    clock: str


@dataclass(frozen=True, slots=True)
class SchedulePreview:
    """What was typed as a schedule: in words with its next times, or why it is none.

    `timezone` is that of the clock that `times` show. An interval's are counted from now.
    """

    words: str = ""
    times: Sequence[DueTime] = ()
    timezone: str = DEFAULT_TIMEZONE
    is_interval: bool = False
    error: str | None = None


def form_of(declared: Agent | None) -> AgentForm:
    """The form as it is before anything is typed."""
    if declared is None:
        return AgentForm({"timezone": DEFAULT_TIMEZONE}, {})
    texts = {
        "display_name": declared.display_name,
        "role": declared.role,
        "schedule": declared.schedule,
        "timezone": declared.timezone,
        "grace_seconds": None if declared.grace_seconds is None else str(declared.grace_seconds),
        "paused_until": declared.paused_until and f"{declared.paused_until.astimezone(UTC):%Y-%m-%dT%H:%M}",
    }
    checked = {name: "on" for name in _CHECKED if getattr(declared, name)}
    return AgentForm({name: text for name, text in texts.items() if text} | checked, {})


def read_declaration(fields: Mapping[str, str]) -> AgentDeclarationIn | AgentForm:
    """What the form declares, by the rules of the JSON endpoint; or the form with what is wrong in it."""
    given: dict[str, Any] = {name: fields[name] for name in _TEXTS if name in fields}
    given |= {name: name in fields for name in _CHECKED}
    if grace := fields.get("grace_seconds"):
        given["grace_seconds"] = int(grace) if grace.isascii() and grace.isdigit() else grace
    try:
        return AgentDeclarationIn.model_validate(given)
    except ValidationError as error:
        # What is wrong with a schedule is said of the whole, as its time zone belongs to it.
        return AgentForm(fields, field_errors(error, of_whole="schedule"))


def schedule_preview(schedule: str, timezone: str, now: datetime) -> SchedulePreview | None:
    """What was typed, at `now`; None where there is no schedule."""
    if not schedule.strip():
        return None
    timezone = timezone.strip() or DEFAULT_TIMEZONE
    try:
        parsed = parse_schedule(schedule, timezone)
    except ValueError as error:
        return SchedulePreview(error=str(error))
    zone = ZoneInfo(timezone)
    times = [
        DueTime(moment, f"{moment.astimezone(zone):%a %d %b %H:%M}")
        for moment in due_times(parsed, now, DUE_TIMES)
    ]
    return SchedulePreview(schedule_in_words(parsed), times, timezone, isinstance(parsed, IntervalSchedule))
