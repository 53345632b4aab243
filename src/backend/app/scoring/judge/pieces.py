"""Sentences and lines, so that one of them can be left out."""

import re
from collections.abc import Iterator

_END = re.compile(r"[.!?;](?=\s)\s+|[。｡\uff01\uff1f\uff1b]\s*|[\n\r\u2028\u2029\u0085\v\f]\s*")


def pieces(text: str) -> Iterator[str]:
    """`text` in sentences and lines, each with the white space behind it; joined they are `text` again."""
    start = 0
    for match in _END.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]
