"""The cursor of the list: opaque, exact, and never an error of another kind than ValueError."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.cursors import Cursor


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_survives_its_encoding(created_at: datetime, run_id: UUID) -> None:
    text = Cursor(created_at, run_id).encode()
    assert Cursor.decode(text) == (created_at, run_id)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("text", ["", "x", "AAAA", "A" * 31, "A" * 33, "///", "é" * 32, "\0", "%00"])
def test_what_is_no_cursor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.decode(text)


@given(st.text(max_size=40) | st.text(alphabet="ABYZabyz0189-_", min_size=31, max_size=33))
def test_any_text_is_a_cursor_or_a_value_error(text: str) -> None:
    try:
        assert Cursor.decode(text).created_at.tzinfo is UTC
    except ValueError as error:
        assert str(error) == "not a cursor of this list"  # noqa: PT017
