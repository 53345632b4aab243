"""A card an agent: its most recent run, fit for the public."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.kit.cursors import AgentCursor
from app.kit.secrets import public_text
from app.kit.sql import moment_at, well_dated
from app.kit.text import ago
from app.models import AgentRunLog, AgentRunState
from app.models.agent_run_log import AUDITOR
from app.runs.queries import newest_of_each_agent
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


async def event_cards(
    session: AsyncSession,
    now: datetime,
    known: Mapping[str, Identity],
    limit: int,
    after: AgentCursor | None = None,
) -> CardPage:
    """At most `limit` cards, newest run first, without the Auditor's; `known` is how agents are shown."""
    last = AgentRunState.last_created_at
    shown = AgentRunState.agent_id != AUDITOR, well_dated(last)
    page = select(AgentRunState.agent_id, last).where(*shown)
    if after:
        # Of agents whose newest runs were committed together, the ids tell them apart.
        older, same = last < moment_at(after.micros), last == moment_at(after.micros)
        page = page.where(older | (same & (AgentRunState.agent_id > after.agent_id)))
    page = page.order_by(last.desc(), AgentRunState.agent_id).limit(limit + 1)
    places = [AgentCursor.after(*place) for place in await session.execute(page)]
    total = await session.scalar(select(func.count()).select_from(AgentRunState).where(*shown))
    ids = [place.agent_id for place in places[:limit]]
    runs = {run.agent_id: run for run in await session.scalars(newest_of_each_agent(1, agent_ids=ids))}
    times = await times_of_runs(session, [run.id for run in runs.values()])
    # Masking hostile texts takes a while, in which others are served.
    cards = await asyncio.to_thread(
        lambda: [_card(runs[each], times.get(runs[each].id), known, now) for each in ids if each in runs]
    )
    return CardPage(cards, total or 0, places[limit - 1] if len(places) > limit else None)


def _card(
    run: AgentRunLog, times: RunTimes | None, known: Mapping[str, Identity], now: datetime
) -> EventCard:
    shown = identity_of(run.agent_id, known).masked()
    ran_at = run.created_at or run.run_at
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
