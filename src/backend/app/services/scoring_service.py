"""Score runs and write the scores back; take in people's ratings."""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, TextClause, Uuid, any_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.engine import dumps_exactly, loads_exactly
from app.domain.scoring import SCORER, VERSION, RunReport, score
from app.logs import get_logger
from app.models import AgentRunFeedback, AgentRunLog
from app.models.agent_run_log import UNSCORED
from app.services.run_queries import database_now

log = get_logger(__name__)

HISTORY = 5
MAX_ATTEMPTS = 3

_NO_OBJECT = TypeError("actions_taken is no JSON object that can be read")
# Payloads that are in memory at once, each up to a megabyte.
_PAYLOADS = 20
_RUN_IDS = bindparam("run_ids", type_=ARRAY(Uuid))
# Compared as JSON: whatever somebody wrote there, no sweep fails over it.
_TRIES_LEFT = text(f"coalesce(rlhf_scores -> 'attempts' < '{MAX_ATTEMPTS}', true)")

# The runs to score, and of the runs before each those that are not among them and lie behind the one scored
# before: nothing comes twice. With an agent's reports in order, every run's history has then just gone by.
_READ = """
WITH batch AS MATERIALIZED (
    SELECT id, agent_id, created_at, status, actions_taken, rlhf_scores -> 'attempts' AS attempts
    FROM agent_run_log
    WHERE id = ANY(:run_ids) AND {condition}
    ORDER BY id
    FOR NO KEY UPDATE {locked}
),
moments AS (
    SELECT agent_id, created_at, lag(created_at, 1, '-infinity') OVER earlier AS previous
    FROM (SELECT DISTINCT agent_id, created_at FROM batch) AS scored
    WINDOW earlier AS (PARTITION BY agent_id ORDER BY created_at)
),
history AS (
    SELECT past.*
    FROM moments CROSS JOIN LATERAL (
        SELECT id, agent_id, created_at, status, actions_taken
        FROM agent_run_log
        -- After a plain = the order could be had from the index on created_at, of the whole log.
        WHERE agent_id = ANY(ARRAY[moments.agent_id]) AND created_at < moments.created_at
        ORDER BY agent_id, created_at DESC
        LIMIT {history}
    ) AS past
    WHERE past.created_at >= moments.previous AND past.id NOT IN (SELECT id FROM batch)
)
SELECT
    id, agent_id, created_at, status, actions_taken::text, attempts::text, statement_timestamp() AS read_at
FROM (
    SELECT id, agent_id, created_at, status, actions_taken, attempts FROM batch
    UNION ALL
    SELECT NULL, agent_id, created_at, status, actions_taken, NULL FROM history
    -- Here too, so that references to long payloads are sorted, and not their texts.
    ORDER BY agent_id, created_at
) AS report
ORDER BY agent_id, created_at
"""
_WRITE = text("""
UPDATE agent_run_log AS run SET rlhf_scores = scored.scores::jsonb
FROM unnest(:run_ids, :scores) AS scored (id, scores)
WHERE run.id = scored.id
""").bindparams(_RUN_IDS, bindparam("scores", type_=ARRAY(Text)))


def read_batch(*, wait: bool) -> TextClause:
    """Locks those of `run_ids` that are to be scored; reads them and their histories, the oldest first.

    A row without an id is history. Payloads come as JSON text. With `wait` what others have locked is
    waited for, else it is left out.
    """
    statement = _READ.format(
        # Whoever failed to score a run just now shall not be asked again at once.
        condition="rlhf_scores IS NULL" if wait else f"{UNSCORED} AND {_TRIES_LEFT}",
        locked="" if wait else "SKIP LOCKED",
        history=HISTORY,
    )
    return text(statement).bindparams(_RUN_IDS)


