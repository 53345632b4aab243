"""How findings compare with what happened, by kind."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from app.audit.domain.replay import PastFinding
from app.runs.silence import is_silent
from fleets.realistic import SLACK, Agent, RealFleet
from fleets.schedules import DAY, HOUR
from fleets.shared import Shared
from fleets.sums import Shown, Sums, share

TROUBLE = frozenset(
    {
        "consecutive_failures",
        "failure_rate",
        "flapping",
        "not_succeeding",
        "failure_pattern",
        "duplicate_runs",
    }
)
STOPPED, LATE, SILENCE = "stopped_reporting", "late", "silent_runs"
GROUPED = ("agents_missing", "holiday", "fleet_silent")
_EXTRA = 3  # findings about one of several crons that ended, which opens and closes by turns


@dataclass
class Row(Sums):
    """What happened to the agents of a kind, and what was found of it."""

    agents: int = 0
    stops: int = 0
    stops_reported: int = 0
    late: int = 0
    silences: int = 0
    silences_reported: int = 0
    silences_false: int = 0
    unspoken: int = 0
    troubles: int = 0
    troubles_reported: int = 0
    troubles_reported_again: int = 0
    other: int = 0

    def shown(self) -> Shown:
        """As a row of a table; what is false is in 1,000 agent-days."""
        return {
            "agents": self.agents,
            "stops": self.stops,
            "reported": self.stops_reported,
            "recall": share(self.stops_reported, self.stops, 3),
            "delay": self.median_delay,
            "false": self.rate(self.false),
            "late": self.rate(self.late),
            "silences": self.silences,
            "silences reported": self.silences_reported,
            "silence false": self.rate(self.silences_false),
            "never spoke": self.unspoken,
            "troubles": self.troubles,
            "troubles reported": self.troubles_reported,
            "reported again": self.troubles_reported_again,
            "other": self.rate(self.other),
        }


def compare(fleet: RealFleet, found: Iterable[PastFinding]) -> dict[str, Row]:
    """A row a kind of agent."""
    opened: dict[str, list[PastFinding]] = defaultdict(list)
    for past in found:
        opened[past.finding.agent_id].append(past)
        for agent_id in past.finding.evidence.get("agents", ()):
            opened[agent_id].append(past)
    rows: dict[str, Row] = defaultdict(Row)
    for agent in fleet.agents:
        row = rows[agent.kind]
        row.agents += 1
        row.agent_days += fleet.days
        findings = opened.get(agent.agent_id, [])
        _stops(row, agent, [past for past in findings if past.finding.rule in (STOPPED, *GROUPED)])
        row.late += sum(not _is_excused(agent, past) for past in findings if past.finding.rule == LATE)
        _silences(row, agent, [past for past in findings if past.finding.rule == SILENCE])
        _troubles(row, agent, [past for past in findings if past.finding.rule in TROUBLE])
        known = {STOPPED, LATE, SILENCE, *TROUBLE, *GROUPED}
        row.other += sum(past.finding.rule not in known for past in findings)
    return dict(rows)


def _at(past: PastFinding) -> float:
    return past.opened_at.timestamp()


def _stood_at(past: PastFinding, moment: float) -> bool:
    """Whether a group was missing by then, which the agent joined: since when is not known."""
    is_over = past.closed_at is not None and past.closed_at.timestamp() < moment
    return past.finding.rule in GROUPED and _at(past) < moment and not is_over


def _is_excused(agent: Agent, past: PastFinding) -> bool:
    stop = agent.stop
    spans = list(agent.excused)
    if stop:
        spans.append((stop.start, stop.end + SLACK if stop.end else float("inf")))
    return any(begin <= _at(past) <= end + SLACK for begin, end in spans)


def _stops(row: Row, agent: Agent, findings: Sequence[PastFinding]) -> None:
    stop = agent.stop
    hits: list[PastFinding] = []
    if stop:
        row.stops += 1
        until = stop.end + SLACK if stop.end else float("inf")
        hits = [past for past in findings if stop.start <= _at(past) <= until]
        joined = any(_stood_at(past, stop.detectable) for past in findings)
        row.stops_reported += bool(hits) or joined
        if hits:
            row.delays.append((_at(hits[0]) - stop.detectable) / stop.period)
        allowed = _EXTRA if any(begin <= stop.detectable <= end for begin, end in agent.excused) else 1
        alone = [past for past in hits if past.finding.rule == STOPPED]
        row.false += max(0, len(alone) - allowed)
    row.false += sum(
        past not in hits and not _is_excused(agent, past) for past in findings if past.finding.rule == STOPPED
    )


def _silences(row: Row, agent: Agent, findings: Sequence[PastFinding]) -> None:
    spans = [(agent.reports[first], agent.reports[last]) for first, last in agent.outcomes.silence]
    row.silences += len(spans)
    hits = [sum(begin <= _at(past) <= end + HOUR for past in findings) for begin, end in spans]
    row.silences_reported += sum(map(bool, hits))
    begun = sum(_never_spoke(agent, past) for past in findings)
    row.unspoken += begun
    row.silences_false += len(findings) - sum(map(bool, hits)) - begun


def _never_spoke(agent: Agent, past: PastFinding) -> bool:
    """Whether an agent had said nothing at all up to a finding: of a new one that is reported, once."""
    count = bisect_right(agent.reports, _at(past))
    return all(is_silent(actions) for _, actions in agent.outcomes.reports[:count])


def _troubles(row: Row, agent: Agent, findings: Sequence[PastFinding]) -> None:
    spans = [(agent.reports[first], agent.reports[last]) for first, last in agent.outcomes.trouble]
    row.troubles += len(spans)
    hits = [sum(begin <= _at(past) <= end + DAY for past in findings) for begin, end in spans]
    row.troubles_reported += sum(map(bool, hits))
    row.troubles_reported_again += len(findings) - sum(map(bool, hits))


def compare_shared(shared: Shared, found: Sequence[PastFinding]) -> dict[str, float | int | None]:
    """A row of what befell many: how many were reported, how soon, and by how many findings each time.

    `alone` are the findings of single agents about it, which are one too many each; `hours` is the median
    until the most of its agents were named, which two in three must be.
    """
    grouped = [past for past in found if past.finding.rule in GROUPED]
    single = [past for past in found if past.finding.rule == STOPPED]
    reported, hours, alone, groups = 0, [], 0, 0
    for _, (begin, end), agents in shared.events:
        within = [past for past in grouped if begin <= _at(past) <= min(end, begin + 3 * DAY)]
        groups += len(within)
        named = [past for past in within if _names(past, agents)]
        if named:
            reported += 1
            hours.append((min(map(_at, named)) - begin) / HOUR)
        alone += sum(past.finding.agent_id in agents and begin <= _at(past) <= end for past in single)
    elsewhere = sum(not any(a <= _at(past) <= b + DAY for _, (a, b), _ in shared.events) for past in single)
    stops = [agent for agent in shared.fleet.agents if agent.stop and shared.kind == "holidays"]
    known = {past.finding.agent_id for past in single} | {
        name for past in grouped for name in past.finding.evidence.get("agents", ()) if past.closed_at is None
    }
    return {
        "events": len(shared.events),
        "reported": reported,
        "hours": round(median(hours), 1) if hours else None,
        "grouped": groups,
        "alone": alone,
        "elsewhere": elsewhere,
        "not back": len(stops),
        "not back reported": sum(agent.agent_id in known for agent in stops),
    }


def _names(past: PastFinding, agents: frozenset[str]) -> bool:
    named = set(past.finding.evidence.get("agents", ()))
    return past.finding.rule == "fleet_silent" or 3 * len(named & agents) >= 2 * len(agents)
