"""What `--since` takes."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import parse_since


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        (" 1w ", timedelta(weeks=1)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_counts_back_from_now(text: str, back: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - back <= parse_since(text) <= datetime.now(UTC) - back


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)),
    ],
)
def test_a_time_is_utc_where_no_offset_is_given(text: str, moment: datetime) -> None:
    assert parse_since(text) == moment
    assert parse_since(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "2", "h", "2 h", "2y", "-2h", "2.5h", "²h", "999999w", "1234567s", "yesterday", "2026-13-01"),
        *("0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"),
    ],
)
def test_anything_else_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a duration"):
        parse_since(text)


@given(st.text(max_size=30) | st.from_regex(r"[0-9]{1,7}[smhdw]", fullmatch=True))
def test_any_text_is_a_time_in_utc_or_wrong_usage(text: str) -> None:
    try:
        moment = parse_since(text)
    except typer.BadParameter:
        return
    assert moment.tzinfo is UTC
