"""`/agents`: every agent, those in trouble first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.agents.registry import agent_versions
from app.api.query import LogText
from app.api.strict_route import StrictRoute
from app.config import get_settings
from app.dashboard.agent_list import agent_page
from app.dashboard.verdict import fleet_state
from app.db.session import transaction
from app.kit.sql import database_now
from app.web.agent_views import current_views
from app.web.rendering import render
from app.wiring import audit_settings

AGENTS_A_PAGE = 50
"""A fleet of the usual size on one page."""

MOST_PAGES = 1_000_000
"""Of a list; a larger number in the address is none."""

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@router.get("/agents")
async def get_agents(
    request: Request, q: LogText = None, page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1
) -> Response:
    """A page of the agents whose id, name or role hold `q`."""
    search = q.strip() if q else None
    settings = audit_settings(get_settings())
    async with transaction() as session:
        now = await database_now(session)
        state = await fleet_state(session, now, settings.interval)
        shown = await agent_page(session, state.troubles, search, page, AGENTS_A_PAGE)
        versions = await agent_versions(session, [agent.agent_id for agent in shown.agents])
    views = await current_views(versions)
    return render(
        request,
        "agents.html",
        now=now,
        state=state,
        search=search,
        rows=[(agent, views.get(agent.agent_id)) for agent in shown.agents],
        total=shown.total,
        page_number=shown.number,
        page_count=shown.pages,
    )
