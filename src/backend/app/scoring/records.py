"""Keeping scorers' results: all of them beside the run, and the one that counts on the run itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.kit.strict_json import dumps_exactly
from app.models import AgentRunLog, AgentRunScore
from app.scoring.domain.results import Result, current, needs_row, shown_result, to_json, with_attempts
from app.scoring.ratings import mean_ratings
from app.scoring.scorers import active_scorers

_KEPT = (
    AgentRunScore.scorer,
    AgentRunScore.version,
    AgentRunScore.scored_at,
    AgentRunScore.auto,
    AgentRunScore.dimensions,
    AgentRunScore.reasons,
    AgentRunScore.error,
    AgentRunScore.attempts,
    AgentRunScore.retry_at,
)
_COLUMNS = ("run_id", *(column.key for column in _KEPT))
_BESIDE = select(AgentRunScore.run_id, *_KEPT).where(
    AgentRunScore.run_id == any_(bindparam("run_ids", type_=ARRAY(Uuid)))
)
_KEYS, _VALUES = _COLUMNS[:3], _COLUMNS[3:]
_WRITE = text(f"""
WITH shown AS (
    UPDATE agent_run_log AS run SET rlhf_scores = made.scores::jsonb
    FROM unnest(:run_ids, :documents) AS made (id, scores)
    WHERE run.id = made.id
), needless AS (
    DELETE FROM agent_run_score AS kept
    USING json_to_recordset(CAST(:needless AS json)) AS given (run_id uuid, scorer text, version text)
    WHERE ({", ".join(f"kept.{name}" for name in _KEYS)}) = ({", ".join(f"given.{name}" for name in _KEYS)})
)
INSERT INTO agent_run_score ({", ".join(_COLUMNS)})
SELECT {", ".join(_COLUMNS)}
FROM json_to_recordset(CAST(:results AS json)) AS given (
    run_id uuid, scorer text, version text, auto double precision, dimensions jsonb, reasons jsonb,
    error text, attempts integer, retry_at timestamptz, scored_at timestamptz
)
ON CONFLICT ({", ".join(_KEYS)}) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES)}
""").bindparams(  # noqa: S608
    bindparam("run_ids", type_=ARRAY(Uuid)),
    bindparam("documents", type_=ARRAY(Text)),
    bindparam("results", type_=Text),
    bindparam("needless", type_=Text),
)

Kind = tuple[str, str]
"""A scorer and its version."""


async def record_results(session: AsyncSession, results: Mapping[UUID, Sequence[Result]]) -> None:
    """Keep new `results` of runs, and show on each run the one that now counts. Idempotent.

    1. Lock the runs in the order of their ids, until the end of the transaction. One that does not exist is
       skipped.
    2. Read their other results and ratings: after the lock, so that none given meanwhile is missed.
    3. Number the attempts of failures, and end the retries of earlier versions of the same scorer.
    4. Choose the result that counts of each run; where it has ratings, these decide `overall`.
    5. In one statement write `rlhf_scores` of those runs for which it changed, and beside the runs the new
       results, and those that are shown no more; what a run shows has no row besides (`needs_row`).
    """
    shown_before = await _locked_scores(session, results)
    if not shown_before:
        return
    beside = await _results_beside(session, list(shown_before))
    human = await mean_ratings(session, list(shown_before))
    versions = {scorer.name: scorer.version for scorer in await active_scorers(session)}
    rows, needless, documents = [], [], {}
    for run_id, before in shown_before.items():
        kept, shown = beside.get(run_id, {}), shown_result(before)
        known = _with_shown(kept, shown)
        new = _changes(run_id, results[run_id], known)
        counts = current((known | new).values(), versions)
        if counts is not None and (after := to_json(counts, human.get(run_id))) != before:
            documents[run_id] = dumps_exactly(after)
        # A row that is there already, too: a statement about to remove it as needless sees that it changed.
        ends = {shown.kind: known[shown.kind]} if shown and counts and shown.kind != counts.kind else {}
        alone = counts if counts and counts.error is None else None
        rows += [_row(run_id, result) for result in (ends | new).values() if needs_row(result, alone)]
        if alone and alone.kind in kept and not needs_row(alone, alone):
            needless.append({"run_id": run_id, "scorer": alone.scorer, "version": alone.version})
    arguments = {
        "run_ids": list(documents),
        "documents": list(documents.values()),
        "results": dumps_exactly(rows),
        "needless": dumps_exactly(needless),
    }
    await session.execute(_WRITE, arguments)


async def _locked_scores(session: AsyncSession, run_ids: Iterable[UUID]) -> dict[UUID, Any]:
    rows = await session.execute(
        select(AgentRunLog.id, AgentRunLog.rlhf_scores)
        .where(AgentRunLog.id == any_(literal(list(run_ids), ARRAY(Uuid))))
        .order_by(AgentRunLog.id)
        .with_for_update(key_share=True)
    )
    return {row.id: row.rlhf_scores for row in rows}


def _changes(run_id: UUID, given: Iterable[Result], before: Mapping[Kind, Result]) -> dict[Kind, Result]:
    """What changes: the new results, and earlier versions' failures, which are not tried again."""
    new = {result.kind: with_attempts(result, run_id, before.get(result.kind)) for result in given}
    scorers = {result.scorer for result in new.values()}
    superseded = {
        kind: replace(result, retry_at=None)
        for kind, result in before.items()
        if result.retry_at is not None and result.scorer in scorers
    }
    return superseded | new


def _row(run_id: UUID, result: Result) -> dict[str, Any]:
    return {"run_id": run_id} | {column.key: getattr(result, column.key) for column in _KEPT}


def _with_shown(kept: Mapping[Kind, Result], shown: Result | None) -> dict[Kind, Result]:
    return ({shown.kind: shown} if shown else {}) | dict(kept)


async def _results_beside(session: AsyncSession, run_ids: Sequence[UUID]) -> dict[UUID, dict[Kind, Result]]:
    rows = await session.execute(_BESIDE, {"run_ids": run_ids})
    found: dict[UUID, dict[Kind, Result]] = {}
    for run_id, *values in rows:
        result = Result(*values)
        found.setdefault(run_id, {})[result.kind] = result
    return found


async def results_of_run(session: AsyncSession, run_id: UUID, scores: Any) -> list[Result]:
    """Every result of a run: those beside it, and the one of which `scores`, its `rlhf_scores`, were made."""
    kept = (await _results_beside(session, [run_id])).get(run_id, {})
    return list(_with_shown(kept, shown_result(scores)).values())
