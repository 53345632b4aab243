"""The settings of the Auditor."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`interval` lies between two cycles; the streaks say how many runs in a row make a finding."""

    interval: timedelta
    failure_streak: int
    silence_streak: int
