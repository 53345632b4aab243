"""Rules about how the newest runs went, taken together."""

from itertools import groupby, pairwise

from app.audit.domain.finding import Finding, last_good, quote, run_evidence, run_ids
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.kit.text import at, printable

NEWEST = 20
"""How many of the newest runs these rules look at."""
FAILED = 10
BESIDES = 5
"""How many of them must have failed apart from the longest streak."""
STILL_FAILED = 6
CHANGES = 12
STILL_CHANGES = 6


class _OnFailures(Rule):
    severity = "medium"
    needs = "runs"

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
    """Half of the newest 20 runs failed, and not all in one go. It ends below 30 %.

    While `streak` runs and more failed in a row, that is another rule's to tell.
    """

    name = "failure_rate"
    recovery = "did not fail, and less often of late"

    def __init__(self, streak: int) -> None:
        self._streak = streak

    def check(self, history: AgentHistory, *, held: bool = False) -> Finding | None:
        """A finding that says how many failed."""
        newest = history.runs[:NEWEST]
        failed = sum(map(_failed, newest))
        if len(newest) < NEWEST or failed < (STILL_FAILED if held else FAILED):
            return None
        streaks = [len(list(runs)) for bad, runs in groupby(newest, key=_failed) if bad]
        told = not _failed(newest[0]) or streaks[0] >= self._streak or failed - max(streaks) < BESIDES
        if not held and told:
            return None
        return self._found(history, newest, f"failed in {failed} of its last {len(newest)} runs")


class Flapping(_OnFailures):
    """It failed and did not fail by turns: 12 changes in the newest 20 runs. It ends below 6."""

    name = "flapping"
    recovery = "did not fail, and goes more evenly of late"

    def check(self, history: AgentHistory, *, held: bool = False) -> Finding | None:
        """A finding that says how often it changed."""
        newest = history.runs[:NEWEST]
        changes = sum(_failed(a) != _failed(b) for a, b in pairwise(newest))
        if len(newest) < NEWEST or changes < (STILL_CHANGES if held else CHANGES):
            return None
        if not held and not _failed(newest[0]):
            return None
        said = f"went from failing to not failing or back {changes} times in its last {len(newest)} runs"
        return self._found(history, newest, said)
