"""A run that a person might rate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recent run that may be suggested for a rating; scores and ratings are 0 to 1.

    `overall` is None without a score. `scores` are the scorers' latest, by scorer. `lowest` and `highest`
    are of the `ratings` people gave. `agent_runs` is how many runs the agent ever had.
    """

    id: UUID
    agent_id: str
    created_at: datetime
    status: str
    action_summary: str | None
    overall: float | None
    scores: Mapping[str, float] = field(default_factory=dict)
    failed: bool = False
    ratings: int = 0
    lowest: float | None = None
    highest: float | None = None
    mine: bool = False
    agent_runs: int = 0
