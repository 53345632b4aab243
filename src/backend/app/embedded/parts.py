"""What a running `runlog up` says of its parts to other commands."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PARTS_FILE = "parts.json"


@dataclass(frozen=True)
class Part:
    """A server or a service, as it was last started."""

    name: str
    pid: int
    since: float
    """When it was started, in seconds since 1970."""
    starts: int
    """How often it was started by this `runlog up`."""
    running: bool
    """False where it has ended and is to be started again."""


@dataclass(frozen=True)
class Published:
    """A `runlog up` and its parts."""

    pid: int
    since: float
    """When it was started, in seconds since 1970."""
    version: str
    """Of the product that runs, which may be another than that of the command that asks."""
    log: str | None
    """The file that it writes to, where that is its own."""
    parts: Sequence[Part]

    def to_json(self) -> dict[str, object]:
        """What `read_parts` reads."""
        return asdict(self)


def read_parts(data_dir: Path) -> Published | None:
    """What the last `runlog up` on `data_dir` has said of itself; None where nothing can be read."""
    try:
        found = json.loads((data_dir / PARTS_FILE).read_text(encoding="utf-8"))
        parts = [Part(**part) for part in found.pop("parts")]
        return Published(**found, parts=parts)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None
