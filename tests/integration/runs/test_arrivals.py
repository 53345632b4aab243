"""How fast runs come in, as the log shows it."""

from datetime import timedelta

import asyncpg
import pytest

from app.db.session import transaction
from app.runs.arrivals import arrival_rate

RECORD = """INSERT INTO agent_run_log (agent_id, created_at)
    SELECT 'sage', clock_timestamp() - $2::interval FROM generate_series(1, $1)"""


async def rate() -> float:
    """The rate now."""
    async with transaction() as session:
        return await arrival_rate(session)


@pytest.mark.anyio
@pytest.mark.usefixtures("database")
async def test_of_no_runs_there_is_no_rate() -> None:
    assert await rate() == 0


@pytest.mark.anyio
async def test_runs_that_came_just_now_count_and_a_few_or_old_or_oddly_dated_ones_do_not(
    db: asyncpg.Connection,
) -> None:
    await db.execute(
        "INSERT INTO agent_run_log (agent_id, created_at) SELECT 'odd', moment"
        " FROM unnest(ARRAY['-infinity', 'infinity', '4000-01-01 BC', '50000-01-01', NULL]::timestamptz[])"
        " AS moment, generate_series(1, 200)"
    )
    await db.execute(RECORD, 10_000, timedelta(minutes=1))
    await db.execute(RECORD, 499, timedelta())
    assert await rate() == 0
    rates = []
    while len(rates) < 20 and not any(rates):  # a busy machine may take a second from one to the other
        await db.execute(RECORD, 500, timedelta())
        rates.append(await rate())
    assert rates[-1] > 500
