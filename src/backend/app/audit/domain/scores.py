"""Rules about the scores of an agent's runs."""

from typing import NamedTuple

from app.audit import calibration
from app.audit.calibration import HISTORY_DEPTH
from app.audit.domain.finding import Evidence, Finding, last_good, run_evidence, run_ids
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.quality import QualityTrend
from app.audit.domain.rule import Rule
from app.kit.text import at, counted, printable
from app.scoring.domain.bands import with_band
from app.scoring.domain.comparison import Window, difference, window_of


class Means(NamedTuple):
    """The mean score of so many newest `days`, and that of the same days of the four weeks before."""

    days: int
    now: Window
    past: Window

    @property
    def drop(self) -> float:
        """By how much the mean fell."""
        return self.past.mean - self.now.mean


def means(trend: QualityTrend, days: int) -> Means | None:
    """The means to compare; None where either time has no score."""
    now, past = window_of(trend.newest(days)), window_of(trend.before(days))
    return Means(days, now, past) if now and past else None


def find_drop(trend: QualityTrend, *, is_open: bool = False) -> Means | None:
    """The means of the first of the compared times in which scores dropped; None if they did in none.

    They did if the mean fell by `LEAST_DROP` at least, and by more than chance does; or, once a finding says
    so (`is_open`), while it still is `STILL_DROPPED` below.
    """
    for days, least_runs in calibration.DROP_DAYS.items():
        found = means(trend, days)
        if found is None or found.now.runs < least_runs or found.past.runs < calibration.LEAST_PAST_RUNS:
            continue
        if found.drop >= calibration.STILL_DROPPED if is_open else _is_drop(found):
            return found
    return None


def _is_drop(found: Means) -> bool:
    if found.drop < calibration.LEAST_DROP:
        return False
    if min(found.now.days, found.past.days) < calibration.LEAST_DAYS:
        return False
    return found.drop > difference(found.now, found.past).margin(calibration.DROP_CONFIDENCE)


class QualityDrop(Rule):
    """The mean score of 7 days is far below that of the four weeks before.

    That is by `LEAST_DROP` at least, and by more than chance does (`difference`). So that a sudden drop is
    found before the week is over, 3 days are compared with the same days of the week before as well.
    """

    name = "quality_drop"
    severity = "medium"
    needs = "runs"
    ending = "this week has no scores of it that could be compared with those before"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether there is a drop."""
        return self.check(history) is not None

    def may_open_on(self, run: ReportedRun) -> bool:
        """On any run with a score."""
        return run.score is not None

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says from what to what it fell."""
        found = find_drop(history.quality, is_open=is_open) if history.quality and history.runs else None
        if found is None:
            return None
        evidence = {
            **_evidence(found),
            "run_ids": run_ids([run for run in history.runs if run.score is not None]),
            "last_success": last_good(history.runs),
        }
        return self._finding(history, _sentence(history.agent_id, found), evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No single run: what ends it is the mean of them."""
        return False

    def ended(self, history: AgentHistory) -> Evidence:
        """The means by which it is over; where there are none, that there are none."""
        found = means(history.quality, 7) if history.quality else None
        if found is None:
            return super().ended(history)
        return {"reason": _sentence(history.agent_id, found), **_evidence(found)}


def _sentence(agent_id: str, found: Means) -> str:
    runs = counted(found.now.runs, "run")
    before = "in" if found.days == 7 else "on the same days of"
    return (
        f"{printable(agent_id)} scored {with_band(found.now.mean)} on average in {counted(found.days, 'day')}"
        f" ({runs}), after {with_band(found.past.mean)} {before} the four weeks before"
    )


def _evidence(found: Means) -> Evidence:
    return {
        "days": found.days,
        "mean": round(found.now.mean, 4),
        "past_mean": round(found.past.mean, 4),
        "runs": found.now.runs,
        "past_runs": found.past.runs,
    }


class StuckScoring(Rule):
    """A run has waited for its score for too long."""

    name = "stuck_scoring"
    severity = "low"
    needs = "runs"
    ending = "no run of it waits for a score any more"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether one has."""
        return bool(history.unscored)

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says since when."""
        waiting = history.unscored
        if not waiting:
            return None
        oldest, count = waiting[-1], len(waiting)
        name, since = printable(history.agent_id), at(oldest.created_at, history.now)
        at_least = "at least " if count >= HISTORY_DEPTH else ""
        message = f"{at_least}{counted(count, 'run')} of {name} still wait{'' if count > 1 else 's'}"
        message += f" for a score, the oldest since {since}"
        evidence = {
            "count": count,
            "run_ids": run_ids(waiting),
            "first_run": run_evidence(oldest),
        }
        return self._finding(history, message, evidence, history.runs[0] if history.runs else waiting[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No single run: what ends it is the score of the runs that wait."""
        return False
