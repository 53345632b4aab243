"""How long after it is due by its declared schedule an agent reports, and what that allows it."""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.audit.cadence import calibration
from app.audit.cadence.extremes import Extremes
from app.audit.cadence.newcomers import may_be_away
from app.audit.cadence.outages import Outages
from app.audit.cadence.recovered import Recovered
from app.audit.cadence.schedule import IntervalSchedule, Schedule
from app.audit.cadence.working_time import after_work, day_at_work, step_at_work, worked

_GRACE = calibration.LEAST_GRACE.total_seconds()


@dataclass(frozen=True, slots=True)
class Expectation:
    """By when an agent should report: it is due at `due`, late from `late` and overdue from `deadline` on."""

    due: datetime
    late: datetime
    deadline: datetime


class Lateness:
    """How late an agent is by a declared schedule, learned report by report.

    A wait is what passes from the first time that an agent is due after a report until its next report: so a
    run that is long, skipped or delayed counts with what the agent really took; the schedule's rests count
    as one step. Waits far beyond the deadline are stops and not learned, but postpone the next deadlines for
    some days.
    """

    def __init__(
        self, schedule: Schedule, grace: timedelta | None = None, outages: Outages | None = None
    ) -> None:
        self._schedule = schedule
        self._grace = grace
        self._outages = Outages() if outages is None else outages
        self._waits = Extremes(calibration.LATE_TAIL, errors=calibration.LATE_ERRORS)
        self._recovered = Recovered()
        self._at_once = 0
        self._missed = 0.0
        self._first: datetime | None = None
        self._newest: datetime | None = None
        self._known: tuple[datetime, tuple[datetime, datetime]] | None = None

    @classmethod
    def of(
        cls,
        schedule: Schedule,
        grace: timedelta | None,
        reports: Iterable[datetime],
        outages: Outages | None = None,
    ) -> Self:
        """Learned from reports in order, oldest first."""
        lateness = cls(schedule, grace, outages)
        for report in reports:
            lateness.observe(report)
        return lateness

    def with_outages(self, outages: Outages) -> "Lateness":
        """The same for expectations, given these outages. It must learn no more."""
        if outages is self._outages or outages == self._outages:
            return self
        lateness = copy(self)
        lateness._outages = outages
        return lateness

    def observe(self, report: datetime) -> None:
        """Learn from a report that came after all others. Raises `ValueError` as `due_after`."""
        newest, self._newest = self._newest, report
        if newest is None:
            self._first = report
            if not isinstance(self._schedule, IntervalSchedule):
                self._learn((report - self._schedule.last_until(report)).total_seconds(), report)
            return
        if self._flushes(newest, report):
            return
        due, moment = self._due(newest)[0], report.timestamp()
        wait = max((report - due).total_seconds(), 0.0)
        self._at_once, is_possible = 0, True
        if wait > _GRACE:
            if self._outages.touches(newest.timestamp(), moment):
                return
            wait = worked(self._schedule, due, report).total_seconds()
            # Without a declared grace no deadline is sooner than the longest wait.
            is_usual = self._grace is None and wait + calibration.LATE_SCALE <= self._waits.longest
            if not is_usual and report > (deadline := self._deadlines(newest)[1]):
                step = self._step(newest)
                self._at_once, self._missed = 1, wait / step.total_seconds()
                allowed = worked(self._schedule, due, deadline)
                is_possible = wait <= max(step, calibration.LONGEST_TIMES * allowed).total_seconds()
                self._recovered.add(moment - wait, moment, is_usual=is_possible)
        if is_possible:
            self._learn(wait, report)

    def _learn(self, wait: float, report: datetime) -> None:
        self._waits.add(wait + calibration.LATE_SCALE, report.timestamp())

    def _flushes(self, newest: datetime, report: datetime) -> bool:
        """Whether this report is one of those that were kept meanwhile, which come at once after a gap."""
        if not self._at_once or (report - newest).total_seconds() > calibration.AT_ONCE:
            return False
        self._at_once += 1
        if self._at_once >= max(calibration.LEAST_FLUSHED, self._missed / 2):
            self._recovered.drop_newest()
            self._at_once = 0
        return True

    def expectation(self, since: datetime) -> Expectation:
        """What is expected of the agent, silent since then. Raises `ValueError` as `due_after`.

        The grace is the declared one. Without it, it is half the period, between 10 minutes and an hour, or
        the wait that comes once in years by the waits that were; while hardly any are known, two periods. On
        its first day it may be silent for half as long as it is known, and in its first two weeks for half a
        day by the days it is known.
        """
        return Expectation(self._due(since)[0], *self._deadlines(since, unseen=self._unseen(since)))

    def _unseen(self, since: datetime) -> float:
        """For how long, in seconds, it may be away though it was not yet, as it is not known for long."""
        return may_be_away((since - (self._first or since)).total_seconds()) if self._grace is None else 0.0

    def never_late_before(self, since: datetime) -> datetime:
        """Before this the agent is not late, silent since then, whatever its past. Raises as `due_after`."""
        due, following = self._due(since)
        return due + usual_graces(following - due, self._grace)[1]

    def _due(self, since: datetime) -> tuple[datetime, datetime]:
        if self._known is None or self._known[0] != since:
            self._known = since, due_after(self._schedule, since)
        return self._known[1]

    def _step(self, since: datetime) -> timedelta:
        """The time between due times, without rests."""
        due, following = self._due(since)
        return step_at_work(self._schedule) or following - due

    def _deadlines(self, since: datetime, *, unseen: float = 0.0) -> tuple[datetime, datetime]:
        """When the agent is late and when it is overdue, silent since then; not before `unseen` seconds."""
        due, following = self._due(since)
        usual, half = usual_graces(following - due, self._grace)
        late = self._rare(calibration.LATE_ONCE_IN, since)
        if self._grace is not None:
            [late_at] = self._after(due, late)
            return min(max(due + half, late_at), due + usual), due + usual
        overdue = max(late, self._rare(calibration.OVERDUE_ONCE_IN, since))
        if len(self._waits) < calibration.LEAST_GAPS or self._waits.span < calibration.DAY:
            first = first_grace(self._step(since)).total_seconds()
            late = overdue = max(overdue, first, calibration.LONGEST_TIMES * self._waits.longest)
        recovered = self._recovered.allowance(since.timestamp())
        if recovered > overdue:
            late = overdue = recovered
        late_at, deadline = self._after(due, max(late, unseen), max(overdue, unseen))
        late_at = max(late_at, due + half)
        deadline = max(deadline, late_at, due + usual)
        return (late_at if deadline - late_at >= calibration.LEAST_GRACE else deadline), deadline

    def _rare(self, once_in: float, since: datetime) -> float:
        """The wait that comes once in so long, in seconds at work.

        That is a step at most, or three times the longest. Who rests may be away for a day, as people are, or
        for a day more than the longest.
        """
        longest = self._waits.longest
        if step_at_work(self._schedule):
            day = day_at_work(self._schedule).total_seconds()
            most = day + max(day, longest)
        else:
            most = max(self._step(since).total_seconds(), calibration.LONGEST_TIMES * longest)
        return max(min(self._waits.level(once_in), most) - calibration.LATE_SCALE, 0.0)

    def _after(self, due: datetime, *waits: float) -> list[datetime]:
        return after_work(self._schedule, due, *(timedelta(seconds=wait) for wait in waits))


def usual_graces(period: timedelta, grace: timedelta | None) -> tuple[timedelta, timedelta]:
    """After how long an agent is overdue, at least, and how long it is never called late.

    That is the `grace`, or half the period, between 10 minutes and an hour; and half of it.
    """
    usual = min(max(period / 2, calibration.LEAST_GRACE), calibration.MOST_GRACE) if grace is None else grace
    return usual, usual / 2 if usual / 2 >= calibration.LEAST_GRACE else usual


def first_grace(period: timedelta) -> timedelta:
    """How late an agent may be of which it is not known how late it usually is: it may be due twice more."""
    return min(max(2 * period, calibration.MOST_GRACE), timedelta(days=1))


def due_after(schedule: Schedule, since: datetime) -> tuple[datetime, datetime]:
    """When an agent is due that is silent since then, and the time after that.

    Raises `ValueError` when the schedule never comes again.
    """
    due = schedule.next_after(since)
    following = schedule.next_after(due)
    # A report moments before a due time answers it: the agent's clock is a little ahead of ours.
    if not isinstance(schedule, IntervalSchedule) and due - since < min(
        calibration.MOST_EARLY, (following - due) / 4
    ):
        return following, schedule.next_after(following)
    return due, following
