"""One run, one row, from several sources: merged, each source kept, in any order and number."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.db.session import transaction
from app.runs.merger import merge_report
from app.runs.parsing import parse_run
from app.scoring.pipeline import score_runs
from app.scoring.ratings import rate_run

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
KEY = "openclaw:job:1764460800000"
DONE = {"summary": "Fixed a leak", "tests_passed": 14}
OWN: dict[str, Any] = {"status": "success", "actions_taken": DONE}
PLUGIN: dict[str, Any] = {
    "source": "openclaw-plugin",
    "status": "failed",
    "actions_taken": {"error": "timed out after 300 s", "summary": "Fixed"},
    "started_at": "2026-11-30T00:00:00Z",
    "finished_at": "2026-11-30T00:05:00Z",
}
ALERT: dict[str, Any] = {
    "source": "openclaw-alert",
    "status": "failed",
    "actions_taken": {"error": "timed out"},
}


async def send(
    api: httpx.AsyncClient, report: dict[str, Any], *, agent: str = "sage", key: str | None = KEY
) -> httpx.Response:
    """Report the run of `key`, by its body."""
    named = {"run_key": key} if key else {}
    return await api.post(ENDPOINT, json={"agent_id": agent, **named, **report})


async def the_run(api: httpx.AsyncClient) -> dict[str, Any]:
    """The one run that the log has, in full."""
    (run,) = (await api.get(ENDPOINT)).json()["runs"]
    found: dict[str, Any] = (await api.get(f"{ENDPOINT}/{run['id']}")).json()
    return found


async def silences(db: asyncpg.Connection) -> list[int]:
    """The silence counts of the log, the oldest first; the agent's state must say what the newest does."""
    counts = "SELECT consecutive_silence_count FROM agent_run_log ORDER BY created_at"
    found = [record[0] for record in await db.fetch(counts)]
    assert await db.fetchval("SELECT silence_count FROM agent_run_state WHERE agent_id = 'sage'") == found[-1]
    return found


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_three_sources_are_one_row_in_any_order(
    api: httpx.AsyncClient, db: asyncpg.Connection, order: tuple[int, ...]
) -> None:
    reports = OWN, PLUGIN, ALERT
    answers = [await send(api, reports[each]) for each in order]
    assert [answer.status_code for answer in answers] == [204] * 3
    assert len({answer.headers["Run-Id"] for answer in answers}) == 1
    run = await the_run(api)
    assert (run["status"], run["action_summary"]) == ("failed", "Fixed a leak")
    assert run["actions_taken"] == DONE | {"error": "timed out"}
    assert (run["started_at"], run["finished_at"]) == ("2026-11-30T00:00:00Z", "2026-11-30T00:05:00Z")
    kept = {each["source"]: (each["status"], each["actions_taken"]) for each in run["sources"]}
    assert kept == {each.get("source", "agent"): (each["status"], each["actions_taken"]) for each in reports}
    assert await db.fetchval("SELECT runs FROM agent_run_state") == 1
    assert await db.fetchval("SELECT sum(succeeded) FROM run_rollup WHERE width = 60") == 0


