"""When agents report in practice, by kind: at the end of a run, whose length has a heavy tail.

Times are seconds since the epoch. Everything follows from the chance that is handed in.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from fleets.schedules import DAY, HOUR, MINUTE, START

BEGIN = START.timestamp()
Span = tuple[float, float]
Length = Callable[[random.Random], float]
"""Seconds from when a run starts until it reports."""


@dataclass
class Timing:
    """When an agent reports while all is well, and what is declared of it.

    `ended` is when it ends, or a part of it does, by its own kind; `excused` are times in which what is found
    counts as neither right nor wrong; where no `recovery` is to be simulated, it only ever stops for good.
    `learnable` is whether it shows a cadence within some weeks.
    """

    reports: list[float]
    schedule: str | None = None
    timezone: str = "UTC"
    ended: float | None = None
    excused: list[Span] = field(default_factory=list)
    recovers: bool = True
    learnable: bool = True


Timings = Callable[[random.Random, int], Timing]


def lognormal(median: float, sigma: float, most: float = 20 * HOUR) -> Length:
    """As the lengths of computing jobs are distributed; `sigma` of their logarithm."""
    return lambda chance: min(median * chance.lognormvariate(0, sigma), most)


def pareto(least: float, alpha: float, most: float = 20 * HOUR) -> Length:
    """With a tail as heavy as a power of `-alpha`."""
    return lambda chance: min(least * chance.paretovariate(alpha), most)


def about(middle: float, share: float = 0.05) -> Length:
    """Give or take a share."""
    return lambda chance: middle * chance.uniform(1 - share, 1 + share)


def cron_times(expression: str, zone: str, days: float) -> Iterator[float]:
    """The due times of a cron expression from `START` on."""
    times = CronSim(expression, START.astimezone(ZoneInfo(zone)))
    return takewhile(lambda at: at < BEGIN + days * DAY, (time.timestamp() for time in times))


def scheduled(
    expressions: Sequence[str],
    length: Length,
    zones: Sequence[str] = ("UTC",),
    *,
    serial: bool = False,
    learnable: bool = True,
    declared_in: str | None = None,
) -> Timings:
    """By cron. A `serial` one skips a time at which the run before still lasts."""

    def timing(chance: random.Random, days: int) -> Timing:
        expression, zone = chance.choice(expressions), chance.choice(zones)
        minute, hour = str(chance.randrange(60)), str(chance.randrange(24))
        expression = expression.replace("M", minute).replace("H", hour)
        reports, busy = [], 0.0
        for start in cron_times(expression, zone, days):
            if serial and start < busy:
                continue
            busy = start + length(chance)
            reports.append(busy)
        return Timing(sorted(reports), expression, declared_in or zone, learnable=learnable)

    return timing


def waits_for_a_lock(expressions: Sequence[str]) -> Timings:
    """One run in three has to wait until another agent's is over."""
    own, others = lognormal(3 * MINUTE, 0.5), lognormal(20 * MINUTE, 0.8)
    return scheduled(expressions, lambda chance: own(chance) + (chance.random() < 0.33) * others(chance))


def counted_from_the_end(chance: random.Random, days: int) -> Timing:
    """So long after the end of the run before."""
    every, text = chance.choice([(HOUR, "every 1h"), (HOUR / 2, "every 30m"), (6 * HOUR, "every 6h")])
    length = lognormal(chance.choice([2, 8, 20]) * MINUTE, 0.8)
    reports, at = [], BEGIN + chance.random() * every
    while at < BEGIN + days * DAY:
        at += every + length(chance)
        reports.append(at)
    return Timing(reports, text)


def by_hand_between(timings: Timings, per_day: Sequence[float]) -> Timings:
    """With runs by hand, mostly by day."""

    def timing(chance: random.Random, days: int) -> Timing:
        found, rate = timings(chance, days), chance.choice(per_day)
        for day in range(days):
            count = sum(chance.random() < rate / 8 for _ in range(8))
            found.reports += [BEGIN + day * DAY + chance.uniform(7, 19) * HOUR for _ in range(count)]
        found.reports.sort()
        return found

    return timing


def two_crons(chance: random.Random, days: int) -> Timing:
    """Two crons on one agent, of which one ends."""
    first, second = chance.sample(["0 6 * * *", "30 18 * * *", "0 12 * * *"], 2)
    length, end = lognormal(5 * MINUTE, 0.6), BEGIN + chance.uniform(0.5, 0.7) * days * DAY
    kept = [at + length(chance) for at in cron_times(first, "UTC", days)]
    ended = [at + length(chance) for at in cron_times(second, "UTC", days) if at < end]
    return Timing(
        sorted([*kept, *ended]), f"{first}; {second}", ended=end, excused=[(end, BEGIN + days * DAY)]
    )


