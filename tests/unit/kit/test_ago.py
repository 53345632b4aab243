"""How long ago, and how many, in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.text import ago, counted

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59.999, "just now"),
        (60, "1 minute ago"),
        (119.9, "1 minute ago"),
        (120, "2 minutes ago"),
        (3599, "59 minutes ago"),
        (3600, "1 hour ago"),
        (86_399, "23 hours ago"),
        (86_400, "1 day ago"),
        (400 * 86_400, "400 days ago"),
    ],
)
def test_ago_says_the_largest_whole_unit(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_moment_has_words(then: datetime) -> None:
    assert ago(then, NOW) == "just now" or ago(then, NOW).endswith("ago")


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")]
)
def test_a_number_has_its_noun(count: int, words: str) -> None:
    assert counted(count, "run") == words
