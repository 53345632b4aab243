"""The finding that the log was altered: opened, extended and closed by the background verification alone."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.tampering import LOG_TAMPERED, MOST_PROBLEMS, log_tampered
from app.audit.findings import close, open_new, update_changed
from app.kit.sql import database_now
from app.kit.text import at, printable
from app.models import AuditFinding
from app.models.agent_run_log import AUDITOR

_OPEN = select(AuditFinding).where(
    AuditFinding.rule == LOG_TAMPERED, AuditFinding.agent_id == AUDITOR, AuditFinding.closed_at.is_(None)
)


async def open_tampering(session: AsyncSession) -> AuditFinding | None:
    """The finding that is open, if any."""
    return (await session.scalars(_OPEN)).one_or_none()


async def note_problems(session: AsyncSession, problems: Iterable[str]) -> None:
    """Open the finding of these problems, or add those to it that it does not name.

    What is added is announced again, and who acknowledged the others does not know of it. A finding that
    names `MOST_PROBLEMS` stays as it is.
    """
    found = list(dict.fromkeys(map(printable, problems)))
    known = await open_tampering(session)
    if known is None:
        await open_new(session, await database_now(session), [log_tampered(found, AUDITOR)] if found else [])
        return
    named = [each for each in known.evidence.get("problems", ()) if isinstance(each, str)]
    added = [problem for problem in found if problem not in named]
    if added and len(named) < MOST_PROBLEMS:
        finding = log_tampered([*named, *added], AUDITOR)
        await update_changed(session, {finding.key: known}, [finding])
        known.alerted_at = known.acknowledged_at = known.acknowledged_by = known.acknowledgement_note = None


async def close_tampering(session: AsyncSession, *, since: datetime) -> list[AuditFinding]:
    """Close the finding, as a whole round that began at `since` found nothing; returns it if it was open."""
    known, now = await open_tampering(session), await database_now(session)
    if known is None:
        return []
    reason = f"the whole log was verified from {at(since, now)} on, and nothing was wrong"
    return await close(session, now, {known.id: {"reason": reason}})
