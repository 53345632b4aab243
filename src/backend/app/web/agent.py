"""`/agents/{id}`: one agent, how it is and was, and what people declare of it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.declarations import declare_agent, remove_declaration
from app.agents.identity import identify
from app.agents.pauses import mute, pause, resume
from app.agents.registry import NO_SUCH_AGENT, is_known, require_known
from app.agents.status import AgentStatus, agent_status
from app.api.strict_route import StrictRoute
from app.audit.findings import findings_of_agent
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.sql import database_now
from app.quality.agent_feedback import agent_feedback
from app.quality.domain.feedback import markdown
from app.quality.domain.trend import VERDICTS_IN_WORDS
from app.runs.activity import agent_activity, agent_runs_since
from app.runs.usage_records import usage_by_day
from app.runs.wire import AgentId
from app.web import charts
from app.web.agent_facts import facts_of_agent, version_of_agent
from app.web.agent_form import AgentForm, form_of, read_declaration, schedule_preview
from app.web.agent_views import AgentView
from app.web.forms import form_fields, see_other
from app.web.rendering import agent_path, render
from app.wiring import audit_settings

DAYS = 28
"""How far back the heat map reaches."""

TIMELINE = timedelta(hours=24)
AHEAD = timedelta(hours=3)
"""How far the timeline reaches back, and ahead for the next expected run."""

MOST_ON_TIMELINE = 1_500
"""Runs: one a minute for a day."""

RECENT_RUNS, INCIDENTS = 10, 20
"""How many are shown; the pages of runs and of the Auditor have all."""

router = APIRouter(include_in_schema=False, route_class=StrictRoute)

_AGENT_ID: TypeAdapter[str] = TypeAdapter(AgentId)
_Text = Annotated[str | None, Query(max_length=2000)]
_Change = Callable[[AsyncSession, str, Mapping[str, str]], Awaitable[None]]


@router.get("/agents/{path_id:any}")
async def get_agent(
    request: Request,
    path_id: str,
    id: _Text = None,  # noqa: A002  # of an agent that no path can name, such as ".."
    show: _Text = None,
    schedule: _Text = None,
    timezone: _Text = None,
) -> Response:
    """The agent; `show` names a page of it: `edit`, `remove`, or `feedback` with what its prompt gets.

    `/agents/preview` with a schedule is the preview of that, for the form in which it is typed.
    """
    if path_id == "preview" and schedule is not None:
        return await _preview(request, schedule, timezone or "")
    if not (path_id or id):
        return see_other("/agents")
    agent_id = _agent_id(path_id or id)
    if show == "edit":
        return await _edit_page(request, agent_id)
    if show == "remove":
        return await _remove_page(request, agent_id)
    return await _agent_page(request, agent_id, with_feedback=show == "feedback")


@router.post("/agents/{path_id:any}")
async def post_agent(request: Request, path_id: str, id: _Text = None) -> Response:  # noqa: A002
    """Change what is declared of the agent: by the field `action`."""
    agent_id = _agent_id(path_id or id)
    fields = await form_fields(request)
    action = fields.get("action", "")
    if action == "preview":
        return await _edit_page(request, agent_id, AgentForm(fields, {}))
    if action == "declare":
        return await _declare(request, agent_id, fields)
    if action not in _CHANGES:
        raise NotFoundError("there is no such action")
    async with transaction() as session:
        await require_known(session, agent_id)
        await _CHANGES[action](session, agent_id, fields)
        is_left = await is_known(session, agent_id)
    return see_other(agent_path(agent_id) if is_left else "/agents")


def _agent_id(text: str | None) -> str:
    """The id as it is reported. Raises `NotFoundError` for one that no agent can have."""
    try:
        return _AGENT_ID.validate_python(text)
    except ValidationError as error:
        raise NotFoundError(NO_SUCH_AGENT) from error


async def _agent_page(request: Request, agent_id: str, *, with_feedback: bool) -> Response:
    async with transaction() as session:
        now = await database_now(session)
        version = await version_of_agent(session, agent_id, now)
        runs = await agent_runs_since(session, agent_id, now - TIMELINE, MOST_ON_TIMELINE)
        days = charts.days_until(now, DAYS)
        activity = await agent_activity(session, [agent_id], days[0], "day")
        usage, usage_of_days = await usage_by_day(session, agent_id, days[0], days[-1] + timedelta(days=1))
        findings = await findings_of_agent(session, agent_id, INCIDENTS)
        feedback = await agent_feedback(session, agent_id) if with_feedback else None
    facts = await facts_of_agent(agent_id, version)
    status = facts.status
    return render(
        request,
        "agent.html",
        now=now,
        agent=status,
        view=AgentView.of(status),
        timeline=charts.timeline(runs, now - TIMELINE, now, now + AHEAD, status.next_expected),
        days=charts.strip(tuple(activity), charts.Axis(days, "%Y-%m-%d")),
        first_day=days[0],
        usage=usage,
        usage_of_days=dict(sorted(usage_of_days.items(), reverse=True)),
        runs_of_days={each.start: each.runs for each in activity},
        quality=facts.quality,
        findings=findings,
        recent=status.past.runs[:RECENT_RUNS],
        feedback=markdown(feedback) if feedback else None,
        charts=charts,
        verdicts=VERDICTS_IN_WORDS,
    )


async def _edit_page(request: Request, agent_id: str, form: AgentForm | None = None) -> Response:
    """The form; `form` where it was sent and is wrong. An agent that is not known yet can be declared."""
    async with transaction() as session:
        now = await database_now(session)
        status = await _status(session, agent_id)
    form = form or form_of(status.declared if status else None)
    typed = form.values
    return render(
        request,
        "agent_edit.html",
        422 if form.errors else 200,
        now=now,
        agent_id=agent_id,
        agent=status,
        built_in=identify(agent_id),
        form=form,
        preview=schedule_preview(typed.get("schedule", ""), typed.get("timezone", ""), now),
    )


async def _status(session: AsyncSession, agent_id: str) -> AgentStatus | None:
    try:
        return await agent_status(session, audit_settings(get_settings()), agent_id)
    except NotFoundError:
        return None


async def _remove_page(request: Request, agent_id: str) -> Response:
    async with transaction() as session:
        status = await agent_status(session, audit_settings(get_settings()), agent_id)
    return render(request, "agent_remove.html", agent=status, built_in=identify(agent_id))


async def _preview(request: Request, schedule: str, timezone: str) -> Response:
    async with transaction() as session:
        now = await database_now(session)
    return render(request, "agent_preview.html", now=now, preview=schedule_preview(schedule, timezone, now))


async def _declare(request: Request, agent_id: str, fields: Mapping[str, str]) -> Response:
    declaration = read_declaration(fields)
    if isinstance(declaration, AgentForm):
        return await _edit_page(request, agent_id, declaration)
    async with transaction() as session:
        await declare_agent(session, agent_id, declaration.model_dump())
    return see_other(agent_path(agent_id))


async def _pause(session: AsyncSession, agent_id: str, fields: Mapping[str, str]) -> None:
    hours = fields.get("hours", "")
    span = timedelta(hours=int(hours)) if hours.isascii() and hours.isdigit() and len(hours) < 6 else None
    await pause(session, agent_id, await database_now(session) + span if span else None)


async def _resume(session: AsyncSession, agent_id: str, _: Mapping[str, str]) -> None:
    await resume(session, agent_id)


async def _mute(session: AsyncSession, agent_id: str, fields: Mapping[str, str]) -> None:
    await mute(session, agent_id, muted=fields["action"] == "mute")


async def _remove(session: AsyncSession, agent_id: str, _: Mapping[str, str]) -> None:
    await remove_declaration(session, agent_id)


_CHANGES: Mapping[str, _Change] = {
    "pause": _pause,
    "resume": _resume,
    "mute": _mute,
    "unmute": _mute,
    "remove": _remove,
}
"""What a button of the page does, by its name."""
