"""The runs that people rated, with their ratings and every scorer's score: what agreement is measured on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Row, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import number_in
from app.quality.domain.agreement_report import RatedRun

NEWEST = 5_000
"""Rated runs that are compared at most, those rated last: a bound on cost."""

# The ratings rated last are read from their index, and the runs of those by id. A run's own score stands
# in where its scorer's result was not kept beside it.
RATED = text(f"""
WITH given AS MATERIALIZED (
    SELECT run_id, updated_at FROM agent_run_feedback
    WHERE updated_at >= :since
    ORDER BY updated_at DESC
    LIMIT 4 * :newest
),
rated AS MATERIALIZED (
    SELECT run_id FROM given GROUP BY run_id ORDER BY max(updated_at) DESC, run_id LIMIT :newest
)
SELECT people.ratings, scorers.results,
    run.rlhf_scores ->> 'scorer' AS scorer, run.rlhf_scores ->> 'version' AS version,
    {number_in("run.rlhf_scores", "auto")} AS auto
FROM rated
CROSS JOIN LATERAL (
    SELECT rlhf_scores FROM agent_run_log WHERE id = rated.run_id LIMIT 1
) AS run
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(rater, rating) AS ratings FROM agent_run_feedback
    WHERE run_id = rated.run_id AND rating BETWEEN 0 AND 1
) AS people
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(scorer, version, auto)) AS results FROM agent_run_score
    WHERE run_id = rated.run_id AND auto BETWEEN 0 AND 1
) AS scorers
""").bindparams(bindparam("since", type_=DateTime(timezone=True)))  # noqa: S608
_TYPED = RATED.columns(ratings=JSONB, results=JSONB)
_EVER = datetime.fromisoformat("0001-01-03T00:00:00+00:00")


async def rated_runs(session: AsyncSession, since: datetime | None, newest: int = NEWEST) -> list[RatedRun]:
    """The runs that were rated since, by when they were rated last, at most `newest`."""
    rows = await session.execute(_TYPED, {"since": since or _EVER, "newest": newest})
    return [RatedRun(row.ratings, _scores(row)) for row in rows if row.ratings]


def _scores(row: Row[Any]) -> Mapping[tuple[str, str], float]:
    scores: dict[tuple[str, str], float] = {}
    if row.scorer and row.version and row.auto is not None and 0 <= row.auto <= 1:
        scores[row.scorer, row.version] = float(row.auto)
    return scores | {(scorer, version): auto for scorer, version, auto in row.results or ()}