def weekly_with_reminders(chance: random.Random, days: int) -> Timing:
    """A report a week, and reminders some days later when no one answered."""
    weekday, hour = chance.randrange(5), chance.randrange(6, 16)
    reports, length = [], lognormal(6 * MINUTE, 0.8)
    for at in cron_times(f"0 {hour} * * {weekday + 1}", "UTC", days):
        reports.append(at + length(chance))
        reports += [at + later * DAY + length(chance) for later in (2, 4) if chance.random() < 0.4]
    return Timing(sorted(reports), f"0 {hour} * * {weekday + 1}", learnable=False)


def bursts_of_the_day(chance: random.Random, days: int) -> Timing:
    """Ten runs in five minutes, once a day."""
    hour = chance.randrange(24)
    starts = cron_times(f"0 {hour} * * *", "UTC", days)
    reports = [at + chance.uniform(0, 5) * MINUTE for at in starts for _ in range(10)]
    return Timing(sorted(reports), f"0 {hour} * * *")


def events(per_day: Sequence[float], *, by_day: bool = False) -> Timings:
    """By events: at any time, or three times as often by day, and by half less at weekends."""

    def timing(chance: random.Random, days: int) -> Timing:
        rate, at, reports = chance.choice(per_day), BEGIN, []
        while at < BEGIN + days * DAY:
            at += chance.expovariate(rate / DAY)
            moment = datetime.fromtimestamp(at, UTC)
            kept = 1.0 if not by_day else (1 if 7 <= moment.hour < 19 else 1 / 3)
            if chance.random() < kept * (0.5 if by_day and moment.weekday() > 4 else 1):
                reports.append(at)
        return Timing(reports, recovers=False)

    return timing


def laptop(chance: random.Random, days: int) -> Timing:
    """Half-hourly while it is open: on most days of work, from about nine to six, and not at lunch."""
    reports, length = [], lognormal(MINUTE, 0.8)
    for day in range(days):
        if (START + timedelta(days=day)).weekday() > 4 or chance.random() < 0.05:
            continue
        begin, end = 9 + chance.gauss(0, 0.7), 18 + chance.gauss(0, 1)
        lunch = 12 + chance.random()
        at = begin
        while at < end:
            if not lunch < at < lunch + 0.75:
                reports.append(BEGIN + day * DAY + at * HOUR + length(chance))
            at += 0.5
    return Timing(sorted(reports), "*/30 9-17 * * 1-5", recovers=False)


def spot_machine(chance: random.Random, days: int) -> Timing:
    """Every quarter of an hour, and taken away for some hours on some days."""
    away = [
        (begin, begin + chance.uniform(0.5, 7) * HOUR)
        for day in range(days)
        if chance.random() < 0.4
        for begin in [BEGIN + day * DAY + chance.uniform(8, 17) * HOUR]
    ]
    starts = cron_times("*/15 * * * *", "UTC", days)
    reports = [at + chance.uniform(5, 60) for at in starts if not any(a <= at < b for a, b in away)]
    return Timing(reports, "*/15 * * * *", recovers=False)


def edited(chance: random.Random, days: int) -> Timing:
    """Another schedule from one day on; what was declared is edited with it, so nothing is declared here."""
    first, second = chance.sample(
        ["0 * * * *", "0 */4 * * *", "0 5 * * *", "0 5,17 * * *", "*/30 * * * *"], 2
    )
    length, middle = lognormal(3 * MINUTE, 0.7), BEGIN + int(chance.uniform(0.3, 0.45) * days) * DAY
    before = [at + length(chance) for at in cron_times(first, "UTC", days) if at < middle]
    after = [at + length(chance) for at in cron_times(second, "UTC", days) if at >= middle]
    return Timing(sorted([*before, *after]), excused=[(middle - HOUR, middle + 8 * DAY)])


def growing(chance: random.Random, days: int) -> Timing:
    """An interval that grows by some percent each time, up to a day."""
    step, by = 20 * MINUTE, chance.uniform(1.01, 1.04)
    reports, at = [], BEGIN
    while at < BEGIN + days * DAY:
        at += step * chance.uniform(0.95, 1.05)
        step = min(step * by, DAY)
        reports.append(at)
    return Timing(reports)


def ramping_up(chance: random.Random, days: int) -> Timing:
    """Runs by hand in the first two weeks, then ever more of a schedule."""
    length, reports = lognormal(4 * MINUTE, 0.7), []
    for at in cron_times("0 * * * *", "UTC", days):
        day = (at - BEGIN) / DAY
        if chance.random() < min(1.0, 0.02 + max(0.0, (day - 10) / 20)):
            reports.append(at + length(chance))
    return Timing(reports)


def paused(chance: random.Random, days: int) -> Timing:
    """Away for one to two weeks without a word: its stop is to be reported; afterwards it is as before."""
    found = scheduled(["M * * * *", "M H * * *", "M */4 * * *"], lognormal(4 * MINUTE, 0.8))(chance, days)
    begin = BEGIN + chance.uniform(0.3, 0.5) * days * DAY
    end = begin + chance.uniform(7, 14) * DAY
    found.reports = [at for at in found.reports if not begin <= at < end]
    found.excused = [(begin, end)]
    return found


