"""`runlog audit backtest` as a process: on files, on the database, and on what is neither."""

import asyncio
import json
import os
import random
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from support.processes import RUNLOG, called

HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 8, 31, tzinfo=UTC)


def backtest(*options: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    done = called("audit", "backtest", *options, RUNLOG_DATA_DIR="/nonexistent", **env)
    assert "Traceback" not in done.stderr
    return done


def line(agent: str, hour: float, status: str = "success", **actions: Any) -> str:
    created_at = (MONDAY + hour * HOUR).isoformat()
    run = {"agent_id": agent, "status": status, "created_at": created_at, "actions_taken": actions, "note": 1}
    return json.dumps(run)


@pytest.fixture
def lines() -> list[str]:
    """Three agents for 20 days: one stops, one fails for a while, one has nothing to say for a while."""
    made = []
    for hour in range(480):
        if not 350 <= hour < 360:
            made.append(line("atlas", hour, summary=f"Batch {hour}"))
        failed = 400 <= hour < 404
        made.append(line("nova", hour, "failed" if failed else "success", summary="Scan", error="lock held"))
        made.append(line("sage", hour, **({"summary": "HEARTBEAT_OK"} if 450 <= hour < 453 else {"done": 1})))
    return made


@pytest.fixture
def file(tmp_path: Path, lines: Sequence[str]) -> Path:
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(lines) + "\n\n")
    return path


def found(done: subprocess.CompletedProcess[str]) -> list[tuple[str, str, str, str | None]]:
    assert (done.returncode, done.stderr) == (0, "")
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert all(list(row) == ["rule", "agent_id", "opened_at", "closed_at", "message"] for row in rows)
    return [(row["rule"], row["agent_id"], row["opened_at"], row["closed_at"]) for row in rows]


EXPECTED = [
    ("stopped_reporting", "atlas", "2026-09-14T14:10:00Z", "2026-09-15T00:00:00Z"),
    ("consecutive_failures", "nova", "2026-09-16T18:00:00Z", "2026-09-16T20:00:00Z"),
    ("silent_runs", "sage", "2026-09-18T20:00:00Z", "2026-09-18T21:00:00Z"),
]


def test_a_file_is_judged_without_a_database(file: Path) -> None:
    command = [*RUNLOG, "audit", "backtest", "--runs", file, "--json"]
    env = {**os.environ, "RUNLOG_DATA_DIR": "/nonexistent"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert "DATABASE_URL" not in env
    assert found(done) == EXPECTED


def test_the_order_of_lines_changes_nothing(file: Path, lines: list[str]) -> None:
    before = backtest("--runs", file, "--json").stdout
    random.Random(1).shuffle(lines)
    file.write_text("\n".join(lines))
    assert backtest("--runs", file, "--json").stdout == before


def test_people_get_a_table(file: Path) -> None:
    done = backtest("--runs", file, COLUMNS="200")
    assert done.stderr == ""
    assert "2026-09-14 14:10  2026-09-15 00:00  atlas has not reported since" in done.stdout


def test_a_quiet_history_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(line("nova", hour, done=1) for hour in range(100)))
    assert backtest("--runs", path).stdout == "No findings in 100 runs of 1 agent\n"


@pytest.mark.parametrize("wrap", [list, lambda agents: {"agents": agents}])
def test_what_is_declared_counts(tmp_path: Path, file: Path, wrap: Any) -> None:
    agents = tmp_path / "agents.json"
    declared = [
        {
            "agent_id": "atlas",
            "schedule": "0 0 * * *",
            "timezone": "UTC",
            "grace_seconds": 3600,
            "owner": "me",
        },
        {"agent_id": "nova", "paused": True},
        {"agent_id": "lyra", "schedule": "every 1h", "display_name": "Lyra"},
    ]
    agents.write_text(json.dumps(wrap(declared)))
    rules = [row[:2] for row in found(backtest("--runs", file, "--agents", agents, "--json"))]
    assert rules == [("never_reported", "lyra"), ("silent_runs", "sage")]


