"""Findings as alerts tell them: with their agents' names, and what is new of each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import identify
from app.agents.registry import identities, muted_agents
from app.alerts.domain.incident import Incident
from app.models import AuditFinding


async def told_incidents(session: AsyncSession, events: Iterable[Sequence[str]]) -> list[Incident]:
    """The findings that `events` name by their ids."""
    news = defaultdict(set)
    for finding_id, event in events:
        news[UUID(finding_id)].add(event)
    of_these = AuditFinding.id == any_(literal(list(news), ARRAY(Uuid)))
    return await incidents_of(
        session, (await session.scalars(select(AuditFinding).where(of_these))).all(), news
    )


async def incidents_of(
    session: AsyncSession, findings: Iterable[AuditFinding], news: dict[UUID, set[str]]
) -> list[Incident]:
    """`findings` as incidents, with the events that `news` has of them."""
    known, muted = await identities(session), await muted_agents(session)
    return [
        Incident(
            finding_id=str(finding.id),
            rule=finding.rule,
            severity=finding.severity,
            agent_id=finding.agent_id,
            agent=(known.get(finding.agent_id) or identify(finding.agent_id)).name,
            message=finding.message,
            evidence=finding.evidence,
            opened_at=finding.opened_at,
            events=frozenset(news.get(finding.id, ())),
            closed_at=finding.closed_at,
            closing_evidence=finding.closing_evidence,
            acknowledged_by=finding.acknowledged_by,
            muted=finding.agent_id in muted,
        )
        for finding in findings
    ]
