"""Scoring many runs at once comes to the same as scoring them one by one, whatever else scores them."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.db.session import transaction
from app.scoring import scorers
from app.scoring.pipeline import score_runs, unscored_runs
from app.scoring.ratings import rate_run
from app.scoring.rubric import RunReport, Score, score
from app.services.agent_run_log_service import write_run_log

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

INSERT = """
INSERT INTO agent_run_log (agent_id, created_at, actions_taken)
VALUES ($1, '2026-03-01'::timestamptz + $2 * interval '1 second', $3::text::jsonb)
RETURNING id
"""


@pytest.fixture
def histories(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[int]]:
    """The `n` of each scored run, and of its history."""
    seen: dict[int, list[int]] = {}

    def remember(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        seen[run.actions_taken["n"]] = [past.actions_taken["n"] for past in history]
        return score(run, history)

    monkeypatch.setattr(scorers, "score", remember)
    return seen


async def score_now(run_ids: Sequence[UUID], *, wait: bool = False) -> int:
    """Score runs in a transaction of their own, as the task does."""
    async with transaction() as session:
        return await score_runs(session, run_ids, wait=wait)


async def insert(db: asyncpg.Connection, agent: str, second: int | None, actions: str) -> UUID:
    """A row as somebody else might insert it, at that second."""
    run_id: UUID = await db.fetchval(INSERT, agent, second, actions)
    return run_id


async def scores(db: asyncpg.Connection) -> dict[UUID, Any]:
    """Every run's scores, without the time."""
    rows = await db.fetch("SELECT id, rlhf_scores - 'scored_at' AS scores FROM agent_run_log")
    return {row["id"]: json.loads(row["scores"]) if row["scores"] else None for row in rows}


async def test_a_batch_gets_the_scores_of_one_by_one(db: asyncpg.Connection) -> None:
    run_ids = []
    for n in range(120):
        # Some agents repeat themselves, and some do so only after a while.
        actions = {"summary": f"Fixed {n % (n % 7 + 1)} leaks in session.py", "tests_passed": n % 3}
        run_ids.append(
            await write_run_log(f"agent-{n % 5}", actions, ("success", "partial", "failed")[n % 3])
        )
    for run_id in run_ids:
        await score_now([run_id])
    one_by_one = await scores(db)
    assert len({json.dumps(scored) for scored in one_by_one.values()}) > 10
    for selections in ([run_ids], [run_ids[::-3], run_ids[1::2], run_ids]):
        await db.execute("UPDATE agent_run_log SET rlhf_scores = NULL")
        assert sum([await score_now(selection) for selection in selections]) == 120
        assert await scores(db) == one_by_one


async def test_the_history_is_the_last_five_before_whichever_runs_are_scored(
    db: asyncpg.Connection, histories: dict[int, list[int]]
) -> None:
    run_ids = [await insert(db, "sage", n, f'{{"n": {n}}}') for n in range(40)]
    await insert(db, "nova", 20, '{"n": 99}')
    chosen = [0, 2, 3, 9, 10, 30, 31, 39]
    await score_now([run_ids[n] for n in chosen])
    assert histories == {n: list(range(max(0, n - 5), n)) for n in chosen}


