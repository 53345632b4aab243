"""JSON that PostgreSQL's JSONB can hold, read strictly and without losing anything.

JSONB refuses U+0000, unpaired surrogates and numbers outside `numeric`; Python chokes on deep
nesting and on integers of thousands of digits. All of it is found here, before any database.
"""

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import msgspec

MAX_DEPTH = 100
# PostgreSQL's numeric: digits before and after the decimal point (documentation, 8.1.2).
_NUMERIC_DIGITS = 131_072
_NUMERIC_SCALE = 16_383
MOST_DIGITS = 1_048_576
"""Digits that a document's numbers with exponents may have in all once PostgreSQL has written them out, a
mebibyte as the largest body: `1e130000` takes eight bytes to send and 130,001 for every reader."""

# An exponent of three digits or more, or three hundred digits, once every digit is a 0 and signs are gone.
_DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG_EXPONENT = b"0e000"
_EXPONENT = b"0e00"  # of two digits or more
_MANY_DIGITS = b"0" * 300
_FEW_BYTES = 40_000  # in which exponents of two digits stand for fewer than `MOST_DIGITS`
_SURROGATE = re.compile("[\ud800-\udfff]")
# Possessive, and taking a string without its end too: else it would be searched from every quote in it.
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_INT_DIGITS = 4300  # Python's default limit for converting text to int
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# How what is no UTF-8 begins, and what it is: byte order marks, `{` in two bytes or four, RFC 1952's magic.
_OTHER_FORMS = (
    (b"\xff\xfe", "UTF-16 or UTF-32"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\0", "UTF-16 or UTF-32"),
    (b"\0{", "UTF-16"),
    (b"\0\0", "UTF-32"),
    (b"\x1f\x8b", "gzip without `Content-Encoding: gzip`"),
)

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class StrictJSONError(ValueError):
    """The text is refused; `pos` is the byte offset where that is known, else 0."""

    def __init__(self, msg: str, pos: int = 0) -> None:
        super().__init__(msg)
        self.msg = msg
        self.pos = pos


def loads(data: bytes) -> Any:
    """Parse `data`; numbers that int or float cannot hold become `Decimal`.

    A byte order mark is skipped (RFC 8259, 8.1, lets a parser do so). Raises `StrictJSONError` for anything
    that is not JSON, and for nesting and numbers that JSONB cannot hold. Strings are `check_text`'s.
    """
    try:
        value = _loads_slowly(data) if _may_hold_unusual_number(data) else _loads_fast(data)
    except RecursionError:
        _refuse_depth(data)
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        _refuse_depth(data)
    return value


def holds_object(text: str) -> bool:
    """Whether `text` is itself JSON, of an object."""
    try:
        return isinstance(loads(text.encode()), dict)
    except (StrictJSONError, UnicodeEncodeError):
        return False


def _may_hold_unusual_number(data: bytes) -> bool:
    """Whether the fast parser could get a number wrong; a regular expression would take longer than it."""
    shape = data.translate(_DIGITS_ALIKE, b"+-")
    return _LONG_EXPONENT in shape or _MANY_DIGITS in shape or (len(data) > _FEW_BYTES and _EXPONENT in shape)


def _loads_fast(data: bytes) -> Any:
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _loads_slowly(data)


def _loads_slowly(data: bytes) -> Any:
    """The same by the standard library, which says where and why."""
    for beginning, form in _OTHER_FORMS:
        if data.startswith(beginning):
            raise StrictJSONError(f"the text is {form}: send UTF-8")
    numbers = _Numbers()
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            parse_int=_parse_int,
            parse_float=numbers.parse_float,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise StrictJSONError("the text is not valid UTF-8", error.start) from error
    except json.JSONDecodeError as error:
        raise StrictJSONError(error.msg, error.pos) from error


def _parse_int(token: str) -> int | Decimal:
    return int(token) if len(token) <= _INT_DIGITS else _bounded(token)


class _Numbers:
    """The numbers with a fraction or an exponent in one document, of which the digits are counted."""

    def __init__(self) -> None:
        self._digits = 0

    def parse_float(self, token: str) -> float | Decimal:
        value = float(token)
        has_exponent = "e" in token or "E" in token
        if not has_exponent and math.isfinite(value) and len(token) < len(_MANY_DIGITS):
            return value
        number = _bounded(token)
        if has_exponent:
            self._digits += _digits_written(number)
            if self._digits > MOST_DIGITS:
                raise StrictJSONError(f"its numbers have more than {MOST_DIGITS:,} digits when written out")
        return value if math.isfinite(value) else number


def _digits_written(number: Decimal) -> int:
    """The digits of a finite number written without an exponent."""
    _, digits, exponent = number.as_tuple()
    return max(len(digits), len(digits) + int(exponent), 1 - int(exponent))


def _bounded(token: str) -> Decimal:
    try:
        number = Decimal(token)
    except InvalidOperation:
        _refuse_number()
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > _NUMERIC_SCALE or number.adjusted() >= _NUMERIC_DIGITS:
        _refuse_number()
    return number


def _refuse_number() -> NoReturn:
    raise StrictJSONError("a number is outside what PostgreSQL can hold")


def _refuse_constant(token: str) -> NoReturn:
    raise StrictJSONError(f"{token} is not valid JSON")


def is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and arrays are nested in more than so many levels, found level by level."""
    level = [value] if isinstance(value, (dict, list)) else []
    while level and levels:
        levels -= 1
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
    return bool(level)


def _refuse_depth(data: bytes) -> NoReturn:
    """Say where it becomes too deep, which the parsers do not tell."""
    depth = position = 0
    for match in _BRACKETS.finditer(data):
        token = match.group()
        depth += (token in b"[{") - (token in b"]}")
        if depth > MAX_DEPTH:
            position = match.start()
            break
    raise StrictJSONError(f"the value is nested deeper than {MAX_DEPTH} levels", position)


def check_text(value: Any) -> None:
    """Raise `StrictJSONError` when a string or key in `value`, however deep, cannot be stored."""
    for text in _strings(value):
        if "\0" in text:
            raise StrictJSONError("the character U+0000 cannot be stored")
        if _SURROGATE.search(text):
            raise StrictJSONError("an unpaired surrogate (U+D800 to U+DFFF) is not valid text")


def _strings(value: Any) -> Iterator[str]:
    """Every string in `value`, keys included."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def dumps_exactly(value: Any) -> str:
    """JSON text of `value`; integers and Decimals of any size are written in full."""
    return _encode(value).decode()


def loads_as_decimals(text: str | bytes) -> Any:
    """JSON text as Python's values, its numbers as Decimals: `dumps_exactly` writes them as they were."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)
