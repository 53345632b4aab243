"""A language model as a judge: what it is sent, what is withheld from it, and how far its answer counts."""

from app.scoring.judge.case import Case, NotSent, prepare
from app.scoring.judge.verdict import Verdict, VerdictError, read_verdict

SCORER = "judge"

__all__ = ["SCORER", "Case", "NotSent", "Verdict", "VerdictError", "prepare", "read_verdict"]
