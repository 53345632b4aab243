"""Which agents' ids look alike, found again once other agents are known."""

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.registry import known_ids
from app.agents.similar import similar_ids

# Another set of agents has another fingerprint, but for one in 2^64.
_FINGERPRINT = text("""
SELECT count(*), sum(hashtextextended(agent_id, 0)) FROM (
    SELECT agent_id FROM agent_run_state
    UNION ALL SELECT agent_id FROM agent
    UNION ALL SELECT DISTINCT agent_id FROM agent_run_start
) AS known
""")

_found: WeakKeyDictionary[Engine, tuple[Sequence[Any], Mapping[str, Sequence[str]]]] = WeakKeyDictionary()


async def look_alikes(session: AsyncSession) -> Mapping[str, Sequence[str]]:
    """Of each known agent that has any, the others whose ids look like its own."""
    engine = session.get_bind().engine
    # Read before the ids: an agent that comes in between is found now, and all of them once more next time.
    fingerprint = (await session.execute(_FINGERPRINT)).one()
    kept, found = _found.get(engine, (None, {}))
    if kept != fingerprint:
        found = similar_ids(await known_ids(session))
        _found[engine] = fingerprint, found
    return found
