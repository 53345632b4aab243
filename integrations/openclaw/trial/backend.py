"""A `runlog up` with a data directory of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.embedded.ports import free_port

RUNS = "/api/v1/internal/agent-run-log"
TOKEN = "trial-openclaw"  # noqa: S105 - of a server that only this machine reaches, for minutes
_STOP_SECONDS = 60


class Backend:
    """A running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, agent_id: str) -> list[dict[str, Any]]:
        """An agent's runs in full, the newest first."""
        found = self._read(RUNS, agent_id=agent_id)["runs"]
        return [self._read(f"{RUNS}/{row['id']}") for row in found]

    def _read(self, path: str, **query: str) -> Any:
        answer = httpx.get(self.url + path, params=query, timeout=60, trust_env=False)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_backend(directory: Path) -> Iterator[Backend]:
    """A server that runs until the block ends. Raises RuntimeError when it does not start."""
    others = ("RUNLOG_", "DATABASE_URL", "CELERY_BROKER_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    environment |= {"RUNLOG_OPENCLAW_TOKEN": TOKEN}
    runlog = Path(sys.executable).with_name("runlog")
    command = [str(runlog), "up", "--port", str(free_port()), "--data-dir", str(directory / "data")]
    with (directory / "backend.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield Backend(_url_when_ready(process, directory / "backend.log"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_SECONDS)


def _url_when_ready(process: subprocess.Popen[str], log: Path) -> str:
    for line in process.stdout or ():
        if "http://" in line and "ready" in line:
            return "http://" + line.split("http://")[1].split()[0].rstrip("/")
    raise RuntimeError(f"runlog up did not start, see {log}")
