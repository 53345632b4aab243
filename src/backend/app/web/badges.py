"""`/badge/….svg`: how an agent or the fleet is, for a README or a wiki."""

from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from app.config import get_settings
from app.dashboard.verdict import AgentState, Level, agent_state, fleet_state
from app.db.replica import reading
from app.kit.sql import database_now
from app.kit.text import printable, shortened
from app.web.rendering import answer, render_text
from app.wiring import audit_settings

router = APIRouter(include_in_schema=False)

_LONGEST = 40  # characters of a name
_CHARACTER, _PADDING = 7, 12  # width of a character at 11 px and space beside a text, both in pixels
_COLOURS: dict[Level, str] = {
    "fine": "#1a7f4b",
    "attention": "#8a5a00",
    "trouble": "#b3261e",
    "unknown": "#56616f",
}
_FRESH = "public, max-age=60"  # seconds for which the caches of a README's readers keep it


class Part(NamedTuple):
    """A text of a badge with its place, in pixels."""

    text: str
    x: int
    width: int


@router.get("/badge/fleet.svg")
async def get_fleet_badge(request: Request) -> Response:
    """How many agents are fine."""
    async with reading() as (session, _):
        now = await database_now(session)
        state = await fleet_state(session, now, audit_settings(get_settings()).interval)
    said = f"{state.fine} of {state.agents} fine" if state.agents else "no agent yet"
    return _badge(request, "agents", said if state.level != "unknown" else "unknown", state.level)


@router.get("/badge/{agent_id:any}.svg")
async def get_agent_badge(request: Request, agent_id: str) -> Response:
    """How the agent is, in a word or two. Raises `NotFoundError`."""
    async with reading() as (session, _):
        now = await database_now(session)
        interval = audit_settings(get_settings()).interval
        found: AgentState = await agent_state(session, now, interval, agent_id)
    return _badge(request, found.agent.name, found.words, found.level)


def _badge(request: Request, name: str, said: str, level: Level) -> Response:
    left, right = (shortened(printable(text), _LONGEST) for text in (name, said))
    widths = [len(text) * _CHARACTER + _PADDING for text in (left, right)]
    parts = [Part(left, 0, widths[0]), Part(right, widths[0], widths[1])]
    svg = render_text("badge.svg", parts=parts, width=sum(widths), colour=_COLOURS[level])
    return answer(request, svg.encode(), "image/svg+xml", {"Cache-Control": _FRESH})
