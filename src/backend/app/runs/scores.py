"""What a run's `rlhf_scores` say, whoever wrote them."""

from typing import Any


def overall_score(scores: Any) -> float | None:
    """The overall score of a run by its `rlhf_scores`; None also for what somebody else wrote there."""
    overall = scores.get("overall") if isinstance(scores, dict) else None
    is_score = isinstance(overall, int | float) and not isinstance(overall, bool) and 0 <= overall <= 1
    return float(overall) if is_score and overall is not None else None
