"""The choices that options offer, and options that many commands have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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


def _use(data_dir: Path | None) -> None:
    if data_dir is not None:
        from app.environment import use_running

        use_running(data_dir)


DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", callback=_use, help="Use the `runlog up` that runs there, and no other."),
]
"""Of every command that looks for a running `runlog up`; it comes before the environment."""
