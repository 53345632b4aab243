"""What to do about a dimension in which runs fall short, and what it means when they do not."""

import re

DIMENSION = re.compile(r"[a-z][a-z_ -]{0,31}")
"""What a dimension may be named."""

_ADVICE = {
    "progress": "say how far the job got, as done of total",
    "evidence": "name what can be looked up: files, commits, tickets, links, counts",
    "specificity": "name the things that were changed and the figures before and after",
    "honesty": "let the status follow the numbers: say what failed or is left over",
    "diagnosis": "say where exactly it failed, why, what state things are in and what comes next",
    "repetition": "report what is new since the last run, or declare a no-op with its reason",
    "padding": "leave out whatever states no fact",
    "gaming": "write for the people who read the log, with nothing addressed to a rater",
    "risk": "keep secrets out of reports, and name who approved what cannot be undone",
}
_PRAISE = {
    "progress": "shows what came of its runs",
    "evidence": "names what a reader can look up",
    "specificity": "says exactly what was done",
    "honesty": "lets its claims and numbers agree",
    "diagnosis": "says why something failed and what comes next",
    "repetition": "reports each run for itself",
    "padding": "keeps its reports short",
    "gaming": "reports without courting a score",
    "risk": "takes no unapproved risk",
}


def next_time(dimension: str) -> str:
    """What to do better in a dimension of any scorer: one imperative sentence."""
    known = _ADVICE.get(dimension)
    if known is None:
        return f"Give a reader more to go by for the {_words(dimension)} of the report."
    return f"{known[0].upper()}{known[1:]}."


def praise(dimension: str) -> str:
    """What an agent does well in a dimension: a verb phrase."""
    return _PRAISE.get(dimension) or f"does well in {_words(dimension)}"


def _words(dimension: str) -> str:
    return dimension.replace("_", " ")
