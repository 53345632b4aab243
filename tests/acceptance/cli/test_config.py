"""`runlog config`."""

import os
import subprocess

from support.processes import RUNLOG, called


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


def test_no_part_of_a_url_that_may_be_secret_is_shown() -> None:
    done = called(
        "config",
        "--json",
        DATABASE_URL="postgresql://u:hunter/22@2@h1:1,h2:2/db?sslmode=require&password=hunter2222&x=hunter2222",
        CELERY_BROKER_URL="redis://:hunter@h/0;redis://u:hunter@h2?password=hunter2222",
        RUNLOG_URL="http://h:8000/?key=hunter2222&token=hunter&sig=hunter",
        RUNLOG_JUDGE_URL="https://hunter@h/v1?api-version=1&key=hunter",
    )
    assert "hunter" not in done.stdout
    for shown in ("postgresql://u:[redacted]@h1:1,h2:2/db?sslmode=require&", "@h/v1?api-version=1&key="):
        assert shown in done.stdout
