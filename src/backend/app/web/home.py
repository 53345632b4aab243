"""`/`: the Intelligence Dashboard, fit for the public."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.agents.registry import identities
from app.config import get_settings
from app.dashboard import insights
from app.dashboard.cards import EventCard, event_cards
from app.dashboard.quality_weeks import quality_by_week
from app.dashboard.verdict import fleet_state
from app.db.session import transaction
from app.kit.cursors import AgentCursor
from app.runs.activity import Activity, agent_activity
from app.scoring.domain.bands import band_of
from app.web import charts
from app.web.page_cache import PageCache
from app.web.rendering import page_answer, page_text
from app.wiring import audit_settings

CARDS_A_PAGE = 50
"""A fleet of the usual size on one page; a larger one in pages of about 60 kilobytes."""

TROUBLES_SHOWN = 20
"""Of those that need a person: more are not read anyway, and an outage makes hundreds."""

HOURS, DAYS = 24, 28
"""How far back an agent's row shows its hours and its days."""

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A card with what the agent did by hours and by days."""

    card: EventCard
    hours: charts.Strip
    days: charts.Strip


@router.get("/")
async def get_home(request: Request, after: Annotated[str | None, Query(max_length=2000)] = None) -> Response:
    """How the fleet is, what it did today, how good that was, and a row an agent."""
    pages: PageCache = request.app.state.public_pages
    key = (after, "hx-request" in request.headers, request.url.netloc)
    versions, staleness = request.state.versions, request.state.staleness
    text = pages.get(key, versions, staleness)
    if text is None:
        text = page_text(request, "home.html", **await _context(_cursor(after)))
        pages.put(key, versions, text)
    return page_answer(request, text)


async def _context(cursor: AgentCursor | None) -> dict[str, Any]:
    settings = audit_settings(get_settings())
    async with transaction() as session:
        metrics = await insights.metrics(session)
        now = metrics.generated_at
        known = await identities(session)
        state = await fleet_state(session, now, settings.interval, known)
        page = await event_cards(session, now, known, CARDS_A_PAGE, cursor)
        ids = [card.agent_id for card in page.cards]
        hours, days = charts.hours_until(now, HOURS), charts.days_until(now, DAYS)
        by_hour = await agent_activity(session, ids, hours[0], "hour")
        by_day = await agent_activity(session, ids, days[0], "day")
        weeks = await quality_by_week(session, now)
    return {
        "now": now,
        "metrics": metrics,
        "band": band_of(metrics.quality_7d.mean) if metrics.quality_7d.mean is not None else None,
        "state": state,
        "troubles": state.troubles[:TROUBLES_SHOWN],
        "more_troubles": max(0, len(state.troubles) - TROUBLES_SHOWN),
        "rows": _rows(
            page.cards,
            by_hour,
            charts.Axis.of(hours, "%H:%M UTC"),
            by_day,
            charts.Axis.of(days, "%Y-%m-%d"),
        ),
        "total": page.total,
        "days": days,
        "is_first_page": cursor is None,
        "next_page": page.next_cursor.encode() if page.next_cursor else None,
        "weeks": weeks,
        "series": charts.series(weeks),
        "charts": charts,
    }


def _cursor(text: str | None) -> AgentCursor | None:
    """The place that an address names; an address that was cut or made up shows the first page."""
    try:
        return AgentCursor.decode(text) if text else None
    except ValueError:
        return None


def _rows(
    cards: Sequence[EventCard],
    by_hour: Sequence[Activity],
    hours: charts.Axis,
    by_day: Sequence[Activity],
    days: charts.Axis,
) -> list[AgentRow]:
    of_hours, of_days = _by_agent(by_hour), _by_agent(by_day)
    return [
        AgentRow(
            card, charts.strip(of_hours[card.agent_id], hours), charts.strip(of_days[card.agent_id], days)
        )
        for card in cards
    ]


def _by_agent(activity: Sequence[Activity]) -> dict[str, list[Activity]]:
    found: dict[str, list[Activity]] = defaultdict(list)
    for each in activity:
        found[each.agent_id].append(each)
    return found
