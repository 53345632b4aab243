"""A language model as a judge: what it is told, what of its answer counts, and what it may not be told."""

from app.scoring.judge.case import Case, Kept, prepare
from app.scoring.judge.verdict import Verdict, VerdictError, read_verdict

SCORER = "judge"

__all__ = ["SCORER", "Case", "Kept", "Verdict", "VerdictError", "prepare", "read_verdict"]
