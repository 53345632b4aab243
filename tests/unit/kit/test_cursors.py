"""The cursor of the list: opaque, exact, and never an error of another kind than ValueError."""

import base64
import re
import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.cursors import AGENT_CURSOR_PATTERN, CURSOR_PATTERN, EARLIEST, LATEST, AgentCursor, Cursor

MICROSECOND = timedelta(microseconds=1)

MOMENTS = st.sampled_from([None, EARLIEST, LATEST, 0]) | st.integers(
    -211_813_488_000_000_000, 9_223_371_331_199_999_999
)


@given(MOMENTS, st.uuids())
def test_a_cursor_survives_its_encoding(micros: int | None, run_id: UUID) -> None:
    text = Cursor(micros, run_id).encode()
    assert Cursor.decode(text) == (micros, run_id)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "text",
    [*("", "x", "AAAA", "A" * 32, "A" * 33, "d" + "A" * 31, "///", "d" + "é" * 32, "\0", "%00")],
)
def test_what_is_no_cursor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor of this list: ask for the first page"):
        Cursor.decode(text)


@given(st.from_regex(CURSOR_PATTERN.replace("A-Za-z0-9_-", "ABYZabyz0189_-"), fullmatch=True))
def test_what_matches_the_pattern_is_a_place(text: str) -> None:
    place = Cursor.decode(text)
    assert Cursor.decode(place.encode()) == place


def test_a_moment_that_no_run_has_is_the_nearest_that_one_has() -> None:
    too_late = "d" + base64.urlsafe_b64encode(struct.pack(">q", LATEST - 1) + bytes(16)).decode()
    assert Cursor.decode(too_late).micros == 9_223_371_331_199_999_999


@given(
    st.integers(-211_813_488_000_000_000, 9_223_371_331_199_999_999),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=255),
)
def test_a_place_among_agents_survives_its_encoding(micros: int, agent_id: str) -> None:
    text = AgentCursor(micros, agent_id).encode()
    assert re.fullmatch(AGENT_CURSOR_PATTERN, text)
    assert AgentCursor.decode(text) == (micros, agent_id)


@given(st.from_regex(AGENT_CURSOR_PATTERN.replace("1380", "40"), fullmatch=True))
def test_what_matches_the_pattern_is_a_place_among_agents(text: str) -> None:
    place = AgentCursor.decode(text)
    assert AgentCursor.decode(place.encode()) == place


def test_a_place_among_agents_is_the_moment_of_the_newest_run() -> None:
    moment = datetime(2026, 11, 29, 10, 0, 0, 123_456, tzinfo=UTC)
    assert (
        AgentCursor.after("sage", moment).micros == (moment - datetime(2000, 1, 1, tzinfo=UTC)) // MICROSECOND
    )


@pytest.mark.parametrize("text", ["", "a", "a" + "A" * 10, "d" + "A" * 32, "a" + "=" * 20, "a" + "A" * 1381])
def test_what_is_no_place_among_agents_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor of this list"):
        AgentCursor.decode(text)
