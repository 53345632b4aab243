"""`runlog score train`, `models` and `rollback`, as a person types them."""

import asyncio
import json
import subprocess

import asyncpg
import pytest
from simulated_raters import make_raters, ratings_of, worth
from simulated_reports import simulated_reports

from app.db.session import transaction
from app.scoring.pipeline import score_runs
from app.scoring.rubric import score
from app.services.agent_run_log_service import write_run_log
from support.processes import RUNLOG, called


def runlog(*arguments: str) -> subprocess.CompletedProcess[str]:
    return called("score", *arguments)


async def record_and_rate(database: str) -> None:
    """Runs that people who love brevity have rated."""
    runs = simulated_reports(200, seed=8)
    run_ids = await asyncio.gather(
        *(write_run_log(run.agent_id, dict(run.actions_taken), run.status) for run in runs)
    )
    async with transaction() as session:
        await score_runs(session, run_ids)
    given = ratings_of(worth("brevity", runs, [score(run) for run in runs]), make_raters(3, 1), len(runs), 1)
    rows = [(run_ids[each.run], each.rater, each.rating) for each in given]
    db = await asyncpg.connect(database)
    await db.executemany("INSERT INTO agent_run_feedback (run_id, rater, rating) VALUES ($1, $2, $3)", rows)
    await db.close()


def test_train_list_and_go_back(database: str) -> None:
    asyncio.run(record_and_rate(database))
    command = [*RUNLOG, "score", "train"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("version 1: promoted\nagrees with people on ")
    (listed,) = [json.loads(line) for line in runlog("models", "--json").stdout.splitlines()]
    assert (listed["version"], listed["state"], listed["ratings"]) == (1, "promoted", 200)
    assert listed["report"]["against"]["rubric"]["at_least"] > 0
    assert "promoted" in runlog("models").stdout
    assert runlog("rollback").stdout == "no reward model is in force now; the rubric scores runs\n"
    assert runlog("rollback", "1").stdout == "version 1 is in force now\n"
    trained = json.loads(runlog("train", "--json").stdout)
    assert (trained["version"], trained["state"]) == (2, "rejected")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("command", "error"),
    [
        (("train",), "there are too few ratings to learn from so far"),
        (("rollback",), "no reward model is in force; the rubric scores runs"),
        (("rollback", "7"), "version 7 is none that was promoted, with this version of the rubric"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command: tuple[str, ...], error: str) -> None:
    done = runlog(*command)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"runlog: {error}\n")


@pytest.mark.usefixtures("database")
def test_no_models_are_no_error() -> None:
    assert runlog("models").stdout == "No reward model so far; the rubric scores runs\n"
    assert runlog("models", "--json").stdout == ""
