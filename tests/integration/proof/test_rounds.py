"""The background verification: what was altered is found, announced at once, and stays found."""

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.config import Settings, get_settings
from app.db.session import transaction
from app.proof.domain.merkle import subtree_hash
from app.proof.erasure import erase_payload
from app.proof.problems import Problem
from app.proof.verify import verify
from app.proof.verify_bounded import snapshot, verify_upper_nodes
from app.proof.verify_tables import Comparison
from app.schema.sync import sync_schema
from app.services.agent_run_log_service import write_run_log
from app.tasks.checkpoint_tasks import send_checkpoints
from app.tasks.schedule import beat_schedule
from app.tasks.seal_tasks import seal, seal_log
from app.tasks.verify_tasks import verify_log, verify_some
from support.alerting import audited, settle
from support.log_changes import GUARD, UNGUARD

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
ALTER = "UPDATE agent_run_log SET status = 'partial' WHERE id = '{}'"
AS_SUPERUSER = f"{UNGUARD}; SET session_replication_role = replica; {{}}; {GUARD}"


@pytest.fixture
async def log(db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log of six runs, scored and sealed; the id of one."""
    settle(monkeypatch, alert_urls="json://127.0.0.1:1/")
    ids = [await write_run_log("sage", {"n": n}, "failed" if n % 2 else "success") for n in range(6)]
    await db.execute("UPDATE agent_run_log SET rlhf_scores = '{\"overall\": 0.5}'")
    await sealed()
    return str(ids[1])


async def sealed() -> None:
    await seal(get_settings(), at_once=True)


async def verified() -> None:
    await verify_some(get_settings())


async def findings(db: asyncpg.Connection) -> list[asyncpg.Record]:
    return await db.fetch(
        "SELECT severity, closed_at, acknowledged_at, evidence FROM audit_finding"
        " WHERE rule = 'log_tampered' ORDER BY opened_at"
    )


async def problems(db: asyncpg.Connection) -> list[str]:
    """What the one finding names."""
    [finding] = await findings(db)
    named: list[str] = json.loads(finding["evidence"])["problems"]
    return named


async def alerts(db: asyncpg.Connection) -> list[str]:
    rows = await db.fetch("SELECT events -> 0 ->> 1 AS event FROM alert_notification ORDER BY created_at")
    return [row["event"] for row in rows]


ATTACKS = {
    "a status": ("UPDATE agent_run_log SET status = 'success' WHERE id = '{0}'", "run {0} of sage"),
    "a status, as if a merge of the run waited to be sealed": (
        "UPDATE agent_run_log SET status = 'success' WHERE id = '{0}';"
        "INSERT INTO seal_pending (kind, run_ids) VALUES ('merge', ARRAY['{0}'::uuid])",
        "run {0} of sage",
    ),
    "a run deleted": ("DELETE FROM agent_run_log WHERE id = '{0}'", "run {0} was deleted"),
    "a score": (
        "UPDATE agent_run_log SET rlhf_scores = '{{\"overall\": 1}}' WHERE id = '{0}'",
        "the scores of run {0}",
    ),
    "a leaf of the tree": ("DELETE FROM seal_leaf WHERE leaf_index = 2", "leaf 2 is missing"),
    "the end of the tree": (
        "DELETE FROM seal_leaf WHERE leaf_index >= 4; DELETE FROM seal_checkpoint",
        "a checkpoint that was kept elsewhere",
    ),
    "a guard that is off": (
        "ALTER TABLE agent_run_log DISABLE TRIGGER agent_run_log_seal_recorded",
        "trigger agent_run_log_seal_recorded is disabled",
    ),
    "a guard that passes all": (
        "CREATE OR REPLACE FUNCTION agent_run_log_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "function agent_run_log_append_only is another one",
    ),
}


@pytest.mark.parametrize(("statements", "named"), ATTACKS.values(), ids=ATTACKS)
async def test_what_was_altered_is_one_finding_and_one_alert_at_once(
    db: asyncpg.Connection, log: str, statements: str, named: str
) -> None:
    await verified()
    await db.execute(AS_SUPERUSER.format(statements.format(log)))
    await db.execute("SET session_replication_role = origin")
    for _ in range(2):
        await verified()
        await audited()
    found = await problems(db)
    assert [problem for problem in found if problem.startswith(named.format(log))], found
    [finding] = await findings(db)
    assert (finding["severity"], finding["closed_at"]) == ("critical", None)
    assert (await alerts(db)).count("opened") == 1


async def test_an_honest_log_raises_no_alarm(
    database: str, db: asyncpg.Connection, api: httpx.AsyncClient, log: str
) -> None:
    """While runs come in and are scored, merged, erased and sealed, and with what is not sealed yet."""
    await db.execute("INSERT INTO agent_run_log (agent_id, created_at) VALUES ('sage', '2026-01-01')")
    going_on = True

    async def keep_verifying() -> None:
        while going_on:
            await verified()

    verifying = asyncio.create_task(keep_verifying())
    for n in range(5):
        report = {"agent_id": "nova", "status": "success", "run_key": f"run-{n}"}
        await api.post(ENDPOINT, json=report)
        await sealed()
        await api.post(
            ENDPOINT, json=report | {"source": "cron", "status": "failed", "actions_taken": {"n": n}}
        )
        await verified()
        assert not (await verify(database, processes=1, since=[], progress=lambda *_: None)).problems[1:]
        await sealed()
        run_id = await db.fetchval(
            "SELECT id FROM agent_run_log WHERE agent_id = 'nova' ORDER BY id DESC LIMIT 1"
        )
        await db.execute("UPDATE agent_run_log SET rlhf_scores = '{}' WHERE id = $1", run_id)
        async with transaction() as session:
            await erase_payload(session, run_id, by="ann", reason="asked for")
    going_on = False
    await verifying
    await verified()
    assert await findings(db) == []
    assert await db.fetchval("SELECT ended_at IS NOT NULL AND leaves > 8 FROM seal_verification")


async def test_more_that_was_altered_is_announced_again(db: asyncpg.Connection, log: str) -> None:
    await db.execute(AS_SUPERUSER.format(ALTER.format(log)))
    await verified()
    await db.execute("UPDATE audit_finding SET acknowledged_at = now(), acknowledged_by = 'ann'")
    await verified()
    assert await alerts(db) == ["opened"]
    other = await db.fetchval("SELECT id FROM agent_run_log WHERE id <> $1 LIMIT 1", log)
    await db.execute(AS_SUPERUSER.format(ALTER.format(other)))
    await verified()
    assert len(await problems(db)) == 2
    assert await alerts(db) == ["opened", "opened"]
    [finding] = await findings(db)
    assert finding["acknowledged_at"] is None


async def test_a_finding_closes_when_a_whole_round_finds_the_log_right(
    database: str, db: asyncpg.Connection, log: str
) -> None:
    await db.execute("ALTER TABLE agent_run_log DISABLE TRIGGER agent_run_log_append_only_deleted")
    await verified()
    await sync_schema(database)
    await verified()
    [finding] = await findings(db)
    assert finding["closed_at"] is not None
    assert await alerts(db) == ["opened", "closed"]


async def test_a_round_goes_on_where_the_last_pass_ended(
    db: asyncpg.Connection, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.proof.verify_bounded.CHUNK_LEVEL", 8)
    monkeypatch.setattr("app.tasks.verify_tasks.VERIFY_PASS_SECONDS", 0)
    await asyncio.gather(*(write_run_log("nova", {"n": n}) for n in range(600)))
    await sealed()
    left = []
    for _ in range(4):
        await verified()
        left.append(await db.fetchval("SELECT leaves_left FROM seal_verification"))
    assert left == [512, 256, 0, 0]
    await db.execute(AS_SUPERUSER.format(ALTER.format(log)))
    for _ in range(15):  # the rest of the round, and the next one up to the oldest leaves
        await verified()
    assert (await problems(db))[0].startswith(f"run {log} of sage")


async def test_a_comparison_that_takes_too_long_is_left_out(
    database: str, db: asyncpg.Connection, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round goes on without it, and the finding that was open stays so."""

    async def too_long(_: AsyncConnection) -> AsyncIterator[Problem]:
        raise TimeoutError  # of the driver
        yield

    await db.execute("ALTER TABLE agent_run_log DISABLE TRIGGER agent_run_log_append_only_deleted")
    await verified()
    await sync_schema(database)
    monkeypatch.setattr("app.proof.rounds.COMPARISONS", (Comparison("scores", too_long),))
    await verified()
    assert await db.fetchval("SELECT tables_left = 0 AND problems = 1 FROM seal_verification")
    assert len(await problems(db)) == 1


async def test_nodes_far_above_the_leaves_are_compared_with_those_below(
    database: str, db: asyncpg.Connection
) -> None:
    below = [bytes([position]) * 32 for position in range(256)]
    add = "INSERT INTO seal_node (level, node_index, hash) VALUES ($1, $2, $3)"
    await db.executemany(add, [(8, position, hash_) for position, hash_ in enumerate(below)])
    await db.execute(add, 16, 0, subtree_hash(below))
    async with snapshot(database) as log:
        assert await verify_upper_nodes(log, 1 << 16) == []
    await db.execute("UPDATE seal_node SET hash = $1 WHERE level = 8 AND node_index = 7", bytes(32))
    async with snapshot(database) as log:
        assert [each.what for each in await verify_upper_nodes(log, 1 << 16)] == ["tree"]


def test_beat_starts_all_that_the_proof_needs() -> None:
    started = {entry["task"] for entry in beat_schedule(Settings()).values()}
    assert {task.name for task in (seal_log, verify_log, send_checkpoints)} <= started
