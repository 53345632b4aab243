"""How many runs agents had, hour by hour or day by day, and how these went; and an agent's single runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ARRAY, DateTime, Interval, String, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.sql import WELL_DATED, newest_of_agent
from app.models import AgentRunLog
from app.models.agent_run_log import UNSCORED

# Other programs may date a row years ahead, where Python has no years.
_UNTIL = "least(:until, now() + interval '1 day')"


def _start(moment: str) -> str:
    """SQL of when the hour or day of a moment began, in UTC: much cheaper than `date_trunc` with a zone."""
    return f"date_bin(:width, {moment}, '2000-01-01 00:00Z')"


# A run is in the rollup once it is scored; until then it is in the index of those without a score. These are
# counted before they are summed up: thousands may wait.
_RUNS = f"""
    SELECT agent_id, {_start("bucket")} AS start, scored AS runs, failed, silent FROM agent_rollup
    WHERE agent_id = ANY(:agent_ids) AND bucket >= :since AND bucket < {_UNTIL}
    UNION ALL
    SELECT agent_id, {_start("created_at")}, count(*), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE consecutive_silence_count > 0)
    FROM agent_run_log
    WHERE {UNSCORED} AND created_at >= :since AND created_at < {_UNTIL} AND agent_id = ANY(:agent_ids)
    GROUP BY 1, 2
"""  # noqa: S608
_SUMS = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in ("runs", "failed", "silent"))
_ACTIVITY = text(
    f"SELECT agent_id, start, {_SUMS} FROM ({_RUNS}) AS part GROUP BY 1, 2 HAVING sum(runs) > 0"  # noqa: S608
).bindparams(
    bindparam("agent_ids", type_=ARRAY(String)),
    bindparam("since", type_=DateTime(timezone=True)),
    bindparam("until", type_=DateTime(timezone=True)),
    bindparam("width", type_=Interval),
)
_WIDTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class Activity(NamedTuple):
    """So many runs of an agent in the hour or day that begins at `start`."""

    agent_id: str
    start: datetime
    runs: int
    failed: int
    silent: int

    def with_more(self, other: "Activity") -> "Activity":
        """This one with the runs of another one, within the same hour or day."""
        return self._replace(
            runs=self.runs + other.runs,
            failed=self.failed + other.failed,
            silent=self.silent + other.silent,
        )


async def agent_activity(
    session: AsyncSession,
    agent_ids: Sequence[str],
    since: datetime,
    unit: Literal["hour", "day"],
    until: datetime | None = None,
) -> list[Activity]:
    """What `agent_ids` did from `since`, a full hour in UTC up to `AGENTS_KEPT` ago, to before `until`.

    What is dated more than a day ahead is left out.
    """
    values = {"agent_ids": list(agent_ids), "since": since, "until": until, "width": _WIDTHS[unit]}
    return [Activity(*row) for row in await session.execute(_ACTIVITY, values)]


class RunMark(NamedTuple):
    """That an agent's run was reported at `at`, and how it went."""

    at: datetime
    status: str
    silent: bool


async def agent_runs_since(
    session: AsyncSession, agent_id: str, since: datetime, limit: int
) -> list[RunMark]:
    """The agent's runs from `since` on, newest first, at most `limit`."""
    columns = AgentRunLog.created_at, AgentRunLog.status, AgentRunLog.consecutive_silence_count > 0
    statement = newest_of_agent(columns, agent_id, limit, AgentRunLog.created_at >= since, WELL_DATED)
    return [RunMark(*row) for row in await session.execute(statement)]
