"""An installation whose results were kept twice is brought to the tables of today."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from app.db.session import transaction
from app.models import AgentRunLog
from app.schema import fill
from app.schema.sync import find_drift, rebuild_state, sync_schema
from app.scoring.pipeline import score_runs
from app.scoring.records import results_of_run
from app.scoring.status import results_by_version
from app.services.agent_run_log_service import write_run_log
from support.schema_databases import query, run_sql

# A row for every result, also for the one that the run shows; and no count of these.
AS_BEFORE = """
    INSERT INTO agent_run_score (run_id, scorer, version, auto, dimensions, reasons, scored_at)
    SELECT id, rlhf_scores->>'scorer', rlhf_scores->>'version', (rlhf_scores->>'auto')::float8,
        rlhf_scores->'dimensions', rlhf_scores->'reasons', (rlhf_scores->>'scored_at')::timestamptz
    FROM agent_run_log WHERE rlhf_scores IS NOT NULL;
    INSERT INTO agent_run_score (run_id, scorer, version, auto, dimensions, reasons)
    SELECT id, 'rubric', 'old', 0.25, '{}', '[]' FROM agent_run_log;
    DROP TABLE score_rollup
"""
BESIDE = "SELECT version, count(*) FROM agent_run_score GROUP BY version"


async def _record(count: int) -> None:
    """So many scored runs."""
    run_ids = [await write_run_log("sage", {"summary": f"Fixed leak {n}"}) for n in range(count)]
    async with transaction() as session:
        await score_runs(session, run_ids)


async def _results() -> tuple[dict[Any, Sequence[Any]], dict[tuple[str, str], int]]:
    """The results of each run, and how many there are of each version."""
    async with transaction() as session:
        runs = await session.execute(
            AgentRunLog.__table__.select().with_only_columns(AgentRunLog.id, AgentRunLog.rlhf_scores)
        )
        results = {
            run_id: sorted(await results_of_run(session, run_id, scores), key=lambda result: result.version)
            for run_id, scores in runs.all()
        }
        counts = await results_by_version(session)
    return results, {kind: count.runs for kind, count in counts.items()}


def test_what_the_runs_show_is_kept_once_after_the_upgrade(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_record(30))
    ((version,),) = query(database, "SELECT DISTINCT rlhf_scores->>'version' FROM agent_run_log")
    run_sql(database, AS_BEFORE)
    assert "table score_rollup is missing" in asyncio.run(find_drift(database))
    monkeypatch.setattr(fill, "CHUNK_RUNS", 7)
    asyncio.run(sync_schema(database))
    assert asyncio.run(find_drift(database)) == []
    assert query(database, BESIDE) == [("old", 30)]
    results, counts = asyncio.run(_results())
    assert counts == {("rubric", version): 30, ("rubric", "old"): 30}
    assert {tuple(result.version for result in of_run) for of_run in results.values()} == {(version, "old")}


def test_a_result_that_a_scorer_is_writing_is_left(database: str) -> None:
    """As if the run were about to show another result, of which the removal cannot know."""
    asyncio.run(_record(2))
    run_sql(database, AS_BEFORE)
    asyncio.run(sync_schema(database))
    ((version,),) = query(database, "SELECT DISTINCT rlhf_scores->>'version' FROM agent_run_log")
    run_sql(database, AS_BEFORE.partition(";")[0])
    written, end = threading.Event(), threading.Event()

    async def write() -> None:
        async with transaction() as session:
            connection = await session.connection()
            await connection.exec_driver_sql(
                f"UPDATE agent_run_score SET attempts = 1 WHERE version = '{version}' AND run_id ="  # noqa: S608
                " (SELECT min(id::text)::uuid FROM agent_run_log)"
            )
            written.set()
            await asyncio.to_thread(end.wait)

    scorer = threading.Thread(target=asyncio.run, args=(write(),))
    scorer.start()
    try:
        assert written.wait(60)
        asyncio.run(rebuild_state(database))
        assert dict(query(database, BESIDE)) == {version: 1, "old": 2}
    finally:
        end.set()
        scorer.join()


def test_the_rows_to_remove_are_found_by_their_runs(database: str) -> None:
    run_sql(
        database,
        """
        INSERT INTO agent_run_log (agent_id, created_at, rlhf_scores)
        SELECT 'sage', now() - n * interval '1 minute', '{"overall": 0.5, "auto": 0.5, "scorer": "rubric",
            "version": "1", "dimensions": {}, "reasons": [], "scored_at": "2026-11-22T10:00:00Z"}'
        FROM generate_series(1, 3000) AS n;
        INSERT INTO agent_run_score (run_id, scorer, version, auto, dimensions, reasons)
        SELECT id, 'rubric', '1', 0.5, '{}', '[]' FROM agent_run_log;
        INSERT INTO rollup_gap VALUES ('infinity')
        """,
    )
    removal = str(fill.REMOVE_SHOWN).replace(":since", "'-infinity'")
    plan = "\n".join(line for (line,) in query(database, f"EXPLAIN (ANALYZE) {removal}"))
    assert "agent_run_score_pkey" in plan
    assert "idx_agent_run_score_version" not in plan
    assert query(database, BESIDE) == []
