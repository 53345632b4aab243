"""What an agent is told of its own runs: what they lacked, what to do next time, and what was good."""

from app.domain.feedback.advice import DIMENSION
from app.domain.feedback.build import Comment, Feedback, Lack, ScoredRun, Strength, build
from app.domain.feedback.markdown import markdown

__all__ = ["DIMENSION", "Comment", "Feedback", "Lack", "ScoredRun", "Strength", "build", "markdown"]
