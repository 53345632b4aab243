"""Asking an endpoint over real HTTP: a judgement, or in plain words why there is none."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.config import Settings, get_settings
from app.errors import ConfigError
from app.scoring.endpoint.client import Judge
from app.scoring.judge.prompt import SCHEMA, Prompt
from app.scoring.judge.reply import Outcome, Reply
from app.wiring import judge_settings
from support.judge_stub import GOOD, Answer, Endpoint, completion, judging
from support.processes import free_port

pytestmark = pytest.mark.anyio

KEY = "s3cr3t-api-key"
PROMPT = Prompt("You judge.", "Here it is.")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A running endpoint."""
    with judging() as running:
        yield running


@asynccontextmanager
async def judge_at(url: str, **settings: Any) -> AsyncIterator[Judge]:
    """A client of the endpoint at `url`."""
    judge = Judge(
        judge_settings(Settings(judge_url=url, judge_model="m", **({"judge_api_key": KEY} | settings)))
    )
    yield judge
    await judge.close()


async def ask(endpoint: Endpoint, **settings: Any) -> Reply:
    """The reply to one call."""
    async with judge_at(endpoint.url, **settings) as judge:
        return await judge.ask(PROMPT)


async def test_a_judgement_comes_back_with_its_costs(endpoint: Endpoint) -> None:
    reply = await ask(endpoint)
    assert reply.outcome is Outcome.JUDGED
    assert reply.verdict is not None
    assert reply.verdict.overall == GOOD["overall"]
    assert (reply.prompt_tokens, reply.completion_tokens, reply.error) == (700, 60, "")
    (request,), (headers,) = endpoint.requests, endpoint.headers
    assert request["path"] == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert request["model"] == "m"
    assert [message["role"] for message in request["messages"]] == ["system", "user"]
    assert request["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_without_a_key_none_is_sent(endpoint: Endpoint) -> None:
    await ask(endpoint, judge_api_key=None)
    assert "authorization" not in endpoint.headers[0]


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/v1/", "/v1/chat/completions"),
        ("", "/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/openai?api-version=1", "/openai/chat/completions?api-version=1"),
    ],
)
async def test_the_base_url_may_have_any_form(endpoint: Endpoint, base: str, path: str) -> None:
    async with judge_at(endpoint.url.removesuffix("/v1") + base) as judge:
        await judge.ask(PROMPT)
    assert endpoint.requests[0]["path"] == path


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "no chat completion"),
        (b"<html>Hello</html>", "no chat completion"),
        (b"\xff\xfe\x00", "no chat completion"),
        (b"[]", "no chat completion"),
        (b"[" * 100_000, "no chat completion"),
        (b"{}", "no chat completion"),
        (b'{"choices": null}', "no chat completion"),
        (b'{"choices": {"message": 1}}', "no chat completion"),
        (b'{"choices": []}', "no choice"),
        (b'{"choices": [{}]}', "no chat completion"),
        (completion(None), "empty"),
        (completion(""), "empty"),
        (completion(GOOD)[:-30], "no chat completion"),
        (completion(json.dumps(GOOD)[:-20]), "no judgement"),
        (completion(GOOD, finish_reason="length"), "cut off"),
        (completion(None, refusal="I cannot help with that."), "refused to judge"),
        (completion(GOOD, finish_reason="content_filter"), "refused to judge"),
        (completion("I'm sorry, I cannot judge this."), "no judgement"),
        (completion(GOOD | {"overall": 1.5}), "no judgement"),
        (completion(GOOD | {"overall": -1}), "no judgement"),
        (completion(GOOD | {"overall": float("nan")}), "no judgement"),
        (completion(GOOD | {"overall": "0.9"}), "no judgement"),
        (completion(GOOD | {"dimensions": [1]}), "no judgement"),
        (completion(GOOD | {"reasons": None}), "no judgement"),
        (completion({"score": 1}), "no judgement"),
        (completion("x" * 100_000), "no judgement"),
        (completion("x" * 2_000_000), "longer than 512 KiB"),
        (
            b'{"choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": -5}}',
            "no chat completion",
        ),
    ],
)
async def test_any_other_answer_is_a_failure(endpoint: Endpoint, answer: bytes, why: str) -> None:
    endpoint.answers(answer)
    reply = await ask(endpoint)
    assert (reply.outcome, reply.verdict) == (Outcome.INVALID, None)
    assert why in reply.error
    assert len(reply.error) <= 300


