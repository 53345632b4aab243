"""Runs that took far longer, or cost far more, than an agent's runs ever do."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from app.audit import calibration
from app.audit.cadence.calibration import PREFILTER_DEPTH
from app.audit.domain.finding import Evidence, Finding, last_good, quote, run_evidence
from app.audit.domain.history import AgentHistory, ReportedRun
from app.audit.domain.rule import Rule
from app.audit.domain.usage import IN_WORDS, Amount, UsedRun, Usual, exceeded
from app.kit.text import at, printable
from app.runs.usage import Usage


class _Figure(NamedTuple):
    """One thing that a run takes: its field in `Usage`, and how it is said."""

    name: str
    said: str
    times: str

    def took(self, amount: float) -> str:
        """That a run took so much of it."""
        return self.said.format(IN_WORDS[self.name](amount))


_FIGURES = (
    _Figure("seconds", "took {}", "as long as usual"),
    _Figure("cost_usd", "cost {}", "as much as usual"),
    _Figure("tokens", "used {} tokens", "as many as usual"),
)


class _Exceeding(NamedTuple):
    """That a run took so much of something though that is usual."""

    figure: _Figure
    amount: float
    usual: Usual

    def __str__(self) -> str:
        figure, usual, words = self.figure, self.usual, IN_WORDS[self.figure.name]
        times = f"{self.amount / usual.median:,.0f} times {figure.times}"
        return f"{figure.took(self.amount)}, {times} ({words(usual.median)}, at most {words(usual.most)})"


class UnusualUsage(Rule):
    """A run took far longer, or cost far more, than the agent's newest 300 that report it.

    Far more is by a factor of 3 and more beyond the most that any of them took, by the tail of what they
    took (`Usual`). Tokens are judged where no cost is reported. It ends with a run that took what is usual,
    or when that much has become usual.
    """

    name = "unusual_usage"
    severity = "medium"
    needs = "usage"
    ending = "no newer run of it reports what it took"

    def suspects(self, history: AgentHistory) -> bool:
        """Whether the newest runs, by what the prefilter saw of them, may be unusual."""
        return history.usage_stands_out

    def may_open_after(self, earlier: ReportedRun, run: ReportedRun) -> bool:
        """On a run that took a few times what the one before did, where that says it."""
        if not any(run.usage):
            return False
        pairs = zip(run.usage, earlier.usage, strict=True)
        return any(amount and amount > calibration.USAGE_FACTOR * (before or 0) for amount, before in pairs)

    def check(self, history: AgentHistory, *, is_open: bool = False) -> Finding | None:
        """A finding that says what the newest unusual run took, and what is usual."""
        used = list(history.usage)
        for place, run in _newest(history, used):
            found = list(_exceeding(used[place:], is_open=is_open))
            if found:
                return self._found(history, run, found)
        return None

    def is_recovery(self, run: ReportedRun) -> bool:
        """No single run: what is usual depends on the others."""
        return False

    def ended(self, history: AgentHistory) -> Evidence:
        """The run that took what is usual again, or by now."""
        used = list(history.usage)
        for place, run in _newest(history, used):
            took = " and ".join(figure.took(amount) for figure, amount in _judged(used[place].usage))
            moment = at(run.created_at, history.now)
            reason = f"{printable(history.agent_id)} {took} in its run at {moment}, which is usual"
            return {"reason": reason, "run": run_evidence(run)}
        return super().ended(history)

    def _found(self, history: AgentHistory, run: ReportedRun, found: Sequence[_Exceeding]) -> Finding:
        message = f"{printable(history.agent_id)} {', and '.join(map(str, found))}"
        message += f", in its run at {at(run.created_at, history.now)}"
        if said := quote(run):
            message += f": “{said}”"
        evidence: Evidence = {
            "unusual_run": run_evidence(run),
            "usage": {
                each.figure.name: {
                    "amount": each.amount,
                    "median": each.usual.median,
                    "most": each.usual.most,
                    "limit": each.usual.limit,
                }
                for each in found
            },
            "last_success": last_good(history.runs),
        }
        return self._finding(history, message, evidence, history.runs[0])


def _newest(history: AgentHistory, used: Sequence[UsedRun]) -> Iterator[tuple[int, ReportedRun]]:
    """The newest run that says what it took, and those that came shortly before the newest of all.

    With their places in `used`, newest first; those of the newest few runs alone. Several may come between
    two cycles.
    """
    newest = {run.created_at: run for run in history.runs[:PREFILTER_DEPTH]}
    for place, each in enumerate(used):
        run = newest.get(each.created_at)
        since = history.runs[0].created_at - each.created_at if history.runs else timedelta()
        if run is None or (place and since > calibration.USAGE_LOOKED_BACK):
            return
        yield place, run


def _judged(usage: Usage) -> Iterator[tuple[_Figure, float]]:
    """What is judged of what a run took. What took nothing says nothing of how much is usual."""
    for figure in _FIGURES:
        amount = getattr(usage, figure.name)
        if amount and not (figure.name == "tokens" and usage.cost_usd):
            yield figure, amount


def _exceeding(used: Sequence[UsedRun], *, is_open: bool) -> Iterator[_Exceeding]:
    """Where the first of `used`, newest first, took more than usual."""
    for figure, amount in _judged(used[0].usage):
        taken = (
            Amount(each.created_at, known) for each in used if (known := getattr(each.usage, figure.name))
        )
        usual = exceeded(taken, is_open=is_open)
        if usual:
            yield _Exceeding(figure, amount, usual)
