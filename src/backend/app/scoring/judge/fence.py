"""The fence around what an agent wrote, which nothing inside can close or forge.

Each of three measures is enough alone. What is inside is one line of JSON in which `<`, `>`, and every
character that is not printed are written as escapes, while the fence's lines begin and end with these two.
Each run's fence carries a code that cannot be predicted without the key. And the code is chosen when the
content is known, so that it does not occur there.
"""

import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple
from uuid import UUID

_CODE_LENGTH = 32  # hexadecimal digits: 128 bits
_CONTEXT = b"agent-run-log judge fence "
_MARKUP = re.compile("[<>]")


class Fence(NamedTuple):
    """The two lines between which data stands."""

    opening: str
    closing: str

    def around(self, line: str) -> str:
        """`line` inside the fence."""
        return f"{self.opening}\n{line}\n{self.closing}"


def make_fence(key: bytes, run_id: UUID, content: str) -> Fence:
    """The fence of a run: the same for the same key, run and content."""
    for turn in range(len(content) + 1):
        message = _CONTEXT + run_id.bytes + turn.to_bytes(4)
        code = hmac.digest(key, message, hashlib.sha256).hex()[:_CODE_LENGTH]
        if code not in content:
            return Fence(f"<report {code}>", f"</report {code}>")
    raise AssertionError("a text holds fewer codes than it has characters")


def one_line(value: Any) -> str:
    """`value` as JSON on one line, without angle brackets and without characters that are not printed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return _MARKUP.sub(lambda match: _escaped(match[0]), text)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1] if ord(char) > 0x7E else f"\\u{ord(char):04x}"
