"""Reading runs: filters, pages, and the newest runs of every agent."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

import msgspec
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Executable,
    LargeBinary,
    Row,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, defer

from app.errors import AmbiguousIdError, NotFoundError
from app.kit.cursors import Cursor
from app.kit.sql import (
    AGENTS_NEWEST_FIRST,
    NEWEST_FIRST,
    WELL_DATED,
    moment_at,
    newest_of_agent,
    of_agent,
    wanted_agents,
)
from app.models import AgentRunIdempotencyKey, AgentRunLog
from app.models.moments import readable

_READ = select(
    AgentRunLog.id,
    AgentRunLog.agent_id,
    AgentRunLog.run_at,
    AgentRunLog.action_summary,
    cast(AgentRunLog.actions_taken, Text).label("actions_taken"),
    AgentRunLog.status,
    AgentRunLog.consecutive_silence_count,
    cast(AgentRunLog.rlhf_scores, Text).label("rlhf_scores"),
    AgentRunLog.created_at,
    *(
        case((readable(moment) != moment, cast(moment, Text))).label(f"{moment.key}_text")
        for moment in (AgentRunLog.run_at, AgentRunLog.created_at)
    ),
)
# Made once: making a statement takes longer than reading a row.
_READ_ONE = _READ.where(AgentRunLog.id == bindparam("run_id"))


def stored_moment(run: type[AgentRunLog] = AgentRunLog) -> ColumnElement[Any]:
    """The `created_at` of `run` as a `Cursor` takes it."""
    return func.timestamptz_send(run.created_at, type_=LargeBinary).label("stored_moment")


_ID_DIGITS = 32
_ID_BEGINNING = re.compile(f"[0-9a-f]{{1,{_ID_DIGITS}}}")
_MOST_NAMED = 5

MOST_KEYS = 20_000
"""Idempotency keys of an agent that one is looked for in: keys are found by agent, not by run."""


class SentRow(NamedTuple):
    """A row of the log as it is shown: PostgreSQL's own text of documents, and of moments Python lacks."""

    id: UUID
    agent_id: str
    run_at: datetime
    action_summary: str | None
    actions_taken: str | None
    status: str
    consecutive_silence_count: int
    rlhf_scores: str | None
    created_at: datetime | None
    run_at_text: str | None
    created_at_text: str | None


class SentKey(NamedTuple):
    """The idempotency key of a run, None where it has none; or not `is_known` among too many of its agent.

    `may_have_expired` is whether the run is older than keys are kept.
    """

    key: str | None
    is_known: bool
    may_have_expired: bool


class RunFilters(TypedDict, total=False):
    """Conditions on runs: `since` is inclusive, `until` exclusive, `q` is searched in the report's text."""

    agent_id: str | None
    status: str | None
    since: datetime | None
    until: datetime | None
    q: str | None


def run_conditions(
    *,
    agent_id: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: str | None = None,
    run: type[AgentRunLog] = AgentRunLog,
) -> list[ColumnElement[bool]]:
    """`RunFilters` as WHERE clauses about `run`."""
    conditions: list[ColumnElement[bool]] = []
    if agent_id is not None:
        conditions.append(of_agent(agent_id, run))
    if status is not None:
        conditions.append(run.status == status)
    if since is not None:
        conditions.append(run.created_at >= since)
    if until is not None:
        conditions.append(run.created_at < until)
    if q:
        conditions.append(
            or_(
                run.action_summary.icontains(q, autoescape=True),
                cast(run.actions_taken, Text).icontains(q, autoescape=True),
            )
        )
    return conditions


def newest_runs(
    columns: Sequence[Any], limit: int, *, dated: bool = True, **filters: Unpack[RunFilters]
) -> Select[Any]:
    """`columns` of the newest `limit` runs that `filters` let through, newest first.

    With `dated=False` these are runs without a `created_at`, by id.
    """
    by_agent = filters.get("agent_id") is not None
    created_at = AgentRunLog.created_at
    return (
        select(*columns)
        .where(created_at.is_not(None) if dated else created_at.is_(None), *run_conditions(**filters))
        # Also where no date differs: so that the index is used that begins with it.
        .order_by(*(AGENTS_NEWEST_FIRST if by_agent else NEWEST_FIRST))
        .limit(limit)
    )


def newest_first(
    columns: Sequence[Any], limit: int, cursor: Cursor | None = None, **filters: Unpack[RunFilters]
) -> Iterator[Select[Any]]:
    """The statements whose rows, one statement after the other, are the newest runs that follow `cursor`.

    Each has at most `limit` rows. Runs without a date come after all others.
    """
    if cursor is None or cursor.micros is not None:
        dated = newest_runs(columns, limit, **filters)
        if cursor is not None and cursor.micros is not None:
            place = tuple_(moment_at(cursor.micros), cursor.id)
            dated = dated.where(tuple_(AgentRunLog.created_at, AgentRunLog.id) < place)
        yield dated
    if filters.get("since") is None and filters.get("until") is None:
        undated = newest_runs(columns, limit, dated=False, **filters)
        if cursor is not None and cursor.micros is None:
            undated = undated.where(AgentRunLog.id < cursor.id)
        yield undated


