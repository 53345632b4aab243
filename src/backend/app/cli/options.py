"""The choices that options offer, for the commands and for what they do, and how some are read."""

import re
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

RUN_KEY = re.compile(r"[\x21-\x7e]{1,255}")
"""What names a run: 1 to 255 visible ASCII characters."""

_SOURCE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?")


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


UpDataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="That of the `runlog up` that is meant; needed where several run."),
]
"""Of commands that concern a `runlog up` on this machine, running or not."""


MetricsPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Answer Prometheus on this port; on none unless set.")
]
MetricsHost = Annotated[str, typer.Option(help="Address for that.")]
"""Where Prometheus reads what a process counts, without a token."""


def read_key(text: str | None) -> str | None:
    """A run key as a server takes it; None for an empty one. Raises `typer.BadParameter`."""
    if text and not RUN_KEY.fullmatch(text):
        raise typer.BadParameter("a run's key is 1 to 255 visible ASCII characters")
    return text or None


def read_source(text: str | None) -> str | None:
    """The name of who says it, as a server takes it. Raises `typer.BadParameter`."""
    if text is not None and not _SOURCE.fullmatch(text):
        raise typer.BadParameter("a source is a name of 1 to 64 ASCII characters")
    return text


def read_time(text: str | None) -> str | None:
    """A moment as a server takes it, in RFC 3339 with its offset. Raises `typer.BadParameter`."""
    try:
        has_offset = text is None or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        has_offset = False
    if not has_offset:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-29T02:00:00+00:00")
    return text
