"""What an agent could do better next time."""

from app.scoring.rubric.model import Score

_WEAK = 0.6
PHRASES = {
    "risk": "keep secrets out of reports, and name who approved what cannot be undone",
    "gaming": "write for the people who read the log, with nothing addressed to whoever rates it",
    "repetition": "report what is new since the last run, or declare a no-op with its reason",
    "honesty": "let the status follow the numbers: say what failed or is left over",
    "diagnosis": "say where exactly it failed, why, what state things are in and what comes next",
    "evidence": "name what can be looked up: files, commits, tickets, links, counts",
    "specificity": "name the things that were changed and the figures before and after",
    "padding": "leave out whatever states no fact",
    "progress": "say how far the job got, as done of total",
}
"""What to do better, a phrase for each dimension."""
_SILENT = ("say in a summary what the run did, or declare a no-op with its reason",)


def advice(score: Score) -> tuple[str, ...]:
    """One phrase for each weak dimension (below 0.6), the weakest first; empty for a good report."""
    if not score.dimensions.get("progress") and not score.dimensions.get("specificity"):
        return _SILENT
    weak = [name for name in PHRASES if score.dimensions.get(name, 1.0) < _WEAK]
    return tuple(PHRASES[name] for name in sorted(weak, key=lambda name: score.dimensions[name]))
