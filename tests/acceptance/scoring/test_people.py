"""Rating, reviewing, agreement and exports by the real command line."""

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.services.agent_run_log_service import write_run_log
from support.processes import RUNLOG, called

SECRET = "sk-abcdefghijklmnop1234"


def runlog(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; a traceback is never what it says."""
    done = called(*arguments)
    assert "Traceback" not in done.stderr + done.stdout
    return done


def lines(*arguments: str) -> list[dict[str, Any]]:
    """What a command prints, as JSON a line."""
    done = runlog(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def query(url: str, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    """Do something on a connection of its own."""

    async def connected() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


def record(*reports: dict[str, Any], agent: str = "sage", status: str = "success") -> list[UUID]:
    """Record runs; returns their ids."""

    async def write() -> list[UUID]:
        return [await write_run_log(agent, report, status) for report in reports]

    return asyncio.run(write())


def test_a_run_is_rated_and_rated_again(database: str) -> None:
    (run_id,) = record({"summary": "Fixed it"})
    first = runlog("rate", str(run_id), "0.25", "--rater", "ada", "--comment", "No tests")
    assert (first.returncode, first.stdout, first.stderr) == (0, f"ada rated {run_id} 0.25\n", "")
    assert runlog("rate", str(run_id), "1", "--rater", "\x1b[31mada").stdout.startswith("\ufffd[31mada rated")
    assert runlog("rate", str(run_id), "0.5", "--rater", "ada").returncode == 0
    assert runlog("rate", str(run_id), "0.75").returncode == 0
    found = query(database, lambda db: db.fetch("SELECT rater, rating, comment FROM agent_run_feedback"))
    assert len(found) == 3
    assert ("ada", 0.5, None) in map(tuple, found)


@pytest.mark.parametrize("rating", ["1.01", "nan", "inf", "good"])
def test_a_rating_out_of_range_is_wrong_usage(database: str, rating: str) -> None:
    (run_id,) = record({"summary": "Fixed it"})
    done = runlog("rate", str(run_id), rating, "--rater", "ada")
    assert (done.returncode, done.stdout) == (2, "")
    assert query(database, lambda db: db.fetchval("SELECT count(*) FROM agent_run_feedback")) == 0


def test_a_run_that_is_not_there_cannot_be_rated(database: str) -> None:
    run_id = uuid4()
    done = runlog("rate", str(run_id), "1")
    assert (done.returncode, done.stderr) == (1, f"runlog: there is no run {run_id}\n")


def test_the_queue_shows_what_to_rate_next(database: str) -> None:
    first, second = record({"summary": "Did \x1b[31mit"}, {"summary": "Did that"})
    shown = runlog("score", "review")
    assert shown.returncode == 0
    assert all(text in shown.stdout for text in (str(first), str(second), "Did that", "the agent is new"))
    assert "\x1b" not in shown.stdout
    runlog("rate", str(first), "1", "--rater", "ada")
    assert [run["id"] for run in lines("score", "review", "--rater", "ada", "--json")] == [str(second)]
    runlog("rate", str(second), "1", "--rater", "ada")
    assert runlog("score", "review", "--rater", "ada").stdout == "No recent run waits for a rating\n"


def test_agreement_is_shown_with_its_intervals(database: str) -> None:
    assert runlog("score", "agreement").stdout == "No ratings yet\n"
    run_ids = record(*({"n": n} for n in range(6)))
    results = [(run_id, number / 10) for number, run_id in enumerate(run_ids)]

    async def judge(db: asyncpg.Connection) -> None:
        await db.executemany(
            "INSERT INTO agent_run_score (run_id, scorer, version, auto) VALUES ($1, 'judge', 'm', $2)",
            results,
        )
        await db.executemany(
            "INSERT INTO agent_run_feedback (run_id, rater, rating) VALUES ($1, 'ada', $2)", results
        )

    query(database, judge)
    shown = runlog("score", "agreement", "--since", "1d")
    assert shown.returncode == 0
    assert "judge m" in shown.stdout
    assert "1.00 (" in shown.stdout
    (found,) = lines("score", "agreement", "--json")
    judged = {each["scorer"]: each for each in found["scorers"]}["judge"]
    assert (judged["runs"], judged["ratings"], judged["pairwise"]["value"]) == (6, 6, 1)


def rate(url: str, ratings: dict[UUID, float], rater: str = "ada", comment: str | None = None) -> None:
    """Store ratings."""
    rows = [(run_id, rater, rating, comment) for run_id, rating in ratings.items()]
    statement = "INSERT INTO agent_run_feedback (run_id, rater, rating, comment) VALUES ($1, $2, $3, $4)"
    query(url, lambda db: db.executemany(statement, rows))


def test_preferences_have_the_form_that_trl_reads(database: str) -> None:
    good, bad = {"summary": "Fixed it", "tests": 14, "token": SECRET}, {"summary": f"Used {SECRET}"}
    (before,) = record({"summary": f"Looked around with {SECRET}"}, status="partial")
    better, worse = record(good, bad)
    record({"summary": "not rated"})
    rate(database, {better: 0.9, worse: 0.2, before: 0.8})
    (pair, other) = lines("export", "preferences")
    assert set(pair) == {
        *("prompt", "chosen", "rejected", "agent_id", "by"),
        *("chosen_run_id", "rejected_run_id", "chosen_rating", "rejected_rating"),
    }
    assert [(message["role"]) for key in ("prompt", "chosen", "rejected") for message in pair[key]] == [
        "user",
        "assistant",
        "assistant",
    ]
    assert json.loads(pair["chosen"][0]["content"]) == {
        "status": "success",
        "actions_taken": {"summary": "Fixed it", "tests": 14, "token": "[redacted]"},
    }
    assert json.loads(pair["rejected"][0]["content"])["actions_taken"] == {"summary": "Used [redacted]"}
    assert "Sage -- Backend" in pair["prompt"][0]["content"]
    assert "- partial: Looked around with [redacted]" in pair["prompt"][0]["content"]
    assert (pair["chosen_run_id"], pair["rejected_run_id"]) == (str(better), str(worse))
    assert (pair["chosen_rating"], pair["rejected_rating"], pair["by"]) == (0.9, 0.2, "human")
    assert (other["chosen_run_id"], other["rejected_run_id"]) == (str(before), str(worse))
    assert SECRET not in json.dumps([pair, other])
    assert len(lines("export", "preferences", "--min-gap", "0.65")) == 1
    assert lines("export", "preferences", "--since", "2999-01-01") == []


def test_preferences_by_overall_need_no_rating(database: str, tmp_path: Path) -> None:
    for agent in ("sage", "nova"):
        for report in ({"n": 1}, {"n": 2}):
            record(report, agent=agent)
    overall = """UPDATE agent_run_log
        SET rlhf_scores = jsonb_build_object('overall', 0.3 * (actions_taken ->> 'n')::int)"""
    query(database, lambda db: db.execute(overall))
    assert lines("export", "preferences") == []
    pairs = lines("export", "preferences", "--by", "overall")
    assert [(pair["agent_id"], pair["chosen_rating"]) for pair in pairs] == [("nova", 0.6), ("sage", 0.6)]
    out = tmp_path / "pairs.jsonl"
    done = runlog("export", "preferences", "--by", "overall", "--out", str(out))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "wrote 2 lines\n")
    assert [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] == pairs


def test_reports_that_read_the_same_make_no_pair(database: str) -> None:
    first, second = record({"summary": "Did it"}, {"summary": "Did it"})
    rate(database, {first: 0.1, second: 0.9})
    assert lines("export", "preferences") == []


def test_every_rating_is_exported_once_with_its_report(database: str) -> None:
    run_ids = record(*({"n": n, "password": "hunter2hunter2"} for n in range(25)))
    for rater in ("ada", "bob"):
        rate(database, dict.fromkeys(run_ids, 0.5), rater, f"{rater} saw {SECRET}")
    found = lines("export", "ratings")
    assert [(line["run_id"], line["rater"]) for line in found] == [
        (str(run_id), rater) for run_id in sorted(run_ids) for rater in ("ada", "bob")
    ]
    assert set(found[0]) == {
        *("run_id", "agent_id", "status", "actions_taken", "rating", "rater", "comment", "created_at"),
    }
    assert found[0]["actions_taken"] == {"n": 0, "password": "[redacted]"}
    assert found[0]["comment"] == "ada saw [redacted]"
    assert found == lines("export", "ratings", "--since", "1h")
    assert lines("export", "ratings", "--since", "2999-01-01") == []


@pytest.mark.parametrize("what", ["ratings", "preferences"])
def test_a_full_disk_is_a_sentence(database: str, what: str) -> None:
    first, second = record({"n": 1}, {"n": 2})
    rate(database, {first: 0.1, second: 0.9})
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*RUNLOG, "export", what], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"runlog: No space left on device\n")
    done_to = runlog("export", what, "--out", "/dev/full")
    assert (done_to.returncode, done_to.stderr) == (1, "runlog: No space left on device\n")


@pytest.mark.parametrize(
    "command", ["export ratings", "export preferences", "score review", "score agreement"]
)
def test_a_database_that_is_away_is_a_sentence(command: str) -> None:
    done = called(*command.split(), DATABASE_URL="postgresql://u:p@127.0.0.1:1/db")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("runlog: the database cannot be reached")
