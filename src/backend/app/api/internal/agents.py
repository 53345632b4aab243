"""The agents: how each is doing, and what people declare of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.agents.declarations import change_declaration, declare_agent, remove_declaration
from app.agents.registry import ids_by_page
from app.agents.status import agent_status, agent_statuses
from app.agents.wire import AgentDeclarationIn, AgentList, AgentOut
from app.api.errors import INVALID, NOT_FOUND, TOO_LARGE, UNAVAILABLE
from app.api.query import AgentCursorText
from app.api.strict_route import StrictRoute
from app.config import get_settings
from app.db.session import transaction
from app.kit.cursors import AgentCursor
from app.runs.wire import AgentId
from app.wiring import audit_settings

router = APIRouter(prefix="/api/v1/internal/agents", tags=["agents"], route_class=StrictRoute)

AgentPath = Annotated[AgentId, Path()]


@router.get("", summary="List the agents", responses={**INVALID, **UNAVAILABLE})
async def list_agents(
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many agents.")] = 1000,
    cursor: AgentCursorText = None,
) -> AgentList:
    """The agents that reported or are declared, by id."""
    after = AgentCursor.decode(cursor) if cursor else None
    async with transaction() as session:
        ids, following = await ids_by_page(session, limit, after)
        statuses = await agent_statuses(session, audit_settings(get_settings()), ids)
    agents = [AgentOut.of(status) for status in statuses]
    return AgentList(agents=agents, next_cursor=following.encode() if following else None)


@router.get("/{agent_id:any}", summary="Get one agent", responses={**INVALID, **NOT_FOUND, **UNAVAILABLE})
async def get_agent(agent_id: AgentPath) -> AgentOut:
    """How the agent is doing now."""
    async with transaction() as session:
        return AgentOut.of(await agent_status(session, audit_settings(get_settings()), agent_id))


@router.put(
    "/{agent_id:any}",
    status_code=204,
    summary="Declare an agent",
    responses={**INVALID, **TOO_LARGE, **UNAVAILABLE},
)
async def put_agent(agent_id: AgentPath, declaration: AgentDeclarationIn) -> Response:
    """Names, role, schedule, grace, pause and mute. An agent that reports needs no declaration."""
    async with transaction() as session:
        await declare_agent(session, agent_id, declaration.model_dump())
    return Response(status_code=204)


@router.patch(
    "/{agent_id:any}",
    status_code=204,
    summary="Change an agent's declaration",
    responses={**INVALID, **NOT_FOUND, **TOO_LARGE, **UNAVAILABLE},
)
async def patch_agent(agent_id: AgentPath, changes: AgentDeclarationIn) -> Response:
    """As PUT has it, but what is left out stays as it is. For an agent that reported or is declared."""
    async with transaction() as session:
        await change_declaration(session, agent_id, changes.model_dump(exclude_unset=True))
    return Response(status_code=204)


@router.delete(
    "/{agent_id:any}",
    status_code=204,
    summary="Remove an agent's declaration",
    responses={**INVALID, **NOT_FOUND, **UNAVAILABLE},
)
async def delete_agent(agent_id: AgentPath) -> Response:
    """What is declared of it is gone; its runs, scores and findings stay, and it is watched by its habit."""
    async with transaction() as session:
        await remove_declaration(session, agent_id)
    return Response(status_code=204)
