"""A report as it lies in the spool: a line of JSON that describes it, and the body as it is sent."""

import json
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

# Where clients write them: at the end of the report, among fields that are texts without escapes.
_TIMES = re.compile(rb',"(?:started_at|finished_at)":"[^"\\]*"(?=(?:,"[a-z_]+":"[^"\\]*")*\}$)')


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One report: the JSON body of the request, its run key, and when it was made."""

    body: bytes
    run_key: str
    created_at: datetime = field(default_factory=_now)

    def without_times(self) -> "Entry":
        """The same report without when its run began and ended."""
        return Entry(_TIMES.sub(b"", self.body), self.run_key, self.created_at)

    def encode(self) -> bytes:
        """The text of its file."""
        head = {
            "run_key": self.run_key,
            "created_at": self.created_at.isoformat(),
            "bytes": len(self.body),
            "crc32": zlib.crc32(self.body),
        }
        return json.dumps(head).encode() + b"\n" + self.body

    @classmethod
    def decode(cls, text: bytes) -> "Entry":
        """The entry of a file's text. Raises `ValueError` where it is not whole or no entry at all."""
        line, _, body = text.partition(b"\n")
        try:
            head = json.loads(line)
            entry = cls(body, str(head["run_key"]), datetime.fromisoformat(head["created_at"]))
            is_whole = (head["bytes"], head["crc32"]) == (len(body), zlib.crc32(body))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError("it does not begin with the description of a report") from error
        if not is_whole:
            raise ValueError("its report is not whole, or was changed")
        return entry
