"""The JSON that a command printed on lines of its own."""

import json
from collections.abc import Iterator, Sequence

# Values that are tried, from the last one back: of an agent's stream of events its end is enough.
_MOST_TRIES = 1000
_PAIRS = {b"}": b"{", b"]": b"["}


def printed_backward(lines: Sequence[bytes]) -> Iterator[bytes]:
    """What looks like a JSON object or array on whole lines, from the last one back, as it was written.

    It is on one line, or laid out: its first line holds the opening bracket and its last line the closing
    one, both equally far to the right. What is within another is not looked at.
    """
    end, tries = len(lines) - 1, 0
    while end >= 0 and tries < _MOST_TRIES:
        start = _start_of(lines, end)
        if start is None:
            end -= 1
            continue
        tries += 1
        yield b"\n".join(lines[start : end + 1]).strip()
        end = start - 1


def is_json(text: bytes) -> bool:
    """Whether `text` is JSON as Python reads it, which takes more than a server does."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _start_of(lines: Sequence[bytes], end: int) -> int | None:
    """Where the value begins that ends with the line `end`; None where that is the end of none."""
    line = lines[end].strip()
    opening = _PAIRS.get(line[-1:])
    if opening is None:
        return None
    if line.startswith(opening):
        return end
    if line not in _PAIRS:
        return None
    indent = _indent(lines[end])
    for number in range(end - 1, -1, -1):
        text = lines[number].strip()
        if text and _indent(lines[number]) <= indent:
            is_start = _indent(lines[number]) == indent and text.startswith(opening)
            return number if is_start else None
    return None


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip())
