"""Which agents a cycle has to judge: those of which something has changed, or may be found by now.

Of the others the last judgement holds: nothing was found, and nothing can be without a further run before a
moment that is kept beside the agent. What it was made of is compared by the database, so a cycle reads and
costs what changed, in whichever process it runs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from importlib.metadata import version

from sqlalchemy import ARRAY, BigInteger, DateTime, String, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import calibration
from app.audit.known_outages import KnownOutages
from app.audit.prefilter import Snapshot
from app.audit.settings import AuditSettings
from app.kit.sql import WELL_DATED
from app.models import AgentRunLog
from app.models.agent_run_log import AUDITOR, UNSCORED

_IS_PAUSED = "coalesce(agent.paused OR agent.paused_until > now(), false)"

# Whole rows: whatever is stored of an agent's state and its declaration, another value of it counts. Of more
# than are judged at once, those come first of which something changed or may be found by now; among equals no
# agent is always the last.
_DUE = text(f"""
SELECT known.agent_id, known.made_of,
    outlook.agent_id IS NOT NULL AND (outlook.made_of <> known.made_of OR outlook.holds_until <= :now)
        AS is_urgent,
    count(*) OVER () AS all_due
FROM (
    SELECT coalesce(state.agent_id, agent.agent_id) AS agent_id,
        hash_record_extended(ROW(state, agent, marked.mark), 0) AS made_of
    FROM agent_run_state AS state
    FULL JOIN agent ON agent.agent_id = state.agent_id
    LEFT JOIN unnest(:marked, :marks) AS marked (agent_id, mark)
        ON marked.agent_id = coalesce(state.agent_id, agent.agent_id)
) AS known
LEFT JOIN agent_outlook AS outlook ON outlook.agent_id = known.agent_id
WHERE known.agent_id <> '{AUDITOR}' AND (
    outlook.made_of IS DISTINCT FROM known.made_of
    OR outlook.circumstances <> :circumstances
    OR outlook.judged_at > :now
    OR outlook.holds_until <= :now
    OR known.agent_id = ANY(:watched)
)
ORDER BY known.agent_id = ANY(:watched) DESC, is_urgent DESC, random()
LIMIT :most
""").bindparams(  # noqa: S608
    bindparam("most", type_=BigInteger),
    bindparam("marked", type_=ARRAY(String)),
    bindparam("marks", type_=ARRAY(BigInteger)),
    bindparam("watched", type_=ARRAY(String)),
    bindparam("circumstances", type_=BigInteger),
    bindparam("now", type_=DateTime(timezone=True)),
)
_KEEP = text("""
INSERT INTO agent_outlook AS outlook (agent_id, made_of, circumstances, judged_at, holds_until)
SELECT agent_id, made_of, :circumstances, :now, holds_until
FROM unnest(:agent_ids, :made_of, :moments) AS found (agent_id, made_of, holds_until)
ON CONFLICT (agent_id) DO UPDATE SET
    made_of = excluded.made_of, circumstances = excluded.circumstances,
    judged_at = excluded.judged_at, holds_until = excluded.holds_until
""").bindparams(
    bindparam("agent_ids", type_=ARRAY(String)),
    bindparam("made_of", type_=ARRAY(BigInteger)),
    bindparam("moments", type_=ARRAY(DateTime(timezone=True))),
    bindparam("circumstances", type_=BigInteger),
    bindparam("now", type_=DateTime(timezone=True)),
)
# Every agent that is there is judged once a day.
_FORGET = text("DELETE FROM agent_outlook WHERE judged_at < :before").bindparams(
    bindparam("before", type_=DateTime(timezone=True))
)
_REPORTING = text(f"""
SELECT state.agent_id, {_IS_PAUSED} FROM agent_run_state AS state
LEFT JOIN agent ON agent.agent_id = state.agent_id
WHERE state.agent_id <> '{AUDITOR}'
""")  # noqa: S608
_AUDITED = text(f"""
SELECT count(*) FROM agent_run_state AS state FULL JOIN agent ON agent.agent_id = state.agent_id
WHERE coalesce(state.agent_id, agent.agent_id) <> '{AUDITOR}' AND NOT {_IS_PAUSED}
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Unscored:
    """How many runs of each agent have no score. Beyond a bound of runs it `is_complete` no more."""

    runs: Mapping[str, int]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """The agents to be judged now, each with a hash of what that is made of; and its circumstances.

    Of the `urgent` something has changed, or may be found by now. There may be more, `all_due` in all.
    """

    due: Mapping[str, int]
    urgent: Collection[str]
    all_due: int
    circumstances: int
    unscored: Unscored

    def may_hold(self, agent_id: str, snapshot: Snapshot | None) -> bool:
        """Whether it will be seen when a run of the agent gets its score: only then is known what it took."""
        return agent_id in self.due and (
            self.unscored.is_complete or snapshot is None or not snapshot.awaits_score
        )


