"""The fleet in numbers for a monitor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ARRAY, String, any_, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.domain.fleet import FLEET_SILENT
from app.audit.domain.liveness import StoppedReporting
from app.audit.domain.missing import AGENTS_MISSING
from app.audit.findings import affected_agents
from app.audit.heartbeat import cycle_age
from app.kit.sql import database_now
from app.models import Agent, AgentRunState, AlertNotification, AuditFinding
from app.proof.status import DeliveryStatus, SealStatus, delivery_statuses, seal_status
from app.runs.search.index import unindexed_leaves
from app.scoring.judge_budget import JudgeCosts, judge_costs
from app.scoring.status import ScoringCounts, scoring_counts


class JudgeGauges(NamedTuple):
    """All calls to the judge, and what is left of today's budget for them."""

    costs: JudgeCosts
    budget_left: int


@dataclass(frozen=True, slots=True)
class FleetGauges:
    """Counts, and the age of the last audit cycle in seconds, None before the first one.

    `findings` are those open, by rule and severity; `agents` are by state, as of the last cycle; `alerts`
    are by channel and state, without tests. `oldest_queued_age` is in seconds, None where no run waits.
    `judge` is None where none is set; `seals` is how far sealing is behind; `unindexed` counts leaves;
    `checkpoints` are by destination.
    """

    findings: Mapping[tuple[str, str], int]
    agents: Mapping[str, int]
    alerts: Mapping[tuple[str, str], int]
    audit_age: float | None
    scoring: ScoringCounts
    oldest_queued_age: float | None
    judge: JudgeGauges | None
    seals: SealStatus
    unindexed: int
    checkpoints: Mapping[str, DeliveryStatus]


async def fleet_gauges(
    session: AsyncSession, channels: Sequence[str], judge_daily_budget: int | None
) -> FleetGauges:
    """The gauges now; `judge_daily_budget` is None without a judge. The log's length does not matter."""
    findings = (
        select(AuditFinding.rule, AuditFinding.severity, func.count())
        .where(AuditFinding.closed_at.is_(None))
        .group_by(AuditFinding.rule, AuditFinding.severity)
    )
    alerts = (
        select(AlertNotification.channel, AlertNotification.state, func.count())
        .where(AlertNotification.kind != "test")
        .group_by(AlertNotification.channel, AlertNotification.state)
    )
    none_yet = {(channel, state): 0 for channel in channels for state in ("pending", "sent", "failed")}
    scoring = await scoring_counts(session)
    oldest = scoring.oldest_queued_at
    return FleetGauges(
        findings={(rule, severity): count for rule, severity, count in await session.execute(findings)},
        agents=await _agents(session),
        alerts=none_yet
        | {(channel, state): count for channel, state, count in await session.execute(alerts)},
        audit_age=await cycle_age(session),
        scoring=scoring,
        oldest_queued_age=(await database_now(session) - oldest).total_seconds() if oldest else None,
        judge=await _judge(session, judge_daily_budget),
        seals=await seal_status(session),
        unindexed=await unindexed_leaves(session),
        checkpoints=await delivery_statuses(session),
    )


async def _judge(session: AsyncSession, daily_budget: int | None) -> JudgeGauges | None:
    if daily_budget is None:
        return None
    costs = await judge_costs(session)
    return JudgeGauges(costs, max(0, daily_budget - costs.calls_today))


async def _agents(session: AsyncSession) -> dict[str, int]:
    declared = select(Agent.agent_id, Agent.paused, Agent.paused_until).subquery()
    overdue = select(AuditFinding).where(
        AuditFinding.rule.in_((StoppedReporting.name, AGENTS_MISSING)), AuditFinding.closed_at.is_(None)
    )
    stopped = [agent_id for each in await session.scalars(overdue) for agent_id in affected_agents(each)]
    silent = select(AuditFinding.id).where(
        AuditFinding.rule == FLEET_SILENT, AuditFinding.closed_at.is_(None)
    )
    agent_id = func.coalesce(AgentRunState.agent_id, declared.c.agent_id)
    state = case(
        (func.coalesce(declared.c.paused, False), "paused"),
        (declared.c.paused_until > func.clock_timestamp(), "paused"),
        (AgentRunState.agent_id.is_(None), "new"),
        (agent_id == any_(literal(stopped, ARRAY(String))), "down"),
        (silent.exists(), "unknown"),
        else_="up",
    ).label("state")
    each = (
        select(state)
        .select_from(AgentRunState)
        .join(declared, declared.c.agent_id == AgentRunState.agent_id, full=True)
    )
    states = each.subquery()
    counted = await session.execute(
        select(states.c.state, func.count().label("agents")).group_by(states.c.state)
    )
    return dict.fromkeys(("new", "up", "down", "unknown", "paused"), 0) | {
        row.state: row.agents for row in counted
    }
