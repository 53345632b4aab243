"""Reading fields of JSON that may hold anything: what is no such value is as if it were not there."""

import re
from collections.abc import Mapping
from typing import Any

from app.intake.domain.openclaw.calibration import MOST_JOB_ID, MOST_NAME
from app.kit.invisible import is_visible
from app.kit.secrets import redact

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_JOB_ID = re.compile(rf"[!-~]{{1,{MOST_JOB_ID}}}")
_SESSION_KEY = re.compile(r"agent:([^:]+):cron:([^:]+)(?::.*)?", re.DOTALL)
_LAST_MS = 253_370_764_800_000  # the year 9999


def storable(text: str) -> str:
    """`text` with what PostgreSQL cannot hold replaced."""
    return _UNSTORABLE.sub("\ufffd", text)


def fields(value: Any) -> Mapping[str, Any]:
    """An object's fields; none of what is no object."""
    return value if isinstance(value, dict) else {}


def text(value: Any, most: int) -> str | None:
    """A text for people, its credentials masked, cut at `most` characters; None for a blank one."""
    if not isinstance(value, str) or not value.strip():
        return None
    return _cut(redact(_cut(storable(value), 2 * most)), most)


def end_of_text(value: Any, most: int) -> str | None:
    """The same of its last characters."""
    if not isinstance(value, str) or not value.strip():
        return None
    return _cut_start(redact(_cut_start(storable(value), 2 * most)), most)


def word(value: Any, most: int = MOST_NAME) -> str | None:
    """A name or an id as it is, without white space around it; None for one that is too long to be one."""
    if not isinstance(value, str):
        return None
    stripped = storable(value).strip()
    return stripped if is_visible(stripped) and len(stripped) <= most else None


def job_id(value: Any) -> str | None:
    """The id of a job, which is a part of its runs' keys."""
    return value if isinstance(value, str) and _JOB_ID.fullmatch(value) else None


def millis(value: Any) -> int | None:
    """A moment in milliseconds since 1970 that a calendar has."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if 0 < value <= _LAST_MS else None


def whole(value: Any) -> int | None:
    """A whole number that PostgreSQL's integers hold."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < 2**31 else None


def amount(value: Any) -> int | float | None:
    """A number that can be an amount of something."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 1e15 else None


def session_of(value: Any) -> tuple[str, str] | None:
    """The agent and the job that a session key of a cron run names: `agent:<agent>:cron:<job>:run:<id>`."""
    found = _SESSION_KEY.fullmatch(value) if isinstance(value, str) and len(value) <= 1_000 else None
    if found is None:
        return None
    agent, job = word(found[1]), job_id(found[2])
    return (agent, job) if agent and job else None


def _cut(value: str, most: int) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"


def _cut_start(value: str, most: int) -> str:
    return value if len(value) <= most else "…" + value[1 - most :]
