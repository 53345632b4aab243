"""When an agent reports next by the clock: as it did at this time in the weeks before."""

from collections.abc import Callable, Sequence
from itertools import islice
from statistics import median
from typing import NamedTuple

from app.audit.cadence.clock_changes import put_forward_within
from app.audit.cadence.marks import A_DAY, A_WEEK, AN_HOUR, STEP, Marks, step_of

Spoiled = Callable[[float, float], bool]
"""Whether what an agent did from a time until another says nothing of its habits."""

_WEEKS = 5
_LATEST = 3
_COMPARED = 16
_UNMATCHED = 0.2
_TOLERANCE = 0.4
_FURTHER = 0.5
_ALIKE = 4_200
_DRIFT = 2
_NOTHING, _SPOILED = -1, -2


class Rhythm(NamedTuple):
    """The next report by the clock: hitherto by `latest`, in seconds since the epoch.

    `spread` lies between the first and the last of the times at which it came then; `jitter` is how far
    from the times of the week before its newest reports came, both in seconds. `alike` are the times
    before at which it did alike: how many steps ago.
    """

    latest: float
    spread: float
    jitter: float
    alike: tuple[int, ...]


def next_by_the_clock(
    marks: Marks, newest: Sequence[float], known_since: float, typical: float, spoiled: Spoiled
) -> Rhythm | None:
    """What followed the last of the `newest` reports at the same time in up to five weeks before.

    None unless that happened in most of them, and alike but for a change of clocks, and the reports before
    it kept to their times as well. The days before that were alike speak for weeks that are not known yet,
    or long ago. After clocks were put forward, an agent that came when it used not to may be an hour ahead.
    """
    near = max(1, int(typical * _TOLERANCE / STEP))
    past = _Past(marks, step_of(newest[-1]), near, max(1, int(typical * _FURTHER / STEP)), spoiled)
    waits = _alike(past, step_of(known_since))
    jitter = _jitter(past, newest[-_COMPARED:], step_of(known_since)) if waits else None
    if jitter is None:
        return None
    if _may_be_ahead(past, newest[-1]):
        ahead = _alike(past._replace(here=past.here + AN_HOUR), step_of(known_since))
        waits |= {ago - AN_HOUR: wait for ago, wait in ahead.items()}
    ordered = sorted(waits.values())
    latest, spread = (past.here + ordered[-1] + 1) * STEP, (ordered[-1] - ordered[0]) * STEP
    if spread > max(near * STEP, _ALIKE):
        return None
    weeks = tuple(ago for ago in waits if ago >= A_WEEK - AN_HOUR)
    return Rhythm(float(latest), float(spread), jitter, weeks or tuple(waits))


def _may_be_ahead(past: "_Past", newest: float) -> bool:
    """Whether clocks were put forward a day ago, or a week ago and it came at times when it used not to."""
    if put_forward_within(newest - A_DAY * STEP, newest):
        return True
    ahead = put_forward_within(newest - A_WEEK * STEP, newest)
    return ahead and past.marks.has_new_times(past.here, past.near)


def _alike(past: "_Past", first: int) -> dict[int, int]:
    """How long the next report took at times before at which the agent did alike, by how long ago that is."""
    reach = (past.here - past.near - first) // A_WEEK
    weeks = ((ago, past.wait(ago)) for ago in range(A_WEEK, min(reach, _WEEKS) * A_WEEK + 1, A_WEEK))
    known = dict(islice(((ago, wait) for ago, wait in weeks if wait != _SPOILED), _LATEST))
    alike = {ago: wait for ago, wait in known.items() if wait >= 0}
    days = {ago: past.wait(ago) for ago in range(A_DAY, A_WEEK, A_DAY)}
    days = {ago: wait for ago, wait in days.items() if wait >= 0}
    if A_WEEK in alike:
        days = {ago: wait for ago, wait in days.items() if abs(wait - alike[A_WEEK]) <= max(past.near, 2)}
        if len(days) > 2:
            return dict(islice(alike.items(), 2)) | days
    if len(alike) * 2 <= len(known) or known.get(A_WEEK) == _NOTHING:
        return {}
    if len(days) < 2 and (len(alike) == 1 or A_WEEK not in alike):
        return {}
    return alike | days


class _Past(NamedTuple):
    marks: Marks
    here: int
    near: int
    further: int
    spoiled: Spoiled

    def wait(self, ago: int) -> int:
        """How many steps after the time `ago` the next report came, if there was one at that time."""
        then = self.here - ago
        report = self.marks.nearest(then, self.near)
        if report is None:
            start, end = (then - self.near) * STEP, (then + self.near) * STEP
            return _SPOILED if self.spoiled(start, end) else _NOTHING
        following = self.marks.first_from(report + self.further)
        if following is None:
            return _NOTHING
        return _SPOILED if self.spoiled(report * STEP, following * STEP) else following - then


def _jitter(past: _Past, newest: Sequence[float], first: int) -> float | None:
    """How far from those a week before the newest reports came, in seconds.

    None if too many had none to match, or if most came later, or earlier, by as much: an interval that
    does not divide the day drifts, and does not keep to the clock.
    """
    off = []
    for moment in newest:
        then = step_of(moment) - (A_WEEK if step_of(moment) - A_WEEK >= first else A_DAY)
        if past.spoiled((then - past.near) * STEP, (then + past.near) * STEP):
            then -= A_WEEK
        report = past.marks.nearest(then, past.near)
        if report is not None:
            off.append(report - then)
    if len(newest) - len(off) > len(newest) * _UNMATCHED:
        return None
    widest = max(map(abs, off))
    return None if abs(median(off)) > max(_DRIFT, widest / 4) else float(widest * STEP)


def until_fewer(marks: Marks, newest: float, rhythm: Rhythm, latest: float, margin: float) -> float:
    """The deadline: `margin` after `latest`, or after a later report, when it has run less often than usual.

    An agent that has run as often in the last day as it used to at that time may have run earlier than
    it used to, and not at all too seldom.
    """
    here, step = step_of(newest), step_of(latest + margin)
    while step < here + A_DAY:
        usual = min(marks.count(step - ago - A_DAY, step - ago) for ago in rhythm.alike)
        if not usual or marks.count(step - A_DAY, here + 1) < usual:
            break
        latest = next_alike(marks, rhythm, latest)
        step = step_of(latest + margin)
    return latest + margin


def next_alike(marks: Marks, rhythm: Rhythm, moment: float) -> float:
    """By when, hitherto, the first report after `moment` came."""
    following = ((marks.first_from(step_of(moment) - ago + 1), ago) for ago in rhythm.alike)
    return max((step + ago + 1) * STEP for step, ago in following if step is not None)
