"""A run as the product handles it between the wire and the row."""

import hashlib
import random
import sys
import time
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from app.kit.strict_json import loads_as_decimals
from app.kit.times import EPOCH

STATUSES = ("success", "partial", "failed")
MAX_AGENT_ID = 255  # characters, the width of the column

AGENT = "agent"
"""The source of what an agent itself reports."""

_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
_RANDOM_BITS = (1 << 76) - 1 & ~(0b11 << 62)
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def new_run_id() -> UUID:
    """A UUID of version 7 (RFC 9562, 5.7): milliseconds since 1970, then 74 random bits.

    Ids that grow with time go to the end of the primary key's index. Random ones would each touch another
    page of it, which on a long log is a read and a full page written for every run.
    """
    millis = time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF
    # Ids are no secret, so no cryptographic generator is needed; a fork reseeds this one.
    number = millis << 80 | random.getrandbits(80) & _RANDOM_BITS | _VERSION_AND_VARIANT
    # The driver's `UUID` is one that is made, compared and written ten times as fast.
    run_id: UUID = pgproto.UUID(number.to_bytes(16))
    return run_id


def made_at(run_id: UUID) -> datetime | None:
    """When `new_run_id` made this id, by the clock of its host; None for an id made elsewhere."""
    if run_id.version != 7:
        return None
    try:
        return EPOCH + timedelta(milliseconds=run_id.int >> 80)
    except OverflowError:  # an id has room for the year 10889
        return None


class Run(msgspec.Struct, frozen=True, dict=True):
    """A validated run. `actions_json` is the agent's own JSON text, untouched.

    `idempotency_key` is its run key. `source` is who reports it, None for the agent itself; `started_at` and
    `finished_at` are when it ran, by the clock of that host.
    """

    agent_id: str
    status: str
    actions_json: str
    summary: str | None
    silent: bool
    idempotency_key: str | None = None
    id: UUID = msgspec.field(default_factory=new_run_id)
    source: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def size(self) -> int:
        """Bytes of memory that its texts take: each character as many as its widest one needs."""
        return sys.getsizeof(self.actions_json) + (sys.getsizeof(self.summary) if self.summary else 0)

    @property
    def key(self) -> tuple[str, str | None]:
        """The idempotency key in its scope, the agent."""
        return self.agent_id, self.idempotency_key

    @property
    def is_plain(self) -> bool:
        """Whether the row of the log holds all that is reported."""
        return self.source is None and self.started_at is None and self.finished_at is None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of what the agent sent, independent of the order of keys and of white space.

        It takes up to 140 ms of the largest report by default, and is made once.
        """
        actions = loads_as_decimals(self.actions_json)
        return hashlib.sha256(_canonical([self.status, actions])).digest()
