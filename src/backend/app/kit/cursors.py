"""Places in a list that is read page by page, as an opaque text for the client."""

import base64
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.kit.times import EPOCH

CURSOR_PATTERN = r"^[A-Za-z0-9_-]{32}$"
_FIRST_MICROS = (datetime(1, 1, 3, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_LAST_MICROS = (datetime(9999, 12, 29, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
_CURSOR = struct.Struct(">q16s")


class Cursor(NamedTuple):
    """A place in the log: right after this run, newest first."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """As an opaque URL-safe string."""
        micros = (self.created_at - EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(_CURSOR.pack(micros, self.id.bytes)).decode()

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The cursor that `encode` made. Raises `ValueError` for what does not match `CURSOR_PATTERN`."""
        if not re.fullmatch(CURSOR_PATTERN, text):
            raise ValueError("not a cursor of this list")
        micros, id_bytes = _CURSOR.unpack(base64.urlsafe_b64decode(text))
        since_epoch = timedelta(microseconds=min(max(micros, _FIRST_MICROS), _LAST_MICROS))
        return cls(EPOCH + since_epoch, UUID(bytes=id_bytes))
