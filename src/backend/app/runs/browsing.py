"""Reading the log as people browse it: by any filter, in pages that each cost a bounded amount of work.

An index leads to the runs of an agent and of a time, and that of `app.runs.search` to those with a text.
Whatever else is asked of them is looked for among the newest, a window at a time: a rare status cannot send a
page through the whole log.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from time import monotonic
from typing import Any, Generic, TypeVar, Unpack
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Numeric,
    Select,
    Uuid,
    any_,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.errors import NotFoundError
from app.kit.cursors import Cursor, moment_of
from app.kit.sql import moment_at, of_agent
from app.models import AgentRunLog
from app.runs.calibration import PATIENCE_SECONDS
from app.runs.queries import RunFilters, newest_first, run_conditions, stored_moment
from app.runs.search.lookup import Search, search

WINDOW_RUNS = 20_000
"""Looked through by one statement."""

SUMMARY_LENGTH = 400
"""Characters of a summary in a list: more than its two lines have room for."""

T = TypeVar("T")

_LAST_ID = UUID(int=2**128 - 1)
_BEFORE_UNDATED = Cursor(None, _LAST_ID)
_BY_INDEX = ("agent_id", "since", "until")


class BrowseFilters(RunFilters, total=False):
    """Conditions of a page: `silent` or not; scores of 0 to 1, the bounds included."""

    silent: bool | None
    least_score: float | None
    most_score: float | None


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list. `scores` is what its `rlhf_scores` say of a score or of a failure."""

    id: UUID
    agent_id: str
    created_at: datetime | None
    summary: str | None
    status: str
    silence_count: int
    scores: dict[str, Any] | None
    place: Cursor


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Some of the runs that match, and the place after them, None at the end of the log.

    `windows` of runs with a date were looked through. Where the page ended for its time, `looked_back_to` is
    how far back the log was searched.
    """

    runs: Sequence[T]
    following: Cursor | None
    windows: int
    looked_back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Form(Generic[T]):
    """What a page has of each run: which columns of a row, and how they or a run's place lead to it."""

    columns: Callable[[type[AgentRunLog]], Sequence[Any]]
    of_row: Callable[[Any], T]
    at: Callable[[AsyncSession, Sequence[Cursor]], Awaitable[list[T]]]
    place: Callable[[T], Cursor]


async def browse(
    session: AsyncSession,
    limit: int,
    after: Cursor | None = None,
    patience: float = PATIENCE_SECONDS,
    **filters: Unpack[BrowseFilters],
) -> Found[ListedRun]:
    """A page of at most `limit` runs that follow `after`, newest first, those without a date last.

    It may have fewer where more follow, if that took `patience` seconds.
    """
    return await _browse(session, _LISTED, limit, after, patience, filters)


async def browse_places(
    session: AsyncSession,
    limit: int,
    after: Cursor | None = None,
    patience: float = PATIENCE_SECONDS,
    **filters: Unpack[BrowseFilters],
) -> Found[Cursor]:
    """As `browse`, but only the places of the runs, for those who read their rows themselves."""
    return await _browse(session, _PLACES, limit, after, patience, filters)


async def _browse(
    session: AsyncSession,
    form: _Form[T],
    limit: int,
    after: Cursor | None,
    patience: float,
    filters: BrowseFilters,
) -> Found[T]:
    """A page of runs in that form.

    1. Where a text is searched for that the index of texts knows, find those with a date by that.
    2. Else look for them in the next window of runs that an index leads to.
    3. While the page is not full and runs are left, look through the next window, for `patience` seconds.
    """
    found: list[T] = []
    place, windows, end = after, 0, monotonic() + patience
    searched = await _searched(session, form, limit, after, patience, filters)
    if searched is not None:
        if searched.following != _BEFORE_UNDATED:
            return searched
        found, place = list(searched.runs), _BEFORE_UNDATED
    while True:
        statement = matching_runs(place, limit + 1 - len(found), filters, form.columns)
        if statement is not None:
            found += map(form.of_row, await session.execute(statement))
        windows += place is None or place.micros is not None
        if len(found) > limit:
            return Found(found[:limit], form.place(found[limit - 1]), windows)
        reached = await _window_end(session, place, filters)
        if reached is None:
            return Found(found, None, windows)
        place, moment = reached
        if moment and monotonic() >= end:
            return Found(found, place, windows, looked_back_to=moment)


async def place_of(session: AsyncSession, run_id: UUID) -> Cursor:
    """The place of a run in the log. Raises `NotFoundError`."""
    row = (await session.execute(select(stored_moment()).where(AgentRunLog.id == run_id))).one_or_none()
    if row is None:
        raise NotFoundError("there is no run with this id")
    return Cursor.after(run_id, row.stored_moment)


async def run_before(session: AsyncSession, agent_id: str, place: Cursor) -> ListedRun | None:
    """The agent's run before the one at `place`; None also where that run alone has a date."""
    return await _first(session, place, BrowseFilters(agent_id=agent_id))


async def run_after(session: AsyncSession, agent_id: str, place: Cursor) -> ListedRun | None:
    """The agent's run after the one at `place`; None also where that one has no date."""
    if place.micros is None:
        return None
    created_at, run_id = AgentRunLog.created_at, AgentRunLog.id
    statement = (
        select(*_columns(AgentRunLog))
        .where(of_agent(agent_id), tuple_(created_at, run_id) > tuple_(moment_at(place.micros), place.id))
        .order_by(AgentRunLog.agent_id.desc(), created_at, run_id)
        .limit(1)
    )
    row = (await session.execute(statement)).one_or_none()
    return _listed(row) if row else None


