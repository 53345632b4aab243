"""A Celery app whose tasks end in every way, and are reported; `TEST_BROKER_URL` is its broker."""

import os
import signal
import time
from typing import Any

from celery import Celery

import agent_run_log
import agent_run_log.celery

app = Celery("agents", broker=os.environ["TEST_BROKER_URL"])
app.conf.worker_hijack_root_logger = False
agent_run_log.celery.install(app)
agent_run_log.celery.install(app)  # twice is once


@app.task(name="sage")
def works(word: str) -> dict[str, Any]:
    """Report facts of its own, and what it returns."""
    agent_run_log.current_run().add(word=word)
    return {"summary": "Did it"}


@app.task(name="nova")
def fails() -> None:
    """Raise."""
    raise ValueError("no such file")


@app.task(name="atlas", bind=True, max_retries=1)
def is_tried_again(self: Any) -> str:
    """Fail at first."""
    if self.request.retries == 0:
        raise self.retry(exc=OSError("busy"), countdown=0)
    return "Did it the second time"


@app.task(name="lyra", time_limit=1)
def hangs() -> None:
    """Go on until it is killed at its time limit."""
    time.sleep(600)


@app.task(name="luma")
def dies() -> None:
    """End its process."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="helios")
def comes_too_late() -> None:
    """Expire before a worker has it."""
