"""Novelty: whether the report is about this run."""

from collections.abc import Sequence

from app.domain.scoring.facts import Facts
from app.domain.scoring.model import Assessment, RunReport
from app.domain.scoring.payload import Payload

_LOOK_BACK = 5

REPEAT = 0.05
"""The value of a report that copies an earlier one."""


def assess(facts: Facts, history: Sequence[RunReport]) -> Assessment:
    """How far the report differs from the agent's last five.

    The machinery's fields (clocks, durations, ids of the run) are left out, so a copy with a new
    timestamp is still a copy. A routine report in its usual words with new numbers is fine. Giving the
    same reason for doing nothing costs less than a copied success: there may still be nothing to do.
    """
    if facts.silent:
        return Assessment(0.0)
    own = facts.payload
    if not history or not own.content:
        return Assessment(1.0)
    past = [run.payload for run in history[-_LOOK_BACK:]]
    if any(own.content == other.content for other in past):
        if facts.declared_noop:
            return Assessment(0.5, ("gives the same reason for doing nothing as before",))
        return Assessment(REPEAT, ("repeats an earlier report word for word",))
    if any(_says_nothing_new(own, other) for other in past):
        return Assessment(0.35, ("says nothing that an earlier report did not say",))
    if any(own.wording == other.wording for other in past):
        return Assessment(0.85, ("gives new numbers in its usual words",))
    return Assessment(1.0, ("differs from its earlier reports",))


def _says_nothing_new(own: Payload, other: Payload) -> bool:
    """Whether every word and number was in the earlier report, however they are arranged now."""
    return own.said <= other.said
