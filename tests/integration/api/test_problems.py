"""What the database lacks or cannot finish is named, not taken for a database that is away."""

import asyncpg
import httpx
import pytest

from app.config import get_settings
from support.brokers import Broker

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
RUN = {"agent_id": "sage", "status": "success"}


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        ("DROP TABLE agent_run_state CASCADE", "table agent_run_state"),
        (
            "ALTER TABLE agent_run_log DROP COLUMN action_summary CASCADE",
            "column agent_run_log.action_summary",
        ),
        ("ALTER TABLE agent_run_log RENAME COLUMN status TO state", "column agent_run_log.status"),
    ],
)
async def test_a_schema_that_lacks_something_is_named_everywhere(
    api: httpx.AsyncClient, db: asyncpg.Connection, broker: Broker, damage: str, missing: str
) -> None:
    assert (await api.get("/readyz")).json()["checks"]["database"] == "ok"
    assert (await api.post(ENDPOINT, json=RUN)).status_code == 204
    await db.execute(damage)
    ready = await api.get("/readyz")
    assert ready.status_code == 503
    assert missing in ready.json()["checks"]["database"]
    answers = [ready, await api.post(ENDPOINT, json=RUN), await api.get("/api/v1/internal/agents")]
    for answer in answers:
        assert answer.status_code == 503
        assert "`runlog schema sync`" in answer.text
        assert "not available" not in answer.text


async def test_a_function_that_is_missing_is_named(
    api: httpx.AsyncClient, db: asyncpg.Connection, broker: Broker
) -> None:
    functions = await db.fetch("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
    name = functions[0]["proname"]
    await db.execute(f"DROP FUNCTION {name} CASCADE")
    assert f"function {name}" in (await api.get("/readyz")).json()["checks"]["database"]


async def test_a_list_that_takes_too_long_says_so(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNLOG_DATABASE_TIMEOUT", "0.5")
    get_settings.cache_clear()
    async with db.transaction():
        await db.execute("LOCK TABLE agent_run_log")
        answer = await api.get(ENDPOINT)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "smaller limit" in answer.json()["detail"]
    await db.execute(
        "ALTER DATABASE "
        + await db.fetchval("SELECT quote_ident(current_database())")
        + " SET statement_timeout = 1"
    )
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'a' || n FROM generate_series(1, 20000) n")
    assert "not available" not in (await api.get(ENDPOINT, params={"q": "nothing", "limit": 1000})).text


async def test_a_row_that_the_database_refuses_is_not_repeated(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("ALTER TABLE agent_run_log ADD CONSTRAINT no_secrets CHECK (agent_id <> 's3cret')")
    answer = await api.post(ENDPOINT, json={**RUN, "agent_id": "s3cret", "actions_taken": {"k": "s3cret"}})
    assert answer.status_code == 422
    assert "no_secrets" in answer.text
    assert "s3cret" not in answer.text


SENT = "s3cret-9f"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", ENDPOINT, {"agent_id": "a", "status": SENT}),
        ("POST", ENDPOINT, {"agent_id": SENT * 40, "status": "success"}),
        ("POST", ENDPOINT, {"agent_id": [SENT], "status": "success"}),
        ("POST", ENDPOINT, {"agent_id": "a", "status": "success", "actions_taken": SENT}),
        ("POST", ENDPOINT, {"agent_id": "a", "status": "success", "actions_taken": {SENT: "\0"}}),
        ("POST", ENDPOINT, SENT),
        ("POST", "/api/v1/internal/agent-run-start", {"agent_id": "a", "run_key": f"a {SENT}"}),
        ("POST", "/api/v1/internal/agent-run-start", {"agent_id": "a", "started_at": SENT}),
        ("POST", "/api/v1/internal/peer-swarm/heartbeat", {"agent_id": "a", "improvement_loops": SENT}),
        ("POST", "/api/v1/internal/agent-cloud/tasks", {"task_id": "a", "status": SENT}),
        ("PUT", "/api/v1/internal/agents/a", {"timezone": SENT}),
        ("PUT", "/api/v1/internal/agents/a", {"paused_until": SENT}),
        ("PUT", "/api/v1/internal/agents/a", {"paused": SENT}),
        ("PUT", "/api/v1/internal/agents/a", [SENT]),
        ("GET", f"{ENDPOINT}?limit={SENT}", None),
        ("GET", f"{ENDPOINT}?since={SENT}", None),
        ("GET", f"{ENDPOINT}?status={SENT}", None),
        ("GET", f"{ENDPOINT}?cursor={SENT}", None),
        ("GET", f"{ENDPOINT}/{SENT}", None),
    ],
)
async def test_an_error_repeats_nothing_of_what_was_sent(
    api: httpx.AsyncClient, method: str, path: str, body: object
) -> None:
    answer = await api.request(method, path, json=body)
    assert answer.status_code == 422
    assert SENT not in answer.text
    assert all(set(error) <= {"type", "loc", "msg", "ctx"} for error in answer.json()["detail"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"{\\"agent_id\\": \\"a\\"}"', "the body is a string that holds JSON: send the object itself"),
        (b'"words"', "the body must be a JSON object"),
        (b"[]", "the body must be a JSON object"),
        (
            b'{"agent_id": "a", "status": "success", "actions_taken": "{\\"n\\": 1}"}',
            "actions_taken is a string that holds JSON: send the object itself",
        ),
        (
            b'{"agent_id": "a", "status": "success", "actions_taken": "did things"}',
            "actions_taken must be a JSON object",
        ),
        ('{"agent_id": "a", "status": "success"}'.encode("utf-16"), "UTF-16"),
        ('{"agent_id": "a", "status": "success"}'.encode("utf-16-be"), "UTF-16"),
        (b"\x1f\x8b\x08", "Content-Encoding: gzip"),
        (b'{"agent_id": "\\u200b\\u00a0\\u200f", "status": "success"}', "a character that can be seen"),
    ],
)
async def test_what_is_wrong_is_said_plainly(api: httpx.AsyncClient, body: bytes, said: str) -> None:
    for path in (ENDPOINT, "/api/v1/internal/peer-swarm/heartbeat"):
        if path != ENDPOINT and b"actions_taken" in body:
            continue
        answer = await api.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert said in answer.json()["detail"][0]["msg"]


@pytest.mark.parametrize("actions", [b"null", b" null ", b"{}"])
async def test_null_actions_and_a_byte_order_mark_are_taken(
    api: httpx.AsyncClient, db: asyncpg.Connection, actions: bytes
) -> None:
    body = b'\xef\xbb\xbf{"agent_id": "marked", "status": "success", "actions_taken":' + actions + b"}"
    for kind in ("application/json", "application/json; charset=utf-8"):
        answer = await api.post(ENDPOINT, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 204
    stored = await db.fetch(
        "SELECT actions_taken, consecutive_silence_count AS silent FROM agent_run_log ORDER BY created_at"
    )
    assert [(row["actions_taken"], row["silent"]) for row in stored] == [("{}", 1), ("{}", 2)]
