"""People's ratings: each rater's last one counts, and none is ever lost."""

import asyncio
import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.errors import NotFoundError
from app.scoring.pipeline import score_runs
from app.scoring.ratings import rate_run, undo_rating
from app.services.agent_run_log_service import write_run_log

pytestmark = pytest.mark.anyio

PATH = "/api/v1/internal/agent-run-log"


async def rate(api: httpx.AsyncClient, run_id: UUID, **feedback: Any) -> httpx.Response:
    """Send one rating."""
    return await api.post(f"{PATH}/{run_id}/feedback", json=feedback)


async def withdraw(api: httpx.AsyncClient, run_id: UUID, rater: str) -> httpx.Response:
    """Withdraw one rating; `rater` as it stands in a URL."""
    return await api.delete(f"{PATH}/{run_id}/feedback/{rater}")


async def score(*run_ids: UUID) -> None:
    """Score runs as the task does."""
    async with transaction() as session:
        await score_runs(session, run_ids)


async def scores(db: asyncpg.Connection, run_id: UUID) -> Any:
    """A run's `rlhf_scores`."""
    stored = await db.fetchval("SELECT rlhf_scores FROM agent_run_log WHERE id = $1", run_id)
    return json.loads(stored) if stored else None


async def test_the_mean_of_the_ratings_decides_overall(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    auto = (await scores(db, run_id))["auto"]
    for rater, rating in (("ada", 1), ("bob", 0.5), ("eve", 0)):
        assert (await rate(api, run_id, rater=rater, rating=rating)).status_code == 204
    rated = await scores(db, run_id)
    assert (rated["overall"], rated["human"]) == (0.5, {"rating": 0.5, "raters": 3})
    assert rated["auto"] == auto
    assert {"scorer", "version", "dimensions", "reasons", "scored_at"} <= set(rated)


async def test_rating_again_replaces_ones_own_rating(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    for rater, rating in (("ada", 0), ("bob", 1), (" ada ", 0.4)):
        await rate(api, run_id, rater=rater, rating=rating, comment=f"{rating}")
    assert (await scores(db, run_id))["human"] == {"rating": 0.7, "raters": 2}
    rows = await db.fetch("SELECT rater, rating, comment FROM agent_run_feedback ORDER BY rater")
    assert [tuple(row) for row in rows] == [("ada", 0.4, "0.4"), ("bob", 1.0, "1")]


async def test_a_rating_before_the_score_is_taken_in_by_the_scorer(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await rate(api, run_id, rater="ada", rating=0.25)
    assert await scores(db, run_id) is None
    await score(run_id)
    scored = await scores(db, run_id)
    assert (scored["overall"], scored["human"]) == (0.25, {"rating": 0.25, "raters": 1})
    assert isinstance(scored["auto"], float)


async def test_a_run_whose_scorer_failed_can_be_rated(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    failed = '{"overall": null, "error": "ValueError: no", "attempts": 3}'
    await db.execute("UPDATE agent_run_log SET rlhf_scores = $1::text::jsonb", failed)
    assert (await rate(api, run_id, rater="ada", rating=0.9)).status_code == 204
    rated = await scores(db, run_id)
    assert (rated["overall"], rated["error"]) == (0.9, "ValueError: no")


async def test_rating_an_unknown_run_is_a_404(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    assert (await rate(api, uuid4(), rater="ada", rating=1)).status_code == 404
    assert await db.fetchval("SELECT count(*) FROM agent_run_feedback") == 0


@pytest.mark.parametrize(
    ("feedback", "place"),
    [
        ({"rater": "ada"}, "rating"),
        ({"rating": 1}, "rater"),
        ({"rater": "ada", "rating": -0.01}, "rating"),
        ({"rater": "ada", "rating": 1.01}, "rating"),
        ({"rater": "ada", "rating": None}, "rating"),
        ({"rater": "ada", "rating": "good"}, "rating"),
        ({"rater": "ada", "rating": 10**400}, "rating"),
        ({"rater": " ", "rating": 1}, "rater"),
        ({"rater": "a" * 256, "rating": 1}, "rater"),
        ({"rater": "a\0", "rating": 1}, "rater"),
        ({"rater": "ada", "rating": 1, "comment": "\0"}, "comment"),
        ({"rater": "ada", "rating": 1, "comment": "\ud800"}, "comment"),
        ({"rater": "ada", "rating": 1, "comment": "x" * 10_001}, "comment"),
    ],
)
async def test_a_bad_rating_is_refused(api: httpx.AsyncClient, feedback: dict[str, Any], place: str) -> None:
    run_id = await write_run_log("sage")
    answer = await api.post(
        f"{PATH}/{run_id}/feedback",
        content=json.dumps(feedback),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", place]


async def test_ratings_and_scores_at_once_lose_nothing(database: str, db: asyncpg.Connection) -> None:
    run_ids = [await write_run_log(f"agent-{n}", {"summary": "Fixed it"}) for n in range(12)]

    async def rating(run_id: UUID, rater: int) -> None:
        async with transaction() as session:
            await rate_run(session, run_id, rater=f"rater-{rater}", rating=rater / 4, comment=None)

    await asyncio.gather(
        *(score(*run_ids) for _ in range(3)),
        *(rating(run_id, rater) for rater in range(5) for run_id in run_ids),
        *(score(run_id) for run_id in run_ids),
    )
    for run_id in run_ids:
        scored = await scores(db, run_id)
        assert scored["human"] == {"rating": 0.5, "raters": 5}
        assert scored["overall"] == 0.5
        assert 0 <= scored["auto"] <= 1


async def test_the_mean_is_not_rounded(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    for rater, rating in (("ada", 1), ("bob", 0.5), ("eve", 0.5)):
        await rate(api, run_id, rater=rater, rating=rating)
    assert (await scores(db, run_id))["overall"] == pytest.approx(2 / 3, abs=1e-12)


async def test_the_ratings_are_shown_with_who_gave_them(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    assert (await api.get(f"{PATH}/{run_id}/feedback")).json() == {"ratings": []}
    await rate(api, run_id, rater="zoe", rating=0.5, comment="Says nothing of the tests")
    await rate(api, run_id, rater="ada", rating=1)
    await rate(api, run_id, rater="zoe", rating=0.75)
    first, second = (await api.get(f"{PATH}/{run_id}/feedback")).json()["ratings"]
    assert set(first) == {"rater", "rating", "comment", "created_at", "updated_at"}
    assert (first["rater"], first["rating"], first["comment"]) == ("zoe", 0.75, None)
    assert (second["rater"], second["rating"], second["comment"]) == ("ada", 1, None)
    assert first["created_at"] < second["created_at"] < first["updated_at"]
    assert (await api.get(f"{PATH}/{uuid4()}/feedback")).status_code == 404
    assert (await api.get(f"{PATH}/nonsense/feedback")).status_code == 422


async def test_overall_follows_a_rating_that_is_withdrawn(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    before = await scores(db, run_id)
    await rate(api, run_id, rater="ada", rating=0)
    await rate(api, run_id, rater="ops/bob ", rating=1)
    assert (await withdraw(api, run_id, "ada")).status_code == 204
    left = await scores(db, run_id)
    assert (left["overall"], left["human"]) == (1, {"rating": 1, "raters": 1})
    assert (await withdraw(api, run_id, "ops%2Fbob")).status_code == 204
    assert await scores(db, run_id) == before


async def test_what_was_not_given_cannot_be_withdrawn(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await rate(api, run_id, rater="ada", rating=0)
    assert (await withdraw(api, run_id, "Ada")).status_code == 404
    assert (await withdraw(api, uuid4(), "ada")).status_code == 404
    for rater in ("%00", "%20", "a" * 256):
        assert (await withdraw(api, run_id, rater)).status_code == 422
    assert await db.fetchval("SELECT count(*) FROM agent_run_feedback") == 1


async def test_a_run_without_a_score_has_none_again_once_its_rating_is_withdrawn(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    unscored, failed = [await write_run_log("sage", {"n": n}) for n in range(2)]
    error = {"overall": None, "error": "ValueError: no", "attempts": 3}
    await db.execute(
        "UPDATE agent_run_log SET rlhf_scores = $1::text::jsonb WHERE id = $2", json.dumps(error), failed
    )
    for run_id in (unscored, failed):
        await rate(api, run_id, rater="ada", rating=0.9)
        await withdraw(api, run_id, "ada")
    assert await scores(db, unscored) is None
    assert await scores(db, failed) == error


@pytest.mark.parametrize("stored", ["[]", '"done"', "5", "null", "{}"])
async def test_what_somebody_else_wrote_for_a_score_keeps_nobody_from_rating(
    api: httpx.AsyncClient, db: asyncpg.Connection, stored: str
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await db.execute("UPDATE agent_run_log SET rlhf_scores = $1::text::jsonb", stored)
    assert (await rate(api, run_id, rater="ada", rating=0.9)).status_code == 204
    assert await scores(db, run_id) == {"overall": 0.9, "human": {"rating": 0.9, "raters": 1}}
    await withdraw(api, run_id, "ada")
    assert (await scores(db, run_id))["overall"] is None


async def test_many_raters_of_one_run_at_once_lose_nothing(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})

    async def change_ones_mind(rater: int) -> None:
        await rate(api, run_id, rater=f"rater-{rater}", rating=0)
        if rater % 4 == 0:
            await withdraw(api, run_id, f"rater-{rater}")
        else:
            await rate(api, run_id, rater=f"rater-{rater}", rating=rater / 40)

    await asyncio.gather(
        *(change_ones_mind(rater) for rater in range(40)), *(score(run_id) for _ in range(5))
    )
    await score(run_id)
    given = await db.fetch("SELECT rating FROM agent_run_feedback")
    mean = sum(row["rating"] for row in given) / len(given)
    scored = await scores(db, run_id)
    assert scored["human"] == {"rating": pytest.approx(mean, abs=1e-12), "raters": 30}
    assert scored["overall"] == scored["human"]["rating"]
    assert isinstance(scored["auto"], float)


async def feedback(db: asyncpg.Connection, run_id: UUID) -> list[tuple[float, str | None]]:
    """The ratings of a run with their comments, by rater."""
    rows = await db.fetch(
        "SELECT rating, comment FROM agent_run_feedback WHERE run_id = $1 ORDER BY rater", run_id
    )
    return [(row["rating"], row["comment"]) for row in rows]


async def given(run_id: UUID, rater: str, rating: float, comment: str | None = None) -> datetime:
    """Rate a run; returns when that was."""
    async with transaction() as session:
        return await rate_run(session, run_id, rater=rater, rating=rating, comment=comment)


async def undone(run_id: UUID, rater: str, given_at: datetime) -> None:
    """Undo a rating."""
    async with transaction() as session:
        await undo_rating(session, run_id, rater, given_at)


async def test_undoing_a_rating_restores_the_one_before_with_its_comment(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await given(run_id, "ada", 0.25, "shows nothing")
    given_at = await given(run_id, "ada", 1.0)
    await undone(run_id, "ada", given_at)
    assert await feedback(db, run_id) == [(0.25, "shows nothing")]


async def test_undoing_a_first_rating_deletes_it_and_leaves_those_of_others(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    await score(run_id)
    automatic = await db.fetchval("SELECT rlhf_scores ->> 'overall' FROM agent_run_log WHERE id = $1", run_id)
    given_at = await given(run_id, "ada", 0.0)
    await undone(run_id, "ada", given_at)
    assert await feedback(db, run_id) == []
    overall = "SELECT rlhf_scores ->> 'overall' FROM agent_run_log WHERE id = $1"
    assert await db.fetchval(overall, run_id) == automatic
    await given(run_id, "ben", 0.75)
    given_at = await given(run_id, "ada", 0.25)
    await undone(run_id, "ada", given_at)
    assert await feedback(db, run_id) == [(0.75, None)]
    assert float(await db.fetchval(overall, run_id)) == 0.75


async def test_a_rating_is_undone_once_and_only_while_it_is_the_newest(db: asyncpg.Connection) -> None:
    run_id = await write_run_log("sage", {"summary": "Fixed it"})
    first = await given(run_id, "ada", 0.25)
    second = await given(run_id, "ada", 0.5)
    for rater, given_at in (("ada", first), ("ben", second)):
        with pytest.raises(NotFoundError):
            await undone(run_id, rater, given_at)
    await undone(run_id, "ada", second)
    with pytest.raises(NotFoundError):
        await undone(run_id, "ada", second)
    assert await feedback(db, run_id) == [(0.25, None)]
