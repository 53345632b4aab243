"""Archiving: the runs of old months go to files, and what they add up to stays.

1. What is left of an old month to be sealed is waited for: it is not archived then.
2. The month is read in one snapshot, with its scores, and written to a new file.
3. The file is read back and compared with what was read from the database.
4. One transaction makes sure that the month is still what was read, counts its runs as archived ones, notes
   the file with its digest, which is sealed, and empties the month's partition.

The partition stays, so that a run with an id of that month, as another program may insert, has its place.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.archive.calibration import GROUP_BYTES, GROUP_ROWS, LEAST_DAYS, LIMITS, ROWS_AT_ONCE
from app.archive.months import Month, check_month, micros_of, months_of, move_sums
from app.archive.parquet import Row, RowDigest, Writer, digest_of, read_rows
from app.db.plain_errors import reason_of
from app.errors import ArchiveError
from app.schema.roles import act_as_owner
from app.schema.session import HOUR, alone, connected, limit, run_all, take_in_transaction


def _read(month: Month) -> str:
    return f"""
        SELECT CAST(id AS text), agent_id, {micros_of("run_at")}, action_summary, CAST(actions_taken AS text),
            status, consecutive_silence_count, CAST(rlhf_scores AS text), {micros_of("created_at")}, (
                SELECT CAST(jsonb_agg(to_jsonb(score) ORDER BY scorer, version) AS text)
                FROM {month.scores} AS score WHERE run_id = run.id
            )
        FROM {month.runs} AS run ORDER BY id
    """  # noqa: S608


def _fingerprint(month: Month) -> str:
    def of(table: str) -> str:
        each = "CAST(hashtextextended(CAST(each AS text), 0) AS numeric)"
        return f"(SELECT count(*) || ':' || coalesce(sum({each}), 0) FROM {table} AS each)"  # noqa: S608

    return f"SELECT {of(month.runs)} || ' ' || {of(month.scores)}"


_OLD = text("""
    SELECT CAST(CAST(:month AS text) || '-01' AS timestamp) + interval '1 month'
        + make_interval(days => CAST(:days AS int)) <= now() AT TIME ZONE 'UTC'
""")
_ARCHIVED = text("SELECT month FROM agent_run_archive")
_RECORD = text("""
    INSERT INTO agent_run_archive (month, first_id, end_id, runs, file, digest, archived_by)
    SELECT CAST(:month AS text), CAST(CAST(:first AS text) AS uuid), CAST(CAST(:last AS text) AS uuid),
        coalesce(sum(runs), 0), CAST(:file AS text), CAST(:digest AS text), session_user
    FROM agent_run_archived_count WHERE month = CAST(:month AS text)
    RETURNING runs
