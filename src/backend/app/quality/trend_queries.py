"""The queries of trends: sums of scores by day, and samples of runs by day, each a bounded read.

Days are counted back from a moment `now`, 0 being the 24 hours up to it.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    DateTime,
    Integer,
    String,
    TextClause,
    bindparam,
    text,
)

from app.kit.sql import IS_SCORED, newest_runs_text, object_in

_DIMENSIONS = object_in("rlhf_scores -> 'dimensions'")

MOST_A_DAY = 200
"""Runs of each day, the newest, from which trends of dimensions and scorers are computed: a bound on cost."""

_MOST_OF_EACH_AGENT = 3  # runs a day, from which it is seen whether an agent's scorer has changed

# An agent's whole hours, from its rollup; those of the hour in which the time begins are left out.
_HOURS = """
SELECT agent_id, floor(extract(epoch FROM :now - bucket) / 86400)::int AS day,
    sum(overall_sum) AS overall_sum, sum(scored)::bigint AS scored
FROM agent_rollup
WHERE bucket <= :now AND bucket > date_trunc('hour', :start, 'UTC') {further}
GROUP BY 1, 2
"""
# The hours in which a window begins are cut: of these two the runs are read.
_HOURS_AND_RUNS = """
SELECT agent_id, day, sum(overall_sum), sum(scored)::bigint
FROM (
    {hours}
    UNION ALL
    SELECT run.agent_id, floor(extract(epoch FROM :now - created_at) / 86400)::int,
        sum(CAST(rlhf_scores ->> 'overall' AS numeric)), count(*)
    FROM (VALUES (date_trunc('hour', :start, 'UTC')), (date_trunc('hour', :middle, 'UTC'))) AS hour (begins)
    JOIN agent_run_log AS run ON created_at >= begins AND created_at < begins + interval '1 hour'
    WHERE run.agent_id = :agent_id AND created_at > :start
        AND {is_scored}
    GROUP BY 1, 2
) AS part
GROUP BY 1, 2
"""
_CUT = "AND agent_id = :agent_id AND bucket <> date_trunc('hour', :middle, 'UTC')"


# First the newest runs, then those of them that are scored: so no more are read when many wait for a score.
def _newest(day: str, agent_id: str | None) -> str:
    return newest_runs_text(
        f"{day} AS day, rlhf_scores",
        f"created_at > :now - ({day} + 1) * interval '24 hours'"
        f" AND created_at <= :now - {day} * interval '24 hours'",
        ":most",
        agent_id,
    )


_SAMPLE = """
WITH newest AS MATERIALIZED ({newest}),
scored AS (SELECT day, rlhf_scores FROM newest WHERE {is_scored})
SELECT 'read' AS kind, day, NULL AS name, false AS rated, NULL::numeric AS total, count(*) AS runs
FROM newest GROUP BY day
UNION ALL
SELECT 'scorer', day, concat_ws(' ', rlhf_scores ->> 'scorer', rlhf_scores ->> 'version'),
    rlhf_scores ? 'human', NULL, count(*)
FROM scored GROUP BY 2, 3, 4
UNION ALL
SELECT 'dimension', day, key, false, sum(value::text::numeric), count(*)
FROM scored, jsonb_each({dimensions})
WHERE jsonb_typeof(value) = 'number' GROUP BY 2, 3
"""
_SCORERS = """
SELECT id, newest.day, concat_ws(' ', rlhf_scores ->> 'scorer', rlhf_scores ->> 'version'),
    rlhf_scores ? 'human', count(*)
FROM unnest(:agent_ids) AS agent (id) CROSS JOIN generate_series(0, 2 * :days - 1) AS moment (day)
CROSS JOIN LATERAL ({newest}) AS newest
WHERE {is_scored}
GROUP BY 1, 2, 3, 4
"""


def _moments(*names: str) -> list[BindParameter[Any]]:
    return [bindparam(name, type_=DateTime(timezone=True)) for name in names]


SEVERAL_AGENTS = text(_HOURS.format(further="AND agent_id = ANY(:agent_ids)")).bindparams(
    *_moments("now", "start"), bindparam("agent_ids", type_=ARRAY(String))
)
"""The agents' days from `start` on, in whole hours: agent, day, sum of scores, how many."""

ONE_AGENT = text(_HOURS_AND_RUNS.format(hours=_HOURS.format(further=_CUT), is_scored=IS_SCORED)).bindparams(
    *_moments("now", "middle", "start"), bindparam("agent_id", type_=String)
)
"""One agent's days after `start`, the two windows divided at `middle` to the instant; as `SEVERAL_AGENTS`."""

SCORERS_OF_AGENTS = text(
    _SCORERS.format(newest=_newest("moment.day", "agent.id"), is_scored=IS_SCORED)
).bindparams(
    *_moments("now"),
    bindparam("days", type_=Integer),
    bindparam("agent_ids", type_=ARRAY(String)),
    bindparam("most", _MOST_OF_EACH_AGENT, BigInteger),
)
"""Who scored a few runs of each agent and day: agent, day, scorer, whether people rated them, how many."""


def sample(agent_id: str | None, days: int) -> TextClause:
    """What the newest `MOST_A_DAY` runs of each of so many days say, of the fleet or of one agent.

    Rows of three kinds: how many were `read`; how many of them a `scorer` scored, and whether people rated
    those; what those with a `dimension` add up to, and how many they are.
    """
    whose = None if agent_id is None else ":agent_id"
    newest = " UNION ALL ".join(f"({_newest(str(day), whose)})" for day in range(days))
    bound = [*_moments("now"), bindparam("most", MOST_A_DAY, BigInteger)]
    if agent_id is not None:
        bound.append(bindparam("agent_id", agent_id, String))
    return text(_SAMPLE.format(newest=newest, is_scored=IS_SCORED, dimensions=_DIMENSIONS)).bindparams(*bound)
