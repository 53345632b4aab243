"""Rules about how the newest runs went, taken together."""

from collections.abc import Sequence
from itertools import groupby, pairwise, takewhile

from app.audit import calibration
from app.audit.domain.finding import Finding, last_good, quote, run_evidence, run_ids
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.kit.text import at, printable


class _OnFailures(Rule):
    severity = "medium"
    needs = "habits"

    def may_open_on(self, run: ReportedRun) -> bool:
        """On a failure."""
        return _failed(run)

    def is_recovery(self, run: ReportedRun) -> bool:
        """Anything but a failure."""
        return not _failed(run)

    def _found(self, history: AgentHistory, newest: tuple[ReportedRun, ...], said: str) -> Finding:
        now = history.now
        failures = [run for run in newest if _failed(run)]
        message = f"{printable(history.agent_id)} {said} since {at(newest[-1].created_at, now)}"
        if failures and (last := quote(failures[0])):
            message += f", last with “{last}”"
        evidence = {
            "count": len(failures),
            "of": len(newest),
            "run_ids": run_ids(failures),
            "first_run": run_evidence(newest[-1]),
            "last_success": last_good(history.runs),
        }
        return self._finding(history, message, evidence, newest[0])


def _failed(run: ReportedRun) -> bool:
    return run.status == "failed"


class FailureRate(_OnFailures):
    """Half of the newest 20 runs failed, and not all in one go; or one in eight of the newest 100 to 300.

    It ends below 30 % of the one and 6 % of the other. While `streak` runs and more failed in a row, another
    rule finds that.
    """

    name = "failure_rate"
    recovery = "did not fail, and less often of late"

    def __init__(self, streak: int) -> None:
        self._streak = streak

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says how many failed."""
        newest = history.runs[: calibration.NEWEST]
        failed = sum(map(_failed, newest))
        share, lasting = history.habits.failure.share, calibration.LASTING_RATE
        least = calibration.STILL_FAILED if is_open else calibration.FAILED
        is_recent = len(newest) == calibration.NEWEST and failed >= least
        if is_recent and (is_open or self._opens(newest, failed)):
            return self._found(history, newest, f"failed in {failed} of its last {len(newest)} runs")
        opens = share >= lasting and not self._is_in_episode(history.runs)
        if history.runs and (opens or (is_open and share >= calibration.STILL_LASTING)):
            said = f"keeps failing in about {share:.0%} of its runs, {failed} of its last {len(newest)}"
            return self._found(history, newest, said)
        return None

    def _is_in_episode(self, newest: Sequence[ReportedRun]) -> bool:
        """Whether since the last success so many failed in a row that another rule found it."""
        episode = takewhile(lambda run: run.status != "success", newest)
        streaks = (len(list(runs)) for bad, runs in groupby(episode, key=_failed) if bad)
        return max(streaks, default=0) >= self._streak

    def _opens(self, newest: Sequence[ReportedRun], failed: int) -> bool:
        """Whether the newest run failed, in no long streak, and enough others apart from the longest one."""
        if self._is_in_episode(newest):
            return False
        streaks = [len(list(runs)) for bad, runs in groupby(newest, key=_failed) if bad]
        in_streak = not _failed(newest[0]) or streaks[0] >= self._streak
        return not in_streak and failed - max(streaks) >= calibration.FAILED_APART


class Flapping(_OnFailures):
    """It failed and did not fail by turns: 12 changes in the newest 20 runs. It ends below 6."""

    name = "flapping"
    recovery = "did not fail, and goes more evenly of late"

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says how often it changed."""
        newest = history.runs[: calibration.NEWEST]
        changes = sum(_failed(a) != _failed(b) for a, b in pairwise(newest))
        least = calibration.STILL_CHANGES if is_open else calibration.CHANGES
        if len(newest) < calibration.NEWEST or changes < least:
            return None
        if not is_open and (not _failed(newest[0]) or self._always_did(history)):
            return None
        said = f"went from failing to not failing or back {changes} times in its last {len(newest)} runs"
        return self._found(history, newest, said)

    def _always_did(self, history: AgentHistory) -> bool:
        """Whether its runs before these failed as well now and then."""
        earlier = history.runs[calibration.NEWEST :]
        failed = sum(map(_failed, earlier)) / max(len(earlier), 1)
        is_known = len(earlier) >= calibration.NEWEST
        return (is_known and failed >= calibration.LASTING_RATE) or (
            history.habits.failure.share >= calibration.LASTING_RATE
        )
