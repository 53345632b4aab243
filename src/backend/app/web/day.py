"""`/day/YYYY-MM-DD`: the digest of a UTC day, to read, print or send."""

import re
from datetime import date, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.agents.identity import identity_of
from app.agents.registry import identities
from app.dashboard.day import MOST_LISTED, Day, read_day
from app.dashboard.verdict import TROUBLES
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.sql import database_now
from app.runs.usage_records import UsageSums
from app.scoring.domain.bands import band_of
from app.web.rendering import render

PATH = "/day"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EARLIEST = date(1970, 1, 1)  # a run that is dated before is not taken for dated
_ONE = timedelta(days=1)
_NO_DAY = "A day is written YYYY-MM-DD, and is not in the future"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def get_today(request: Request) -> Response:
    """Go to the day that a form asks for, or to today."""
    asked = request.query_params.get("date", "")
    if not asked:
        async with transaction() as session:
            asked = (await database_now(session)).date().isoformat()
    if _parsed(asked) is None:
        raise NotFoundError(_NO_DAY)
    return RedirectResponse(f"{PATH}/{asked}", 303, headers={"Cache-Control": "no-store"})


@router.get(PATH + "/{text}")
async def get_day(request: Request, text: str) -> Response:
    """What happened on a day."""
    day = _parsed(text)
    async with transaction() as session:
        now = await database_now(session)
        if day is None or day > now.date():
            raise NotFoundError(_NO_DAY)
        found = await read_day(session, day, now)
        dearest = sorted(found.usage_by_agent, key=lambda each: _dearest_first(found.usage_by_agent[each]))
        agent_ids = _agent_ids(found) | {*dearest[:MOST_LISTED]}
        known = await identities(session, agent_ids)
    return render(
        request,
        "day.html",
        now=now,
        day=found,
        date=day,
        before=day - _ONE if day > _EARLIEST else None,
        after=day + _ONE if day < now.date() else None,
        band=band_of(found.quality.mean) if found.quality.mean is not None else None,
        agents={agent_id: identity_of(agent_id, known) for agent_id in agent_ids},
        dearest=dearest[:MOST_LISTED],
        runs_by_agent={each.agent_id: each.runs for each in found.agents or ()},
        troubles=TROUBLES,
        most=MOST_LISTED,
    )


def _agent_ids(day: Day) -> set[str]:
    reported = {each.agent_id for each in (day.agents or ())[:MOST_LISTED]}
    return reported | {each.agent_id for each in (*day.missing, *day.opened, *day.closed)}


def _dearest_first(usage: UsageSums) -> tuple[float, ...]:
    """By cost; where that is the same or unknown by tokens, and then by time."""
    return -(usage.cost_usd or 0.0), -(usage.tokens or 0), -(usage.longest_seconds or 0.0)


def _parsed(text: str) -> date | None:
    if not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day >= _EARLIEST else None
