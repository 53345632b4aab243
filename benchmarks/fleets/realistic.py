"""Fleets of agents as they behave in practice, learned or declared, and what befalls each of them."""

import random
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from app.audit.domain.history import ReportedRun
from app.audit.domain.replay import Declaration
from app.runs.silence import is_silent
from fleets.outcomes import OUTCOMES, Outcomes, productive
from fleets.schedules import DAY, HOUR, MINUTE
from fleets.timings import BEGIN, TIMINGS, Span, Timing, cron_times, lognormal


@dataclass(frozen=True)
class Stop:
    """An agent did not report from `start` on, which could be known from `detectable` on, until `end`."""

    start: float
    detectable: float
    end: float | None
    period: float


@dataclass
class Agent:
    """An agent, its runs, what is declared of it, and the truth about it. `excused` counts for nothing."""

    agent_id: str
    kind: str
    reports: list[float]
    outcomes: Outcomes
    declared: Declaration | None = None
    stop: Stop | None = None
    excused: list[Span] = field(default_factory=list)

    def runs(self) -> list[ReportedRun]:
        """Its runs as the Auditor reads them."""
        found, silences = [], 0
        for number, (at, (status, actions)) in enumerate(
            zip(self.reports, self.outcomes.reports, strict=False)
        ):
            silent = is_silent(actions)
            silences = silences + 1 if silent else 0
            moment = datetime.fromtimestamp(at, UTC)
            summary = actions.get("summary")
            found.append(ReportedRun(f"run {number}", status, moment, silences, summary, silent=silent))
        return found


@dataclass
class RealFleet:
    """Agents over so many days."""

    agents: list[Agent]
    days: int

    def history(self) -> dict[str, list[ReportedRun]]:
        """The runs of each agent that has any."""
        return {agent.agent_id: runs for agent in self.agents if (runs := agent.runs())}

    def declarations(self) -> dict[str, Declaration]:
        """What is declared."""
        return {agent.agent_id: agent.declared for agent in self.agents if agent.declared}


def by_timing(seed: int, each: int, days: int, *, declared: bool) -> RealFleet:
    """Agents of every kind of timing, of which half stop, for a while or for good."""
    agents = []
    for name, timings in TIMINGS.items():
        for number in range(each):
            chance = random.Random(f"{seed} {name} {number}")
            timing = timings(chance, days)
            stop = _stop(chance, timing, days, known=declared and bool(timing.schedule))
            reports = [at for at in timing.reports if at < BEGIN + days * DAY]
            if stop and timing.ended is None:
                until = stop.end or BEGIN + days * DAY
                reports = [at for at in reports if not stop.detectable <= at < until]
            said = productive(chance, len(reports))
            agents.append(
                Agent(
                    f"{name} {number}", name, reports, said, _declared(timing, declared), stop, timing.excused
                )
            )
    return RealFleet(agents, days)


def by_outcome(seed: int, each: int, days: int) -> RealFleet:
    """Agents of every kind of outcome, hourly or, where it is not by the hour, some times a day."""
    agents = []
    for name, outcomes in OUTCOMES.items():
        for number in range(each):
            chance = random.Random(f"{seed} {name} {number}")
            is_hourly = "night" in name or chance.random() < 0.5
            length = lognormal(2 * MINUTE, 0.5)
            times = cron_times("0 * * * *" if is_hourly else "0 */4 * * *", "UTC", days)
            reports = [at + length(chance) for at in times]
            agents.append(Agent(f"{name} {number}", name, reports, outcomes(chance, len(reports))))
    return RealFleet(agents, days)


def _declared(timing: Timing, declared: bool) -> Declaration | None:
    if not declared or timing.schedule is None:
        return None
    return Declaration(timing.schedule, timing.timezone)


def _stop(chance: random.Random, timing: Timing, days: int, *, known: bool) -> Stop | None:
    """A stop of every other agent in the middle of its days, for good or long enough to be noticed."""
    reports = timing.reports
    stops, for_good = chance.random() < 0.5, not timing.recovers or chance.random() < 0.6
    at = BEGIN + chance.uniform(0.4, 0.7) * days * DAY
    if timing.ended is not None:
        at, stops, for_good = timing.ended, True, True
    first = bisect_left(reports, at)
    if not stops or not (timing.learnable or known) or not 15 <= first < len(reports) - 1:
        return None
    if any(begin - 14 * DAY <= at <= end + 14 * DAY for begin, end in timing.excused if timing.ended is None):
        return None
    longest = max(later - earlier for earlier, later in pairwise(reports[:first]))
    mean = (reports[first - 1] - reports[0]) / (first - 1)
    period = max(mean, reports[first] - reports[first - 1], MINUTE)
    end = None
    if not for_good:
        back = bisect_left(reports, reports[first] + max(chance.uniform(2, 6) * DAY, 3 * longest))
        end = reports[back] if back < len(reports) else None
    return Stop(reports[first - 1] + 1, reports[first], end, period)


SLACK = 2 * HOUR
"""What is found so soon after an agent is back is of its stop."""
