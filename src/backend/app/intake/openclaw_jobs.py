"""What is known of OpenClaw's jobs, and the schedules that are declared by them."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.declarations import declare_schedule
from app.intake.domain.openclaw.facts import Fact, JobFact, JobGoneFact, JobListFact, RunFact
from app.intake.domain.openclaw.schedules import Declaration, NotDeclared, declaration_of
from app.intake.settings import OpenClawSettings
from app.models import Agent, OpenClawDeclaration, OpenClawJob

_TIMEZONE = "UTC"  # of an agent without a schedule
_ROWS = 500  # of a statement, whose parameters are limited


async def note_jobs(session: AsyncSession, facts: Sequence[Fact]) -> set[str | None]:
    """Keep what `facts` say of jobs; return the agents, by OpenClaw's ids, whose schedules may change."""
    changed: set[str | None] = set()
    said: dict[str, JobFact] = {}
    for fact in facts:
        match fact:
            case JobFact():
                said[fact.job_id] = fact
                changed |= {fact.agent} if fact.is_change else set()
            case JobListFact():
                changed |= await _replace(session, fact.jobs)
                said = {job_id: job for job_id, job in said.items() if job_id not in _ids(fact.jobs)}
            case JobGoneFact():
                said.pop(fact.job_id, None)
                changed |= await _remove(session, fact.job_id)
    await _put(session, said.values())
    await _put_agents(session, [fact for fact in facts if isinstance(fact, RunFact) and fact.agent])
    return changed


async def known_jobs(session: AsyncSession, job_ids: Collection[str]) -> dict[str, OpenClawJob]:
    """Those of the jobs that are known."""
    if not job_ids:
        return {}
    found = await session.scalars(
        select(OpenClawJob).where(OpenClawJob.job_id.in_(job_ids)).execution_options(populate_existing=True)
    )
    return {job.job_id: job for job in found}


async def declare_by_jobs(
    session: AsyncSession, agents: Iterable[str | None], settings: OpenClawSettings
) -> dict[str, Declaration | NotDeclared]:
    """Declare the schedules of these agents of OpenClaw by their jobs; what came of it, by the log's ids.

    What a person has declared stays: a schedule that is not the one that was declared here last, or an agent
    that was removed since.
    """
    results: dict[str, Declaration | NotDeclared] = {}
    for agent_id in sorted({settings.agent_id(agent) for agent in agents}):
        said = declaration_of(await _jobs_of(session, agent_id, settings), settings.timezone)
        wanted = said if isinstance(said, Declaration) else None
        if not await _put_declaration(session, agent_id, wanted):
            said = NotDeclared("a person declared it")
        results[agent_id] = said
    return results


async def _jobs_of(session: AsyncSession, agent_id: str, settings: OpenClawSettings) -> list[JobFact]:
    """The jobs of all agents of OpenClaw that the log knows as `agent_id`."""
    names = {name for name in settings.agents if settings.agents[name] == agent_id}
    names |= {agent_id} if settings.agent_id(agent_id) == agent_id else set()
    is_theirs: ColumnElement[bool] = OpenClawJob.agent.in_(names)
    if settings.agent_id(None) == agent_id:
        is_theirs = or_(is_theirs, OpenClawJob.agent.is_(None))
    found = await session.scalars(
        select(OpenClawJob)
        .where(is_theirs, OpenClawJob.removed.is_(False))
        .order_by(OpenClawJob.job_id)
        .execution_options(populate_existing=True)
    )
    return [
        JobFact(
            job_id=job.job_id,
            agent=job.agent,
            enabled=job.enabled,
            is_system=job.is_system,
            is_irregular=job.is_irregular,
            schedule=job.schedule,
            next_run_at_ms=job.next_run_at_ms,
        )
        for job in found
    ]


