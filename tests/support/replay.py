"""The log against a replay of itself: what must hold after any number of concurrent writers."""

import json
from itertools import groupby

import asyncpg

from app.runs.silence import is_silent


async def check_log(db: asyncpg.Connection) -> int:
    """Every silence count, `created_at` and agent's state is right; returns the number of runs."""
    rows = await db.fetch(
        "SELECT agent_id, actions_taken, consecutive_silence_count, created_at, run_at"
        " FROM agent_run_log ORDER BY agent_id, created_at"
    )
    states = {row["agent_id"]: row for row in await db.fetch("SELECT * FROM agent_run_state")}
    agents = {agent_id: list(runs) for agent_id, runs in groupby(rows, lambda row: row["agent_id"])}
    for agent_id, runs in agents.items():
        count, counts = 0, []
        for run in runs:
            count = count + 1 if is_silent(json.loads(run["actions_taken"])) else 0
            counts.append(count)
        assert [run["consecutive_silence_count"] for run in runs] == counts, agent_id
        moments = [run["created_at"] for run in runs]
        assert len(set(moments)) == len(moments), agent_id
        assert [run["run_at"] for run in runs] == moments
        state = states[agent_id]
        assert (state["runs"], state["silence_count"]) == (len(runs), count), agent_id
        assert state["last_created_at"] == moments[-1], agent_id
    assert set(states) == set(agents)
    return len(rows)
