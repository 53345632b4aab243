"""What importing the product does not do, in a process of its own."""

import os
import subprocess
import sys

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