async def test_a_small_answer_that_unpacks_without_end_is_not_unpacked(endpoint: Endpoint) -> None:
    endpoint.answers(gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"})
    assert "longer than" in (await ask(endpoint)).error


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422, 500, 502, 503, 529])
async def test_a_status_other_than_success_is_a_failure(endpoint: Endpoint, status: int) -> None:
    body = json.dumps({"error": {"message": f"no {KEY} here\x1b[31m \0"}}).encode()
    endpoint.answers(body, status=status, headers={"location": "/elsewhere"})
    async with judge_at(endpoint.url) as judge:
        while (reply := await judge.ask(PROMPT)).outcome is Outcome.FORM_REFUSED:
            pass
    assert reply.outcome is Outcome.REFUSED
    assert reply.error.startswith(f"HTTP {status} no [redacted] here")
    assert reply.error.isprintable()
    assert len(endpoint.requests) == (3 if status in (400, 422) else 1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0", 0), ("99999999999", 99999999999), ("soon", None), ("-3", None), ("", None)],
)
async def test_retry_after_in_seconds_is_read(endpoint: Endpoint, value: str, seconds: float | None) -> None:
    endpoint.answers(b"slow down", status=429, headers={"retry-after": value})
    reply = await ask(endpoint)
    assert (reply.outcome, reply.retry_after) == (Outcome.RATE_LIMITED, seconds)


async def test_retry_after_as_a_date_is_read(endpoint: Endpoint) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    endpoint.answers(b"", status=503, headers={"retry-after": date})
    reply = await ask(endpoint)
    assert reply.retry_after == pytest.approx(600, abs=100)


async def test_silence_ends_in_time(endpoint: Endpoint) -> None:
    endpoint.release.clear()
    reply = await ask(endpoint, judge_timeout=0.2)
    assert (reply.outcome, reply.error) == (Outcome.TIMEOUT, "no answer within 0.2 s")


async def test_an_answer_byte_by_byte_ends_in_time(endpoint: Endpoint) -> None:
    endpoint.answers(pause=0.05)
    assert (await ask(endpoint, judge_timeout=0.5)).outcome is Outcome.TIMEOUT


async def test_nobody_listens() -> None:
    async with judge_at(f"http://127.0.0.1:{free_port()}/v1") as judge:
        reply = await judge.ask(PROMPT)
    assert reply.outcome is Outcome.UNREACHABLE
    assert reply.error


async def test_a_server_that_hangs_up() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, judge_at(f"http://127.0.0.1:{port}/v1") as judge:
        assert (await judge.ask(PROMPT)).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize(
    ("unknown", "calls"), [((), 1), (("temperature",), 2), (("temperature", "response_format"), 3)]
)
async def test_an_endpoint_gets_what_it_knows(
    endpoint: Endpoint, unknown: tuple[str, ...], calls: int
) -> None:
    def decide(body: dict[str, Any]) -> Answer:
        if any(name in body for name in unknown):
            return Answer(b'{"error": {"message": "Unsupported parameter"}}', 400)
        return Answer(completion(f"```json\n{json.dumps(GOOD)}\n```"))

    endpoint.decide = decide
    async with judge_at(endpoint.url) as judge:
        outcomes = [(await judge.ask(PROMPT)).outcome for _ in range(calls + 2)]
    assert outcomes == [Outcome.FORM_REFUSED] * (calls - 1) + [Outcome.JUDGED] * 3


async def test_a_refusal_after_success_is_no_matter_of_form(endpoint: Endpoint) -> None:
    async with judge_at(endpoint.url) as judge:
        assert (await judge.ask(PROMPT)).outcome is Outcome.JUDGED
        endpoint.answers(b"too long", status=400)
        assert (await judge.ask(PROMPT)).outcome is Outcome.REFUSED
        endpoint.answers()
        assert (await judge.ask(PROMPT)).outcome is Outcome.JUDGED
    assert "response_format" in endpoint.requests[-1]


@pytest.mark.parametrize("key", ["schlüssel", "a b", "a\nb"])
def test_a_key_that_no_header_holds_is_an_error(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_JUDGE_API_KEY", key)
    with pytest.raises(ConfigError, match=r"^RUNLOG_JUDGE_API_KEY: must be visible ASCII characters$"):
        get_settings()


@pytest.mark.parametrize(
    ("given", "missing"), [("judge_url", "RUNLOG_JUDGE_MODEL"), ("judge_model", "RUNLOG_JUDGE_URL")]
)
def test_half_a_judge_is_an_error(given: str, missing: str) -> None:
    settings = Settings(**{given: "http://h/v1"})
    assert not settings.judge_is_on
    with pytest.raises(ConfigError, match=f"{missing} is not"):
        settings.check_judge()
