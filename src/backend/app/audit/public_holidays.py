"""When countries have public holidays."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from app.audit.cadence import Outage
from app.errors import ConfigError
from app.kit.countries import zones_of


def public_holidays(countries: Sequence[str], since: datetime, until: datetime) -> tuple[Outage, ...]:
    """The holidays of countries and subdivisions, as `DE-BY`, between two moments, in order.

    Each lasts from the first midnight in a zone of the country until the last. Raises `ConfigError` for a
    country or subdivision whose holidays are unknown.
    """
    years = range(since.year, until.year + 1)
    spans = {_span(code[:2], day) for code in countries for year in years for day in _days(code, year)}
    return tuple(
        span for span in sorted(spans) if span.end > since.timestamp() and span.start <= until.timestamp()
    )


@cache
def _days(code: str, year: int) -> tuple[date, ...]:
    # The library takes 45 MB and half a second: only where a country is set.
    from holidays import country_holidays

    country, _, subdivision = code.partition("-")
    try:
        return tuple(country_holidays(country, subdiv=subdivision or None, years=year))
    except NotImplementedError as error:
        raise ConfigError(f"no holidays are known of {code}, in RUNLOG_AUDIT_HOLIDAYS: {error}") from error


def _span(country: str, day: date) -> Outage:
    midnights = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) for zone in zones_of(country)]
    begin = min(each.astimezone(UTC) for each in midnights)
    end = max((each + timedelta(days=1)).astimezone(UTC) for each in midnights)
    return Outage(begin.timestamp(), end.timestamp())
