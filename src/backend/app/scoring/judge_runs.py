"""Runs on their way to the judge and back. A judgement takes these steps, each in a transaction of its own:

1. `load_run`: the run and the agent's earlier runs, if it may still be judged.
2. `claim`: lease the run and take a call of today's budget. A run that is not sent is recorded instead
   (`record_not_sent`), so that it is not loaded again.
3. The endpoint is called, without a transaction.
4. `record_verdict` or `record_failure`: keep the result, or why there is none and when it is tried again.

`due_runs` finds what was missed: sampled runs without a result, failures whose time has come, and runs whose
worker was lost after `claim`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, LargeBinary, Text, case, cast, func, literal, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import RunLogError
from app.kit.sql import database_now
from app.models import AgentRunErasure, AgentRunLog, AgentRunScore
from app.models.agent_run_log import UNSCORED
from app.runs.queries import newest_runs
from app.scoring.domain.results import Result
from app.scoring.judge import SCORER, Case, NotSent
from app.scoring.judge.calibration import LEASE, WINDOW
from app.scoring.judge.reply import Reply
from app.scoring.judge.retry import MAX_ATTEMPTS, retry_pause
from app.scoring.judge.sampling import threshold
from app.scoring.judge_budget import take_call
from app.scoring.records import record_results
from app.scoring.reports import read_report
from app.scoring.rubric import RunReport
from app.scoring.rubric.calibration import HISTORY

_ASKED = "asked, and no answer was recorded"
_REPORT = (
    AgentRunLog.agent_id,
    AgentRunLog.status,
    cast(AgentRunLog.actions_taken, Text).label("actions_taken"),
    AgentRunLog.created_at,
)
_NOW = func.clock_timestamp()
_SCORED = text(f"NOT {UNSCORED}")
_ERASED = select(AgentRunErasure.run_id).where(AgentRunErasure.run_id == AgentRunLog.id).exists()


class BudgetSpentError(RunLogError):
    """Today's calls to the judge are used up; the transaction must not be committed."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A run that may be judged; `history` is oldest first."""

    report: RunReport
    history: Sequence[RunReport]


