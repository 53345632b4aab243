"""A run as another program's format tells it, before it is validated as every report is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    """What a foreign record says of one run; `run_key` is the same however often the record is sent.

    `actions` is made of texts, numbers, truth values, lists and mappings of these. `source` says which
    format had it. A moment that the format does not tell is None.
    """

    agent_id: str
    status: str
    actions: Mapping[str, Any]
    run_key: str
    source: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
