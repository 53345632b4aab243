"""Scoring: the rubric alone, with its reads and writes, and end to end through Celery.

    .venv/bin/python benchmarks/scoring.py [--runs 10000] [--rounds 3] [--json]

With one worker process. The yardstick is the rubric, a pure function: what the rest costs, it adds.
"""

import argparse
import asyncio
import json
import os
import random
import time
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
from harness import RUNLOG, Figures, machine, running, servers, table

from app.config import get_settings
from app.runs.dispatch import Dispatcher
from app.runs.run import Run
from app.runs.statements import store_runs
from app.scoring.rubric import RunReport, score
from app.scoring.rubric.calibration import HISTORY
from app.tasks import runtime
from app.tasks.rlhf_tasks import score_agent_runs
from support.log_changes import UNGUARD

AGENTS = 50
BATCH = 500
UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"
COLUMNS = {"runs/s": ".0f", "of the rubric": ".2f"}


def report(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Status and payload of a run, as the agents of a small company might report."""
    n, k = chance.randrange(20, 9000), chance.randrange(1, 9)
    sha = f"{chance.randrange(16**8):08x}"
    reports: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            "success",
            {
                "summary": f"Fixed database connection pool leak in session_{k}.py",
                "files_changed": [f"src/backend/app/db/session_{k}.py", "tests/db/test_session.py"],
                "tests_run": n,
                "tests_passed": n,
                "pr_created": f"#{n}",
                "commit": sha,
            },
        ),
        (
            "partial",
            {
                "summary": f"Ran QA suite; {k} of {k + 2} test suites passed",
                "suites_total": k + 2,
                "suites_passed": k,
                "failures": ["test_billing_edge_cases", "test_oauth_refresh"],
            },
        ),
        (
            "failed",
            {
                "summary": f"Security scan aborted: dependency resolution timeout after {n} packages",
                "error": f"pip install timed out after {k * 30}s",
                "log": f"s3://ci-logs/{sha}/scan.log",
            },
        ),
        (
            "success",
            {
                "summary": f"orders 2026-03-{10 + k} loaded: {n} in, {n - k} out, {k} quarantined"
                " (duplicate order_id). Sum(amount_cents) equals source.",
                "target": "wh.fct_orders",
                "quarantine": f"s3://dl-quarantine/orders/2026-03-{10 + k}/part-{k}.parquet",
                "rows": {"read": n, "written": n - k, "rejected": k},
                "duration_ms": n * 3,
            },
        ),
        ("success", {"no_op": True, "reason": f"No new tickets since run {n}"}),
    )
    return chance.choice(reports)


def runs(count: int, seed: int = 1) -> list[Run]:
    """`count` runs, the agents in turn; the same ones each time, for each seed."""
    chance = random.Random(seed)
    made = []
    for n in range(count):
        status, actions = report(chance)
        text = json.dumps(actions)
        made.append(Run(f"agent-{n % AGENTS}", status, text, actions.get("summary"), silent=False))
    return made


def rubric(count: int) -> float:
    """Scores/s without any I/O, each with the agent's five runs before it."""
    reports = [RunReport(run.agent_id, run.status, json.loads(run.actions_json)) for run in runs(count)]
    started = time.perf_counter()
    for n, run in enumerate(reports):
        score(run, reports[n - HISTORY * AGENTS if n > HISTORY * AGENTS else n % AGENTS : n : AGENTS])
    return count / (time.perf_counter() - started)


async def fill(url: str, count: int) -> list[UUID]:
    """Empty the log and record `count` unscored runs, as the API records them."""
    made = runs(count)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(UNGUARD)
        await connection.execute("TRUNCATE agent_run_log, agent_run_state CASCADE")
        for start in range(0, count, BATCH):
            await store_runs(connection, made[start : start + BATCH], retried=False)
        await connection.execute("VACUUM ANALYZE agent_run_log")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return [run.id for run in made]


def service(url: str, count: int) -> float:
    """Runs/s of the task itself, called in this process."""
    run_ids = [str(run_id) for run_id in asyncio.run(fill(url, count))]
    runtime.start()
    score_agent_runs.run(run_ids[:1])  # connects
    started = time.perf_counter()
    for start in range(0, count, BATCH):
        score_agent_runs.run(run_ids[start : start + BATCH])
    rate = count / (time.perf_counter() - started)
    runtime.stop()
    return rate


async def end_to_end(url: str, count: int) -> float:
    """Runs/s from the hand-over to Celery until the last score is there, with a worker that is up."""
    run_ids = await fill(url, count)
    dispatcher = Dispatcher(os.environ["CELERY_BROKER_URL"])
    with running([*RUNLOG, "worker", "--concurrency", "1"], {}):
        dispatcher.enqueue(run_ids[:1])
        await scored(url, count - 1)
        started = time.perf_counter()
        dispatcher.enqueue(run_ids[1:])
        await scored(url, 0)
        rate = count / (time.perf_counter() - started)
    await dispatcher.close()
    return rate


async def scored(url: str, left: int) -> None:
    """Wait until only `left` runs have no score."""
    connection = await asyncpg.connect(url)
    try:
        while await connection.fetchval(UNSCORED) > left:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


def measure(count: int, rounds: int) -> dict[str, Figures]:
    """The medians over `rounds` rounds, with the environment pointing at servers of its own."""
    results: dict[str, list[float]] = {"rubric": [], "task": [], "end to end": []}
    with servers() as found:
        os.environ |= {**found.env, "RUNLOG_LOG_LEVEL": "warning"}
        get_settings.cache_clear()
        url = found.env["DATABASE_URL"]
        for _ in range(rounds):
            results["rubric"].append(rubric(count))
            results["task"].append(service(url, count))
            results["end to end"].append(asyncio.run(end_to_end(url, count)))
    medians = {name: median(rates) for name, rates in results.items()}
    return {
        name: {"runs/s": rate, "of the rubric": rate / medians["rubric"]} for name, rate in medians.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.runs, arguments.rounds)
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "scoring": results}))
    else:
        print(table(results, COLUMNS))


if __name__ == "__main__":
    main()
