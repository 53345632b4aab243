"""Repetition: whether the report is about this run, or an earlier one again. 1 when nothing is repeated."""

from collections.abc import Sequence

from app.scoring.rubric.calibration import (
    COPY,
    FILLER,
    HISTORY,
    LEAST_OLD_FIGURES,
    NOTHING_NEW,
    OLD_FIGURES,
    OLD_FIGURES_AGAIN,
    REWORDING,
    SAME_NOOP,
    USUAL_WORDS,
)
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.model import Assessment, RunReport
from app.scoring.rubric.payload import Payload


def assess(facts: Facts, history: Sequence[RunReport]) -> Assessment:
    """How far the report differs from the agent's last five.

    A scheduled agent that is stuck, or whose reports are not read, sends the same report again.
    The scheduler's fields (clocks, durations, ids of the run) are left out, so a copy with a new
    timestamp is still a copy, and so is one with a filler word more. Old figures under a new date are
    suspicious; a routine report in its usual words with new figures is fine. Giving the same reason for
    doing nothing costs less than a copied success: there may still be nothing to do.
    """
    own = facts.payload
    if facts.silent or not history or not own.content:
        return Assessment(1.0)
    past = [run.payload for run in history[-HISTORY:]]
    if any(own.content == other.content for other in past):
        if facts.declared_noop:
            return Assessment(SAME_NOOP, ("gives the same reason for doing nothing as before",))
        return Assessment(COPY, ("repeats an earlier report word for word",))
    new = [own.said - other.said for other in past]
    if any(_is_nothing(words, len(own.said)) for words in new):
        return Assessment(NOTHING_NEW, ("says nothing that an earlier report did not say",))
    if any(_has_old_figures(own, other, words) for other, words in zip(past, new, strict=True)):
        return Assessment(OLD_FIGURES_AGAIN, ("gives the figures of an earlier report",))
    if any(own.wording == other.wording for other in past):
        return Assessment(USUAL_WORDS, ("gives new numbers in its usual words",))
    return Assessment(1.0, ("differs from its earlier reports",))


def _is_nothing(new: frozenset[str], said: int) -> bool:
    """Whether of all that is `said` hardly a word and no number is new; their order does not matter."""
    return len(new) <= FILLER * said and not any(any(map(str.isdigit, word)) for word in new)


def _has_old_figures(own: Payload, other: Payload, new: frozenset[str]) -> bool:
    """Whether the figures long enough to identify a run are those of the earlier report, and the words too.

    Dates and times do not count: they are what a copy changes.
    """
    old = own.figures & other.figures
    if len(old) < LEAST_OLD_FIGURES or len(old) < OLD_FIGURES * len(own.figures):
        return False
    reworded = sum(1 for word in new if not word[0].isdigit())
    return reworded <= REWORDING * len(own.said)
