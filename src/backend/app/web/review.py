"""`/review`: the runs most worth a person's rating, one at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.registry import identities
from app.api.strict_route import StrictRoute
from app.db.session import transaction
from app.errors import NotFoundError
from app.kit.sql import database_now
from app.kit.times import start_of_day
from app.quality.domain.agreement_report import report
from app.quality.domain.agreement_words import agreement_in_words
from app.quality.domain.review import Suggestion
from app.quality.rated_runs import rated_runs
from app.quality.review_queue import AGENTS, RUNS, runs_to_review
from app.runs.queries import get_run
from app.scoring.domain.bands import Band, band_of
from app.scoring.domain.marks import MARKS, rating_of_mark
from app.scoring.ratings import rate_run, ratings_given_since, undo_rating
from app.scoring.wire import FeedbackIn, Rater
from app.web.forms import address, field_errors, form_fields, see_other
from app.web.rendering import render

PATH = "/review"
MOST_SKIPPED = 30
"""Runs that an address remembers to have been skipped, the latest: about a kilobyte."""

REPORT_CHARACTERS = 20_000
"""Of a report that are shown: six screens. The run's own page has all of it."""

RUNS_COMPARED = 500
"""Rated runs that agreement is computed from, the newest: enough for an interval of a few percent."""

_RATER: TypeAdapter[str] = TypeAdapter(Rater)

router = APIRouter(include_in_schema=False, route_class=StrictRoute)


