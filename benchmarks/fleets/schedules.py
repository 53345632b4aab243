"""A simulated fleet of agents on many kinds of schedules, with incidents whose truth is known.

Times are seconds since the epoch. Everything follows from the seed.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

from fleets.sums import Shown, Sums, share

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
START = datetime(2026, 9, 7, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Tokyo")
WEEKDAYS, WEEKEND, EVERY_DAY = range(5), (5, 6), range(7)


@dataclass
class Agent:
    """An agent: the times it reported at, how long it went without a report, and since when it was due."""

    agent_id: str
    kind: str
    reports: list[float]
    incident: tuple[float, float, float | None, float] | None = None
    """When the first report was missing, when that was known at the earliest, when one came, the period."""
    excused: tuple[float, float] = (0.0, 0.0)
    """Around a change of schedule that cannot be foreseen: what is found then counts as neither."""


@dataclass
class Due:
    """When an agent is due, and how late it may be."""

    times: list[float]
    jitter: float
    excused: tuple[float, float] = (0.0, 0.0)


Kind = Callable[[random.Random, int], Due]


def every(minutes: Sequence[float], jitter: float) -> Kind:
    """At a fixed interval from the start on, late by up to `jitter` of it."""

    def due(chance: random.Random, days: int) -> Due:
        step = chance.choice(minutes) * MINUTE
        start = START.timestamp() + chance.random() * step
        return Due([start + i * step for i in range(int(days * DAY / step) + 2)], jitter * step)

    return due


def at_local(
    times: Callable[[random.Random], Sequence[float]],
    weekdays: Sequence[int] = EVERY_DAY,
    jitter: float = 5 * MINUTE,
    every_other: int = 1,
) -> Kind:
    """At hours of the day, by the clock of a time zone, on some days."""

    def due(chance: random.Random, days: int) -> Due:
        zone, hours = ZoneInfo(chance.choice(ZONES)), times(chance)
        return Due(list(_local(zone, hours, weekdays, days, every_other)), jitter)

    return due


def _local(
    zone: ZoneInfo, hours: Sequence[float], weekdays: Sequence[int], days: int, every_other: int = 1
) -> Iterator[float]:
    for day in range(0, days + 2, every_other):
        date = (START + timedelta(days=day)).date()
        if date.weekday() in weekdays:
            midnight = datetime(date.year, date.month, date.day, tzinfo=zone)
            for hour in hours:
                yield (midnight + timedelta(hours=hour)).timestamp()


def monthly(chance: random.Random, days: int) -> Due:
    """On one day of each month."""
    day, hour = chance.randrange(1, 28), chance.randrange(24)
    dates = (START + timedelta(days=i, hours=hour) for i in range(days))
    return Due([date.timestamp() for date in dates if date.day == day], HOUR)


def changing(first: Kind, second: Kind) -> Kind:
    """One schedule, and from the middle on another."""

    def due(chance: random.Random, days: int) -> Due:
        before, after = first(chance, days), second(chance, days)
        middle = START.timestamp() + days * DAY * chance.uniform(0.45, 0.55)
        times = [at for at in before.times if at < middle] + [at for at in after.times if at >= middle]
        return Due(times, max(before.jitter, after.jitter), (middle - DAY, middle + 8 * DAY))

    return due


def moved(by: float) -> Kind:
    """Daily, and from the middle on so many hours later."""

    def due(chance: random.Random, days: int) -> Due:
        hour = chance.randrange(4, 18)
        middle = chance.randrange(days // 2 - 3, days // 2 + 3)
        start = START.timestamp()
        times = [start + day * DAY + (hour + (by if day >= middle else 0)) * HOUR for day in range(days)]
        return Due(times, 10 * MINUTE, (start + (middle - 1) * DAY, start + (middle + 4) * DAY))

    return due


def poisson(
    per_day: Sequence[float], hours: Sequence[int] = range(24), days_of: Sequence[int] = EVERY_DAY
) -> Kind:
    """By events, at any time or in some hours of some days only."""

    def due(chance: random.Random, days: int) -> Due:
        rate, at, times = chance.choice(per_day), START.timestamp(), []
        while at < START.timestamp() + days * DAY:
            at += chance.expovariate(rate / DAY * 24 / len(hours))
            moment = datetime.fromtimestamp(at, UTC)
            if moment.hour in hours and moment.weekday() in days_of:
                times.append(at)
        return Due(times, 0)

    return due


def bursts(chance: random.Random, days: int) -> Due:
    """By events that come in clusters."""
    seeds = poisson([0.5, 2, 6])(chance, days).times
    return Due(
        sorted(
            at + chance.expovariate(1 / (5 * MINUTE)) for at in seeds for _ in range(chance.randrange(1, 9))
        ),
        0,
    )


def gamma(shape: float) -> Kind:
    """By events that keep some distance from each other."""

    def due(chance: random.Random, days: int) -> Due:
        mean, at, times = chance.choice([HOUR / 2, 3 * HOUR, 8 * HOUR]), START.timestamp(), []
        while at < START.timestamp() + days * DAY:
            at += chance.gammavariate(shape, mean / shape)
            times.append(at)
        return Due(times, 0)

    return due


def at_random(chance: random.Random, days: int) -> Due:
    """A few times a day, each at any time."""
    often = chance.choice([2, 3, 5, 8])
    start = START.timestamp()
    return Due(sorted(start + (day + chance.random()) * DAY for day in range(days) for _ in range(often)), 0)


def with_manual_runs(kind: Kind) -> Kind:
    """With runs by hand now and then."""

    def due(chance: random.Random, days: int) -> Due:
        found = kind(chance, days)
        by_hand = poisson([0.1, 0.5])(chance, days).times
        return Due(sorted([*found.times, *by_hand]), found.jitter)

    return due


def _one(chance: random.Random) -> Sequence[float]:
    return [chance.randrange(24) + chance.randrange(60) / 60]


def _office(_: random.Random) -> Sequence[float]:
    return range(8, 19)


def _every_half(_: random.Random) -> Sequence[float]:
    return [hour / 2 for hour in range(18, 35)]


def _thrice(chance: random.Random) -> Sequence[float]:
    return sorted(chance.sample(range(0, 24, 3), 3))


def _irregular(_: random.Random) -> Sequence[float]:
    return [hour + minute / 60 for hour in range(6, 22) for minute in (7, 23, 41)]


def _odd_times(_: random.Random) -> Sequence[float]:
    return [0.5, 6, 7.25, 11, 13.5, 17.75, 22]


def _night(_: random.Random) -> Sequence[float]:
    return [1 + i / 6 for i in range(12)]


REGULAR: dict[str, Kind] = {
    "every few minutes": every([3, 5, 7, 13, 20], 0.1),
    "every half to two hours": every([30, 45, 60, 90, 120], 0.1),
    "every few hours": every([180, 240, 360, 420, 720], 0.1),
    "long jitter": every([15, 60, 240, 720], 0.3),
    "daily": at_local(_one, jitter=20 * MINUTE),
    "daily, long jitter": at_local(_one, jitter=0.3 * DAY),
    "weekdays": at_local(_one, WEEKDAYS, 15 * MINUTE),
    "three times a day": at_local(_thrice),
    "seven odd times a day": at_local(_odd_times),
    "office hours": at_local(_office, WEEKDAYS),
    "office hours, half-hourly": at_local(_every_half, WEEKDAYS),
    "16 hours a day, irregular minutes": at_local(_irregular, jitter=2 * MINUTE),
    "nightly burst": at_local(_night, jitter=2 * MINUTE),
    "weekday nights": at_local(_night, WEEKDAYS, jitter=2 * MINUTE),
    "weekday, around the clock": at_local(lambda _: range(24), WEEKDAYS),
    "Monday, Wednesday, Friday": at_local(_one, (0, 2, 4), 30 * MINUTE),
    "every other day": at_local(_one, jitter=30 * MINUTE, every_other=2),
    "weekend": at_local(_office, WEEKEND),
    "Sunday to Thursday": at_local(_office, (6, 0, 1, 2, 3)),
    "weekly": at_local(_one, (2,), 30 * MINUTE),
    "monthly": monthly,
    "hourly, with manual runs": with_manual_runs(every([60], 0.1)),
    "office hours, with manual runs": with_manual_runs(at_local(_office, WEEKDAYS)),
}
CHANGING: dict[str, Kind] = {
    "hourly, then daily": changing(every([60], 0.1), at_local(_one)),
    "daily, then hourly": changing(at_local(_one), every([60], 0.1)),
    "every day, then weekdays": changing(at_local(_office), at_local(_office, WEEKDAYS)),
    "three hours later": moved(3),
    "three hours earlier": moved(-3),
    "one hour later": moved(1),
}
EVENTS: dict[str, Kind] = {
    "events, rare": poisson([0.3, 1, 3]),
    "events, frequent": poisson([10, 40, 200]),
    "events in office hours": poisson([5, 20, 60], range(8, 18), WEEKDAYS),
    "events in clusters": bursts,
    "events that keep a distance": gamma(2),
    "events that keep more distance": gamma(4),
    "some times a day, any time": at_random,
}


@dataclass
class Fleet:
    """Agents, from `START` until `end`."""

    agents: list[Agent]
    days: int
    end: float = field(init=False)

    def __post_init__(self) -> None:
        self.end = max((agent.reports[-1] for agent in self.agents if agent.reports), default=0.0)


def simulate(
    kinds: dict[str, Kind],
    seed: int,
    *,
    each: int,
    days: int,
    incidents: float = 0.5,
    added_late: float = 0.0,
    down: Sequence[tuple[float, float]] = (),
) -> Fleet:
    """`each` agents of each kind. `down` are days between which no agent could report."""
    agents = []
    for name, kind in kinds.items():
        for number in range(each):
            chance = random.Random(f"{seed} {name} {number}")
            due = kind(chance, days)
            if chance.random() < added_late:
                begins = START.timestamp() + chance.random() * days * DAY / 3
                due.times = due.times[bisect_left(due.times, begins) :]
            due.times = [at for at in due.times if at < START.timestamp() + days * DAY]
            agent = Agent(f"{name} {number}", name, [], excused=due.excused)
            missing = range(0)
            if due.jitter and chance.random() < incidents:
                missing = _incident(chance, due, agent)
            agent.reports = [
                at + chance.random() * due.jitter for i, at in enumerate(due.times) if i not in missing
            ]
            agent.reports.sort()
            agents.append(agent)
    if down:
        spans = [(START.timestamp() + first * DAY, START.timestamp() + last * DAY) for first, last in down]
        for agent in agents:
            agent.reports = [at for at in agent.reports if not any(a <= at < b for a, b in spans)]
    return Fleet(agents, days)


def _incident(chance: random.Random, due: Due, agent: Agent) -> range:
    """Which of the due times are missing: five to eleven, or all from one on."""
    warm = max(10, len(due.times) // 3)
    if len(due.times) < warm + 14:
        return range(0)
    first = chance.randrange(warm, len(due.times) - 8)
    last = len(due.times) if chance.random() < 0.5 else first + chance.randrange(5, 12)
    last = min(last, len(due.times))
    start = due.times[first]
    if due.excused[0] - 14 * DAY <= start <= due.excused[1] + 14 * DAY:
        return range(0)
    agent.incident = (
        start,
        start + due.jitter,
        due.times[last] if last < len(due.times) else None,
        start - due.times[first - 1],
    )
    return range(first, last)


@dataclass
class Figures(Sums):
    """The incidents of agents on plain schedules."""

    incidents: int = 0
    found: int = 0

    def shown(self) -> Shown:
        """As a row."""
        return {
            "incidents": self.incidents,
            "recall": share(self.found, self.incidents, 4),
            "delay_median": self.median_delay,
            "false_per_1000_agent_days": self.rate(self.false, 3),
        }


def score(
    fleet: Fleet,
    opened: Mapping[str, Sequence[float]],
    together: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> dict[str, Figures]:
    """By kind of schedule; `opened` says when findings of `stopped_reporting` opened.

    `together` has from when until when a finding named an agent as missing together with others.
    """
    figures: dict[str, Figures] = {}
    for agent in fleet.agents:
        row = figures.setdefault(agent.kind, Figures())
        row.agent_days += fleet.days
        alone = opened.get(agent.agent_id, ())
        hits = []
        if agent.incident:
            start, detectable, end, period = agent.incident
            row.incidents += 1
            until = inf if end is None else end + max(period, HOUR)
            hits = [at for at in alone if start <= at <= until]
            groups = (together or {}).get(agent.agent_id, ())
            named = [max(begun, start) for begun, over in groups if begun <= until and over >= start]
            if hits or named:
                row.found += 1
                row.delays.append((min([*hits, *named]) - detectable) / period)
        row.false += sum(at not in hits and not agent.excused[0] <= at <= agent.excused[1] for at in alone)
    return figures
