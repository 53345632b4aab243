"""What the background verification finds: the log is not what was sealed."""

from collections.abc import Sequence

from app.audit.domain.finding import Evidence, Finding
from app.kit.text import counted, printable

LOG_TAMPERED = "log_tampered"
"""The log was altered past the product, or may be, as what guards it is off.

It is of no single agent, and stands under the one that found it.
"""

MOST_PROBLEMS = 50
"""Problems that a finding names: of the same attack the first ones say what it is."""


def log_tampered(problems: Sequence[str], found_by: str) -> Finding:
    """A finding of at least one problem, each a sentence; the first of `MOST_PROBLEMS` are kept."""
    first, *others = problems[:MOST_PROBLEMS]
    more = f", and {counted(len(others), 'other problem')}" if others else ""
    message = f"The log is altered or unguarded: {printable(first)}{more}"
    evidence: Evidence = {"severity": "critical", "problems": [printable(each) for each in (first, *others)]}
    return Finding(LOG_TAMPERED, found_by, "critical", message, evidence)
