"""What sealing costs ingest, and how long a verification takes.

    .venv/bin/python benchmarks/sealing.py [--seconds 30] [--rounds 5] [--runs 200000]

Two databases are written to in turn, on one embedded PostgreSQL with its stock settings: one seals what comes
in (triggers and beat, which starts the sealer each ten seconds), the other has no such triggers and no beat.
`sealed` is the share that was sealed while reports came. Then `--runs` runs are made by SQL and scored,
sealed, and verified. Quote the ratios and the times a million runs.
"""

import argparse
import asyncio
import os
import time
from contextlib import nullcontext

from harness import Figures, Servers, in_turn, load, postgres_tool, runlog_with, running, servers, table
from sqlalchemy import text

from app.config import get_settings
from app.db.session import close_database, transaction
from app.embedded.ports import free_port
from app.models import SEALING_TRIGGERS
from app.proof.tree_store import tree_size
from app.proof.verify import verify
from app.schema.sync import sync_schema
from app.tasks.seal_tasks import seal

CLIENTS = 32
RUNLOG = runlog_with([])
FILL = """
INSERT INTO agent_run_log (agent_id, status, action_summary, actions_taken)
SELECT 'agent-' || n % 50, CASE n % 9 WHEN 0 THEN 'failed' ELSE 'success' END, 'Handled ' || n || ' requests',
    jsonb_build_object('summary', 'Handled ' || n || ' requests', 'requests', n,
        'hosts', jsonb_build_array('loki-' || n % 7, 'redis-' || n % 3), 'seconds', n % 97)
FROM generate_series({}, {}) AS n
"""
SCORE = """UPDATE agent_run_log SET rlhf_scores = jsonb_build_object('overall', 0.5, 'auto', 0.5,
    'scorer', 'rubric', 'version', '1', 'scored_at', now()) WHERE rlhf_scores IS NULL"""
SEALED = "SELECT count(*) FROM seal_leaf WHERE kind = 'run'"
CHUNK = 20_000  # runs in a statement


async def _seal_all() -> int:
    """Seal what is pending; returns how many leaves that took."""
    try:
        async with transaction() as session:
            size = await tree_size(session)
        waiting = True
        while waiting:
            await seal(get_settings(), at_once=True)
            async with transaction() as session:
                waiting = bool(await session.scalar(text("SELECT EXISTS (SELECT FROM seal_pending)")))
                added = await tree_size(session) - size
        return added
    finally:
        await close_database()


def ingest(found: Servers, url: str, seconds: float, *, sealing: bool, warm_up: float = 1) -> Figures:
    """Figures of reports with a worker and, where `sealing`, with beat, which starts the sealer.

    They are taken after as many as come in `warm_up` seconds.
    """
    env = {**found.env, "DATABASE_URL": url}
    port = free_port()
    postgres_tool("psql", url, "-qc", "CHECKPOINT")
    beat = running([*RUNLOG, "beat"], env) if sealing else nullcontext()
    with running([*RUNLOG, "worker"], env), beat, running([*RUNLOG, "serve", "--port", str(port)], env, port):
        time.sleep(3)
        load(port, CLIENTS, warm_up)
        before = int(postgres_tool("psql", url, "-Atc", SEALED))
        figures = load(port, CLIENTS, seconds)
        after = int(postgres_tool("psql", url, "-Atc", SEALED))
        return {"runs/s": figures["rate"], "sealed": (after - before) / figures["sent"]}


def without_sealing(url: str) -> None:
    """Take the triggers away that note what is to be sealed."""
    drops = "; ".join(trigger.drop for trigger in SEALING_TRIGGERS)
    postgres_tool("psql", url, "-qc", drops)


def seal_and_verify(url: str, runs: int) -> dict[str, float]:
    """Seconds to seal `runs` runs with a score each, and to verify them by a process a processor."""
    for first in range(1, runs + 1, CHUNK):
        postgres_tool("psql", url, "-qc", FILL.format(first, min(first + CHUNK - 1, runs)), "-c", SCORE)
    os.environ["DATABASE_URL"] = url
    get_settings.cache_clear()
    start = time.perf_counter()
    added = asyncio.run(_seal_all())
    sealed = time.perf_counter()
    verified = asyncio.run(verify(url, processes=os.cpu_count() or 1, since=[], progress=lambda *_: None))
    end = time.perf_counter()
    if verified.problems:
        raise SystemExit(f"an honest log was called altered: {verified.problems[:3]}")
    return {
        "leaves": verified.leaves,
        "seal s": sealed - start,
        "sealed/s": added / (sealed - start),
        "verify s": end - sealed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=200_000)
    arguments = parser.parse_args()
    with servers() as found:
        on = found.env["DATABASE_URL"]
        postgres_tool("psql", on, "-qc", "CREATE DATABASE unsealed")
        off = found.database("unsealed")
        asyncio.run(sync_schema(off))
        without_sealing(off)
        takers = {
            "no sealing": lambda: ingest(found, off, arguments.seconds, sealing=False),
            "sealing": lambda: ingest(found, on, arguments.seconds, sealing=True),
        }
        rows = in_turn(takers, arguments.rounds)
        print(table(rows, {"runs/s": ".0f", "sealed": ".3f", "of no sealing": ".3f"}))
        if arguments.runs:
            row = seal_and_verify(on, arguments.runs)
            columns = {"leaves": ".0f", "seal s": ".1f", "sealed/s": ".0f", "verify s": ".1f"}
            print(table({"log": row}, columns))


if __name__ == "__main__":
    main()
