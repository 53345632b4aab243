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
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from statistics import median, quantiles

import asyncpg
import httpx
from harness import RUNLOG, Figures, Servers, machine, postgres_tool, running, servers, table

from app.audit.cycle import audit
from app.config import get_settings
from app.db.engine import create_engine
from app.db.session import Database
from app.embedded.ports import free_port
from app.schema.sync import sync_schema
from app.services.agent_run_log_service import recent_runs
from app.wiring import audit_settings

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
            'auto', overall, 'scorer', 'rubric', 'version', '2', 'dimensions', jsonb_build_object(
                'progress', 1, 'evidence', overall, 'specificity', overall, 'honesty', 1, 'diagnosis', 1,
                'padding', 1, 'repetition', 0.95, 'gaming', 1, 'risk', 1),
            'reasons', jsonb_build_array('It says what it changed'), 'scored_at', created_at) END,
        created_at
    FROM (
        SELECT n, 'agent-' || n % $4 AS agent_id, round((0.5 + n % 500 / 1000.0)::numeric, 4) AS overall,
            now() - interval '90 days' * (1 - n / $3::float8) AS created_at
        FROM generate_series($1::bigint, $2::bigint) AS n
    ) AS run
    WHERE n % $4 >= 10 OR created_at < now() - interval '3 days'
"""
REPORT = "INSERT INTO agent_run_log (agent_id) SELECT 'agent-' || n FROM generate_series(10, 49) AS n"
COLUMNS = {
    "short p50 ms": ".1f",
    "p95 ms": ".1f",
    "long p50 ms": ".1f",
    "p95 ms, long": ".1f",
    "ratio": ".2f",
}
Read = Callable[[], Awaitable[object]]
Took = dict[str, dict[str, list[float]]]


async def fill(
    url: str, rows: int, agents: int = 50, sync: Callable[[str], Awaitable[object]] = sync_schema
) -> None:
    """A log of `rows` runs of so many agents, all that is derived from it included.

    `sync` gives a database the schema, and makes what is derived.
    """
    await sync(url)
    connection = await asyncpg.connect(url)
    await connection.execute(f"ALTER TABLE agent_run_log DISABLE TRIGGER USER; DROP INDEX {INDEXES}")
    for start in range(1, rows + 1, CHUNK):
        await connection.execute(FILL, start, min(start + CHUNK - 1, rows), rows, agents, timeout=600)
    await sync(url)
    await connection.execute("VACUUM ANALYZE", timeout=3600)
    await connection.close()


async def reads(url: str, stack: AsyncExitStack, env: Mapping[str, str]) -> dict[str, Read]:
    """What is measured of the database at `url`."""
    port = free_port()
    serve = [*RUNLOG, "serve", "--port", str(port)]
    own = {**env, "DATABASE_URL": url, "RUNLOG_LOG_LEVEL": "warning"}
    await asyncio.to_thread(stack.enter_context, running(serve, own, port))
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
            assert len((await audit(session, audit_settings(get_settings()))).open) == 10

    return {
        "intelligence": lambda: get("/api/v1/public/platform/intelligence"),
        "recent_runs": recent,
        "agents": lambda: get("/api/v1/internal/agents"),
        "audit cycle": cycle,
        "page /": lambda: get("/"),
    }


async def took(urls: Mapping[str, str], rounds: int, env: Mapping[str, str]) -> Took:
    """Milliseconds of each read, of the short log and of the long one in turn."""
    figures: Took = {}
    async with AsyncExitStack() as stack:
        logs = {name: await reads(url, stack, env) for name, url in urls.items()}
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
                    millis = 1000 * (time.perf_counter() - started)
                    if number >= 0:
                        figures.setdefault(read, {}).setdefault(name, []).append(millis)
        for connection in connections:
            await connection.close()
    return figures


async def filled(found: Servers, sizes: Mapping[str, int]) -> dict[str, str]:
    """The URLs of a database for each size of log."""
    for name, rows in sizes.items():
        postgres_tool("psql", found.env["DATABASE_URL"], "-qc", f"CREATE DATABASE {name}")
        started = time.perf_counter()
        await fill(found.database(name), rows)
        print(f"filled {rows} rows in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    postgres_tool("psql", found.env["DATABASE_URL"], "-qc", "CHECKPOINT")
    return {name: found.database(name) for name in sizes}


def measure(rows: int, base: int = 10_000, rounds: int = 200) -> dict[str, Figures]:
    """Each read's latency on a log of `base` rows and on one of `rows`, and the ratio of the medians."""
    with servers() as found:
        urls = asyncio.run(filled(found, {"short": base, "long": rows}))
        figures = asyncio.run(took(urls, rounds, found.env))
    return {
        read: {
            "short p50 ms": median(logs["short"]),
            "p95 ms": quantiles(logs["short"], n=20)[18],
            "long p50 ms": median(logs["long"]),
            "p95 ms, long": quantiles(logs["long"], n=20)[18],
            "ratio": median(logs["long"]) / median(logs["short"]),
        }
        for read, logs in figures.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the long log")
    parser.add_argument("--base", type=int, default=10_000, help="of the short log")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = measure(arguments.rows, arguments.base, arguments.rounds)
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "reads": results}))
    else:
        print(table(results, COLUMNS))


if __name__ == "__main__":
    main()
