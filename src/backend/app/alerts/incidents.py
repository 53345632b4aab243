"""Findings as alerts describe them: with their agents' names and what happened to each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import identity_of
from app.agents.registry import identities, muted_agents
from app.alerts.domain.incident import Incident
from app.models import AuditFinding


async def incidents_of_events(session: AsyncSession, events: Iterable[Sequence[str]]) -> list[Incident]:
    """The findings that `events` name by their ids."""
    happened = defaultdict(set)
    for finding_id, event in events:
        happened[UUID(finding_id)].add(event)
    of_these = AuditFinding.id == any_(literal(list(happened), ARRAY(Uuid)))
    return await incidents_of(
        session, (await session.scalars(select(AuditFinding).where(of_these))).all(), happened
    )


async def incidents_of(
    session: AsyncSession, findings: Iterable[AuditFinding], happened: dict[UUID, set[str]]
) -> list[Incident]:
    """`findings` as incidents, with the events that `happened` has of them."""
    known, muted = await identities(session), await muted_agents(session)
    return [
        Incident(
            finding_id=str(finding.id),
            rule=finding.rule,
            severity=finding.severity,
            agent_id=finding.agent_id,
            agent=identity_of(finding.agent_id, known).name,
            message=finding.message,
            evidence=finding.evidence,
            opened_at=finding.opened_at,
            events=frozenset(happened.get(finding.id, ())),
            closed_at=finding.closed_at,
            closing_evidence=finding.closing_evidence,
            acknowledged_by=finding.acknowledged_by,
            muted=finding.agent_id in muted,
        )
        for finding in findings
    ]
