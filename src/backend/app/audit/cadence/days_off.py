"""Which public holidays an agent keeps, by its own behaviour."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from app.audit.cadence import calibration
from app.audit.cadence.calibration import DAY
from app.audit.cadence.outages import Outage


def days_off(reports: Sequence[float], holidays: Sequence[Outage]) -> list[Outage]:
    """The `holidays`, in order, that an agent with these sorted report times takes off.

    That is one that rests on a day of the week, and only until it reported on a holiday.
    """
    if not holidays or not rests_weekly(reports):
        return []
    kept: list[Outage] = []
    for holiday in holidays:
        if holiday.end <= reports[0]:
            continue
        if bisect_left(reports, holiday.start) < bisect_left(reports, holiday.end):
            break
        kept.append(holiday)
    return kept


def rests_weekly(reports: Sequence[float]) -> bool:
    """Whether an agent, known for two weeks, reports on most days of the week and hardly ever on another."""
    if not reports or reports[-1] - reports[0] < 2 * 7 * DAY:
        return False
    weekdays = Counter(int(moment // DAY) % 7 for moment in reports)
    usual = len(reports) / 7
    working = sum(weekdays[day] >= calibration.WORKING_DAY * usual for day in range(7))
    return working >= calibration.WORKING_DAYS and min(weekdays[day] for day in range(7)) <= (
        calibration.DAY_OFF * usual
    )
