"""How `runlog worker` ends."""

import os
import subprocess
import sys

from brokers import Broker

FAILING_WORKER = """
import sys
from celery import bootsteps
from app.cli.main import main
from app.tasks.celery_app import celery_app

class Failing(bootsteps.StartStopStep):
    def start(self, worker):
        raise RuntimeError("beyond repair")

celery_app.steps["worker"].add(Failing)
sys.argv[1:] = ["worker", "--concurrency", "1"]
main()
"""


def test_a_worker_that_failed_says_so_to_whoever_would_restart_it(database: str, broker: Broker) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_WORKER],
        env={**os.environ, "DATABASE_URL": database, "CELERY_BROKER_URL": broker.url},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert b"beyond repair" in done.stderr
    assert done.returncode == 1
