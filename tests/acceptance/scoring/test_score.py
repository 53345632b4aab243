"""`runlog score status` and `backfill`, as an operator calls them."""

import asyncio
import json
import os
import pty
import signal
import subprocess
from typing import Any

import pytest

from app.services.agent_run_log_service import write_run_log
from app.tasks.rlhf_tasks import score_agent_runs
from support.database import execute, query, until_it_is
from support.processes import RUNLOG, called

SINCE = ("backfill", "--since", "30d")
# As if another version had scored it all.
AGE = """
    UPDATE agent_run_log SET rlhf_scores = jsonb_set(rlhf_scores, '{version}', '"old"')
"""
SLOWLY = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.004); RETURN NULL; END $$;
    CREATE TRIGGER wait AFTER UPDATE ON agent_run_log FOR EACH ROW EXECUTE FUNCTION wait()
"""


def record(count: int) -> None:
    """So many scored runs, and one that waits."""

    async def write() -> list[str]:
        reports = ({"summary": f"Fixed {n}"} for n in range(count + 1))
        return list(map(str, await asyncio.gather(*(write_run_log("sage", report) for report in reports))))

    score_agent_runs.run(asyncio.run(write())[:-1])


def run_score(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`runlog score ARGUMENTS`, to its end."""
    done = called("score", *arguments)
    assert "Traceback" not in done.stderr
    return done


def status() -> Any:
    """`runlog score status --json`."""
    return json.loads(run_score("status", "--json").stdout)


def test_the_status_says_how_scoring_stands(database: str) -> None:
    record(3)
    found = status()
    assert {state: count["runs"] for state, count in found["states"].items()} == {
        "queued": 1,
        "scoring": 0,
        "scored": 3,
        "error": 0,
    }
    assert found["oldest_queued_at"]
    assert [(each["scorer"], each["runs"]) for each in found["versions"]] == [("rubric", 3)]
    assert (found["errors"], found["backfills"]) == ([], [])
    shown = run_score("status").stdout
    assert "queued" in shown
    assert "rubric" in shown


def test_what_failed_is_told_without_steering_the_terminal(database: str) -> None:
    record(1)
    asyncio.run(
        execute(
            database,
            "INSERT INTO agent_run_score (run_id, scorer, version, error, retry_at)"
            " SELECT id, 'rubric', '1', E'bad\\x1b[2J', now() FROM agent_run_log LIMIT 1",
        )
    )
    assert status()["errors"][0]["retried"] == 1
    shown = run_score("status").stdout
    assert "bad" in shown
    assert "\x1b" not in shown


def test_history_is_scored_by_the_version_in_use(database: str) -> None:
    record(3)
    asyncio.run(execute(database, AGE))
    done = run_score(*SINCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Scored 3 runs by rubric ")
    again = json.loads(run_score(*SINCE, "--json").stdout)
    assert (again["scored"], again["skipped"], again["failed"]) == (0, 4, 0)
    assert again["finished_at"]
    assert len(status()["backfills"]) == 2
    assert "finished" in run_score("status").stdout


def test_interrupted_it_goes_on_where_it_stopped(database: str) -> None:
    record(600)
    asyncio.run(execute(database, AGE + ";" + SLOWLY))
    process = subprocess.Popen([*RUNLOG, "score", *SINCE], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    asyncio.run(until_it_is(database, "SELECT count(*) > 0 FROM score_backfill WHERE scored > 0", True))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, b"")
    assert err == b"Stopped; the same command goes on from here\n"
    stopped = asyncio.run(query(database, "SELECT scored FROM score_backfill"))
    assert 0 < int(str(stopped)) < 600
    asyncio.run(execute(database, "DROP TRIGGER wait ON agent_run_log"))
    done = json.loads(run_score(*SINCE, "--json").stdout)
    assert (done["scored"], done["skipped"], done["failed"]) == (600, 1, 0)


def test_a_terminal_shows_how_far_it_is(database: str) -> None:
    record(3)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [*RUNLOG, "score", *SINCE],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        timeout=120,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    assert done.stdout.startswith(b"Scored ")
    assert b"rubric" in os.read(ours, 65536)
    os.close(ours)


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("backfill",), 2, "--since"),
        (("backfill", "--since", "soon"), 2, "neither a duration"),
        (("backfill", "--since", "1d", "--until", "2d"), 2, "--until must be later than --since"),
        (("backfill", "--since", "1d", "--scorer", "judge"), 2, "judge"),
        (("backfill", "--since", "1d", "--version", "\x1b[2J"), 1, "there is no scorer rubric in version"),
        (("backfill", "--since", "1d", "--scorer", "reward"), 1, "there is no scorer reward here"),
    ],
)
def test_a_wrong_request_is_one_sentence(
    database: str, options: tuple[str, ...], status: int, message: str
) -> None:
    done = run_score(*options)
    assert done.returncode == status
    assert message in done.stderr
    assert "\x1b" not in done.stderr
