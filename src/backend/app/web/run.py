"""`/runs/{id}`: one run, why it has its score, and what it holds."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import identity_of
from app.agents.registry import identities
from app.api.access import reads_need_token
from app.api.strict_route import StrictRoute
from app.audit.findings import findings_at
from app.config import get_settings
from app.db.engine import loads_any_depth
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.moments import UtcMoment
from app.kit.sql import database_now
from app.kit.text import escape_unprintable
from app.proof.status import run_seal
from app.runs.browsing import last_good_run, place_of, run_after, run_before
from app.runs.payloads import difference, part_at, read_payload
from app.runs.queries import find_run, get_run, key_of_run
from app.runs.scores import overall_score
from app.runs.sources import sources_of_run
from app.runs.usage import usage_of
from app.scoring.domain.marks import MARKS, mark_of, rating_of_mark
from app.scoring.domain.states import score_word
from app.scoring.ratings import rate_run, ratings_of_run, undo_rating
from app.scoring.status import scoring_of
from app.scoring.wire import FeedbackIn
from app.web.forms import address, field_errors, form_fields, see_other
from app.web.payload_tree import tree, whole_text
from app.web.rendering import render
from app.web.run_query import PATH

LONGEST_COMMAND_BYTES = 20_000
"""Of a report that the page shows as a command: more fits into no command line worth copying."""

LONGEST_SOURCE_BYTES = 4_000
"""Of what one of several sources reported that the page shows; the JSON has all of it."""

_moment = TypeAdapter(UtcMoment)

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=StrictRoute)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a run's `rlhf_scores` say beside its score: dimensions with their scores, reasons, and by whom."""

    dimensions: Mapping[str, float]
    reasons: list[str]
    scorer: str | None
    auto: float | None
    raters: int | None


@router.get("/{beginning}")
async def get_run_page(
    request: Request, beginning: str, rated: str | None = None, given: str | None = None
) -> Response:
    """A run; the beginning of an id leads to the one run whose id begins so.

    `rated` is who has just rated it, and `given` when.
    """
    async with transaction() as session:
        run_id = await find_run(session, beginning)
        if str(run_id) != beginning:
            return RedirectResponse(f"{PATH}/{run_id}", 307)
        facts = await _facts(session, run_id)
    return _page(request, facts, rated=rated, given=given)


async def _facts(session: AsyncSession, run_id: UUID) -> dict[str, Any]:
    """What is stored of a run, and around it. Raises `NotFoundError`."""
    run = await get_run(session, run_id) | await sources_of_run(session, run_id)
    run |= await scoring_of(session, run_id)
    agent_id, place = run["agent_id"], await place_of(session, run_id)
    good = await last_good_run(session, agent_id, place)
    known = await identities(session, [agent_id])
    return {
        "run": run,
        "now": await database_now(session),
        "agent": identity_of(agent_id, known),
        "before": await run_before(session, agent_id, place),
        "after": await run_after(session, agent_id, place),
        "good": good,
        "good_payload": _payload(await get_run(session, good.id)) if good else None,
        "findings": await _findings(session, agent_id, run["created_at"]),
        "ratings": await ratings_of_run(session, run_id),
        "seal": await run_seal(session, run_id),
        "sent_key": await key_of_run(
            session, agent_id, run_id, timedelta(days=get_settings().idempotency_days)
        ),
    }


def _page(request: Request, facts: Mapping[str, Any], status: int = 200, **context: Any) -> Response:
    """The page of a run of which these are the facts."""
    run, payload = facts["run"], _payload(facts["run"])
    scores = loads_any_depth(bytes(run["rlhf_scores"]).decode()) if run["rlhf_scores"] else None
    shown = {"rated": None, "given": None, "errors": {}, "typed": {}, **context}
    return render(
        request,
        "run.html",
        status,
        score=overall_score(scores),
        word=score_word(run["scoring"]),
        explanation=_explained(scores),
        difference=difference(facts["good_payload"], payload) if facts["good"] else None,
        tree=tree(payload),
        reported=[(each, _source_text(each["actions_taken"])) for each in run["sources"]],
        usage=usage_of(payload),
        command=_command(run),
        reads_need_token=reads_need_token(request.scope),
        reports_need_token=get_settings().reports_need_token,
        marks=MARKS,
        mark_of=mark_of,
        **facts,
        **shown,
    )


def _payload(run: Mapping[str, Any]) -> Any:
    raw = run["actions_taken"]
    return {} if raw is None else read_payload(bytes(raw).decode())


