"""What to do about a dimension in which runs fall short, and what it means when they do not."""

import re
from typing import NamedTuple

DIMENSION = re.compile(r"[a-z][a-z_ -]{0,31}")
"""What a dimension may be named."""


class Advice(NamedTuple):
    """One imperative sentence for next time, and what an agent does that needs none."""

    next_time: str
    praise: str


_ADVICE = {
    "outcome": Advice(
        "State what the run achieved or learned, and show the result that proves it.",
        "shows what came of its runs",
    ),
    "evidence": Advice(
        "Name what a reader can look up: files, commits, tickets, URLs, ids and measured numbers.",
        "names what a reader can look up",
    ),
    "specificity": Advice(
        "Say exactly what was done, with names and numbers in place of general words.",
        "says exactly what was done",
    ),
    "honesty": Advice(
        "Let status, claims and numbers agree, and say what is open, failed or unverified.",
        "lets its claims and numbers agree",
    ),
    "consistency": Advice(
        "Let status, claims and numbers agree, and say what is open, failed or unverified.",
        "lets its claims and numbers agree",
    ),
    "diagnosis": Advice(
        "When something fails, name the exact error, its cause, the state it left and the next step.",
        "says why something failed and what comes next",
    ),
    "progress": Advice(
        "Do a piece of work that is new, and report what changed since the last run.",
        "brings something new each time",
    ),
    "novelty": Advice(
        "Report what this run did and what changed since the last one, in words of its own.",
        "reports each run for itself",
    ),
    "repetition": Advice(
        "Report what this run did, not what an earlier report said already.",
        "does not repeat its reports",
    ),
    "padding": Advice(
        "Leave out every sentence that states no fact about this run.",
        "keeps its reports short",
    ),
    "gaming": Advice(
        "Report plain facts: no praise of the work, no placeholders, no words for whoever rates it.",
        "reports without courting a score",
    ),
    "risk": Advice(
        "Keep credentials out of reports, and name who approved whatever cannot be undone.",
        "takes no unapproved risk",
    ),
}


def advice(dimension: str) -> Advice:
    """What is known of a dimension, or what can be said of any."""
    return _ADVICE.get(dimension) or Advice(
        f"Give whoever rates the report more to go by for its {dimension.replace('_', ' ')}.",
        f"does well in {dimension.replace('_', ' ')}",
    )
