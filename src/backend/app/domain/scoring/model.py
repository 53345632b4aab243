"""What goes into a scorer and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run as its agent reported it; `actions_taken` is any JSON object."""

    agent_id: str
    status: str
    actions_taken: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """The quality of one report: `auto` and every dimension in 0..1, to four decimals.

    `reasons` says in plain words what moved the score; what devalues the whole report comes first.
    """

    auto: float
    dimensions: Mapping[str, float]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """One dimension's value in 0..1 and why, in plain words."""

    value: float
    reasons: tuple[str, ...] = ()


def clamp(value: float) -> float:
    """The nearest value in 0..1."""
    return max(0.0, min(1.0, value))
