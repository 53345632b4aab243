"""Which runs are most worth a person's rating, and why."""

from app.quality.domain.review.candidate import Candidate
from app.quality.domain.review.queue import Suggestion, review_queue

__all__ = ["Candidate", "Suggestion", "review_queue"]
