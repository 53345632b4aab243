"""Durations in words."""

from datetime import datetime

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def ago(then: datetime, now: datetime) -> str:
    """How long ago `then` was, in its largest whole unit: `2 minutes ago`."""
    seconds = (now - then).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
