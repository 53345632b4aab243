"""Write and read run logs directly, in any asyncio program that has a `DATABASE_URL`."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.session import transaction
from app.errors import InvalidRunError
from app.kit.sql import agent_by_agent
from app.models import AgentRunLog
from app.runs.parsing import parse_run
from app.runs.queries import RunFilters, newest_of_each_agent, read_newest, run_conditions
from app.runs.writer import get_writer


async def write_run_log(
    agent_id: str,
    actions_taken: Mapping[str, Any] | None = None,
    status: str = "success",
    *,
    idempotency_key: str | None = None,
) -> UUID:
    """Record one finished run and return its row's id once it is committed.

    The rules are the endpoint's. Raises `InvalidRunError` (a `ValueError`) when the run is refused and
    `IngestUnavailableError` when it could not be committed now.
    """
    actions = {} if actions_taken is None else actions_taken
    if isinstance(actions, Mapping):
        actions = dict(actions)  # json knows no other mapping
    run = {"agent_id": agent_id, "status": status, "actions_taken": actions}
    try:
        body = json.dumps(run, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRunError.of(f"not JSON: {error}", "actions_taken") from error
    return await get_writer().write(parse_run(body, idempotency_key))


async def recent_runs(
    *,
    agent_id: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    limit: int = 100,
    per_agent: int | None = None,
    session: AsyncSession | None = None,
) -> list[AgentRunLog]:
    """The newest runs first, at most `limit` of them, read in `session` or a transaction of their own.

    Runs that another program stored without a `created_at` come last. `since` is inclusive, compared with
    `created_at`, and UTC where it has no offset. With `per_agent` the result is instead the newest
    `per_agent` runs of every agent, without their `actions_taken`; `limit` is ignored.
    """
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    filters = RunFilters(agent_id=agent_id, status=status, since=since)
    async with nullcontext(session) if session else transaction() as reading:
        if per_agent is None:
            return [row[0] for row in await read_newest(reading, [AgentRunLog], limit, **filters)]
        statement = newest_of_each_agent(per_agent, run_conditions(**filters))
        async with agent_by_agent(reading):
            return list(await reading.scalars(statement))
