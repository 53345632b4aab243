"""A learned cadence in words."""

from collections.abc import Sequence
from datetime import timedelta

from app.audit.cadence.activity import A_DAY, AN_HOUR, ActivityBitmap
from app.kit.text import in_words

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_THURSDAY = 3
_WEEKS = 4
_HOUR = 3_600.0


def describe(activity: ActivityBitmap, newest: int, gaps: Sequence[float]) -> str:
    """`weekdays 08:00 to 19:00 UTC, about every 1 h, usually within 4 min`.

    `newest` is the step of its newest report, `gaps` are sorted. Days of the week and hours of the day
    are named in which it usually reports, unless it does in all of them.
    """
    typical = gaps[len(gaps) // 2]
    today = newest // A_DAY
    known = [day for day in range(today - 7 * _WEEKS, today + 1) if activity.count(0, day * A_DAY)]
    active = [day for day in known if activity.count(day * A_DAY, (day + 1) * A_DAY)]
    phrases = [_weekdays(known, active), _hours(activity, active, typical), f"about every {_span(typical)}"]
    off = sorted(abs(gap - typical) for gap in gaps if abs(gap - typical) <= typical / 2)
    if off and off[len(off) * 9 // 10] >= 60:
        phrases.append(f"usually within {_span(off[len(off) * 9 // 10])}")
    when = " ".join(phrase for phrase in phrases[:2] if phrase)
    return ", ".join(phrase for phrase in (when, *phrases[2:]) if phrase)


def _span(seconds: float) -> str:
    """A span, rounded to what is sure of it."""
    exactness = (
        900 if seconds >= 3 * _HOUR else 300 if seconds >= _HOUR - 300 else 60 if seconds >= 120 else 1
    )
    return in_words(timedelta(seconds=round(seconds / exactness) * exactness))


def _weekdays(known: Sequence[int], active: Sequence[int]) -> str:
    """The days of the week on which it mostly reports; nothing before two weeks are known."""
    if len(known) < 14:
        return ""
    on = [
        weekday
        for weekday in range(7)
        if 2 * sum((day + _THURSDAY) % 7 == weekday for day in active)
        > sum((day + _THURSDAY) % 7 == weekday for day in known)
    ]
    if len(on) in (0, 7):
        return ""
    named = {(0, 1, 2, 3, 4): "weekdays", (5, 6): "weekends"}
    return named.get(tuple(on)) or ", ".join(_DAYS[weekday] for weekday in on)


def _hours(activity: ActivityBitmap, active: Sequence[int], typical: float) -> str:
    """From when to when on most days it reports: what the longest pause leaves, if it is long for it."""
    days = active[:-1][-14:]
    if len(days) < 3:
        return ""
    starts = [[day * A_DAY + hour * AN_HOUR for day in days] for hour in range(24)]
    used = [sum(bool(activity.count(at, at + AN_HOUR)) for at in hour) * 2 > len(days) for hour in starts]
    if not any(used):
        return ""
    pauses = [next(n for n in range(24) if used[(hour + n) % 24]) for hour in range(24)]
    begins = max(range(24), key=lambda hour: pauses[hour])
    first = (begins + pauses[begins]) % 24
    if sum(used) == 1 and typical > _HOUR:
        return f"from {first:02}:00 UTC"
    if pauses[begins] < 3 or pauses[begins] * _HOUR < typical * 2:
        return ""
    return f"{first:02}:00 to {begins:02}:00 UTC"
