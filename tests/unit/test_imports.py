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
    """A process that imported the product under a wrong setting, and printed which of `RARE` came along."""
    code = f"import sys, {', '.join(MODULES)}; print([name for name in {RARE} if name in sys.modules])"
    env = {**os.environ, "RUNLOG_MAX_BODY_BYTES": "wrong"}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def test_importing_the_product_reads_no_setting(imported: "subprocess.CompletedProcess[str]") -> None:
    assert (imported.returncode, imported.stderr) == (0, "")


def test_what_few_processes_need_is_loaded_by_no_other(
    imported: "subprocess.CompletedProcess[str]",
) -> None:
    assert imported.stdout == "[]\n"
