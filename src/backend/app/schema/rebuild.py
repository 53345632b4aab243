"""Rebuild `agent_run_state` from the log it is derived from, while runs keep coming in."""

from collections.abc import Iterator, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.kit.sql import SET_AGENT_BY_AGENT
from app.models.derivation import LAST_SUCCESS, delete_states, update_states

_CHUNK_RUNS = 50_000  # in one transaction, for which the agents' ingest waits
_CHUNK_AGENTS = 500  # in one transaction, whose rows are locked meanwhile

_AGENTS = text("""
    SELECT agent_id, sum(runs)::bigint AS runs
    FROM (
        SELECT agent_id, count(*) AS runs FROM agent_run_log GROUP BY agent_id
        UNION ALL SELECT agent_id, 0 FROM agent_run_state
    ) AS known
    GROUP BY agent_id
    ORDER BY agent_id COLLATE "C"
""")

# Ingest locks these rows in the same order, so neither can deadlock the other.
_LOCK = text("""
    INSERT INTO agent_run_state (agent_id, last_created_at)
    SELECT agent_id, now() FROM unnest(CAST(:agents AS text[])) AS agent_id
    ORDER BY agent_id COLLATE "C"
    ON CONFLICT (agent_id) DO UPDATE SET silence_count_before = 0
""")

_COUNTED = """(
        SELECT agent_id, count(*) AS runs FROM agent_run_log
        WHERE agent_id = ANY(CAST(:agents AS text[]))
        GROUP BY agent_id
    ) AS agent"""

# Each agent's newest runs stay in the log, so that none is missing above.
ARCHIVED_RUNS = """coalesce((
        SELECT sum(runs) FROM agent_run_archived_count AS archived WHERE archived.agent_id = agent.agent_id
    ), 0)"""
"""SQL of how many runs an `agent` has in the files of archived months alone."""

_UPDATE = text(
    update_states(_COUNTED, f"runs = agent.runs + {ARCHIVED_RUNS}, last_success_at = ({LAST_SUCCESS})")
)

_DELETE = text(delete_states("agent_id = ANY(CAST(:agents AS text[]))"))


async def rebuild_agent_run_state(engine: AsyncEngine) -> int:
    """Make the state of every agent what its log says, in many short transactions.

    1. The agents of log and state are listed and split into chunks.
    2. In a transaction for each chunk their states are locked, in ingest's order, computed from the log, and
       deleted where an agent has no runs.

    An agent's ingest waits while its own chunk is counted. Transactions of `engine` must be READ
    COMMITTED. Returns the number of agents. Raises SQLAlchemy's errors; the chunks committed before stay
    right.
    """
    async with engine.connect() as connection:
        agents = await _agents(connection)
    for chunk in _chunks(agents):
        async with engine.begin() as connection:
            await _rebuild(connection, chunk)
    return len(agents)


async def fill_agent_run_state(connection: AsyncConnection) -> None:
    """Rebuild the state of every agent within the connection's transaction."""
    for chunk in _chunks(await _agents(connection)):
        await _rebuild(connection, chunk)


async def _agents(connection: AsyncConnection) -> list[tuple[str, int]]:
    return [(row.agent_id, row.runs) for row in await connection.execute(_AGENTS)]


def _chunks(agents: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Agents that are counted together: many with few runs, or one with many alone."""
    chunk: list[str] = []
    chunk_runs = 0
    for agent_id, runs in agents:
        if chunk and (chunk_runs + runs > _CHUNK_RUNS or len(chunk) == _CHUNK_AGENTS):
            yield chunk
            chunk, chunk_runs = [], 0
        chunk.append(agent_id)
        chunk_runs += runs
    if chunk:
        yield chunk


async def _rebuild(connection: AsyncConnection, agents: list[str]) -> None:
    await connection.execute(SET_AGENT_BY_AGENT)
    for statement in (_LOCK, _UPDATE, _DELETE):
        await connection.execute(statement, {"agents": agents})
