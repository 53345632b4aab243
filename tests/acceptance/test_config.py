"""`runlog config`."""

import os
import subprocess

from processes import RUNLOG


def test_secrets_are_seen_to_be_masked() -> None:
    env = {**os.environ, "DATABASE_URL": "postgresql://runlog:hunter2222@db/runlog"}
    done = subprocess.run([*RUNLOG, "config"], env=env, capture_output=True, text=True, check=True)
    assert "postgresql://runlog:[redacted]@db/runlog" in done.stdout
    assert "hunter2222" not in done.stdout
