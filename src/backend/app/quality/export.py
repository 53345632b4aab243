"""Exports of ratings and of preference pairs, read in pages, so that memory does not grow with the log.

Pairs are made in these steps:

1. The evaluated runs are streamed agent by agent, each agent's oldest first: those that people rated
   (`runs_rated_by_people`), or all with a score (`runs_with_overall`).
2. `preferences.Pairing` pairs each with runs shortly before it.
3. `PreferenceLines` reads the reports of a page of pairs and what the agent reported before them, masks
   credentials, and leaves out pairs whose reports read the same.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, cast, literal_column, select, text, tuple_
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.registry import identities
from app.db.engine import loads_exactly
from app.kit.secrets import public_text, redact, redact_json
from app.kit.sql import newest_runs_text, number_in, of_agent_text
from app.kit.strict_json import dumps_exactly
from app.models import AgentRunFeedback, AgentRunLog, AgentRunState
from app.models.moments import readable
from app.quality.domain.preferences import EvaluatedRun, PastReport, Preference, conversation, prompt

PAGE = 20  # payloads in memory at once, each up to a megabyte

_HISTORY = 3  # earlier reports in a prompt
_RUNS = 1000  # rows of a page, without payloads
_TEXT = 280  # characters of a name or summary in a prompt
_SINCE = bindparam("since", type_=DateTime(timezone=True))

# A client may read slowly, and these transactions lock nothing that others wait for.
_TAKE_TIME = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_CREATED_AT = readable(literal_column("run.created_at"))
_BY_PEOPLE = text(f"""
SELECT run.id, run.agent_id, {_CREATED_AT} AS created_at, CAST(rated.rating AS double precision) AS rating
FROM (SELECT run_id, avg(rating::numeric) AS rating FROM agent_run_feedback GROUP BY run_id) AS rated
JOIN agent_run_log AS run ON run.id = rated.run_id
WHERE run.created_at >= :since
ORDER BY run.agent_id COLLATE "C", run.created_at, run.id
""").bindparams(_SINCE)  # noqa: S608
# By the index on agent and time, backwards. The place where the next page begins is a moment as text, as
# PostgreSQL has more of them than Python.
NEXT_OF_AGENT = text(f"""
SELECT id, {_CREATED_AT} AS created_at, CAST(created_at AS text) AS place,
    {number_in("rlhf_scores", "overall")} AS overall
FROM agent_run_log AS run
WHERE {of_agent_text(":agent_id")} AND (created_at, id) > (CAST(CAST(:place AS text) AS timestamptz), :id)
ORDER BY agent_id DESC, run.created_at, id
LIMIT :limit
""").bindparams(bindparam("id", type_=Uuid))  # noqa: S608
_RUN_IDS = bindparam("run_ids", type_=ARRAY(Uuid))
_REPORTS = text("""
SELECT id, status, actions_taken::text AS actions_taken FROM agent_run_log WHERE id = ANY(:run_ids)
""").bindparams(_RUN_IDS)
_EARLIER = newest_runs_text(
    "status, left(action_summary, :longest) AS summary, created_at",
    "created_at < later.created_at",
    ":history",
    "later.agent_id",
)
_PAST = text(f"""
SELECT later.id, past.status, past.summary
FROM agent_run_log AS later CROSS JOIN LATERAL ({_EARLIER}) AS past
WHERE later.id = ANY(:run_ids)
ORDER BY later.id, past.created_at
""").bindparams(_RUN_IDS)  # noqa: S608


class RatingsPage(NamedTuple):
    """Some ratings as JSON-ready mappings, and where the next page begins; None after the last one."""

    lines: list[dict[str, Any]]
    after: tuple[UUID, str] | None


async def ratings_page(
    session: AsyncSession, since: datetime | None, after: tuple[UUID, str] | None
) -> RatingsPage:
    """The ratings last given since, by run and rater, of those that follow `after`."""
    key = (AgentRunFeedback.run_id, AgentRunFeedback.rater)
    statement = (
        select(
            AgentRunFeedback,
            AgentRunLog.agent_id,
            AgentRunLog.status,
            cast(AgentRunLog.actions_taken, SqlText).label("actions_taken"),
        )
        .join(AgentRunLog, AgentRunLog.id == AgentRunFeedback.run_id)
        .order_by(*key)
        .limit(PAGE)
    )
    if since is not None:
        statement = statement.where(AgentRunFeedback.updated_at >= since)
    if after is not None:
        statement = statement.where(tuple_(*key) > after)
    rows = (await session.execute(statement)).all()
    lines = [
        {
            "run_id": given.run_id,
            "agent_id": agent_id,
            "status": status,
            "actions_taken": _masked(actions_taken),
            "rating": given.rating,
            "rater": given.rater,
            "comment": given.comment and redact(given.comment),
            "created_at": given.created_at,
        }
        for given, agent_id, status, actions_taken in rows
    ]
    last = rows[-1][0] if len(rows) == PAGE else None
    return RatingsPage(lines, (last.run_id, last.rater) if last else None)


async def runs_rated_by_people(session: AsyncSession, since: datetime) -> AsyncIterator[EvaluatedRun]:
    """The rated runs created since, with their mean ratings, agent by agent, each agent's oldest first."""
    await session.execute(_TAKE_TIME)
    async for row in await session.stream(_BY_PEOPLE, {"since": since}):
        yield EvaluatedRun(*row)


