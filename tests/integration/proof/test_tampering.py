"""Attacks with a superuser's SQL, its triggers off, on a sealed log: each is found and named."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.config import get_settings
from app.db.session import transaction
from app.proof.keys import add_signing_key
from app.proof.verify import verify
from app.scoring.ratings import rate_run
from app.services.agent_run_log_service import write_run_log
from app.tasks.seal_tasks import seal
from support.log_changes import UNGUARD

pytestmark = pytest.mark.anyio

AS_SUPERUSER = f"{UNGUARD}; SET session_replication_role = replica"


@dataclass
class SealedLog:
    """A log of six runs, scored and rated, all of it sealed."""

    url: str
    ids: list[UUID]
    kept: str

    async def attack(self, statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f"{AS_SUPERUSER}; {statements.format(*self.ids)}")
        finally:
            await connection.close()

    async def verify(self, *since: str) -> list[str]:
        verified = await verify(self.url, processes=1, since=since, progress=lambda *_: None)
        return [f"{problem.what}: {problem.message}" for problem in verified.problems]


async def _seal() -> None:
    await seal(get_settings(), at_once=True)


@pytest.fixture
async def log(database: str, db: asyncpg.Connection) -> SealedLog:
    ids = [await write_run_log("sage", {"n": n}, "failed" if n % 2 else "success") for n in range(6)]
    await db.execute("""UPDATE agent_run_log SET rlhf_scores = jsonb_build_object('overall', random())""")
    async with transaction() as session:
        await rate_run(session, ids[0], rater="ada", rating=0.2, comment="no")
    await db.execute(
        "INSERT INTO audit_finding (rule, agent_id, message) VALUES ('late', 'sage', 'sage is late')"
    )
    await _seal()
    kept = await db.fetchval("SELECT note FROM seal_checkpoint ORDER BY tree_size DESC LIMIT 1")
    return SealedLog(database, ids, kept)


async def test_an_honest_log_is_verified(log: SealedLog) -> None:
    await write_run_log("sage", {"n": 7})
    assert await log.verify(log.kept) == []
    await _seal()
    assert await log.verify(log.kept) == []


ATTACKS = {
    "a status": ("UPDATE agent_run_log SET status = 'success' WHERE id = '{1}'", "altered: run {1} of sage"),
    "a byte of a payload": (
        "UPDATE agent_run_log SET actions_taken = '{{\"n\": 8}}' WHERE id = '{1}'",
        "altered: run {1} of sage",
    ),
    "a date": (
        "UPDATE agent_run_log SET created_at = created_at - interval '1 ms' WHERE id = '{1}'",
        "altered: run {1} of sage",
    ),
    "an agent": ("UPDATE agent_run_log SET agent_id = 'nova' WHERE id = '{1}'", "altered: run {1} of nova"),
    "a finding and what was sealed of it": (
        "DELETE FROM audit_finding; UPDATE seal_leaf SET body = NULL WHERE body LIKE '%audit_finding%'",
        "altered: leaf",
    ),
    "a run deleted": ("DELETE FROM agent_run_log WHERE id = '{1}'", "missing: run {1} was deleted"),
    "all runs deleted": ("TRUNCATE agent_run_log CASCADE", "missing: run {5} was deleted"),
    "a run inserted": (
        "INSERT INTO agent_run_log (id, agent_id, created_at) VALUES"
        " ('00000000-0000-0000-0000-000000000001', 'sage', '2026-01-01')",
        "inserted: run 00000000-0000-0000-0000-000000000001 of sage",
    ),
    "two runs swapped": (
        "UPDATE agent_run_log SET id = '00000000-0000-0000-0000-000000000001' WHERE id = '{1}';"
        " UPDATE agent_run_log SET id = '{1}' WHERE id = '{2}';"
        " UPDATE agent_run_log SET id = '{2}' WHERE id = '00000000-0000-0000-0000-000000000001'",
        "altered: run {2} of sage",
    ),
    "scores swapped": (
        "UPDATE agent_run_log AS run SET rlhf_scores = other.rlhf_scores FROM agent_run_log AS other"
        " WHERE (run.id, other.id) IN (('{1}', '{2}'), ('{2}', '{1}'))",
        "altered: the scores of run {2} of sage",
    ),
    "a score taken away": (
        "UPDATE agent_run_log SET rlhf_scores = NULL WHERE id = '{1}'",
        "altered: the scores of run {1} of sage",
    ),
    "a rating deleted": ("DELETE FROM agent_run_feedback", "deleted: a row of agent_run_feedback"),
    "a rating edited": (
        "UPDATE agent_run_feedback SET rating = 1",
        'altered: a row of agent_run_feedback was altered: ["{0}", "ada"]',
    ),
    "a finding edited": ("UPDATE audit_finding SET message = 'fine'", "altered: a row of audit_finding"),
    "a finding inserted": (
        "INSERT INTO audit_finding (rule, agent_id, message) VALUES ('late', 'nova', 'nova is late')",
        "inserted: a row of audit_finding",
    ),
    "a leaf deleted": ("DELETE FROM seal_leaf WHERE leaf_index = 2", "missing: leaf 2 is missing"),
    "leaves swapped": (
        "UPDATE seal_leaf SET leaf_index = 100 - leaf_index WHERE leaf_index IN (1, 2);"
        " UPDATE seal_leaf SET leaf_index = leaf_index - 97 WHERE leaf_index > 90",
        "tree: the first ",
    ),
    "a run and its leaf altered": (
        "UPDATE agent_run_log SET agent_id = 'nova' WHERE id = '{1}';"
        " UPDATE seal_leaf SET leaf_hash = sha256('x') WHERE run_id = '{1}'",
        "tree: the first ",
    ),
    "a checkpoint altered": (
        "UPDATE seal_checkpoint SET note = regexp_replace(note, '.{{20}}\\n$', repeat('A', 19) || E'=\\n')",
        "checkpoint: a checkpoint",
    ),
}


@pytest.mark.parametrize(("statements", "named"), ATTACKS.values(), ids=ATTACKS)
async def test_what_was_tampered_with_is_named(log: SealedLog, statements: str, named: str) -> None:
    await log.attack(statements)
    problems = await log.verify()
    assert [problem for problem in problems if problem.startswith(named.format(*log.ids))], problems


async def test_a_merge_that_waits_to_be_sealed_is_no_alarm_and_hides_none(
    log: SealedLog, api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    for source in ("agent", "cron"):
        report = {"agent_id": "nova", "run_key": "k", "source": source, "actions_taken": {source: "said"}}
        answer = await api.post("/api/v1/internal/agent-run-log", json=report | {"status": "success"})
        assert answer.status_code == 204
        assert await log.verify() == []
        if source == "agent":
            await _seal()
    await log.attack(
        "UPDATE agent_run_log SET status = 'success' WHERE id = '{1}';"
        "INSERT INTO seal_pending (kind, run_ids) VALUES ('merge', ARRAY['{1}'::uuid])"
    )
    problems = await log.verify()
    assert [problem for problem in problems if problem.startswith(f"altered: run {log.ids[1]}")], problems


async def test_processes_verify_a_long_log_side_by_side(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await asyncio.gather(*(write_run_log("nova", {"n": n}) for n in range(600)))
    await _seal()
    monkeypatch.setattr("app.proof.verify.CHUNK_LEVEL", 8)  # leaves in a part: 256
    monkeypatch.setattr("app.proof.verify.PARTS_AT_ONCE", 1)
    log.ids = ids
    await log.attack("UPDATE agent_run_log SET status = 'failed' WHERE id IN ('{0}', '{599}')")
    verified = await verify(log.url, processes=2, since=[log.kept], progress=lambda *_: None)
    assert {problem.run_id for problem in verified.problems} == {ids[0], ids[-1]}


async def test_an_altered_run_that_is_sealed_again_is_named(log: SealedLog) -> None:
    await log.attack(
        "UPDATE agent_run_log SET status = 'success' WHERE id = '{1}';"
        " INSERT INTO seal_pending (kind, run_ids) VALUES ('merge', ARRAY['{1}'::uuid])"
    )
    await _seal()
    assert await log.verify() == [f"altered: run {log.ids[1]} was sealed again without a merge"]


async def test_a_truncated_tail_is_found_by_a_checkpoint_that_was_kept(log: SealedLog) -> None:
    await log.attack(
        "DELETE FROM agent_run_log WHERE id = '{5}';"
        " DELETE FROM seal_leaf WHERE leaf_index >= (SELECT leaf_index FROM seal_leaf WHERE run_id = '{5}');"
        " DELETE FROM seal_checkpoint; UPDATE agent_run_log SET rlhf_scores = NULL;"
        " DELETE FROM agent_run_feedback; DELETE FROM audit_finding"
    )
    assert await log.verify() == []
    problems = await log.verify(log.kept)
    assert len(problems) == 1
    assert "its end is gone" in problems[0] or "not this log's" in problems[0]


async def test_a_replaced_key_is_found(log: SealedLog) -> None:
    get_settings().signing_keys_path.unlink()
    add_signing_key(get_settings().signing_keys_path)
    await write_run_log("sage", {"n": 7})
    await _seal()
    problems = await log.verify()
    assert len(problems) == 1
    assert problems[0].startswith("checkpoint: a checkpoint is not this log's")


async def test_a_log_that_was_made_anew_is_found_by_a_checkpoint_that_was_kept(
    log: SealedLog, db: asyncpg.Connection
) -> None:
    await log.attack(
        "UPDATE agent_run_log SET status = 'success' WHERE id = '{1}';"
        " TRUNCATE seal_leaf, seal_node, seal_checkpoint, seal_pending, seal_adoption"
    )
    await _seal()
    assert await log.verify() == []
    for n in range(3):
        await write_run_log("sage", {"n": n})
    await _seal()
    assert (await log.verify(log.kept))[0].startswith("tree: the first ")