def test_the_streaks_of_the_settings_count(file: Path) -> None:
    done = backtest(
        "--runs", file, "--json", RUNLOG_AUDIT_FAILURE_STREAK="5", RUNLOG_AUDIT_SILENCE_STREAK="2"
    )
    assert [(rule, opened) for rule, _, opened, _ in found(done)[1:]] == [
        ("silent_runs", "2026-09-18T19:00:00Z")
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "line 3: no run"),
        ("[]", "line 3: no run"),
        ('{"agent_id": "a", "status": "done", "created_at": "2026-09-01T00:00:00Z"}', "line 3: no run"),
        ('{"agent_id": " ", "status": "failed", "created_at": "2026-09-01T00:00:00Z"}', "line 3: no run"),
        ('{"agent_id": "a", "status": "failed", "created_at": "yesterday"}', "line 3: no run"),
        ('{"agent_id": "a", "status": "failed"}', "missing required field `created_at`"),
        ('{"agent_id": "a", "status": "failed", "created_at": "9999-12-31T00:00:00Z"}', "is out of range"),
        ("\xff", "line 3: no run"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: str, said: str) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_bytes(f"{line('a', 1)}\n\n{bad}\n{line('a', 2)}\n".encode("latin-1"))
    done = called("audit", "backtest", "--runs", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"runlog: {path}, line 3: no run (")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '[{"schedule": "every 1h"}]',
        '[{"agent_id": "a", "grace_seconds": -1}]',
        '[{"agent_id": "a", "grace_seconds": 1000000000000000}]',
        '[{"agent_id": "a", "registered_at": "0001-01-01T00:00:00+14:00"}]',
    ],
)
def test_a_bad_declaration_is_named(tmp_path: Path, file: Path, text: str) -> None:
    agents = tmp_path / "agents.json"
    agents.write_text(text)
    done = called("audit", "backtest", "--runs", file, "--agents", agents)
    assert done.returncode == 1
    assert done.stderr.startswith(f"runlog: {agents}: no array of agents (")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    done = backtest("--runs", tmp_path / "none.jsonl")
    assert (done.returncode, done.stderr) == (
        1,
        f"runlog: cannot read {tmp_path / 'none.jsonl'}: No such file or directory\n",
    )


@pytest.mark.parametrize(
    "options", [(), ("--runs", "a", "--since", "1d"), ("--since", "1d", "--agents", "a")]
)
def test_wrong_usage(options: Sequence[str]) -> None:
    assert called("audit", "backtest", *options).returncode == 2


def test_an_empty_file_has_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.touch()
    assert backtest("--runs", path).stdout == "No findings in 0 runs of 0 agents\n"


def test_the_database_is_judged_as_well(database: str) -> None:
    async def fill() -> None:
        connection = await asyncpg.connect(database)
        for agent, gap in (("atlas", 10), ("nova", 0), ("auditor", 50)):
            await connection.execute(
                """
                INSERT INTO agent_run_log (agent_id, actions_taken, status, created_at, rlhf_scores)
                SELECT $1, '{"done": 1}', CASE WHEN i BETWEEN 5 AND 7 THEN 'failed' ELSE 'success' END,
                    date_trunc('hour', now()) - i * interval '1 hour', '{"overall": 0.7}'
                FROM generate_series(0, 479) i WHERE NOT i BETWEEN 100 AND 99 + $2
                """,
                agent,
                gap,
            )
        await connection.execute("INSERT INTO agent (agent_id, paused) VALUES ('nova', true)")
        await connection.close()

    asyncio.run(fill())
    done = backtest("--since", "30d", "--json", DATABASE_URL=database)
    assert [row[:2] for row in found(done)] == [
        ("stopped_reporting", "atlas"),
        ("consecutive_failures", "atlas"),
    ]
    assert found(backtest("--since", "1h", "--json", DATABASE_URL=database)) == []
