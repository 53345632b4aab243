"""The agents of a backtest that are overdue, looked at together and in the order of time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from app.audit.cadence import OUTAGE_STEP, Attendance, Outage, attendance
from app.audit.domain.evaluation import RuleError
from app.audit.domain.fleet import sampled
from app.audit.domain.missing import MissingGroup, agents_missing, back_again, regroup
from app.audit.domain.replay import AgentReplay, Answer, OverdueEvent, PastFinding, Replay

_STEP = timedelta(seconds=OUTAGE_STEP)


class _Agent(NamedTuple):
    replay: AgentReplay
    steps: Replay


class FleetReplay:
    """Takes the events of single agents in the order of time, and says what is reported of each.

    An agent that is overdue waits for its next run, or for the end of the group that it is missing with.
    """

    def __init__(self, reports: Mapping[str, Sequence[float]]) -> None:
        self.found: list[PastFinding] = []
        self.errors: list[RuleError] = []
        self._reports = {agent_id: reports[agent_id] for agent_id in sampled(reports)}
        self._agents: dict[str, _Agent] = {}
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = count()
        self._overdue: dict[str, OverdueEvent] = {}
        self._alone: dict[str, PastFinding] = {}
        self._groups: list[MissingGroup] = []
        self._excused: dict[str, Outage] = {}
        self._of_groups: dict[str, PastFinding] = {}

    def start(self, agent: AgentReplay, steps: Replay) -> None:
        """Go through an agent's runs until it is overdue for the first time."""
        self._advance(_Agent(agent, steps), None)

    def finish(self) -> None:
        """Go through all that happened from then on."""
        while self._queue:
            at, _, action = heappop(self._queue)
            action(at)
        for agent_id in list(self._overdue):
            self._resume(agent_id, Answer(self._alone.pop(agent_id, None)))

    def _at(self, at: datetime, action: Callable[[datetime], None]) -> None:
        heappush(self._queue, (at, next(self._order), action))

    def _advance(self, agent: _Agent, answer: Answer | None) -> None:
        """Go on with an agent until its next event; one that has none any more is let go."""
        try:
            event = next(agent.steps) if answer is None else agent.steps.send(answer)
        except StopIteration:
            self.found += agent.replay.found
            self.errors += agent.replay.errors
        else:
            self._agents[event.finding.agent_id] = agent
            self._at(event.at, partial(self._take, event))

    def _resume(self, agent_id: str, answer: Answer) -> None:
        self._overdue.pop(agent_id, None)
        self._advance(self._agents.pop(agent_id), answer)

    def _take(self, event: OverdueEvent, now: datetime) -> None:
        agent_id = event.finding.agent_id
        if event.is_notice:
            self._resume(agent_id, Answer(PastFinding(event.finding, now) if self._is_news(event) else None))
            return
        self._overdue[agent_id] = event
        if event.until:
            self._at(event.until, partial(self._back, event))
        self._look(now)

    def _is_news(self, event: OverdueEvent) -> bool:
        """Whether it is that an agent is late: not where others are missing as well."""
        is_missing = any(group.takes_in(event.overdue) for group in self._groups)
        return not is_missing and not self._attendance(event.at).some_missing

    def _attendance(self, now: datetime) -> Attendance:
        """That of the agents of which nothing is reported yet."""
        known = {agent_id for group in self._groups for agent_id in group.missing} | self._alone.keys()
        others = {agent_id: times for agent_id, times in self._reports.items() if agent_id not in known}
        return attendance(others, now.timestamp())

    def _back(self, event: OverdueEvent, now: datetime) -> None:
        """An agent reports, unless it was excused before that."""
        agent_id = event.finding.agent_id
        if self._overdue.get(agent_id) is not event:
            return
        del self._overdue[agent_id]
        group = next((group for group in self._groups if agent_id in group.missing), None)
        self._look(now)
        excused = self._excuse(group, agent_id, now) if group else None
        self._resume(agent_id, Answer(self._alone.pop(agent_id, None), excused))

    def _excuse(self, group: MissingGroup, agent_id: str, now: datetime) -> Outage | None:
        excused = group.excuse(agent_id, now.timestamp(), self._excused.get(agent_id))
        if excused:
            self._excused[agent_id] = excused
        return excused

    def _look(self, now: datetime) -> None:
        """See who is missing together, and report it; where it is waited for others, look again later."""
        members = {agent_id for group in self._groups for agent_id in group.missing}
        is_settled = self._overdue.keys() <= members | self._alone.keys()
        grouping = regroup(
            now.timestamp(),
            [event.overdue for event in self._overdue.values()],
            self._groups,
            self._alone.keys(),
            {},
            Attendance() if is_settled else self._attendance(now),
        )
        self._groups = grouping.groups
        for group in grouping.groups:
            self._report(group, now)
        for agent_id in grouping.alone - self._alone.keys():
            self._alone[agent_id] = PastFinding(self._overdue[agent_id].finding, now)
        for group in grouping.over:
            self._end(group, now)
        grouped = {agent_id for group in grouping.groups for agent_id in group.missing}
        if self._overdue.keys() - grouped - self._alone.keys():
            self._at(now + _STEP, self._look)

    def _report(self, group: MissingGroup, now: datetime) -> None:
        """Bring the finding of a group up to date."""
        finding = agents_missing(group, now)
        past = self._of_groups.get(group.first)
        if past is None:
            self._of_groups[group.first] = past = PastFinding(finding, now)
            self.found.append(past)
        past.finding = finding

    def _end(self, group: MissingGroup, now: datetime) -> None:
        """Close the finding of a group. The waits of those that are missing still begin again."""
        past = self._of_groups.pop(group.first)
        past.finding = agents_missing(group, now)
        past.closed_at, past.closing_evidence = now, back_again(group)
        for agent_id in group.missing & self._overdue.keys():
            excused = self._excuse(group, agent_id, now)
            if excused:
                self._resume(agent_id, Answer(excused=excused))
