"""Scoring: the rubric alone, with its reads and writes, and end to end through Celery.

    .venv/bin/python benchmarks/scoring.py [--runs 10000] [--rounds 3] [--json]
    .venv/bin/python benchmarks/scoring.py --rate 1000 --seconds 60 [--json]

Everything runs on an embedded PostgreSQL with its stock settings, fsync on, and on an embedded Valkey,
with one worker process. The yardstick is the rubric, a pure function: what the rest costs, it adds.
With `--rate`, runs are posted to a real API at that rate instead, and what counts is how many seconds
after the last of them the last score is there. Quote the ratios: machines differ, and are noisy.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import asyncpg
from ingest import RUNLOG, running

from app.db.schema_sync import sync_schema
from app.domain.runs import Run
from app.domain.scoring import RunReport, score
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.ingest.dispatch import Dispatcher
from app.ingest.statements import store_runs
from app.tasks import runtime
from app.tasks.rlhf_tasks import score_agent_runs
from load import Connection

AGENTS = 50
BATCH = 250
HISTORY = 5
CONNECTIONS = 32
ENDPOINT = "/api/v1/internal/agent-run-log"
UNSCORED = "SELECT count(*) FROM agent_run_log WHERE rlhf_scores IS NULL"
Figures = dict[str, float]


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


def runs(count: int) -> list[Run]:
    """`count` runs, the agents in turn; the same ones each time."""
    chance = random.Random(1)
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


class Paced(Connection):
    """Sends its next run when it is due, or as soon after that as the last one is answered."""

    interval: float

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        due = self._due = getattr(self, "_due", loop.time() + random.random() * self.interval) + self.interval
        loop.call_at(due, super()._send)


async def sustained(url: str, port: int, rate: float, seconds: float) -> Figures:
    """Post `rate` runs/s for some seconds; how fast they were, and when the last score was there."""
    loop = asyncio.get_running_loop()
    Paced.interval = CONNECTIONS / rate
    made = [_request(run) for run in runs(CONNECTIONS * 100)]
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    connections = []
    for n in range(CONNECTIONS):
        _, connection = await loop.create_connection(
            lambda n=n: Paced(made[n::CONNECTIONS], until, latencies), "127.0.0.1", port
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    ended = time.perf_counter()
    connection = await asyncpg.connect(url)
    backlog = await connection.fetchval(UNSCORED)
    await connection.close()
    await scored(url, 0)
    latencies.sort()
    return {
        "rate": len(latencies) / seconds,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
        "errors": sum(connection.errors for connection in connections),
        "unscored_at_the_end": backlog,
        "last_score_after_s": time.perf_counter() - ended,
    }


def _request(run: Run) -> bytes:
    report = f'"agent_id":"{run.agent_id}","status":"{run.status}","actions_taken":{run.actions_json}'
    body = f"{{{report}}}".encode()
    head = f"POST {ENDPOINT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def servers() -> Iterator[str]:
    """PostgreSQL and Valkey for the time of the block, with the settings pointing at them."""
    with tempfile.TemporaryDirectory(prefix="runlog-benchmark-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103  # the servers may run as another account
        postgres = Postgres(Path(directory) / "postgres", password=secrets.token_hex(8), port=free_port())
        valkey = Valkey(Path(directory) / "valkey", password=secrets.token_hex(8), port=free_port())
        postgres.start()
        valkey.start()
        try:
            os.environ |= {
                "DATABASE_URL": postgres.url,
                "CELERY_BROKER_URL": valkey.url,
                "RUNLOG_DATA_DIR": directory,
                "RUNLOG_LOG_LEVEL": "warning",
            }
            asyncio.run(sync_schema(postgres.url))
            yield postgres.url
        finally:
            valkey.stop()
            postgres.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, help="post this many runs/s to a real API")
    parser.add_argument("--seconds", type=float, default=60, help="with --rate")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with servers() as url:
        if arguments.rate:
            show_sustained(arguments, url)
        else:
            show_speed(arguments, url)


def show_sustained(arguments: argparse.Namespace, url: str) -> None:
    port = free_port()
    serve = [*RUNLOG, "serve", "--port", str(port)]
    with running([*RUNLOG, "worker", "--concurrency", "1"], {}), running(serve, {}, port):
        figures = asyncio.run(sustained(url, port, arguments.rate, arguments.seconds))
    if arguments.json:
        print(json.dumps({"arguments": vars(arguments), "figures": figures}))
        return
    for name, value in figures.items():
        print(f"{name:20} {value:10.1f}")


def show_speed(arguments: argparse.Namespace, url: str) -> None:
    results: dict[str, list[float]] = {"rubric": [], "task": [], "end to end": []}
    for _ in range(arguments.rounds):
        results["rubric"].append(rubric(arguments.runs))
        results["task"].append(service(url, arguments.runs))
        results["end to end"].append(asyncio.run(end_to_end(url, arguments.runs)))
    medians = {name: median(rates) for name, rates in results.items()}
    if arguments.json:
        print(json.dumps({"arguments": vars(arguments), "medians": medians, "rounds": results}))
        return
    print(f"{'':12} {'runs/s':>8} {'of rubric':>10}")
    for name, rate in medians.items():
        print(f"{name:12} {rate:8.0f} {rate / medians['rubric']:10.2f}")


if __name__ == "__main__":
    main()
