"""What the address of the page of runs means."""

from datetime import UTC, datetime, timedelta

import pytest

from app.web.run_query import RunQuery

NOW = datetime(2026, 11, 29, 18, tzinfo=UTC)


def test_fields_become_filters_and_an_address_again() -> None:
    typed = {"agent_id": " ops/a&b ", "status": "failed", "since": "2026-11-01T10:00", "least_score": "0.5"}
    query = RunQuery.parse({**typed, "silent": "1", "q": "", "unknown": "x"}, NOW)
    assert query.errors == {}
    assert query.filters == {
        "agent_id": "ops/a&b",
        "status": "failed",
        "since": datetime(2026, 11, 1, 10, tzinfo=UTC),
        "least_score": 0.5,
        "silent": True,
    }
    assert query.page() == (
        "/runs?agent_id=ops%2Fa%26b&status=failed&since=2026-11-01T10%3A00&least_score=0.5&silent=1"
    )
    assert query.without("status").startswith("/runs?agent_id=ops%2Fa%26b&since=")
    assert RunQuery.parse({"status": "failed"}, NOW).without("status") == "/runs"


def test_the_later_of_a_span_and_a_beginning_counts() -> None:
    assert RunQuery.parse({"span": "24h"}, NOW).filters == {"since": NOW - timedelta(hours=24)}
    both = RunQuery.parse({"span": "24h", "since": "2026-11-29T12:00Z"}, NOW)
    assert both.filters["since"] == datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("status", "done", "one of success, partial, failed"),
        ("span", "2y", "one of 1h, 24h, 7d, 30d"),
        ("since", "yesterday", "a day and time such as 2026-01-31T09:30"),
        ("until", "0000-01-01", "a day and time such as 2026-01-31T09:30"),
        ("least_score", "-1", "a number from 0 to 1"),
        ("most_score", "nan", "a number from 0 to 1"),
        ("least_score", "high", "a number from 0 to 1"),
        ("q", "x" * 256, "at most 255 characters"),
        ("agent_id", "a\0b", "no report holds the character U+0000"),
    ],
)
def test_what_is_wrong_is_said_of_its_field_and_kept(name: str, text: str, message: str) -> None:
    query = RunQuery.parse({name: text}, NOW)
    assert query.errors == {name: message}
    assert query.text(name) == text


def test_a_cursor_that_was_cut_is_that_of_the_first_page() -> None:
    assert RunQuery.parse({"cursor": "d1234"}, NOW).cursor is None