""")


def _unsealed(month: Month) -> str:
    return f"""
        SELECT EXISTS (
            SELECT FROM seal_pending, unnest(run_ids) AS run_id
            WHERE run_id >= '{month.first}' AND run_id < '{month.last}'
        ) OR EXISTS (
            SELECT FROM {month.runs} AS run
            WHERE NOT EXISTS (SELECT FROM seal_leaf WHERE run_id = run.id AND kind = 'run')
        )
    """  # noqa: S608


@dataclass(frozen=True)
class Archived:
    """A month that was archived: `runs` are now in the file alone."""

    month: str
    runs: int
    file: Path


async def archive(
    url: str, *, before: str, to: Path, keep_days: int, is_direct: bool = False
) -> AsyncIterator[Archived]:
    """Archive the months before `before` that are not archived yet, the oldest first, each as it is done.

    No month is that ended less than `keep_days` ago. `to` is a directory. Raises `ArchiveError`, after which
    the month in question is as it was, `DatabaseError` or `SchemaError`.
    """
    check_month(before)
    async with connected(url, statement_limit=HOUR) as engine:
        await act_as_owner(engine)
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection, alone(connection, is_direct=is_direct):
            archived = set(await connection.scalars(_ARCHIVED))
            for month in await months_of(connection):
                if month.name >= before or month.name in archived:
                    continue
                age = {"month": month.name, "days": max(keep_days, LEAST_DAYS)}
                if not await connection.scalar(_OLD, age):
                    raise ArchiveError(f"{month.name} ended less than {age['days']} days ago")
                yield await _archive(engine, month, to)


def _free(path: Path) -> Path:
    if not path.parent.is_dir():
        raise ArchiveError(f"{path.parent} is no directory")
    if path.exists():
        raise ArchiveError(f"{path} is there already")
    return path


async def _archive(engine: AsyncEngine, month: Month, to: Path) -> Archived:
    path = _free(to / f"agent_run_log-{month.name}.parquet")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        fingerprint = await _write(engine, month, part)
        digest = digest_of(part)
        part.rename(path)
        try:
            found: list[int] = []
            await take_in_transaction(engine, partial(_take_out, month, path, digest, fingerprint, found))
        except BaseException:
            path.unlink()  # nothing was taken out
            raise
    except DBAPIError as error:
        raise ArchiveError(f"{month.name} was not archived: {reason_of(error)}") from error
    except OSError as error:
        raise ArchiveError(f"cannot write {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return Archived(month.name, found[-1], path)


async def _write(engine: AsyncEngine, month: Month, path: Path) -> str:
    """Write the month to a file and compare that; returns the fingerprint of what was read."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    async with snapshot.connect() as connection:
        await limit(connection, LIMITS, local=True)
        if await connection.scalar(text(_unsealed(month))):
            raise ArchiveError(f"{month.name} is not sealed yet: try again in a minute, while a worker runs")
        fingerprint = str(await connection.scalar(text(_fingerprint(month))))
        writer = Writer(path)
        try:
            async for rows in _groups(connection, month):
                writer.write(rows)
        finally:
            writer.close()
    with path.open("rb") as file:
        os.fsync(file.fileno())
    back = RowDigest()
    for rows in read_rows(path):
        back.add(rows)
    if back.value != writer.digest.value:
        raise ArchiveError(f"{month.name} was not archived: what was read back is not what was written")
    return fingerprint


async def _groups(connection: AsyncConnection, month: Month) -> AsyncIterator[list[Row]]:
    driver: Any = (await connection.get_raw_connection()).driver_connection
    group: list[Row] = []
    size = 0
    async for record in driver.cursor(_read(month), prefetch=ROWS_AT_ONCE):
        row = tuple(record)
        group.append(row)
        size += sum(len(value) for value in row if isinstance(value, str))
        if len(group) == GROUP_ROWS or size > GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


async def _take_out(
    month: Month, path: Path, digest: str, fingerprint: str, found: list[int], connection: AsyncConnection
) -> None:
    """Empty the month's partition but for what stays, and note where its runs are."""
    await limit(connection, LIMITS, local=True)
    # Readers go on until the partition is emptied.
    await connection.exec_driver_sql(f"LOCK TABLE {month.runs}, {month.scores} IN SHARE ROW EXCLUSIVE MODE")
    if await connection.scalar(text(_fingerprint(month))) != fingerprint:
        raise ArchiveError(f"{month.name} was changed while it was written: try again")
    kept = f"SELECT run.* FROM {month.runs} AS run WHERE {month.kept}"  # noqa: S608
    kept_scores = f"SELECT * FROM {month.scores} WHERE run_id IN (SELECT id FROM kept)"  # noqa: S608
    gone = f"SELECT * FROM {month.runs} WHERE id NOT IN (SELECT id FROM kept)"  # noqa: S608
    await run_all(
        [
            f"CREATE TEMPORARY TABLE kept ON COMMIT DROP AS {kept}",
            f"CREATE TEMPORARY TABLE kept_scores ON COMMIT DROP AS {kept_scores}",
            f"INSERT INTO agent_run_archived_count (agent_id, month, runs)"  # noqa: S608
            f" SELECT agent_id, '{month.name}', count(*) FROM ({gone}) AS run GROUP BY agent_id",
            *move_sums(gone, to_archived=True),
        ],
        connection,
    )
    record = {
        "month": month.name,
        "first": month.first,
        "last": month.last,
        "file": path.name,
        "digest": digest,
    }
    found.append(int(await connection.scalar(_RECORD, record) or 0))
    await run_all(
        [
            *month.unguard,
            f"TRUNCATE {month.runs}, {month.scores}",
            f"INSERT INTO {month.runs} SELECT * FROM kept",  # noqa: S608
            f"INSERT INTO {month.scores} SELECT * FROM kept_scores",  # noqa: S608
            *month.guard,
        ],
        connection,
    )
