"""How long an agent may be away that is not known for long: what it does now and then has not been seen."""

from app.audit.cadence import calibration
from app.audit.cadence.calibration import DAY


def may_be_away(known: float) -> float:
    """For how many seconds one that is `known` for so many may be silent, besides what it has shown; 0 later.

    On its first day for half as long as it is known, and in its first two weeks for half a day by the days it
    is known: what has not happened in n days happens with a probability of about 1/n on the next (Laplace's
    rule of succession), and longer absences are in proportion the rarer.
    """
    if known >= calibration.NEW_FOR:
        return 0.0
    return min(known, DAY**2 / max(known, DAY)) / 2
