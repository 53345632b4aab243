"""Places in a list that is read page by page, as an opaque text for the client."""

import base64
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

EARLIEST, LATEST = -(2**63), 2**63 - 1
"""PostgreSQL's `-infinity` and `infinity`, in its own microseconds."""

CURSOR_PATTERN = r"^[du][A-Za-z0-9_-]{32}$"
# Microseconds since 2000 of the moments that PostgreSQL has: 4714-11-24 BC to the end of the year 294276.
_FIRST, _LAST = -211_813_488_000_000_000, 9_223_371_331_199_999_999
_NO_CURSOR = "not a cursor of this list: ask for the first page without one"
_DATED, _UNDATED = "d", "u"
AGENT_CURSOR_PATTERN = r"^a[A-Za-z0-9_-]{11,1380}$"  # eight bytes and an id of up to 255 characters
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_MOMENT, _PLACE = struct.Struct(">q"), struct.Struct(">q16s")


def micros_of(moment: datetime) -> int:
    """A moment as PostgreSQL keeps it: microseconds since 2000 UTC."""
    return (moment - _BEGINNING) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime | None:
    """The moment that many microseconds after 2000 UTC; None where Python has none."""
    try:
        return _BEGINNING + timedelta(microseconds=micros)
    except OverflowError:
        return None


class Cursor(NamedTuple):
    """A place in the log: right after this run, newest first, where runs without a date come last.

    `micros` is the run's `created_at` as PostgreSQL keeps it: microseconds since 2000 UTC, `EARLIEST` or
    `LATEST`, or None without a date. Python's years end before PostgreSQL's do.
    """

    micros: int | None
    id: UUID

    @classmethod
    def after(cls, run_id: UUID, moment: bytes | None) -> "Cursor":
        """The place after a run; `moment` is what `timestamptz_send` gives of its `created_at`."""
        return cls(None if moment is None else _MOMENT.unpack(moment)[0], run_id)

    def encode(self) -> str:
        """As an opaque URL-safe string."""
        kind = _UNDATED if self.micros is None else _DATED
        return kind + base64.urlsafe_b64encode(_PLACE.pack(self.micros or 0, self.id.bytes)).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor that `encode` made. Raises `ValueError` for what does not match `CURSOR_PATTERN`.

        A moment that PostgreSQL does not have is taken for the nearest that it has.
        """
        if not re.fullmatch(CURSOR_PATTERN, text):
            raise ValueError(_NO_CURSOR)
        micros, id_bytes = _PLACE.unpack(base64.urlsafe_b64decode(text[1:]))
        if text[0] == _UNDATED:
            return cls(None, UUID(bytes=id_bytes))
        is_infinite = micros in (EARLIEST, LATEST)
        return cls(micros if is_infinite else min(max(micros, _FIRST), _LAST), UUID(bytes=id_bytes))


class AgentCursor(NamedTuple):
    """A place among agents: right after this one, by their newest runs, newest first, and then by id.

    `micros` is when its newest run was created, in microseconds since 2000 UTC.
    """

    micros: int
    agent_id: str

    @classmethod
    def after(cls, agent_id: str, moment: datetime) -> "AgentCursor":
        """The place after the agent whose newest run was created at `moment`."""
        return cls(micros_of(moment), agent_id)

    def encode(self) -> str:
        """As an opaque URL-safe string."""
        place = _MOMENT.pack(self.micros) + self.agent_id.encode()
        return "a" + base64.urlsafe_b64encode(place).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "AgentCursor":
        """The cursor that `encode` made. Raises `ValueError` for what does not match `AGENT_CURSOR_PATTERN`.

        Any other text that matches it is some place, too.
        """
        if not re.fullmatch(AGENT_CURSOR_PATTERN, text):
            raise ValueError(_NO_CURSOR)
        digits = text[1:] if len(text) % 4 != 2 else text[1:-1]  # a last digit alone holds no byte
        place = base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))
        (micros,) = _MOMENT.unpack(place[: _MOMENT.size])
        agent_id = place[_MOMENT.size :].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return cls(min(max(micros, _FIRST), _LAST), agent_id)
