"""`/`: the Intelligence Dashboard, fit for the public."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import agent_versions
from app.api.access import READS_INTERNAL
from app.config import get_settings
from app.dashboard import insights
from app.dashboard.cards import EventCard, event_cards
from app.dashboard.quality_weeks import quality_by_week
from app.dashboard.verdict import fleet_state
from app.db.replica import reading
from app.kit.cursors import AgentCursor
from app.kit.expiring import ExpiringCache
from app.runs.activity import Activity, agent_activity
from app.scoring.domain.bands import band_of
from app.web import charts
from app.web.agent_views import AgentView, known_views
from app.web.forms import place_in
from app.web.rendering import page_answer, page_text
from app.wiring import audit_settings

CARDS_A_PAGE = 50
"""A fleet of the usual size on one page; a larger one in pages of about 60 kilobytes."""

TROUBLES_SHOWN = 20
"""Of those that need a person: more are not read anyway, and an outage makes hundreds."""

HOURS, DAYS = 24, 28
"""How far back an agent's row shows its hours and its days."""

HOURS_AHEAD = 2
"""How far ahead it shows when its next run is expected."""

MOST_PAGES = 32
"""Kept at a time, of about 100 kilobytes each."""

PAGE_SECONDS = 30.0
"""For which a page is given though nothing has changed: what it says of the time grows old."""

DAYS_SECONDS, WEEKS_SECONDS = 600.0, 60.0
"""For which past days, and the quality of weeks, are not read again: they change by late scores alone."""

RECENT_HOURS, HOURS_SECONDS = 2, 10.0
"""The hours that are always read, since runs of the one before may still be committed; and for which those
before them are not read again: they change where a run is merged, dated back or removed."""

USAGE_SECONDS = 10.0
"""For which what today's runs took is not summed again: 10,000 hourly agents leave 240,000 rows a day."""

T = TypeVar("T")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A card with what the agent did by hours and by days, and where among the hours the next is expected."""

    card: EventCard
    expected: int | None
    hours: charts.Strip
    days: charts.Strip


class HomeCache:
    """What open pages of `/` share: themselves, while nothing has changed, and what changes slowly."""

    def __init__(self) -> None:
        self._pages: ExpiringCache[Hashable, tuple[Mapping[str, str], str]] = ExpiringCache(MOST_PAGES)
        self._past: ExpiringCache[Hashable, Any] = ExpiringCache(MOST_PAGES)

    def page(self, key: Hashable, versions: Mapping[str, str], staleness: float) -> str | None:
        """The page made of these `versions`, or of others up to `staleness` seconds ago.

        Without versions nobody looks for changes, and no page is given twice.
        """
        kept = self._pages.get(key) if versions else None
        if kept is None:
            return None
        made_of, text = kept.value
        return text if kept.age <= (PAGE_SECONDS if made_of == versions else staleness) else None

    def keep_page(self, key: Hashable, versions: Mapping[str, str], text: str) -> None:
        """Keep a page that was made of these versions, or later ones."""
        if versions:
            self._pages.put(key, (versions, text))

    async def past(self, key: Hashable, seconds: float, read: Callable[[], Awaitable[T]]) -> T:
        """What was read for `key` in the last `seconds`, else what `read` gives."""
        kept = self._past.get(key)
        if kept is not None and kept.age <= seconds:
            found: T = kept.value
            return found
        value = await read()
        self._past.put(key, value)
        return value


@router.get("/")
async def get_home(request: Request, after: Annotated[str | None, Query(max_length=2000)] = None) -> Response:
    """How the fleet is, what it did today, how good that was, and a row an agent."""
    cache: HomeCache = request.app.state.home_cache
    # Who opens the page sees all that was recorded before. An open one looks again where it got an old one.
    is_open_page = "hx-request" in request.headers
    reads_internal = getattr(request.state, READS_INTERNAL, False)
    key = (after, request.url.netloc, reads_internal)
    versions, staleness = request.state.versions if is_open_page else {}, request.state.staleness
    text = cache.page(key, versions, staleness)
    if text is None:
        context = await _context(cache, place_in(AgentCursor.decode, after), with_usage=reads_internal)
        text = page_text(request, "home.html", **context)
        cache.keep_page(key, versions, text)
    return page_answer(request, text)


async def _context(cache: HomeCache, cursor: AgentCursor | None, *, with_usage: bool) -> dict[str, Any]:
    """What the page shows; with what today's runs took, which the public does not see."""
    settings = audit_settings(get_settings())
    async with reading() as (session, lag):
        metrics = await insights.metrics(session)
        now = metrics.generated_at
        state = await fleet_state(session, now, settings.interval)
        page = await event_cards(session, now, CARDS_A_PAGE, cursor)
        ids = tuple(card.agent_id for card in page.cards)
        hours, days = charts.hours_until(now, HOURS), charts.days_until(now, DAYS)
        by_hour, by_day = await _activity(session, cache, ids, hours, days)
        weeks = await cache.past("weeks", WEEKS_SECONDS, lambda: quality_by_week(session, now))
        versions = await agent_versions(session, ids)
        usage = None
        if with_usage:
            usage = await cache.past(
                ("usage", days[-1]), USAGE_SECONDS, lambda: insights.usage_today(session, now)
            )
    views = await known_views(versions)
    return {
        "now": now,
        "lag": lag,
        "metrics": metrics,
        "usage": usage,
        "band": band_of(metrics.quality_7d.mean) if metrics.quality_7d.mean is not None else None,
        "state": state,
        "troubles": state.troubles[:TROUBLES_SHOWN],
        "more_troubles": max(0, len(state.troubles) - TROUBLES_SHOWN),
        "rows": _rows(page.cards, views, by_hour, hours, by_day, days),
        "hours_shown": HOURS + HOURS_AHEAD,
        "total": page.total,
        "days": days,
        "is_first_page": cursor is None,
        "next_page": page.next_cursor.encode() if page.next_cursor else None,
        "weeks": weeks,
        "series": charts.series(weeks),
        "charts": charts,
    }


