"""What goes into a scorer and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from app.scoring.rubric.facts import Facts, extract
from app.scoring.rubric.injection import instructs_judge
from app.scoring.rubric.payload import Payload, read


@dataclass(frozen=True)
class RunReport:
    """One run as its agent reported it; `actions_taken` is any JSON object.

    It is read once, although a report is scored itself and is then history to the next ones.
    """

    agent_id: str
    status: str
    actions_taken: Mapping[str, Any]

    @cached_property
    def payload(self) -> Payload:
        """What `actions_taken` holds, within the bounds of `payload`."""
        return read(self.actions_taken)

    @cached_property
    def facts(self) -> Facts:
        """What it states, for every scorer of it."""
        return extract(self.status, self.actions_taken, self.payload)

    @cached_property
    def instruction(self) -> str:
        """How it instructs its rater, in plain words; empty when it does not."""
        return instructs_judge(self.facts)


@dataclass(frozen=True, slots=True)
class Score:
    """The quality of one report: `auto` and every dimension in 0..1, to four decimals.

    `reasons` says in plain words what moved the score; what devalues the whole report comes first.
    """

    auto: float
    dimensions: Mapping[str, float]
    reasons: tuple[str, ...]


class Assessment(NamedTuple):
    """One dimension's value in 0..1 and why, in plain words."""

    value: float
    reasons: tuple[str, ...] = ()


def clamp(value: float) -> float:
    """The nearest value in 0..1."""
    return max(0.0, min(1.0, value))
