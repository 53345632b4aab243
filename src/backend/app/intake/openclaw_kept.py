"""Events that are kept: what is not understood, alerts that wait for their agent, tools that failed."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.intake.domain.openclaw.calibration import ALERT_WAIT_SECONDS, MOST_KEPT, MOST_TOOL_FAILURES
from app.intake.domain.openclaw.facts import AlertFact, ToolFailureFact, UnknownFact
from app.models import OpenClawKeptEvent

Kind = Literal["unknown", "refused", "alert", "tool"]


async def keep_unknown(session: AsyncSession, fact: UnknownFact) -> None:
    """Keep what is not understood."""
    await _keep(session, "unknown", fact.body, reason=fact.reason)


async def keep_refused(session: AsyncSession, reason: str, key: str | None, source: str | None) -> None:
    """Keep that another word of a run was refused, without what it said."""
    await _keep(session, "refused", {"run_key": key, "source": source}, reason=reason)


async def keep_alert(session: AsyncSession, alert: AlertFact) -> None:
    """Keep an alert until its job is known."""
    await _keep(session, "alert", msgspec.to_builtins(alert), job_id=alert.job_id)


async def keep_tool_failure(session: AsyncSession, fact: ToolFailureFact) -> None:
    """Keep that a tool failed until its run has finished."""
    await _keep(session, "tool", fact.failure, job_id=fact.job_id, session_key=fact.session_key)


async def tool_failures(
    session: AsyncSession, session_keys: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """The tools that failed in each of these sessions, the first ones first."""
    if not session_keys:
        return {}
    rows = await session.execute(
        select(OpenClawKeptEvent.session_key, OpenClawKeptEvent.body)
        .where(OpenClawKeptEvent.kind == "tool", OpenClawKeptEvent.session_key.in_(session_keys))
        .order_by(OpenClawKeptEvent.received_at, OpenClawKeptEvent.digest)
        .limit(MOST_TOOL_FAILURES * len(session_keys))
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for session_key, failure in rows:
        of_session = found.setdefault(str(session_key), [])
        if len(of_session) < MOST_TOOL_FAILURES:
            of_session.append(failure)
    return found


async def waiting_alerts(session: AsyncSession, job_ids: Collection[str]) -> list[tuple[bytes, AlertFact]]:
    """The alerts that wait for these jobs, and those that have waited for any job long enough."""
    is_overdue = OpenClawKeptEvent.received_at < func.now() - timedelta(seconds=ALERT_WAIT_SECONDS)
    rows = await session.execute(
        select(OpenClawKeptEvent.digest, OpenClawKeptEvent.body)
        .where(OpenClawKeptEvent.kind == "alert", or_(is_overdue, OpenClawKeptEvent.job_id.in_(job_ids)))
        .order_by(OpenClawKeptEvent.received_at)
        .limit(MOST_KEPT)
    )
    return [(digest, msgspec.convert(body, AlertFact)) for digest, body in rows]


async def forget(session: AsyncSession, digests: Sequence[bytes]) -> None:
    """Delete what was kept and has become a run."""
    if digests:
        await session.execute(delete(OpenClawKeptEvent).where(OpenClawKeptEvent.digest.in_(digests)))


async def newest_kept(session: AsyncSession, limit: int) -> Sequence[OpenClawKeptEvent]:
    """What is kept, the newest first."""
    statement = select(OpenClawKeptEvent).order_by(OpenClawKeptEvent.last_received_at.desc()).limit(limit)
    return (await session.scalars(statement)).all()


async def _keep(
    session: AsyncSession,
    kind: Kind,
    body: Any,
    *,
    reason: str | None = None,
    job_id: str | None = None,
    session_key: str | None = None,
) -> None:
    said = json.dumps([kind, reason, job_id, session_key, body], sort_keys=True)
    entry = insert(OpenClawKeptEvent).values(
        digest=hashlib.sha256(said.encode()).digest(),
        kind=kind,
        reason=reason,
        job_id=job_id,
        session_key=session_key,
        body=body,
    )
    await session.execute(
        entry.on_conflict_do_update(
            index_elements=[OpenClawKeptEvent.digest],
            set_={"times": OpenClawKeptEvent.times + 1, "last_received_at": func.now()},
        )
    )
    oldest = (
        select(OpenClawKeptEvent.last_received_at)
        .where(OpenClawKeptEvent.kind == kind)
        .order_by(OpenClawKeptEvent.last_received_at.desc())
        .offset(MOST_KEPT)
        .limit(1)
        .scalar_subquery()
    )
    await session.execute(
        delete(OpenClawKeptEvent).where(
            OpenClawKeptEvent.kind == kind, OpenClawKeptEvent.last_received_at <= oldest
        )
    )
