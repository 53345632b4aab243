"""Moments and spans of time, and moments read from JSON."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def start_of_day(moment: datetime) -> datetime:
    """When the day of a moment began in the moment's own zone."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def moment_in(evidence: object, *path: str) -> datetime | None:
    """The moment that evidence has by these names; None also where the text is none."""
    value = evidence
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
