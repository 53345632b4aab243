"""Scoring a run and writing the score back: once, or visibly not."""

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
from app.scoring.rubric import RunReport, Score, score
from app.services.agent_run_log_service import write_run_log
from support.log_changes import UNGUARD

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def score_now(*run_ids: UUID) -> int:
    """Score runs in a transaction of their own, as the task does."""
    async with transaction() as session:
        return await score_runs(session, run_ids)


async def unscored(age: float = 0) -> list[UUID]:
    """What the sweep would find."""
    async with transaction() as session:
        return await unscored_runs(session, older_than=timedelta(seconds=age), limit=100)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    stored = await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id)
    return json.loads(stored) if stored else None


async def insert(db: asyncpg.Connection, actions: str | None, agent: str = "sage") -> UUID:
    """A row as somebody else might insert it."""
    run_id: UUID = await db.fetchval(
        "INSERT INTO agent_run_log (agent_id, actions_taken) VALUES ($1, $2::text::jsonb) RETURNING id",
        agent,
        actions,
    )
    return run_id


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The summaries of runs whose scorer fails."""
    summaries: set[str] = set()

    def fragile(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        if run.actions_taken.get("summary") in summaries:
            raise ZeroDivisionError("no scale")
        return score(run, history)

    monkeypatch.setattr(scorers, "score", fragile)
    return summaries


async def test_a_score_has_the_form_of_the_contract(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed a leak in session.py", "tests_passed": 14})
    assert await score_now(run_id) == 1
    scored = await scores(db, run_id)
    assert set(scored) == {"overall", "auto", "scorer", "version", "dimensions", "reasons", "scored_at"}
    assert (scored["scorer"], scored["version"]) == ("rubric", "5")
    assert 0 <= scored["overall"] == scored["auto"] <= 1
    assert scored["dimensions"]
    assert all(0 <= value <= 1 for value in scored["dimensions"].values())
    assert all(isinstance(reason, str) for reason in scored["reasons"])
    assert scored["scored_at"].endswith("Z")


async def test_scoring_changes_nothing_but_the_scores(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"n": 10**40, "x": 0.1})
    before = dict(await db.fetchrow("SELECT * FROM agent_run_log"))
    await score_now(run_id)
    after = dict(await db.fetchrow("SELECT * FROM agent_run_log"))
    assert after.pop("rlhf_scores")
    assert before.pop("rlhf_scores") is None
    assert after == before


async def test_scoring_again_changes_nothing(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    assert await score_now(run_id) == 1
    first = await scores(db, run_id)
    assert await score_now(run_id, run_id) == 0
    assert await scores(db, run_id) == first


async def test_scoring_at_once_scores_each_run_once(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log(f"agent-{n % 3}", {"n": n}) for n in range(20)]
    counts = await asyncio.gather(
        score_now(*run_ids), score_now(*run_ids[::-1]), *(score_now(run_id) for run_id in run_ids)
    )
    assert sum(counts) == 20
    assert await unscored() == []


async def test_unknown_and_no_runs_are_no_error() -> None:
    assert await score_now() == 0
    assert await score_now(uuid4()) == 0


async def test_a_failing_scorer_is_shown_on_its_run_and_harms_no_other(
    db: asyncpg.Connection, broken: set[str]
) -> None:
    broken.add("cursed")
    good, bad = (
        await write_run_log("sage", {"summary": "ok"}),
        await write_run_log("sage", {"summary": "cursed"}),
    )
    assert await score_now(good, bad) == 1
    failure = await scores(db, bad)
    assert set(failure) == {"overall", "error", "attempts", "retry_at"}
    assert (failure["overall"], failure["error"], failure["attempts"]) == (
        None,
        "ZeroDivisionError: no scale",
        1,
    )
    assert isinstance((await scores(db, good))["overall"], float)


async def test_the_sweep_finds_what_is_old_enough_oldest_first(db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log("sage", {"n": n}) for n in range(4)]
    for minutes, run_id in zip((5, 10, 2, 0), run_ids, strict=True):
        await db.execute(UNGUARD)
        await db.execute(
            "UPDATE agent_run_log SET created_at = created_at - $1::interval WHERE id = $2",
            timedelta(minutes=minutes),
            run_id,
        )
    assert await unscored(60) == [run_ids[1], run_ids[0], run_ids[2]]
    assert await unscored(0) == [run_ids[1], run_ids[0], run_ids[2], run_ids[3]]
    await score_now(run_ids[0])
    assert await unscored(60) == [run_ids[1], run_ids[2]]


@pytest.mark.parametrize(
    "actions", [None, "null", "[]", "[1, 2]", '["a", {"summary": 1}]', '"text"', "5", "true"]
)
async def test_rows_somebody_else_inserted_end_in_a_score_or_an_error(
    db: asyncpg.Connection, actions: str | None
) -> None:
    run_id = await insert(db, actions)
    await score_now(run_id)
    scored = await scores(db, run_id)
    assert isinstance(scored["overall"], float) or scored["error"]
    assert await unscored() == []


@pytest.mark.parametrize("actions", [None, "null", "[1, 2]", '"text"', "5"])
async def test_such_rows_keep_no_later_run_of_the_agent_from_its_score(
    db: asyncpg.Connection, actions: str | None
) -> None:
    await insert(db, actions)
    run_id = await write_run_log("sage", {"summary": "Fixed a leak in session.py"})
    assert await score_now(run_id) == 1


@pytest.mark.parametrize(
    "stored", ["[]", '"done"', "5", "{}", '{"overall": "high"}', '{"overall": null, "attempts": "x"}']
)
async def test_scores_somebody_else_wrote_stop_no_sweep(db: asyncpg.Connection, stored: str) -> None:
    await insert(db, "{}", "other")
    await db.execute("UPDATE agent_run_log SET rlhf_scores = $1::text::jsonb", stored)
    run_id = await write_run_log("sage", {"n": 1})
    assert run_id in await unscored()
    assert await score_now(*await unscored()) >= 1
    assert (await scores(db, run_id))["overall"] is not None


async def test_the_history_is_the_agents_earlier_runs_oldest_first(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[Any, list[Any]] = {}

    def remember(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        seen[run.actions_taken["n"]] = [past.actions_taken["n"] for past in history]
        return score(run, history)

    monkeypatch.setattr(scorers, "score", remember)
    run_ids = [await write_run_log(agent, {"n": n}) for n, agent in enumerate(["sage", "nova"] * 8)]
    await score_now(run_ids[14], run_ids[0], run_ids[3])
    assert seen == {14: [4, 6, 8, 10, 12], 0: [], 3: [1]}


async def test_a_repeated_report_scores_lower_than_its_first() -> None:
    report = {"summary": "Fixed a leak in session.py", "files_changed": ["session.py"], "tests_passed": 14}
    run_ids = [await write_run_log("sage", report) for _ in range(2)]
    await score_now(*run_ids)
    from app.services.agent_run_log_service import recent_runs

    repeat, first = await recent_runs()
    assert repeat.rlhf_scores["overall"] < first.rlhf_scores["overall"]
