"""Simulated fleets whose truth is known.

`schedules` has agents on plain schedules, of which some stop. `timings` and `outcomes` have agents as they
behave in practice: when they report, and what. `realistic` puts them together, `shared` has what befalls
many at once, and `truth` compares findings with what happened. `usage` has what runs take. `sums` is what the
comparisons add up.
"""

from fleets.schedules import CHANGING, EVENTS, REGULAR, Figures, Fleet, Kind, score, simulate

__all__ = ["CHANGING", "EVENTS", "REGULAR", "Figures", "Fleet", "Kind", "score", "simulate"]
