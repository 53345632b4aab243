"""Processes that count together."""

import os
import subprocess
import sys
from pathlib import Path

from app.environment import METRICS_DIRECTORY

COUNT = """
import os
from app import metrics
child = os.fork()
metrics.RUNS.labels("success").inc()
metrics.QUEUED.set(5)
if child:
    os.waitpid(child, 0)
    print(metrics.exposition().decode())
else:
    os._exit(0)
"""


def test_what_an_ended_process_counted_stays_and_what_waited_in_it_does_not(tmp_path: Path) -> None:
    env = {**os.environ, METRICS_DIRECTORY: str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", COUNT], env=env, capture_output=True, text=True, check=True)
    assert 'runlog_runs_total{status="success"} 2.0' in said.stdout
    assert "runlog_ingest_queued 5.0" in said.stdout