async def _activity(
    session: AsyncSession,
    cache: HomeCache,
    ids: Sequence[str],
    hours: Sequence[datetime],
    days: Sequence[datetime],
) -> tuple[Sequence[Activity], Sequence[Activity]]:
    """What the agents did by hours and by days, where the past is as old as it may be."""
    of_whom, recent = frozenset(ids), hours[-RECENT_HOURS]
    past_days = await cache.past(
        (of_whom, days[0]), DAYS_SECONDS, lambda: agent_activity(session, ids, days[0], "day", days[-1])
    )
    past_hours = await cache.past(
        (of_whom, recent), HOURS_SECONDS, lambda: agent_activity(session, ids, hours[0], "hour", recent)
    )
    by_hour = [*past_hours, *await agent_activity(session, ids, recent, "hour")]
    return by_hour, [*past_days, *_of_today(by_hour, days[-1])]


def _of_today(by_hour: Sequence[Activity], today: datetime) -> list[Activity]:
    """The present day of each agent, from its hours."""
    sums: dict[str, Activity] = {}
    for hour in by_hour:
        if hour.start >= today:
            before = sums.get(hour.agent_id, Activity(hour.agent_id, today, 0, 0, 0))
            sums[hour.agent_id] = before.with_more(hour)
    return list(sums.values())


def _rows(
    cards: Sequence[EventCard],
    views: Mapping[str, AgentView],
    by_hour: Sequence[Activity],
    hours: tuple[datetime, ...],
    by_day: Sequence[Activity],
    days: tuple[datetime, ...],
) -> list[AgentRow]:
    of_hours, of_days = _by_agent(by_hour), _by_agent(by_day)
    hour_axis, day_axis = charts.Axis(hours, "%H:%M UTC"), charts.Axis(days, "%Y-%m-%d")
    return [
        AgentRow(
            card,
            _expected(card, views.get(card.agent_id), hour_axis),
            charts.strip(tuple(of_hours[card.agent_id]), hour_axis, detailed=False),
            charts.strip(tuple(of_days[card.agent_id]), day_axis, detailed=False),
        )
        for card in cards
    ]


def _expected(card: EventCard, view: AgentView | None, hours: charts.Axis) -> int | None:
    """The place of the hour in which its next run is expected; None where that is out of sight or unknown."""
    moment = view.status.next_expected if view else None
    return hours.place_of(moment, HOURS_AHEAD) if moment and moment > card.ran_at else None


def _by_agent(activity: Sequence[Activity]) -> dict[str, list[Activity]]:
    found: dict[str, list[Activity]] = defaultdict(list)
    for each in activity:
        found[each.agent_id].append(each)
    return found
