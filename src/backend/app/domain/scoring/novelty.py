"""Novelty: whether the report is about this run."""

import re
from collections.abc import Sequence

from app.domain.scoring.facts import Facts
from app.domain.scoring.model import Assessment, RunReport
from app.domain.scoring.payload import Leaf, read

_LOOK_BACK = 5
_DIGITS = re.compile(r"\d+")

REPEAT = 0.05
"""The value of a report that copies an earlier one."""

_Content = frozenset[tuple[tuple[str, ...], str]]


def assess(facts: Facts, history: Sequence[RunReport]) -> Assessment:
    """How far the report differs from the agent's last five.

    The machinery's fields (clocks, durations, ids of the run) are left out, so a copy with a new
    timestamp is still a copy. A routine report in its usual words with new numbers is fine. Giving the
    same reason for doing nothing costs less than a copied success: there may still be nothing to do.
    """
    if facts.silent:
        return Assessment(0.0)
    own = _content(facts.payload.leaves)
    if not history or not own:
        return Assessment(1.0)
    past = [_content(read(run.actions_taken).leaves) for run in history[-_LOOK_BACK:]]
    if own in past:
        if facts.declared_noop:
            return Assessment(0.5, ("gives the same reason for doing nothing as before",))
        return Assessment(REPEAT, ("repeats an earlier report word for word",))
    if any(_says_nothing_new(own, other) for other in past):
        return Assessment(0.35, ("says nothing that an earlier report did not say",))
    if _wording(own) in map(_wording, past):
        return Assessment(0.85, ("gives new numbers in its usual words",))
    return Assessment(1.0, ("differs from its earlier reports",))


def _content(leaves: Sequence[Leaf]) -> _Content:
    return frozenset((leaf.words, " ".join(str(leaf.value).split())) for leaf in leaves)


def _wording(content: _Content) -> _Content:
    return frozenset((words, _DIGITS.sub("0", value)) for words, value in content)


def _says_nothing_new(own: _Content, other: _Content) -> bool:
    """Whether every word and number was in the earlier report, however they are arranged now."""
    said = {word for _, value in other for word in value.lower().split()}
    return all(word in said for _, value in own for word in value.lower().split())
