"""Pages of runs, read so that the largest reports do not fill the memory of a process.

A page takes one statement, as a rule. Each row comes with the size of its report, and with its texts where
these are short; long ones are read afterwards, as far as they are on the page.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack
from uuid import UUID

from sqlalchemy import ARRAY, Row, TextualSelect, Uuid, any_, column, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.cursors import Cursor
from app.models import AgentRunLog
from app.models.moments import readable
from app.runs.browsing import browse_places
from app.runs.queries import RunFilters, SentRow, as_sent, first_rows, newest_first, runs_as_sent

PAGE_BYTES = 4 * 1024 * 1024
"""Of text on a page, which ends once it has more: with the largest reports, of two megabytes each with their
summary, it has three."""

_AT_ONCE = 100
"""Rows, those of a page by default: to know its size the database writes a payload out, some milliseconds for
each of the largest."""

_SHORT_BYTES = PAGE_BYTES // _AT_ONCE
"""Of a row's texts that come with it, so that those of all rows are no more than a page."""

_NEWEST = (
    AgentRunLog.id,
    AgentRunLog.agent_id,
    AgentRunLog.run_at,
    AgentRunLog.action_summary,
    AgentRunLog.actions_taken,
    AgentRunLog.status,
    AgentRunLog.consecutive_silence_count,
    AgentRunLog.rlhf_scores,
    AgentRunLog.created_at,
)


_FIELDS = (*SentRow._fields, "moment", "size", "is_short")


def _measured(order: str) -> TextualSelect:
    """What is read of the rows of a CTE called `newest`, which are in this order.

    It is text, since SQLAlchemy would go through all its parts with every request. OFFSET keeps PostgreSQL
    from writing a document out again wherever its text is named.
    """
    run_at, created_at = (str(readable(column(name))) for name in ("run_at", "created_at"))
    return text(f"""
        SELECT id, agent_id, {run_at},
            CASE WHEN is_short THEN action_summary END, CASE WHEN is_short THEN actions END,
            status, consecutive_silence_count, CASE WHEN is_short THEN scores END, {created_at},
            CASE WHEN {run_at} <> run_at THEN CAST(run_at AS text) END,
            CASE WHEN {created_at} <> created_at THEN CAST(created_at AS text) END,
            timestamptz_send(created_at), size, is_short
        FROM (
            SELECT *, size + coalesce(octet_length(scores), 0) <= {_SHORT_BYTES} AS is_short FROM (
                SELECT *,
                    coalesce(octet_length(actions), 0) + coalesce(octet_length(action_summary), 0) AS size
                FROM (
                    SELECT *, CAST(actions_taken AS text) AS actions, CAST(rlhf_scores AS text) AS scores
                    FROM newest OFFSET 0
                ) AS written
            ) AS measured
        ) AS run
        ORDER BY {order}
    """).columns(*(column(name) for name in _FIELDS))  # noqa: S608


_ORDER = "run.created_at DESC, run.id DESC"
_OF_ALL, _OF_AGENT = _measured(_ORDER), _measured(f"run.agent_id, {_ORDER}")


class RunPage(NamedTuple):
    """A page of runs as JSON-ready mappings, and the cursor of the page after, if there is one."""

    runs: list[dict[str, Any]]
    next_cursor: str | None


class _MeasuredRun(NamedTuple):
    """A run with the place after it and the bytes of its report; `run` is None where its texts are long."""

    id: UUID
    place: Cursor
    size: int
    run: dict[str, Any] | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> "_MeasuredRun":
        """What a row of `_measured` says."""
        *fields, moment, size, is_short = row
        sent = SentRow._make(fields)
        return cls(sent.id, Cursor.after(sent.id, moment), size, as_sent(sent) if is_short else None)


async def list_runs(
    session: AsyncSession, *, limit: int, cursor: Cursor | None = None, **filters: Unpack[RunFilters]
) -> RunPage:
    """A page of at most `limit` runs, newest first, which ends sooner where it has more than `PAGE_BYTES`.

    Rows that come in later do not move the pages.
    """
    page, following = await _page(session, limit, cursor, **filters)
    long_ids = [each.id for each in page if each.run is None]
    long_runs = await runs_as_sent(session, long_ids) if long_ids else {}
    runs = (each.run or long_runs.get(each.id) for each in page)
    return RunPage([run for run in runs if run is not None], following)


async def _page(
    session: AsyncSession, limit: int, cursor: Cursor | None, **filters: Unpack[RunFilters]
) -> tuple[list[_MeasuredRun], str | None]:
    """The runs of a page, and the cursor of the page after."""
    page: list[_MeasuredRun] = []
    size = 0
    while True:
        wanted = min(limit - len(page), _AT_ONCE) + 1
        place = page[-1].place if page else cursor
        rows, reached = await _read_measured(session, wanted, place, **filters)
        for each in map(_MeasuredRun.of, rows):
            if page and (len(page) == limit or size > PAGE_BYTES):
                return page, page[-1].place.encode()
            page.append(each)
            size += each.size
        if len(rows) < wanted:
            return page, None if reached is None else reached.encode()


async def _read_measured(
    session: AsyncSession, limit: int, cursor: Cursor | None, **filters: Unpack[RunFilters]
) -> tuple[list[Row[Any]], Cursor | None]:
    """The next rows; and, where a search ended with fewer for the time that it took, how far it has come."""
    measured = _OF_ALL if filters.get("agent_id") is None else _OF_AGENT
    if filters.get("q"):
        found = await browse_places(session, limit, cursor, **filters)
        order = {place.id: number for number, place in enumerate(found.runs)}
        runs = select(*_NEWEST).where(AgentRunLog.id == any_(literal(list(order), ARRAY(Uuid))))
        rows = await session.execute(measured.add_cte(runs.cte("newest")))
        return sorted(rows, key=lambda row: order[row.id]), found.following
    newest = newest_first(_NEWEST, limit, cursor, **filters)
    statements = (measured.add_cte(statement.cte("newest")) for statement in newest)
    return await first_rows(session, statements, limit), None