async def read_outlook(
    session: AsyncSession,
    now: datetime,
    settings: AuditSettings,
    outages: KnownOutages,
    watched: Collection[str],
) -> Outlook:
    """Which agents are due to be judged: those that are `watched`, if they are known, and `MOST_DUE` others.

    The most urgent come first. More are due where the circumstances of all changed or many have never been
    judged: the rest of them are left for the next cycles.
    """
    unscored = await _unscored(session)
    circumstances = _circumstances(now, settings, outages)
    # What a run took is known once it is scored, and an agent's own outages are not stored with it.
    marks = {
        agent_id: _hash(unscored.runs.get(agent_id, 0), *outages.excused.get(agent_id, ()))
        for agent_id in unscored.runs.keys() | outages.excused.keys()
    }
    parameters = {
        "now": now,
        "circumstances": circumstances,
        "marked": list(marks),
        "marks": list(marks.values()),
        "watched": list(watched),
        "most": len(watched) + calibration.MOST_DUE,
    }
    rows = (await session.execute(_DUE, parameters)).all()
    due = {row.agent_id: row.made_of for row in rows}
    urgent = {row.agent_id for row in rows if row.is_urgent}
    return Outlook(due, urgent, rows[0].all_due if rows else 0, circumstances, unscored)


async def keep_outlook(
    session: AsyncSession, now: datetime, outlook: Outlook, settled: Mapping[str, datetime | None]
) -> None:
    """Keep until when the judgement of the `settled` agents holds: a day at most, which None stands for."""
    await session.execute(_FORGET, {"before": now - 2 * calibration.OUTLOOK_FOR})
    most = now + calibration.OUTLOOK_FOR
    agent_ids = sorted(settled.keys() & outlook.due.keys())
    if not agent_ids:
        return
    parameters = {
        "now": now,
        "circumstances": outlook.circumstances,
        "agent_ids": agent_ids,
        "made_of": [outlook.due[agent_id] for agent_id in agent_ids],
        "moments": [min(settled[agent_id] or most, most) for agent_id in agent_ids],
    }
    await session.execute(_KEEP, parameters)


async def reporting_agents(session: AsyncSession) -> dict[str, bool]:
    """Every agent that ever reported, but for the Auditor, and whether it is paused now."""
    return dict((await session.execute(_REPORTING)).all())


async def count_audited(session: AsyncSession) -> int:
    """How many agents are audited: they reported or are declared, and are not paused."""
    return int((await session.execute(_AUDITED)).scalar_one())


async def _unscored(session: AsyncSession) -> Unscored:
    newest = (
        select(AgentRunLog.agent_id)
        .where(UNSCORED, WELL_DATED)
        .order_by(AgentRunLog.created_at.desc())
        .limit(calibration.MOST_WAITING)
        .subquery()
    )
    rows = await session.execute(select(newest.c.agent_id, func.count()).group_by(newest.c.agent_id))
    runs: dict[str, int] = dict(rows.all())
    return Unscored(runs, sum(runs.values()) < calibration.MOST_WAITING)


def _circumstances(now: datetime, settings: AuditSettings, outages: KnownOutages) -> int:
    """What all agents are judged by. Of an outage that lasts, when it ends is not known yet."""
    lasting = [outage.start for outage in outages.all if outage.end >= now.timestamp()]
    streaks = settings.failure_streak, settings.silence_streak
    return _hash(version("agent-run-log"), streaks, list(outages.over), lasting, list(outages.holidays))


def _hash(*values: object) -> int:
    """A hash that is the same in every process, as PostgreSQL's bigint holds it."""
    return int.from_bytes(blake2b(repr(values).encode(), digest_size=8).digest(), signed=True)
