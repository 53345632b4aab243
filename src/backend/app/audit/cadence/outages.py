"""Times in which agents could not report: no agent is overdue for them."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from app.audit.cadence import calibration

OUTAGE_STEP = 900
"""Seconds: outages are looked for by quarters of an hour, and known when they are half an hour old."""
_WEEK = 7 * 86_400 // OUTAGE_STEP
_WEEK_SECONDS = _WEEK * OUTAGE_STEP


class Outage(NamedTuple):
    """From when to when, in seconds since the epoch."""

    start: float
    end: float


class Outages:
    """Outages to look up; those that overlap are one."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, outages: Iterable[Outage] = ()) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        for start, end in sorted(outages):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outages) and (self._starts, self._ends) == (other._starts, other._ends)

    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Outage]:
        return map(Outage, self._starts, self._ends)

    def joined(self, *outages: Outage) -> "Outages":
        """These and others."""
        return Outages([*self, *outages]) if outages else self

    def touches(self, start: float, end: float) -> bool:
        """Whether an outage lies, in part at least, between `start` and `end`."""
        return bisect_right(self._ends, start) < bisect_left(self._starts, end)

    def within(self, start: float, end: float) -> float:
        """How many seconds from `start` until `end` were outages."""
        if not self._starts:
            return 0.0
        touched = range(bisect_right(self._ends, start), bisect_left(self._starts, end))
        return sum(min(self._ends[at], end) - max(self._starts[at], start) for at in touched)

    def over(self, earliest: float, deadline: float) -> float | None:
        """When the last outage was over in which a report due from `earliest` to `deadline` may be lost."""
        last = bisect_left(self._starts, deadline) - 1
        return self._ends[last] if last >= 0 and self._ends[last] > earliest else None