async def unscored_runs(session: AsyncSession, *, older_than: timedelta, limit: int) -> list[UUID]:
    """Ids of runs without a score, oldest first, whose scorer has not failed for good."""
    cutoff = await database_now(session) - older_than
    statement = (
        select(AgentRunLog.id)
        .where(UNSCORED, AgentRunLog.created_at < cutoff, _TRIES_LEFT)
        .order_by(AgentRunLog.created_at)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def score_runs(session: AsyncSession, run_ids: Sequence[UUID], *, wait: bool = False) -> int:
    """Score those of `run_ids` that have no score yet; return how many got one.

    Safe to repeat and to run twice at once: what is scored, or locked by whoever is about to score it, is
    left alone. A run that is locked for another reason, by somebody who rates it, needs a second call
    with `wait`. Each call needs a transaction of its own, which should end right after it.

    A run whose scorer fails gets `{"overall": null, "error", "attempts"}` and is tried again by
    the sweep, at most `MAX_ATTEMPTS` times.
    """
    scores = await _scores(session, run_ids, wait=wait)
    if not scores:
        return 0
    # Read after the rows are locked, so that no rating given meanwhile is missed.
    for run_id, human in (await _ratings(session, list(scores))).items():
        scores[run_id] = _with_human(scores[run_id], human)
    texts = [dumps_exactly(given) for given in scores.values()]
    await session.execute(_WRITE, {"run_ids": list(scores), "scores": texts})
    return sum("error" not in given for given in scores.values())


async def _scores(
    session: AsyncSession, run_ids: Sequence[UUID], *, wait: bool
) -> dict[UUID, dict[str, Any]]:
    reports = await session.stream(read_batch(wait=wait), {"run_ids": run_ids})
    histories = _Histories()
    scores = {}
    async for rows in reports.partitions(_PAYLOADS):
        for row in rows:
            actions = _actions(row.actions_taken)
            report = RunReport(row.agent_id, row.status, actions or {})
            history = histories.before(row.created_at, report)
            if row.id is not None and actions is None:
                scores[row.id] = _failed(row, _NO_OBJECT)
            elif row.id is not None:
                scores[row.id] = _score(row, report, history)
    return scores


def _actions(payload: str | None) -> dict[str, Any] | None:
    """What the agent sent; None for what only somebody else can have written: no object, or one too deep."""
    try:
        actions = loads_exactly(payload or "{}") or {}
    except RecursionError:
        return None
    return actions if isinstance(actions, dict) else None


class _Histories:
    """The agent's last runs before each run that goes by; they go by agent by agent, the oldest first.

    Runs of the same moment are no history to each other.
    """

    def __init__(self) -> None:
        self._agent_id: str | None = None
        self._moment: datetime | None = None
        self._earlier: deque[RunReport] = deque(maxlen=HISTORY)
        self._at_that_moment: deque[RunReport] = deque(maxlen=HISTORY)

    def before(self, moment: datetime | None, report: RunReport) -> list[RunReport]:
        """The runs before `report`, oldest first; none where nobody knows when that was."""
        if report.agent_id != self._agent_id:
            self._earlier.clear()
            self._at_that_moment.clear()
        elif moment != self._moment:
            self._earlier.extend(self._at_that_moment)
            self._at_that_moment.clear()
        self._agent_id, self._moment = report.agent_id, moment
        self._at_that_moment.append(report)
        return list(self._earlier) if moment is not None else []


def _score(run: Row[Any], report: RunReport, history: Sequence[RunReport]) -> dict[str, Any]:
    try:
        result = score(report, history)
    except Exception as error:  # noqa: BLE001  # whatever a scorer does wrong is shown on the run
        return _failed(run, error)
    return {
        "overall": result.auto,
        "auto": result.auto,
        "scorer": SCORER,
        "version": VERSION,
        "dimensions": dict(result.dimensions),
        "reasons": list(result.reasons),
        "scored_at": run.read_at.isoformat().replace("+00:00", "Z"),
    }


def _failed(run: Row[Any], error: Exception) -> dict[str, Any]:
    earlier = loads_exactly(run.attempts or "0")
    attempts = (earlier if isinstance(earlier, int) else 0) + 1
    log.warning("score_failed", run_id=str(run.id), attempts=attempts, exc_info=error)
    return {"overall": None, "error": f"{type(error).__name__}: {error}", "attempts": attempts}


async def _ratings(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    rows = await session.execute(
        select(AgentRunFeedback.run_id, func.avg(AgentRunFeedback.rating), func.count())
        .where(AgentRunFeedback.run_id == any_(literal(run_ids, ARRAY(Uuid))))
        .group_by(AgentRunFeedback.run_id)
    )
    return {run_id: {"rating": round(mean, 4), "raters": raters} for run_id, mean, raters in rows}


def _with_human(scores: dict[str, Any], human: dict[str, Any]) -> dict[str, Any]:
    """`overall` is the mean human rating where there is one."""
    return {**scores, "overall": human["rating"], "human": human}


async def rate_run(
    session: AsyncSession, run_id: UUID, *, rater: str, rating: float, comment: str | None
) -> bool:
    """Keep a person's rating of a run and let it decide `overall`. False when there is no such run."""
    found = select(AgentRunLog).where(AgentRunLog.id == run_id).with_for_update()
    run = (await session.scalars(found)).one_or_none()
    if run is None:
        return False
    given = {"rating": rating, "comment": comment}
    await session.execute(
        insert(AgentRunFeedback)
        .values(run_id=run_id, rater=rater, **given)
        .on_conflict_do_update(
            index_elements=[AgentRunFeedback.run_id, AgentRunFeedback.rater],
            set_={**given, "updated_at": func.now()},
        )
    )
    # An unscored run stays unscored; the scorer takes the rating in.
    if run.rlhf_scores is not None:
        human = (await _ratings(session, [run_id]))[run_id]
        run.rlhf_scores = _with_human(run.rlhf_scores, human)
        await session.flush()
    return True