async def test_all_at_once_and_again_are_one_row(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    reports = [OWN, PLUGIN, ALERT] * 10
    answers = await asyncio.gather(*(send(api, report) for report in reports))
    assert [answer.status_code for answer in answers] == [204] * 30
    assert len((await the_run(api))["sources"]) == 3
    assert await db.fetchval("SELECT count(*) FROM agent_run_log") == 1


async def test_another_payload_of_the_same_source_is_refused_and_changes_nothing(
    api: httpx.AsyncClient,
) -> None:
    for report in (PLUGIN, OWN):
        await send(api, report)
    before = await the_run(api)
    for report in (PLUGIN | {"status": "success"}, OWN | {"actions_taken": {}}):
        answer = await send(api, report)
        assert answer.status_code == 422
        assert "used for another payload" in answer.json()["detail"][0]["msg"]
    assert await the_run(api) == before


async def test_header_and_body_name_the_same_run(api: httpx.AsyncClient) -> None:
    body = {"agent_id": "sage", **OWN}
    assert (await api.post(ENDPOINT, json=body, headers={"Idempotency-Key": KEY})).status_code == 204
    assert (await send(api, OWN)).status_code == 204
    assert (await send(api, PLUGIN)).status_code == 204
    assert (await the_run(api))["status"] == "failed"
    other = await api.post(ENDPOINT, json=body | {"run_key": "other"}, headers={"Idempotency-Key": KEY})
    assert other.status_code == 422
    assert other.json()["detail"][0]["loc"] == ["body", "run_key"]


async def test_a_source_without_a_key_is_a_run_of_its_own(api: httpx.AsyncClient) -> None:
    assert [(await send(api, PLUGIN, key=None)).status_code for _ in range(2)] == [204, 204]
    runs = (await api.get(ENDPOINT)).json()["runs"]
    assert len(runs) == 2
    (source,) = (await api.get(f"{ENDPOINT}/{runs[0]['id']}")).json()["sources"]
    assert (source["source"], source["actions_taken"]) == ("openclaw-plugin", None)


async def test_the_agents_own_times_are_kept_and_a_plain_report_has_no_source(api: httpx.AsyncClient) -> None:
    times = {name: PLUGIN[name] for name in ("started_at", "finished_at")}
    await send(api, OWN | times | {"source": "agent"})
    run = await the_run(api)
    assert [each["source"] for each in run["sources"]] == ["agent"]
    assert run["started_at"] == times["started_at"]
    assert (await send(api, OWN | times)).status_code == 204
    assert (await send(api, OWN)).status_code == 204
    assert len((await api.get(ENDPOINT)).json()["runs"]) == 1


async def test_a_plain_report_has_no_source(api: httpx.AsyncClient) -> None:
    await send(api, OWN, key=None)
    run = await the_run(api)
    assert (run["sources"], run["started_at"], run["finished_at"]) == ([], None, None)


async def test_what_is_silent_no_more_ends_the_silence_of_the_runs_after_it(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    quiet = {"status": "success", "actions_taken": {}}
    await send(api, quiet, key=None)
    await send(api, quiet)
    for _ in range(3):
        await send(api, quiet, key=None)
    assert await silences(db) == [1, 2, 3, 4, 5]
    assert (await send(api, PLUGIN)).status_code == 204
    assert await silences(db) == [1, 0, 1, 2, 3]
    await send(api, quiet, key=None)
    assert await silences(db) == [1, 0, 1, 2, 3, 4]


async def test_silence_is_right_while_others_report(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    quiet = {"status": "success", "actions_taken": {}}
    keys = [f"run-{n}" for n in range(20)]
    for key in keys:
        await send(api, quiet, key=key)
    merges = [send(api, PLUGIN, key=key) for key in keys[::2]]
    reports = [send(api, quiet, key=None) for _ in range(20)]
    answers = await asyncio.gather(*merges, *reports)
    assert {answer.status_code for answer in answers} == {204}
    counts = await silences(db)
    assert counts[:20] == [0, 1] * 10
    assert counts[20:] == list(range(2, 22))


async def test_it_is_scored_again_and_keeps_its_ratings(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = UUID((await send(api, OWN)).headers["Run-Id"])
    async with transaction() as session:
        await score_runs(session, [run_id])
    async with transaction() as session:
        await rate_run(session, run_id, rater="ann", rating=0.25, comment=None)
    before = (await the_run(api))["rlhf_scores"]
    await send(api, PLUGIN)
    assert (await the_run(api))["rlhf_scores"] is None
    assert await db.fetchval("SELECT sum(scored) FROM agent_rollup") == 0
    async with transaction() as session:
        await score_runs(session, [run_id])
    after = (await the_run(api))["rlhf_scores"]
    assert after["overall"] == 0.25
    assert after["auto"] != before["auto"]
    assert await db.fetchval("SELECT seconds FROM agent_run_usage") == 300.0


async def test_a_report_that_changes_nothing_leaves_the_score(api: httpx.AsyncClient) -> None:
    run_id = UUID((await send(api, OWN)).headers["Run-Id"])
    async with transaction() as session:
        await score_runs(session, [run_id])
    before = await the_run(api)
    await send(api, OWN | {"source": "exec"})
    after = await the_run(api)
    assert after["rlhf_scores"] == before["rlhf_scores"]
    assert len(after["sources"]) == 2


async def test_a_locked_run_keeps_no_other_from_being_recorded(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    run_id = (await send(api, OWN)).headers["Run-Id"]
    async with db.transaction():
        await db.execute("SELECT FROM agent_run_log WHERE id = $1 FOR NO KEY UPDATE", UUID(run_id))
        waiting = [asyncio.create_task(send(api, report)) for report in (PLUGIN, ALERT)]
        others = await asyncio.gather(*(send(api, OWN, key=f"other-{n}") for n in range(5)))
        assert {answer.status_code for answer in others} == {204}
        assert not any(task.done() for task in waiting)
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [204, 204]


async def test_a_merge_is_answered_in_time_and_is_made_when_it_is_sent_again(
    api: httpx.AsyncClient, db: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = (await send(api, OWN)).headers["Run-Id"]
    with monkeypatch.context() as hasty:
        hasty.setattr("app.runs.writer.ANSWER_SECONDS", 0.5)
        async with db.transaction():
            await db.execute("SELECT FROM agent_run_log WHERE id = $1 FOR NO KEY UPDATE", UUID(run_id))
            assert (await send(api, PLUGIN)).status_code == 503
    assert (await send(api, PLUGIN)).status_code == 204
    assert len((await the_run(api))["sources"]) == 2


async def test_a_late_report_ran_when_it_ended(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    ended = datetime.now(UTC) - timedelta(hours=5)
    await send(api, OWN | {"finished_at": ended.isoformat()})
    (card,) = (await api.get("/api/v1/public/platform/intelligence")).json()["events"]
    assert card["ago"] == "5 hours ago"
    assert await db.fetchval("SELECT created_at > now() - interval '1 minute' FROM agent_run_log")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("started_at", "1999-12-31T23:59:59Z", "before the year 2000"),
        ("finished_at", "2999-01-01T00:00:00Z", "a day ahead"),
        ("started_at", "2026-11-30T00:00:00", "with an offset"),
        ("finished_at", "yesterday", "with an offset"),
        ("finished_at", "", "with an offset"),
        ("started_at", 1764460800, "with an offset"),
        ("source", "", "match"),
        ("source", "a" * 65, "match"),
        ("source", "two\nlines", "match"),
        ("source", {"a": 1}, "string"),
        ("run_key", "", "match"),
        ("run_key", "with blank", "match"),
        ("run_key", "k" * 256, "match"),
        ("run_key", 5, "string"),
    ],
)
async def test_what_is_not_valid_is_refused_by_its_name(
    api: httpx.AsyncClient, field: str, value: object, words: str
) -> None:
    answer = await send(api, OWN | {field: value}, key=None)
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert error["loc"] == ["body", field]
    assert words in error["msg"]
    assert (await api.get(ENDPOINT)).json()["runs"] == []


async def test_null_is_as_if_left_out(api: httpx.AsyncClient) -> None:
    nothing = dict.fromkeys(("run_key", "source", "started_at", "finished_at"))
    assert (await send(api, OWN | nothing, key=None)).status_code == 204
    assert (await the_run(api))["sources"] == []


async def test_a_key_that_expires_amid_a_merge_takes_no_report_away(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    """The writer has found the run by its key, which is gone before the reports are merged."""
    await send(api, OWN)
    run_id = await db.fetchval("SELECT id FROM agent_run_log")
    await db.execute("DELETE FROM agent_run_idempotency_key")
    await merge_report(
        db, parse_run(json.dumps({"agent_id": "sage", "run_key": KEY, **PLUGIN}).encode()), run_id
    )
    run = await the_run(api)
    assert (run["status"], run["actions_taken"]) == ("failed", {**PLUGIN["actions_taken"], **DONE})
    assert {source["source"] for source in run["sources"]} == {"agent", "openclaw-plugin"}
