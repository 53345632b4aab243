"""Named fragments of SQL about the run log, as text and for SQLAlchemy."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Boolean,
    ColumnElement,
    DateTime,
    Interval,
    Numeric,
    Select,
    String,
    Subquery,
    and_,
    any_,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.cursors import EARLIEST, LATEST
from app.kit.times import EPOCH
from app.models import AgentRunDuration, AgentRunLog, AgentRunUsage
from app.models.fragments import AGENT_BY_AGENT
from app.models.fragments import IS_SCORED as IS_SCORED
from app.models.fragments import MAY_BE_SCORED as MAY_BE_SCORED
from app.models.fragments import newest_runs_text as newest_runs_text
from app.models.fragments import of_agent_text as of_agent_text
from app.models.silence import is_silent_text as is_silent_text

RunTable = type[AgentRunLog] | type[AgentRunUsage] | type[AgentRunDuration]
"""A table that has the agent and the time of runs, and an index on both."""

NEWEST_FIRST = (AgentRunLog.created_at.desc(), AgentRunLog.id.desc())
AGENTS_NEWEST_FIRST = (AgentRunLog.agent_id, *NEWEST_FIRST)


_COMPRESSION = 100
"""Bytes of a payload that a compressed one may stand for: PostgreSQL's pglz writes up to 273 as three."""


def stored_bytes(run: str) -> str:
    """SQL of how many bytes the payload of a row `run` of the log may have, told by how it is stored."""
    parts = (f"{run}.{column}" for column in ("action_summary", "actions_taken"))
    return " + ".join(
        f"coalesce(pg_column_size({part}), 0)"
        f" * CASE WHEN pg_column_compression({part}) IS NULL THEN 1 ELSE {_COMPRESSION} END"
        for part in parts
    )


def number_in(document: str, name: str) -> str:
    """SQL of the number called `name` in a JSON document, as numeric; NULL where there is none."""
    number = f"CAST({document} ->> '{name}' AS numeric)"
    return f"CASE jsonb_typeof({document} -> '{name}') WHEN 'number' THEN {number} END"


def object_in(value: str) -> str:
    """SQL of a JSON value; NULL where it is no object."""
    return f"CASE jsonb_typeof({value}) WHEN 'object' THEN {value} END"


OVERALL: ColumnElement[Any] = literal_column(number_in("agent_run_log.rlhf_scores", "overall"), Numeric)
"""A run's overall score; NULL where it has none."""


IS_SILENT: ColumnElement[bool] = literal_column(is_silent_text("agent_run_log"), Boolean)
"""Whether a run is silent."""


def of_agent(agent_id: Any, run: RunTable = AgentRunLog) -> ColumnElement[bool]:
    """That `run` is of the agent, as `of_agent_text` says it, and for the same reason."""
    return run.agent_id == any_(array([agent_id]))


def newest_of_agent(
    columns: Sequence[Any],
    agent_id: Any,
    limit: int,
    *conditions: ColumnElement[bool],
    run: RunTable = AgentRunLog,
) -> Select[Any]:
    """`columns` of an agent's newest runs that fulfil `conditions`, read from the index on agent and time."""
    return (
        select(*columns)
        .where(of_agent(agent_id, run), *conditions)
        .order_by(run.agent_id, run.created_at.desc())
        .limit(limit)
    )


SET_AGENT_BY_AGENT = text(f"SET LOCAL {AGENT_BY_AGENT}")
"""For the rest of a transaction."""


@asynccontextmanager
async def agent_by_agent(session: AsyncSession) -> AsyncIterator[None]:
    """A block under `AGENT_BY_AGENT`, for the newest runs of many agents."""
    await session.execute(SET_AGENT_BY_AGENT)
    yield
    # Not after an error: the transaction is lost then, and the setting with it.
    await session.execute(text("SET LOCAL enable_incremental_sort TO DEFAULT"))


def moment_at(micros: int) -> ColumnElement[Any]:
    """The moment so many microseconds after 2000 UTC, or one of the infinities `EARLIEST` and `LATEST`."""
    if micros in (EARLIEST, LATEST):
        infinity = "infinity" if micros == LATEST else "-infinity"
        return literal_column(f"CAST('{infinity}' AS timestamptz)", DateTime(timezone=True))
    beginning: ColumnElement[Any] = literal_column("CAST('2000-01-01 00:00Z' AS timestamptz)")
    return beginning + literal(timedelta(microseconds=micros), Interval)


def wanted_agents(agent_ids: Sequence[str] | BindParameter[Any]) -> Subquery:
    """`agent_ids` as a table of their own; of a statement that is made once they are a parameter."""
    given = agent_ids if isinstance(agent_ids, BindParameter) else literal(list(agent_ids), ARRAY(String))
    ids = cast(given, ARRAY(String))
    return select(func.unnest(ids).label("agent_id")).subquery()


def well_dated(moment: Any) -> ColumnElement[bool]:
    """That a run's moment lies between 1970 and a day ahead.

    A run dated at infinity, or years ahead by a slip, is not its agent's newest. A clock that is wrong by
    hours is accepted.
    """
    return and_(moment >= EPOCH, moment < func.now() + timedelta(days=1))


WELL_DATED = well_dated(AgentRunLog.created_at)


async def database_now(session: AsyncSession) -> datetime:
    """The database's clock, which is the only one that counts."""
    now: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return now