async def last_good_run(session: AsyncSession, agent_id: str, place: Cursor) -> ListedRun | None:
    """The agent's newest success with output before `place`, within `WINDOW_RUNS`."""
    return await _first(session, place, BrowseFilters(agent_id=agent_id, status="success", silent=False))


async def _first(session: AsyncSession, place: Cursor, filters: BrowseFilters) -> ListedRun | None:
    statement = matching_runs(place, 1, filters, _columns)
    row = None if statement is None else (await session.execute(statement)).one_or_none()
    return _listed(row) if row else None


def matching_runs(
    place: Cursor | None,
    limit: int,
    filters: BrowseFilters,
    columns: Callable[[type[AgentRunLog]], Sequence[Any]],
) -> Select[Any] | None:
    """`columns` of the first `limit` runs that match in the window after `place`; None where none follows."""
    window = _window([AgentRunLog], place, filters)
    if window is None:
        return None
    run = aliased(AgentRunLog, window.subquery())
    # In the window's own order, so that rows come from it one by one until there are enough.
    order = (run.created_at.desc(), run.id.desc())
    return (
        select(*columns(run))
        .where(*_conditions(run, filters))
        .order_by(*((run.agent_id, *order) if filters.get("agent_id") is not None else order))
        .limit(limit)
    )


async def _searched(
    session: AsyncSession,
    form: _Form[T],
    limit: int,
    after: Cursor | None,
    patience: float,
    filters: BrowseFilters,
) -> Found[T] | None:
    """The runs with a date that an index of texts leads to; None where it cannot."""
    wanted = Search.of(after, filters, _conditions(AgentRunLog, filters))
    found = None if wanted is None else await search(session, wanted, limit + 1, patience)
    if found is None:
        return None
    runs = await form.at(session, found.places)
    if len(runs) > limit:
        return Found(runs[:limit], form.place(runs[limit - 1]), 0)
    if found.reached is not None:
        return Found(runs, found.reached, 0, looked_back_to=moment_of(found.reached.micros or 0))
    return Found(runs, _BEFORE_UNDATED if _has_undated(filters) else None, 0)


async def _listed_runs(session: AsyncSession, places: Sequence[Cursor]) -> list[ListedRun]:
    ids = literal([place.id for place in places], ARRAY(Uuid))
    rows = await session.execute(select(*_columns(AgentRunLog)).where(AgentRunLog.id == any_(ids)))
    return sorted(map(_listed, rows), key=attrgetter("place"), reverse=True)


async def _window_end(
    session: AsyncSession, place: Cursor | None, filters: BrowseFilters
) -> tuple[Cursor, datetime | None] | None:
    """Where the next window begins, and when the run there was created; None where no run follows."""
    columns = (AgentRunLog.id, AgentRunLog.created_at, stored_moment())
    window = _window(columns, place, filters)
    if window is None:
        return None
    last = (await session.execute(window.offset(WINDOW_RUNS - 1).limit(1))).one_or_none()
    if last is not None:
        return Cursor.after(last.id, last.stored_moment), last.created_at
    is_dated = place is None or place.micros is not None
    return (_BEFORE_UNDATED, None) if is_dated and _has_undated(filters) else None


def _has_undated(filters: BrowseFilters) -> bool:
    return filters.get("since") is None and filters.get("until") is None


def _window(columns: Sequence[Any], place: Cursor | None, filters: BrowseFilters) -> Select[Any] | None:
    """The next runs that an index leads to; None where no filtered run follows `place`."""
    by_index = RunFilters(**{name: filters[name] for name in _BY_INDEX if name in filters})  # type: ignore[typeddict-item,literal-required]
    return next(newest_first(columns, WINDOW_RUNS, place, **by_index), None)


def _columns(run: type[AgentRunLog]) -> Sequence[Any]:
    scores = run.rlhf_scores
    # Other programs may have left there what is large.
    said = func.jsonb_build_object(
        "overall", scores["overall"], "error", func.left(scores["error"].astext, SUMMARY_LENGTH)
    )
    return (
        run.id,
        run.agent_id,
        run.created_at,
        func.left(run.action_summary, SUMMARY_LENGTH).label("summary"),
        run.status,
        run.consecutive_silence_count.label("silence_count"),
        case((scores.is_not(None), said)).label("scores"),
        stored_moment(run),
    )


def _listed(row: Any) -> ListedRun:
    fields = dict(row._mapping)
    place = Cursor.after(row.id, fields.pop("stored_moment"))
    return ListedRun(**fields, place=place)


def _conditions(run: type[AgentRunLog], filters: BrowseFilters) -> list[ColumnElement[bool]]:
    """What is asked of the runs of a window."""
    conditions = run_conditions(status=filters.get("status"), q=filters.get("q"), run=run)
    silent = filters.get("silent")
    if silent is not None:
        conditions.append(run.consecutive_silence_count > 0 if silent else run.consecutive_silence_count == 0)
    overall = run.rlhf_scores["overall"]
    score = case((func.jsonb_typeof(overall) == "number", cast(overall.astext, Numeric)))
    if (least := filters.get("least_score")) is not None:
        conditions.append(score >= least)
    if (most := filters.get("most_score")) is not None:
        conditions.append(score <= most)
    return conditions


def _place_columns(run: type[AgentRunLog]) -> Sequence[Any]:
    return (run.id, stored_moment(run))


def _place(row: Any) -> Cursor:
    return Cursor.after(row.id, row.stored_moment)


async def _places(_: AsyncSession, places: Sequence[Cursor]) -> list[Cursor]:
    return list(places)


_LISTED = _Form(_columns, _listed, _listed_runs, attrgetter("place"))
_PLACES = _Form(_place_columns, _place, _places, lambda place: place)
