"""When agents are expected to report: by a declared schedule, or as their past reports show."""

from app.audit.cadence.days_off import days_off
from app.audit.cadence.lateness import Expectation, Lateness, due_after, first_grace
from app.audit.cadence.learned import Cadence, Forecast, shortest_gap
from app.audit.cadence.outages import (
    OUTAGE_STEP,
    Attendance,
    Outage,
    Outages,
    attendance,
    find_outages,
    present_outage,
    some_go_on,
)
from app.audit.cadence.schedule import (
    DEFAULT_TIMEZONE,
    CronSchedule,
    IntervalSchedule,
    Schedule,
    SeveralSchedules,
    parse_schedule,
    rhythm,
)
from app.kit.text import in_words

__all__ = [
    "DEFAULT_TIMEZONE",
    "OUTAGE_STEP",
    "Attendance",
    "Cadence",
    "CronSchedule",
    "Expectation",
    "Forecast",
    "IntervalSchedule",
    "Lateness",
    "Outage",
    "Outages",
    "Schedule",
    "SeveralSchedules",
    "attendance",
    "days_off",
    "due_after",
    "find_outages",
    "first_grace",
    "in_words",
    "parse_schedule",
    "present_outage",
    "rhythm",
    "shortest_gap",
    "some_go_on",
]
