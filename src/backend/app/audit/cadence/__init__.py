"""When agents are expected to report: by a declared schedule, or as their past reports show."""

from app.audit.cadence.learned import Cadence, Forecast
from app.audit.cadence.outages import OUTAGE_STEP, Outage, Outages, find_outages, present_outage
from app.audit.cadence.schedule import (
    DEFAULT_TIMEZONE,
    CronSchedule,
    Expectation,
    IntervalSchedule,
    Schedule,
    expect_declared,
    parse_schedule,
)
from app.kit.text import in_words

__all__ = [
    "DEFAULT_TIMEZONE",
    "OUTAGE_STEP",
    "Cadence",
    "CronSchedule",
    "Expectation",
    "Forecast",
    "IntervalSchedule",
    "Outage",
    "Outages",
    "Schedule",
    "expect_declared",
    "find_outages",
    "in_words",
    "parse_schedule",
    "present_outage",
]
