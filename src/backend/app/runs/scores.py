"""What a run's `rlhf_scores` say; they may have been written by something else than our scorers."""

from decimal import Decimal
from typing import Any


def overall_score(scores: Any) -> float | None:
    """The overall score of a run by its `rlhf_scores`; None also where it is not a number from 0 to 1."""
    overall = scores.get("overall") if isinstance(scores, dict) else None
    is_number = isinstance(overall, int | float) and not isinstance(overall, bool)
    return score_of(overall) if is_number else None


def score_of(overall: float | Decimal | None) -> float | None:
    """A number as a score; None where there is none from 0 to 1."""
    return float(overall) if overall is not None and 0 <= overall <= 1 else None
