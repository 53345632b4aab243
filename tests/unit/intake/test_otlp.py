"""Which spans are runs, whose they are, and how they went."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.intake.domain.otlp import MAX_TEXT, MAX_TOOLS, Reading, read_spans
from app.intake.domain.spans import STATUS_ERROR, Span

TRACE = "5b8efff798038103d269b633813fc60c"
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "sage"}


def span(number: int, parent: int = 0, attributes: dict[str, Any] | None = None, **more: Any) -> Span:
    """The span of a number within one trace, below the one of the number `parent`."""
    fields = {
        "trace_id": TRACE,
        "span_id": f"{number:016x}",
        "parent_id": f"{parent:016x}" if parent else "",
        "name": "work",
        "start_ns": 1_796_000_000_000_000_000,
        "end_ns": 1_796_000_001_000_000_999,
        "status_code": 0,
        "status_message": "",
        "attributes": attributes or {},
        "service": "unknown_service:python",
        **more,
    }
    return Span(**fields)


def read(*spans: Span) -> Reading:
    """What spans tell, whose order must not matter."""
    reading = read_spans(spans)
    backwards = read_spans(spans[::-1])
    assert (reading.reports, reading.others) == (backwards.reports[::-1], backwards.others)
    return reading


def test_the_outermost_agent_is_the_run() -> None:
    job, outer, chat, inner = (
        span(1),
        span(2, 1, AGENT),
        span(3, 2),
        span(4, 3, {**AGENT, "gen_ai.agent.name": "helper"}),
    )
    reading = read(inner, chat, outer, job)
    assert [report.agent_id for report in reading.reports] == ["sage"]
    assert reading.others == 3
    # Told before the one it works for has ended, it is a run of its own.
    assert [report.agent_id for report in read(inner, chat).reports] == ["helper"]
    # Agents side by side are a run each, and so are those of different traces.
    assert len(read(span(1), span(2, 1, AGENT), span(3, 1, AGENT)).reports) == 2
    assert len(read(span(2, 0, AGENT), span(3, 2, AGENT, trace_id=TRACE[::-1])).reports) == 2


def test_spans_that_are_each_others_parents_are_read_once() -> None:
    ring = [span(1, 2, AGENT), span(2, 1, AGENT)]
    assert len(read_spans(ring).reports) == 1
    assert len(read_spans([span(1, 1, AGENT)]).reports) == 1


@pytest.mark.parametrize(
    ("name", "attributes", "service", "agent"),
    [
        ("invoke_agent x", {"gen_ai.agent.name": " Sage ", "gen_ai.agent.id": "asst_1"}, "fleet", "Sage"),
        ("invoke_agent x", {"gen_ai.agent.id": "asst_1"}, "fleet", "asst_1"),
        ("invoke_agent Sage the\nfirst", {}, "fleet", "Sage the\nfirst"),
        ("invoke_workflow nightly", {"gen_ai.workflow.name": "w"}, "fleet", "w"),
        ("invoke_agent", {}, "fleet", "fleet"),
        ("invoke_agent", {"gen_ai.agent.name": "a\0b"}, "fleet", "a\N{REPLACEMENT CHARACTER}b"),
        ("invoke_agent", {"gen_ai.agent.name": "  ", "openclaw.agent": "unknown"}, "fleet", "fleet"),
    ],
)
def test_whose_run_it_is(name: str, attributes: dict[str, Any], service: str, agent: str) -> None:
    told = span(1, 0, {"gen_ai.operation.name": "invoke_agent", **attributes}, name=name, service=service)
    assert read(told).reports[0].agent_id == agent


def test_a_span_that_names_nobody_is_refused() -> None:
    reading = read(span(1, 0, {"gen_ai.operation.name": "invoke_agent"}))
    assert (reading.reports, len(reading.refused), reading.others) == ([], 1, 0)


@pytest.mark.parametrize(
    ("attributes", "code", "message", "status", "summary"),
    [
        ({}, 0, "", "success", None),
        ({}, 1, "fine", "success", None),
        ({}, STATUS_ERROR, "", "failed", "the span ended with an error"),
        ({}, STATUS_ERROR, "no disk", "failed", "no disk"),
        ({"error.type": "timeout"}, 0, "", "failed", "timeout"),
        ({"error.type": "timeout"}, STATUS_ERROR, "timeout", "failed", "timeout"),
        ({"openclaw.outcome": "completed"}, 0, "", "success", None),
        ({"openclaw.outcome": "blocked"}, 0, "", "failed", "blocked"),
        (
            {"openclaw.outcome": "error", "openclaw.errorCategory": "network", "openclaw.error": "reset"},
            STATUS_ERROR,
            "",
            "failed",
            "network: reset",
        ),
        ({"runlog.summary": "Tried"}, STATUS_ERROR, "no disk", "failed", "Tried"),
    ],
)
def test_how_it_went(
    attributes: dict[str, Any], code: int, message: str, status: str, summary: str | None
) -> None:
    told = span(1, 0, {**AGENT, **attributes}, status_code=code, status_message=message)
    (report,) = read(told).reports
    assert (report.status, report.actions.get("summary")) == (status, summary)


def test_what_is_kept_is_bounded_and_dated_by_the_span() -> None:
    tools = [span(n, 1, {"gen_ai.tool.name": f"tool {n}" + "x" * 1000}) for n in range(2, 102)]
    error = "password=hunter2hunter2 " + "y" * 10_000
    told = span(1, 0, {**AGENT, "gen_ai.response.model": "m" * 1000}, status_code=2, status_message=error)
    (report,) = read(told, *tools).reports
    assert len(report.actions["tools"]) == MAX_TOOLS
    assert max(map(len, report.actions["tools"])) == 200
    assert len(report.actions["error"]) == MAX_TEXT
    assert "hunter2" not in report.actions["error"]
    assert len(report.actions["model"]) == 200
    assert report.run_key == f"otlp:{TRACE}:{1:016x}"
    assert report.actions["duration_ms"] == 1000
    start = datetime(2026, 11, 30, 0, 53, 20, tzinfo=UTC)
    assert (report.started_at, report.finished_at) == (start, start + timedelta(seconds=1))
