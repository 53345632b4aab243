"""API hosts whose clocks are far apart, beside each other on one database."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx

from app.embedded.postgres import Postgres
from support.background import HANG, Background
from support.database import query, rows
from support.load import PATH, Check, Load, under_way
from support.processes import served

# At any time of the day one of the two lives on another day.
HOURS = 15
NOW = "SELECT clock_timestamp()"
SPAN = "SELECT min(created_at) AS first, max(created_at) AS last FROM agent_run_log"
ORDER = "SELECT actions_taken FROM agent_run_log WHERE agent_id = 'pendulum' ORDER BY created_at"
SUCCESSES_TODAY = """
    SELECT count(*) FROM agent_run_log
    WHERE status = 'success' AND created_at >= date_trunc('day', now(), 'UTC')
"""


def shifted_by(hours: int) -> Mapping[str, str]:
    """The environment of a process whose clock is wrong by so many hours."""
    directory = Path(__file__).parent / "shifted_clock"
    return {"PYTHONPATH": str(directory), "RUNLOG_TEST_CLOCK_SHIFT": str(hours * 3600)}


def hours_off(log: Path) -> int:
    """How far the clock of the process that wrote `log` is ahead."""
    written = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])["timestamp"]
    return round((datetime.fromisoformat(written) - datetime.now(UTC)).total_seconds() / 3600)


def test_clocks_that_disagree(
    postgres: Postgres, background: Background, check: Check, tmp_path: Path
) -> None:
    began = background.run(query(postgres.url, NOW))
    logs = tmp_path / "ahead.log", tmp_path / "behind.log"
    with (
        served(env=shifted_by(HOURS), log=logs[0]) as ahead,
        served(env=shifted_by(-HOURS), log=logs[1]) as behind,
        under_way(Load(ahead.url, background, connections=6)) as load,
        under_way(Load(behind.url, background, connections=6)) as other_load,
    ):
        assert [hours_off(log) for log in logs] == [HOURS, -HOURS]
        with httpx.Client(timeout=HANG) as client:
            for number in range(40):
                server = (ahead, behind)[number % 2]
                run = {"agent_id": "pendulum", "status": "success", "actions_taken": {"n": number}}
                assert client.post(server.url + PATH, json=run).status_code == 204
        load.wait_for(100)
        other_load.wait_for(100)
        other_load.end()
        for each, fault in ((load, f"clock {HOURS} h ahead"), (other_load, f"clock {HOURS} h behind")):
            check(each, postgres.url, f"an API host with its {fault}, beside one with the contrary")
        page = "/api/v1/public/platform/intelligence"
        sources = [httpx.get(server.url + page, timeout=HANG).json()["metrics"] for server in (ahead, behind)]
    ended = background.run(query(postgres.url, NOW))
    (span,) = background.run(rows(postgres.url, SPAN))
    assert began < span["first"] < span["last"] < ended
    ordered = background.run(rows(postgres.url, ORDER))
    assert [json.loads(row["actions_taken"])["n"] for row in ordered] == list(range(40))
    today = background.run(query(postgres.url, SUCCESSES_TODAY))
    assert [source["tasks_completed_today_sources"]["agent_runs"] for source in sources] == [today, today]
