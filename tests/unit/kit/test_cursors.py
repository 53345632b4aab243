"""The cursor of the list: opaque, exact, and never an error of another kind than ValueError."""

import base64
import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.cursors import EARLIEST, LATEST, Cursor

MOMENTS = st.sampled_from([None, EARLIEST, LATEST, 0]) | st.integers(
    -211_813_488_000_000_000, 9_223_371_331_199_999_999
)
TOO_LATE = "d" + base64.urlsafe_b64encode(struct.pack(">q", LATEST - 1) + bytes(16)).decode()


@given(MOMENTS, st.uuids())
def test_a_cursor_survives_its_encoding(micros: int | None, run_id: UUID) -> None:
    text = Cursor(micros, run_id).encode()
    assert Cursor.decode(text) == (micros, run_id)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    "text",
    [*("", "x", "AAAA", "A" * 32, "A" * 33, "d" + "A" * 31, "///", "d" + "é" * 32, "\0", "%00"), TOO_LATE],
)
def test_what_is_no_cursor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor of this list: ask for the first page"):
        Cursor.decode(text)


@given(st.text(max_size=40) | st.from_regex(r"[du][ABYZabyz0189_-]{31,33}", fullmatch=True))
def test_any_text_is_a_cursor_or_a_value_error(text: str) -> None:
    try:
        assert Cursor.decode(text).encode() == text
    except ValueError as error:
        assert str(error).startswith("not a cursor of this list")  # noqa: PT017
