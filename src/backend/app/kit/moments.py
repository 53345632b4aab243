"""Moments as they come over the wire: ISO 8601, in UTC where no offset is given."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# What PostgreSQL's timestamptz and Python's datetime both hold, with room for any UTC offset.
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_LATEST = datetime(9999, 12, 29, tzinfo=UTC)


def _iso_8601(value: object) -> object:
    # pydantic would take a bare number too, for seconds since 1970.
    if not isinstance(value, str | datetime) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError("not an ISO 8601 time")
    return value


def _in_utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _EARLIEST <= aware <= _LATEST:
        raise ValueError("the time is out of range")
    return aware.astimezone(UTC)


UtcMoment = Annotated[datetime, BeforeValidator(_iso_8601), AfterValidator(_in_utc)]
