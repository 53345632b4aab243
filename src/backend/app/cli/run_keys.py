"""The key of a run, by which all that is said of it becomes one row."""

import os
from datetime import UTC, datetime
from uuid import uuid4

from app.cli.options import RUN_KEY


def new_key() -> str:
    """A run key that no other run has."""
    return uuid4().hex


def key_under_way(agent: str) -> str | None:
    """The key of the agent's run that this process is part of, by its environment; None without one."""
    key = os.environ.get("RUNLOG_RUN_KEY", "")
    is_its_own = os.environ.get("RUNLOG_AGENT_ID") in (None, "", agent)
    return key if is_its_own and RUN_KEY.fullmatch(key) else None


def now() -> str:
    """This moment as reports have it (RFC 3339)."""
    return datetime.now(UTC).isoformat()
