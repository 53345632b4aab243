"""The settings of the Auditor."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`interval` lies between two cycles; the streaks say how many runs in a row make a finding.

    `countries` are those whose public holidays the agents may keep, as `DE-BY` or `US`.
    """

    interval: timedelta
    failure_streak: int
    silence_streak: int
    countries: tuple[str, ...] = ()
