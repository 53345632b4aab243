"""Marks of 1 to 5, by which a person rates with one key, and the ratings of 0 to 1 that they stand for."""

MARKS = {1: "of no use", 2: "poor", 3: "fair", 4: "good", 5: "as it should be"}
"""The marks with their meaning, spread evenly over the ratings."""

_LOWEST, _HIGHEST = min(MARKS), max(MARKS)


def rating_of_mark(mark: int) -> float:
    """The rating (0..1) of one of `MARKS`."""
    return (mark - _LOWEST) / (_HIGHEST - _LOWEST)


def mark_of(rating: float) -> int:
    """The mark that is nearest to a rating (0..1)."""
    return round(_LOWEST + rating * (_HIGHEST - _LOWEST))
