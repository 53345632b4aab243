"""Days whose ends differ: who is silent shortly before may be done early."""

import random
from datetime import UTC, datetime

from app.audit.cadence import Cadence
from app.audit.cadence.calibration import DAY, HOUR

MONDAY = datetime(2026, 9, 7, tzinfo=UTC).timestamp()


def shop(seed: int, days: int, differ: float) -> list[list[float]]:
    """By day: at the quarters of an hour from nine to about seven, give or take so many seconds."""
    chance, found = random.Random(seed), []
    for day in range(days):
        at = MONDAY + day * DAY + 9 * HOUR
        end = at + 10 * HOUR + chance.gauss(0, differ)
        found.append([])
        while at < end:
            found[-1].append(at)
            at += HOUR / 4
    return found


def learned(reports: list[list[float]]) -> Cadence:
    cadence = Cadence()
    for report in (each for day in reports for each in day):
        cadence.observe(report)
    return cadence


def test_a_day_that_ends_early_is_no_stop() -> None:
    false, days = 0, 0
    for seed in range(10):
        reports = shop(seed, 50, HOUR / 3)
        cadence = learned(reports[:21])
        for day in range(21, 49):
            for report in reports[day]:
                cadence.observe(report)
            forecast = cadence.forecast()
            assert forecast
            false += forecast.deadline < reports[day + 1][0]
            days += 1
    assert false <= days / 50


def test_a_stop_in_the_middle_of_the_day_is_found_at_once() -> None:
    for seed in range(10):
        reports = shop(seed, 30, HOUR / 3)
        stopped = [*reports[:-1], [at for at in reports[-1] if at < MONDAY + 29 * DAY + 13 * HOUR]]
        forecast = learned(stopped).forecast()
        assert forecast
        assert forecast.deadline < MONDAY + 29 * DAY + 15 * HOUR


def test_an_agent_whose_days_end_on_time_is_expected_until_then() -> None:
    reports = shop(1, 30, 0.0)
    stopped = [*reports[:-1], reports[-1][:-3]]
    forecast = learned(stopped).forecast()
    assert forecast
    assert forecast.deadline < MONDAY + 29 * DAY + 19 * HOUR
