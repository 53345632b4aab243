"""A card an agent: its most recent run, fit for the public."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.registry import identities
from app.kit.cursors import AgentCursor
from app.kit.secrets import public_text
from app.kit.sql import WELL_DATED, agent_by_agent, moment_at, newest_of_agent, well_dated
from app.kit.text import ago
from app.models import AgentRunLog, AgentRunState
from app.models.agent_run_log import AUDITOR
from app.runs.sources import RunTimes, times_of_runs

ACTION_LENGTH = 280  # characters of a summary that the public sees


@dataclass(frozen=True, slots=True)
class EventCard:
    """An agent's most recent run; `ran_at` is when it ended as reported, or when it was recorded."""

    run_id: UUID
    agent_id: str
    agent: str
    role: str | None
    title: str
    action: str | None
    status: str
    run_status: str
    silent: bool
    ran_at: datetime
    ago: str


@dataclass(frozen=True, slots=True)
class CardPage:
    """Some of the cards, of how many in all, and where the following ones begin."""

    cards: Sequence[EventCard]
    total: int
    next_cursor: AgentCursor | None


_COLUMNS = (
    AgentRunLog.id,
    AgentRunLog.action_summary,
    AgentRunLog.status,
    AgentRunLog.consecutive_silence_count,
    AgentRunLog.created_at,
)
_SHOWN = AgentRunState.agent_id != AUDITOR, well_dated(AgentRunState.last_created_at)


def _cards(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The agents' newest runs, newest first, of so many (`count`) of the agents under `conditions`."""
    state = AgentRunState
    places = (
        select(state.agent_id, state.last_created_at)
        .where(*_SHOWN, *conditions)
        .order_by(state.last_created_at.desc(), state.agent_id)
        .limit(bindparam("count", type_=Integer))
        .subquery()
    )
    newest = newest_of_agent(_COLUMNS, places.c.agent_id, 1, WELL_DATED).lateral()
    columns = places.c.agent_id, places.c.last_created_at, *newest.c
    return (
        select(*columns)
        .select_from(places.outerjoin(newest, true()))
        .order_by(places.c.last_created_at.desc(), places.c.agent_id)
    )


_FIRST_CARDS = _cards()
_TOTAL = select(func.count()).select_from(AgentRunState).where(*_SHOWN)


async def event_cards(
    session: AsyncSession, now: datetime, limit: int, after: AgentCursor | None = None
) -> CardPage:
    """At most `limit` cards, newest run first, without the Auditor's."""
    statement = _FIRST_CARDS
    if after:
        last, moment = AgentRunState.last_created_at, moment_at(after.micros)
        # Of agents whose newest runs were committed together, the ids tell them apart.
        statement = _cards((last < moment) | ((last == moment) & (AgentRunState.agent_id > after.agent_id)))
    async with agent_by_agent(session):
        found = (await session.execute(statement, {"count": limit + 1})).all()
    total = await session.scalar(_TOTAL)
    # An agent of which a run was removed a moment ago may have none.
    runs = [run for run in found[:limit] if run.id]
    known = await identities(session, [run.agent_id for run in runs])
    times = await times_of_runs(session, [run.id for run in runs])
    # Masking hostile texts takes a while, in which others are served.
    cards = await asyncio.to_thread(lambda: [_card(run, times.get(run.id), known, now) for run in runs])
    last_shown = found[limit - 1] if len(found) > limit else None
    next_cursor = AgentCursor.after(last_shown.agent_id, last_shown.last_created_at) if last_shown else None
    return CardPage(cards, total or 0, next_cursor)


def _card(run: Row[Any], times: RunTimes | None, known: Mapping[str, Identity], now: datetime) -> EventCard:
    shown = identity_of(run.agent_id, known).masked()
    ran_at = run.created_at
    if times and times.finished_at:  # it was reported later; by a clock that is ahead, not before it ended
        ran_at = min(ran_at, times.finished_at)
    return EventCard(
        run_id=run.id,
        agent_id=run.agent_id,
        agent=shown.name,
        role=shown.role,
        title=shown.title,
        action=public_text(run.action_summary, ACTION_LENGTH) if run.action_summary else None,
        status="failed" if run.status == "failed" else "completed",
        run_status=run.status,
        silent=run.consecutive_silence_count > 0,
        ran_at=ran_at,
        ago=ago(ran_at, now),
    )
