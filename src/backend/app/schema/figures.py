"""Compare what is derived from the log with the log, in bounded time and changing nothing.

1. The rollups of the newest `COMPARED_RUNS` runs are compared hour by hour, with the statement that fills
   them.
2. Where these are all runs, each agent's number of runs is counted too; else the sum of all agents is
   compared with the sum of all hours, which reads no run.
3. The silence count and the last success of `COMPARED_AGENTS` agents, those with the newest runs, are looked
   up.

One snapshot shows all of it, so this is exact while others write.
"""

from collections.abc import AsyncIterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.kit.sql import SET_AGENT_BY_AGENT
from app.kit.text import counted
from app.models.derivation import LAST_SUCCESS, MEASURES, NEWEST_RUN, ROLLUP_KEYS, missing
from app.models.run_rollup import AGENTS_KEPT, HOUR, MINUTES_KEPT
from app.schema.rebuild import ARCHIVED_RUNS

COMPARED_RUNS = 200_000  # about a second
COMPARED_AGENTS = 10_000  # two looks into an index each

_SINCE = text("""
    SELECT CAST(CASE
        WHEN full_at IS NULL THEN '-infinity'
        ELSE least(
            date_bin('1 hour', full_at, '2000-01-01 00:00Z') + interval '1 hour',
            (SELECT date_bin('1 hour', max(created_at), '2000-01-01 00:00Z') FROM agent_run_log
            WHERE created_at < 'infinity')
        ) END AS text)
    FROM (SELECT) AS one LEFT JOIN LATERAL (
        SELECT created_at AS full_at FROM agent_run_log WHERE created_at < 'infinity'
        ORDER BY created_at DESC
        OFFSET :runs LIMIT 1
    ) AS chunk ON true
""")

_FROM_SINCE = ">= CAST(CAST(:since AS text) AS timestamptz)"
_RUNS = f"SELECT 1 AS sign, * FROM agent_run_log WHERE created_at {_FROM_SINCE}"  # noqa: S608
# Older rows are deleted from time to time, an hour later at most.
_KEPT = {
    "run_rollup": f"width = {HOUR} OR bucket > now() - interval '{MINUTES_KEPT}' + interval '1 hour'",
    "agent_rollup": f"bucket > now() - interval '{AGENTS_KEPT}' + interval '1 day'",
    "score_rollup": "true",
}


def _rollup_differences(table: str) -> str:
    differs = " OR ".join(f"sum({name}) <> 0" for name in MEASURES[table])
    return f"""SELECT count(DISTINCT bucket) FROM (
        SELECT {ROLLUP_KEYS[table]} FROM ({missing(table, _RUNS, f"bucket {_FROM_SINCE}")}) AS change
        WHERE {_KEPT[table]}
        GROUP BY {ROLLUP_KEYS[table]}
        HAVING {differs}
    ) AS difference"""  # noqa: S608


_ROLLUPS = {table: text(_rollup_differences(table)) for table in MEASURES}

_COUNTS = text(f"""
    SELECT count(*) FROM (
        SELECT agent_id, runs + {ARCHIVED_RUNS} AS runs
        FROM (SELECT agent_id, count(*) AS runs FROM agent_run_log GROUP BY agent_id) AS agent
    ) AS log
    FULL JOIN agent_run_state AS state USING (agent_id)
    WHERE log.runs IS DISTINCT FROM state.runs
""")  # noqa: S608

_TOTALS = text(f"""
    SELECT
        (SELECT coalesce(sum(runs), 0) FROM agent_run_state) AS of_agents,
        (SELECT coalesce(sum(runs), 0) FROM run_rollup WHERE width = {HOUR})
            + (SELECT count(*) FROM agent_run_log WHERE created_at IS NULL) AS of_hours
""")  # noqa: S608

_STATES = text(f"""
    SELECT count(*)
    FROM (SELECT * FROM agent_run_state ORDER BY last_created_at DESC LIMIT :agents) AS agent
    LEFT JOIN LATERAL ({NEWEST_RUN}) AS newest ON true
    WHERE silence_count <> coalesce(newest.consecutive_silence_count, 0)
        OR last_success_at IS DISTINCT FROM ({LAST_SUCCESS})
""")  # noqa: S608


async def find_differences(connection: AsyncConnection) -> list[str]:
    """What differs from the log, a sentence each, which names what mends it.

    `connection` is in a REPEATABLE READ transaction, and the schema is as it should be. Raises SQLAlchemy's
    errors.
    """
    return [f"{difference}: `runlog schema rebuild-state` mends it" async for difference in _find(connection)]


async def _find(connection: AsyncConnection) -> AsyncIterator[str]:
    since = await connection.scalar(_SINCE, {"runs": COMPARED_RUNS})
    for table, statement in _ROLLUPS.items():
        if hours := await connection.scalar(statement, {"since": since}):
            yield f"{table} differs from the log in {hours} of its times"
    if since == "-infinity":
        if agents := await connection.scalar(_COUNTS):
            yield f"agent_run_state counts other runs than the log for {counted(agents, 'agent')}"
    else:
        totals = (await connection.execute(_TOTALS)).one()
        if totals.of_agents != totals.of_hours:
            of_agents = counted(totals.of_agents, "run")
            yield f"agent_run_state counts {of_agents}, and run_rollup {totals.of_hours}"
    await connection.execute(SET_AGENT_BY_AGENT)
    if agents := await connection.scalar(_STATES, {"agents": COMPARED_AGENTS}):
        yield f"agent_run_state has another silence or success than the log for {counted(agents, 'agent')}"
