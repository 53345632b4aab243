"""What the environment says: where the server is, and which run of which agent is under way."""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_BODY_BYTES = 1024**2
"""The longest body that a server takes unless it is set otherwise."""

_log = logging.getLogger("agent_run_log")


@dataclass(frozen=True, slots=True)
class Target:
    """The server that reports go to: what was given, else the environment's at the time of sending."""

    given_url: str | None = None
    given_token: str | None = None

    @property
    def url(self) -> str:
        """The server's base URL, without a slash at its end."""
        return (self.given_url or read("RUNLOG_URL") or DEFAULT_URL).rstrip("/")

    @property
    def token(self) -> str | None:
        """The token to send; the environment's goes to the environment's server alone."""
        if self.given_token or self.given_url:
            return self.given_token
        return read("RUNLOG_TOKEN")


def read(name: str) -> str | None:
    """The text of a variable, or of the file that `<name>_FILE` names; None where there is none."""
    if text := os.environ.get(name):
        return text
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        _log.warning("%s_FILE: cannot read %s: %s", name, path, error)
        return None


def longest_body() -> int:
    """The bytes that a report may have: `RUNLOG_MAX_BODY_BYTES`, by which the server goes, too."""
    text = read("RUNLOG_MAX_BODY_BYTES") or ""
    return int(text) if text.isascii() and text.isdigit() else DEFAULT_BODY_BYTES


class RunUnderWay:
    """The run that `RUNLOG_RUN_KEY` names: one process reports it once.

    What started this process, such as `runlog exec`, names its run by that variable and the run's agent
    by `RUNLOG_AGENT_ID`. The first report of that agent is of that run; without `RUNLOG_AGENT_ID` the first
    report of any. All later ones are of other runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claimed: str | None = None

    def claim(self, agent_id: str) -> str | None:
        """The key for a report of this agent, the first time; else None."""
        key = read("RUNLOG_RUN_KEY")
        if key is None or read("RUNLOG_AGENT_ID") not in (None, agent_id):
            return None
        with self._lock:
            if self._claimed == key:
                return None
            self._claimed = key
            return key


RUN_UNDER_WAY = RunUnderWay()
