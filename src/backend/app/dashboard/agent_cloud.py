"""Agent Cloud's finished tasks."""

from typing import Any, Literal

from sqlalchemy import func, null
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
