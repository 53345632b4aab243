"""The way back: the runs of a file are in the log again, and a file is verified without that.

1. The file has to be the one that was archived, by its digest, which was sealed.
2. Its rows go to a temporary table as they were, and those that are not in the log are compared with their
   leaves.
3. They go back into their partition, and count as others again.
4. That the month is archived is no more; this is sealed as well.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.archive.calibration import LIMITS, ROWS_AT_ONCE
from app.archive.months import Month, moment_of, move_sums
from app.archive.parquet import COLUMNS, digest_of, read_rows
from app.db.plain_errors import reason_of
from app.errors import ArchiveError
from app.proof.domain.entries import Kind
from app.proof.problems import Problem
from app.proof.sealing import RUN_FIELDS
from app.proof.verify_leaves import problem_of
from app.schema.roles import act_as_owner
from app.schema.session import HOUR, alone, connected, limit, run_all, take_in_transaction

_RECORD = text("SELECT * FROM agent_run_archive WHERE digest = :digest")
_STAGE = """
    CREATE TEMPORARY TABLE staged (
        id text, agent_id text, run_at bigint, action_summary text, actions_taken text, status text,
        consecutive_silence_count int, rlhf_scores text, created_at bigint, scores text
    ) ON COMMIT DROP
"""


_ARCHIVED = f"""
    CREATE TEMPORARY TABLE archived ON COMMIT DROP AS
    SELECT CAST(id AS uuid) AS id, CAST(agent_id AS varchar(255)) AS agent_id,
        {moment_of("run_at")} AS run_at, action_summary, CAST(actions_taken AS jsonb) AS actions_taken,
        CAST(status AS varchar(32)) AS status,
        consecutive_silence_count, CAST(rlhf_scores AS jsonb) AS rlhf_scores,
        {moment_of("created_at")} AS created_at, CAST(scores AS jsonb) AS scores
    FROM staged
"""  # noqa: S608
_WITH_LEAVES = f"""
    SELECT leaf_index, kind, leaf.run_id, leaf_hash, salt, body, false AS is_archived, {RUN_FIELDS}
    FROM archived AS run LEFT JOIN LATERAL (
        SELECT * FROM seal_leaf WHERE run_id = run.id AND kind = '{Kind.RUN}'
        ORDER BY leaf_index DESC LIMIT 1
    ) AS leaf ON true
"""  # noqa: S608
_RUN_COLUMNS = ", ".join(COLUMNS[:-1])


def _missing(month: Month) -> str:
    return f"""
        SELECT DISTINCT run_id FROM seal_leaf
        WHERE run_id >= '{month.first}' AND run_id < '{month.last}' AND kind = '{Kind.RUN}'
            AND NOT EXISTS (SELECT FROM archived WHERE id = run_id)
            AND NOT EXISTS (SELECT FROM {month.runs} WHERE id = run_id)
    """  # noqa: S608


def _forget_present(month: Month) -> str:
    return f"DELETE FROM archived WHERE id IN (SELECT id FROM {month.runs})"  # noqa: S608


@dataclass(frozen=True)
class Returned:
    """A month that is in the log again, with as many runs that were not."""

    month: str
    runs: int


async def restore_month(url: str, path: Path, *, is_direct: bool = False) -> Returned:
    """Put the runs of a file back into the log.

    Raises `ArchiveError` where the file is none that was archived or its runs are not what was sealed, after
    which nothing has changed, `DatabaseError` or `SchemaError`.
    """
    digest = _digest(path)
    async with connected(url, statement_limit=HOUR) as engine:
        await act_as_owner(engine)
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with autocommit.connect() as connection, alone(connection, is_direct=is_direct):
            month, runs = await _month(connection, path, digest)
            try:
                await take_in_transaction(engine, partial(_put_back, month, runs, path))
            except DBAPIError as error:
                raise ArchiveError(f"{month.name} was not restored: {reason_of(error)}") from error
    return Returned(month.name, runs)


async def verify_archive(url: str, path: Path) -> list[Problem]:
    """What is wrong with the file of an archived month: nothing where each run is what was sealed.

    Raises `ArchiveError` where it cannot be read, and `DatabaseError`.
    """
    digest = _digest(path)
    async with connected(url, statement_limit=HOUR) as engine, engine.connect() as connection:
        try:
            month, _ = await _month(connection, path, digest)
        except ArchiveError as error:
            return [Problem("altered", str(error))]
        await limit(connection, LIMITS, local=True)
        await _stage(connection, path, month)
        problems = await _problems(connection)
        missing = await connection.scalars(text(_missing(month)))
        return problems + [Problem("missing", f"run {each} is not in {path}", each) for each in missing]


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error


async def _month(connection: AsyncConnection, path: Path, digest: str) -> tuple[Month, int]:
    """The month whose file has this digest, and how many runs are there alone. Raises `ArchiveError`."""
    record = (await connection.execute(_RECORD, {"digest": digest})).one_or_none()
    if record is None:
        raise ArchiveError(f"{path} is no file of a month that is archived: its SHA-256 is {digest}")
    return Month(record.month, str(record.first_id), str(record.end_id)), record.runs


async def _stage(connection: AsyncConnection, path: Path, month: Month) -> None:
    """Have the rows of a file that are not in the log in the temporary table `archived`, as they were."""
    await connection.exec_driver_sql(_STAGE)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    for rows in read_rows(path):
        await driver.copy_records_to_table("staged", records=rows, columns=COLUMNS)
    await run_all([_ARCHIVED, "ANALYZE archived", _forget_present(month)], connection)


async def _problems(connection: AsyncConnection) -> list[Problem]:
    """Which of the runs in `archived` are not what was sealed."""
    problems = []
    driver: Any = (await connection.get_raw_connection()).driver_connection
    async for row in driver.cursor(_WITH_LEAVES, prefetch=ROWS_AT_ONCE):
        if row["leaf_index"] is None:
            problems.append(Problem("inserted", f"run {row['id']} was never sealed", row["id"]))
        elif problem := problem_of(row):
            problems.append(problem)
    return problems


async def _put_back(month: Month, runs: int, path: Path, connection: AsyncConnection) -> None:
    await limit(connection, LIMITS, local=True)
    await _stage(connection, path, month)
    if problems := await _problems(connection):
        raise ArchiveError(f"{month.name} was not restored: {problems[0].message}")
    await run_all(
        [
            # Readers go on; no one else writes to this month meanwhile.
            f"LOCK TABLE {month.runs}, {month.scores} IN SHARE ROW EXCLUSIVE MODE",
            _forget_present(month),
        ],
        connection,
    )
    absent = await connection.scalar(text("SELECT count(*) FROM archived"))
    if absent != runs:
        raise ArchiveError(
            f"{month.name} was not restored: {absent} of its runs are not in the log, and {runs} were"
            " archived"
        )
    await run_all(
        [
            *month.unguard,
            f"INSERT INTO {month.runs} ({_RUN_COLUMNS}) SELECT {_RUN_COLUMNS} FROM archived",  # noqa: S608
            f"INSERT INTO {month.scores} SELECT score.* FROM archived,"  # noqa: S608
            " jsonb_populate_recordset(CAST(NULL AS agent_run_score), scores) AS score",
            *month.guard,
            *move_sums(f"SELECT {_RUN_COLUMNS} FROM archived", to_archived=False),  # noqa: S608
            f"DELETE FROM agent_run_archived_count WHERE month = '{month.name}'",  # noqa: S608
            f"DELETE FROM agent_run_archive WHERE month = '{month.name}'",  # noqa: S608
        ],
        connection,
    )
