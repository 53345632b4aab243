"""When an agent reports next by the clock: as it did at this time in the weeks before."""

from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median
from typing import NamedTuple, Self

from app.audit.cadence import calibration
from app.audit.cadence.activity import A_DAY, A_WEEK, AN_HOUR, STEP, ActivityBitmap, step_of
from app.audit.cadence.clock_changes import put_forward_within

Excluded = Callable[[float, float], bool]
"""Whether what an agent did between two times, in seconds since the epoch, says nothing of its habits."""

_NO_REPORT, _EXCLUDED = -1, -2


class WeeklyPattern(NamedTuple):
    """The next report by the clock: by `latest` so far, mostly about `middle`, in seconds since the epoch.

    `spread` lies between the first and the last of the times at which it came then; `jitter` is how far
    from the times of the week before its newest reports came, both in seconds. `matching` are the weeks, or
    days, in which the agent did the same at this time: how many steps ago each is.
    """

    latest: float
    middle: float
    spread: float
    jitter: float
    matching: tuple[int, ...]

    def not_before(self, moment: float) -> Self:
        """The same, where the report is not expected before then."""
        latest, middle = max(self.latest, moment), max(self.middle, moment)
        return self._replace(latest=latest, middle=middle)


def weekly_pattern(
    activity: ActivityBitmap,
    newest: Sequence[float],
    known_since: float,
    typical: float,
    is_excluded: Excluded,
) -> WeeklyPattern | None:
    """What followed the last of the `newest` reports at the same time in up to five weeks before.

    1. Find the weeks, and days of this week, in which a report came at the time of the last one, and how
       long the next one took then.
    2. See whether the reports before kept to their times of a week before as well.
    3. After clocks were put forward, add what followed an hour later: an agent on local time may be ahead.
    4. Take the longest of these waits.

    None unless a report came in most of the weeks, and the waits are the same but for a change of clocks.
    """
    past = _Past.of(activity, newest[-1], typical, is_excluded)
    waits = _matching_waits(past, step_of(known_since))
    compared = newest[-calibration.REPORTS_COMPARED :]
    jitter = _jitter(past, compared, step_of(known_since)) if waits else None
    if jitter is None:
        return None
    if _may_be_ahead(past, newest[-1]):
        ahead = _matching_waits(past._replace(here=past.here + AN_HOUR), step_of(known_since))
        waits |= {ago - AN_HOUR: wait for ago, wait in ahead.items()}
    ordered = sorted(waits.values())
    latest, spread = (past.here + ordered[-1] + 1) * STEP, (ordered[-1] - ordered[0]) * STEP
    if spread > max(past.near * STEP, calibration.MATCHING_SPREAD):
        return None
    weeks = tuple(ago for ago in waits if ago >= A_WEEK - AN_HOUR)
    middle = (past.here + ordered[len(ordered) // 2] + 1) * STEP
    return WeeklyPattern(float(latest), float(middle), float(spread), jitter, weeks or tuple(waits))


def _may_be_ahead(past: "_Past", newest: float) -> bool:
    """Whether clocks were put forward a day ago, or a week ago and it came at times when it used not to."""
    if put_forward_within(newest - A_DAY * STEP, newest):
        return True
    ahead = put_forward_within(newest - A_WEEK * STEP, newest)
    return ahead and past.activity.has_new_times(past.here, past.near)


def _matching_waits(past: "_Past", first: int) -> dict[int, int]:
    """How long the next report took, in steps, in each matching week or day, by how many steps ago that is.

    Days of this week count where they do as the week before did; they speak for weeks that are not known
    yet, or long ago.
    """
    reach = min((past.here - past.near - first) // A_WEEK, calibration.WEEKS_COMPARED)
    weeks = ((ago, past.wait(ago)) for ago in range(A_WEEK, reach * A_WEEK + 1, A_WEEK))
    usable = ((ago, wait) for ago, wait in weeks if wait != _EXCLUDED)
    known = dict(islice(usable, calibration.LATEST_WEEKS))
    matching = {ago: wait for ago, wait in known.items() if wait >= 0}
    days = {ago: past.wait(ago) for ago in range(A_DAY, A_WEEK, A_DAY)}
    days = {ago: wait for ago, wait in days.items() if wait >= 0}
    if A_WEEK in matching:
        tolerance = max(past.near, calibration.MATCHING_DAYS)
        days = {ago: wait for ago, wait in days.items() if abs(wait - matching[A_WEEK]) <= tolerance}
        if len(days) > 2:
            return dict(islice(matching.items(), 2)) | days
    if len(matching) * 2 <= len(known) or known.get(A_WEEK) == _NO_REPORT:
        return {}
    if len(days) < 2 and (len(matching) == 1 or A_WEEK not in matching):
        return {}
    return matching | days


class _Past(NamedTuple):
    """What an agent did, seen from the step `here`.

    A report is near a time within `near` steps; after `next_after` steps another one is the next.
    """

    activity: ActivityBitmap
    here: int
    near: int
    next_after: int
    is_excluded: Excluded

    @classmethod
    def of(cls, activity: ActivityBitmap, moment: float, typical: float, is_excluded: Excluded) -> "_Past":
        """Seen from a report at `moment` of an agent with this typical gap, both in seconds."""
        near = max(1, int(typical * calibration.NEAR / STEP))
        next_after = max(1, int(typical * calibration.NEXT_AFTER / STEP))
        return cls(activity, step_of(moment), near, next_after, is_excluded)

    def wait(self, ago: int) -> int:
        """How many steps after the time `ago` the next report came, if there was one at that time."""
        then = self.here - ago
        report = self.activity.nearest(then, self.near)
        if report is None:
            start, end = (then - self.near) * STEP, (then + self.near) * STEP
            return _EXCLUDED if self.is_excluded(start, end) else _NO_REPORT
        following = self.activity.first_from(report + self.next_after)
        if following is None:
            return _NO_REPORT
        return _EXCLUDED if self.is_excluded(report * STEP, following * STEP) else following - then


def _jitter(past: _Past, newest: Sequence[float], first: int) -> float | None:
    """How far from those a week before the newest reports came, in seconds.

    None if too many had none to match, or if most came later, or earlier, by as much: an interval that
    does not divide the day drifts, and does not keep to the clock.
    """
    off = []
    for moment in newest:
        then = step_of(moment) - (A_WEEK if step_of(moment) - A_WEEK >= first else A_DAY)
        if past.is_excluded((then - past.near) * STEP, (then + past.near) * STEP):
            then -= A_WEEK
        report = past.activity.nearest(then, past.near)
        if report is not None:
            off.append(report - then)
    if len(newest) - len(off) > len(newest) * calibration.MOST_UNMATCHED:
        return None
    widest = max(map(abs, off))
    most_drift = max(calibration.MOST_DRIFT, widest * calibration.DRIFT_OF_WIDEST)
    return None if abs(median(off)) > most_drift else float(widest * STEP)


def deadline_by_count(
    activity: ActivityBitmap, newest: float, pattern: WeeklyPattern, latest: float, margin: float
) -> float:
    """`margin` after `latest`, or after a later report before which it has run less often than usual.

    An agent that has run as often in the last day as it used to at that time may have run earlier than
    it used to, and not at all too seldom.
    """
    here, step = step_of(newest), step_of(latest + margin)
    while step < here + A_DAY:
        usual = min(activity.count(step - ago - A_DAY, step - ago) for ago in pattern.matching)
        if not usual or activity.count(step - A_DAY, here + 1) < usual:
            break
        latest = next_report(activity, pattern, latest)
        step = step_of(latest + margin)
    return latest + margin


def usual_wait(
    activity: ActivityBitmap, moment: float, typical: float, is_excluded: Excluded
) -> float | None:
    """When the next report is usual, by what followed one at this time before, in seconds since the epoch.

    The median of up to five weeks, so that a run by hand in one of them changes nothing; later, if it came
    later a week or a day before, as after clocks were changed. None unless a report came at this time a week
    before, in two weeks and in most.
    """
    past = _Past.of(activity, moment, typical, is_excluded)
    weeks = [past.wait(ago) for ago in range(A_WEEK, calibration.WEEKS_COMPARED * A_WEEK + 1, A_WEEK)]
    known = [wait for wait in weeks if wait != _EXCLUDED]
    waits = sorted(wait for wait in known if wait >= 0)
    if weeks[0] < 0 or len(waits) < 2 or len(waits) * 2 <= len(known):
        return None
    return float((past.here + max(waits[len(waits) // 2], weeks[0], past.wait(A_DAY)) + 1) * STEP)


def next_report(activity: ActivityBitmap, pattern: WeeklyPattern, moment: float) -> float:
    """By when, in the matching weeks, the first report after `moment` came, in seconds since the epoch.

    After an outage all of these weeks may lie behind the agent's newest report; then as in the latest week
    that does not.
    """
    after = step_of(moment) + 1
    of_weeks = ((activity.first_from(after - ago), ago) for ago in pattern.matching)
    steps = [step + ago + 1 for step, ago in of_weeks if step is not None]
    if not steps:
        ago = -(-(after - activity.newest) // A_WEEK) * A_WEEK
        return float(((activity.first_from(after - ago) or activity.newest) + ago + 1) * STEP)
    return float(max(steps) * STEP)
