"""`Idempotency-Key`: the same report sent again is recorded once."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.runs import keys
from app.services.agent_run_log_service import write_run_log
from app.tasks.rollup_tasks import expire_idempotency_keys

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"


async def post(api: httpx.AsyncClient, key: str | None = "key", agent: str = "sage", **actions: Any) -> int:
    """Report a run; returns the status code."""
    run = {"agent_id": agent, "status": "success", "actions_taken": actions}
    headers = {"Idempotency-Key": key} if key else {}
    return (await api.post(ENDPOINT, json=run, headers=headers)).status_code


async def rows(db: asyncpg.Connection) -> int:
    """How many runs there are; the agents' states must say the same."""
    count: int = await db.fetchval("SELECT count(*) FROM agent_run_log")
    assert await db.fetchval("SELECT coalesce(sum(runs), 0) FROM agent_run_state") == count
    return count


async def test_a_report_sent_again_is_recorded_once(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    assert [await post(api, done=1) for _ in range(3)] == [204] * 3
    assert await rows(db) == 1


async def test_key_order_and_white_space_make_no_other_payload(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for body in (
        b'{"agent_id": "sage", "status": "success", "actions_taken": {"a": 1, "b": [2]}}',
        b'{"status":"success","actions_taken":{"b":[2],"a":1},"agent_id":" sage "}',
    ):
        headers = {"Idempotency-Key": "key", "Content-Type": "application/json"}
        assert (await api.post(ENDPOINT, content=body, headers=headers)).status_code == 204
    assert await rows(db) == 1


async def test_the_key_with_another_payload_is_refused_by_its_name(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await post(api, done=1)
    run = {"agent_id": "sage", "status": "success", "actions_taken": {"done": 2}}
    answer = await api.post(ENDPOINT, json=run, headers={"Idempotency-Key": "key"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]
    assert await rows(db) == 1


async def test_another_status_is_another_payload(api: httpx.AsyncClient) -> None:
    await post(api)
    run = {"agent_id": "sage", "status": "failed", "actions_taken": {}}
    assert (await api.post(ENDPOINT, json=run, headers={"Idempotency-Key": "key"})).status_code == 422


async def test_a_key_belongs_to_its_agent(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    assert [await post(api, agent=agent, n=agent) for agent in ("sage", "nova", "Sage")] == [204] * 3
    assert await rows(db) == 3


async def test_keys_differ_by_case_and_to_their_full_length(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for key in ("k", "K", "k" * 255, "k" * 254):
        assert await post(api, key) == 204
    assert await rows(db) == 4


async def test_fifty_at_once_are_one_row(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    assert await asyncio.gather(*(post(api, done=1) for _ in range(50))) == [204] * 50
    assert await rows(db) == 1


async def test_of_many_payloads_at_once_one_gets_the_key(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    statuses = await asyncio.gather(*(post(api, n=n) for n in range(30)))
    assert sorted(statuses) == [204] + [422] * 29
    winner = await db.fetchval("SELECT (actions_taken->>'n')::int FROM agent_run_log")
    assert statuses[winner] == 204
    assert await rows(db) == 1


async def test_many_keys_at_once_among_runs_without_one(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    keys = [None, "a", "b", "c"] * 25
    statuses = await asyncio.gather(*(post(api, key, agent=f"agent-{n % 3}") for n, key in enumerate(keys)))
    assert statuses == [204] * 100
    assert await rows(db) == 25 + 3 * 3


async def test_a_refused_report_does_not_use_its_key_up(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("ALTER TABLE agent_run_log ADD CHECK (NOT actions_taken ? 'poison')")
    assert await post(api, poison=1) == 422
    assert await post(api, cure=1) == 204
    assert await rows(db) == 1


@pytest.mark.usefixtures("database")
async def test_in_process_the_same_key_returns_the_first_runs_id() -> None:
    first, *others = await asyncio.gather(
        *(write_run_log("atlas", {"n": 1}, idempotency_key="key") for _ in range(5))
    )
    assert set(others) == {first}
    with pytest.raises(ValueError, match="used for another payload"):
        await write_run_log("atlas", {"n": 2}, idempotency_key="key")


AGE_KEYS = "UPDATE agent_run_idempotency_key SET created_at = now() - $1::interval WHERE key = $2"


async def test_a_key_that_has_expired_makes_a_run_of_its_own_and_others_do_not(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for key in ("expired", "kept"):
        assert await post(api, key=key) == 204
    await db.execute(AGE_KEYS, timedelta(days=90, minutes=1), "expired")
    await db.execute(AGE_KEYS, timedelta(days=89, hours=23), "kept")
    await asyncio.to_thread(expire_idempotency_keys.run)
    assert [await post(api, key=key) for key in ("expired", "kept", "expired")] == [204] * 3
    assert await rows(db) == 3


async def test_all_expired_keys_go_in_transactions_of_a_few(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_AT_ONCE", 2)
    for n in range(5):
        await post(api, key=f"key-{n}")
    await db.execute(AGE_KEYS.partition(" WHERE")[0], timedelta(days=91))
    await asyncio.to_thread(expire_idempotency_keys.run)
    assert await db.fetchval("SELECT count(*) FROM agent_run_idempotency_key") == 0
    assert await rows(db) == 5


async def test_the_oldest_keys_are_found_by_their_index(db: asyncpg.Connection) -> None:
    await db.execute("""
        INSERT INTO agent_run_idempotency_key (agent_id, key, run_id, payload_digest, created_at)
        SELECT 'sage', n::text, gen_random_uuid(), '', now() - n * interval '1 hour'
        FROM generate_series(1, 5000) AS n;
        ANALYZE agent_run_idempotency_key
    """)
    statement = str(keys.EXPIRE).replace(":kept", "$1::interval").replace(":most", "$2")
    plan = "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {statement}", timedelta(days=90), 100))
    assert "idx_agent_run_idempotency_key_created_at" in plan
    assert "Seq Scan" not in plan
