"""`/swarm`: the peer swarm's heartbeats and Agent Cloud's tasks, behind the sum of tasks completed today."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from app.agents.identity import identity_of
from app.agents.registry import identities
from app.dashboard import insights
from app.dashboard.agent_cloud import completed_tasks, failed_tasks
from app.dashboard.peer_swarm import heartbeats_page
from app.db.session import transaction
from app.kit.cursors import AgentCursor
from app.kit.strict_json import dumps_exactly
from app.kit.text import shortened
from app.kit.times import start_of_day
from app.web.forms import address, place_in
from app.web.rendering import render

PATH = "/swarm"
HEARTBEATS_A_PAGE = 50
TASKS_SHOWN = 100
"""Completed tasks of today, the newest; the sum counts all."""

FAILED_SHOWN = 20
DETAILS_LENGTH = 200  # characters of what came with a heartbeat or a task

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def get_swarm(request: Request) -> Response:
    """Heartbeats, what each adds to today's sum, and the tasks that Agent Cloud completed today."""
    after = place_in(AgentCursor.decode, request.query_params.get("after"))
    async with transaction() as session:
        metrics = await insights.metrics(session)
        now = metrics.generated_at
        today = start_of_day(now)
        tomorrow = today + timedelta(days=1)
        page = await heartbeats_page(session, HEARTBEATS_A_PAGE, after)
        completed = await completed_tasks(session, today, tomorrow, TASKS_SHOWN)
        failed = await failed_tasks(session, today, tomorrow, FAILED_SHOWN)
        agent_ids = {each.agent_id for each in page.heartbeats}
        agent_ids |= {each.agent_id for each in (*completed, *failed) if each.agent_id}
        known = await identities(session, agent_ids)
    return render(
        request,
        "swarm.html",
        now=now,
        today=today,
        metrics=metrics,
        heartbeats=page.heartbeats,
        total=page.total,
        completed=completed,
        failed=failed,
        agents={agent_id: identity_of(agent_id, known) for agent_id in agent_ids},
        brief=_brief,
        is_first_page=after is None,
        next_page=address(PATH, after=page.next_cursor.encode()) if page.next_cursor else None,
    )


def _brief(details: Mapping[str, Any]) -> str:
    return shortened(dumps_exactly(details), DETAILS_LENGTH) if details else ""
