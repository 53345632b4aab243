"""What an upgrade of the product's first version takes, while its processes go on reporting and scoring.

    .venv/bin/python benchmarks/upgrade.py [--rows 1000000] [--writers 8]

`runlog schema sync` runs on a log of so many scored runs of 50 agents. Every run that the old processes had
acknowledged, before, during and after it, must be there once, and what is derived must be what the log says.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import asyncpg
from harness import machine, servers

from app.schema.sync import find_drift, sync_schema

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.derived import check_derived
from support.first_version import FIRST_SCHEMA, SCORE, FirstVersion

AROUND = 5_000
"""Reports before the upgrade, and after it."""

FILL = """
    INSERT INTO agent_run_log
        (agent_id, actions_taken, action_summary, created_at, run_at, rlhf_scores)
    SELECT 'old-' || n % 50, jsonb_build_object('summary', 'run ' || n), 'run ' || n, at, at, $2::jsonb
    FROM generate_series(1, $1) AS n, LATERAL (SELECT now() - n * interval '2 seconds' AS at) AS t
"""
STATES = """
    INSERT INTO agent_run_state (agent_id, runs, silence_count, last_created_at)
    SELECT agent_id, count(*), 0, max(created_at) FROM agent_run_log GROUP BY agent_id
"""


async def measure(url: str, rows: int, writers: int) -> None:
    """Fill, upgrade under load, compare, and print."""
    db = await asyncpg.connect(url)
    await db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await db.execute(FIRST_SCHEMA)
    await db.execute(FILL, rows, SCORE)
    await db.execute(STATES)
    await db.execute("VACUUM ANALYZE")
    first = FirstVersion(url)
    first.begin(writers)
    await first.wait_for(AROUND)
    before, acknowledged = first.longest, len(first.acknowledged)
    first.longest = 0.0
    began = time.monotonic()
    await sync_schema(url)
    taken = time.monotonic() - began
    during = len(first.acknowledged) - acknowledged
    longest = first.longest
    await first.wait_for(AROUND)
    await first.end()
    kept = await db.fetch("SELECT id FROM agent_run_log WHERE agent_id NOT LIKE 'old-%'")
    stored = await db.fetchval("SELECT count(*) FROM agent_run_log")
    lost = len(set(first.acknowledged) - {row["id"] for row in kept})
    print(
        f"upgraded in {taken:.1f} s, meanwhile {during} reports, the longest {longest * 1000:.0f} ms"
        f" (before {before * 1000:.0f})"
    )
    print(
        f"{rows + len(first.acknowledged)} runs, {stored} stored, {lost} lost,"
        f" {sum(first.failures.values())} refused {dict(first.failures)}"
    )
    print(f"drift {await find_drift(url)}")
    await check_derived(db)
    print("what is derived is what the log says")
    await db.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=8)
    options = parser.parse_args()
    print(machine())
    with servers() as found:
        asyncio.run(measure(found.env["DATABASE_URL"], options.rows, options.writers))


if __name__ == "__main__":
    main()
