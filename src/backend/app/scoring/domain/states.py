"""Where a run stands on its way to a score. Nobody writes that down: it follows from what is there."""

from typing import Any

STATES = ("queued", "scoring", "scored", "error")


def scoring_state(scores: Any, *, held: bool) -> dict[str, Any]:
    """The state of a run with these `rlhf_scores` that a scorer has in hand now (`held`), or not.

    An `error` comes with what is known of it: `attempts`, `error` and `retry_at`.
    """
    known = scores if isinstance(scores, dict) else {}
    overall = known.get("overall")
    if isinstance(overall, int | float) and not isinstance(overall, bool):
        return {"state": "scored"}
    if held:
        return {"state": "scoring"}
    if scores is None:
        return {"state": "queued"}
    error = known.get("error")
    told = {
        "attempts": known.get("attempts", 0),
        "error": error if isinstance(error, str) else "rlhf_scores holds no score",
    }
    return {"state": "error", **told, **{name: known[name] for name in ("retry_at",) if name in known}}
