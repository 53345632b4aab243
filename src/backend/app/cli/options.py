"""The choices that options offer, for the commands and for what they do."""

from enum import StrEnum


class Status(StrEnum):
    """How a run went."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"


class Face(StrEnum):
    """Which routes a server mounts."""

    ALL = "all"
    PUBLIC = "public"
    INTERNAL = "internal"


class ScorerName(StrEnum):
    """The scorers that history can be scored by."""

    RUBRIC = "rubric"
    REWARD = "reward"


class By(StrEnum):
    """Whose word decides which run is better."""

    HUMAN = "human"
    OVERALL = "overall"