def _source_text(raw: msgspec.Raw | None) -> str | None:
    """A source's payload as text, as far as a page shows it; None where the run has it."""
    return None if raw is None else bytes(raw)[:LONGEST_SOURCE_BYTES].decode(errors="ignore")


async def _findings(session: AsyncSession, agent_id: str, moment: object) -> list[Any]:
    """The incidents of the agent at the time of a run, which may have no date or none that Python has."""
    if not isinstance(moment, datetime):
        return []
    interval = timedelta(seconds=get_settings().audit_interval)
    return await findings_at(session, agent_id, moment, interval)


def _explained(scores: Any) -> Explanation:
    """Other programs may have left anything in `scores`: what is none of ours is left out."""
    known = scores if isinstance(scores, dict) else {}
    dimensions, reasons, human = (known.get(name) for name in ("dimensions", "reasons", "human"))
    raters = human.get("raters") if isinstance(human, dict) else None
    return Explanation(
        dimensions={
            name: float(value)
            for name, value in (dimensions.items() if isinstance(dimensions, dict) else ())
            if isinstance(value, int | float) and 0 <= value <= 1
        },
        reasons=[each for each in reasons if isinstance(each, str)] if isinstance(reasons, list) else [],
        scorer=f"{known['scorer']} {known.get('version', '')}".strip() if "scorer" in known else None,
        auto=overall_score({"overall": known.get("auto")}),
        raters=raters if isinstance(raters, int) else None,
    )


def _command(run: Mapping[str, Any]) -> str | None:
    """The body of the request that reports this run again, quoted for a shell; None where it is too long."""
    raw = run["actions_taken"]
    if raw is not None and len(bytes(raw)) > LONGEST_COMMAND_BYTES:
        return None
    body = {name: run[name] for name in ("agent_id", "status", "actions_taken")}
    return shlex.quote(escape_unprintable(msgspec.json.encode(body).decode()))


@router.get("/{run_id}/payload")
async def get_payload(
    request: Request,
    run_id: UUID,
    path: str = "",
    start: Annotated[int, Query(ge=0)] = 0,
    whole: bool = False,
) -> Response:
    """A part of a run's payload, by its JSON pointer: from member number `start` on, or a `whole` string."""
    async with transaction() as session:
        run = await get_run(session, run_id)
    try:
        part = part_at(_payload(run), path)
    except LookupError:
        raise NotFoundError("the report has no such part") from None
    is_text = whole and isinstance(part, str)
    node = whole_text(part, path) if is_text else tree(part, path, start)
    template = "payload_part.html" if "hx-request" in request.headers else "payload.html"
    return render(request, template, run=run, node=node, start=start)


@router.post("/{run_id}/rating")
async def post_rating(request: Request, run_id: UUID) -> Response:
    """Rate a run by a form; a comment that was given before stays where none is typed."""
    fields = await form_fields(request)
    mark = fields.get("rating", "")
    given = {
        "rating": rating_of_mark(int(mark)) if mark in map(str, MARKS) else None,
        "rater": fields.get("rater", ""),
        "comment": fields.get("comment"),
    }
    try:
        async with transaction() as session:
            given_at = await _rate(session, run_id, FeedbackIn.model_validate(given))
    except ValidationError as error:
        async with transaction() as session:
            facts = await _facts(session, run_id)
        return _page(request, facts, 422, errors=field_errors(error), typed=fields)
    return see_other(address(f"{PATH}/{run_id}", "rating", rated=given["rater"], given=given_at.isoformat()))


@router.post("/{run_id}/rating/undo")
async def post_rating_undo(request: Request, run_id: UUID) -> Response:
    """Undo a person's newest rating: the one before it counts again, or none."""
    fields = await form_fields(request)
    try:
        given_at = _moment.validate_python(fields.get("given", ""))
    except ValidationError:
        raise NotFoundError("there is no such rating") from None
    async with transaction() as session:
        await undo_rating(session, run_id, fields.get("rater", ""), given_at)
    return see_other(address(f"{PATH}/{run_id}", "rating"))


async def _rate(session: AsyncSession, run_id: UUID, given: FeedbackIn) -> datetime:
    """Keep a rating, with its rater's earlier comment where it has none; returns when it was given."""
    theirs = [each for each in await ratings_of_run(session, run_id) if each.rater == given.rater]
    comment = given.comment or (theirs[0].comment if theirs else None)
    return await rate_run(session, run_id, rater=given.rater, rating=given.rating, comment=comment)
