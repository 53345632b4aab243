"""What a database error says in logs and answers: never the row that it is about."""

import logging
import traceback
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app.db.engine import create_engine
from app.runs.connection import IngestConnection
from app.runs.run import Run
from app.tasks.outage import postponed_on_outage

pytestmark = pytest.mark.anyio

PRIVATE = "the board meets on Thursday"


@pytest.fixture
async def refusing(db: asyncpg.Connection) -> AsyncIterator[str]:
    """A constraint that no summary with `PRIVATE` meets."""
    await db.execute(
        f"ALTER TABLE agent_run_log ADD CONSTRAINT discreet CHECK (action_summary <> '{PRIVATE}')"
    )
    yield "discreet"
    await db.execute("ALTER TABLE agent_run_log DROP CONSTRAINT discreet")


async def test_an_error_of_a_statement_repeats_no_row(
    database: str, refusing: str, caplog: pytest.LogCaptureFixture
) -> None:
    statement = text(
        "INSERT INTO agent_run_log (id, agent_id, status, action_summary, actions_taken)"
        " VALUES (gen_random_uuid(), 'sage', 'success', :summary, '{}')"
    )
    engine = create_engine(database, pool_size=1, timeout=10)
    try:
        with caplog.at_level(logging.WARNING), postponed_on_outage("work_postponed"):
            async with engine.begin() as connection:
                await connection.execute(statement, {"summary": PRIVATE})
        with pytest.raises(IntegrityError) as caught:
            async with engine.begin() as connection:
                await connection.execute(statement, {"summary": PRIVATE})
    finally:
        await engine.dispose()
    assert refusing in caplog.text
    shown = "".join(traceback.format_exception(caught.value))
    assert refusing in shown
    assert PRIVATE not in caplog.text + shown


async def test_an_error_of_a_batch_repeats_no_row(database: str, refusing: str) -> None:
    engine = create_engine(database, pool_size=1, timeout=10)
    connection = IngestConnection(engine)
    try:
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            await connection.store([Run("sage", "success", "{}", PRIVATE, silent=False)], retried=False)
    finally:
        await connection.release()
        await engine.dispose()
    shown = "".join(traceback.format_exception(caught.value))
    assert refusing in shown
    assert PRIVATE not in shown
