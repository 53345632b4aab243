"""What partitions by month cost ingest, and how long writers wait while a log is turned over.

    .venv/bin/python benchmarks/partitions.py [--seconds 5] [--rounds 5] [--rows 1000000]

Two databases are written to in turn, on one embedded PostgreSQL with its stock settings: one by months, the
other not. Then a log of `--rows` runs is turned over while two writers record runs one after the other, each
as soon as its last one is committed. Quote the ratio, and the longest time that a run took.
"""

import argparse
import asyncio
import os
import time
from statistics import median

from harness import Figures, Servers, in_turn, load, postgres_tool, runlog_with, running, servers, table

from app.config import get_settings
from app.embedded.ports import free_port
from app.schema.partition import partition_log
from app.schema.sync import sync_schema
from app.services.agent_run_log_service import write_run_log

CLIENTS = 32
RUNLOG = runlog_with([])
CHUNK = 100_000  # runs in a statement
# By ids of the present, as the product makes them.
FILL = """
SET session_replication_role = replica;
INSERT INTO agent_run_log (id, agent_id, action_summary, actions_taken)
SELECT CAST(lpad(to_hex(CAST(floor(extract(epoch FROM now()) * 1000) AS bigint)), 12, '0') || '7000a'
        || substr(md5(CAST(n AS text)), 1, 15) AS uuid), 'agent-' || n % 50, 'Handled ' || n || ' requests',
    jsonb_build_object('summary', 'Handled ' || n || ' requests', 'requests', n,
        'hosts', jsonb_build_array('loki-' || n % 7, 'redis-' || n % 3), 'seconds', n % 97)
FROM generate_series({}, {}) AS n
"""


def ingest(found: Servers, url: str, seconds: float) -> Figures:
    """Runs a second, of which none is scored meanwhile."""
    env = {**found.env, "DATABASE_URL": url}
    port = free_port()
    postgres_tool("psql", url, "-qc", "CHECKPOINT")
    with running([*RUNLOG, "serve", "--port", str(port)], env, port):
        load(port, CLIENTS, 1)
        return {"runs/s": load(port, CLIENTS, seconds)["rate"]}


async def turn_over(url: str) -> dict[str, float]:
    """Turn the log at `url` over while two agents report; what their runs took, in seconds."""
    took: list[float] = []
    ended = False

    async def report(agent: str) -> None:
        while not ended:
            start = time.perf_counter()
            await write_run_log(agent, {"summary": "did something"})
            took.append(time.perf_counter() - start)

    writers = [asyncio.create_task(report(agent)) for agent in ("sage", "nova")]
    await asyncio.sleep(2)
    before, start = len(took), time.perf_counter()
    await partition_log(url)
    turned = time.perf_counter() - start
    during = took[before:]
    ended = True
    await asyncio.gather(*writers)
    return {
        "turn-over s": turned,
        "runs meanwhile": len(during),
        "median ms": median(during) * 1000,
        "longest ms": max(during) * 1000,
        "longest before ms": max(took[:before]) * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with servers() as found:
        plain = found.env["DATABASE_URL"]
        urls = {}
        for name in ("by_months", "turned"):
            postgres_tool("psql", plain, "-qc", f"CREATE DATABASE {name}")
            urls[name] = found.database(name)
            asyncio.run(sync_schema(urls[name]))
        asyncio.run(partition_log(urls["by_months"]))
        takers = {
            "one table": lambda: ingest(found, plain, arguments.seconds),
            "by months": lambda: ingest(found, urls["by_months"], arguments.seconds),
        }
        rows = in_turn(takers, arguments.rounds)
        print(table(rows, {"runs/s": ".0f", "of one table": ".3f"}))
        for first in range(1, arguments.rows + 1, CHUNK):
            last = min(first + CHUNK - 1, arguments.rows)
            postgres_tool("psql", urls["turned"], "-qc", FILL.format(first, last))
        os.environ["DATABASE_URL"] = urls["turned"]
        get_settings.cache_clear()
        figures = asyncio.run(turn_over(urls["turned"]))
        print(table({f"{arguments.rows:,} runs": figures}, dict.fromkeys(figures, ".1f")))


if __name__ == "__main__":
    main()