def duplicated(chance: random.Random, days: int) -> Timing:
    """Some runs are reported twice or three times within a minute."""
    found = scheduled(["M * * * *", "M */6 * * *", "M H * * *"], lognormal(4 * MINUTE, 0.7))(chance, days)
    again = [at + chance.uniform(1, 60) for at in found.reports for _ in range(2) if chance.random() < 0.2]
    found.reports = sorted([*found.reports, *again])
    return found


def spooled(chance: random.Random, days: int) -> Timing:
    """Offline for some hours now and then; what was spooled then comes at once."""
    found = scheduled(["M * * * *", "*/20 * * * *"], lognormal(3 * MINUTE, 0.6))(chance, days)
    reports, excused = found.reports, []
    for _ in range(4):
        begin = BEGIN + chance.uniform(0.1, 0.9) * days * DAY
        end = begin + chance.uniform(6, 20) * HOUR
        excused.append((begin, end))
        first, last = bisect_left(reports, begin), bisect_left(reports, end)
        reports[first:last] = sorted(end + chance.uniform(0, 20) for _ in range(last - first))
    found.excused = excused
    return found


def skewed(chance: random.Random, days: int) -> Timing:
    """By a clock that is minutes ahead or behind, and drifts."""
    found = scheduled(["M * * * *", "M H * * *", "M */3 * * *"], lognormal(MINUTE, 0.6))(chance, days)
    ahead, drift = chance.uniform(-6, 6) * MINUTE, chance.uniform(-3, 3)
    found.reports = sorted(at - ahead + drift * (at - BEGIN) / DAY for at in found.reports)
    return found


OFFICE = ("M 9-17 * * 1-5", "*/30 8-18 * * 1-5", "M 7-19/2 * * 1-5")
CHANGING_ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Sydney")
FAR_ZONES = ("Pacific/Auckland", "Pacific/Honolulu", "Asia/Tokyo", "Asia/Kolkata")
_SHORT = lognormal(3 * MINUTE, 0.8)

TIMINGS: dict[str, Timings] = {
    "hourly, lengths log-normal": scheduled(["M * * * *"], lognormal(6 * MINUTE, 1.0)),
    "four-hourly, lengths log-normal": scheduled(["M */4 * * *"], lognormal(20 * MINUTE, 1.0)),
    "daily, lengths log-normal": scheduled(["M H * * *"], lognormal(25 * MINUTE, 1.0)),
    "daily, lengths Pareto": scheduled(["M H * * *"], pareto(8 * MINUTE, 1.5)),
    "a late scheduler": scheduled(["M H * * *", "M */6 * * *"], lognormal(20 * MINUTE, 1.2, 10 * HOUR)),
    "daily, three hours long": scheduled(["M H * * *"], about(3 * HOUR)),
    "hourly, 40 minutes long": scheduled(["M * * * *"], about(40 * MINUTE)),
    "skipped while it runs": scheduled(
        ["*/15 * * * *", "*/10 * * * *"], lognormal(7 * MINUTE, 0.9), serial=True
    ),
    "waits for a lock": waits_for_a_lock(["M * * * *", "M */4 * * *", "M H * * *"]),
    "counted from the end": counted_from_the_end,
    "daily, runs by hand between": by_hand_between(scheduled(["M H * * *"], _SHORT), [0.3, 1, 3]),
    "four-hourly, runs by hand between": by_hand_between(scheduled(["M */4 * * *"], _SHORT), [0.5, 2]),
    "two crons, of which one ends": two_crons,
    "events, 25 a day and more": events([25, 60, 150]),
    "events, more by day": events([40, 90, 200], by_day=True),
    "events, some a day": events([2, 6]),
    "weekly with reminders": weekly_with_reminders,
    "deploy windows": scheduled(["*/10 2-3 * * 2,4", "*/12 22-23 * * 3"], _SHORT, ("UTC", "Europe/Berlin")),
    "ten runs in five minutes a day": bursts_of_the_day,
    "month-end, first Monday, quarterly": scheduled(
        ["0 6 L * *", "0 9 * * 1#1", "0 6 1 */3 *"], lognormal(20 * MINUTE, 0.8), learnable=False
    ),
    "office hours, clocks change": scheduled(OFFICE, _SHORT, CHANGING_ZONES),
    "days of a far zone": scheduled(["M 9-17 * * 1-5", "M 8 * * 1-5"], _SHORT, FAR_ZONES),
    "laptop": laptop,
    "spot machine": spot_machine,
    "schedule edited": edited,
    "interval grows": growing,
    "ramps up": ramping_up,
    "paused and returned": paused,
    "reported twice": duplicated,
    "spooled": spooled,
    "skewed clock": skewed,
}
