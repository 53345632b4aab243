"""Reading what an agent's feedback on its recent runs is made of."""

import asyncio
from datetime import timedelta

from sqlalchemy import DateTime, String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.engine import loads_exactly
from app.kit.sql import IS_SCORED, newest_runs_text, object_in
from app.quality.domain.feedback import Comment, Feedback, ScoredRun, build
from app.quality.trends import DAYS, agent_quality

_AGENT = bindparam("agent_id", type_=String)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
_NOW = bindparam("now", type_=DateTime(timezone=True))


def _newest(columns: str, limit: int) -> str:
    in_time = "created_at > :since AND created_at <= :now"
    return newest_runs_text(columns, in_time, str(limit), ":agent_id")


# Runs with a score are looked for among the newest 500 only, also when many wait for one: a bound on cost. Of
# these 50 are used, of comments 6: twice what is shown, as some may not be fit to be quoted. Texts are cut
# last, so that only those that are used are decompressed; quotations read the first 4,000 characters.
_RUNS = text(f"""
SELECT
    id, created_at, left(action_summary, 4001) AS summary, (rlhf_scores ->> 'overall')::numeric AS overall,
    (
        SELECT jsonb_object_agg(key, value)::text
        FROM jsonb_each({object_in("rlhf_scores -> 'dimensions'")})
        WHERE jsonb_typeof(value) = 'number'
    ) AS dimensions
FROM (
    SELECT * FROM (
        {_newest("id, created_at, action_summary, rlhf_scores", limit=500)}
    ) AS newest
    WHERE {IS_SCORED}
    ORDER BY created_at DESC, id DESC
    LIMIT 50
) AS scored
ORDER BY created_at DESC, id DESC
""").bindparams(_AGENT, _SINCE, _NOW)  # noqa: S608
_COMMENTS = text(f"""
SELECT run_id, updated_at, rating, left(comment, 4001)
FROM (
    {_newest("id", limit=2000)}
) AS newest
JOIN agent_run_feedback ON run_id = newest.id
WHERE comment ~ '\\S'
ORDER BY updated_at DESC, run_id, rater
LIMIT 6
""").bindparams(_AGENT, _SINCE, _NOW)  # noqa: S608


async def agent_feedback(session: AsyncSession, agent_id: str) -> Feedback:
    """The feedback on the agent's newest scored runs of the last 7 days, at most 50.

    Raises `NotFoundError` for an agent that has neither reported nor been declared.
    """
    quality = await agent_quality(session, agent_id)
    now = quality.generated_at
    window = {"agent_id": agent_id, "since": now - timedelta(days=DAYS), "now": now}
    runs = [
        ScoredRun(row.id, row.created_at, row.summary, _within(row.overall), _dimensions(row.dimensions))
        for row in await session.execute(_RUNS, window)
    ]
    comments = [Comment(*row) for row in await session.execute(_COMMENTS, window)] if runs else []
    # Hostile texts take tenths of a second, which others need not wait for.
    return await asyncio.to_thread(build, agent_id, runs, comments, quality.overall)


def _dimensions(given: str | None) -> dict[str, float]:
    return {name: _within(value) for name, value in loads_exactly(given or "{}").items()}


def _within(score: float) -> float:
    """The score, or the nearest one in 0 to 1: other writers of the table may have put any number there."""
    return min(max(float(score), 0.0), 1.0)
