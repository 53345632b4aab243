"""What erasing takes away, by rule and by a person, and what stays."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.audit.histories import newest_runs
from app.config import get_settings
from app.db.session import transaction
from app.errors import NotSealedError
from app.proof.erasure import erase_old_payloads, erase_payload
from app.proof.verify import verify
from app.scoring.judge_runs import due_runs, load_run
from app.scoring.pipeline import score_runs, unscored_runs
from app.scoring.ratings import rate_run, withdraw_rating
from app.scoring.rescoring import Rescored, rescore_runs
from app.scoring.scorers import find_scorer
from app.services.agent_run_log_service import write_run_log
from app.tasks.seal_tasks import seal

pytestmark = pytest.mark.anyio

SECRET = "Jones"  # what no hash contains


async def _seal() -> None:
    await seal(get_settings(), at_once=True)


async def _score(run_ids: Sequence[UUID]) -> int:
    async with transaction() as session:
        return await score_runs(session, run_ids)


async def _erase(run_id: UUID) -> None:
    async with transaction() as session:
        await erase_payload(session, run_id, by="ada", reason="asked for")


async def _erase_old(days: int) -> bool:
    async with transaction() as session:
        return await erase_old_payloads(session, days)


async def _problems(url: str) -> Sequence[object]:
    return (await verify(url, processes=1, since=[], progress=lambda *_: None)).problems


async def _rows_with(db: asyncpg.Connection, words: str) -> list[str]:
    return [
        row["row"]
        for (table,) in await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for row in await db.fetch(f"SELECT t::text AS row FROM {table} AS t")  # noqa: S608
        if words in row["row"]
    ]


async def test_old_payloads_are_erased_by_rule_once_they_are_sealed(
    database: str, db: asyncpg.Connection
) -> None:
    reports = ({"summary": f"Called {SECRET} {n}"} for n in range(450))
    ids = await asyncio.gather(*(write_run_log("sage", report) for report in reports))
    await _score(ids)
    with pytest.raises(NotSealedError):
        await _erase_old(0)
    await _seal()
    assert not await _erase_old(1)
    assert len(await _rows_with(db, SECRET)) >= 450
    scores = await db.fetch("SELECT id, rlhf_scores ->> 'overall' FROM agent_run_log ORDER BY id")
    while await _erase_old(0):
        pass
    await _seal()
    assert await _rows_with(db, SECRET) == []
    assert await db.fetch("SELECT id, rlhf_scores ->> 'overall' FROM agent_run_log ORDER BY id") == scores
    erasures = await db.fetch("SELECT DISTINCT erased_by, reason FROM agent_run_erasure")
    assert [tuple(row) for row in erasures] == [("retention", "retention: payload older than 0 days")]
    assert await db.fetchval("SELECT count(*) FROM seal_leaf WHERE kind = 'erasure'") == 450
    assert await _problems(database) == []


async def test_comments_go_with_the_payload_and_the_ratings_stay(
    database: str, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": f"Called {SECRET}"})
    await _score([run_id])
    for rater in ("ada", "bob"):
        for comment in ("fine", f"do not call {SECRET}"):
            async with transaction() as session:
                await rate_run(session, run_id, rater=rater, rating=0.2, comment=comment)
        await _seal()
    async with transaction() as session:
        await withdraw_rating(session, run_id, "bob")
    with pytest.raises(NotSealedError):
        await _erase(run_id)
    await _seal()
    await _erase(run_id)
    assert await _rows_with(db, SECRET) == []
    assert await db.fetchval("SELECT rating FROM agent_run_feedback") == 0.2
    await _seal()
    assert await _problems(database) == []


async def test_what_was_erased_is_neither_scored_nor_judged_again(db: asyncpg.Connection) -> None:
    scored, unscored = [await write_run_log("sage", {"tests": n}) for n in range(2)]
    await _score([scored])
    await _seal()
    for run_id in (scored, unscored):
        await _erase(run_id)
    before = await db.fetch("SELECT id, rlhf_scores FROM agent_run_log ORDER BY id")
    assert await _score([scored, unscored]) == 0
    async with transaction() as session:
        assert await score_runs(session, [unscored], wait=True) == 0
        assert await unscored_runs(session, older_than=timedelta(0), limit=9) == []
        newer = replace(await find_scorer(session, "rubric"), version="later")
        assert await rescore_runs(session, [scored, unscored], scorer=newer) == Rescored(0, 0)
        assert await due_runs(session, "1", 1.0, 9) == []
        assert await load_run(session, scored) is None
    assert await db.fetch("SELECT id, rlhf_scores FROM agent_run_log ORDER BY id") == before


@pytest.mark.parametrize("by_payload", [True, False])
async def test_what_was_erased_is_not_taken_for_silence(database: str, *, by_payload: bool) -> None:
    run_id = await write_run_log("sage", {"tests": 14})
    await _seal()
    await _erase(run_id)
    async with transaction() as session:
        [run] = (await newest_runs(session, ["sage"], 9, by_payload=by_payload))["sage"]
    assert not run.silent
