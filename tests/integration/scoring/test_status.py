"""Queued, being scored, scored or failed: seen from the outside, for one run and in counts."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.scoring import scorers, status
from app.scoring.pipeline import score_runs
from app.scoring.rubric import VERSION, RunReport, Score, score
from app.scoring.status import error_reasons, results_by_version, scoring_counts
from app.services.agent_run_log_service import write_run_log
from app.tasks.rlhf_tasks import score_agent_runs

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/agent-run-log"


async def state(api: httpx.AsyncClient, run_id: UUID) -> Any:
    """The run's `scoring`."""
    return (await api.get(f"{PATH}/{run_id}")).json()["scoring"]


async def counts() -> dict[str, int]:
    """How many runs are in each state."""
    async with transaction() as session:
        return {name: count.runs for name, count in (await scoring_counts(session)).states.items()}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Scorers wait until this is set."""
    go_on = threading.Event()

    def waiting(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        go_on.wait(60)
        return score(run, history)

    monkeypatch.setattr(scorers, "score", waiting)
    yield go_on
    go_on.set()


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scorers fail, in the block."""

    def fail(run: RunReport, history: Sequence[RunReport] = ()) -> Score:
        raise ZeroDivisionError(f"no scale for {run.actions_taken['n']}")

    with monkeypatch.context() as patch:
        patch.setattr(scorers, "score", fail)
        yield


async def test_a_run_goes_from_queued_by_scoring_to_scored(
    api: httpx.AsyncClient, slow: threading.Event
) -> None:
    run_ids = [await write_run_log("sage", {"n": n}) for n in range(3)]
    assert await state(api, run_ids[0]) == {"state": "queued"}
    assert await counts() == {"queued": 3, "scoring": 0, "scored": 0, "error": 0}
    task = asyncio.create_task(asyncio.to_thread(score_agent_runs.run, [str(each) for each in run_ids[:2]]))
    while await state(api, run_ids[0]) == {"state": "queued"}:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert [(await state(api, run_id))["state"] for run_id in run_ids] == ["scoring", "scoring", "queued"]
    assert await counts() == {"queued": 1, "scoring": 2, "scored": 0, "error": 0}
    slow.set()
    await task
    assert [(await state(api, run_id))["state"] for run_id in run_ids] == ["scored", "scored", "queued"]
    assert await counts() == {"queued": 1, "scoring": 0, "scored": 2, "error": 0}


async def test_who_holds_a_run_for_another_reason_does_not_score_it(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage")
    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log FOR UPDATE")
        assert await state(api, run_id) == {"state": "queued"}


async def test_an_error_comes_with_its_reason_and_its_next_try(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids = [await write_run_log("sage", {"n": n % 2}) for n in range(3)]
    with broken(monkeypatch):
        async with transaction() as session:
            await score_runs(session, run_ids)
    answer = (await api.get(f"{PATH}/{run_ids[0]}")).json()
    (result,) = answer["scores"]
    assert answer["scoring"] == {
        "state": "error",
        "attempts": 1,
        "error": "ZeroDivisionError: no scale for 0",
        "retry_at": result["retry_at"],
    }
    assert (result["scorer"], result["auto"], result["error"]) == (
        "rubric",
        None,
        "ZeroDivisionError: no scale for 0",
    )
    assert await counts() == {"queued": 0, "scoring": 0, "scored": 0, "error": 3}
    async with transaction() as session:
        reasons = await error_reasons(session)
    assert [(reason.error[-1], reason.runs, reason.retried) for reason in reasons] == [
        ("0", 2, 2),
        ("1", 1, 1),
    ]


async def test_one_run_shows_every_result_the_latest_first(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    assert (await api.get(f"{PATH}/{run_id}")).json()["scores"] == []
    async with transaction() as session:
        await score_runs(session, [run_id])
    await _score_by_version("99", run_id, monkeypatch)
    found = (await api.get(f"{PATH}/{run_id}")).json()
    assert [result["version"] for result in found["scores"]] == ["99", VERSION]
    assert found["scores"][0]["reasons"] == found["rlhf_scores"]["reasons"]
    async with transaction() as session:
        versions = await results_by_version(session)
    assert {kind: count.runs for kind, count in versions.items()} == {
        ("rubric", VERSION): 1,
        ("rubric", "99"): 1,
    }


async def _score_by_version(version: str, run_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.scoring.rescoring import rescore_runs
    from app.scoring.scorers import find_scorer

    monkeypatch.setattr(scorers, "VERSION", version)
    async with transaction() as session:
        await rescore_runs(session, [run_id], scorer=await find_scorer(session, "rubric"))


async def test_counts_say_when_they_are_not_whole(
    db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await db.execute("""
        INSERT INTO agent_run_log (agent_id, created_at)
        SELECT 'sage', now() - n * interval '1 hour' FROM generate_series(1, 30) AS n;
        INSERT INTO agent_run_score (run_id, scorer, version, auto)
        SELECT id, 'rubric', version, 0.5 FROM agent_run_log, unnest(ARRAY['1', '2']) AS version;
        INSERT INTO agent_run_score (run_id, scorer, version)
        SELECT id, 'judge', 'a' FROM agent_run_log LIMIT 3
    """)
    monkeypatch.setattr(status, "CAP", 20)
    async with transaction() as session:
        found = await scoring_counts(session)
        versions = await results_by_version(session)
    assert found.states["queued"] == (20, False)
    oldest = await db.fetchval("SELECT min(created_at) FROM agent_run_log")
    assert found.oldest_queued_at == oldest
    assert versions == {("judge", "a"): (3, True), ("rubric", "1"): (30, False), ("rubric", "2"): (30, False)}