async def read_newest(
    session: AsyncSession,
    columns: Sequence[Any],
    limit: int,
    cursor: Cursor | None = None,
    **filters: Unpack[RunFilters],
) -> list[Row[Any]]:
    """`columns` of the newest `limit` runs that follow `cursor`, those without a date after all others."""
    return await first_rows(session, newest_first(columns, limit, cursor, **filters), limit)


async def first_rows(session: AsyncSession, statements: Iterable[Executable], limit: int) -> list[Row[Any]]:
    """The first `limit` rows of the statements, of which no further one is executed."""
    rows: list[Row[Any]] = []
    for statement in statements:
        rows += await session.execute(statement)
        if len(rows) >= limit:
            break
    return rows[:limit]


async def get_run(session: AsyncSession, run_id: UUID) -> dict[str, Any]:
    """One run as a JSON-ready mapping. Raises `NotFoundError`."""
    row = (await session.execute(_READ_ONE, {"run_id": run_id})).one_or_none()
    if row is None:
        raise NotFoundError("there is no run with this id")
    return as_sent(SentRow._make(row))


async def key_of_run(session: AsyncSession, agent_id: str, run_id: UUID, kept: timedelta) -> SentKey:
    """The idempotency key with which the agent sent a run; keys are `kept` for so long."""
    key = AgentRunIdempotencyKey
    sent = select(key.key, key.run_id).where(key.agent_id == agent_id).limit(MOST_KEYS).subquery()
    its = func.max(sent.c.key).filter(sent.c.run_id == run_id)
    is_old = select(AgentRunLog.created_at < func.now() - kept).where(AgentRunLog.id == run_id)
    statement = select(its, func.count(), func.coalesce(is_old.scalar_subquery(), false()))
    found, keys, may_have_expired = (await session.execute(statement.select_from(sent))).one()
    return SentKey(found, found is not None or keys < MOST_KEYS, may_have_expired)


async def find_run(session: AsyncSession, beginning: str) -> UUID:
    """The id of the one run whose id begins with `beginning`: hexadecimal digits, with or without hyphens.

    Raises `NotFoundError` where there is none, `AmbiguousIdError` naming some where there are several.
    """
    digits = beginning.replace("-", "").lower()
    if not _ID_BEGINNING.fullmatch(digits):
        raise NotFoundError("a run's id is hexadecimal digits")
    first, last = UUID(digits.ljust(_ID_DIGITS, "0")), UUID(digits.ljust(_ID_DIGITS, "f"))
    ids = select(AgentRunLog.id).where(AgentRunLog.id.between(first, last)).order_by(AgentRunLog.id)
    found = (await session.scalars(ids.limit(_MOST_NAMED + 1))).all()
    if not found:
        is_whole = len(digits) == _ID_DIGITS
        raise NotFoundError(
            f"there is no run {beginning}" if is_whole else f"no run's id begins with {beginning}"
        )
    if len(found) > 1:
        more = " and more" if len(found) > _MOST_NAMED else ""
        raise AmbiguousIdError(
            f"several runs' ids begin with {beginning}: {', '.join(map(str, found[:_MOST_NAMED]))}{more}"
        )
    return found[0]


async def runs_as_sent(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Those of the runs that there are, as JSON-ready mappings."""
    rows = await session.execute(_READ.where(AgentRunLog.id == any_(literal(run_ids, ARRAY(Uuid)))))
    return {row.id: as_sent(row) for row in map(SentRow._make, rows)}


def as_sent(row: SentRow) -> dict[str, Any]:
    """A run as a JSON-ready mapping."""
    return {
        "id": row.id,
        "agent_id": row.agent_id,
        # A moment that Python does not have is shown as PostgreSQL writes it.
        "run_at": row.run_at_text or row.run_at,
        "action_summary": row.action_summary,
        "actions_taken": _raw(row.actions_taken),
        "status": row.status,
        "consecutive_silence_count": row.consecutive_silence_count,
        "rlhf_scores": _raw(row.rlhf_scores),
        "created_at": row.created_at_text or row.created_at,
    }


def _raw(document: str | None) -> msgspec.Raw | None:
    return None if document is None else msgspec.Raw(document.encode())


def newest_of_each_agent(
    count: int, conditions: Sequence[ColumnElement[bool]] = (), agent_ids: Sequence[str] | None = None
) -> Select[AgentRunLog]:
    """The newest `count` runs, `WELL_DATED`, of every agent or of `agent_ids`, newest first.

    They come without `actions_taken`.

    Walks the (agent_id, created_at) index from agent to agent, so its cost follows the number of
    agents and not the length of the log.
    """
    agents = _every_agent() if agent_ids is None else wanted_agents(agent_ids)
    newest = newest_of_agent([AgentRunLog], agents.c.agent_id, count, WELL_DATED, *conditions).lateral()
    run = aliased(AgentRunLog, newest)
    return (
        select(run)
        .select_from(agents)
        .join(newest, true())
        .options(defer(run.actions_taken, raiseload=True))
        .order_by(run.created_at.desc(), run.id.desc())
    )


def _every_agent() -> CTE:
    first = select(AgentRunLog.agent_id).order_by(AgentRunLog.agent_id).limit(1)
    agents = select(first.scalar_subquery().label("agent_id")).cte("agents", recursive=True)
    following = first.where(AgentRunLog.agent_id > agents.c.agent_id).scalar_subquery()
    return agents.union_all(select(following).where(agents.c.agent_id.is_not(None)))
