"""Preference pairs: two runs of an agent of which one is better, as trainers of language models read them."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.quality.domain.calibration import PAIRING_WINDOW, PAIRS_PER_RUN


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """A run and how good it is, 0 to 1: its mean rating, or its score."""

    id: UUID
    agent_id: str
    created_at: datetime
    rating: float


class Preference(NamedTuple):
    """Two runs of an agent; `chosen` is clearly the better."""

    chosen: EvaluatedRun
    rejected: EvaluatedRun

    @property
    def earlier(self) -> EvaluatedRun:
        """The one that came first."""
        return min(self, key=lambda run: (run.created_at, run.id))


class PastReport(NamedTuple):
    """An earlier report of the agent: the run's status and summary."""

    status: str
    summary: str | None


class Pairing:
    """Finds pairs among runs that come agent by agent, each agent's oldest first.

    Runs near each other in time are the most alike in what was asked, so a run is paired with the nearest
    before it first. `min_gap` is how much better one must be, above 0.
    """

    def __init__(self, min_gap: float) -> None:
        self._min_gap = min_gap
        self._agent_id: str | None = None
        self._window: deque[tuple[EvaluatedRun, list[UUID]]] = deque(maxlen=PAIRING_WINDOW)

    def pairs(self, run: EvaluatedRun) -> Iterator[Preference]:
        """The pairs of `run` with runs given before."""
        if run.agent_id != self._agent_id:
            self._agent_id = run.agent_id
            self._window.clear()
        found = 0
        for earlier, later in reversed(self._window):
            if found == PAIRS_PER_RUN:
                break
            gap = run.rating - earlier.rating
            # 0.7 is better than 0.5 by 0.2, though not as floating point has it.
            if round(abs(gap), 9) >= self._min_gap and len(later) < PAIRS_PER_RUN:
                later.append(run.id)
                found += 1
                yield Preference(run, earlier) if gap > 0 else Preference(earlier, run)
        self._window.append((run, []))


def prompt(title: str, history: Sequence[PastReport]) -> str:
    """The task of an agent called `title`, as the log allows it; `history` is its past, oldest first."""
    lines = [f"You are {title}, an agent that runs on a schedule."]
    if history:
        lines += ["Your reports before this run, oldest first:", *map(_line, history)]
    else:
        lines.append("This is the first run that you report.")
    lines.append(
        "Do your run, and report it as a JSON object with status (success, partial or failed) and"
        " actions_taken, an object with a summary of what you did."
    )
    return "\n".join(lines)


def _line(report: PastReport) -> str:
    return f"- {report.status}: {report.summary}" if report.summary else f"- {report.status}"


def conversation(role: str, content: str) -> list[dict[str, Any]]:
    """`content` as the one message of a conversation."""
    return [{"role": role, "content": content}]
