"""Rules about runs in a row that went the same way."""

from collections.abc import Sequence
from itertools import pairwise, takewhile

from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.calibration import ALTERNATING, FAILED_BEFORE, HISTORY_DEPTH, PARTIAL_STREAK
from app.audit.domain.finding import Evidence, Finding, last_good, quote, run_evidence, run_ids
from app.audit.domain.habit import is_unusual_failure, is_unusual_in_part, is_unusual_silence
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.kit.text import at, printable


class ConsecutiveFailures(Rule):
    """The newest `streak` runs all failed, which is unusual; it ends with a success.

    A partial run is no failure, but does not end it either.
    """

    name = "consecutive_failures"
    severity = "high"
    needs = "habits"
    recovery = "succeeded"

    def __init__(self, streak: int) -> None:
        self._streak = streak

    def suspects(self, history: AgentHistory) -> bool:
        """Whether the streak is long enough."""
        return _streak(history, "failed") >= self._streak

    def may_open_on(self, run: ReportedRun) -> bool:
        """On a failure."""
        return run.status == "failed"

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says since when, how the last run failed, and when one last succeeded."""
        episode = list(takewhile(lambda run: run.status != "success", history.runs))
        failures = [run for run in episode if run.status == "failed"]
        opens = _streak(history, "failed") >= self._streak and is_unusual_failure(history.habits.failure)
        if not (opens or (is_open and failures)):
            return None
        if not is_open:
            failures = failures[: _streak(history, "failed")]
        newest, oldest, now = failures[0], failures[-1], history.now
        success = next((run for run in history.runs if run.status == "success"), None)
        # All that was read may not be all there is.
        at_least = "at least " if len(episode) >= HISTORY_DEPTH else ""
        in_a_row = _times(len(failures)) if len(failures) == len(episode) else f"{len(failures)} times"
        message = f"{printable(history.agent_id)} failed {at_least}{in_a_row}"
        message += f" since {at(oldest.created_at, now)}"
        if said := quote(newest):
            message += f", last with “{said}”"
        if success:
            message += f"; last success {at(success.created_at, now)}"
        evidence = _evidence(failures) | {"last_success": run_evidence(success) if success else None}
        return self._finding(history, message, evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """A success."""
        return run.status == "success"


class NotSucceeding(Rule):
    """The newest runs were all partial, ten at least, of an agent that used to succeed."""

    name = "not_succeeding"
    severity = "medium"
    needs = "habits"
    recovery = "succeeded"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether the newest few were partial."""
        newest = history.runs[:PREFILTER_DEPTH]
        return bool(newest) and all(run.status == "partial" for run in newest)

    def may_open_on(self, run: ReportedRun) -> bool:
        """On a partial run."""
        return run.status == "partial"

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says since when, and when it last succeeded."""
        habit = history.habits.partial
        episode = list(takewhile(lambda run: run.status != "success", history.runs))
        failed = sum(run.status == "failed" for run in episode)
        opens = habit.streak >= PARTIAL_STREAK and is_unusual_in_part(habit) and failed <= FAILED_BEFORE
        if not episode or not (opens or is_open):
            return None
        now, count = history.now, max(habit.streak, len(episode))
        message = f"{printable(history.agent_id)} has not succeeded in its last {count} runs"
        if len(episode) < len(history.runs):
            message += f", since {at(episode[-1].created_at, now)}"
        if said := quote(episode[0]):
            message += f"; it went in part, last with “{said}”"
        evidence = _evidence(episode) | {"count": count, "last_success": last_good(history.runs)}
        return self._finding(history, message, evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """A success."""
        return run.status == "success"


class SilentRuns(Rule):
    """The newest `streak` runs all reported nothing meaningful, or every second one did, which is unusual.

    What is usual is each agent's own habit: a watcher has nothing to say most of the time. A declared no-op
    is no silence.
    """

    name = "silent_runs"
    severity = "high"
    needs = "habits"
    recovery = "reported something"
    ending = "it says something as often as it used to"

    def __init__(self, streak: int) -> None:
        self._streak = streak

    def suspects(self, history: AgentHistory) -> bool:
        """Whether the streak is long enough, or the newest runs alternate."""
        newest = [run.silent for run in history.runs[:PREFILTER_DEPTH]]
        alternate = len(newest) == PREFILTER_DEPTH and all(a != b for a, b in pairwise(newest))
        return self._count(history) >= self._streak or alternate

    def may_open_on(self, run: ReportedRun) -> bool:
        """On a silent run."""
        return run.silent

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says since when, and what the agent last had to say."""
        habit, count = history.habits.silence, self._count(history)
        if count >= self._streak and (is_open or is_unusual_silence(habit)):
            return self._found(history, count)
        if habit.alternates(is_open=is_open) and (is_open or history.runs[0].silent):
            return self._alternating(history)
        return None

    def _found(self, history: AgentHistory, count: int) -> Finding:
        now, silent = history.now, self._silent(history)
        message = f"{printable(history.agent_id)} reported nothing meaningful {_times(count)}"
        if silent and count == len(silent):
            message += f" since {at(silent[-1].created_at, now)}"
        evidence = _evidence(silent or history.runs[:1]) | {"count": count}
        return self._with_output(history, message, evidence)

    def _alternating(self, history: AgentHistory) -> Finding:
        newest = history.runs[:ALTERNATING]
        silent = [run for run in newest if run.silent]
        message = f"{printable(history.agent_id)} reports nothing meaningful in every second run"
        message += f", {len(silent)} of its last {len(newest)}"
        evidence = _evidence(silent) | {"of": len(newest)}
        return self._with_output(history, message, evidence)

    def _with_output(self, history: AgentHistory, message: str, evidence: Evidence) -> Finding:
        output = next((run for run in history.runs if not run.silent), None)
        if output:
            said = quote(output)
            message += f"; last output {at(output.created_at, history.now)}" + (f": “{said}”" if said else "")
        evidence["last_output"] = run_evidence(output) if output else None
        return self._finding(history, message, evidence, history.runs[0])

    def is_recovery(self, run: ReportedRun) -> bool:
        """Any run with output."""
        return not run.silent

    def _silent(self, history: AgentHistory) -> list[ReportedRun]:
        return list(takewhile(lambda run: run.silent, history.runs))

    def _count(self, history: AgentHistory) -> int:
        # The run's own count reaches further back than the history that was read.
        of_run = history.runs[0].silence_count if history.runs else 0
        of_habit = history.known_habits.silence.streak if history.known_habits else 0
        return max(len(self._silent(history)), of_run, of_habit)


def _streak(history: AgentHistory, status: str) -> int:
    return len(list(takewhile(lambda run: run.status == status, history.runs)))


def _times(count: int) -> str:
    return f"{count} times in a row" if count > 1 else "in its last run"


def _evidence(runs: Sequence[ReportedRun]) -> Evidence:
    return {
        "count": len(runs),
        "run_ids": run_ids(runs),
        "first_run": run_evidence(runs[-1]),
    }
