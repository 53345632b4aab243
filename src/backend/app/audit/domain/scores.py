"""Rules about the scores of an agent's runs."""

from datetime import timedelta
from math import sqrt

from app.audit.domain.finding import Evidence, Finding, last_good, run_evidence, run_ids
from app.audit.domain.history import HISTORY_DEPTH, AgentHistory, ReportedRun
from app.audit.domain.quality import QualityTrend
from app.audit.domain.rule import Rule
from app.kit.text import at, printable

LEAST_DROP = 0.15
STILL_DROPPED = 0.075
STANDARD_ERRORS = 4.0
LEAST_RUNS = 5
LEAST_PAST_RUNS = 20
SCORED_WITHIN = timedelta(hours=1)
"""How long after it was recorded a run may wait for its score."""


def is_drop(trend: QualityTrend, *, held: bool = False) -> bool:
    """Whether the mean fell by much, and by more than chance does; or, once it had, still is far down."""
    if trend.runs < LEAST_RUNS or trend.past_runs < LEAST_PAST_RUNS:
        return False
    drop = trend.past_mean - trend.mean
    by_chance = trend.past_deviation * sqrt(1 / trend.runs + 1 / trend.past_runs)
    return drop >= (STILL_DROPPED if held else max(LEAST_DROP, STANDARD_ERRORS * by_chance))


class QualityDrop(Rule):
    """The mean score of the last 7 days is far below that of the four weeks before.

    That is by 0.15 at least, and by four times what chance does to a mean of so many scores.
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

    def check(self, history: AgentHistory, *, held: bool = False) -> Finding | None:
        """A finding that says from what to what it fell."""
        trend = history.quality
        if trend is None or not history.runs or not is_drop(trend, held=held):
            return None
        evidence = {
            **_means(trend),
            "run_ids": run_ids([run for run in history.runs if run.score is not None]),
            "last_success": last_good(history.runs),
        }
        return self._finding(history, _told(history.agent_id, trend), evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No run as such: what ends it is the mean of them."""
        return False

    def ended(self, history: AgentHistory) -> Evidence:
        """The means by which it is over; where there are none, that there are none."""
        if history.quality is None:
            return super().ended(history)
        return {"reason": _told(history.agent_id, history.quality), **_means(history.quality)}


def _told(agent_id: str, trend: QualityTrend) -> str:
    return (
        f"{printable(agent_id)} scored {trend.mean:.2f} on average in 7 days ({trend.runs}"
        f" run{'' if trend.runs == 1 else 's'}), after {trend.past_mean:.2f} in the four weeks before"
    )


def _means(trend: QualityTrend) -> Evidence:
    return {
        "mean": round(trend.mean, 4),
        "past_mean": round(trend.past_mean, 4),
        "runs": trend.runs,
        "past_runs": trend.past_runs,
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

    def check(self, history: AgentHistory, *, held: bool = False) -> Finding | None:
        """A finding that says since when."""
        waiting = history.unscored
        if not waiting:
            return None
        oldest, count = waiting[-1], len(waiting)
        name, since = printable(history.agent_id), at(oldest.created_at, history.now)
        at_least = "at least " if count >= HISTORY_DEPTH else ""
        message = (
            f"{at_least}{count} run{'s' if count > 1 else ''} of {name} still wait{'' if count > 1 else 's'}"
        )
        message += f" for a score, the oldest since {since}"
        evidence = {
            "count": count,
            "run_ids": run_ids(waiting),
            "first_run": run_evidence(oldest),
        }
        return self._finding(history, message, evidence, history.runs[0] if history.runs else waiting[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No run as such: what ends it is the score of the runs that wait."""
        return False
