"""Old months go to files and come back; totals stay, and the log is verified as before."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import asyncpg
import duckdb
import pytest
from sqlalchemy import text

from app.archive import archiving
from app.archive.archiving import Archived, archive
from app.archive.parquet import Writer, digest_of, read_rows
from app.archive.restoring import restore_month, verify_archive
from app.config import get_settings
from app.errors import ArchiveError
from app.models.partitions import first_id
from app.proof.verify import Verified, verify
from app.schema import partition
from app.schema.sync import find_drift, rebuild_state
from app.tasks.rollup_tasks import merge_shards
from app.tasks.seal_tasks import seal
from support.processes import called
from support.schema_databases import run_sql

pytestmark = pytest.mark.anyio

# The months from May 2026 on have partitions, as if the log had been turned over in April.
RANGE = text(f"""SELECT {first_id("CAST('2026-05-01' AS timestamp)")} AS first,
    {first_id("CAST('2050-01-01' AS timestamp)")} AS last""")
# As an old log holds them: no trigger has seen them, so they are not dated before they came.
RUNS = """
    SET session_replication_role = replica;
    INSERT INTO agent_run_log (
        id, agent_id, run_at, created_at, status, action_summary, actions_taken, rlhf_scores
    )
    SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM at) * 1000 AS bigint)), 12, '0')
            || '70008000' || lpad(to_hex(n), 12, '0') AS uuid),
        'agent-' || n % 3, at, at, (ARRAY['success', 'failed'])[1 + n % 2], NULLIF('Did ' || n, 'Did 7'),
        CASE n % 5 WHEN 0 THEN NULL ELSE jsonb_build_object('n', n, 'x', 1.10, 'text', 'ü "quoted"') END,
        CASE n % 4 WHEN 0 THEN NULL ELSE jsonb_build_object('overall', 0.5, 'auto', 0.5, 'scorer', 'rubric',
            'version', '1', 'scored_at', '2026-06-01T00:00:00Z') END
    FROM (
        SELECT n, CAST('2026-05-02 00:00:00.123456Z' AS timestamptz) + n * interval '9 hours' AS at
        FROM generate_series(1, 240) AS n
    ) AS run;
    INSERT INTO agent_run_log (id, agent_id, run_at, created_at) VALUES
        ('019de200-0000-7000-8000-000000000001', 'odd', 'infinity', NULL),
        ('019de200-0000-7000-8000-000000000002', 'odd', '0044-03-15 BC', '50000-01-01'),
        ('019de200-0000-7000-8000-000000000003', 'odd', '294000-01-01 00:00:00.000001Z', '2026-05-03');
    INSERT INTO agent_run_score (run_id, scorer, version, auto, reasons)
    SELECT id, 'judge', '1', 1.0 / (1 + length(agent_id)), '["good"]' FROM agent_run_log WHERE status = 'success';
"""  # noqa: E501
LOG = "SELECT CAST(run AS text) FROM agent_run_log AS run ORDER BY id"
SCORES = "SELECT CAST(score AS text) FROM agent_run_score AS score ORDER BY run_id"
STATES = """
    SELECT CAST((agent_id, runs, silence_count, last_created_at, last_success_at) AS text)
    FROM agent_run_state ORDER BY 1
"""
SUMS = """
    SELECT 'run', CAST(bucket AS text), width, sum(runs), sum(succeeded), sum(scored), sum(overall_sum)
    FROM run_rollup WHERE width = 60 GROUP BY bucket, width HAVING sum(runs) <> 0
    UNION ALL SELECT 'score', CAST(bucket AS text), 0, sum(results), 0, 0, 0 FROM score_rollup
    GROUP BY bucket HAVING sum(results) <> 0
    ORDER BY 1, 2
