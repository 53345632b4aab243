"""The state of a run on its way to a score, derived from its `rlhf_scores` and from locks."""

from typing import Any

from app.scoring.domain.bands import band_of

STATES = ("queued", "scoring", "scored", "error")

_NO_SCORE = "rlhf_scores holds no score"


def scoring_state(scores: Any, *, locked: bool) -> dict[str, Any]:
    """The state of a run with these `rlhf_scores`; `locked` says that a scorer is at work on it now.

    `scored` comes with the score's `band` and its `meaning` (`bands.BANDS`), an `error` with what is known of
    it: `attempts`, `error` and `retry_at`.
    """
    known = scores if isinstance(scores, dict) else {}
    overall = known.get("overall")
    if isinstance(overall, int | float) and not isinstance(overall, bool):
        band = band_of(max(0.0, min(1.0, overall)))
        return {"state": "scored", "band": band.name, "meaning": band.meaning}
    if locked:
        return {"state": "scoring"}
    if scores is None:
        return {"state": "queued"}
    error = known.get("error")
    shown = {
        "attempts": known.get("attempts", 0),
        "error": error if isinstance(error, str) else _NO_SCORE,
    }
    return {"state": "error", **shown, **{name: known[name] for name in ("retry_at",) if name in known}}


def score_word(state: dict[str, Any]) -> str:
    """What `scoring_state` gave in one word: the band of a score, or why there is none.

    `queued` and `scoring` will have one; `failed` is a scorer's failure; `unknown` is what another program
    left in place of a score.
    """
    if state["state"] == "scored":
        return str(state["band"])
    if state["state"] == "error":
        return "unknown" if state["error"] == _NO_SCORE else "failed"
    return str(state["state"])
