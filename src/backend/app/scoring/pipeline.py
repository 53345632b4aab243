"""Score runs that have no score yet, in batches. Each batch is one transaction and takes these steps:

1. Lock those of the given runs that are to be scored, skipping what others have locked; read them together
   with the runs before each, agent by agent (`read_where`).
2. Walk through the reports in order, so that each run's history has just gone by (`_Histories`).
3. Score each run by the rubric, and by the reward model where one is in force; an exception is a failed
   result.
4. Keep the results, and show on each run the one that counts (`records.record_results`).
5. Keep what the runs took, by their reports (`usage_records.record_usage`).
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, TextClause, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import MAY_BE_SCORED, agent_by_agent, database_now, newest_runs_text
from app.logs import get_logger
from app.models import AgentRunLog
from app.models.agent_run_log import UNSCORED
from app.runs.usage import Usage, usage_of
from app.runs.usage_records import record_usage
from app.scoring.domain.results import MAX_ATTEMPTS, Result, failed, succeeded
from app.scoring.records import record_results
from app.scoring.reports import read_report
from app.scoring.rubric import RunReport
from app.scoring.rubric.calibration import HISTORY
from app.scoring.scorers import Scorer, active_scorers
from app.scoring.time_limit import time_limit

log = get_logger(__name__)

SCORING_LOCK = 0x73636F72
"""The class of the advisory lock that a batch holds, with the number of its unscored runs as its key."""

SCORE_SECONDS = 5.0
"""How long a scorer may take over one run: 60 times what the costliest report takes where nothing else runs
(`benchmarks/costliest.py`)."""

BATCH_SECONDS = 10.0
"""How long a batch begins further runs: locks are held for it, and a task has 90 seconds."""

_LATE = "its batch took too long"
_AHEAD = timedelta(minutes=5)  # clocks of other hosts may be ahead by as much
# Payloads that are in memory at once, each up to a megabyte.
_PAYLOADS = 20
_RUN_IDS = bindparam("run_ids", type_=ARRAY(Uuid))
# What waits for its next attempt is found by `due_retries`; what is given up is not scored again. Compared as
# JSON, so that no value written there by others makes a sweep fail.
UNTRIED = text(
    f"{UNSCORED} AND {MAY_BE_SCORED} AND rlhf_scores -> 'retry_at' IS NULL"
    f" AND coalesce(rlhf_scores -> 'attempts' < '{MAX_ATTEMPTS}', true)"
)

_EARLIER = newest_runs_text(
    "id, agent_id, created_at, status, actions_taken",
    "created_at < moments.created_at",
    str(HISTORY),
    "moments.agent_id",
)

# The runs to score, and of the runs before each those that are not among them and lie behind the one scored
# before: nothing comes twice. With an agent's reports in order, every run's history has then just gone by.
_READ = """
WITH batch AS MATERIALIZED (
    SELECT id, agent_id, created_at, status, actions_taken, {unscored} AS unscored
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
        {earlier}
    ) AS past
    WHERE past.created_at >= moments.previous AND past.id NOT IN (SELECT id FROM batch)
)
SELECT
    id, agent_id, CAST(created_at AS text) AS moment, status, actions_taken::text,
    statement_timestamp() AS read_at,
    (
        SELECT pg_advisory_xact_lock_shared({lock}, CAST(count(*) FILTER (WHERE unscored) AS integer))
        FROM batch
    ) AS marked
