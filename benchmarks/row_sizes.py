"""What a run takes on disk and of the log of writes, structure by structure.

    .venv/bin/python benchmarks/row_sizes.py [--runs 100000] [--scored-every 500] [--json]

Every run has a payload of its own, of some 185 bytes, and a run key. Runs are recorded as the API does it and
scored as the worker does it, `--scored-every` runs at a time. That is done twice, each time followed by a
VACUUM, as autovacuum does it from time to time: the second turn shows by how much a log grows that uses again
what the first left free. Keys are forgotten after a while, and their table grows no more then. Each turn
begins with a checkpoint, for the log of writes (WAL).
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence

import asyncpg
from harness import Figures, machine, servers, table
from scoring import runs as made_runs

from app.config import get_settings
from app.db.session import transaction
from app.runs.run import Run
from app.runs.statements import store_runs
from app.scoring.pipeline import score_runs

BATCH = 200  # runs in a commit: what gathers under load
SCORED = 500  # runs in a task, as `tasks.BATCH_SIZE`
TURNS = ("first", "growth")

_SIZES = """
SELECT owner.relname AS owner, part.relname AS part, part.kind, pg_relation_size(part.oid, fork) AS bytes
FROM pg_class AS owner
CROSS JOIN LATERAL (
    SELECT oid, relname, 'heap' AS kind FROM pg_class WHERE oid = owner.oid
    UNION ALL SELECT oid, relname, 'TOAST' FROM pg_class WHERE oid = owner.reltoastrelid
    UNION ALL SELECT pg_class.oid, relname, 'index' FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid IN (owner.oid, owner.reltoastrelid)
) AS part
CROSS JOIN unnest(ARRAY['main', 'fsm', 'vm']) AS fork
WHERE owner.relkind = 'r' AND owner.relnamespace = 'public'::regnamespace
"""
_UPDATES = """
SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'agent_run_log'
"""


def keyed_runs(count: int, seed: int) -> Iterator[Run]:
    """`count` runs with run keys, which differ from those of another seed."""
    for n, run in enumerate(made_runs(count, seed)):
        key = f"{run.agent_id}-2026-11-{1 + seed:02}T{n:08}"
        yield Run(run.agent_id, run.status, run.actions_json, run.summary, silent=False, idempotency_key=key)


async def turn(db: asyncpg.Connection, count: int, seed: int, scored_every: int) -> dict[str, int]:
    """Record and score `count` runs; returns the bytes of WAL that each of both wrote."""
    runs = list(keyed_runs(count, seed))
    written = {"ingest": 0, "scoring": 0}
    await db.execute("CHECKPOINT")
    for start in range(0, count, scored_every):
        part = runs[start : start + scored_every]
        before = await wal_position(db)
        for first in range(0, len(part), BATCH):
            await store_runs(db, part[first : first + BATCH], retried=False)
        recorded = await wal_position(db)
        for first in range(0, len(part), SCORED):
            async with transaction() as session:
                await score_runs(session, [run.id for run in part[first : first + SCORED]])
        written["ingest"] += recorded - before
        written["scoring"] += await wal_position(db) - recorded
    return written


async def wal_position(db: asyncpg.Connection) -> int:
    """Bytes that the server has written to its log of writes."""
    return int(await db.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'"))


async def sizes(db: asyncpg.Connection) -> dict[str, int]:
    """Bytes of every structure by its name."""
    found: dict[str, int] = {}
    for owner, part, kind, size in await db.fetch(_SIZES):
        name = f"{owner}, {kind}" if kind != "index" else f"{owner}, index {part.removeprefix('idx_')}"
        found[name] = found.get(name, 0) + size
    return found


async def measure(url: str, count: int, scored_every: int, prepare: str) -> dict[str, dict[str, Figures]]:
    """Bytes a run on disk and of WAL, and the share of updates that were HOT.

    `prepare` is SQL that changes the empty tables first.
    """
    db = await asyncpg.connect(url)
    await db.execute("ALTER SYSTEM SET autovacuum = off")  # it comes at any time, and hides what is compared
    await db.execute("SELECT pg_reload_conf()")
    if prepare:
        await db.execute(prepare)
    found, written = [await sizes(db)], []
    for seed in range(2):
        written.append(await turn(db, count, seed, scored_every))
        await db.execute("VACUUM ANALYZE")
        found.append(await sizes(db))
    updates, hot = await db.fetchrow(_UPDATES)
    await db.close()
    return {
        "disk": bytes_a_run(found, count),
        "WAL": {
            name: {turn: by[name] / count for turn, by in zip(TURNS, written, strict=True)}
            for name in written[0]
        },
        "updates": {"HOT": {"share": hot / max(1, updates)}},
    }


def bytes_a_run(found: Sequence[Mapping[str, int]], count: int) -> dict[str, Figures]:
    """By how much each structure has grown in each turn, the largest first; and all of them together."""
    grown: dict[str, Figures] = {
        name: {
            turn: (after[name] - before[name]) / count
            for turn, before, after in zip(TURNS, found, found[1:], strict=False)
        }
        for name in sorted(found[-1], key=lambda name: -found[-1][name])
    }

    def together(left_out: str) -> Figures:
        kept = [figures for name, figures in grown.items() if not name.startswith(left_out)]
        return {turn: sum(figures[turn] for figures in kept) for turn in TURNS}

    sums = {"all": together("-"), "all but keys": together("agent_run_idempotency_key")}
    return {name: figures for name, figures in grown.items() if sum(figures.values()) > 1} | sums


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--scored-every", type=int, default=SCORED)
    parser.add_argument("--prepare", default="", metavar="SQL", help="another fillfactor, say")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with servers() as found:
        os.environ |= {**found.env, "RUNLOG_LOG_LEVEL": "warning"}
        get_settings.cache_clear()
        url = found.env["DATABASE_URL"]
        results = asyncio.run(measure(url, arguments.runs, arguments.scored_every, arguments.prepare))
    if arguments.json:
        print(json.dumps({"machine": machine(), "arguments": vars(arguments), "bytes": results}))
        return
    columns = dict.fromkeys(TURNS, ".0f")
    print(f"{table(results['disk'], columns)}\n\n{table(results['WAL'], columns)}\n")
    print(f"{results['updates']['HOT']['share']:.0%} of the updates of agent_run_log were HOT")


if __name__ == "__main__":
    main()
