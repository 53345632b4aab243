"""What agents' runs take, by kind, and runs among them that took far more than usual."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp

from app.audit.domain.backtest import judge
from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import PastFinding
from app.audit.domain.unusual_usage import UnusualUsage
from app.runs.usage import Usage
from fleets.schedules import DAY, HOUR, MINUTE
from fleets.sums import Shown, Sums, share
from fleets.timings import BEGIN

TIMES = 20
"""An injected run takes as many times the most that any of the 300 before it took."""
PERIODS = (HOUR, 4 * HOUR, DAY)
_KNOWN = 300  # runs
_PRICE = 1e-4  # US dollars a second

Amounts = Callable[[random.Random, int, int], float]
"""Seconds of the run with a number, of so many."""


def lognormal(sigma: float) -> Amounts:
    """As the lengths of computing jobs are distributed."""
    return lambda chance, number, count: 5 * MINUTE * chance.lognormvariate(0, sigma)


def pareto(sigma: float) -> Amounts:
    """With a tail as heavy as a power of -1 / sigma, which is the deviation of the logarithm."""
    return lambda chance, number, count: 5 * MINUTE * chance.paretovariate(1 / sigma)


def growing(chance: random.Random, number: int, count: int) -> float:
    """Ten times as long in the end as in the beginning."""
    return MINUTE * exp(2.3 * number / count) * chance.lognormvariate(0, 0.3)


def of_two_lengths(chance: random.Random, number: int, count: int) -> float:
    """Every third run has work to do, and takes thirty times as long."""
    return 10 * (30 if chance.random() < 0.3 else 1) * chance.lognormvariate(0, 0.3)


def long_on_mondays(chance: random.Random, number: int, count: int) -> float:
    """One run in seven takes ten times as long."""
    return MINUTE * (10 if number % 7 == 0 else 1) * chance.lognormvariate(0, 0.2)


KINDS: dict[str, Amounts] = {
    **{f"log-normal, sigma {sigma}": lognormal(sigma) for sigma in (0.1, 0.3, 0.5, 0.7, 1.0)},
    **{f"Pareto, sigma {sigma}": pareto(sigma) for sigma in (0.1, 0.2, 0.3, 0.5, 1.0)},
    "grows tenfold": growing,
    "of two lengths": of_two_lengths,
    "long on one day of seven": long_on_mondays,
}


@dataclass
class UsingAgent:
    """An agent, its runs with what they took, and which of them took far more."""

    agent_id: str
    kind: str
    runs: list[ReportedRun]
    injected: list[datetime]


@dataclass
class UsageRow(Sums):
    """What happened to the agents of a kind, and what was found of it."""

    agents: int = 0
    injected: int = 0
    found: int = 0
    again: int = 0

    def shown(self) -> Shown:
        """As a row of a table; what is false is in 1,000 agent-days."""
        return {
            "agents": self.agents,
            "unusual runs": self.injected,
            "reported": self.found,
            "recall": share(self.found, self.injected, 3),
            "reported again": self.again,
            "false": self.rate(self.false, 3),
        }


def using_fleet(seed: int, each: int, days: int) -> Iterator[UsingAgent]:
    """Agents of every kind, hourly, four-hourly and daily in turn.

    Half of them have one run or two, after the first 100, that take `TIMES` the most of those before: longer,
    dearer, or both.
    """
    for kind, amounts in KINDS.items():
        for number in range(each):
            chance = random.Random(f"{seed} {kind} {number}")
            period = PERIODS[number % len(PERIODS)]
            count = int(days * DAY / period)
            seconds = [amounts(chance, at, count) for at in range(count)]
            costs = [_PRICE * amounts(chance, at, count) for at in range(count)]
            unusual = _places(chance, count) if number % 2 else []
            for place in unusual:
                longer, dearer = chance.choice([(True, False), (False, True), (True, True)])
                for figures in [seconds] * longer + [costs] * dearer:
                    figures[place] = TIMES * max(figures[max(0, place - _KNOWN) : place])
            runs = [
                ReportedRun(
                    f"run {at}",
                    "success",
                    datetime.fromtimestamp(BEGIN + at * period, UTC),
                    summary=f"Synchronised batch {at}",
                    usage=Usage(seconds[at], None, costs[at]),
                )
                for at in range(count)
            ]
            yield UsingAgent(f"{kind} {number}", kind, runs, [runs[place].created_at for place in unusual])


def _places(chance: random.Random, count: int) -> list[int]:
    """Where an unusual run is, and where there is room a second one more than `_KNOWN` runs later."""
    first = chance.randrange(min(100, count // 2), count)
    second = first + _KNOWN + chance.randrange(1, _KNOWN)
    return [first, second] if second < count else [first]


def judged_usage(seed: int, each: int, days: int) -> Iterator[tuple[str, UsageRow]]:
    """What the backtest finds of each agent of `using_fleet`, with its kind."""
    for agent in using_fleet(seed, each, days):
        found = judge([UnusualUsage()], {agent.agent_id: agent.runs}, {}).found
        yield agent.kind, _compare(agent, found, days)


def _compare(agent: UsingAgent, found: Iterable[PastFinding], days: int) -> UsageRow:
    """What was found of one agent."""
    opened = [past.opened_at for past in found if past.finding.rule == "unusual_usage"]
    hits = [opened.count(moment) for moment in agent.injected]
    return UsageRow(
        agent_days=days,
        agents=1,
        injected=len(hits),
        found=sum(map(bool, hits)),
        again=sum(max(0, hit - 1) for hit in hits),
        false=len(opened) - sum(hits),
    )
