"""Compare what was sealed of scores and of other tables with what these say now, and find what has no leaf.

Each statement names what differs. What waits to be sealed may differ.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.models import Base
from app.models.sealing import EVENT_TABLES, ROW
from app.proof.domain.entries import Kind
from app.proof.problems import Problem

MOST_NAMED = 1_000
"""Rows of a kind that are named one by one."""

_WAITING = """waiting AS MATERIALIZED (
    SELECT DISTINCT unnest(run_ids) AS run_id FROM seal_pending WHERE kind {kinds}
)"""
_UNSEALED = text(f"""
    WITH {_WAITING.format(kinds="= 'run'")}
    SELECT run.id, run.agent_id FROM agent_run_log AS run
    WHERE NOT EXISTS (SELECT FROM seal_leaf WHERE run_id = run.id AND kind = 'run')
        AND NOT EXISTS (SELECT FROM waiting WHERE run_id = run.id)
        AND EXISTS (SELECT FROM seal_adoption WHERE ended_at IS NOT NULL OR run.id <= adopted_to)
    LIMIT {MOST_NAMED}
""")  # noqa: S608
# A run may be scored only once it is there, so what has no score was never sealed with one, or lost it.
_SCORES = text(f"""
    WITH {_WAITING.format(kinds="<> 'event'")},
    sealed AS (
        SELECT DISTINCT ON (run_id) run_id, digest
        FROM (
            SELECT leaf_index, CAST(run ->> 0 AS uuid) AS run_id, run ->> 1 AS digest
            FROM seal_leaf, jsonb_array_elements(CAST(body AS jsonb) -> 'runs') AS run
            WHERE kind = '{Kind.SCORES}'
        ) AS sealed
        ORDER BY run_id, leaf_index DESC
    )
    SELECT run.id, run.agent_id
    FROM agent_run_log AS run LEFT JOIN sealed ON sealed.run_id = run.id
    WHERE (run.rlhf_scores IS NOT NULL OR sealed.digest IS NOT NULL)
        AND sealed.digest IS DISTINCT FROM
            encode(sha256(convert_to(CAST(run.rlhf_scores AS text), 'UTF8')), 'hex')
        AND NOT EXISTS (SELECT FROM waiting WHERE waiting.run_id = run.id)
        AND EXISTS (SELECT FROM seal_adoption WHERE ended_at IS NOT NULL OR run.id <= adopted_to)
    LIMIT {MOST_NAMED}
""")  # noqa: S608
_SUSPECT = text(f"""
    SELECT run_id, CAST(body AS jsonb) ->> 'operation' AS operation FROM seal_leaf
    WHERE kind = '{Kind.EVENT}' AND CAST(body AS jsonb) ->> 'table' = 'agent_run_log'
    ORDER BY leaf_index LIMIT {MOST_NAMED}
""")  # noqa: S608
_ADOPTIONS = text(f"""
    SELECT count(*) FROM seal_leaf
    WHERE kind = '{Kind.EVENT}' AND CAST(body AS jsonb) ->> 'table' = 'seal_adoption'
""")  # noqa: S608
_ERASURES = text(f"""
    SELECT coalesce(row.run_id, leaf.run_id) AS run_id, row.run_id IS NULL AS deleted
    FROM agent_run_erasure AS row FULL JOIN (
        SELECT run_id, CAST(body AS jsonb) AS entry FROM seal_leaf WHERE kind = '{Kind.ERASURE}'
    ) AS leaf USING (run_id)
    WHERE (row.erased_by, row.reason) IS DISTINCT FROM (leaf.entry ->> 'by', leaf.entry ->> 'reason')
        AND NOT EXISTS (
            SELECT FROM seal_pending WHERE content #>> '{{row,run_id}}' = CAST(row.run_id AS text)
        )
    LIMIT {MOST_NAMED}
""")  # noqa: S608

# What a file has is counted by the leaves: an archive hides no run that was deleted.
_ARCHIVES = text(f"""
    SELECT month, runs, sealed - (
        SELECT count(*) FROM agent_run_log AS run WHERE run.id >= first_id AND run.id < end_id
            AND EXISTS (SELECT FROM seal_leaf WHERE run_id = run.id AND kind = '{Kind.RUN}')
    ) AS gone
    FROM agent_run_archive CROSS JOIN LATERAL (
        SELECT count(DISTINCT run_id) AS sealed FROM seal_leaf
        WHERE run_id >= first_id AND run_id < end_id AND kind = '{Kind.RUN}'
    ) AS leaf
""")  # noqa: S608

_EMPTIED = text(f"""
    SELECT leaf_index FROM seal_leaf AS leaf
    WHERE kind = '{Kind.EVENT}' AND body IS NULL
        AND NOT EXISTS (SELECT FROM agent_run_erasure WHERE run_id = leaf.run_id)
    LIMIT {MOST_NAMED}
