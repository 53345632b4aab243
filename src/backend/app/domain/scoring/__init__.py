"""Automatic quality scores for run reports: a deterministic rubric, no model and no network."""

from app.domain.scoring.advice import advice
from app.domain.scoring.model import RunReport, Score
from app.domain.scoring.rubric import score

SCORER = "rubric"
VERSION = "2"

__all__ = ["SCORER", "VERSION", "RunReport", "Score", "advice", "score"]
