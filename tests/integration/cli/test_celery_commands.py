"""How `runlog worker` ends, and which processors it takes until then."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.tasks.calibration import NICENESS
from app.tasks.runtime import AUTOGROUP
from support.brokers import QUEUE, Broker
from support.loaded import RECORD, loaded, recording
from support.processes import running

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


def test_a_worker_that_failed_says_so_to_what_would_restart_it(database: str, broker: Broker) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_WORKER],
        env={**os.environ, "DATABASE_URL": database, "CELERY_BROKER_URL": broker.url},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert b"beyond repair" in done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_and_its_processes_go_last(database: str, broker: Broker, tmp_path: Path) -> None:
    env = {"DATABASE_URL": database, "CELERY_BROKER_URL": broker.url, "PYTHONPATH": None}
    with running("worker", "--concurrency", "1", env=env, log=tmp_path / "log") as worker:
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
        while not (pool := children.read_text().split()):
            assert worker.poll() is None
            time.sleep(0.05)
        for pid in (worker.pid, int(pool[0])):
            assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.nice(0) + NICENESS)


YIELDING = "from app.tasks.runtime import AUTOGROUP, yield_processors as y; y(); print(AUTOGROUP.read_text())"


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel shares processors out otherwise")
@pytest.mark.parametrize(
    ("command", "niceness"),
    [((), NICENESS), (("sh", "-c", '"$@"; exit', "sh"), 0)],
    ids=["its own session", "somebody else's session"],
)
def test_a_worker_lowers_the_session_that_it_leads(command: tuple[str, ...], niceness: int) -> None:
    done = subprocess.run(
        [*command, sys.executable, "-c", YIELDING],
        capture_output=True,
        check=True,
        start_new_session=True,
        text=True,
    )
    assert done.stdout.split()[-1] == str(niceness)


def test_beat_sends_tasks_without_loading_what_they_need(broker: Broker, tmp_path: Path) -> None:
    record = tmp_path / "loaded.json"
    env = {"CELERY_BROKER_URL": broker.url, "RUNLOG_SCORE_SWEEP_INTERVAL": "1", RECORD: str(record)}
    with (
        subprocess.Popen(recording("beat"), env={**os.environ, **env}) as beat,
        broker.client() as client,
    ):
        while not client.llen(QUEUE):
            assert beat.poll() is None
            time.sleep(0.05)
        beat.terminate()
        beat.wait(120)
    assert beat.returncode == 0
    assert {"celery", "kombu", "redis"} <= loaded(record)
    assert not {"sqlalchemy", "asyncpg", "fastapi", "httpx", "apprise", "numpy"} & loaded(record)
