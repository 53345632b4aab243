"""The public dashboard's data: the specification's figures, and cards fit for the public."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
SPECIFIED = "SELECT COUNT(*) FROM agent_run_log WHERE status = 'success' AND created_at >= $1"
SECOND = timedelta(seconds=1)


async def intelligence(api: httpx.AsyncClient) -> Any:
    """The endpoint's answer."""
    answer = await api.get("/api/v1/public/platform/intelligence")
    assert answer.status_code == 200
    return answer.json()


async def metrics(api: httpx.AsyncClient) -> Any:
    """The figures alone; the total is always the sum of its sources."""
    found = (await intelligence(api))["metrics"]
    assert found["tasks_completed_today"] == sum(found["tasks_completed_today_sources"].values())
    return found


async def sources(api: httpx.AsyncClient) -> tuple[int, int, int]:
    """Agent runs, improvement loops and cloud tasks of today."""
    found = (await metrics(api))["tasks_completed_today_sources"]
    return found["agent_runs"], found["improvement_loops"], found["agent_cloud_tasks"]


async def card(api: httpx.AsyncClient, agent_id: str) -> dict[str, Any]:
    """An agent's one card."""
    (found,) = [event for event in (await intelligence(api))["events"] if event["agent_id"] == agent_id]
    return found


async def report(api: httpx.AsyncClient, agent: str, status: str = "success", **actions: Any) -> None:
    """Record a run."""
    answer = await api.post(ENDPOINT, json={"agent_id": agent, "status": status, "actions_taken": actions})
    assert answer.status_code == 204


async def beat(api: httpx.AsyncClient, agent: str, **values: Any) -> None:
    """Send a heartbeat."""
    answer = await api.post("/api/v1/internal/peer-swarm/heartbeat", json={"agent_id": agent, **values})
    assert answer.status_code == 204


async def task(api: httpx.AsyncClient, task_id: str, status: str = "completed", **values: Any) -> None:
    """Send a finished cloud task."""
    body = {"task_id": task_id, "status": status, **values}
    assert (await api.post("/api/v1/internal/agent-cloud/tasks", json=body)).status_code == 204


async def insert(db: asyncpg.Connection, at: datetime, **values: Any) -> None:
    """A run created at a moment of the past."""
    row = {"agent_id": "sage", "status": "success", "rlhf_scores": None, **values}
    await db.execute(
        "INSERT INTO agent_run_log (created_at, run_at, agent_id, status, rlhf_scores)"
        " VALUES ($1, $1, $2, $3, $4::text::jsonb)",
        at,
        *row.values(),
    )


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def midnight() -> datetime:
    """When today began, in UTC."""
    return now().replace(hour=0, minute=0, second=0, microsecond=0)


async def test_an_empty_fleet_has_zeros_and_no_quality(api: httpx.AsyncClient) -> None:
    empty = await intelligence(api)
    assert datetime.fromisoformat(empty.pop("generated_at")).utcoffset() == timedelta()
    assert empty == {
        "metrics": {
            "tasks_completed_today": 0,
            "tasks_completed_today_sources": {
                "agent_runs": 0,
                "improvement_loops": 0,
                "agent_cloud_tasks": 0,
            },
            "rlhf_quality_score_7d": None,
            "rlhf_quality_score_previous_7d": None,
            "runs_scored_7d": 0,
        },
        "events": [],
        "events_total": 0,
        "next_cursor": None,
    }


