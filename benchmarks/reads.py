"""Reads of a long log against the same reads of a short one, in turn.

    .venv/bin/python benchmarks/reads.py [--rows 10000000] [--base 10000] [--rounds 200] [--json]

Both logs are of the same 50 agents over the last 90 days, scored but for the newest runs; ten agents
have been quiet for three days. Everything runs on one embedded PostgreSQL with its stock settings,
fsync on. Quote the ratios: machines differ, and are noisy. Ten million rows take some minutes to fill
and 12 GB in the directory for temporary files.
"""

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import asyncpg
import httpx
from ingest import RUNLOG, running

from app.db.engine import create_engine
from app.db.schema_sync import sync_schema
from app.db.session import Database
from app.embedded.ports import free_port
from app.embedded.postgres import Postgres
from app.services.agent_run_log_service import recent_runs
from app.services.auditor_service import audit

CHUNK = 200_000
INDEXES = (
    "idx_agent_run_log_agent_id, idx_agent_run_log_created_at, idx_agent_run_log_status,"
    " idx_agent_run_log_agent_created, idx_agent_run_log_unscored"
)
FILL = """
    INSERT INTO agent_run_log
        (agent_id, run_at, action_summary, actions_taken, status, rlhf_scores, created_at)
    SELECT agent_id, created_at, 'Fixed the connection pool leak in module ' || n,
        jsonb_build_object('summary', 'Fixed the connection pool leak in module ' || n, 'files_changed',
            jsonb_build_array('src/backend/app/db/session.py'), 'tests_run', n % 40, 'pr_created', '#' || n),
        (ARRAY['success', 'success', 'success', 'partial', 'failed'])[1 + n / 50 % 5],
        CASE WHEN created_at < now() - interval '1 hour' THEN jsonb_build_object('overall', overall,
            'auto', overall, 'scorer', 'rubric', 'version', '1', 'dimensions', jsonb_build_object(
                'outcome', 1, 'evidence', overall, 'specificity', overall, 'consistency', 1, 'novelty', 0.5),
            'reasons', jsonb_build_array('It says what it changed'), 'scored_at', created_at) END,
        created_at
    FROM (
        SELECT n, 'agent-' || n % 50 AS agent_id, round((0.5 + n % 500 / 1000.0)::numeric, 4) AS overall,
            now() - interval '90 days' * (1 - n / $3::float8) AS created_at
        FROM generate_series($1::bigint, $2::bigint) AS n
    ) AS run
    WHERE n % 50 >= 10 OR created_at < now() - interval '3 days'
"""
REPORT = "INSERT INTO agent_run_log (agent_id) SELECT 'agent-' || n FROM generate_series(10, 49) AS n"
Read = Callable[[], Awaitable[object]]
Figures = dict[str, dict[str, list[float]]]


async def fill(url: str, rows: int) -> None:
    """A log of `rows` runs, all that is derived from it included."""
    await sync_schema(url)
    connection = await asyncpg.connect(url)
    await connection.execute(f"ALTER TABLE agent_run_log DISABLE TRIGGER USER; DROP INDEX {INDEXES}")
    for start in range(1, rows + 1, CHUNK):
        await connection.execute(FILL, start, min(start + CHUNK - 1, rows), rows, timeout=600)
    await sync_schema(url)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    await connection.close()


async def reads(url: str, stack: AsyncExitStack, data: str) -> dict[str, Read]:
    """What is measured of the database at `url`."""
    port = free_port()
    env = {"DATABASE_URL": url, "RUNLOG_DATA_DIR": data, "RUNLOG_LOG_LEVEL": "warning"}
    # Without a broker: nothing is recorded over HTTP here.
    env["CELERY_BROKER_URL"] = "redis://127.0.0.1:1/0"
    await asyncio.to_thread(stack.enter_context, running([*RUNLOG, "serve", "--port", str(port)], env, port))
    client = await stack.enter_async_context(
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
    )
    database = Database(create_engine(url, pool_size=1, timeout=600))
    stack.push_async_callback(database.close)

    async def get(path: str) -> None:
        (await client.get(path)).raise_for_status()

    async def recent() -> None:
        async with database.sessions.begin() as session:
            assert len(await recent_runs(limit=100, session=session)) == 100

    async def cycle() -> None:
        async with database.sessions.begin() as session:
            assert len((await audit(session)).open) == 10

    return {
        "intelligence": lambda: get("/api/v1/public/platform/intelligence"),
        "recent_runs": recent,
        "agents": lambda: get("/api/v1/internal/agents"),
        "audit cycle": cycle,
    }


async def measure(urls: dict[str, str], rounds: int, data: str) -> Figures:
    """Milliseconds of each read, of the short log and of the long one in turn."""
    figures: Figures = {}
    async with AsyncExitStack() as stack:
        logs = {name: await reads(url, stack, data) for name, url in urls.items()}
        connections = [await asyncpg.connect(url) for url in urls.values()]
        for number in range(-5, rounds):
            if number % 50 == 0:
                # Else what the fleet looks like would depend on how long the filling took.
                for connection in connections:
                    await connection.execute(REPORT)
            for name in sorted(logs, reverse=number % 2 > 0):
                for read, call in logs[name].items():
                    started = time.perf_counter()
                    await call()
                    took = 1000 * (time.perf_counter() - started)
                    if number >= 0:
                        figures.setdefault(read, {}).setdefault(name, []).append(took)
        for connection in connections:
            await connection.close()
    return figures


async def run(server_url: str, arguments: argparse.Namespace, data: str) -> Figures:
    urls = {}
    connection = await asyncpg.connect(server_url)
    for name, rows in (("short", arguments.base), ("long", arguments.rows)):
        await connection.execute(f"CREATE DATABASE {name}")
        urls[name] = urlsplit(server_url)._replace(path=f"/{name}").geturl()
        started = time.perf_counter()
        await fill(urls[name], rows)
        print(f"filled {rows} rows in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    await connection.execute("CHECKPOINT", timeout=600)
    await connection.close()
    return await measure(urls, arguments.rounds, data)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the long log")
    parser.add_argument("--base", type=int, default=10_000, help="of the short log")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="runlog-benchmark-") as directory:
        os.chmod(directory, 0o755)  # noqa: PTH101, S103  # the server may run as another account
        postgres = Postgres(Path(directory) / "postgres", password=secrets.token_hex(8), port=free_port())
        postgres.start()
        try:
            figures = asyncio.run(run(postgres.url, arguments, directory))
        finally:
            postgres.stop()
    p50 = {read: {name: median(took) for name, took in logs.items()} for read, logs in figures.items()}
    p95 = {
        read: {name: quantiles(took, n=20)[18] for name, took in logs.items()}
        for read, logs in figures.items()
    }
    ratios = {read: logs["long"] / logs["short"] for read, logs in p50.items()}
    if arguments.json:
        print(json.dumps({"arguments": vars(arguments), "p50_ms": p50, "p95_ms": p95, "ratios": ratios}))
        return
    print(f"{'':14} {'short p50':>10} {'p95 ms':>8} {'long p50':>10} {'p95 ms':>8} {'ratio':>6}")
    for read, logs in p50.items():
        print(
            f"{read:14} {logs['short']:10.1f} {p95[read]['short']:8.1f} {logs['long']:10.1f}"
            f" {p95[read]['long']:8.1f} {ratios[read]:6.2f}"
        )


if __name__ == "__main__":
    main()
