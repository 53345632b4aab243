"""Agents whose every run is reported twice."""

from collections.abc import Sequence

from app.audit import calibration
from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.domain.finding import Finding, run_evidence, run_ids
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.kit.text import at, printable


class RunsTwice(Rule):
    """The newest five runs were each reported twice or three times, within a minute and in the same words.

    The words must differ from run to run: else the reports may be of many parts of one job.
    """

    name = "runs_twice"
    severity = "medium"
    needs = "runs"
    recovery = "ran once"
    ending = "its runs come once again"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether the newest two come together."""
        return bool(history.runs) and len(_occasions(history.runs[:PREFILTER_DEPTH])[0]) > 1

    def may_open_after(self, earlier: ReportedRun, run: ReportedRun) -> bool:
        """On the second report of a run."""
        return _are_together(earlier, run)

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says since when."""
        newest = history.runs
        if len(newest) < 2 or not (is_open or _are_together(newest[1], newest[0])):
            return None
        # The oldest occasion that was read may have begun before.
        occasions = _occasions(newest)[:-1]
        # The newest occasion may not be complete.
        compared = occasions[1 : calibration.TWICE + 1] if is_open else occasions[: calibration.TWICE]
        doubled = [occasion for occasion in compared if _is_doubled(occasion)]
        enough = calibration.TWICE // 2 + 1 if is_open else calibration.TWICE
        said = {occasion[0].summary for occasion in doubled} - {None, ""}
        if len(compared) < calibration.TWICE or len(doubled) < enough or len(said) < len(doubled) / 2:
            return None
        oldest = doubled[-1][-1]
        message = f"each run of {printable(history.agent_id)} is reported {len(doubled[0])} times in a minute"
        message += f", since {at(oldest.created_at, history.now)} at least: is it scheduled twice?"
        evidence = {"count": len(doubled), "run_ids": run_ids(doubled[0]), "first_run": run_evidence(oldest)}
        return self._finding(history, message, evidence, newest[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """No single run: what ends it is that most come once."""
        return False


def _are_together(earlier: ReportedRun, later: ReportedRun) -> bool:
    return later.created_at - earlier.created_at <= calibration.TWICE_WITHIN


def _occasions(runs: Sequence[ReportedRun]) -> list[list[ReportedRun]]:
    """Runs that came together, newest first."""
    found = [[runs[0]]]
    for run in runs[1:]:
        if _are_together(run, found[-1][-1]):
            found[-1].append(run)
        elif len(found) > calibration.TWICE + 1:
            break
        else:
            found.append([run])
    return found


def _is_doubled(occasion: Sequence[ReportedRun]) -> bool:
    said = {(run.status, run.summary) for run in occasion}
    return 2 <= len(occasion) <= calibration.MOST_TOGETHER and len(said) == 1
