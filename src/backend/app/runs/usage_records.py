"""What runs took, kept beside the log: written where runs are scored, and summed for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    SQLColumnExpression,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    literal_column,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import AgentOutlook, AgentRunLog, AgentRunUsage
from app.models.agent_run_log import AUDITOR
from app.runs.payloads import read_payload
from app.runs.sources import times_of_runs
from app.runs.usage import Usage, usage_of

_PAYLOADS = 20  # in memory at once, each up to a megabyte

_WRITE = text("""
INSERT INTO agent_run_usage (run_id, agent_id, created_at, seconds, tokens, cost_usd)
SELECT run.id, run.agent_id, run.created_at, taken.seconds, taken.tokens, taken.cost_usd
FROM unnest(:run_ids, :seconds, :tokens, :costs) AS taken (id, seconds, tokens, cost_usd)
JOIN agent_run_log AS run ON run.id = taken.id
WHERE run.created_at IS NOT NULL
ORDER BY run.id
ON CONFLICT (run_id) DO UPDATE SET
    agent_id = excluded.agent_id, created_at = excluded.created_at,
    seconds = excluded.seconds, tokens = excluded.tokens, cost_usd = excluded.cost_usd
""").bindparams(
    bindparam("run_ids", type_=ARRAY(Uuid)),
    bindparam("seconds", type_=ARRAY(Double)),
    bindparam("tokens", type_=ARRAY(BigInteger)),
    bindparam("costs", type_=ARRAY(Double)),
)


class UsageSums(NamedTuple):
    """What runs took together; a figure is None where no run says it.

    `runs` say anything of it, `timed` of them their time, `counted` their tokens, `priced` their cost.
    """

    runs: int = 0
    timed: int = 0
    median_seconds: float | None = None
    longest_seconds: float | None = None
    counted: int = 0
    tokens: int | None = None
    priced: int = 0
    cost_usd: float | None = None


_SPENT: Sequence[Any] = (
    func.count(),
    func.count(AgentRunUsage.tokens),
    # A sum of bigint is numeric: no number of runs takes it out of reach.
    func.sum(AgentRunUsage.tokens),
    func.count(AgentRunUsage.cost_usd),
    func.sum(AgentRunUsage.cost_usd),
)
_SUMS: Sequence[Any] = (
    _SPENT[0],
    func.count(AgentRunUsage.seconds),
    func.percentile_cont(0.5).within_group(AgentRunUsage.seconds),
    func.max(AgentRunUsage.seconds),
    *_SPENT[1:],
)


async def record_usage(session: AsyncSession, found: Mapping[UUID, Usage]) -> None:
    """Keep what runs took, those of `found` that say anything of it. Idempotent: a run has one row.

    Where a payload does not say how long its run took, the times of its reports do. A run without a
    `created_at` is left out: it is of no day.
    """
    times = await times_of_runs(session, list(found))
    found = {
        run_id: usage._replace(seconds=times[run_id].seconds)
        if usage.seconds is None and run_id in times
        else usage
        for run_id, usage in found.items()
    }
    reported = {run_id: usage for run_id, usage in found.items() if usage != Usage()}
    if not reported:
        return
    seconds, tokens, costs = zip(*reported.values(), strict=True)
    values = {"seconds": list(seconds), "tokens": list(tokens), "costs": list(costs)}
    await session.execute(_WRITE, {"run_ids": list(reported), **values})


async def fill_usage(session: AsyncSession, run_ids: Sequence[UUID]) -> None:
    """Keep what those of `run_ids` took of which nothing is kept, by their reports.

    The Auditor judges their agents again: what they took comes long after they were scored.
    """
    wanted = AgentRunLog.id == any_(literal(list(run_ids), ARRAY(Uuid)))
    is_kept = select(AgentRunUsage.run_id).where(AgentRunUsage.run_id == AgentRunLog.id).exists()
    reports = await session.stream(
        select(AgentRunLog.id, cast(AgentRunLog.actions_taken, Text)).where(wanted, ~is_kept)
    )
    found: dict[UUID, Usage] = {}
    async for rows in reports.partitions(_PAYLOADS):
        found |= {run_id: usage_of(read_payload(report or "{}")) for run_id, report in rows}
    await record_usage(session, found)
    of_runs = select(AgentRunLog.agent_id).where(AgentRunLog.id == any_(literal(list(found), ARRAY(Uuid))))
    await session.execute(delete(AgentOutlook).where(AgentOutlook.agent_id.in_(of_runs)))


async def usage_by_day(
    session: AsyncSession, agent_id: str, since: datetime, until: datetime
) -> tuple[UsageSums, dict[datetime, UsageSums]]:
    """What the agent's runs of that time took: all together, and those of each UTC day by its beginning."""
    day = func.date_trunc("day", AgentRunUsage.created_at, literal_column("'UTC'"))
    return await _sums(session, day, AgentRunUsage.agent_id == agent_id, *_between(since, until))


async def usage_by_agent(
    session: AsyncSession, start: datetime, end: datetime
) -> tuple[UsageSums, dict[str, UsageSums]]:
    """What the agents' runs of that time took: all together, and each agent's."""
    of_agents = AgentRunUsage.agent_id != AUDITOR
    return await _sums(session, AgentRunUsage.agent_id, of_agents, *_between(start, end))


async def spent_between(session: AsyncSession, start: datetime, end: datetime) -> UsageSums:
    """The tokens and the cost of the agents' runs of that time together, without the times that they took."""
    statement = select(*_SPENT).where(AgentRunUsage.agent_id != AUDITOR, *_between(start, end))
    runs, counted, tokens, priced, cost = (await session.execute(statement)).one()
    return _read((runs, 0, None, None, counted, tokens, priced, cost))


def _between(start: datetime, end: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """That a run came from `start` on and before `end`."""
    return AgentRunUsage.created_at >= start, AgentRunUsage.created_at < end


async def _sums(
    session: AsyncSession, key: SQLColumnExpression[Any], *conditions: ColumnElement[bool]
) -> tuple[UsageSums, dict[Any, UsageSums]]:
    groups = func.grouping_sets(tuple_(key), tuple_())
    statement = select(key, func.grouping(key), *_SUMS).where(*conditions).group_by(groups)
    total, parts = UsageSums(), {}
    for value, is_total, *sums in await session.execute(statement):
        if is_total:
            total = _read(sums)
        else:
            parts[value] = _read(sums)
    return total, parts


def _read(row: Sequence[Any]) -> UsageSums:
    sums = UsageSums(*row)
    return sums if sums.tokens is None else sums._replace(tokens=int(sums.tokens))