async def _put_declaration(session: AsyncSession, agent_id: str, wanted: Declaration | None) -> bool:
    """Declare `wanted` unless a person declared otherwise; False where one did."""
    ours = await session.get(OpenClawDeclaration, agent_id, populate_existing=True)
    theirs = (
        await session.execute(select(Agent.schedule, Agent.timezone).where(Agent.agent_id == agent_id))
    ).first()
    declared = (theirs.schedule, theirs.timezone) if theirs else None
    if ours is None:
        if declared is not None and declared[0] is not None:
            return False
        if wanted is None:
            return True
    elif declared is None or declared[0] != ours.schedule or (declared[0] and declared[1] != ours.timezone):
        return False
    schedule, timezone = wanted or (None, _TIMEZONE)
    if declared != (schedule, timezone):
        await declare_schedule(session, agent_id, schedule, timezone)
    values = {"schedule": schedule, "timezone": timezone, "declared_at": func.now()}
    await session.execute(
        insert(OpenClawDeclaration)
        .values(agent_id=agent_id, **values)
        .on_conflict_do_update(index_elements=[OpenClawDeclaration.agent_id], set_=values)
    )
    return True


async def _put(session: AsyncSession, jobs: Iterable[JobFact]) -> None:
    """Keep the jobs, in one order, so that no two transactions wait for each other."""
    rows = [
        {
            "job_id": job.job_id,
            "agent": job.agent,
            "name": job.name,
            "enabled": job.enabled,
            "is_system": job.is_system,
            "from_plugin": job.from_plugin,
            "is_irregular": job.is_irregular,
            "schedule": job.schedule,
            "next_run_at_ms": job.next_run_at_ms,
        }
        for job in sorted({job.job_id: job for job in jobs}.values(), key=lambda job: job.job_id)
    ]
    for start in range(0, len(rows), _ROWS):
        entry = insert(OpenClawJob).values(rows[start : start + _ROWS])
        said = entry.excluded
        await session.execute(
            entry.on_conflict_do_update(
                index_elements=[OpenClawJob.job_id],
                set_={
                    "agent": case(
                        (said.from_plugin, func.coalesce(said.agent, OpenClawJob.agent)),
                        (OpenClawJob.from_plugin, func.coalesce(OpenClawJob.agent, said.agent)),
                        else_=func.coalesce(said.agent, OpenClawJob.agent),
                    ),
                    "from_plugin": or_(OpenClawJob.from_plugin, said.from_plugin),
                    "name": func.coalesce(said.name, OpenClawJob.name),
                    "enabled": said.enabled,
                    # A plugin's events do not tell a system job as lists do.
                    "is_system": or_(OpenClawJob.is_system, said.is_system),
                    "is_irregular": said.is_irregular,
                    "schedule": func.coalesce(said.schedule, OpenClawJob.schedule),
                    "next_run_at_ms": said.next_run_at_ms,
                    "removed": False,
                    "updated_at": func.now(),
                },
            )
        )


async def _put_agents(session: AsyncSession, runs: Sequence[RunFact]) -> None:
    """Keep whose the jobs of runs are, where nothing else is known of these."""
    agents = sorted({run.job_id: run.agent for run in runs}.items())
    for start in range(0, len(agents), _ROWS):
        rows = [
            {"job_id": job_id, "agent": agent, "is_irregular": True}
            for job_id, agent in agents[start : start + _ROWS]
        ]
        await session.execute(insert(OpenClawJob).values(rows).on_conflict_do_nothing())


def _ids(jobs: Iterable[JobFact]) -> set[str]:
    return {job.job_id for job in jobs}


async def _replace(session: AsyncSession, jobs: Sequence[JobFact]) -> set[str | None]:
    """Keep a whole list; a job of the same agents that is not on it is gone: another gateway has its own."""
    await _put(session, jobs)
    agents: set[str | None] = {job.agent for job in jobs}
    named = [agent for agent in agents if agent is not None]
    is_theirs: ColumnElement[bool] = OpenClawJob.agent.in_(named)
    if None in agents:
        is_theirs = or_(is_theirs, OpenClawJob.agent.is_(None))
    await session.execute(
        update(OpenClawJob)
        .where(is_theirs, OpenClawJob.job_id.not_in(_ids(jobs)))
        .values(removed=True, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )
    return agents


async def _remove(session: AsyncSession, job_id: str) -> set[str | None]:
    statement = (
        update(OpenClawJob)
        .where(OpenClawJob.job_id == job_id)
        .values(removed=True, updated_at=func.now())
        .returning(OpenClawJob.agent)
        .execution_options(synchronize_session=False)
    )
    return set((await session.scalars(statement)).all())
