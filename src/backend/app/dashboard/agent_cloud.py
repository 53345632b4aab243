"""Agent Cloud's finished tasks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, null, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AgentCloudTask


async def record_task(
    session: AsyncSession,
    *,
    task_id: str,
    agent_id: str | None,
    status: Literal["completed", "failed"],
    details: dict[str, Any],
) -> None:
    """Upsert the task's one row. Sending a completed task again does not complete it again."""
    now = func.now()
    completed = status == "completed"
    task = insert(AgentCloudTask).values(
        task_id=task_id,
        agent_id=agent_id,
        status=status,
        details=details,
        completed_at=now if completed else None,
    )
    await session.execute(
        task.on_conflict_do_update(
            index_elements=[AgentCloudTask.task_id],
            set_={
                "agent_id": func.coalesce(task.excluded.agent_id, AgentCloudTask.agent_id),
                "status": task.excluded.status,
                "details": task.excluded.details,
                "updated_at": now,
                "completed_at": func.coalesce(AgentCloudTask.completed_at, now) if completed else null(),
            },
        )
    )


async def completed_tasks(
    session: AsyncSession, start: datetime, end: datetime, limit: int
) -> Sequence[AgentCloudTask]:
    """The tasks that were completed from `start` until before `end`, the newest first, at most `limit`."""
    at = AgentCloudTask.completed_at
    statement = select(AgentCloudTask).where(at >= start, at < end)
    return (await session.scalars(statement.order_by(at.desc(), AgentCloudTask.task_id).limit(limit))).all()


async def completed_count(session: AsyncSession, start: datetime, end: datetime) -> int:
    """How many tasks were completed from `start` until before `end`."""
    at = AgentCloudTask.completed_at
    return await session.scalar(select(func.count()).where(at >= start, at < end)) or 0


async def failed_tasks(
    session: AsyncSession, start: datetime, end: datetime, limit: int
) -> Sequence[AgentCloudTask]:
    """The tasks that stand as failed since a time in that span, the newest first, at most `limit`."""
    at = AgentCloudTask.updated_at
    statement = select(AgentCloudTask).where(AgentCloudTask.completed_at.is_(None), at >= start, at < end)
    return (await session.scalars(statement.order_by(at.desc(), AgentCloudTask.task_id).limit(limit))).all()