async def due_runs(session: AsyncSession, version: str, share: float, limit: int) -> list[UUID]:
    """Ids of runs of the last day that this version of the judge is to be asked about, the newest first.

    These are the scored ones among the sampled `share` (0..1) that it was never asked about, and failures
    whose time has come.
    """
    result = select(AgentRunScore.run_id).where(
        AgentRunScore.run_id == AgentRunLog.id,
        AgentRunScore.scorer == SCORER,
        AgentRunScore.version == version,
    )
    waits = or_(AgentRunScore.retry_at.is_(None), AgentRunScore.retry_at > _NOW)
    sampled = func.sha256(func.uuid_send(AgentRunLog.id)) < literal(threshold(share), LargeBinary)
    statement = (
        select(AgentRunLog.id)
        .where(
            AgentRunLog.created_at > await database_now(session) - WINDOW,
            _SCORED,
            ~_ERASED,
            sampled,
            ~result.where(waits).exists(),
        )
        .order_by(AgentRunLog.created_at.desc())
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def load_run(session: AsyncSession, run_id: UUID) -> Submitted | None:
    """The run and the agent's runs before it; None for one that is not there, too old, erased or unscored."""
    recent = AgentRunLog.created_at > await database_now(session) - WINDOW
    statement = select(*_REPORT).where(AgentRunLog.id == run_id, recent, _SCORED, ~_ERASED)
    run = (await session.execute(statement)).one_or_none()
    if run is None:
        return None
    before = newest_runs(_REPORT, HISTORY, agent_id=run.agent_id, until=run.created_at)
    earlier = (await session.execute(before)).all()
    return Submitted(_report(run), [_report(row) for row in reversed(earlier)])


def _report(row: Any) -> RunReport:
    return read_report(row.agent_id, row.status, row.actions_taken)


async def claim(session: AsyncSession, run_id: UUID, version: str, budget: int) -> int | None:
    """Lease a run for a call now, and take one of today's `budget` calls; returns the number of the attempt.

    None where another worker has the lease, the run is judged, its next attempt is not due yet, or it has had
    its attempts. To be committed before the call. Raises `BudgetSpentError`.
    """
    lease = _NOW + literal(LEASE, Interval)
    run = select(AgentRunLog.id, literal(SCORER), literal(version), literal(_ASKED), literal(1), lease, _NOW)
    columns = ("run_id", "scorer", "version", "error", "attempts", "retry_at", "scored_at")
    new = insert(AgentRunScore).from_select(columns, run.where(AgentRunLog.id == run_id))
    again = new.on_conflict_do_update(
        index_elements=[AgentRunScore.run_id, AgentRunScore.scorer, AgentRunScore.version],
        set_={
            "attempts": AgentRunScore.attempts + 1,
            "error": new.excluded.error,
            # The last attempt is not repeated, also when its worker is lost.
            "retry_at": case((AgentRunScore.attempts + 1 < MAX_ATTEMPTS, new.excluded.retry_at)),
            "scored_at": new.excluded.scored_at,
        },
        where=(AgentRunScore.retry_at <= _NOW) & (AgentRunScore.attempts < MAX_ATTEMPTS),
    ).returning(AgentRunScore.attempts)
    attempt = await session.scalar(again)
    if attempt is not None and not await take_call(session, budget):
        raise BudgetSpentError("today's calls to the judge are used up")
    return attempt


async def record_not_sent(session: AsyncSession, run_id: UUID, version: str, why: NotSent) -> None:
    """Note that a run is not sent, so that it is not loaded again."""
    run = select(AgentRunLog.id, literal(SCORER), literal(version), literal(why.value), literal(0))
    columns = ("run_id", "scorer", "version", "error", "attempts")
    noted = insert(AgentRunScore).from_select(columns, run.where(AgentRunLog.id == run_id))
    await session.execute(noted.on_conflict_do_nothing())


async def record_verdict(
    session: AsyncSession, run_id: UUID, version: str, attempt: int, prepared: Case, reply: Reply
) -> None:
    """Keep a judgement, and update what the run shows. Raises `ValueError` for a reply without one.

    Nothing where the payload was erased meanwhile: its reasons quote that.
    """
    if reply.verdict is None:
        raise ValueError("there is no verdict to record")
    # The erasure has the lock until it is committed; a statement after it sees that.
    run = AgentRunLog.id == run_id
    await session.execute(select(AgentRunLog.id).where(run).with_for_update(key_share=True))
    if await session.scalar(select(_ERASED).where(run)):
        return
    auto, reasons = prepared.limited(reply.verdict)
    now = await database_now(session)
    result = Result(
        SCORER,
        version,
        now,
        auto=auto,
        dimensions=reply.verdict.dimensions,
        reasons=reasons,
        attempts=attempt,
    )
    await record_results(session, {run_id: [result]})


async def record_failure(
    session: AsyncSession, run_id: UUID, version: str, attempt: int, reply: Reply
) -> None:
    """Keep why there is no judgement, and when it is tried again. The run's own score stays as it is."""
    pause = retry_pause(attempt, reply.retry_after)
    await session.execute(
        update(AgentRunScore)
        .where(
            AgentRunScore.run_id == run_id,
            AgentRunScore.scorer == SCORER,
            AgentRunScore.version == version,
            # Not where another worker has taken the run, after this one's lease.
            AgentRunScore.attempts == attempt,
            AgentRunScore.auto.is_(None),
            # Nor where the payload was erased meanwhile, which the error may quote.
            AgentRunScore.error == _ASKED,
        )
        .values(
            error=f"{reply.outcome.value}: {reply.error}",
            retry_at=null() if pause is None else func.statement_timestamp() + literal(pause, Interval),
            scored_at=func.statement_timestamp(),
        )
    )
