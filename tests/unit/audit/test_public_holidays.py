"""Agents that rest on some days are not expected on public holidays."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.cadence import Outage, days_off
from app.audit.domain.backtest import judge
from app.audit.domain.evaluation import all_rules
from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import Declaration, PastFinding
from app.audit.public_holidays import public_holidays
from app.errors import ConfigError
from app.kit.countries import parse_countries

MONDAY = datetime(2026, 8, 31, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULES = all_rules(failure_streak=3, silence_streak=3)
HOLIDAY = Outage((MONDAY + 35 * DAY).timestamp(), (MONDAY + 36 * DAY).timestamp())
WORKDAYS = [day for day in range(60) if day % 7 < 5]


def found(
    days: Sequence[int], holidays: Sequence[Outage] = (HOLIDAY,), *, declared: bool = False
) -> list[PastFinding]:
    """What is found of an agent that reports at nine on these days, besides another that always runs."""
    history = {
        "worker": [ReportedRun("", "success", MONDAY + day * DAY + 9 * HOUR) for day in days],
        "always": [ReportedRun("", "success", MONDAY + hour * HOUR) for hour in range(60 * 24)],
    }
    declarations = {"worker": Declaration("0 9 * * 1-5")} if declared else {}
    return judge(RULES, history, declarations, holidays=holidays).found


@pytest.mark.parametrize("declared", [False, True])
def test_an_agent_of_working_days_is_not_expected_on_a_holiday(declared: bool) -> None:
    resting = [day for day in WORKDAYS if day != 35]
    assert found(resting, declared=declared) == []
    assert {past.finding.rule for past in found(resting, (), declared=declared)} == {
        "late",
        "stopped_reporting",
    }


def test_one_that_does_not_come_back_is_found_the_day_after() -> None:
    gone = found([day for day in WORKDAYS if day < 35])
    [stopped] = [past for past in gone if past.finding.rule == "stopped_reporting"]
    assert timedelta(0) <= stopped.opened_at - (MONDAY + 36 * DAY + 9 * HOUR) <= 16 * HOUR


def test_one_that_runs_every_day_is_judged_on_holidays_as_ever() -> None:
    daily = [day for day in range(60) if day != 35]
    assert "stopped_reporting" in {past.finding.rule for past in found(daily)}


def test_one_that_worked_on_a_holiday_is_expected_on_the_next() -> None:
    times = [(MONDAY + day * DAY + 9 * HOUR).timestamp() for day in WORKDAYS]
    later = Outage(HOLIDAY.start + 7 * 86_400, HOLIDAY.end + 7 * 86_400)
    assert days_off(times, [HOLIDAY, later]) == []
    assert days_off([at for at in times if not HOLIDAY.start <= at < HOLIDAY.end], [HOLIDAY, later]) == [
        HOLIDAY
    ]


def test_holidays_are_those_of_the_country_and_its_subdivision() -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 31, tzinfo=UTC)
    new_year = Outage(
        datetime(2025, 12, 31, 23, tzinfo=UTC).timestamp(), datetime(2026, 1, 1, 23, tzinfo=UTC).timestamp()
    )
    assert public_holidays(["DE"], since, until) == (new_year,)
    epiphany = Outage(new_year.start + 5 * 86_400, new_year.end + 5 * 86_400)
    assert public_holidays(["DE-BY", "DE"], since, until) == (new_year, epiphany)


def test_a_day_lasts_until_it_is_over_in_every_zone_of_the_country() -> None:
    [day] = public_holidays(["US"], datetime(2026, 7, 2, tzinfo=UTC), datetime(2026, 7, 3, 12, tzinfo=UTC))
    assert datetime.fromtimestamp(day.start, UTC) == datetime(2026, 7, 3, 4, tzinfo=UTC)
    assert datetime.fromtimestamp(day.end, UTC) == datetime(2026, 7, 4, 10, tzinfo=UTC)


def test_what_is_no_country_is_said() -> None:
    assert parse_countries("de-by, us") == ("DE-BY", "US")
    for wrong in ("Germany", "XX", "DE/BY"):
        with pytest.raises(ValueError, match="is no country or subdivision"):
            parse_countries(wrong)
    with pytest.raises(ConfigError, match="no holidays are known of DE-XX, in RUNLOG_AUDIT_HOLIDAYS"):
        public_holidays(["DE-XX"], MONDAY, MONDAY)