@dataclass(frozen=True, slots=True)
class Session:
    """Who rates, which run is asked for, and which they have skipped, the latest last."""

    rater: str = ""
    run: UUID | None = None
    skipped: tuple[UUID, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> "Session":
        """From the parameters of an address, or the fields of a form; what cannot be read is left out."""
        skipped = [found for text in parameters.get("skipped", "").split(",") if (found := _id(text))]
        return cls(
            parameters.get("rater", "").strip(),
            _id(parameters.get("run", "")),
            tuple(skipped[-MOST_SKIPPED:]),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """Those of its address."""
        return {"rater": self.rater, "skipped": ",".join(map(str, self.skipped))}

    def skipping(self, run_id: UUID) -> str:
        """The address of the next run after this one is skipped."""
        return address(PATH, **replace(self, skipped=(*self.skipped, run_id)[-MOST_SKIPPED:]).parameters)


@dataclass(frozen=True, slots=True)
class Shown:
    """The run that is to be rated, and its report: how many characters of it are left out."""

    suggestion: Suggestion
    agent: Identity
    report: str
    left_out: int
    band: Band | None


@dataclass(frozen=True, slots=True)
class Done:
    """The rating just given: of which run, its mark, when, and the score that the run has by its scorer."""

    run_id: UUID
    agent: Identity
    mark: int
    given_at: str
    score: float | None
    band: Band | None


@router.get(PATH)
async def get_review(request: Request) -> Response:
    """The next run to rate, and how far one has come."""
    asked = Session.of(request.query_params)
    if not asked.rater:
        return _who(request, {})
    try:
        rater = _RATER.validate_python(asked.rater)
    except ValidationError:
        return _who(request, {"rater": "is a name of 1 to 255 characters"}, asked.rater)
    return await _page(request, replace(asked, rater=rater), request.query_params)


@router.post(PATH + "/rate")
async def post_rating(request: Request) -> Response:
    """Rate a run by a mark, and go on to the next."""
    fields = await form_fields(request)
    asked, mark = Session.of(fields), fields.get("mark", "")
    given = {"rating": rating_of_mark(int(mark)) if mark in map(str, MARKS) else None, "rater": asked.rater}
    try:
        feedback = FeedbackIn.model_validate({**given, "comment": fields.get("comment")})
    except ValidationError as error:
        errors = field_errors(error)
        if "rater" in errors:
            return _who(request, errors, asked.rater)
        return await _page(request, asked, {}, errors=errors, comment=fields.get("comment", ""))
    if asked.run is None:
        raise NotFoundError("There is no run with this id")
    async with transaction() as session:
        given_at = await rate_run(
            session, asked.run, rater=feedback.rater, rating=feedback.rating, comment=feedback.comment
        )
    done = {"rated": str(asked.run), "mark": mark, "given": given_at.isoformat()}
    return see_other(address(PATH, **asked.parameters, **done))


@router.post(PATH + "/undo")
async def post_undo(request: Request) -> Response:
    """Undo the rating just given, and show its run again."""
    fields = await form_fields(request)
    asked, given_at = Session.of(fields), _moment(fields.get("given", ""))
    if asked.run is None or given_at is None:
        raise NotFoundError("There is no such rating")
    async with transaction() as session:
        await undo_rating(session, asked.run, asked.rater, given_at)
    return see_other(address(PATH, **asked.parameters, run=str(asked.run)))


def _who(request: Request, errors: Mapping[str, str], rater: str = "") -> Response:
    """The page that asks for the rater's name."""
    return render(request, "review_name.html", 422 if errors else 200, errors=errors, rater=rater)


async def _page(
    request: Request,
    asked: Session,
    parameters: Mapping[str, str],
    *,
    errors: Mapping[str, str] | None = None,
    comment: str = "",
) -> Response:
    async with transaction() as session:
        now = await database_now(session)
        waiting = await runs_to_review(session, rater=asked.rater, limit=AGENTS * RUNS)
        chosen = _choose(waiting, asked)
        shown = await _shown(session, chosen) if chosen else None
        done = await _done(session, parameters)
        today = await ratings_given_since(session, asked.rater, start_of_day(now))
        compared = await rated_runs(session, None, RUNS_COMPARED)
    # In a thread: it takes a while, and other requests are answered meanwhile.
    agreement = agreement_in_words(await asyncio.to_thread(report, compared), asked.rater)
    return render(
        request,
        "review.html",
        422 if errors else 200,
        now=now,
        asked=asked,
        shown=shown,
        done=done,
        left=len(waiting),
        today=today,
        agreement=agreement,
        marks=MARKS,
        errors=errors or {},
        comment=comment,
        start_again=address(PATH, rater=asked.rater),
    )


def _choose(waiting: Sequence[Suggestion], asked: Session) -> Suggestion | None:
    """The run that is asked for, where it waits for a rating, else the first that was not skipped."""
    skipped = set(asked.skipped)
    wanted = (each for each in waiting if each.run.id == asked.run)
    return next(wanted, next((each for each in waiting if each.run.id not in skipped), None))


async def _shown(session: AsyncSession, suggestion: Suggestion) -> Shown:
    run = await get_run(session, suggestion.run.id)
    text = _text(run["actions_taken"])
    score = suggestion.run.overall
    return Shown(
        suggestion,
        await _identity(session, suggestion.run.agent_id),
        text[:REPORT_CHARACTERS],
        max(0, len(text) - REPORT_CHARACTERS),
        band_of(score) if score is not None else None,
    )


async def _done(session: AsyncSession, parameters: Mapping[str, str]) -> Done | None:
    """The rating that the address says was just given."""
    run_id, mark = _id(parameters.get("rated", "")), parameters.get("mark", "")
    if run_id is None or mark not in map(str, MARKS):
        return None
    try:
        run = await get_run(session, run_id)
    except NotFoundError:
        return None
    score = _automatic_score(run["rlhf_scores"])
    return Done(
        run_id,
        await _identity(session, run["agent_id"]),
        int(mark),
        parameters.get("given", ""),
        score,
        band_of(score) if score is not None else None,
    )


async def _identity(session: AsyncSession, agent_id: str) -> Identity:
    return identity_of(agent_id, await identities(session, [agent_id]))


def _text(report: msgspec.Raw | None) -> str:
    """A report as text, as it was sent but for its line breaks."""
    return msgspec.json.format(bytes(report), indent=2).decode() if report is not None else ""


def _automatic_score(scores: msgspec.Raw | None) -> float | None:
    """What a scorer gave; None where other programs left no such number."""
    found: Any = msgspec.json.decode(bytes(scores)) if scores is not None else None
    auto = found.get("auto") if isinstance(found, dict) else None
    return auto if isinstance(auto, int | float) and 0 <= auto <= 1 else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
