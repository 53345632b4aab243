"""The list of agents: its pages, what it follows, and what is read for it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.agents import recent_past
from app.audit.histories import newest_runs
from support.auditing import add_runs
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

AGENTS = "/api/v1/internal/agents"


async def test_they_are_listed_in_pages_by_id(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    ids = ["", "A", "a", "a\nb", "b", "\u00e9", "\u202eabc", "\U0001f600"]
    await db.executemany("INSERT INTO agent_run_log (agent_id) VALUES ($1)", [(each,) for each in ids[:5]])
    await db.executemany("INSERT INTO agent (agent_id) VALUES ($1)", [(each,) for each in ids[4:]])
    listed, query = [], {"limit": "3"}
    while "cursor" not in query or query["cursor"]:
        page = (await api.get(AGENTS, params=query)).json()
        assert len(page["agents"]) <= 3
        listed += [agent["agent_id"] for agent in page["agents"]]
        query["cursor"] = page["next_cursor"]
    assert listed == ids
    whole = (await api.get(AGENTS)).json()
    assert (len(whole["agents"]), whole["next_cursor"]) == (len(ids), None)
    first = (await api.get(AGENTS, params={"limit": "1"})).json()
    assert [agent["agent_id"] for agent in first["agents"]] == [""]
    after = (await api.get(AGENTS, params={"limit": "1", "cursor": first["next_cursor"]})).json()
    assert [agent["agent_id"] for agent in after["agents"]] == ["A"]
    for wrong in ("cursor=no", "limit=0", "limit=1001"):
        assert (await api.get(f"{AGENTS}?{wrong}")).status_code == 422


async def test_pages_miss_and_repeat_none_while_agents_come_and_go(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for number in range(9):
        await add_runs(db, f"agent-{number}", "success", every=timedelta(), newest=timedelta())
    first = (await api.get(AGENTS, params={"limit": 3})).json()
    await db.execute(UNGUARD)
    await db.execute("DELETE FROM agent_run_log WHERE agent_id IN ('agent-0', 'agent-2', 'agent-4')")
    await db.execute(
        "INSERT INTO agent_run_start (agent_id, run_key, started_at) VALUES ('agent-3', '1', now())"
    )
    for new in ("agent-1-more", "agent-5-more", "z"):
        await api.put(f"{AGENTS}/{new}", json={})
    await add_runs(db, "agent-6", "failed", every=timedelta(), newest=timedelta())
    rest = (await api.get(AGENTS, params={"cursor": first["next_cursor"]})).json()
    assert [agent["agent_id"] for agent in first["agents"]] == ["agent-0", "agent-1", "agent-2"]
    assert [agent["agent_id"] for agent in rest["agents"]] == [
        *("agent-3", "agent-5", "agent-5-more", "agent-6", "agent-7", "agent-8", "z"),
    ]
    assert rest["next_cursor"] is None


async def test_a_list_follows_whatever_changes_of_an_agent(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    async def listed() -> dict[str, Any]:
        agent: dict[str, Any]
        (agent,) = (await api.get(AGENTS)).json()["agents"]
        assert agent == (await api.get(f"{AGENTS}/nova")).json()
        return agent

    await add_runs(db, "nova", *["success"] * 30, every=timedelta(hours=1), newest=timedelta(hours=30))
    await api.put(f"{AGENTS}/nova", json={"schedule": "every 1h"})
    before = await listed()
    assert (before["state"], before["consecutive_failures"]) == ("down", 0)
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET status = 'failed', action_summary = 'No room left'")
    failed = await listed()
    assert (failed["consecutive_failures"], failed["last_run"]["summary"]) == (30, "No room left")
    await api.put(f"{AGENTS}/nova", json={"schedule": "every 2d"})
    declared = await listed()
    assert (declared["state"], declared["cadence"]) == ("up", "every 2 days")
    await api.put(f"{AGENTS}/nova", json={"schedule": "every 2d", "paused": True})
    assert (await listed())["state"] == "paused"
    await api.delete(f"{AGENTS}/nova")
    await add_runs(db, "nova", "success", every=timedelta(), newest=timedelta())
    after = await listed()
    assert (after["state"], after["last_run"]["status"], after["schedule"]) == ("up", "success", None)
    await db.execute("""UPDATE agent_run_log SET rlhf_scores = '{"overall": 0.25}'""")
    assert (await listed())["rlhf_quality_score_7d"] == 0.25


async def test_of_agents_that_have_not_reported_since_no_runs_are_read_again(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    async def counted(session: Any, agent_ids: Sequence[str], depth: int) -> Any:
        read.extend(agent_ids)
        return await newest_runs(session, agent_ids, depth)

    monkeypatch.setattr(recent_past, "newest_runs", counted)
    for agent in ("atlas", "nova"):
        await add_runs(db, agent, *["success"] * 5, every=timedelta(hours=1), newest=timedelta(minutes=5))
    for _ in range(2):
        assert len((await api.get(AGENTS)).json()["agents"]) == 2
    assert sorted(read) == ["atlas", "nova"]
    await add_runs(db, "nova", "success", every=timedelta(), newest=timedelta())
    await api.get(AGENTS)
    assert sorted(read) == ["atlas", "nova", "nova"]
