"""The ways in which people write schedules, brought to those that are understood.

A schedule is an interval, or one or more cron expressions, which are brought to cronsim's form: Debian's five
fields, or six with the seconds first.

1. An interval is `every 15m`, `every 2 hours`, `@every 1h30m` (Go) or `rate(10 minutes)` (AWS).
2. `@daily` and its like, and `every monday at 09:00`, are cron expressions in words.
3. Of six or seven fields those with a `?`, and all seven, are Quartz': the seconds first, the year last, days
   of the week from 1 for Sunday. AWS leaves the seconds out: its `?` stands a field earlier.
4. What cronsim lacks becomes a `DayRule`: `15W`, `L-3`, and croner's `+MON`, for a day of the month and of
   the week at once.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds
_UNIT = r"(w|d|h|m|s)(?:(?<=w)(?:ee)?ks?|(?<=d)ays?|(?<=h)(?:ou)?rs?|(?<=m)in(?:ute)?s?|(?<=s)ec(?:ond)?s?)?"
_SPAN = re.compile(rf"([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?) ?{_UNIT}(?![a-z])(?:,? ?(?:and )?)?")
_RATE = re.compile(r"rate\( ?(.*?) ?\)")
_ONE = re.compile(r"(?:a |an |one )?(?=[a-z])")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAY_NAMES = re.compile(
    r"(?:every )?(daily|day|weekdays?|weekends?"
    r"|(?:(?:,? ?(?:and )?)(?:sun|mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?)(?:day)?s?)+) at (.+)"
)
_TIME = re.compile(r"([01]?[0-9]|2[0-3])(?::([0-5][0-9]))? ?(am|pm)?(?:,? (?:and )?|$)")
_AWS = re.compile(r"cron\( ?(.*?) ?\)")
_RANGE = re.compile(r"([0-9]+|[A-Z]{3})-([0-9]+|[A-Z]{3})(?:/([0-9]{1,2}))?")
_STEP = re.compile(r"([0-9]+|[A-Z]{3}|\*)/([0-9]{1,2})")
_NEAREST = re.compile(r"([0-9]{1,2})W")
_FROM_LAST = re.compile(r"L-([0-9]{1,2})")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SATURDAY = 5  # of datetime's days of the week
_QUARTZ_FIELDS = 6


@dataclass(frozen=True, slots=True)
class DayRule:
    """What a day must be besides: a day of the week (0 for Monday), the working day nearest to a day of the
    month, or so many days before the last of the month.
    """

    weekdays: frozenset[int] = frozenset()
    nearest: int | None = None
    before_last: int | None = None

    def holds(self, day: date) -> bool:
        """Whether the day is one of these."""
        _, last = calendar.monthrange(day.year, day.month)
        if self.weekdays:
            return day.weekday() in self.weekdays
        if self.nearest is not None:
            return day.day == _working_day(day.year, day.month, min(self.nearest, last), last)
        return self.before_last is None or day.day == last - self.before_last


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression as cronsim reads it, and what a day must be besides."""

    cron: str
    days: DayRule | None = None


def _working_day(year: int, month: int, wanted: int, last: int) -> int:
    """The day of the month from Monday to Friday that is nearest to `wanted`."""
    weekday = date(year, month, wanted).weekday()
    if weekday < _SATURDAY:
        return wanted
    if weekday == _SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    return wanted + 1 if wanted < last else wanted - 2


def interval(text: str) -> timedelta | None:
    """The interval that `text`, in lower case, says; None where it says none. May be 0 or huge."""
    rate = _RATE.fullmatch(text)
    if not rate and not re.match(r"@?every\b", text):
        return None
    spans = rate[1] if rate else re.sub(r"^@?every ?", "", text)
    if not rate and not spans[:1].isdigit():
        spans = _ONE.sub("1 ", spans, count=1)
    seconds, end = 0.0, 0
    for found in _SPAN.finditer(spans):
        if found.start() != end:
            return None
        end = found.end()
        seconds += float(found[1]) * _UNITS[found[2]]
    if not end or end != len(spans):
        return None
    return timedelta(seconds=min(seconds, 1e11))


def expressions(text: str) -> list[Expression]:
    """The cron expressions that one line of a schedule says. Raises `ValueError` with what is wrong."""
    lower = text.lower()
    if lower.startswith("@"):
        if lower not in MACROS:
            known = ", ".join(MACROS)
            raise ValueError(f"of the words with @ there are {known}, and @every with an interval")
        return [Expression(MACROS[lower])]
    if found := _DAY_NAMES.fullmatch(lower):
        return [Expression(each) for each in _spoken(found[1], found[2])]
    aws = _AWS.fullmatch(lower)
    return [_cron((aws[1] if aws else text).upper().split(), is_aws=aws is not None)]


def _spoken(days: str, times: str) -> list[str]:
    """The cron expressions of days of the week and times of the day in words."""
    weekdays = "*" if days in ("day", "daily") else "1-5" if days.startswith("weekday") else "0,6"
    if named := [str(number) for number, name in enumerate(_DAYS) if re.search(rf"\b{name}", days)]:
        weekdays = ",".join(named)
    moments, end = set(), 0
    for found in _TIME.finditer(times):
        if found.start() != end or not found[0]:
            break
        end = found.end()
        moments.add((_hour(int(found[1]), found[3]), int(found[2] or 0)))
    if end != len(times) or not moments:
        raise ValueError("after `at` stands a time such as 09:00 or 9am")
    by_minute = groupby(sorted(moments, key=lambda moment: moment[::-1]), lambda moment: moment[1])
    return [
        f"{minute} {','.join(str(hour) for hour, _ in hours)} * * {weekdays}" for minute, hours in by_minute
    ]