async def test_agent_runs_are_the_specifications_count(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for status in ("success", "partial", "failed", "success"):
        await report(api, "sage", status)
    for before in (timedelta(), timedelta(microseconds=1), timedelta(days=1)):
        await insert(db, midnight() - before)
    assert (await sources(api))[0] == await db.fetchval(SPECIFIED, midnight()) == 3


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_today_is_the_utc_day_wherever_the_database_is(
    api: httpx.AsyncClient, db: asyncpg.Connection, zone: str
) -> None:
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET timezone = '{zone}'")
    for minutes, status in ((-1, "success"), (0, "success"), (0, "failed")):
        await insert(db, midnight() + timedelta(minutes=minutes), status=status)
    await db.executemany(
        "INSERT INTO peer_swarm_heartbeat (agent_id, improvement_loops, heartbeat_at) VALUES ($1, $2, $3)",
        [("a", 5, midnight()), ("b", 100, midnight() - SECOND)],
    )
    await db.executemany(
        "INSERT INTO agent_cloud_task (task_id, status, completed_at) VALUES ($1, 'completed', $2)",
        [("a", midnight()), ("b", midnight() - SECOND)],
    )
    assert await sources(api) == (1, 5, 1)


async def test_the_latest_heartbeat_of_each_agent_counts(api: httpx.AsyncClient) -> None:
    await beat(api, "sage", improvement_loops=3)
    await beat(api, "sage", improvement_loops=4)
    await beat(api, "nova", improvement_loops=10)
    assert (await sources(api))[1] == 14
    await beat(api, "nova", improvement_loops=0)
    assert (await sources(api))[1] == 4


async def test_a_heartbeat_without_loops_keeps_todays_and_drops_yesterdays(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await beat(api, "sage", improvement_loops=3, role="Backend", status="busy", details={"n": 1})
    await beat(api, "sage")
    assert (await sources(api))[1] == 3
    row = await db.fetchrow("SELECT * FROM peer_swarm_heartbeat")
    assert (row["role"], row["status"], row["details"]) == ("Backend", None, "{}")
    await db.execute("UPDATE peer_swarm_heartbeat SET heartbeat_at = $1", midnight() - SECOND)
    assert (await sources(api))[1] == 0
    await beat(api, "sage")
    assert (await sources(api))[1] == 0
    assert await db.fetchval("SELECT count(*) FROM peer_swarm_heartbeat") == 1


@pytest.mark.parametrize(
    "values",
    [
        {"improvement_loops": -1},
        {"improvement_loops": 1.5},
        {"improvement_loops": "3"},
        {"improvement_loops": True},
        {"improvement_loops": 2**31},
        {"improvement_loops": 10**30},
        {"agent_id": ""},
        {"agent_id": "a" * 256},
        {"role": "r" * 256},
        {"status": "s" * 65},
        {"details": []},
        {"details": {"a": "\0"}},
        {"details": {"\ud800": 1}},
    ],
)
async def test_a_bad_heartbeat_is_refused(
    api: httpx.AsyncClient, db: asyncpg.Connection, values: dict[str, Any]
) -> None:
    body = json.dumps({"agent_id": "sage", **values})
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/v1/internal/peer-swarm/heartbeat", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(values))]
    assert await db.fetchval("SELECT count(*) FROM peer_swarm_heartbeat") == 0


async def test_details_are_kept_exactly(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    body = '{"agent_id": "sage", "details": {"n": ' + "7" * 5000 + ', "m": 123456789012345678901234567890}}'
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/v1/internal/peer-swarm/heartbeat", content=body, headers=headers)
    assert answer.status_code == 204
    assert await db.fetchval("SELECT details->>'n' FROM peer_swarm_heartbeat") == "7" * 5000
    assert (
        await db.fetchval("SELECT details->>'m' FROM peer_swarm_heartbeat")
        == "123456789012345678901234567890"
    )


async def test_a_cloud_task_sent_again_counts_once(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for _ in range(3):
        await task(api, "t-1", agent_id="sage", details={"x": 1})
    await task(api, "t-2", "failed")
    assert (await sources(api))[2] == 1
    await task(api, "t-2")
    assert (await sources(api))[2] == 2
    await task(api, "t-1", "failed")
    assert (await sources(api))[2] == 1
    assert await db.fetchval("SELECT count(*) FROM agent_cloud_task") == 2


async def test_a_task_completed_yesterday_and_sent_again_is_not_todays(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await task(api, "t-1")
    await db.execute("UPDATE agent_cloud_task SET completed_at = $1", midnight() - SECOND)
    await task(api, "t-1")
    assert (await sources(api))[2] == 0


@pytest.mark.parametrize(
    "values",
    [
        {"task_id": ""},
        {"task_id": "t" * 256},
        {"status": "running"},
        {"status": None},
        {"details": 1},
        {"agent_id": " "},
    ],
)
async def test_a_bad_cloud_task_is_refused(api: httpx.AsyncClient, values: dict[str, Any]) -> None:
    body = {"task_id": "t", "status": "completed", **values}
    answer = await api.post("/api/v1/internal/agent-cloud/tasks", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][:2] == ["body", next(iter(values))]


async def test_quality_is_the_mean_of_seven_days_and_of_the_seven_before(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for days, overall in ((0, 0.9), (3, 0.5), (6.99, 0.7), (7.01, 0.2), (13.99, 0.4), (14.01, 1), (100, 1)):
        at = now() - SECOND - timedelta(days=days)
        await insert(db, at, rlhf_scores=json.dumps({"overall": overall}))
    found = await metrics(api)
    assert found["rlhf_quality_score_7d"] == 0.7
    assert found["rlhf_quality_score_previous_7d"] == 0.3
    assert found["runs_scored_7d"] == 3


async def test_quality_is_rounded_to_four_places(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for overall in (0.1, 0.2, 0.2):
        await insert(db, now(), rlhf_scores=json.dumps({"overall": overall}))
    assert (await metrics(api))["rlhf_quality_score_7d"] == 0.1667


@pytest.mark.parametrize(
    "scores",
    [
        None,
        '{"overall": null, "error": "ValueError: no", "attempts": 3}',
        '{"overall": "high"}',
        "{}",
        "[]",
        "5",
        "null",
    ],
)
async def test_what_has_no_score_is_not_in_the_mean(
    api: httpx.AsyncClient, db: asyncpg.Connection, scores: str | None
) -> None:
    await insert(db, now(), rlhf_scores=scores)
    found = await metrics(api)
    assert (found["rlhf_quality_score_7d"], found["runs_scored_7d"]) == (None, 0)
    await insert(db, now(), rlhf_scores='{"overall": 0.5}')
    found = await metrics(api)
    assert (found["rlhf_quality_score_7d"], found["runs_scored_7d"]) == (0.5, 1)


async def test_a_card_shows_the_agents_most_recent_run(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await report(api, "sage", "failed", summary="Old news")
    await report(api, "sage", summary="Fixed database connection pool leak in session.py")
    await db.execute(UNGUARD)
    await db.execute("UPDATE agent_run_log SET created_at = created_at - interval '2 minutes'")
    shown = await card(api, "sage")
    created_at = await db.fetchval("SELECT max(created_at) FROM agent_run_log")
    assert datetime.fromisoformat(shown.pop("ran_at")) == created_at.replace(microsecond=0)
    assert shown == {
        "agent_id": "sage",
        "agent": "Sage",
        "role": "Backend",
        "title": "Sage -- Backend",
        "action": "Fixed database connection pool leak in session.py",
        "status": "completed",
        "run_status": "success",
        "ago": "2 minutes ago",
    }


async def test_cards_come_newest_first_one_an_agent(api: httpx.AsyncClient) -> None:
    for agent in ("nova", "sage", "data-janitor", "nova"):
        await report(api, agent)
    events = (await intelligence(api))["events"]
    assert [event["agent_id"] for event in events] == ["nova", "data-janitor", "sage"]
    assert [event["title"] for event in events] == ["Nova -- Security", "data-janitor", "Sage -- Backend"]


@pytest.mark.parametrize(
    ("run_status", "status"), [("success", "completed"), ("partial", "completed"), ("failed", "failed")]
)
async def test_the_status_of_a_card(api: httpx.AsyncClient, run_status: str, status: str) -> None:
    await report(api, "nova", run_status)
    shown = await card(api, "nova")
    assert (shown["status"], shown["run_status"]) == (status, run_status)


async def test_the_registry_wins_over_the_heartbeat_over_what_is_built_in(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await report(api, "sage")
    assert (await card(api, "sage"))["title"] == "Sage -- Backend"
    await beat(api, "sage", role="Platform")
    assert (await card(api, "sage"))["title"] == "Sage -- Platform"
    await db.execute("INSERT INTO agent (agent_id, display_name) VALUES ('sage', 'Sage II')")
    assert (await card(api, "sage"))["title"] == "Sage II -- Platform"
    await db.execute("UPDATE agent SET role = 'Databases'")
    assert (await card(api, "sage"))["title"] == "Sage II -- Databases"


async def test_a_secret_in_a_name_or_a_role_is_masked(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await report(api, "sage")
    await db.execute(
        "INSERT INTO agent (agent_id, display_name, role)"
        " VALUES ('sage', 'Sage password=Kanu!tt88', 'q8 token=Zx9q7LmT2vKw')"
    )
    shown = await card(api, "sage")
    assert shown["agent"] == "Sage password=[redacted]"
    assert shown["role"] == "q8 token=[redacted]"
    assert shown["title"] == "Sage password=[redacted] -- q8 token=[redacted]"


async def test_an_unknown_role_is_null_and_the_title_the_bare_name(api: httpx.AsyncClient) -> None:
    await report(api, "janitor")
    shown = await card(api, "janitor")
    assert (shown["role"], shown["title"]) == (None, "janitor")


async def test_only_agents_that_ran_have_cards(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await beat(api, "scout", role="Research")
    await db.execute("INSERT INTO agent (agent_id) VALUES ('atlas')")
    assert (await intelligence(api))["events"] == []


@pytest.mark.parametrize(
    ("summary", "action"),
    [
        (None, None),
        ("", None),
        ("x" * 280, "x" * 280),
        ("x" * 281, "x" * 279 + "…"),
        ("two\nlines  here", "two lines here"),
        ("Used postgresql://u:hunter2secret@db/x", "Used postgresql://u:[redacted]@db/x"),
        ("Rotated API_KEY=Zx9q7LmT2vKw8RtY", "Rotated API_KEY=[redacted]"),
        ("x" * 270 + " ghp_Zx9q7LmT2vKw8RtY4uPs6NdB", "x" * 270 + " [redacte…"),
    ],
)
async def test_the_action_is_cut_and_credentials_are_masked(
    api: httpx.AsyncClient, summary: str | None, action: str | None
) -> None:
    await report(api, "sage", summary=summary)
    assert (await card(api, "sage"))["action"] == action


async def test_nothing_private_is_in_the_answer(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await report(
        api, "sage", summary="Public words", private="INTERNAL-ONLY", nested={"k": ["ALSO-INTERNAL"]}
    )
    await beat(api, "sage", details={"d": "BEAT-INTERNAL"})
    await task(api, "TASK-INTERNAL", details={"d": "TASK-DETAIL"})
    text = (await api.get("/api/v1/public/platform/intelligence")).text
    assert "INTERNAL" not in text
    assert "TASK" not in text
    assert "actions_taken" not in text
    assert str(await db.fetchval("SELECT id FROM agent_run_log")) not in text


async def test_a_hostile_summary_delays_nobody(api: httpx.AsyncClient) -> None:
    for n, part in enumerate(("token-", "a.", "sk-", "eyJ-", "://a:")):
        await report(api, f"agent-{n}", summary=part * (900_000 // len(part)))
    assert len((await intelligence(api))["events"]) == 5


async def test_the_auditors_runs_are_no_work_of_the_fleet(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    # Runs of days ago are read from hourly sums, those of now one by one.
    for agent, score in (("sage", 0.9), ("auditor", 0.1)):
        await db.execute(
            "INSERT INTO agent_run_log (agent_id, action_summary, rlhf_scores, created_at)"
            " SELECT $1, 'did it', $2, now() - age * interval '1 day' FROM unnest(ARRAY[0, 3]) AS age",
            agent,
            json.dumps({"overall": score}),
        )
    body = (await api.get("/api/v1/public/platform/intelligence")).json()
    assert body["metrics"]["tasks_completed_today"] == 1
    assert (body["metrics"]["rlhf_quality_score_7d"], body["metrics"]["runs_scored_7d"]) == (0.9, 2)
    assert [card["agent_id"] for card in body["events"]] == ["sage"]
    listed = (await api.get("/api/v1/internal/agent-run-log", params={"agent_id": "auditor"})).json()
    assert len(listed["runs"]) == 2
