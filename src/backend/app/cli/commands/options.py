"""What options of several commands may be."""

from enum import StrEnum


class Status(StrEnum):
    """How a run went."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