def _hour(hour: int, half: str | None) -> int:
    if half and not 1 <= hour <= 12:
        raise ValueError("an hour before am or pm is from 1 to 12")
    return hour if not half else hour % 12 + (12 if half == "pm" else 0)


def _cron(fields: list[str], *, is_aws: bool) -> Expression:
    # Where it says nothing of days Quartz and AWS write `?`: of the month or of the week.
    is_aws = is_aws or (len(fields) == _QUARTZ_FIELDS and "?" in (fields[2], fields[4]))
    is_quartz = is_aws or len(fields) > _QUARTZ_FIELDS or (len(fields) == _QUARTZ_FIELDS and "?" in fields)
    if is_aws:
        if len(fields) != _QUARTZ_FIELDS:
            raise ValueError("wrong number of fields: AWS' has six")
        fields = ["0", *fields]
    if is_quartz and len(fields) > _QUARTZ_FIELDS:
        *fields, year = fields
        if year not in ("*", "?"):
            raise ValueError("the year is *: a schedule comes every year")
    if len(fields) not in (5, 6):
        raise ValueError("wrong number of fields")
    *seconds, minute, hour, day, month, weekday = ["*" if field == "?" else field for field in fields]
    rule, day = _day_rule(day)
    weekday = weekday.removeprefix("+") if (together := weekday.startswith("+")) else weekday
    first = 1 if is_quartz and "0" not in re.split(r"\D+", weekday) else 0
    if together:
        rule, weekday = _on_weekdays(rule, weekday, first), "*"
    cron = (
        *(seconds if seconds != ["0"] else ()),  # cronsim keeps local hours through clock changes without
        _unwrapped(minute, 0, 59),
        _unwrapped(hour, 0, 23),
        day,
        _unwrapped(month, 1, 12, _MONTHS),
        ",".join(_weekday(term, first) for term in weekday.split(",")),
    )
    return Expression(" ".join(cron), rule)


def _day_rule(day: str) -> tuple[DayRule | None, str]:
    """The rule in a field of the day of the month, and the days that it is looked for among."""
    if (found := _NEAREST.fullmatch(day)) and 1 <= (wanted := int(found[1])) <= 31:
        return DayRule(nearest=wanted), f"{max(1, min(wanted, 28) - 2)}-{min(31, wanted + 2)}"
    if (found := _FROM_LAST.fullmatch(day)) and (before := int(found[1])) <= 27:
        return DayRule(before_last=before), f"{28 - before}-{31 - before}"
    return None, day


def _on_weekdays(rule: DayRule | None, field: str, first: int) -> DayRule:
    numbers = [_weekday_numbers(term, first) for term in field.split(",")]
    if rule or not all(numbers):
        raise ValueError("after + stand days of the week alone")
    return DayRule(weekdays=frozenset((number - 1) % 7 for each in numbers for number in each or ()))


def _weekday(term: str, first: int) -> str:
    """A term of the day of the week in numbers from 0 for Sunday, where its own for Sunday is `first`."""
    if term == "L" and first:
        return "6"
    numbers = _weekday_numbers(term, first)
    if numbers is None:
        name, mark = re.fullmatch(r"(.*?)(L|#.*)?", term).groups()  # type: ignore[union-attr]
        if not mark:
            return term
        return f"{_day_number(name, first)}{'L' if mark.endswith('L') else mark}"
    # As it was written, where cronsim understands it so.
    return term if not first and numbers == sorted(numbers) else ",".join(map(str, numbers))


def _weekday_numbers(term: str, first: int) -> list[int] | None:
    """The days that a term names, from 0 for Sunday; None for every day, and the last or nth of a month."""
    if term == "*" or term.endswith("L") or "#" in term:
        return None
    if found := _RANGE.fullmatch(term):
        start, end = _day_number(found[1], first), _day_number(found[2], first)
        numbers, step = range(start, end + (7 if end < start else 0) + 1), found[3]
    elif found := _STEP.fullmatch(term):
        numbers, step = range(0 if found[1] == "*" else _day_number(found[1], first), 7), found[2]
    else:
        return [_day_number(term, first)]
    return [number % 7 for number in numbers[:: _step(step)]]


def _day_number(name: str, first: int) -> int:
    if name.lower() in _DAYS:
        return _DAYS.index(name.lower())
    if not re.fullmatch("[0-7]", name, re.ASCII):
        raise ValueError("bad day-of-week")
    return (int(name) - first) % 7


def _step(text: str | None) -> int:
    step = int(text or 1)
    if not step:
        raise ValueError("a step is at least 1")
    return step


def _unwrapped(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    """`field` with each range past the end of its unit, such as the hours 22-2, as a list."""
    return ",".join(_unwrapped_term(term, low, high, names) for term in field.split(","))


def _unwrapped_term(term: str, low: int, high: int, names: tuple[str, ...]) -> str:
    found = _RANGE.fullmatch(term)
    if not found:
        return term
    start, end = (
        names.index(part) + low if part in names else int(part) if part.isdigit() else -1
        for part in found.groups()[:2]
    )
    if not low <= end < start <= high:
        return term
    size = high - low + 1
    return ",".join(
        str((number - low) % size + low) for number in range(start, end + size + 1, _step(found[3]))
    )
