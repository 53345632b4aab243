"""The states of runs on their way to a score: of one run, and of all in counts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Boolean, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import well_dated
from app.models import AgentRunLog, RunRollup
from app.models.agent_run_log import UNSCORED
from app.models.run_rollup import HOUR
from app.scoring.domain.results import RUBRIC
from app.scoring.domain.states import scoring_state
from app.scoring.pipeline import SCORING_LOCK
from app.scoring.records import results_of_run

CAP = 10_000
"""Rows that a count reads at most; a larger one says that there are at least so many."""

_MOST_REASONS = 20  # that are shown
_SAMPLED_PAGES = 300  # of 8 kB, from which larger counts are estimated

# The advisory locks of batches that are being scored in this database. They end with their transaction.
_MARKS = f"""SELECT pid, objid FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {SCORING_LOCK} AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""  # noqa: S608

# A row's xmax is the transaction that has locked it, which holds the lock on its own id until it ends.
_RUN = text(f"""
SELECT rlhf_scores, {UNSCORED} AND EXISTS (
    SELECT FROM pg_locks AS holder JOIN ({_MARKS}) AS mark USING (pid)
    WHERE holder.locktype = 'transactionid' AND holder.granted AND holder.transactionid = run.xmax
) AS locked
FROM agent_run_log AS run WHERE id = :run_id
""").columns(rlhf_scores=JSONB, locked=Boolean)  # noqa: S608
_SCORING = text(f"SELECT coalesce(sum(CAST(objid AS bigint)), 0) FROM ({_MARKS}) AS mark")  # noqa: S608

# What is ordered as an index is, and limited, is read from that index: estimates cannot mislead the planner
# to the whole table.
_ERRORS = text(f"""
SELECT count(*) FROM (
    SELECT run_id FROM agent_run_score
    WHERE scorer = '{RUBRIC}' AND error IS NOT NULL
    ORDER BY retry_at LIMIT :most
) AS failure JOIN agent_run_log ON id = run_id
WHERE {UNSCORED}
""")  # noqa: S608
_REASONS = text("""
SELECT scorer, error, count(*) AS runs, count(retry_at) AS retried, min(retry_at) AS retry_at
FROM (
    SELECT scorer, error, retry_at FROM agent_run_score
    WHERE error IS NOT NULL
    ORDER BY scorer, retry_at LIMIT :most
) AS failure
GROUP BY scorer, error
ORDER BY runs DESC, scorer, error
LIMIT :reasons
""")
# From one version to the next by the index, and no further into each than the cap.
_VERSIONS = text("""
WITH RECURSIVE kind AS (
    (SELECT scorer, version FROM agent_run_score ORDER BY scorer, version LIMIT 1)
    UNION ALL
    SELECT following.* FROM kind CROSS JOIN LATERAL (
        SELECT scorer, version FROM agent_run_score AS result
        WHERE (result.scorer, result.version) > (kind.scorer, kind.version)
        ORDER BY scorer, version LIMIT 1
    ) AS following
)
SELECT scorer, version, counted.results
FROM kind CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE (scorer, version) = (kind.scorer, kind.version)) AS results FROM (
        SELECT scorer, version FROM agent_run_score AS result
        WHERE (result.scorer, result.version) >= (kind.scorer, kind.version)
        ORDER BY scorer, version LIMIT :most
    ) AS following
) AS counted
""")
# What runs show alone has no row there.
_SHOWN = text("SELECT scorer, version, sum(results) FROM score_rollup GROUP BY 1, 2 HAVING sum(results) > 0")
# Of a table by months the partitions have the pages.
_PAGES = text("""
SELECT (pg_relation_size('agent_run_score') + coalesce(sum(pg_relation_size(relid)), 0))
    / current_setting('block_size')::int
FROM pg_partition_tree('agent_run_score')
""")
_SAMPLE = text("""
SELECT scorer, version, count(*) FROM agent_run_score TABLESAMPLE SYSTEM (:percent) GROUP BY scorer, version
""")


