"""OpenTelemetry's own exporters send traces to a server, and agents' runs are in its log."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.trace import SpanKind, StatusCode

from support.processes import free_port, serving
from support.spans import GZIP, PLAIN, exporter, traced

JSON, PROTOBUF = "application/json", "application/x-protobuf"
RUNS = "/api/v1/internal/agent-run-log"
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def runs(server: str, agent: str) -> list[dict[str, Any]]:
    """The agent's runs, oldest first."""
    found = httpx.get(f"{server}{RUNS}", params={"agent_id": agent}, timeout=60).json()["runs"]
    return list(reversed(found))


def invocation(agent: str | None, span_id: str = SPAN, **more: Any) -> dict[str, Any]:
    """An agent's span in OTLP's JSON."""
    named = [] if agent is None else [("gen_ai.agent.name", agent)]
    attributes = [("gen_ai.operation.name", "invoke_agent"), *named]
    return {
        "traceId": TRACE,
        "spanId": span_id,
        "name": "invoke_agent",
        "startTimeUnixNano": "1764547200000000000",
        "endTimeUnixNano": "1764547202500000000",
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes],
        **more,
    }


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    """An export request in OTLP's JSON, of a resource without a name."""
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def post(server: str, content: bytes, media_type: str = JSON, **headers: str) -> httpx.Response:
    """What is answered to a body."""
    return httpx.post(
        f"{server}/v1/traces", content=content, headers={"Content-Type": media_type, **headers}, timeout=60
    )


