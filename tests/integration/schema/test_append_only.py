"""The append-only log: a merge or an erasure changes what was reported of a run, and nothing else does."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.backup.tools import newest_tools
from app.models import GUARD_TRIGGERS
from app.schema.sync import find_drift, rebuild_state, sync_schema
from support.derived import check_derived

pytestmark = pytest.mark.anyio

INSERT = """
    INSERT INTO agent_run_log (agent_id, action_summary, actions_taken, status)
    VALUES ('sage', 'Fixed', '{"n": 1}', 'failed') RETURNING id
"""
REPORT = "INSERT INTO agent_run_report (run_id, source, status) VALUES ($1, $2, 'success')"
ERASURE = "INSERT INTO agent_run_erasure (run_id, erased_by, reason) VALUES ($1, 'jo', 'asked to')"
ERASE = "UPDATE agent_run_log SET action_summary = NULL, actions_taken = NULL WHERE id = $1"
MERGE = """UPDATE agent_run_log SET status = 'success', action_summary = 'Done', actions_taken = '{"n": 2}'"""

CHANGES = {
    "id": "gen_random_uuid()",
    "agent_id": "'oracle'",
    "run_at": "run_at - interval '1 second'",
    "created_at": "created_at - interval '1 second'",
    "status": "'success'",
    "action_summary": "NULL",
    "actions_taken": """'{"n": 1.0}'""",
}


@pytest.fixture
async def run(db: asyncpg.Connection) -> UUID:
    """A run in the log."""
    made: UUID = await db.fetchval(INSERT)
    return made


async def commit(db: asyncpg.Connection, *statements: tuple[Any, ...]) -> None:
    """Execute statements, each with its arguments, in one transaction."""
    async with db.transaction():
        for statement, *arguments in statements:
            await db.execute(statement, *arguments)


def merge_of(run: UUID) -> tuple[tuple[Any, ...], ...]:
    """The statements that keep two reports of a run."""
    return (REPORT, run, "agent"), (REPORT, run, "scheduler")


async def content(db: asyncpg.Connection) -> list[asyncpg.Record]:
    """The whole log."""
    return await db.fetch("SELECT *, actions_taken::text AS written FROM agent_run_log")


@pytest.mark.parametrize("session", ["SELECT", "SET session_replication_role = replica"])
async def test_what_was_reported_is_not_changed(
    db: asyncpg.Connection, run: UUID, session: str, subtests: pytest.Subtests
) -> None:
    before = await content(db)
    await db.execute(session)
    for column, value in CHANGES.items():
        with subtests.test(column):
            with pytest.raises(asyncpg.RestrictViolationError) as refused:
                await db.execute(f"UPDATE agent_run_log SET {column} = {value}")  # noqa: S608
            assert refused.value.args[0] == f"agent_run_log is append-only: UPDATE of {column} is refused"
            assert "permanent" in str(refused.value.hint)
            assert await content(db) == before


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM agent_run_log", "DELETE"),
        ("TRUNCATE agent_run_log CASCADE", "TRUNCATE"),
    ],
)
async def test_no_run_is_deleted(db: asyncpg.Connection, run: UUID, statement: str, kind: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match=rf"append-only: {kind} is refused\n"):
        await db.execute(statement)
    assert [row["id"] for row in await content(db)] == [run]


async def test_what_is_written_later_passes(db: asyncpg.Connection, run: UUID) -> None:
    await db.execute("""
        UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.5}', consecutive_silence_count = 3;
        UPDATE agent_run_log SET agent_id = agent_id, actions_taken = actions_taken;
        DELETE FROM agent_run_log WHERE agent_id = 'nobody';
    """)
    (row,) = await content(db)
    assert (json.loads(row["rlhf_scores"]), row["consecutive_silence_count"]) == ({"overall": 0.5}, 3)


async def test_a_merge_passes_in_the_transaction_that_keeps_a_further_report(
    db: asyncpg.Connection, run: UUID
) -> None:
    await commit(db, *merge_of(run), (MERGE,))
    (row,) = await content(db)
    assert (row["status"], row["action_summary"], row["written"]) == ("success", "Done", '{"n": 2}')
    await check_derived(db)
    with pytest.raises(asyncpg.RestrictViolationError, match="UPDATE of status is refused"):
        await db.execute("UPDATE agent_run_log SET status = 'failed'")


async def test_no_merge_changes_whose_run_it_is_and_when_it_was(
    db: asyncpg.Connection, run: UUID, subtests: pytest.Subtests
) -> None:
    for column in ("agent_id", "run_at", "created_at"):
        statement = f"UPDATE agent_run_log SET status = 'success', {column} = {CHANGES[column]}"  # noqa: S608
        refused = pytest.raises(
            asyncpg.RestrictViolationError, match=f"UPDATE of {column}, status is refused"
        )
        with subtests.test(column), refused:
            await commit(db, *merge_of(run), (statement,))


async def test_a_first_report_of_its_own_is_no_merge(db: asyncpg.Connection, run: UUID) -> None:
    with pytest.raises(asyncpg.RestrictViolationError):
        await commit(db, (REPORT, run, "agent"), (MERGE,))


async def test_another_runs_reports_license_no_merge(db: asyncpg.Connection, run: UUID) -> None:
    other = await db.fetchval(INSERT)
    with pytest.raises(asyncpg.RestrictViolationError):
        await commit(db, *merge_of(other), (f"{MERGE} WHERE id = $1", run))


async def test_an_erasure_passes_in_the_transaction_that_notes_it(db: asyncpg.Connection, run: UUID) -> None:
    await db.execute(REPORT, run, "agent")
    await db.execute("""UPDATE agent_run_report SET actions_taken = '{"n": 1}'""")
    await commit(db, (ERASURE, run), (ERASE, run), ("UPDATE agent_run_report SET actions_taken = NULL",))
    (row,) = await content(db)
    assert (row["action_summary"], row["actions_taken"], row["status"]) == (None, None, "failed")
    assert await db.fetchval("SELECT actions_taken FROM agent_run_report") is None
    await check_derived(db)


async def test_an_erasure_only_erases(db: asyncpg.Connection, run: UUID, subtests: pytest.Subtests) -> None:
    await db.execute(REPORT, run, "agent")
    for statement in (
        "UPDATE agent_run_log SET action_summary = NULL",
        """UPDATE agent_run_log SET action_summary = NULL, actions_taken = '{}'""",
        "UPDATE agent_run_log SET action_summary = NULL, actions_taken = NULL, status = 'success'",
        """UPDATE agent_run_report SET actions_taken = '{"n": 2}'""",
    ):
        with subtests.test(statement), pytest.raises(asyncpg.RestrictViolationError):
            await commit(db, (ERASURE, run), (statement,))


async def test_an_erasure_of_earlier_or_of_another_run_licenses_none(
    db: asyncpg.Connection, run: UUID
) -> None:
    await db.execute(ERASURE, run)
    other = await db.fetchval(INSERT)
    for erased in (run, other):
        with pytest.raises(asyncpg.RestrictViolationError, match="UPDATE of action_summary, actions_taken"):
            await db.execute(ERASE, erased)


STAYING = (
    ("DELETE", "DELETE FROM agent_run_report"),
    ("DELETE", "DELETE FROM agent_run_erasure"),
    ("TRUNCATE", "TRUNCATE agent_run_report"),
    ("TRUNCATE", "TRUNCATE agent_run_erasure"),
    ("UPDATE of status", "UPDATE agent_run_report SET status = 'failed'"),
    ("UPDATE of source", "UPDATE agent_run_report SET source = 'nobody'"),
    ("UPDATE of actions_taken", """UPDATE agent_run_report SET actions_taken = '{"n": 3}'"""),
    ("UPDATE of reason", "UPDATE agent_run_erasure SET reason = 'none'"),
)


async def test_reports_and_erasures_stay(
    db: asyncpg.Connection, run: UUID, subtests: pytest.Subtests
) -> None:
    await db.execute(REPORT, run, "agent")
    await db.execute(ERASURE, run)
    for kind, statement in STAYING:
        refused = pytest.raises(asyncpg.RestrictViolationError, match=rf"{kind} is refused\n")
        with subtests.test(statement), refused:
            await db.execute(statement)


@pytest.mark.parametrize(
    ("statement", "drift"),
    [
        ("DROP TRIGGER {0.name} ON {0.table}", "missing"),
        ("ALTER TABLE {0.table} DISABLE TRIGGER {0.name}", "disabled"),
        ("ALTER TABLE {0.table} ENABLE TRIGGER {0.name}", "disabled in a replication role"),
    ],
)
async def test_guards_that_are_away_are_named_and_restored(
    database: str, db: asyncpg.Connection, statement: str, drift: str
) -> None:
    names = sorted(trigger.name for trigger in GUARD_TRIGGERS)
    assert len(names) > 5
    for trigger in GUARD_TRIGGERS:
        await db.execute(statement.format(trigger))
    assert sorted(await find_drift(database)) == [f"trigger {name} is {drift}" for name in names]
    assert sorted(await sync_schema(database)) == [f"created trigger {name}" for name in names]
    assert await find_drift(database) == []


@pytest.mark.parametrize("options", [[], ["--disable-triggers"]], ids=["plain", "without triggers"])
async def test_data_alone_is_restored(
    db: asyncpg.Connection, database: str, run: UUID, empty_database: str, tmp_path: Path, options: list[str]
) -> None:
    await commit(db, *merge_of(run), (MERGE,))
    await db.execute(ERASURE, run)
    tools, backup = newest_tools(embedded=True), tmp_path / "backup"
    dump = [tools.path("pg_dump"), "-F", "custom", "-f", backup, database]
    await asyncio.to_thread(subprocess.run, dump, check=True)
    await sync_schema(empty_database)
    restore = [tools.path("pg_restore"), "--data-only", "-t", "agent_run_log", "-t", "agent_run_report"]
    await asyncio.to_thread(subprocess.run, [*restore, *options, "-d", empty_database, backup], check=True)
    restored = await asyncpg.connect(empty_database)
    assert await content(restored) == await content(db)
    await restored.close()
    done = await sync_schema(empty_database)
    assert len(done) == (6 if options else 0)
    await rebuild_state(empty_database)
    assert await find_drift(empty_database) == []
