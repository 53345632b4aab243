"""`strict_json` against the standard library: the same values, and one kind of error."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit import strict_json
from app.kit.strict_json import MAX_DEPTH, StrictJSONError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**18, max_value=10**400)
    | st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
json_like = st.lists(
    st.sampled_from(b'{ } [ ] " \\ \\u00 \\ud800 : , 1 - 0. e9 null NaN \x00 \xff "a" 1e400'.split(b" ")),
    max_size=200,
).map(b"".join)


@given(values, st.booleans())
def test_reads_what_the_standard_library_writes(value: Any, ascii_only: bool) -> None:
    assert strict_json.loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary() | json_like)
def test_any_bytes_are_a_value_or_a_strict_json_error(data: bytes) -> None:
    try:
        strict_json.loads(data)
    except StrictJSONError as refusal:
        error: StrictJSONError | None = refusal
    else:
        json.loads(data.decode(), parse_int=Decimal)
        error = None
    assert error is None or error.msg


@given(st.text() | st.text(alphabet='\\"\x00\n\ud800[{'))
def test_any_text_is_checked_without_another_error(text: str) -> None:
    storable = "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
    try:
        strict_json.check_text({"a": [{text: 1}]})
    except StrictJSONError:
        assert not storable
    else:
        assert storable


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "NaN", "-Infinity", "01", "1.", ".5", "+1", "nul", "/**/1", "\u00a01"),
        *("[", "]", "[}", "[1,]", "{", "{}{}", '{"a":1,}', '{"a" 1}', "{'a': 1}"),
        *("'a'", '"a', '"\\x"', '"\\u12"', '"\n"', '"\0"'),
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(StrictJSONError):
        strict_json.loads(text.encode())


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xed\xa0\x80"', b'{"\xc3(": 1}', '"a"'.encode("utf-16")])
def test_invalid_utf8_is_refused_with_a_position(data: bytes) -> None:
    with pytest.raises(StrictJSONError, match="UTF-8") as caught:
        strict_json.loads(data)
    assert 0 <= caught.value.pos < len(data)


@pytest.mark.parametrize("number", ["1e131072", "-1e131072", "1e-16384", "1" * 131_073, "0." + "1" * 16_384])
@pytest.mark.parametrize("form", ["{}", "[{}]", '{{"a": {}}}'])
def test_a_number_beyond_numeric_is_refused(number: str, form: str) -> None:
    with pytest.raises(StrictJSONError, match="outside what PostgreSQL can hold"):
        strict_json.loads(form.format(number).encode())


@pytest.mark.parametrize(
    ("number", "most"), [("1e130000", 8), ("-7E-16000", 65), ("1e99", 10_485), ("3e+307", 3_404)]
)
def test_numbers_that_grow_beyond_a_mebibyte_when_written_are_refused(number: str, most: int) -> None:
    for count in (most, 1):
        assert len(strict_json.loads(f"[{','.join([number] * count)}]".encode())) == count
    for form in ("[{}]", '{{"a": [{}]}}'):
        with pytest.raises(StrictJSONError, match="more than 1,048,576 digits"):
            strict_json.loads(form.format(",".join([number] * (most + 1))).encode())


@pytest.mark.parametrize("digits", [1, 299, 300, 4300, 4301, 5000, 131_072])
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_of_any_size_keep_every_digit(digits: int, sign: str) -> None:
    value = strict_json.loads((sign + "7" * digits).encode())
    assert Decimal(value) == Decimal(sign + "7" * digits)


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_depth_is_allowed_to_its_limit_and_no_further(brackets: str) -> None:
    opening, closing = ("[", "]") if brackets == "[]" else ('{"a":', "}")
    strict_json.loads((opening * (MAX_DEPTH - 1) + brackets + closing * (MAX_DEPTH - 1)).encode())
    with pytest.raises(StrictJSONError, match="nested deeper than 100 levels"):
        strict_json.loads((opening * MAX_DEPTH + brackets + closing * MAX_DEPTH).encode())


@pytest.mark.parametrize("value", [["[" * 500, "{" * 500], ['\\"[' * 200], [[]] * 300, [{"[": "\\"}] * 150])
def test_brackets_that_do_not_nest_are_no_depth(value: Any) -> None:
    assert strict_json.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"[[]," + b"[]," * 100 + b'"' + b'\\"' * 500_000,
        b"[[]," + b"[]," * 100 + b'"' * 500_001,
        b"[[]," + b"[]," * 100 + b"\\" * 1_000_000,
        b"[" + b"9" * 1_000_000,
        b"1e" + b"9" * 1_000_000,
    ],
    ids=["arrays", "objects", "unterminated string", "quotes", "backslashes", "digits", "exponent"],
)
def test_a_hostile_megabyte_is_refused_at_once(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(StrictJSONError):
        strict_json.loads(data)
    assert time.process_time() - started < 10