def send(server: str, *spans: dict[str, Any]) -> dict[str, Any]:
    """What is answered to spans in JSON, which have to be accepted."""
    answer = post(server, json.dumps(export(*spans)).encode())
    assert (answer.status_code, answer.headers["content-type"]) == (200, JSON)
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("encoding", ["protobuf", "json"])
@pytest.mark.parametrize("compression", [PLAIN, GZIP])
def test_an_agents_span_is_a_run(server: str, encoding: str, compression: Any) -> None:
    agent = f"sage-{encoding}-{compression.name}"
    before = datetime.now(UTC)
    with (
        traced(exporter(server, encoding, compression)) as tracer,
        tracer.start_as_current_span(f"invoke_agent {agent}", kind=SpanKind.INTERNAL) as span,
    ):
        span.set_attributes(
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.agent.name": agent,
                "gen_ai.conversation.id": "conversation-1",
                "gen_ai.request.model": "claude",
                "gen_ai.usage.input_tokens": 1200,
                "gen_ai.usage.output_tokens": 34,
                "gen_ai.input.messages": '[{"role": "user", "content": "the secret prompt"}]',
            }
        )
        with tracer.start_as_current_span("execute_tool search") as tool:
            tool.set_attributes({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
        with tracer.start_as_current_span(f"invoke_agent helper of {agent}") as helper:
            helper.set_attributes({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"})
            with tracer.start_as_current_span("execute_tool fetch") as tool:
                tool.set_attribute("gen_ai.tool.name", "fetch")
    (run,) = runs(server, agent)
    actions = run["actions_taken"]
    assert run["status"] == "success"
    assert actions.pop("duration_ms") >= 0
    assert actions == {
        "tools": ["fetch", "search"],
        "model": "claude",
        "provider": "anthropic",
        "input_tokens": 1200,
        "output_tokens": 34,
        "conversation_id": "conversation-1",
        "trace_id": f"{span.get_span_context().trace_id:032x}",
        "span_id": f"{span.get_span_context().span_id:016x}",
    }
    assert datetime.fromisoformat(run["created_at"]) - before < timedelta(minutes=10)
    assert runs(server, "helper") == []


def test_a_failed_run_says_why_with_credentials_masked(server: str) -> None:
    with (
        traced(exporter(server, "protobuf")) as tracer,
        tracer.start_as_current_span("invoke_agent") as span,
    ):
        span.set_attributes(
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.id": "nova-otel", "error.type": "timeout"}
        )
        span.set_status(StatusCode.ERROR, "no answer; password=hunter2hunter2")
    (run,) = runs(server, "nova-otel")
    assert run["status"] == "failed"
    assert run["action_summary"] == "timeout: no answer; password=[redacted]"
    assert run["actions_taken"]["error"] == run["action_summary"]


def test_an_agent_may_say_what_it_did_and_be_named_by_its_service(server: str) -> None:
    with (
        traced(exporter(server, "json"), service="nightly") as tracer,
        tracer.start_as_current_span("job"),
        tracer.start_as_current_span("invoke_workflow") as span,
    ):
        span.set_attributes(
            {"gen_ai.operation.name": "invoke_workflow", "runlog.summary": "Rotated 3 log files"}
        )
    (run,) = runs(server, "nightly")
    assert (run["action_summary"], run["consecutive_silence_count"]) == ("Rotated 3 log files", 0)


def test_an_openclaw_gateways_spans(server: str) -> None:
    with traced(exporter(server, "protobuf"), service="openclaw-gateway") as tracer:
        for trigger, outcome in (
            ("cron", "completed"),
            ("cron", "aborted"),
            ("heartbeat", "completed"),
            ("user", "completed"),
        ):
            with tracer.start_as_current_span("openclaw.run") as span:
                span.set_attributes(
                    {
                        "openclaw.agent": "ops",
                        "openclaw.outcome": outcome,
                        "openclaw.trigger": trigger,
                        "openclaw.provider": "anthropic",
                        "openclaw.model": "claude",
                    }
                )
                with tracer.start_as_current_span("openclaw.harness.run"):
                    pass
                with tracer.start_as_current_span("openclaw.tool.execution") as tool:
                    tool.set_attribute("gen_ai.tool.name", "exec")
    found = runs(server, "ops")
    assert sorted((run["status"], run["action_summary"]) for run in found) == [
        ("failed", "aborted"),
        ("success", None),
    ]
    assert {run["actions_taken"]["trigger"] for run in found} == {"cron"}
    assert found[0]["actions_taken"]["tools"] == ["exec"]


def test_a_span_that_is_sent_again_is_one_run_also_where_less_comes_along(server: str) -> None:
    tool = {
        **invocation(None, "00f067aa0ba902b7", parentSpanId=SPAN.upper(), name="execute_tool"),
        "attributes": [{"key": "gen_ai.tool.name", "value": {"stringValue": "search"}}],
    }
    for spans in ([invocation("again"), tool], [invocation("again"), tool], [invocation("again")]):
        assert send(server, *spans) == {}
    (run,) = runs(server, "again")
    detail = httpx.get(f"{server}{RUNS}/{run['id']}", timeout=60).json()
    assert [each["source"] for each in detail["sources"]] == ["otlp"]
    assert (detail["started_at"], detail["finished_at"]) == (
        "2025-12-01T00:00:00Z",
        "2025-12-01T00:00:02.500000Z",
    )
    assert run["actions_taken"]["tools"] == ["search"]
    assert run["actions_taken"]["duration_ms"] == 2500


def test_a_span_that_cannot_be_a_run_is_rejected_and_keeps_no_other_back(server: str) -> None:
    answer = send(
        server,
        invocation("kept"),
        invocation(None, "00f067aa0ba902b8"),
        invocation("x" * 256, "00f067aa0ba902b9"),
        invocation("nowhere", "0" * 16),
        invocation("tomorrow", "00f067aa0ba902bb", endTimeUnixNano=str(4102444800 * 10**9)),
        {"name": "GET /", "traceId": TRACE, "spanId": "00f067aa0ba902ba", "kind": 2, "status": None},
    )
    assert answer["partialSuccess"]["rejectedSpans"] == "4"
    assert "names no agent" in answer["partialSuccess"]["errorMessage"]
    assert len(runs(server, "kept")) == 1
    metrics = httpx.get(f"{server}/metrics", timeout=60).text
    assert 'runlog_otlp_spans_total{outcome="rejected"} 4.0' in metrics


def test_protobuf_is_answered_in_protobuf(server: str) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="invoke_agent", trace_id=b"1" * 16)
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "invoke_agent"
    answer = post(server, request.SerializeToString(), PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PROTOBUF)
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert post(server, b"", PROTOBUF).content == b""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": ' + b"[" * 100_000,
        b'{"resourceSpans": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        json.dumps(export(invocation("x", startTimeUnixNano="yesterday"))).encode(),
        json.dumps(export(invocation("x", startTimeUnixNano=2**64))).encode(),
        json.dumps(export({"attributes": [{"key": "x", "value": {"intValue": "9" * 5000}}]})).encode(),
    ],
)
def test_json_that_is_no_export_is_400(server: str, content: bytes) -> None:
    answer = post(server, content)
    assert (answer.status_code, answer.headers["content-type"]) == (400, JSON)
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


@pytest.mark.parametrize("content", [b"\xff", b"\x0a\x05", b"\x0a" * 1000])
def test_protobuf_that_is_none_is_400(server: str, content: bytes) -> None:
    answer = post(server, content, PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF)
    assert Status.FromString(answer.content).message == "the body is no OTLP protobuf"


def test_bodies_are_bounded_and_of_two_types(server: str) -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    assert post(server, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert post(server, b"x" * (1 << 20 | 1), PROTOBUF).status_code == 413
    assert post(server, b"{}", "text/plain").status_code == 415
    assert post(server, b"{}", Origin="http://evil.example").status_code == 403


def test_chains_of_parents_take_no_time_and_may_be_rings(server: str) -> None:
    count = 4000
    chain = [
        {"traceId": TRACE, "spanId": f"{n + 1:016x}", "parentSpanId": f"{(n + 1) % count + 1:016x}"}
        for n in range(count)
    ]
    assert send(server, *chain) == {}


def test_a_server_without_its_database_has_them_sent_again(tmp_path: Path) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with serving(env={"DATABASE_URL": away}, log=tmp_path / "serve.log") as url:
        answer = post(url, json.dumps(export(invocation("sage"))).encode())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == 14


@pytest.mark.anyio
async def test_nothing_of_prompts_is_stored(server: str, module_database: str) -> None:
    secret = "what the user typed"
    contents = (
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "input.value",
    )
    held = [{"key": key, "value": {"stringValue": secret}} for key in contents]
    held.append({"key": "x", "value": {"arrayValue": {"values": [{"stringValue": secret}]}}})
    span = invocation("discreet")
    assert send(server, {**span, "attributes": [*span["attributes"], *held]}) == {}
    connection = await asyncpg.connect(module_database)
    rows = await connection.fetch("SELECT agent_run_log::text FROM agent_run_log WHERE agent_id = 'discreet'")
    await connection.close()
    assert [secret in row[0] for row in rows] == [False]
