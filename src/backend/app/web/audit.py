"""`/audit`: what the Auditor found, the proof of each alert, and who knows of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.pauses import paused_agents
from app.agents.registry import identities, muted_agents
from app.alerts.domain.proof import Proof
from app.alerts.proofs import proofs_of
from app.api.strict_route import StrictRoute
from app.audit.domain.evidence import Fact, ending_reason, ending_run, facts
from app.audit.domain.finding import SEVERITIES
from app.audit.findings import acknowledge
from app.audit.wire import AcknowledgementIn
from app.config import get_settings
from app.dashboard.finding_pages import (
    FindingCursor,
    FindingFilters,
    FindingPage,
    closed_findings_page,
    finding_counts,
    open_findings_page,
    recent_cycles,
)
from app.dashboard.verdict import TITLES, TROUBLES, is_stale, trouble_in_words
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.sql import database_now
from app.models import AuditFinding
from app.proof.status import seal_status
from app.web.forms import address, field_errors, form_fields, place_in, see_other
from app.web.rendering import render
from app.wiring import alert_settings, audit_settings

FINDINGS_A_PAGE = 25
"""Of a list: with their proofs about 100 kilobytes, before they are compressed."""

HISTORY_BESIDE = 10
"""Findings that are over, below those that are open: the newest."""

STATES = ("open", "closed")

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What the address asks for; what it cannot be is no condition. `state` is None for both lists."""

    agent: str | None = None
    rule: str | None = None
    severity: str | None = None
    state: str | None = None
    after: FindingCursor | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "AuditQuery":
        """From the parameters of an address, or the fields of a form."""
        given = {name: value.strip() for name, value in parameters.items() if "\0" not in value}
        state, severity = given.get("state"), given.get("severity")
        return cls(
            agent=given.get("agent") or None,
            rule=given.get("rule") or None,
            severity=severity if severity in SEVERITIES else None,
            state=state if state in STATES else None,
            after=place_in(FindingCursor.decode, given.get("after")),
        )

    @property
    def filters(self) -> FindingFilters:
        """The conditions on findings."""
        return {"agent_id": self.agent, "rule": self.rule, "severity": self.severity}

    @property
    def parameters(self) -> dict[str, str]:
        """Those of its address that are set."""
        given = {"agent": self.agent, "rule": self.rule, "severity": self.severity, "state": self.state}
        after = self.after.encode() if self.after else None
        return {name: value for name, value in {**given, "after": after}.items() if value}

    def page(self, state: str | None, after: FindingCursor | None = None) -> str:
        """The address of a list under the same conditions."""
        return address("/audit", **replace(self, state=state, after=after).parameters)


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as the page shows it."""

    finding: AuditFinding
    agent: Identity
    words: str
    facts: list[Fact]
    proof: Proof
    muted: bool
    paused: bool
    is_ending: bool
    ending_reason: str | None
    ending_run: UUID | None


@dataclass(frozen=True, slots=True)
class Refused:
    """An acknowledgement that was not accepted: of which finding, what was typed, and what is wrong."""

    finding_id: UUID | None = None
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def _query(request: Request) -> AuditQuery:
    return AuditQuery.of(request.query_params)


Asked = Annotated[AuditQuery, Depends(_query)]


@router.get("/audit")
async def get_audit(request: Request, query: Asked) -> Response:
    """When the Auditor last judged, the open findings, and those that are over."""
    return await _page(request, query, Refused())


@router.post("/audit/{finding_id}/acknowledge")
async def post_acknowledgement(request: Request, finding_id: UUID) -> Response:
    """A person knows of a finding: no alert reminds of it again."""
    fields = await form_fields(request)
    query = AuditQuery.of(fields)
    try:
        given = AcknowledgementIn.model_validate(
            {name: fields[name] for name in ("by", "note") if name in fields}
        )
    except ValidationError as error:
        return await _page(request, query, Refused(finding_id, fields, field_errors(error)))
    async with transaction() as session:
        known = await acknowledge(session, finding_id, given.by, given.note)
    if not known:
        raise NotFoundError("No open finding has this id: it may be over by now")
    return see_other(address("/audit", f"finding-{finding_id}", **query.parameters))


async def _page(request: Request, query: AuditQuery, refused: Refused) -> Response:
    settings = get_settings()
    async with transaction() as session:
        now = await database_now(session)
        cycles = await recent_cycles(session, now)
        counts = await finding_counts(session)
        seals = await seal_status(session)
        open_ = await _list(session, query, "open")
        closed = await _list(session, query, "closed")
        views = await _views(session, [*open_.findings, *closed.findings], open_.ending | closed.ending, now)
    stale = is_stale(
        cycles.newest.ended_at if cycles.newest else None, now, audit_settings(settings).interval
    )
    return render(
        request,
        "audit.html",
        422 if refused.errors else 200,
        now=now,
        query=query,
        refused=refused,
        cycles=cycles,
        stale=stale,
        counts=counts,
        seals=seals,
        channels=alert_settings(settings).channels.names,
        open=views[: len(open_.findings)],
        closed=views[len(open_.findings) :],
        next_open=query.page("open", open_.next_cursor) if open_.next_cursor else None,
        next_closed=query.page("closed", closed.next_cursor) if closed.next_cursor else None,
        rules=TROUBLES,
        titles=TITLES,
        severities=SEVERITIES,
        states=STATES,
    )


async def _list(session: AsyncSession, query: AuditQuery, state: str) -> FindingPage:
    """A page of the open findings, or of those that are over; empty where only the other one is asked for."""
    if query.state not in (None, state):
        return FindingPage((), frozenset(), None)
    after = query.after if query.state else None
    if state == "open":
        return await open_findings_page(session, FINDINGS_A_PAGE, after, **query.filters)
    limit = FINDINGS_A_PAGE if query.state else HISTORY_BESIDE
    return await closed_findings_page(session, limit, after, **query.filters)


async def _views(
    session: AsyncSession, findings: list[AuditFinding], ending: frozenset[UUID], now: datetime
) -> list[FindingView]:
    agent_ids = {each.agent_id for each in findings}
    known = await identities(session, agent_ids)
    muted, paused = await muted_agents(session), await paused_agents(session, agent_ids)
    channels = alert_settings(get_settings()).channels.names
    proofs = await proofs_of(session, findings, channels=channels, muted=muted, now=now)
    return [
        FindingView(
            finding=each,
            agent=identity_of(each.agent_id, known),
            words=trouble_in_words(each.rule),
            facts=facts(each.evidence),
            proof=proofs[each.id],
            muted=each.agent_id in muted,
            paused=each.agent_id in paused,
            is_ending=each.id in ending,
            ending_reason=ending_reason(each.closing_evidence),
            ending_run=ending_run(each.closing_evidence),
        )
        for each in findings
    ]
