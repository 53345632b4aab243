"""Sums by kind of agent, as both simulations of fleets take them, and how they are shown."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Self, TypeVar

Shown = dict[str, float | int | None]


@dataclass
class Sums:
    """How findings compare with the truth. Delays are in periods of the agent."""

    agent_days: float = 0.0
    false: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Take in those of others."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def rate(self, count: int, digits: int = 2) -> float:
        """A count in 1,000 agent-days."""
        return round(1000 * count / self.agent_days, digits) if self.agent_days else 0.0

    @property
    def median_delay(self) -> float | None:
        """In periods; None where nothing was found."""
        return round(median(self.delays), 2) if self.delays else None


S = TypeVar("S", bound=Sums)


def total(rows: Iterable[S], everything: S) -> S:
    """`everything`, with all `rows` taken in."""
    for row in rows:
        everything.add(row)
    return everything


def share(count: int, of: int, digits: int) -> float | None:
    """None where there is nothing to share."""
    return round(count / of, digits) if of else None
