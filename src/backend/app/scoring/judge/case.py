"""A run prepared for its judge: what is sent, and how far the answer counts; or why nothing is sent."""

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
from app.scoring.rubric import RunReport, Score, score
from app.scoring.rubric.credentials import leaks_credential


class NotSent(StrEnum):
    """Why a run is not sent to the judge, for people; the rubric's score stands."""

    SILENT = "not sent to the judge: there is nothing to judge"
    INSTRUCTS = "not sent to the judge: it gives instructions to its rater"
    CREDENTIAL = "not sent to the judge: it may hold a credential that cannot be masked"


@dataclass(frozen=True, slots=True)
class Case:
    """What to ask, the rubric's score, and the highest score (0..1) that the answer can give the run."""

    prompt: Prompt
    rubric: float
    ceiling: float

    def limited(self, verdict: Verdict) -> tuple[float, list[str]]:
        """The judge's score, at most the ceiling, and its reasons; a cut is the first of them."""
        if verdict.overall <= self.ceiling:
            return verdict.overall, verdict.reasons
        limit = (
            f"the judge says {verdict.overall:g}; the rubric's {self.rubric:g} lets {self.ceiling:g} count"
        )
        return self.ceiling, [limit, *verdict.reasons]


def prepare(run_id: UUID, run: RunReport, history: Sequence[RunReport], key: bytes) -> Case | NotSent:
    """The case of `run`, given the agent's earlier runs, oldest first; `key` is the fence's.

    1. A silent run is not sent, nor one in which the rubric finds an instruction to its rater.
    2. Its payload is cut to `ROOM` characters, credentials masked, possible instructions withheld. If a
       credential may be left, it is not sent.
    3. Earlier runs are cut likewise; those that would show an instruction or a credential are left out.
    4. The ceiling is set by what the rubric found and by what was withheld (`_ceiling`).
    """
    if run.facts.silent:
        return NotSent.SILENT
    if run.instruction:
        return NotSent.INSTRUCTS
    excerpt = Excerpt(ROOM)
    shown = _shown(run, excerpt)
    if _leaks(run, shown):
        return NotSent.CREDENTIAL
    earlier = []
    excerpts = [excerpt]
    for report in history[-EARLIER_RUNS:]:
        past = Excerpt(EARLIER_ROOM)
        if not _is_unfit(report, shown_earlier := _shown(report, past)):
            earlier.append(shown_earlier)
            excerpts.append(past)
    scored = score(run, history)
    addressed = any(each.withheld or each.wishes for each in excerpts)
    return Case(
        prompt=make_prompt(key, run_id, shown, earlier),
        rubric=scored.auto,
        ceiling=_ceiling(scored, addressed=addressed),
    )


def _shown(run: RunReport, excerpt: Excerpt) -> dict[str, Any]:
    return {"status": run.status, "actions_taken": excerpt.of(run.actions_taken)}


def _leaks(run: RunReport, shown: dict[str, Any]) -> bool:
    return bool(leaks_credential(_as_shown(run, shown).facts))


def _is_unfit(run: RunReport, shown: dict[str, Any]) -> bool:
    """Whether what is shown of an earlier run instructs its reader or holds a credential."""
    seen = _as_shown(run, shown)
    return bool(seen.instruction or leaks_credential(seen.facts))


def _as_shown(run: RunReport, shown: dict[str, Any]) -> RunReport:
    return RunReport(run.agent_id, run.status, shown["actions_taken"])


def _ceiling(scored: Score, *, addressed: bool) -> float:
    """The highest score that a deceived judge can give.

    The judge does not see a masked credential, and no wording undoes harm: where the rubric finds either, its
    own score is the ceiling. Where the report may address its reader, the judge can lower the score without
    limit and raise it by `MOST_ABOVE_RUBRIC`.
    """
    if scored.dimensions["risk"] < 1:
        return scored.auto
    return min(1.0, round(scored.auto + MOST_ABOVE_RUBRIC, 4)) if addressed else 1.0
