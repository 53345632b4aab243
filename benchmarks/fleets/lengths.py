"""Agents that say when their runs start, by how long these take; and runs of them that hang."""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

from app.audit import calibration
from app.audit.cadence import Outages
from app.audit.cadence.calibration import LEAST_GRACE
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.running import RunStart
from app.audit.domain.running_long import RunningLong
from app.audit.domain.usage import Amount
from fleets.schedules import DAY, HOUR, MINUTE
from fleets.sums import Shown, Sums, share
from fleets.timings import BEGIN
from fleets.usage import KINDS

PERIODS = (15 * MINUTE, HOUR, 4 * HOUR, DAY)
HANGS_FOR = 3 * DAY
"""How long a run that hangs goes on before it is ended and reported."""
_KEPT = 300  # runs, as `runs.calibration.DURATIONS_KEPT`
_DEPTH = 50  # runs
_CYCLE = 300.0  # seconds


@dataclass
class LengthRow(Sums):
    """What happened to the agents of a kind, and what was found of it.

    Delays are in hours; `times` are they in medians of the agent.
    """

    agents: int = 0
    hung: int = 0
    found: int = 0
    times: list[float] = field(default_factory=list)

    def shown(self) -> Shown:
        """As a row of a table; what is false is in 1,000 agent-days."""
        return {
            "agents": self.agents,
            "hung": self.hung,
            "found": self.found,
            "recall": share(self.found, self.hung, 3),
            "after h": self.median_delay,
            "after medians": round(median(self.times), 1) if self.times else None,
            "false": self.rate(self.false, 3),
        }


def judged_lengths(seed: int, each: int, days: int) -> Iterator[tuple[str, LengthRow]]:
    """What the rule finds of each agent, with its kind: by each of `KINDS`, and at each of `PERIODS` in turn.

    Half of them hang once or twice, where there are eight of each kind. A run that is due while another is
    under way is skipped.
    """
    for kind in KINDS:
        for number in range(each):
            chance = random.Random(f"{seed} {kind} {number}")
            hangs = number // len(PERIODS) % 2 == 1
            yield kind, _judged(chance, kind, PERIODS[number % len(PERIODS)], days, hangs=hangs)


def _judged(chance: random.Random, kind: str, period: float, days: int, *, hangs: bool) -> LengthRow:
    count = int(days * DAY / period)
    places = {chance.randrange(1, count) for _ in range(2)} if hangs else set()
    row = LengthRow(agent_days=days, agents=1)
    rule, known, runs = RunningLong(), list[Amount](), list[ReportedRun]()
    free_at = 0.0
    for place in range(count):
        start = BEGIN + place * period
        if start < free_at:
            continue
        usual = KINDS[kind](chance, place, count)
        hung = place in places and start + HANGS_FOR < BEGIN + days * DAY
        length = HANGS_FOR if hung else usual
        long_after = _long_after(rule, known, runs, start) if _may_be_long(length, known) else length
        found = long_after + _CYCLE / 2 < length
        if hung:
            row.hung, row.found = row.hung + 1, row.found + found
            if found:
                row.delays.append(long_after / HOUR)
                row.times.append(long_after / median([each.amount for each in known] or [usual]))
        else:
            row.false += found
        free_at = start + length
        known = [Amount(_at(free_at), length), *known[: _KEPT - 1]]
        runs = [ReportedRun(f"run {place}", "success", _at(free_at)), *runs[: _DEPTH - 1]]
    return row


def _may_be_long(length: float, known: Sequence[Amount]) -> bool:
    """Whether it is worth a look: no limit is below that many times what one run in a few dozen takes."""
    if length < LEAST_GRACE.total_seconds():
        return False
    longest = heapq.nlargest(len(known) // calibration.RUNS_OF_OUTLIER + 2, (each.amount for each in known))
    return len(known) < calibration.LEAST_USAGE or length > calibration.RUNNING_FACTOR * longest[-1]


def _long_after(
    rule: RunningLong, known: Sequence[Amount], runs: Sequence[ReportedRun], start: float
) -> float:
    """After how many seconds a run that started then is a finding, unless it ends before."""
    began = _at(start)
    history = AgentHistory(
        "agent",
        began + LEAST_GRACE,
        tuple(runs),
        starts=(RunStart("key", began, began),),
        durations=tuple(known),
        unreachable=Outages(),
    )
    [moment] = rule.change_times(history)
    return (moment - began).total_seconds()


def _at(moment: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=moment)
