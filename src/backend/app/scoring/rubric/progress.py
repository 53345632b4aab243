"""Progress: how far the run got with its job, as far as the report supports it."""

from app.scoring.rubric import lexicon
from app.scoring.rubric.calibration import (
    DOUBT_OF_CONTRADICTION,
    FAILED_PROGRESS,
    FAILED_PROGRESS_OF_DIAGNOSIS,
    IDLE_PROGRESS,
    IDLE_PROGRESS_OF_SUPPORT,
    NOOP_PROGRESS,
    PARTIAL_PROGRESS,
    PARTIAL_PROGRESS_OF_LIMITS,
    PARTIAL_PROGRESS_OF_SUPPORT,
    PARTLY_SUPPORTED,
    SUCCESS_PROGRESS,
    SUCCESS_PROGRESS_OF_SUPPORT,
    UNKNOWN_STATUS_PROGRESS,
    WELL_SUPPORTED,
    ZERO_PROGRESS,
    ZERO_PROGRESS_OF_SUPPORT,
)
from app.scoring.rubric.contradictions import Contradiction
from app.scoring.rubric.facts import Facts, tells_faults
from app.scoring.rubric.model import Assessment, clamp


def assess(
    facts: Facts, contradictions: tuple[Contradiction, ...], support: float, diagnosis: float
) -> Assessment:
    """How much was achieved, or learned from failing.

    `support` (0..1) is how well the rest of the report supports the status: a bare success is worth less
    than half of one that is shown. A partial run earns by what is done and by saying what is open. A failed
    one earns only by what was learned, its `diagnosis` (0..1). A success that contradicts itself, that did
    nothing without saying why, or that says nothing at all earns little.
    """
    if facts.silent:
        return Assessment(0.0, ("says nothing about the run",))
    if facts.declared_noop and facts.status != "failed":
        return Assessment(NOOP_PROGRESS, ("did nothing and says why",))
    if facts.status == "failed":
        assessment = Assessment(
            FAILED_PROGRESS + FAILED_PROGRESS_OF_DIAGNOSIS * diagnosis, ("did not do its job",)
        )
    else:
        assessment = _completed(facts, support)
    doubt = DOUBT_OF_CONTRADICTION * contradictions[0].weight if contradictions else 0.0
    return Assessment(clamp(assessment.value * (1 - doubt)), assessment.reasons)


def _completed(facts: Facts, support: float) -> Assessment:
    limits = bool(facts.remainders) or facts.admits_limits
    done = [count for count in facts.counts if not tells_faults(count.words)]
    if done and all(count.value == 0 for count in done):
        if facts.headline.hits(lexicon.NOTHING_TO_DO) or (facts.status == "partial" and limits):
            idle = IDLE_PROGRESS + IDLE_PROGRESS_OF_SUPPORT * support
            return Assessment(idle, ("had nothing to do and says so",))
        zero = ZERO_PROGRESS + ZERO_PROGRESS_OF_SUPPORT * support
        return Assessment(zero, (f"reports {facts.status} although every count is zero",))
    if facts.status == "partial":
        partial = PARTIAL_PROGRESS + PARTIAL_PROGRESS_OF_SUPPORT * support
        return Assessment(partial + PARTIAL_PROGRESS_OF_LIMITS * limits, ("reports a partial result",))
    if facts.status != "success":
        return Assessment(UNKNOWN_STATUS_PROGRESS, ("has a status outside success, partial and failed",))
    success = SUCCESS_PROGRESS + SUCCESS_PROGRESS_OF_SUPPORT * support
    return Assessment(success, (f"reports success and {_shown(support)}",))


def _shown(support: float) -> str:
    if support >= WELL_SUPPORTED:
        return "shows it"
    return "shows some of it" if support >= PARTLY_SUPPORTED else "shows little of it"