""")  # noqa: S608

_SAID = {
    "vanish": ("missing", "run {} was deleted before it was sealed"),
    "backdate": ("backdated", "run {} is dated before it came"),
}


def _changes(table: str) -> TextClause:
    keys = [column.name for column in Base.metadata.tables[table].primary_key]

    def of(row: str) -> str:
        return f"jsonb_build_array({', '.join(f'{row} -> {name!r}' for name in keys)})"

    statement = f"""
        WITH sealed AS (
            SELECT DISTINCT ON (key) key, changed_row, operation
            FROM (
                SELECT leaf_index, {of("changed_row")} AS key, changed_row, operation
                FROM seal_leaf, LATERAL (SELECT CAST(body AS jsonb) AS entry) AS of_leaf,
                    LATERAL (SELECT entry ->> 'operation' AS operation,
                        CAST(entry ->> 'row' AS jsonb) AS changed_row) AS of_entry
                WHERE kind = '{Kind.EVENT}' AND entry ->> 'table' = '{table}'
            ) AS sealed
            ORDER BY key, leaf_index DESC
        ), actual AS (
            SELECT {of("actual_row")} AS key, actual_row
            FROM (SELECT {ROW.format(table)} AS actual_row FROM {table}) AS actual
        ), waiting AS (
            SELECT {of("content -> 'row'")} AS key FROM seal_pending
            WHERE kind = 'event' AND content ->> 'table' = '{table}'
        )
        SELECT CAST(key AS text) AS key, CASE
            WHEN actual_row IS NULL THEN 'deleted'
            WHEN changed_row IS NULL OR operation = 'delete' THEN 'inserted'
            ELSE 'altered' END AS what
        FROM sealed FULL JOIN actual USING (key)
        WHERE CASE
            WHEN actual_row IS NULL THEN operation <> 'delete'
            WHEN changed_row IS NULL OR operation = 'delete' THEN true
            -- Not columns that a later version has added.
            ELSE EXISTS (
                SELECT FROM jsonb_each(changed_row) AS was
                WHERE actual_row -> was.key IS DISTINCT FROM was.value
            ) END
            AND key NOT IN (SELECT key FROM waiting)
        LIMIT {MOST_NAMED}
    """  # noqa: S608
    return text(statement)


_CHANGES = {table: _changes(table) for table in EVENT_TABLES}


async def verify_tables(connection: AsyncConnection) -> AsyncIterator[Problem]:
    """What is wrong beside the leaves and the runs that these are of."""
    for comparison in COMPARISONS:
        async for problem in comparison.problems(connection):
            yield problem


async def _compare_runs(connection: AsyncConnection) -> AsyncIterator[Problem]:
    for run in await connection.execute(_UNSEALED):
        yield Problem("inserted", f"run {run.id} of {run.agent_id} was inserted past the log", run.id)


async def _compare_scores(connection: AsyncConnection) -> AsyncIterator[Problem]:
    for run in await connection.execute(_SCORES):
        yield Problem("altered", f"the scores of run {run.id} of {run.agent_id} were altered", run.id)


async def _compare_events(connection: AsyncConnection) -> AsyncIterator[Problem]:
    """What is wrong by the entries of events themselves."""
    for run in await connection.execute(_SUSPECT):
        what, message = _SAID[run.operation]
        yield Problem(what, message.format(run.run_id), run.run_id)
    if (await connection.execute(_ADOPTIONS)).scalar_one() > 1:
        yield Problem("inserted", "what was not sealed was adopted a second time")
    for leaf in await connection.execute(_EMPTIED):
        message = f"leaf {leaf.leaf_index} has no entry, and it is of no run that was erased"
        yield Problem("altered", message, None, leaf.leaf_index)


async def _compare_erasures(connection: AsyncConnection) -> AsyncIterator[Problem]:
    for row in await connection.execute(_ERASURES):
        message = (
            f"the record of the erasure of run {row.run_id} was {'deleted' if row.deleted else 'altered'}"
        )
        yield Problem("altered", message, row.run_id)


async def _compare_archives(connection: AsyncConnection) -> AsyncIterator[Problem]:
    for row in await connection.execute(_ARCHIVES):
        if row.gone != row.runs:
            message = f"of {row.month} {row.gone} runs are not in the log, and {row.runs} were archived"
            yield Problem("missing", message)


async def _compare_table(table: str, connection: AsyncConnection) -> AsyncIterator[Problem]:
    for row in await connection.execute(_CHANGES[table]):
        yield Problem(row.what, f"a row of {table} was {row.what}: {row.key}")


class Comparison(NamedTuple):
    """Reads all of one kind, named by `what`, however long the log is; says what is wrong with it."""

    what: str
    problems: Callable[[AsyncConnection], AsyncIterator[Problem]]


COMPARISONS = (
    Comparison("runs with their leaves", _compare_runs),
    Comparison("scores", _compare_scores),
    Comparison("events", _compare_events),
    Comparison("erasures", _compare_erasures),
    Comparison("archives", _compare_archives),
    *(Comparison(table, partial(_compare_table, table)) for table in EVENT_TABLES),
)
