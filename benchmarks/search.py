"""How fast the log is searched by a text, and what its index costs.

    .venv/bin/python benchmarks/search.py [--rows 1000000]

Reports of an invented company (`simulated_reports.py`), each with a hash of its own, are copied into the log
of an embedded PostgreSQL, and get leaves without a hash, for it is not the seal that is measured. The index
is made as the worker makes it. Then pages of 100 runs are asked for, by parts of hashes that one run has, by
words that many have, and by words that none has, and once by a look at every run, which is the yardstick.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Iterable
from statistics import median, quantiles

import asyncpg
from harness import machine, servers, table
from simulated_reports import simulated_reports

from app.config import get_settings
from app.db.session import close_database, transaction
from app.runs.listing import list_runs
from app.runs.search.index import index_more

TEXTS = 20_000
STEP = 250_000  # rows of a statement
COMMON = (
    "reconcile",
    "expired certificate",
    "token store",
    "tests_run",
    "deployment",
    "rotate",
    "price list",
)
NOWHERE = ("kubernetes", "zebra crossing", "ENOSPC", "straße")
FILL = """
    INSERT INTO agent_run_log (id, agent_id, created_at, actions_taken)
    SELECT
        CAST(lpad(to_hex(CAST(floor(extract(epoch FROM at) * 1000) AS bigint)), 12, '0') || '7000a'
            || substr(md5(CAST(n AS text)), 1, 15) AS uuid),
        'agent-' || n % 50, at, jsonb_set(report, '{{trace}}', to_jsonb(md5('trace ' || n)))
    FROM (
        SELECT n, now() - interval '1 second' * ({rows} - n) AS at FROM generate_series({first}, {last}) AS n
    ) AS run
    JOIN reports ON place = CAST(n AS bigint) * 7919 % {texts}
"""
SEAL = """
    INSERT INTO seal_leaf (leaf_index, kind, run_id, leaf_hash)
    SELECT row_number() OVER (ORDER BY created_at) - 1, 'run', id, '' FROM agent_run_log;
    INSERT INTO seal_adoption (id, ended_at) VALUES (1, now())
"""
SIZES = ("agent_run_log", "search_block", "idx_search_block_items")
COLUMNS = {"p50 ms": ".1f", "p95 ms": ".1f", "most ms": ".1f", "runs": ".0f"}


async def fill(db: asyncpg.Connection, rows: int) -> None:
    """Write the runs and their leaves."""
    await db.execute("CREATE TABLE reports (place bigint PRIMARY KEY, report jsonb)")
    reports = [json.dumps(report.actions_taken) for report in simulated_reports(TEXTS, seed=1)]
    await db.copy_records_to_table("reports", records=list(enumerate(reports)))
    await db.execute("SET session_replication_role = replica")  # what triggers keep is not read
    for first in range(0, rows, STEP):
        last = min(first + STEP, rows) - 1
        await db.execute(FILL.format(rows=rows, first=first, last=last, texts=TEXTS))
    await db.execute(SEAL)
    await db.execute("VACUUM ANALYZE")


async def make_index() -> None:
    """As the task does."""
    more = True
    while more:
        async with transaction() as session:
            more = await index_more(session)


async def search(words: Iterable[str]) -> dict[str, float]:
    """The times of a first page, three times each."""
    times, found = [], 0
    for word in words:
        for _ in range(3):
            started = time.perf_counter()
            async with transaction() as session:
                page = await list_runs(session, limit=100, q=word)
            times.append((time.perf_counter() - started) * 1000)
            found += len(page.runs)
    p95 = quantiles(times, n=20)[-1]
    return {"p50 ms": median(times), "p95 ms": p95, "most ms": max(times), "runs": found / len(times)}


async def look_at_every_run(db: asyncpg.Connection, word: str) -> dict[str, float]:
    """The time of a statement without an index."""
    statement = "SELECT id FROM agent_run_log WHERE CAST(actions_taken AS text) ILIKE $1"
    started = time.perf_counter()
    rows = await db.fetch(statement, f"%{word}%", timeout=600)
    taken = (time.perf_counter() - started) * 1000
    return {"p50 ms": taken, "p95 ms": taken, "most ms": taken, "runs": len(rows)}


async def measure(url: str, rows: int) -> None:
    """Fill, index, search, and print what that took."""
    db = await asyncpg.connect(url)
    await fill(db, rows)
    started, used = time.perf_counter(), time.process_time()
    await make_index()
    taken, used = time.perf_counter() - started, time.process_time() - used
    print(f"{rows:,} runs indexed in {taken:.0f} s, {used:.0f} s of it the worker's processor time")
    for name in SIZES:
        size = await db.fetchval("SELECT pg_total_relation_size(to_regclass($1))", name)
        print(f"{name}: {size / rows:.0f} bytes a run")
    chance = random.Random(1)
    hashes = [
        await db.fetchval("SELECT substr(md5('trace ' || $1), 5, 12)", str(chance.randrange(rows)))
        for _ in range(20)
    ]
    figures = {
        "a part of one run's hash": await search(hashes),
        "a common word": await search(COMMON),
        "a word of no run": await search(NOWHERE),
        "a look at every run": await look_at_every_run(db, hashes[0]),
    }
    print(table(figures, COLUMNS))
    await db.close()
    await close_database()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    print(machine())
    with servers() as found:
        os.environ |= found.env | {"RUNLOG_DATABASE_TIMEOUT": "600"}
        get_settings.cache_clear()
        asyncio.run(measure(found.env["DATABASE_URL"], options.rows))


if __name__ == "__main__":
    main()
