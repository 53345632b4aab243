"""What became of a report."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Status = Literal["success", "partial", "failed"]
"""How a run went, as its agent says."""


class State(Enum):
    """What became of a report."""

    DELIVERED = "delivered"
    """The server has recorded it."""
    SPOOLED = "spooled"
    """It is on disk, and will be delivered."""
    REJECTED = "rejected"
    """The server refuses it; it lies in the spool's directory `rejected`."""
    LOST = "lost"
    """It could neither be delivered nor be kept on disk."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a report.

    `run_id` is the row's id where this process has delivered it; `reason` says why it was not delivered, and
    `notes` what of it could not be kept as it was given.
    """

    state: State
    run_key: str
    run_id: str | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether the server has recorded it."""
        return self.state is State.DELIVERED

    @property
    def spooled(self) -> bool:
        """Whether it waits on disk."""
        return self.state is State.SPOOLED

    @property
    def rejected(self) -> bool:
        """Whether the server refuses it."""
        return self.state is State.REJECTED