FROM (
    SELECT id, agent_id, created_at, status, actions_taken FROM batch
    UNION ALL
    SELECT NULL, agent_id, created_at, status, actions_taken FROM history
    -- Here too, so that references to long payloads are sorted, and not their texts.
    ORDER BY agent_id, created_at
) AS report
ORDER BY agent_id, created_at
"""


def read_batch(*, wait: bool) -> TextClause:
    """Locks those of `run_ids` that are to be scored; reads them and their histories, the oldest first.

    A row without an id is history. Payloads come as JSON text. With `wait` what others have locked is
    waited for, else it is left out.
    """
    # A scorer that has just failed is not asked again at once.
    return read_where("rlhf_scores IS NULL" if wait else str(UNTRIED), wait=wait)


def read_where(condition: str, *, wait: bool) -> TextClause:
    """`read_batch` of those runs that fulfil `condition`, SQL about a row of the log."""
    statement = _READ.format(
        condition=condition,
        unscored=UNSCORED,
        locked="" if wait else "SKIP LOCKED",
        earlier=_EARLIER,
        lock=SCORING_LOCK,
    )
    return text(statement).bindparams(_RUN_IDS)


async def unscored_runs(session: AsyncSession, *, older_than: timedelta, limit: int) -> list[UUID]:
    """Ids of runs that no scorer has tried yet, oldest first; those without a date, or dated ahead, last."""
    now, created_at = await database_now(session), AgentRunLog.created_at
    found: list[UUID] = []
    for dated in (created_at < now - older_than, created_at > now + _AHEAD, created_at.is_(None)):
        statement = select(AgentRunLog.id).where(UNTRIED, dated).order_by(created_at)
        found += await session.scalars(statement.limit(limit - len(found)))
    return found


async def score_runs(session: AsyncSession, run_ids: Sequence[UUID], *, wait: bool = False) -> int:
    """Score those of `run_ids` that have no score yet; return how many got one.

    Safe to repeat and to run concurrently: what is scored, or locked by another worker, is skipped. A run
    that is locked for another reason, because a person rates it, needs a second call with `wait`. Each call
    needs a transaction of its own, which should end right after it.

    A run whose scorer fails gets `{"overall": null, "error", "attempts", "retry_at"}`.
    """
    statement = read_batch(wait=wait)
    results = await score_batch(session, statement, {"run_ids": run_ids}, await active_scorers(session))
    return sum(any(result.error is None for result in given) for given in results.values())


async def score_batch(
    session: AsyncSession,
    statement: TextClause,
    arguments: Mapping[str, Any],
    scorers: Sequence[Scorer],
    *,
    complete: bool = False,
) -> dict[UUID, list[Result]]:
    """Score what a `read_where` reads and locks, and keep the results, which are returned.

    What has not begun after `BATCH_SECONDS` is left as it is; if the batch is to be `complete`, it gets a
    failure, and with it a time for the next attempt.
    """
    async with agent_by_agent(session):
        results, usage = await _results(session, statement, arguments, scorers, complete)
    await record_results(session, results)
    await record_usage(session, usage)
    return results


async def _results(
    session: AsyncSession,
    statement: TextClause,
    arguments: Mapping[str, Any],
    scorers: Sequence[Scorer],
    complete: bool,
) -> tuple[dict[UUID, list[Result]], dict[UUID, Usage]]:
    ends = time.monotonic() + BATCH_SECONDS
    reports = await session.stream(statement, arguments)
    histories = _Histories()
    results, usage = {}, {}
    async for rows in reports.partitions(_PAYLOADS):
        late = time.monotonic() > ends
        if late and not complete:
            await reports.close()
            break
        for row in rows:
            if late and row.id is not None:
                results[row.id] = [failed(s.name, s.version, _LATE, row.read_at) for s in scorers]
                continue
            report = read_report(row.agent_id, row.status, row.actions_taken)
            history = histories.before(row.moment, report)
            if row.id is not None:
                results[row.id] = [_score(row, scorer, report, history) for scorer in scorers]
                usage[row.id] = usage_of(report.actions_taken)
    return results, usage


class _Histories:
    """The agent's last runs before each of the given runs, which come agent by agent, the oldest first.

    Runs of the same moment are no history to each other.
    """

    def __init__(self) -> None:
        self._agent_id: str | None = None
        self._moment: str | None = None
        self._earlier: deque[RunReport] = deque(maxlen=HISTORY)
        self._at_that_moment: deque[RunReport] = deque(maxlen=HISTORY)

    def before(self, moment: str | None, report: RunReport) -> list[RunReport]:
        """The runs before `report`, oldest first; none for a run without a time."""
        if report.agent_id != self._agent_id:
            self._earlier.clear()
            self._at_that_moment.clear()
        elif moment != self._moment:
            self._earlier.extend(self._at_that_moment)
            self._at_that_moment.clear()
        self._agent_id, self._moment = report.agent_id, moment
        self._at_that_moment.append(report)
        return list(self._earlier) if moment is not None else []


def _score(run: Row[Any], scorer: Scorer, report: RunReport, history: Sequence[RunReport]) -> Result:
    try:
        with time_limit(SCORE_SECONDS):
            score = scorer.score(report, history)
        return succeeded(scorer.name, scorer.version, score, run.read_at)
    except Exception as error:  # any error of a scorer is shown on the run
        log.warning("score_failed", run_id=str(run.id), scorer=scorer.name, exc_info=error)
        return failed(scorer.name, scorer.version, f"{type(error).__name__}: {error}", run.read_at)