async def test_runs_of_the_same_moment_are_no_history_to_each_other(
    db: asyncpg.Connection, histories: dict[int, list[int]]
) -> None:
    run_ids = [await insert(db, "sage", n // 10, f'{{"n": {n}}}') for n in range(30)]
    await score_now([*run_ids[3:12], run_ids[25]])
    assert {n: len(history) for n, history in histories.items()} == {
        **dict.fromkeys(range(3, 10), 0),
        **dict.fromkeys((10, 11, 25), 5),
    }
    assert set(histories[10]) <= set(range(10))
    assert set(histories[25]) <= set(range(10, 20))


async def test_a_run_of_an_unknown_time_has_no_history(
    db: asyncpg.Connection, histories: dict[int, list[int]]
) -> None:
    run_ids = [await insert(db, "sage", second, f'{{"n": {second or 9}}}') for second in (1, 2, None)]
    assert await score_now(run_ids) == 3
    assert histories == {1: [], 2: [1], 9: []}


async def test_what_is_asked_twice_or_does_not_exist_does_not_matter(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log("sage", {"n": n}) for n in range(3)]
    assert await score_now([*run_ids, uuid4(), *run_ids, uuid4()]) == 3
    assert None not in (await scores(db)).values()


DEEP = "[" * 6000 + "]" * 6000


@pytest.mark.parametrize("odd", ["[1]", '"text"', "5", "true", f'{{"a": {DEEP}}}'], ids=range(5))
async def test_a_payload_that_is_no_object_or_too_deep_is_scored(db: asyncpg.Connection, odd: str) -> None:
    run_ids = [await insert(db, "sage", n, odd if n == 3 else f'{{"n": {n}}}') for n in range(9)]
    assert await score_now(run_ids) == 9
    scored = await scores(db)
    assert all(isinstance(score["overall"], float) for score in scored.values())
    assert ("says nothing about the run" in scored[run_ids[3]]["reasons"]) == (DEEP in odd)


async def test_workers_with_the_same_runs_share_them_out(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log(f"agent-{n % 4}", {"n": n}) for n in range(200)]
    counts = await asyncio.gather(
        *(score_now(run_ids[start:] + run_ids[:start]) for start in (0, 50, 100, 150))
    )
    assert sum(counts) == 200
    assert None not in (await scores(db)).values()


async def test_one_locked_run_holds_no_other_up_and_is_scored_in_the_end(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log("sage", {"n": n}) for n in range(10)]
    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log WHERE id = $1 FOR UPDATE", run_ids[4])
        assert await score_now(run_ids) == 9
        waiting = asyncio.create_task(score_now(run_ids, wait=True))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert await waiting == 1
    assert None not in (await scores(db)).values()


async def test_the_second_call_leaves_alone_whose_scorer_just_failed(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        raise ZeroDivisionError("no scale")

    monkeypatch.setattr(scorers, "score", fail)
    run_id = await write_run_log("sage", {"n": 1})
    await score_now([run_id])
    await score_now([run_id], wait=True)
    assert (await scores(db))[run_id]["attempts"] == 1


async def test_ratings_given_while_batches_are_scored_decide(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log(f"agent-{n % 3}", {"n": n}) for n in range(60)]

    async def rate(run_id: UUID) -> None:
        async with transaction() as session:
            await rate_run(session, run_id, rater="ann", rating=0.123, comment=None)

    await asyncio.gather(
        *(rate(run_id) for run_id in run_ids[::2]), *(score_now(run_ids[n:] + run_ids[:n]) for n in (0, 30))
    )
    await score_now(run_ids, wait=True)
    scored = await scores(db)
    assert all(scored[run_id]["overall"] == 0.123 for run_id in run_ids[::2])
    assert all("human" not in scored[run_id] for run_id in run_ids[1::2])


async def test_a_batch_is_written_by_one_update(db: asyncpg.Connection) -> None:
    await db.execute("""
        CREATE TABLE updates (rows int);
        CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO updates SELECT count(*) FROM changed; RETURN NULL; END $$;
        CREATE TRIGGER count_rows AFTER UPDATE ON agent_run_log
            REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_rows();
    """)
    run_ids = [await write_run_log(f"agent-{n % 4}", {"n": n}) for n in range(50)]
    assert await score_now(run_ids) == 50
    assert await score_now(run_ids) == 0
    assert [row["rows"] for row in await db.fetch("SELECT rows FROM updates")] == [50]


async def test_the_sweep_s_list_is_no_longer_than_asked(db: asyncpg.Connection) -> None:
    await db.execute("INSERT INTO agent_run_log (agent_id) SELECT 'sage' FROM generate_series(1, 30)")
    async with transaction() as session:
        assert len(await unscored_runs(session, older_than=timedelta(0), limit=20)) == 20
