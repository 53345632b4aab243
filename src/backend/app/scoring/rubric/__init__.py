"""Automatic quality scores for run reports: a deterministic rubric, no model and no network."""

from app.scoring.rubric.model import RunReport, Score
from app.scoring.rubric.scorer import score

SCORER = "rubric"
VERSION = "5"

__all__ = ["SCORER", "VERSION", "RunReport", "Score", "score"]
