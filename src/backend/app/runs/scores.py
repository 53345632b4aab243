"""What a run's `rlhf_scores` say; they may have been written by something else than our scorers."""

from typing import Any


def overall_score(scores: Any) -> float | None:
    """The overall score of a run by its `rlhf_scores`; None also where it is not a number from 0 to 1."""
    overall = scores.get("overall") if isinstance(scores, dict) else None
    is_score = isinstance(overall, int | float) and not isinstance(overall, bool) and 0 <= overall <= 1
    return float(overall) if is_score and overall is not None else None
