"""Backups, and what is in the databases that they are made of and restored into."""

import asyncio
from pathlib import Path

import asyncpg

from support.derived import check_derived
from support.processes import called
from support.replay import check_log
from support.schema_databases import query

AGREED = "the schema and the figures agree with the log\n"


def back_up(url: str, to: Path) -> Path:
    """Where the backup of `url` is."""
    done = called("backup", to, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.removeprefix("backed up to ").rpartition(" (")[0])


def checked(url: str) -> int:
    """The number of runs, each of which counts once in all that is derived."""

    async def check() -> int:
        db = await asyncpg.connect(url)
        try:
            await check_derived(db)
            return await check_log(db)
        finally:
            await db.close()

    return asyncio.run(check())


def markers(url: str) -> dict[str, int]:
    """How often each run of a load is stored."""
    found = query(
        url,
        "SELECT marker, count(*) FROM agent_run_log, jsonb_object_keys(actions_taken) AS marker"
        " WHERE starts_with(marker, 'run-') GROUP BY marker",
    )
    return {str(marker): int(count) for marker, count in found}