async def runs_with_overall(session: AsyncSession, since: datetime) -> AsyncIterator[EvaluatedRun]:
    """The runs created since with their `overall`, agent by agent, each agent's oldest first."""
    await session.execute(_TAKE_TIME)
    agents = select(AgentRunState.agent_id).order_by(AgentRunState.agent_id.collate("C"))
    for agent_id in (await session.scalars(agents)).all():
        beginning = {"place": since.isoformat(), "id": UUID(int=0)}
        while True:
            wanted = {"agent_id": agent_id, "limit": _RUNS, **beginning}
            rows = (await session.execute(NEXT_OF_AGENT, wanted)).all()
            for row in rows:
                if row.overall is not None and 0 <= row.overall <= 1:
                    yield EvaluatedRun(row.id, agent_id, row.created_at, float(row.overall))
            if len(rows) < _RUNS:
                break
            beginning = {"place": rows[-1].place, "id": rows[-1].id}


class PreferenceLines:
    """Puts pairs into the lines that TRL reads: conversational, with an explicit prompt.

    A run is in several pairs that follow each other, so the reports of the last page are cached.
    """

    def __init__(self, session: AsyncSession, by: str) -> None:
        self._session = session
        self._by = by
        self._identities: Mapping[str, Identity] | None = None
        self._reports: dict[UUID, str | None] = {}

    async def of(self, pairs: Sequence[Preference]) -> list[dict[str, Any]]:
        """A line a pair, but for those whose reports read the same, or of which one cannot be read."""
        await self._read({run.id for pair in pairs for run in pair})
        past = await _past(self._session, [pair.earlier.id for pair in pairs])
        if self._identities is None:
            self._identities = await identities(self._session)
        return [line for pair in pairs if (line := self._line(pair, past[pair.earlier.id]))]

    async def _read(self, run_ids: Set[UUID]) -> None:
        """Cache the reports of these runs, as JSON text, and drop all others."""
        new = [run_id for run_id in run_ids if run_id not in self._reports]
        self._reports = {run_id: self._reports.get(run_id) for run_id in run_ids}
        for row in await self._session.execute(_REPORTS, {"run_ids": new}):
            actions = _masked(row.actions_taken)
            if isinstance(actions, dict):
                self._reports[row.id] = dumps_exactly({"status": row.status, "actions_taken": actions})

    def _line(self, pair: Preference, past: Sequence[PastReport]) -> dict[str, Any] | None:
        chosen, rejected = self._reports[pair.chosen.id], self._reports[pair.rejected.id]
        if chosen is None or rejected is None or chosen == rejected:
            return None
        agent_id = pair.chosen.agent_id
        title = identity_of(agent_id, self._identities or {}).title
        return {
            "prompt": conversation("user", prompt(public_text(title, _TEXT), past)),
            "chosen": conversation("assistant", chosen),
            "rejected": conversation("assistant", rejected),
            "agent_id": agent_id,
            "by": self._by,
            "chosen_run_id": pair.chosen.id,
            "rejected_run_id": pair.rejected.id,
            "chosen_rating": pair.chosen.rating,
            "rejected_rating": pair.rejected.rating,
        }


async def _past(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, list[PastReport]]:
    """What the agent of each run reported before it, oldest first."""
    # Masked before it is cut, or half a credential would be left.
    bounds = {"run_ids": run_ids, "history": _HISTORY, "longest": _TEXT * 20}
    past = defaultdict(list)
    for row in await session.execute(_PAST, bounds):
        past[row.id].append(PastReport(row.status, public_text(row.summary or "", _TEXT) or None))
    return past


def _masked(payload: str | None) -> Any:
    """A payload with its credentials masked; None for one that is nested too deep to be read."""
    try:
        return redact_json(loads_exactly(payload or "{}"))
    except RecursionError:
        return None
