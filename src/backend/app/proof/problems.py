"""What is wrong with a log, as `runlog verify` names it."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was altered: `what` in a word, and a sentence about it.

    `run_id` and `leaf_index` where it is about a run or a leaf.
    """

    what: str
    message: str
    run_id: UUID | None = None
    leaf_index: int | None = None