"""
MAY = "agent_run_log-2026-05.parquet"


@pytest.fixture
async def log(database: str, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    """A sealed log by months, from May 2026 on."""
    monkeypatch.setattr(partition, "_RANGE", RANGE)
    await partition.partition_log(database)
    await db.execute(RUNS)
    await db.execute("SET session_replication_role = origin")
    await rebuild_state(database)
    await sealed(db)
    return database


async def sealed(db: asyncpg.Connection) -> None:
    """Return when nothing waits for its leaf."""
    while await db.fetchval("SELECT NOT EXISTS (SELECT FROM seal_leaf) OR EXISTS (SELECT FROM seal_pending)"):
        await seal(get_settings(), at_once=True)


async def archived(url: str, before: str, to: Path) -> list[Archived]:
    """The months that are archived now."""
    return [month async for month in archive(url, before=before, to=to, keep_days=90)]


async def verified(url: str) -> Verified:
    """What the whole log is."""
    return await verify(url, processes=1, since=[], progress=lambda *_: None)


async def whole(db: asyncpg.Connection) -> tuple[list[asyncpg.Record], ...]:
    """The log, its scores, and what they add up to."""
    return tuple([await db.fetch(query) for query in (LOG, SCORES, STATES, SUMS)])


async def test_a_month_goes_and_comes_back_as_it_was(
    log: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await whole(db)
    count = "SELECT count(*) FROM agent_run_log_2026_05"
    there = await db.fetchval(count)

    may, june = await archived(log, "2026-07", tmp_path)

    assert (may.month, may.file, june.month) == ("2026-05", tmp_path / MAY, "2026-06")
    assert may.file.stat().st_mode & 0o077 == 0
    await asyncio.to_thread(merge_shards.run)
    stays = await db.fetchval(count)
    assert 0 < stays == there - may.runs < 5  # what the agent called odd is known by, and odd dates
    _, _, states, sums = await whole(db)
    assert (states, sums) == before[2:]
    assert await find_drift(log) == []
    await rebuild_state(log)
    assert (await whole(db))[2:] == before[2:]
    assert await find_drift(log) == []
    await sealed(db)
    found = await verified(log)
    assert (found.problems, found.archived) == ([], may.runs + june.runs)
    for month in (may, june):
        assert await verify_archive(log, month.file) == []

    for month in (june, may):
        returned = await restore_month(log, month.file)
        assert (returned.month, returned.runs) == (month.month, month.runs)
    assert await whole(db) == before
    assert await find_drift(log) == []
    await sealed(db)
    found = await verified(log)
    assert (found.problems, found.archived) == ([], 0)
    refused = "DELETE FROM agent_run_log_2026_05"
    with pytest.raises(asyncpg.RestrictViolationError):
        await db.execute(refused)
    # And once more: what came back is archived as any month.
    again = tmp_path / "again"
    again.mkdir()
    assert [month.runs for month in await archived(log, "2026-07", again)] == [may.runs, june.runs]
    assert await find_drift(log) == []


async def test_who_archived_what_where_is_sealed(log: str, db: asyncpg.Connection, tmp_path: Path) -> None:
    (may,) = await archived(log, "2026-06", tmp_path)
    await sealed(db)
    entry = await db.fetchval(
        "SELECT CAST(CAST(body AS jsonb) ->> 'row' AS jsonb) - 'archived_at' FROM seal_leaf"
        " WHERE CAST(body AS jsonb) ->> 'table' = 'agent_run_archive'"
    )
    record = await db.fetchrow("SELECT * FROM agent_run_archive")
    assert record["digest"] == digest_of(may.file)
    for part in (record["digest"], MAY, '"2026-05"', str(may.runs), '"archived_by": "postgres"'):
        assert part in entry
    await db.execute("UPDATE agent_run_archive SET runs = runs + 1")
    await db.execute("DELETE FROM seal_pending")
    messages = [problem.message for problem in (await verified(log)).problems]
    assert any("a row of agent_run_archive was altered" in message for message in messages)
    assert any(message.startswith("of 2026-05") for message in messages)


async def test_a_run_that_is_deleted_is_missing_however_many_are_archived(
    log: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    await archived(log, "2026-06", tmp_path)
    await sealed(db)
    await db.execute("SET session_replication_role = replica; ALTER TABLE agent_run_log DISABLE TRIGGER USER")
    in_may = "SELECT id FROM agent_run_log_2026_05 LIMIT 1"
    await db.execute(f"DELETE FROM agent_run_log WHERE id = ({in_may})")  # noqa: S608
    (problem,) = [problem for problem in (await verified(log)).problems if problem.what == "missing"]
    assert problem.message.startswith("of 2026-05")
    gone: UUID = await db.fetchval(
        "DELETE FROM agent_run_log_2026_06 WHERE id = (SELECT min(CAST(id AS text))"
        "::uuid FROM agent_run_log_2026_06) RETURNING id"
    )
    assert gone in [problem.run_id for problem in (await verified(log)).problems]


async def test_duckdb_reads_the_file(log: str, db: asyncpg.Connection, tmp_path: Path) -> None:
    wanted = await db.fetch(
        "SELECT agent_id, count(*), count(*) FILTER (WHERE status = 'failed'), min(created_at)"
        " FROM agent_run_log_2026_05 WHERE agent_id <> 'odd' GROUP BY 1 ORDER BY 1"
    )
    (may,) = await archived(log, "2026-06", tmp_path)
    found = duckdb.sql(f"""
        SELECT agent_id, count(*), count(*) FILTER (WHERE status = 'failed'),
            CAST(epoch_us(min(created_at)) AS bigint)
        FROM '{may.file}' WHERE agent_id <> 'odd' GROUP BY 1 ORDER BY 1
    """).fetchall()  # noqa: S608
    assert [(row[0], row[1], row[2]) for row in found] == [tuple(row)[:3] for row in wanted]
    assert [row[3] for row in found] == [round(row["min"].timestamp() * 1_000_000) for row in wanted]
    (infinite,) = duckdb.sql(
        f"SELECT count(*) FROM '{may.file}' WHERE run_at = CAST('infinity' AS timestamptz)"  # noqa: S608
    ).fetchall()
    assert infinite == (1,)


def change_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [change_bytes, lambda path: path.write_bytes(b""), lambda path: path.unlink()]
)
async def test_another_file_is_not_restored(
    log: str, db: asyncpg.Connection, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    (may,) = await archived(log, "2026-06", tmp_path)
    before = await whole(db)
    damage(may.file)
    with pytest.raises(ArchiveError, match=r"is no file of a month that is archived|cannot read"):
        await restore_month(log, may.file)
    assert await whole(db) == before
    if may.file.exists():
        assert [problem.what for problem in await verify_archive(log, may.file)] == ["altered"]


async def test_a_file_whose_record_was_forged_as_well_is_not_restored(
    log: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    """By the leaves: who may write everything can make the record fit another file."""
    (may,) = await archived(log, "2026-06", tmp_path)
    rows = [list(row) for group in read_rows(may.file) for row in group]
    forged = rows[5]
    forged[5] = "success" if forged[5] == "failed" else "failed"
    writer = Writer(may.file)
    writer.write([tuple(row) for row in rows])
    writer.close()
    await db.execute("UPDATE agent_run_archive SET digest = $1", digest_of(may.file))
    (problem,) = await verify_archive(log, may.file)
    assert (problem.what, str(problem.run_id)) == ("altered", forged[0])
    with pytest.raises(ArchiveError, match="was altered after it was sealed"):
        await restore_month(log, may.file)


async def test_a_run_that_the_file_lacks_is_missing(log: str, db: asyncpg.Connection, tmp_path: Path) -> None:
    (may,) = await archived(log, "2026-06", tmp_path)
    rows = [row for group in read_rows(may.file) for row in group]
    writer = Writer(may.file)
    writer.write([row for row in rows if row != rows[5]])
    writer.close()
    await db.execute("UPDATE agent_run_archive SET digest = $1", digest_of(may.file))
    (problem,) = await verify_archive(log, may.file)
    assert (problem.what, str(problem.run_id)) == ("missing", rows[5][0])
    with pytest.raises(ArchiveError, match="of its runs are not in the log"):
        await restore_month(log, may.file)


async def test_what_is_not_sealed_is_not_archived(log: str, db: asyncpg.Connection, tmp_path: Path) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (id, agent_id) VALUES ('019de200-0000-7000-8000-000000000009', 'late')"
    )
    before = await whole(db)
    with pytest.raises(ArchiveError, match="2026-05 is not sealed yet"):
        await archived(log, "2026-06", tmp_path)
    assert not list(tmp_path.glob("*agent_run_log*"))  # noqa: ASYNC240
    assert await whole(db) == before


async def test_a_month_that_changes_while_it_is_written_stays(
    log: str, db: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = (
        """UPDATE agent_run_log_2026_05 SET rlhf_scores = '{"overall": 0.125}' WHERE agent_id = 'agent-0'"""
    )

    def digest(path: Path) -> str:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(run_sql, log, change).result()
        return digest_of(path)

    monkeypatch.setattr(archiving, "digest_of", digest)
    runs = await db.fetchval("SELECT count(*) FROM agent_run_log")
    with pytest.raises(ArchiveError, match="was changed while it was written"):
        await archived(log, "2026-06", tmp_path)
    assert not list(tmp_path.glob("*agent_run_log*"))  # noqa: ASYNC240
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == runs
    assert await find_drift(log) == []


async def test_a_run_with_an_id_of_an_archived_month_has_its_place(
    log: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    (may,) = await archived(log, "2026-06", tmp_path)
    await db.execute(
        "INSERT INTO agent_run_log (id, agent_id) VALUES ('019de200-0000-7000-8000-000000000009', 'late')"
    )
    await sealed(db)
    assert (await verified(log)).problems == []
    assert await find_drift(log) == []
    await restore_month(log, may.file)
    await sealed(db)
    assert (await verified(log)).problems == []
    assert await find_drift(log) == []


async def test_what_cannot_be_archived_is_said(log: str, tmp_path: Path) -> None:
    for before, to, said in (
        ("2026-13", tmp_path, "2026-13 is no month such as 2027-01"),
        ("2026-06", tmp_path / "nowhere", "nowhere is no directory"),
        ("2030-01", tmp_path, "2026-09 ended less than 90 days ago"),
    ):
        with pytest.raises(ArchiveError, match=said):
            await archived(log, before, to)
    shutil.rmtree(tmp_path)


async def test_a_log_that_is_not_by_months_is_named(database: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="the log is not by months: `runlog schema partition`"):
        await archived(database, "2026-06", tmp_path)


async def test_the_commands(log: str, tmp_path: Path) -> None:
    def run(*arguments: object) -> tuple[int, str]:
        done = called(*arguments, DATABASE_URL=log)
        return done.returncode, done.stdout + done.stderr

    code, said = await asyncio.to_thread(run, "archive", "--before", "2026-06", "--to", tmp_path)
    assert (code, said.partition(":")[0], said.endswith(f" runs in {tmp_path / MAY}\n")) == (
        0,
        "2026-05",
        True,
    )
    assert await asyncio.to_thread(run, "archive", "--before", "2026-06", "--to", tmp_path) == (
        0,
        "nothing to do: there is no such month that is not archived\n",
    )
    code, said = await asyncio.to_thread(run, "verify", "--archive", tmp_path / MAY)
    assert (code, "and 1 archive verified" in said) == (0, True)
    assert "runs of archived months: verified by --archive with the files" in said
    code, said = await asyncio.to_thread(run, "archive", "restore", tmp_path / MAY)
    assert (code, said.endswith(" runs are in the log again\n")) == (0, True)
    code, said = await asyncio.to_thread(run, "archive")
    assert (code, "--before YYYY-MM is needed" in said) == (2, True)
