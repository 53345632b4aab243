"""The review queue, from a bounded number of recent runs: its cost does not follow the log's length."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import DateTime, Row, String, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import agent_by_agent, database_now, newest_runs_text, number_in, object_in
from app.models.agent_run_log import AUDITOR
from app.quality.domain.review import Candidate, Suggestion, review_queue

AGENTS = 300  # that are considered, those that reported last: a bound on cost
RUNS = 20  # of each agent that are considered, the newest
_RECENT = timedelta(days=30)  # the age up to which a person may still know what a run was about

_NEWEST = newest_runs_text(
    "id, agent_id, created_at, status, left(action_summary, 300) AS action_summary,"
    f" {object_in('rlhf_scores')} AS scores",
    "created_at >= :since AND created_at <= :now",
    ":runs",
    "agents.agent_id",
)

# From the agents to their runs, and from those to scores and ratings, each by an index. Only numbers are
# taken for scores: other writers may have put anything there.
# The Auditor's own runs are no agent's work.
CANDIDATES = text(f"""
WITH agents AS MATERIALIZED (
    SELECT agent_id, runs FROM agent_run_state
    WHERE last_created_at >= :since AND agent_id <> '{AUDITOR}'
    ORDER BY last_created_at DESC, agent_id
    LIMIT :agents
)
SELECT
    run.id, run.agent_id, run.created_at, run.status, run.action_summary, agents.runs AS agent_runs,
    run.scores ->> 'scorer' AS scorer, run.scores ? 'error' AS failed,
    {number_in("run.scores", "overall")} AS overall,
    {number_in("run.scores", "auto")} AS auto,
    scorers.results, people.ratings, people.lowest, people.highest, people.mine
FROM agents
CROSS JOIN LATERAL ({_NEWEST}) AS run
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(scorer, auto ORDER BY scored_at) AS results FROM agent_run_score
    WHERE run_id = run.id AND auto BETWEEN 0 AND 1
) AS scorers
CROSS JOIN LATERAL (
    SELECT count(*) AS ratings, min(rating) AS lowest, max(rating) AS highest,
        coalesce(bool_or(rater = :rater), false) AS mine
    FROM agent_run_feedback WHERE run_id = run.id
) AS people
""").bindparams(  # noqa: S608
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("now", type_=DateTime(timezone=True)),
    bindparam("rater", type_=String),
)
_TYPED = CANDIDATES.columns(results=JSONB)


async def runs_to_review(session: AsyncSession, *, rater: str | None, limit: int) -> list[Suggestion]:
    """The runs of the last 30 days that are most worth a rating by `rater`, without those they rated."""
    now = await database_now(session)
    bounds = {"agents": AGENTS, "runs": RUNS, "since": now - _RECENT, "now": now, "rater": rater}
    async with agent_by_agent(session):
        rows = (await session.execute(_TYPED, bounds)).all()
    # In a thread: ranking thousands of runs would block the event loop.
    return await asyncio.to_thread(_ranked, rows, now, limit)


def _ranked(rows: Sequence[Row[Any]], now: datetime, limit: int) -> list[Suggestion]:
    return review_queue(map(_candidate, rows), now, limit)


def _candidate(row: Row[Any]) -> Candidate:
    scores: dict[str, float] = dict(row.results or {})
    auto = _score(row.auto)
    if auto is not None and row.scorer:
        # Also where the scorer's result was not kept beside the run.
        scores[row.scorer] = auto
    return Candidate(
        id=row.id,
        agent_id=row.agent_id,
        created_at=row.created_at,
        status=row.status,
        action_summary=row.action_summary,
        overall=_score(row.overall),
        scores=scores,
        failed=bool(row.failed),
        ratings=row.ratings,
        lowest=row.lowest,
        highest=row.highest,
        mine=row.mine,
        agent_runs=row.agent_runs,
    )


def _score(value: Any) -> float | None:
    return float(value) if value is not None and 0 <= value <= 1 else None
