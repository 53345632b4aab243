"""Combines the dimensions into one score."""

from collections.abc import Sequence

from app.domain.scoring.model import RunReport, Score
from app.domain.silence import is_silent

_STATUS = {"success": 1.0, "partial": 0.7, "failed": 0.4}


def score(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
    """The quality of `run`, given the agent's earlier runs, oldest first."""
    silent = is_silent(run.actions_taken)
    outcome = 0.05 if silent else _STATUS.get(run.status, 0.0)
    detail = 0.0 if silent else min(1.0, len(run.actions_taken) / 5)
    repeats = any(past.actions_taken == run.actions_taken for past in history[-5:])
    dimensions = {
        "outcome": outcome,
        "evidence": detail,
        "specificity": detail,
        "consistency": 0.5 if silent else 1.0,
        "novelty": 0.1 if repeats else 1.0,
    }
    reasons = ["says nothing"] if silent else [f"reports {run.status}"]
    if repeats:
        reasons.append("repeats an earlier report word for word")
    auto = 0.05 if silent else sum(dimensions.values()) / len(dimensions)
    return Score(round(auto, 4), dimensions, tuple(reasons))
