"""Reports over HTTP: what is refused leaves no row and no traceback, what is accepted is kept exactly."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from app.config import get_settings
from support.bad_runs import BAD_RUNS, nested

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
JSON = {"Content-Type": "application/json"}
RUN = {"agent_id": "sage", "status": "success"}


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is logged as an error, and no traceback at all."""
    yield
    records = caplog.get_records("call")
    assert not [record for record in records if record.exc_info or record.levelno >= logging.ERROR]


async def rows(db: asyncpg.Connection) -> int:
    """How many runs there are."""
    count: int = await db.fetchval("SELECT count(*) FROM agent_run_log")
    return count


def check_fastapi_errors(answer: httpx.Response) -> list[dict[str, Any]]:
    """The answer is a 422 in FastAPI's shape; returns its errors."""
    assert answer.status_code == 422
    errors: list[dict[str, Any]] = answer.json()["detail"]
    assert errors
    for error in errors:
        assert {"type", "loc", "msg"} <= set(error) <= {"type", "loc", "msg", "ctx"}
        assert error["msg"]
    return errors


@pytest.mark.usefixtures("quiet")
async def test_every_bad_report_is_a_422_that_says_why_and_leaves_no_row(
    api: httpx.AsyncClient, db: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    for case in BAD_RUNS:
        body, place = case.values
        with subtests.test(case.id):
            answer = await api.post(ENDPOINT, content=body, headers=JSON)
            errors = check_fastapi_errors(answer)
            assert place in {str(part) for error in errors for part in error["loc"]}
            assert len(answer.content) < 8000
    assert await rows(db) == 0


@pytest.mark.usefixtures("quiet")
async def test_a_body_that_is_not_declared_as_json_is_refused(
    api: httpx.AsyncClient, db: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    for content_type in (None, "", "text/plain", "application/x-www-form-urlencoded", "json"):
        with subtests.test(content_type):
            headers = {"Content-Type": content_type} if content_type is not None else {}
            answer = await api.post(ENDPOINT, content=json.dumps(RUN).encode(), headers=headers)
            assert check_fastapi_errors(answer)[0]["loc"] == ["header", "Content-Type"]
    assert await rows(db) == 0


async def test_a_body_declared_as_json_is_taken(api: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    taken = ("application/json", "application/json; charset=utf-8", "Application/JSON", "application/x+json")
    for content_type in taken:
        with subtests.test(content_type):
            headers = {"Content-Type": content_type}
            answer = await api.post(ENDPOINT, content=json.dumps(RUN), headers=headers)
            assert answer.status_code == 204


@pytest.mark.usefixtures("quiet")
async def test_a_bad_idempotency_key_is_refused(
    api: httpx.AsyncClient, db: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    bad: tuple[Any, ...] = ("", "k" * 256, "a b", "a\tb", "\x7f", "ключ".encode())
    for key in bad:
        with subtests.test(repr(key)[:20]):
            errors = check_fastapi_errors(
                await api.post(ENDPOINT, json=RUN, headers={"Idempotency-Key": key})
            )
            assert [part.lower() for part in errors[0]["loc"]] == ["header", "idempotency-key"]
    assert await rows(db) == 0


EXAMPLES = [
    {
        "agent_id": "sage",
        "status": "success",
        "actions_taken": {
            "summary": "Fixed database connection pool leak in session.py",
            "files_changed": ["src/backend/app/db/session.py"],
            "tests_run": 14,
            "tests_passed": 14,
            "pr_created": "#3456",
        },
    },
    {
        "agent_id": "aurora",
        "status": "partial",
        "actions_taken": {
            "summary": "Ran QA suite; 3 of 5 test suites passed",
            "suites_total": 5,
            "suites_passed": 3,
            "failures": ["test_billing_edge_cases", "test_oauth_refresh"],
        },
    },
    {
        "agent_id": "nova",
        "status": "failed",
        "actions_taken": {
            "summary": "Security scan aborted: dependency resolution timeout",
            "error": "pip install timed out after 120s",
        },
    },
]


@pytest.mark.parametrize("run", EXAMPLES, ids=[run["agent_id"] for run in EXAMPLES])
async def test_the_specifications_examples_become_rows(
    api: httpx.AsyncClient, db: asyncpg.Connection, run: dict[str, Any]
) -> None:
    before = await db.fetchval("SELECT clock_timestamp()")
    answer = await api.post(ENDPOINT, json=run)
    assert (answer.status_code, answer.content) == (204, b"")
    row = await db.fetchrow("SELECT * FROM agent_run_log")
    assert (row["agent_id"], row["status"]) == (run["agent_id"], run["status"])
    assert json.loads(row["actions_taken"]) == run["actions_taken"]
    assert row["action_summary"] == run["actions_taken"]["summary"]
    assert row["consecutive_silence_count"] == 0
    assert row["rlhf_scores"] is None
    assert before <= row["created_at"] == row["run_at"] <= await db.fetchval("SELECT clock_timestamp()")


async def test_the_same_report_twice_is_two_rows(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    for _ in range(2):
        assert (await api.post(ENDPOINT, json=RUN)).status_code == 204
    assert await rows(db) == 2


async def test_actions_default_to_an_empty_object(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    await api.post(ENDPOINT, json={"agent_id": "  sage\n", "status": "success", "unknown": {"x": 1}})
    row = await db.fetchrow("SELECT * FROM agent_run_log")
    assert (row["agent_id"], row["actions_taken"], row["action_summary"]) == ("sage", "{}", None)
    assert row["consecutive_silence_count"] == 1


@pytest.mark.parametrize(
    "number",
    [
        "7" * 5000,
        "-" + "7" * 5000,
        "12345678901234567890",
        "0.1234567890123456789012345678901234567890",
        "1.500",
    ],
)
async def test_numbers_are_kept_digit_by_digit(
    api: httpx.AsyncClient, db: asyncpg.Connection, number: str
) -> None:
    body = f'{{"agent_id": "sage", "status": "success", "actions_taken": {{"n": {number}}}}}'
    assert (await api.post(ENDPOINT, content=body, headers=JSON)).status_code == 204
    run_id, kept = await db.fetchrow("SELECT id, actions_taken->>'n' FROM agent_run_log")
    assert kept == number
    answer = await api.get(f"{ENDPOINT}/{run_id}")
    assert f'"n": {number}' in answer.text


async def test_numbers_of_any_size_that_numeric_holds_keep_their_value(
    api: httpx.AsyncClient, db: asyncpg.Connection, subtests: pytest.Subtests
) -> None:
    kept = "SELECT actions_taken->>'n' FROM agent_run_log WHERE agent_id = $1"
    for number in ("1e400", "-1E+400", "1e131071", "1e-16383", "0e5", "-0.0", "1e-400"):
        with subtests.test(number):
            body = f'{{"agent_id": "{number}", "status": "success", "actions_taken": {{"n": {number}}}}}'
            assert (await api.post(ENDPOINT, content=body, headers=JSON)).status_code == 204
            assert Decimal(await db.fetchval(kept, number)) == Decimal(number)


async def test_nesting_to_the_limit_is_kept(api: httpx.AsyncClient, db: asyncpg.Connection) -> None:
    body = f'{{"agent_id": "sage", "status": "success", "actions_taken": {nested(100)}}}'
    assert (await api.post(ENDPOINT, content=body, headers=JSON)).status_code == 204
    assert json.loads(await db.fetchval("SELECT actions_taken FROM agent_run_log")) == json.loads(nested(100))


@pytest.mark.parametrize(
    "text", ["😀 e\u0301 \u202e \u2028", '\\ " / \b\f\n\r\t\x1f\x7f', "\uffff\ufdd0\U0010ffff"]
)
async def test_text_is_kept_exactly(api: httpx.AsyncClient, db: asyncpg.Connection, text: str) -> None:
    run = {
        "agent_id": f"agent {text}".strip(),
        "status": "success",
        "actions_taken": {"summary": text, text: [text]},
    }
    for ascii_only in (True, False):
        body = json.dumps(run, ensure_ascii=ascii_only).encode()
        assert (await api.post(ENDPOINT, content=body, headers=JSON)).status_code == 204
    for row in await db.fetch("SELECT * FROM agent_run_log"):
        assert (row["agent_id"], row["action_summary"]) == (run["agent_id"], text)
        assert json.loads(row["actions_taken"]) == run["actions_taken"]


async def test_a_summary_that_is_no_string_leaves_action_summary_null(
    api: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    summaries = [5, None, True, ["x"], {"text": "x"}]
    for summary in summaries:
        await api.post(ENDPOINT, json={**RUN, "actions_taken": {"summary": summary}})
    stored = await db.fetch("SELECT * FROM agent_run_log ORDER BY created_at")
    assert [row["action_summary"] for row in stored] == [None] * len(summaries)
    assert [json.loads(row["actions_taken"])["summary"] for row in stored] == summaries


def padded(size: int) -> bytes:
    """A valid report of exactly `size` bytes."""
    start, end = b'{"agent_id": "sage", "status": "success", "actions_taken": {"x": "', b'"}}'
    return start + b"x" * (size - len(start) - len(end)) + end


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """`body` without a declared length."""
    for start in range(0, len(body), 4096):
        yield body[start : start + 4096]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("limit", [None, 5000])
@pytest.mark.usefixtures("quiet")
async def test_a_body_at_the_limit_is_taken_and_one_over_it_is_a_413(
    api: httpx.AsyncClient,
    db: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    limit: int | None,
    chunked: bool,
) -> None:
    if limit:
        monkeypatch.setenv("RUNLOG_MAX_BODY_BYTES", str(limit))
        get_settings.cache_clear()
    statuses = []
    for size in ((limit or 1024 * 1024), (limit or 1024 * 1024) + 1):
        body = padded(size)
        answer = await api.post(ENDPOINT, content=in_chunks(body) if chunked else body, headers=JSON)
        statuses.append(answer.status_code)
    assert statuses == [204, 413]
    assert str(limit or 1024 * 1024) in answer.json()["detail"]
    assert await rows(db) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/internal/peer-swarm/heartbeat",
        "/api/v1/internal/agent-cloud/tasks",
        f"{ENDPOINT}/{{id}}/feedback",
    ],
)
@pytest.mark.usefixtures("quiet")
async def test_the_other_endpoints_refuse_bad_bodies_likewise(api: httpx.AsyncClient, path: str) -> None:
    path = path.format(id="9b2d4c1e-0000-4000-8000-000000000000")
    for body in (b"", b"{", b"[]", b"null", b'{"agent_id": "a\\u0000"}', b'{"x": NaN}', b"\xff", b"[" * 200):
        check_fastapi_errors(await api.post(path, content=body, headers=JSON))
    assert (await api.post(path, content=in_chunks(padded(2 * 1024 * 1024)), headers=JSON)).status_code == 413


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_the_log_cannot_be_changed(api: httpx.AsyncClient, method: str) -> None:
    assert (await api.request(method, ENDPOINT)).status_code == 405


async def test_a_request_id_is_answered_and_made_where_none_is_plain(api: httpx.AsyncClient) -> None:
    answer = await api.post(ENDPOINT, json=RUN, headers={"X-Request-ID": "cron-17"})
    assert answer.headers["X-Request-ID"] == "cron-17"
    answer = await api.post(ENDPOINT, json=RUN, headers={"X-Request-ID": "a b\x00"})
    assert len(answer.headers["X-Request-ID"]) == 32
