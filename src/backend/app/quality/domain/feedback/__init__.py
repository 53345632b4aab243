"""Feedback to an agent on its own runs: what they lacked, what to do next time, and what was good."""

from app.quality.domain.feedback.advice import DIMENSION
from app.quality.domain.feedback.build import Comment, Feedback, Lack, ScoredRun, Strength, build
from app.quality.domain.feedback.markdown import markdown

__all__ = ["DIMENSION", "Comment", "Feedback", "Lack", "ScoredRun", "Strength", "build", "markdown"]
