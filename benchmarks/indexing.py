"""What indexing the log for searches costs ingest.

    .venv/bin/python benchmarks/indexing.py [--seconds 60] [--rounds 5]

Two databases are written to in turn, as fast as reports are answered, on one embedded PostgreSQL with its
stock settings, each with a worker and beat. In one of them nothing is left to be indexed, ever. `indexed` is
the share of the runs that was indexed while reports came. Quote the ratio.

A process indexes once before it knows of the flood, and looks once a minute whether it lasts: so the figures
are taken after a quarter of a minute, and over a whole one.
"""

import argparse
import asyncio

from harness import Figures, Servers, in_turn, postgres_tool, servers, table
from sealing import ingest

from app.schema.sync import sync_schema

WARM_UP_SECONDS = 15.0
# Past the end of any log.
INDEXED_BEFORE = "INSERT INTO search_progress (id, indexed_to) VALUES (1, CAST(1 AS bigint) << 62)"
COUNTS = """
    SELECT (SELECT coalesce(sum(cardinality(run_ids)), 0) FROM search_block),
        (SELECT count(*) FROM agent_run_log)
"""


def _counts(url: str) -> tuple[int, int]:
    """How many runs are indexed, and how many there are."""
    indexed, runs = postgres_tool("psql", url, "-Atc", COUNTS).split("|")
    return int(indexed), int(runs)


def ingest_and_look(found: Servers, url: str, seconds: float) -> Figures:
    """Figures of reports, and the share of them that was indexed when they ended."""
    indexed, runs = _counts(url)
    figures = ingest(found, url, seconds, sealing=True, warm_up=WARM_UP_SECONDS)
    indexed_after, runs_after = _counts(url)
    return {**figures, "indexed": (indexed_after - indexed) / (runs_after - runs)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with servers() as found:
        on = found.env["DATABASE_URL"]
        postgres_tool("psql", on, "-qc", "CREATE DATABASE unindexed")
        off = found.database("unindexed")
        asyncio.run(sync_schema(off))
        postgres_tool("psql", off, "-qc", INDEXED_BEFORE)
        takers = {
            "no indexing": lambda: ingest_and_look(found, off, arguments.seconds),
            "indexing": lambda: ingest_and_look(found, on, arguments.seconds),
        }
        rows = in_turn(takers, arguments.rounds)
    print(table(rows, {"runs/s": ".0f", "sealed": ".3f", "indexed": ".3f", "of no indexing": ".3f"}))


if __name__ == "__main__":
    main()
