"""The product's own spans: what is traced, what they say, and whom they belong to."""

from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from app import tracing
from app.config import Settings, get_settings
from app.errors import ConfigError
from app.tracing import require_tracing, span, start_tracing, stop_tracing
from support.applications import opened
from support.receiver import Receiver, receiving
from support.spans import collected

pytestmark = pytest.mark.anyio

ENDPOINT = "/api/v1/internal/agent-run-log"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Where the spans of this process go, once they are wanted."""
    with receiving() as receiver:
        receiver.status = 200
        monkeypatch.setenv("RUNLOG_TRACES_URL", f"http://127.0.0.1:{receiver.port}")
        get_settings.cache_clear()
        yield receiver
        stop_tracing()


async def test_a_report_is_traced_to_its_commit_within_the_trace_of_its_agent(
    collector: Receiver, database: str
) -> None:
    async with opened() as client:
        report = {"agent_id": "sage", "status": "success", "actions_taken": {"summary": "my secret"}}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert (await client.post(ENDPOINT, json=report, headers=headers)).status_code == 204
        assert (await client.get(ENDPOINT)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
    inserted, request = collected(collector)
    assert (inserted.name, request.name) == ("insert run", f"POST {ENDPOINT}")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (inserted.trace_id, inserted.parent_span_id) == (request.trace_id, request.span_id)
    assert not any(b"secret" in each.SerializeToString() for each in (inserted, request))


async def test_what_fails_says_so_without_its_words(collector: Receiver) -> None:
    start_tracing(get_settings())
    with pytest.raises(ValueError, match="my secret"), span("score"):
        raise ValueError("my secret")
    stop_tracing()
    (made,) = collected(collector)
    assert (made.name, made.status.code) == ("score", Status.STATUS_CODE_ERROR)
    assert [(each.key, each.value.string_value) for each in made.attributes] == [("error.type", "ValueError")]
    assert b"secret" not in made.SerializeToString()


async def test_reports_go_on_while_the_collector_is_away(collector: Receiver, database: str) -> None:
    collector.status = 503
    async with opened() as client:
        assert (
            await client.post(ENDPOINT, json={"agent_id": "sage", "status": "success"})
        ).status_code == 204


def test_a_start_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    require_tracing(Settings())
    with pytest.raises(ConfigError, match="needs the extra `tracing`"):
        require_tracing(Settings(traces_url="http://collector:4318"))
