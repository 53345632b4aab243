"""What the rules would have found over a history: the live judgement, at each moment that could change it.

Between two runs of an agent a verdict changes at a few moments only, which the rules name; so instead of
a cycle every few minutes over all agents, each is judged at its own moments. Only who is overdue is looked at
together, in the order of time.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf

from app.audit.cadence import OUTAGE_STEP, Outage, Outages, days_off, find_outages, present_outage
from app.audit.domain.evaluation import RuleError
from app.audit.domain.fleet import REPORTING_AGAIN, fleet_silent
from app.audit.domain.fleet_replay import FleetReplay
from app.audit.domain.history import ReportedRun
from app.audit.domain.recorded import RecordedRuns
from app.audit.domain.replay import AgentReplay, Declaration, PastFinding
from app.audit.domain.rule import Rule

Runs = Sequence[ReportedRun] | RecordedRuns
"""The runs of an agent, in order."""

_DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Backtest:
    """What was found, by when it opened, and which rule could not judge which agent."""

    found: list[PastFinding]
    errors: list[RuleError]


def judge(
    rules: Sequence[Rule],
    history: Mapping[str, Runs],
    declared: Mapping[str, Declaration],
    tracked: Callable[[Sequence[str]], Iterable[str]] = iter,
    *,
    found_by: str = "",
    holidays: Sequence[Outage] = (),
) -> Backtest:
    """Judge every agent over its runs, which are in order. Time begins and ends with the runs.

    1. Find when hardly any agent reported: a finding of the fleet, and nothing against a single agent.
    2. Go through each agent's runs, and judge it whenever a verdict may change, until it is overdue.
    3. Go on with those that are overdue in the order of time, and see which are missing together.

    The fleet's findings stand under `found_by`. `tracked` is given the agents' names to pass them on one by
    one. An agent that is declared without saying since when has been from the beginning. `holidays` are those
    that agents may take off, in order.
    """
    reports = {agent: _report_times(runs) for agent, runs in history.items() if runs}
    if not reports:
        return Backtest([], [])
    begin = datetime.fromtimestamp(min(times[0] for times in reports.values()), UTC)
    end = datetime.fromtimestamp(max(times[-1] for times in reports.values()), UTC)
    present = present_outage(reports, end.timestamp())
    outages = Outages([*find_outages(reports), *([present] if present else [])])
    fleet = FleetReplay(reports)
    for agent_id in tracked(sorted({*history, *declared})):
        declaration = declared.get(agent_id, Declaration())
        if agent_id in declared and declaration.registered_at is None:
            declaration = replace(declaration, registered_at=begin)
        own = outages.joined(*days_off(reports.get(agent_id, ()), holidays))
        agent = AgentReplay(rules, agent_id, declaration, own)
        fleet.start(agent, agent.judge(history.get(agent_id, ()), begin, end))
    fleet.finish()
    found = [*_fleet_silences(reports, outages, end, found_by), *fleet.found]
    found.sort(key=lambda past: (past.opened_at, past.finding.key))
    return Backtest(found, list(dict.fromkeys(fleet.errors)))


def _report_times(runs: Runs) -> Sequence[float]:
    if isinstance(runs, RecordedRuns):
        return runs.times
    return array("d", (run.created_at.timestamp() for run in runs))


def _fleet_silences(
    reports: Mapping[str, Sequence[float]], silences: Iterable[Outage], end: datetime, found_by: str
) -> list[PastFinding]:
    """The fleet's findings: each from when the silence could be seen, until an agent reported again.

    One that only shows when it is compared with what came later was none at the time.
    """
    found: list[PastFinding] = []
    for silence in silences:
        moments = (silence.start + step * OUTAGE_STEP for step in range(_DAY // OUTAGE_STEP))
        seen = (moment for moment in moments if moment <= silence.end and present_outage(reports, moment))
        opened = next(seen, None)
        if opened is None:
            continue
        opened_at = datetime.fromtimestamp(opened, UTC)
        past = PastFinding(fleet_silent(silence, opened_at, found_by), opened_at)
        if silence.end < end.timestamp():
            first = min(_first_from(times, silence.end) for times in reports.values())
            past.closed_at, past.closing_evidence = datetime.fromtimestamp(first, UTC), REPORTING_AGAIN
        found.append(past)
    return found


def _first_from(times: Sequence[float], moment: float) -> float:
    at = bisect_left(times, moment)
    return times[at] if at < len(times) else inf
