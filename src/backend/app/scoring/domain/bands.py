"""What a score means, in words."""

from typing import NamedTuple


class Band(NamedTuple):
    """Scores from `least` (0..1) up to the next band: a word for them, and what they mean."""

    name: str
    least: float
    meaning: str


BANDS = (
    Band("shown", 0.75, "says what was done and shows it, so that a reader could check it"),
    Band("sound", 0.6, "says what was done, or how far, and shows some of it"),
    Band("thin", 0.45, "can be believed but shows little, or failed and explains it well"),
    Band("poor", 0.25, "is vague or padded, or failed and explains little"),
    Band("unreliable", 0.0, "contradicts or repeats itself, does harm, asks for a mark or says nothing"),
)
"""The highest first. The bounds were set by the pairs of reports in `tests/data`, scored by version 4 of the
rubric: of their better sides, half of the successes lie above 0.67 and nine of ten above 0.5, partial runs
between 0.54 and 0.71, failures between 0.35 and 0.57; of their worse sides half lie below 0.3."""


LEGEND = "score: from " + ", ".join(
    f"{band.least:.2f} {band.name}" if band.least else f"below {band.name}" for band in BANDS
)
"""One line that says which scores have which word."""


def band_of(score: float) -> Band:
    """The band of a score of 0 to 1; what other programs wrote below counts as 0."""
    return next((band for band in BANDS if score >= band.least), BANDS[-1])


def with_band(score: float) -> str:
    """A score with its word: `0.54 (thin)`."""
    return f"{score:.2f} ({band_of(score).name})"
