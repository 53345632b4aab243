"""The head of a report that a connection has sent before, so that it needs no parsing again.

A client that keeps its connection sends the same lines before each report, but for the digits of the body's
length. What the parser made of these lines once, it makes of them each time.
"""

import re
from typing import NamedTuple

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"

MOST_DIGITS = 9
"""Of a length that is converted: any limit in use has fewer."""

MOST_BYTES = 1_024
"""The longest head that is kept, for each connection: five times what HTTP libraries send by themselves."""


class KnownHead(NamedTuple):
    """The bytes `before` the digits of the length and `after` them, to the empty line's end."""

    before: bytes
    after: bytes

    @classmethod
    def of(cls, report: bytes, length: bytes) -> "KnownHead | None":
        """The head of a whole report with a body of the declared `length`; None where it cannot be known."""
        end = len(report) - int(length)
        found = _LENGTH.search(report, 0, min(end, MOST_BYTES))
        if found is None or found[1] != length or report.find(_END) + len(_END) != end or end > MOST_BYTES:
            return None
        return cls(report[: found.start(1)], report[found.end(1) : end])

    def body_of(self, data: bytes, most: int) -> bytes | None:
        """The body, of at most so many bytes, where `data` is one whole report with this head; else None."""
        before, after = self
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(b"\r", start, start + MOST_DIGITS + 1)
        length = data[start:end]
        if end < 0 or not length.isdigit() or int(length) > most or not data.startswith(after, end):
            return None
        start = end + len(after)
        return data[start:] if len(data) == start + int(length) else None