class Count(NamedTuple):
    """A number of runs; `exact` or, above the cap, about so many."""

    runs: int
    exact: bool = True

    @classmethod
    def capped(cls, counted: int) -> "Count":
        """Of a count that went one further than the cap at most."""
        return cls(min(counted, CAP), counted <= CAP)


@dataclass(frozen=True, slots=True)
class ErrorReason:
    """Runs at which a scorer failed for the same reason; `retried` of them will be scored again."""

    scorer: str
    error: str
    runs: int
    retried: int
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScoringCounts:
    """How many runs are in each state, and when the oldest queued one was created."""

    states: dict[str, Count]
    oldest_queued_at: datetime | None


async def scoring_of(session: AsyncSession, run_id: UUID) -> dict[str, Any]:
    """`scoring`, the run's state, and `scores`, every scorer's result, the latest first."""
    run = (await session.execute(_RUN, {"run_id": run_id})).one_or_none()
    results = await results_of_run(session, run_id, run.rlhf_scores if run else None)
    return {
        "scoring": scoring_state(run.rlhf_scores, locked=run.locked) if run else None,
        "scores": sorted(results, key=lambda result: result.scored_at, reverse=True),
    }


async def scoring_counts(session: AsyncSession) -> ScoringCounts:
    """The counts now, `scored` without the Auditor's runs. Their cost does not depend on the log's length."""
    queued = (
        select(AgentRunLog.created_at)
        .where(UNSCORED, AgentRunLog.rlhf_scores.is_(None))
        .order_by(AgentRunLog.created_at)
        .limit(CAP + 1)
        .subquery()
    )
    created_at = queued.c.created_at
    counted = select(func.count(), func.min(created_at).filter(well_dated(created_at))).select_from(queued)
    waiting, oldest = (await session.execute(counted)).one()
    scoring = int(await session.scalar(_SCORING) or 0)
    errors = int(await session.scalar(_ERRORS, {"most": CAP + 1}) or 0)
    scored = select(func.coalesce(func.sum(RunRollup.scored), 0)).where(RunRollup.width == HOUR)
    states = {
        "queued": Count.capped(max(0, waiting - scoring)),
        "scoring": Count(scoring),
        "scored": Count(int(await session.scalar(scored) or 0)),
        "error": Count.capped(errors),
    }
    return ScoringCounts(states, oldest)


async def error_reasons(session: AsyncSession) -> list[ErrorReason]:
    """Why scorers failed, the most frequent reason first."""
    rows = await session.execute(_REASONS, {"most": CAP, "reasons": _MOST_REASONS})
    return [ErrorReason(*row) for row in rows]


async def results_by_version(session: AsyncSession) -> dict[tuple[str, str], Count]:
    """How many results there are of each scorer and version; where more than the cap are beside the runs that
    do not show them, estimated from a sample of these."""
    counts = await _counts_beside(session)
    for scorer, version, results in await session.execute(_SHOWN):
        beside = counts.get((scorer, version), Count(0))
        counts[scorer, version] = Count(beside.runs + int(results), beside.exact)
    return counts


async def _counts_beside(session: AsyncSession) -> dict[tuple[str, str], Count]:
    rows = await session.execute(_VERSIONS, {"most": CAP + 1})
    counts = {(scorer, version): Count.capped(results) for scorer, version, results in rows}
    if all(count.exact for count in counts.values()):
        return counts
    share = min(1.0, _SAMPLED_PAGES / max(1, int(await session.scalar(_PAGES) or 0)))
    for scorer, version, sampled in await session.execute(_SAMPLE, {"percent": 100 * share}):
        kind = scorer, version
        if kind in counts and not counts[kind].exact:
            counts[kind] = Count(max(CAP, round(sampled / share)), exact=False)
    return counts
