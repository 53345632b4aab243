"""`runlog config`."""

import os
import subprocess

from support.processes import RUNLOG


def test_secrets_are_seen_to_be_masked() -> None:
    env = {
        **os.environ,
        "DATABASE_URL": "postgresql://runlog:hunter2222@db/runlog",
        "RUNLOG_ALERT_URLS": "mailto://me:hunter2222@example.com, slack://hunter2222/b/c",
        "RUNLOG_ALERT_WEBHOOK_URL": "https://example.com/hunter2222",
        "RUNLOG_ALERT_WEBHOOK_SECRET": "hunter2222",
        "RUNLOG_AUDIT_PING_URL": "https://example.com/hunter2222",
    }
    done = subprocess.run([*RUNLOG, "config"], env=env, capture_output=True, text=True, check=True)
    assert "postgresql://runlog:[redacted]@db/runlog" in done.stdout
    assert "mailto://[redacted], slack://[redacted]" in done.stdout
    assert "hunter2222" not in done.stdout
