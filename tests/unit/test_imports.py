"""What importing the product does not do, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = (
    "app.main",
    "app.services.agent_run_log_service",
    "app.tasks.rlhf_tasks",
    "app.tasks.reward_tasks",
    "app.cli.main",
    "app.cli.score_reward",
    "app.cli.score_status",
)

RARE = ("numpy", "mcp", "google.protobuf", "opentelemetry.proto")
"""Needed to train the reward model, to serve a model's tools, and to read a trace in protobuf."""


@pytest.fixture(scope="module")
def imported() -> "subprocess.CompletedProcess[str]":
    """A process that imported the schema's command and then the rest, under a wrong setting.

    It printed what came along that should not.
    """
    code = f"""
import sys, app.cli.schema
print(sorted({{"celery", "fastapi"}} & set(sys.modules)))
import {", ".join(MODULES)}
print([name for name in {RARE} if name in sys.modules])
"""
    env = {**os.environ, "RUNLOG_MAX_BODY_BYTES": "wrong"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def test_importing_the_product_reads_no_setting(imported: "subprocess.CompletedProcess[str]") -> None:
    assert (imported.returncode, imported.stderr) == (0, "")


def test_the_command_of_the_schema_imports_neither_celery_nor_fastapi(
    imported: "subprocess.CompletedProcess[str]",
) -> None:
    assert imported.stdout.splitlines()[0] == "[]"


def test_what_few_processes_need_is_loaded_by_no_other(
    imported: "subprocess.CompletedProcess[str]",
) -> None:
    assert imported.stdout.splitlines()[1] == "[]"


def test_a_copy_of_what_up_has_loaded_loads_no_package_when_it_starts(tmp_path: Path) -> None:
    """A process that loaded what services of `runlog up` need, and began as each of them does."""
    code = """
import psutil, sys
from app.cli.loaded import load
load({"PROMETHEUS_MULTIPROC_DIR": sys.argv[1], "CELERY_BROKER_URL": sys.argv[2]})
here = psutil.Process()
print(here.num_threads(), here.net_connections())
before = set(sys.modules)
from app.main import create_app
create_app()
from app.tasks.celery_app import RunlogCelery, celery_app
celery_app.Worker(hostname="worker@here", without_gossip=True, without_mingle=True)
from app.tasks.beat import Beat, MonotonicScheduler
Beat(app=RunlogCelery("runlog"), scheduler=MonotonicScheduler).init_loader()
celery_app.connection_for_write().transport
print(sorted(name for name in set(sys.modules) - before if not name.startswith("app.")))
"""
    broker = "redis://127.0.0.1:1/0"
    env = {**os.environ, "DATABASE_URL": "postgresql://u@127.0.0.1:1/none", "CELERY_BROKER_URL": broker}
    command = [sys.executable, "-c", code, str(tmp_path), broker]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["1 []", "[]"]), done.stderr
