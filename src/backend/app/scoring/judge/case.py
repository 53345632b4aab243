"""A run made ready for its judge: what it is told, and how far its word counts; or why it is not asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.scoring.judge.calibration import (
    EARLIER_ROOM,
    EARLIER_RUNS,
    MOST_ABOVE_RUBRIC,
    ROOM,
)
from app.scoring.judge.excerpt import Excerpt
from app.scoring.judge.prompt import Prompt, make_prompt
from app.scoring.judge.verdict import Verdict
from app.scoring.rubric import RunReport, risk, score
from app.scoring.rubric.credentials import leaks_credential
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.injection import instructs_judge


class Kept(StrEnum):
    """Why a run is not sent: the rubric's score stands."""

    SILENT = "not sent to the judge: there is nothing to judge"
    INSTRUCTS = "not sent to the judge: it instructs whoever rates it"
    CREDENTIAL = "not sent to the judge: it may hold a credential that cannot be masked"
    UNREADABLE = "not sent to the judge: it cannot be read"


@dataclass(frozen=True, slots=True)
class Case:
    """What to ask, the rubric's score, and the highest score (0..1) that the answer can give the run."""

    prompt: Prompt
    rubric: float
    ceiling: float

    def counts(self, verdict: Verdict) -> tuple[float, list[str]]:
        """The score that counts, and the judge's reasons, before them why its word did not count whole."""
        if verdict.overall <= self.ceiling:
            return verdict.overall, verdict.reasons
        limit = (
            f"the judge says {verdict.overall:g}; the rubric's {self.rubric:g} lets {self.ceiling:g} count"
        )
        return self.ceiling, [limit, *verdict.reasons]


def prepare(run_id: UUID, run: RunReport, history: Sequence[RunReport], key: bytes) -> Case | Kept:
    """The case of `run`, given the agent's earlier runs, oldest first; `key` is the fence's."""
    try:
        return _prepare(run_id, run, history, key)
    except RecursionError:
        return Kept.UNREADABLE


def _prepare(run_id: UUID, run: RunReport, history: Sequence[RunReport], key: bytes) -> Case | Kept:
    facts = run.facts
    if facts.silent:
        return Kept.SILENT
    if instructs_judge(facts):
        return Kept.INSTRUCTS
    excerpt = Excerpt(ROOM)
    shown = _shown(run, excerpt)
    if _leaks(run, shown):
        return Kept.CREDENTIAL
    past = Excerpt(EARLIER_ROOM)
    earlier = []
    for report in history[-EARLIER_RUNS:]:
        past.room = EARLIER_ROOM
        if not instructs_judge(report.facts) and not _leaks(report, told := _shown(report, past)):
            earlier.append(told)
    rubric = score(run, history).auto
    addressed = bool(excerpt.withheld or excerpt.wishes or past.withheld or past.wishes)
    return Case(
        prompt=make_prompt(key, run_id, shown, earlier),
        rubric=rubric,
        ceiling=_ceiling(facts, rubric, addressed=addressed),
    )


def _shown(run: RunReport, excerpt: Excerpt) -> dict[str, Any]:
    return {"status": run.status, "actions_taken": excerpt.of(run.actions_taken)}


def _leaks(run: RunReport, shown: dict[str, Any]) -> bool:
    masked = RunReport(run.agent_id, run.status, shown["actions_taken"])
    return bool(leaks_credential(masked.facts))


def _ceiling(facts: Facts, rubric: float, *, addressed: bool) -> float:
    """What a judge that was fooled can give at most.

    It does not see a credential that was masked, and no eloquence undoes harm: where the rubric finds
    either, its score is the highest. Where the report may speak to its reader, the judge may take as much
    as it likes, and give next to nothing.
    """
    if risk.assess(facts).value < 1:
        return rubric
    return min(1.0, round(rubric + MOST_ABOVE_RUBRIC, 4)) if addressed else 1.0
