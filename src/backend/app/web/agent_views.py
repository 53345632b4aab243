"""How agents are doing, for pages with many of them: judged again only where something has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.agents.schedules import schedule_in_words
from app.agents.status import AgentStatus, agent_statuses
from app.audit.histories import declared_schedule
from app.config import get_settings
from app.db.replica import reading
from app.kit.loop_local import LoopLocal
from app.kit.snapshot import Snapshot
from app.logs import get_logger
from app.wiring import audit_settings

MAX_AGE_SECONDS = 60.0
"""Of a view: as long as the Auditor's cycles lie apart by default."""

SHARE = 0.1
"""Of a processor that judging takes at most, while pages are open whose agents report all the time."""

MOST_VIEWS = 2_000
"""Kept by a process, of about 20 kilobytes each: some pages of a large fleet."""

Version = tuple[datetime | None, ...]
"""When the newest run of an agent was created, when it was declared, and when a run of it last started."""

Versions = Mapping[str, Version]

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent's status, and its declared and its observed cadence in words."""

    status: AgentStatus
    scheduled: str | None
    observed: str | None

    @classmethod
    def of(cls, status: AgentStatus) -> "AgentView":
        """How an agent stands, for people."""
        declared = declared_schedule(status.declared)
        return cls(status, schedule_in_words(declared[0]) if declared else None, status.observed_cadence)


async def current_views(versions: Versions) -> dict[str, AgentView]:
    """The agents of `versions` by their newest runs, judged at most a few minutes ago."""
    return await _views.get().get(versions, exactly=True)


async def known_views(versions: Versions) -> dict[str, AgentView]:
    """What is known of them, without waiting where anything is: some may be left out or had a run since."""
    return await _views.get().get(versions, exactly=False)


async def _judge(agent_ids: Sequence[str]) -> dict[str, AgentView]:
    try:
        async with reading() as (session, _):
            statuses = await agent_statuses(session, audit_settings(get_settings()), agent_ids)
            return {status.agent_id: AgentView.of(status) for status in statuses}
    except (DBAPIError, PoolTimeoutError, OSError) as error:
        log.warning("agents_not_judged", error=str(error) or type(error).__name__)
        return {}


def _new_snapshot() -> Snapshot[str, Version, AgentView]:
    return Snapshot(_judge, max_age=MAX_AGE_SECONDS, share=SHARE, most=MOST_VIEWS)


_views = LoopLocal(_new_snapshot, Snapshot.close)
