"""What befalls many agents at once: holidays, shutdowns, outages of the log, and the loss of a host."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.audit.domain.replay import Declaration
from fleets.outcomes import productive
from fleets.realistic import Agent, RealFleet, Stop
from fleets.schedules import DAY, HOUR, MINUTE
from fleets.timings import BEGIN, Span, cron_times, lognormal

COUNTRIES: dict[str, tuple[str, Sequence[date]]] = {
    "DE": ("Europe/Berlin", [date(2026, 12, 25)]),
    "FR": ("Europe/Paris", [date(2026, 11, 11), date(2026, 12, 25)]),
    "US": (
        "America/New_York",
        [date(2026, 10, 12), date(2026, 11, 11), date(2026, 11, 26), date(2026, 12, 25)],
    ),
    "JP": (
        "Asia/Tokyo",
        [*(date(2026, 9, day) for day in (21, 22, 23)), date(2026, 10, 12), date(2026, 11, 3)],
    ),
    "BR": ("America/Sao_Paulo", [date(2026, 10, 12), date(2026, 11, 2), date(2026, 11, 20)]),
}
"""Public holidays on days of work within the time that is simulated, by country, and its zone."""
CALENDAR = ("M 8-17 * * 1-5", "M 9 * * 1-5", "M 7,12,16 * * 1-5", "*/30 9-16 * * 1-5")
ALWAYS = ("M * * * *", "*/20 * * * *", "M */4 * * *", "M H * * *")


@dataclass
class Shared:
    """A fleet, and what befell it: `kind`, from when until when, and whom."""

    fleet: RealFleet
    kind: str
    events: list[tuple[str, Span, frozenset[str]]]


def _agents(
    chance: random.Random,
    prefix: str,
    expressions: Sequence[str],
    zone: str,
    count: int,
    days: int,
    *,
    declared: bool,
) -> list[Agent]:
    found = []
    for number in range(count):
        expression = expressions[number % len(expressions)]
        expression = expression.replace("M", str(chance.randrange(60))).replace(
            "H", str(chance.randrange(24))
        )
        length = lognormal(chance.choice([1, 5]) * MINUTE, 0.7)
        reports = sorted(at + length(chance) for at in cron_times(expression, zone, days))
        declaration = Declaration(expression, zone) if declared else None
        name = f"{prefix}-{number:02}"
        found.append(Agent(name, prefix, reports, productive(chance, len(reports)), declaration))
    return found


def holidays(seed: int, each: int, days: int, *, declared: bool) -> list[Shared]:
    """Three countries' agents of working days, whose holidays differ, and some that always run.

    One of a country's agents does not come back after its first holiday.
    """
    chance, agents, events = random.Random(f"{seed} holidays"), [], []
    for country in chance.sample(sorted(COUNTRIES), 3):
        zone, dates = COUNTRIES[country]
        group = _agents(chance, f"{country.lower()}-worker", CALENDAR, zone, each, days, declared=declared)
        spans = [_day(day, zone) for day in dates]
        for agent in group:
            agent.reports = [at for at in agent.reports if not any(a <= at < b for a, b in spans)]
        later = [span for span in spans if 28 * DAY < span[0] - BEGIN < (days - 8) * DAY]
        if later:
            _never_back(group[0], later[0])
        known = frozenset(agent.agent_id for agent in group)
        events += [(country, span, known) for span in spans if span[1] - BEGIN < days * DAY]
        agents += group
    agents += _agents(chance, "always", ALWAYS, "UTC", each, days, declared=declared)
    return [Shared(RealFleet(agents, days), "holidays", events)]


def _never_back(agent: Agent, holiday: Span) -> None:
    later = [at for at in agent.reports if at >= holiday[1]]
    agent.reports = [at for at in agent.reports if at < holiday[1]]
    agent.stop = Stop(holiday[0], later[0], None, DAY)


def _day(day: date, zone: str) -> Span:
    begin = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).timestamp()
    return begin, begin + DAY


def shutdown(seed: int, each: int, days: int, *, declared: bool) -> list[Shared]:
    """A company that rests for eight days, while others go on."""
    chance, zone = random.Random(f"{seed} shutdown"), "Europe/Berlin"
    group = _agents(chance, "works", CALENDAR, zone, 2 * each, days, declared=declared)
    span = (BEGIN + (days - 21) * DAY, BEGIN + (days - 12) * DAY)
    for agent in group:
        agent.reports = [at for at in agent.reports if not span[0] <= at < span[1]]
    agents = [*group, *_agents(chance, "always", ALWAYS, "UTC", each, days, declared=declared)]
    return [
        Shared(
            RealFleet(agents, days), "shutdown", [("shutdown", span, frozenset(a.agent_id for a in group))]
        )
    ]


def _mixed(chance: random.Random, each: int, days: int, *, declared: bool) -> list[Agent]:
    often = _agents(chance, "often", ("M * * * *", "*/20 * * * *"), "UTC", each, days, declared=declared)
    office = _agents(chance, "office", CALENDAR[:1], "Europe/Berlin", each // 2, days, declared=declared)
    return often + office


def lost_host(share: float) -> Callable[..., list[Shared]]:
    """A host dies for good, with so large a share of the fleet; by day, on a day of work."""

    def shared(seed: int, each: int, days: int, *, declared: bool) -> list[Shared]:
        chance = random.Random(f"{seed} host {share}")
        agents = _mixed(chance, each, days, declared=declared)
        at = BEGIN + (int(days * 0.6) // 7 * 7 + chance.randrange(5)) * DAY + chance.uniform(9, 13) * HOUR
        lost = chance.sample(agents, round(share * len(agents)))
        for agent in lost:
            following = next(each for each in agent.reports if each >= at)
            agent.reports = [each for each in agent.reports if each < at]
            agent.stop = Stop(at, following, None, max(HOUR, following - agent.reports[-1]))
        span = (at, BEGIN + days * DAY)
        return [
            Shared(
                RealFleet(agents, days), "mass loss", [("host", span, frozenset(a.agent_id for a in lost))]
            )
        ]

    return shared


def log_outage(*, burst: bool) -> Callable[..., list[Shared]]:
    """The log cannot be reached for some hours, twice; what agents kept then comes at once, or never."""

    def shared(seed: int, each: int, days: int, *, declared: bool) -> list[Shared]:
        chance = random.Random(f"{seed} outage {burst}")
        agents, events = _mixed(chance, each, days, declared=declared), []
        for part in (0.4, 0.7):
            begin = BEGIN + (int(days * part) + chance.random()) * DAY
            end = begin + chance.uniform(3, 20) * HOUR
            events.append(("outage", (begin, end), frozenset(agent.agent_id for agent in agents)))
            for agent in agents:
                kept = [at for at in agent.reports if not begin <= at < end]
                delayed = len(agent.reports) - len(kept) if burst else 0
                agent.reports = sorted([*kept, *(end + chance.uniform(0, 300) for _ in range(delayed))])
        return [Shared(RealFleet(agents, days), "outage", events)]

    return shared


SHARED: dict[str, Callable[..., list[Shared]]] = {
    "holidays of three countries": holidays,
    "a shutdown of eight days": shutdown,
    "a host with half the fleet": lost_host(0.5),
    "a host with 85 % of the fleet": lost_host(0.85),
    "an outage of the log": log_outage(burst=False),
    "an outage of the log, then a burst": log_outage(burst=True),
}
