"""The registry of agents, and how each agent is said to be doing."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from support.auditing import add_runs

pytestmark = pytest.mark.anyio

AGENTS = "/api/v1/internal/agents"


async def test_an_agent_that_reports_is_listed_without_being_declared(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_runs(db, "sage", "success", "failed", "failed", every=timedelta(minutes=5), newest=timedelta())
    (agent,) = (await api.get(AGENTS)).json()["agents"]
    assert agent["agent_id"] == "sage"
    assert (agent["display_name"], agent["role"], agent["state"]) == ("Sage", "Backend", "up")
    assert agent["last_run"]["status"] == "failed"
    assert agent["consecutive_failures"] == 2
    assert datetime.now(UTC) - datetime.fromisoformat(agent["last_success_at"]) > timedelta(minutes=9)
    assert agent == (await api.get(f"{AGENTS}/sage")).json()


async def test_a_declaration_wins_and_what_it_leaves_out_is_unset(api: httpx.AsyncClient) -> None:
    full = {"display_name": "Wise", "role": "Ops", "schedule": "*/15 * * * *", "grace_seconds": 60}
    assert (await api.put(f"{AGENTS}/sage", json=full)).status_code == 204
    agent = (await api.get(f"{AGENTS}/sage")).json()
    assert {name: agent[name] for name in full} == full
    assert (agent["state"], agent["timezone"]) == ("new", "UTC")
    assert (await api.put(f"{AGENTS}/sage", json={})).status_code == 204
    agent = (await api.get(f"{AGENTS}/sage")).json()
    assert (agent["display_name"], agent["schedule"], agent["paused"]) == ("Sage", None, False)


async def test_a_change_leaves_what_it_does_not_name(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    until = datetime.now(UTC) + timedelta(hours=2)
    full = {"display_name": "Wise", "schedule": "every 15m", "grace_seconds": 60, "muted": True}
    await api.put(f"{AGENTS}/sage", json={**full, "paused_until": until.isoformat()})
    assert (await api.patch(f"{AGENTS}/sage", json={"role": "Ops", "grace_seconds": None})).status_code == 204
    agent = (await api.get(f"{AGENTS}/sage")).json()
    assert {name: agent[name] for name in full} == {**full, "grace_seconds": None}
    assert (agent["role"], agent["state"], agent["paused"]) == ("Ops", "paused", False)
    assert datetime.fromisoformat(agent["paused_until"]) == until
    before = await db.fetchval("SELECT now()")
    await api.patch(f"{AGENTS}/sage", json={"paused": False, "paused_until": None})
    agent = (await api.get(f"{AGENTS}/sage")).json()
    assert (agent["paused_until"], agent["muted"], agent["state"]) == (None, True, "new")
    assert await db.fetchval("SELECT resumed_at FROM agent") > before
    await api.patch(f"{AGENTS}/sage", json={})
    assert (await api.get(f"{AGENTS}/sage")).json() == agent


async def test_a_change_needs_an_agent_that_is_known_and_what_can_be_declared(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    unknown = await api.patch(f"{AGENTS}/sgae", json={"role": "Ops"})
    assert (unknown.status_code, "neither reported" in unknown.json()["detail"]) == (404, True)
    await add_runs(db, "sage", "success", every=timedelta(), newest=timedelta())
    assert (await api.patch(f"{AGENTS}/sage", json={"schedule": "sometimes"})).status_code == 422
    assert await db.fetchval("SELECT count(*) FROM agent") == 0
    assert (await api.patch(f"{AGENTS}/sage", json={"muted": True})).status_code == 204
    row = await db.fetchrow("SELECT muted, paused, timezone, resumed_at FROM agent")
    assert tuple(row) == (True, False, "UTC", None)


@pytest.mark.parametrize(
    ("declaration", "state"),
    [({"schedule": "every 10m"}, "down"), ({"schedule": "every 1d"}, "up"), ({"paused": True}, "paused")],
)
async def test_the_state_follows_the_schedule(
    api: httpx.AsyncClient, db: asyncpg.Connection, declaration: dict[str, object], state: str
) -> None:
    await add_runs(db, "nova", "success", every=timedelta(minutes=10), newest=timedelta(hours=2))
    await api.put(f"{AGENTS}/nova", json=declaration)
    assert (await api.get(f"{AGENTS}/nova")).json()["state"] == state


async def test_a_rhythm_is_learned(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await add_runs(db, "atlas", *["success"] * 60, every=timedelta(hours=1), newest=timedelta(minutes=5))
    agent = (await api.get(f"{AGENTS}/atlas")).json()
    assert agent["state"] == "up"
    assert "60 min" in agent["cadence"] or "1 h" in agent["cadence"]


async def test_quality_is_the_mean_of_the_agents_own_scores(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute(
        """INSERT INTO agent_run_log (agent_id, rlhf_scores) VALUES
        ('luma', '{"overall": 0.5}'), ('luma', '{"overall": 1}'), ('luma', '{"overall": null}'),
        ('lyra', '{"overall": 0.1}'), ('lyra', NULL)"""
    )
    agents = {agent["agent_id"]: agent for agent in (await api.get(AGENTS)).json()["agents"]}
    assert (agents["luma"]["rlhf_quality_score_7d"], agents["luma"]["runs_scored_7d"]) == (0.75, 2)
    assert (agents["lyra"]["rlhf_quality_score_7d"], agents["lyra"]["runs_scored_7d"]) == (0.1, 1)


@pytest.mark.parametrize(
    "declaration",
    [
        {"schedule": "0 0 31 2 *"},
        {"schedule": "now and then"},
        {"schedule": "* * * * *", "timezone": "Mars/Olympus"},
        {"timezone": "Mars/Olympus"},
        {"grace_seconds": -1},
        {"paused": "yes"},
        {"role": " "},
    ],
)
async def test_a_bad_declaration_is_refused(api: httpx.AsyncClient, declaration: dict[str, object]) -> None:
    answer = await api.put(f"{AGENTS}/sage", json=declaration)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"]
    assert (await api.get(f"{AGENTS}/sage")).status_code == 404


async def test_a_declared_name_is_trimmed_as_a_reported_one_is(api: httpx.AsyncClient) -> None:
    assert (await api.put(f"{AGENTS}/%20sage%20", json={})).status_code == 204
    assert [agent["agent_id"] for agent in (await api.get(AGENTS)).json()["agents"]] == ["sage"]
    assert (await api.get(f"{AGENTS}/sage%20")).json()["agent_id"] == "sage"


async def test_an_agent_with_a_slash_in_its_name_is_found(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_runs(db, "team/a b", "success", every=timedelta(1), newest=timedelta())
    assert (await api.get(f"{AGENTS}/team%2Fa%20b")).json()["agent_id"] == "team/a b"


async def test_an_agent_is_not_overdue_for_the_time_it_was_paused(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_runs(db, "nova", "success", every=timedelta(1), newest=timedelta(hours=5))
    for paused, state in ((False, "down"), (True, "paused"), (False, "up"), (False, "up")):
        declaration = {"schedule": "every 1h", "paused": paused}
        assert (await api.put(f"{AGENTS}/nova", json=declaration)).status_code == 204
        assert (await api.get(f"{AGENTS}/nova")).json()["state"] == state


async def test_a_pause_until_ends_by_itself_and_the_wait_begins_anew(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_runs(db, "nova", "success", every=timedelta(1), newest=timedelta(hours=5))
    now = datetime.now(UTC)

    async def state_when_paused_until(moment: datetime | None, schedule: str = "every 1h") -> str:
        until = moment.isoformat() if moment else None
        declaration = {"schedule": schedule, "paused_until": until}
        assert (await api.put(f"{AGENTS}/nova", json=declaration)).status_code == 204
        state: str = (await api.get(f"{AGENTS}/nova")).json()["state"]
        return state

    assert await state_when_paused_until(None) == "down"
    assert await state_when_paused_until(now + timedelta(hours=1)) == "paused"
    assert (await api.get(f"{AGENTS}/nova")).json()["paused_until"].startswith(f"{now:%Y-%m-%d}"[:8])
    # It has ended a moment ago: an agent that was not waited for is not overdue at once.
    await db.execute("UPDATE agent SET paused_until = now() - interval '1 minute', resumed_at = NULL")
    assert (await api.get(f"{AGENTS}/nova")).json()["state"] == "up"
    # The next declaration keeps what is known of that.
    assert await state_when_paused_until(None) == "up"
    await db.execute("UPDATE agent SET resumed_at = NULL")
    await db.execute("UPDATE agent SET paused_until = now() - interval '4 hours'")
    assert (await api.get(f"{AGENTS}/nova")).json()["state"] == "down"
    # One that is ended before its time has ended now.
    await db.execute("UPDATE agent SET paused_until = now() + interval '4 hours'")
    assert (await api.get(f"{AGENTS}/nova")).json()["state"] == "paused"
    assert await state_when_paused_until(None) == "up"


@pytest.mark.parametrize("until", ["soon", 5, "2026-13-01", "9999-12-31", True])
async def test_a_bad_end_of_a_pause_is_refused(api: httpx.AsyncClient, until: object) -> None:
    assert (await api.put(f"{AGENTS}/sage", json={"paused_until": until})).status_code == 422


async def test_an_unknown_field_of_a_declaration_is_named_and_nothing_declared(
    api: httpx.AsyncClient,
) -> None:
    for field, hint in {
        "shedule": "schedule",
        "graceSeconds": "grace_seconds",
        "time_zone": "timezone",
    }.items():
        answer = await api.put(f"{AGENTS}/sage", json={"role": "Ops", field: "s3cret"})
        assert answer.status_code == 422
        assert f"unknown field {field}: did you mean {hint}" in answer.json()["detail"][0]["msg"]
        assert "s3cret" not in answer.text
    unlike = await api.put(f"{AGENTS}/sage", json={"x": 1, "y": 2})
    assert "unknown field x: there is display_name, role, schedule" in unlike.json()["detail"][0]["msg"]
    assert "unknown field y" in unlike.json()["detail"][0]["msg"]
    assert (await api.get(f"{AGENTS}/sage")).status_code == 404


async def test_agents_whose_ids_look_alike_are_shown_as_such(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for agent in ("sage", "Sage", "sage\u200b", "nova"):
        await add_runs(db, agent, "success", every=timedelta(), newest=timedelta())
    listed = {agent["agent_id"]: agent["similar_to"] for agent in (await api.get(AGENTS)).json()["agents"]}
    assert listed["sage"] == ["Sage", "sage\u200b"]
    assert listed["sage\u200b"] == ["Sage", "sage"]
    assert listed["nova"] == []
    assert (await api.get(f"{AGENTS}/Sage")).json()["similar_to"] == ["sage", "sage\u200b"]
    await api.put(f"{AGENTS}/NOVA", json={})
    assert (await api.get(f"{AGENTS}/nova")).json()["similar_to"] == ["NOVA"]
    await api.delete(f"{AGENTS}/NOVA")
    assert (await api.get(f"{AGENTS}/nova")).json()["similar_to"] == []


@pytest.mark.parametrize(
    "agent",
    [
        "a\nb",
        "a\r\nb/c",
        "a/b",
        "a%b",
        "a%2Fb",
        "a?b",
        "a#b",
        "..a",
        "a/../b",
        "a b",
        "a\tb",
        "é\u2028x",
        "\x1bx",
    ],
)
async def test_every_id_that_can_report_has_paths_that_work(api: httpx.AsyncClient, agent: str) -> None:
    run = {"agent_id": agent, "status": "success"}
    assert (await api.post("/api/v1/internal/agent-run-log", json=run)).status_code == 204
    path = f"{AGENTS}/{quote(agent, safe='')}"
    assert (await api.put(path, json={"role": "Odd"})).status_code == 204
    shown = (await api.get(path)).json()
    assert (shown["agent_id"], shown["role"]) == (agent, "Odd")
    assert (await api.get(f"{path}/feedback")).json()["agent_id"] == agent
    listed = await api.get("/api/v1/internal/agent-run-log", params={"agent_id": agent})
    assert [each["agent_id"] for each in listed.json()["runs"]] == [agent]


@pytest.mark.parametrize(
    ("schedule", "cadence", "state"),
    [
        ("@hourly", "`@hourly`, that is `0 * * * *` (UTC)", "down"),
        ("0 0 0 29 2 ? *", "`0 0 0 29 2 ? *`, that is `0 0 29 2 *` (UTC)", "up"),
        ("0 * * * *\n30 * * * *", "`0 * * * *` (UTC) or `30 * * * *` (UTC)", "down"),
        ("rate(30 minutes)", "every 30 min", "down"),
        ("@every 48h", "every 2 days", "up"),
    ],
)
async def test_an_agent_is_judged_by_a_schedule_of_any_dialect(
    api: httpx.AsyncClient, db: asyncpg.Connection, schedule: str, cadence: str, state: str
) -> None:
    # A first run far from a due time, as this one may be, lets the next be three times as late.
    await add_runs(db, "nova", "success", every=timedelta(), newest=timedelta(hours=6))
    assert (await api.put(f"{AGENTS}/nova", json={"schedule": schedule})).status_code == 204
    shown = (await api.get(f"{AGENTS}/nova")).json()
    assert (shown["schedule"], shown["cadence"], shown["state"]) == (schedule, cadence, state)


async def test_a_schedule_that_is_not_understood_is_refused_and_not_repeated(api: httpx.AsyncClient) -> None:
    answer = await api.put(f"{AGENTS}/nova", json={"schedule": "whenever s3cret pleases"})
    assert answer.status_code == 422
    assert "`rate(10 minutes)`" in answer.json()["detail"][0]["msg"]
    assert "s3cret" not in answer.text


async def test_the_next_report_is_expected_by_schedule_or_by_habit(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    hour = timedelta(hours=1)
    await add_runs(db, "atlas", *["success"] * 30, every=hour, newest=timedelta(minutes=5))
    await add_runs(db, "lyra", "success", every=hour, newest=timedelta(minutes=5))
    for agent in ("luma", "helios"):
        await add_runs(db, agent, "success", every=hour, newest=timedelta(hours=2))
    await api.put(f"{AGENTS}/luma", json={"schedule": "every 3h"})
    await api.put(f"{AGENTS}/helios", json={"schedule": "every 3h", "paused": True})
    await api.put(f"{AGENTS}/nova", json={"schedule": "every 4h"})
    agents = {agent["agent_id"]: agent for agent in (await api.get(AGENTS)).json()["agents"]}

    def expected_in(agent: str) -> timedelta:
        return datetime.fromisoformat(agents[agent]["next_expected"]) - datetime.now(UTC)

    # Many minutes apart, whatever the test takes.
    assert timedelta(minutes=30) < expected_in("atlas") < hour
    assert timedelta(minutes=30) < expected_in("luma") <= hour
    assert 3 * hour < expected_in("nova") <= 4 * hour
    assert agents["lyra"]["next_expected"] is None, "one run shows no habit"
    assert agents["helios"]["next_expected"] is None, "none is expected of a paused agent"
    assert (await api.get(f"{AGENTS}/luma")).json() == agents["luma"]


async def test_a_report_that_has_not_come_is_expected_in_the_past(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await add_runs(db, "nova", "success", every=timedelta(), newest=timedelta(days=1))
    await api.put(f"{AGENTS}/nova", json={"schedule": "every 1h"})
    agent = (await api.get(f"{AGENTS}/nova")).json()
    last = datetime.fromisoformat(agent["last_run"]["ran_at"])
    assert datetime.fromisoformat(agent["next_expected"]) == last + timedelta(hours=1)


async def test_a_removed_declaration_leaves_the_runs(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await add_runs(db, "sage", "success", every=timedelta(), newest=timedelta())
    for agent in ("sage", "nova"):
        await api.put(
            f"{AGENTS}/{agent}", json={"display_name": "Wise", "schedule": "every 1h", "muted": True}
        )
        assert (await api.delete(f"{AGENTS}/{agent}")).status_code == 204
        assert (await api.delete(f"{AGENTS}/{agent}")).status_code == 404
    (agent,) = (await api.get(AGENTS)).json()["agents"]
    assert (agent["agent_id"], agent["display_name"], agent["schedule"]) == ("sage", "Sage", None)
    assert agent["last_run"]
    assert not agent["muted"]


async def test_feedback_is_no_agent_to_declare_or_remove(api: httpx.AsyncClient) -> None:
    assert (await api.put(f"{AGENTS}/sage", json={})).status_code == 204
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await api.request(method, f"{AGENTS}/sage/feedback")
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