def find_outages(reports: Mapping[str, Sequence[float]]) -> list[Outage]:
    """When hardly any agent reported though many usually do then, from the sorted report times of all.

    That is a time in which, by quarters of an hour, fewer than a quarter as many agents reported as at
    that time in the weeks before (the median of up to four) and, in all, of the agents that reported a
    week before, five at least, fewer than a quarter did. Nothing is known in the first week.
    """
    counts: Counter[int] = Counter()
    for times in reports.values():
        counts.update({int(moment // OUTAGE_STEP) for moment in times})
    if len(reports) < calibration.OUTAGE_AGENTS:
        return []
    found, bins = [], sorted(counts)
    for first, last in _far_below_usual(counts):
        if not _few_of_many(reports, first * OUTAGE_STEP, (last + 1) * OUTAGE_STEP):
            continue
        # As long as no agent reports at all it is not over, be the weeks before as silent by then.
        following = bisect_right(bins, last)
        until = max(last, bins[following] - 2) if following < len(bins) else last
        found.append(Outage((first - 1) * OUTAGE_STEP, (until + 2) * OUTAGE_STEP))
    together = _near_each_other(found)
    return [outage for outages, whole in together if not some_go_on(reports, whole) for outage in outages]


def _near_each_other(outages: Sequence[Outage]) -> list[tuple[list[Outage], Outage]]:
    """Outages with less than an hour between one and the next, each group with the time that it spans."""
    groups: list[tuple[list[Outage], Outage]] = []
    for outage in outages:
        if groups and outage.start - groups[-1][1].end < calibration.HOUR:
            groups[-1] = ([*groups[-1][0], outage], Outage(groups[-1][1].start, outage.end))
        else:
            groups.append(([outage], outage))
    return groups


def some_go_on(reports: Mapping[str, Sequence[float]], outage: Outage) -> bool:
    """Whether for two hours and more of it some agents reported as they usually do: then all could have.

    That is two agents at least, each of which came in either half of the outage as often as a week before.
    """
    start, end = outage
    middle = (start + end) / 2
    if end - start < calibration.GO_ON_FOR:
        return False
    going_on = 0
    for times in reports.values():
        halves = ((start, middle), (middle, end))
        came = [_count(times, *half) for half in halves]
        before = [_count(times, first - _WEEK_SECONDS, last - _WEEK_SECONDS) for first, last in halves]
        is_usual = all(now >= 0.75 * usual for now, usual in zip(came, before, strict=True))
        going_on += min(came) > 0 and is_usual
    return going_on >= calibration.GO_ON_AGENTS


def _count(times: Sequence[float], start: float, end: float) -> int:
    return bisect_left(times, end) - bisect_left(times, start)


def _has_any(times: Sequence[float], start: float, end: float) -> bool:
    first = bisect_left(times, start)
    return first < len(times) and times[first] < end


def present_outage(reports: Mapping[str, Sequence[float]], now: float) -> Outage | None:
    """The outage that lasts until `now`, from the sorted report times of all agents.

    In some time up to now, from ten minutes to three hours, fewer than a quarter of the agents reported,
    and fewer reports came, than then in the weeks before (medians of up to four): of five agents at least,
    and a dozen reports are missing. None also in the first week, and where two agents and more reported
    in the later two thirds of it: then the log can be reached, and those that do not report are missing.
    """
    earliest = min((times[0] for times in reports.values() if times), default=now)
    for span in calibration.OUTAGE_SPANS:
        weeks = [week for week in range(1, 5) if now - span - week * _WEEK_SECONDS >= earliest]
        if weeks and _is_far_below(reports, now - span, now, weeks):
            outage = Outage(now - span, now)
            late = _came(reports, now - span * calibration.GO_ON_SHARE, now)[0]
            go_on = late >= calibration.GO_ON_AGENTS or some_go_on(reports, outage)
            return None if go_on else outage
    return None


class Attendance(NamedTuple):
    """How many agents usually report up to now, whether some of those are missing, and who has not come.

    `quiet` are those that usually report within an hour or more up to now and did not.
    """

    usual: int = 0
    some_missing: bool = False
    quiet: frozenset[str] = frozenset()


def attendance(reports: Mapping[str, Sequence[float]], now: float) -> Attendance:
    """Who usually reports, up to `now`, from the sorted report times of all agents.

    An agent usually does in a time, from ten minutes to three hours up to now, if it did then in most of the
    weeks before, up to four. Some are missing where of five agents that usually report fewer than three
    quarters did, and four at least did not. Nothing is known in the first week.
    """
    earliest = min((times[0] for times in reports.values() if times), default=now)
    usual, some_missing, all_quiet = 0, False, set()
    for span in calibration.OUTAGE_SPANS:
        known = [week for week in range(1, 5) if now - span - week * _WEEK_SECONDS >= earliest]
        starts = [now - span - week * _WEEK_SECONDS for week in known]
        expected = [
            agent_id
            for agent_id, times in reports.items()
            if 2 * sum(_has_any(times, start, start + span) for start in starts) > len(starts)
        ]
        quiet = [agent_id for agent_id in expected if not _has_any(reports[agent_id], now - span, now)]
        usual = max(usual, len(expected))
        came = len(expected) - len(quiet)
        some_missing = some_missing or (
            len(expected) >= calibration.OUTAGE_AGENTS
            and came < len(expected) * calibration.ATTENDANCE_SHARE
            and len(quiet) >= calibration.COMPANIONS
        )
        if span >= calibration.HOUR:
            all_quiet.update(quiet)
    return Attendance(usual, some_missing, frozenset(all_quiet))


def _is_far_below(
    reports: Mapping[str, Sequence[float]], start: float, end: float, weeks: Iterable[int]
) -> bool:
    usual_agents, usual_reports = _usual(reports, start, end, weeks)
    agents, count = _came(reports, start, end)
    few = agents < usual_agents * calibration.OUTAGE_SHARE
    is_missing = usual_reports - count >= calibration.OUTAGE_MISSING
    return few and usual_agents >= calibration.OUTAGE_AGENTS and is_missing


def _usual(
    reports: Mapping[str, Sequence[float]], start: float, end: float, weeks: Iterable[int]
) -> tuple[float, float]:
    """How many agents reported at this time of the weeks before, and how often: the medians."""
    before = [_came(reports, start - week * _WEEK_SECONDS, end - week * _WEEK_SECONDS) for week in weeks]
    return median([agents for agents, _ in before]), median([count for _, count in before])


def _came(reports: Mapping[str, Sequence[float]], start: float, end: float) -> tuple[int, int]:
    """How many agents reported after `start` and not after `end`, and how often."""
    counts = [bisect_right(times, end) - bisect_right(times, start) for times in reports.values()]
    return sum(map(bool, counts)), sum(counts)


def _far_below_usual(counts: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The first and last of quarters of an hour in turn in which a dozen reports at least are missing."""
    start, end, usual, seen = 0, 0, 0.0, 0
    earliest, latest = min(counts), max(counts)
    # At any other time no agent reported in any of the four weeks before.
    candidates = {at + week * _WEEK for at in counts for week in range(1, 5)}
    for at in sorted(each for each in candidates if each < latest):
        weeks = range(at - _WEEK, max(earliest, at - 4 * _WEEK) - 1, -_WEEK)
        expected = median([counts.get(week, 0) for week in weeks])
        if counts.get(at, 0) < expected * calibration.OUTAGE_SHARE:
            start, end = start or at, at
            usual += expected
            seen += counts.get(at, 0)
        elif expected and start:
            if usual - seen >= calibration.OUTAGE_MISSING:
                yield start, end
            start, usual, seen = 0, 0.0, 0
    if start and usual - seen >= calibration.OUTAGE_MISSING:
        yield start, end


def _few_of_many(reports: Mapping[str, Sequence[float]], start: float, end: float) -> bool:
    usually = sum(_reported(times, start - _WEEK_SECONDS, end - _WEEK_SECONDS) for times in reports.values())
    now = sum(_reported(times, start, end) for times in reports.values())
    return usually >= calibration.OUTAGE_AGENTS and now < usually * calibration.OUTAGE_SHARE


def _reported(times: Sequence[float], start: float, end: float) -> bool:
    return bisect_left(times, start) < bisect_left(times, end)
