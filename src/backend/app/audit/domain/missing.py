"""Agents that are missing together: one finding names all of them, instead of one for each.

Whatever befalls many at once, a holiday, a shutdown, an upgrade or a host that is gone, is one piece of news.
To its members the group is an outage: nothing is learned from it, and when it is over, waits begin again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from app.audit import calibration
from app.audit.cadence import Attendance, Outage
from app.audit.cadence.calibration import COMPANIONS, NIGHT, RECOVERED_LASTS
from app.audit.domain.finding import Evidence, Finding
from app.audit.domain.history import AgentHistory, rests
from app.audit.domain.running_long import RunningLong
from app.kit.text import at, counted, printable

AGENTS_MISSING = "agents_missing"
"""Many agents stopped reporting at about the same time, while others go on."""

_NAMED = 20
_TOGETHER = calibration.TOGETHER.total_seconds()


class Overdue(NamedTuple):
    """An agent that has not reported since `last_report` and was expected by `expected_by`.

    Both are seconds since the epoch. `rests` is whether it does not run on every day of the week.
    """

    agent_id: str
    last_report: float
    expected_by: float
    rests: bool


@dataclass
class MissingGroup:
    """Agents that were expected at about the same time. It is known by the agent that was expected first.

    `since` is when the first of them had last reported, `expected_until` the newest deadline of a member, in
    seconds since the epoch. `returned` has when members were back; the other members are missing. `quiet` are
    agents that usually report at that time as well and did not, though they are not overdue. `alone` are the
    members that were reported alone before: each keeps its own finding until it reports.
    """

    first: str
    since: float
    expected_until: float
    resting: bool
    members: set[str]
    returned: dict[str, float] = field(default_factory=dict)
    quiet: set[str] = field(default_factory=set)
    alone: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, overdue: Sequence[Overdue], taken: Collection[str], alone: Collection[str]) -> "MissingGroup":
        """Of these agents, in the order in which they were expected; no group may be known by one `taken`."""
        return cls(
            next(each.agent_id for each in overdue if each.agent_id not in taken),
            max(each.last_report for each in overdue),
            max(each.expected_by for each in overdue),
            all(each.rests for each in overdue),
            {each.agent_id for each in overdue},
            alone={each.agent_id for each in overdue if each.agent_id in alone},
        )

    @classmethod
    def from_evidence(cls, first: str, evidence: Evidence) -> "MissingGroup | None":
        """As the finding under `first` says; None where another program wrote something else there."""
        try:
            return cls(
                first,
                _seconds(evidence["since"]),
                _seconds(evidence["expected_until"]),
                bool(evidence["resting"]),
                {str(agent_id) for agent_id in evidence["agents"]} - set(evidence["quiet"]),
                {agent_id: _seconds(moment) for agent_id, moment in evidence["returned"].items()},
                {str(agent_id) for agent_id in evidence["quiet"]},
                {str(agent_id) for agent_id in evidence.get("alone", ())},
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            return None

    @property
    def missing(self) -> set[str]:
        """The members that are not back."""
        return self.members - self.returned.keys()

    @property
    def is_over(self) -> bool:
        """Whether half of them are back."""
        return 2 * len(self.returned) >= len(self.members)

    def takes_in(self, overdue: Overdue) -> bool:
        """Whether an agent was quiet from the first, or expected at about the same time as the last."""
        is_near = abs(overdue.expected_by - self.expected_until) <= _TOGETHER
        is_known = overdue.agent_id in self.quiet and overdue.last_report <= self.since + _TOGETHER
        return is_known or (is_near and len(self.members) < calibration.MOST_MISSING)

    def add(self, overdue: Overdue) -> None:
        """Take an agent in."""
        self.members.add(overdue.agent_id)
        self.quiet.discard(overdue.agent_id)
        self.returned.pop(overdue.agent_id, None)
        if abs(overdue.expected_by - self.expected_until) <= _TOGETHER:
            self.expected_until = max(self.expected_until, overdue.expected_by)
        self.resting = self.resting and overdue.rests

    def excuse(self, agent_id: str, ended: float, before: Outage | None) -> Outage | None:
        """When a member could not report, if the group is over at `ended`. `before` is the last time it was.

        None of a time so short that the member may just have moved to another hour, and none a week after the
        last: it may have moved to other days. Both are to be learned. And none of a member whose own finding
        goes on.
        """
        if agent_id in self.alone and agent_id not in self.returned:
            return None
        end = self.returned.get(agent_id, ended)
        is_again = before is not None and self.since - before.end < RECOVERED_LASTS
        is_short = end - self.since < calibration.EXCUSED_FROM
        return None if is_again or is_short else Outage(self.since, end)


class Grouping(NamedTuple):
    """What is to be said of the agents that are overdue: in groups, alone, or nothing yet."""

    groups: list[MissingGroup]
    over: list[MissingGroup]
    alone: set[str]


def overdue_agent(history: AgentHistory, finding: Finding) -> Overdue:
    """The agent of a finding of `stopped_reporting`."""
    last_report = history.runs[0].created_at.timestamp()
    return Overdue(finding.agent_id, last_report, _seconds(finding.evidence["expected_by"]), rests(history))


def regroup(
    now: float,
    overdue: Collection[Overdue],
    groups: Iterable[MissingGroup],
    alone: Collection[str],
    returned: Mapping[str, float],
    attendance: Attendance,
) -> Grouping:
    """Sort those that are overdue `now` into groups.

    1. Members of `groups` that are not overdue any more are back, since when `returned` says; a group half of
       which is back is over, and the others' waits begin again, but for those that were reported alone.
    2. An agent in no group that is not reported alone joins the one whose members were expected at about the
       same time.
    3. Of the others five at least that were expected at about the same time are a new group; three, where
       more are seen to be missing.
    4. Who is left is reported alone, unless more may be missing with it: then it is waited for a while.

    `alone` are the agents reported alone before, which stay so. `attendance` is that of the hours up
    to now.
    """
    by_id = {each.agent_id: each for each in overdue}
    standing, over = _settled(now, groups, by_id, returned)
    grouped = {agent_id for group in (*standing, *over) for agent_id in group.missing}
    left = sorted(
        (each for each in overdue if each.agent_id not in grouped),
        key=lambda each: (each.expected_by, each.agent_id),
    )
    ungrouped = []
    for each in left:
        group = next((group for group in standing if group.takes_in(each)), None)
        if group and each.agent_id not in alone:
            group.add(each)
        else:
            ungrouped.append(each)
    stand_alone = by_id.keys() & set(alone)
    enough = calibration.TOGETHER_OF_MISSING if attendance.some_missing else COMPANIONS + 1
    for cluster in _clusters(ungrouped):
        if len(cluster) >= enough:
            standing.append(MissingGroup.of(cluster, {group.first for group in standing}, alone))
        else:
            stand_alone |= {each.agent_id for each in cluster if now >= _held_until(each, attendance)}
    reported = {agent_id for group in standing for agent_id in group.members | group.quiet} | stand_alone
    _note_quiet(now, standing, attendance.quiet - reported)
    return Grouping(standing, over, stand_alone)


def _note_quiet(now: float, groups: Sequence[MissingGroup], quiet: Collection[str]) -> None:
    """Note who is quiet beside the newest group, while agents still become overdue with it."""
    forming = [group for group in groups if now - group.expected_until <= _TOGETHER]
    if forming:
        max(forming, key=lambda group: group.expected_until).quiet.update(quiet)


def _settled(
    now: float,
    groups: Iterable[MissingGroup],
    overdue: Collection[str],
    returned: Mapping[str, float],
) -> tuple[list[MissingGroup], list[MissingGroup]]:
    standing: list[MissingGroup] = []
    over: list[MissingGroup] = []
    for group in groups:
        for agent_id in group.missing.difference(overdue):
            group.returned[agent_id] = returned.get(agent_id, now)
        (over if group.is_over else standing).append(group)
    return standing, over


def _clusters(overdue: Sequence[Overdue]) -> list[list[Overdue]]:
    """Those, by when they were expected, each not long after the one before."""
    clusters = [[each] for each in overdue[:1]]
    for before, each in pairwise(overdue):
        is_apart = each.expected_by - before.expected_by > _TOGETHER
        if is_apart or len(clusters[-1]) == calibration.MOST_MISSING:
            clusters.append([])
        clusters[-1].append(each)
    return clusters


def _held_until(overdue: Overdue, attendance: Attendance) -> float:
    """Until when it is waited for others.

    Where an agent that rests on some days does not begin its day, others that begin later may not either.
    Where some agents are missing of those that usually report now, more deadlines are about to pass.
    """
    wait = overdue.expected_by - overdue.last_report
    hold = 0.0
    is_morning = overdue.rests and wait >= NIGHT
    if is_morning and attendance.usual > COMPANIONS:
        hold = min(calibration.HELD_OF_WAIT * wait, _TOGETHER)
    if attendance.some_missing:
        hold = max(hold, calibration.HELD_FOR)
    return overdue.expected_by + hold


def agents_missing(group: MissingGroup, now: datetime) -> Finding:
    """The finding of a group: who is missing since when, the first few by name."""
    since, missing = datetime.fromtimestamp(group.since, UTC), sorted(group.missing)
    names = ", ".join(printable(agent_id) for agent_id in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    message = f"{counted(len(missing), 'agent')} stopped reporting at about {at(since, now)}: {names}{more}"
    if group.quiet:
        message += f"; {counted(len(group.quiet), 'other')} that usually report by then did not either"
    if group.returned:
        message += f"; {len(group.returned)} of {len(group.members)} are back"
    message += ": a holiday?" if group.resting else ": an upgrade, or a host that is gone?"
    evidence = {
        "severity": "high",
        "since": since.isoformat(),
        "expected_until": datetime.fromtimestamp(group.expected_until, UTC).isoformat(),
        "resting": group.resting,
        "agents": sorted(group.members | group.quiet),
        "quiet": sorted(group.quiet),
        "alone": sorted(group.alone),
        "returned": {
            agent_id: datetime.fromtimestamp(moment, UTC).isoformat()
            for agent_id, moment in sorted(group.returned.items())
        },
    }
    return Finding(AGENTS_MISSING, group.first, "high", message, evidence, began_at=since)


UNREADABLE: Evidence = {"reason": "it cannot be read which agents it is about"}
"""The proof that a finding ended which another program wrote."""


def back_again(group: MissingGroup) -> Evidence:
    """The proof that a group is over."""
    return {"reason": f"{len(group.returned)} of {counted(len(group.members), 'agent')} report again"}


def joined(group: MissingGroup) -> Evidence:
    """Why the finding ended of an agent that hangs and is a member now."""
    others = counted(len(group.missing) - 1, "other")
    reason = f"it is missing together with {others}, which one finding says"
    return {"reason": reason, "joined": group.first}


def is_joined(rule: str, closing_evidence: Evidence | None) -> bool:
    """Whether a finding ended as one of a group says it from now on."""
    return rule == RunningLong.name and "joined" in (closing_evidence or {})


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
