"""`/runs`: the log, newest first, by any filter."""

from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy.exc import DBAPIError

from app.agents.identity import Identity, identity_of
from app.agents.registry import identities
from app.db.problems import TOO_MUCH, problem
from app.db.session import transaction
from app.kit.sql import database_now
from app.runs.browsing import WINDOW_RUNS, ListedRun, browse
from app.runs.scores import overall_score
from app.scoring.domain.states import score_word, scoring_state
from app.web.rendering import render
from app.web.run_query import LABELS, PATH, SPANS, STATUSES, RunQuery

RUNS_A_PAGE = 50
"""As many as the other pages have rows."""

router = APIRouter(include_in_schema=False)


class RunRow(NamedTuple):
    """A run with its agent's name, its score (0..1; None without one) and that in a word."""

    run: ListedRun
    agent: Identity
    score: float | None
    word: str


@router.get(PATH)
async def get_runs(request: Request) -> Response:
    """A page of the runs that the address asks for; what is wrong with it is said beside the field."""
    async with transaction() as session:
        now = await database_now(session)
    query = RunQuery.parse(request.query_params, now)
    if query.errors:
        return _page(request, query, now, 422)
    try:
        async with transaction() as session:
            found = await browse(session, RUNS_A_PAGE, query.cursor, **query.filters)
            known = await identities(session, {run.agent_id for run in found.runs})
    except (DBAPIError, TimeoutError) as error:
        if problem(error) != TOO_MUCH:
            raise
        return _page(request, query, now, 503, took_too_long=True)
    rows = [_row(run, identity_of(run.agent_id, known)) for run in found.runs]
    return _page(request, query, now, found=found, rows=rows)


def _row(run: ListedRun, agent: Identity) -> RunRow:
    return RunRow(run, agent, overall_score(run.scores), score_word(scoring_state(run.scores, locked=False)))


def _page(request: Request, query: RunQuery, now: datetime, status: int = 200, **context: Any) -> Response:
    shown = {"found": None, "rows": [], "took_too_long": False, **context}
    return render(
        request,
        "runs.html",
        status,
        now=now,
        query=query,
        labels=LABELS,
        statuses=STATUSES,
        spans=SPANS,
        window=WINDOW_RUNS,
        **shown,
    )
