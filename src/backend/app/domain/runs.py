"""A run as the product handles it between the wire and the row."""

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid4

import msgspec

STATUSES = ("success", "partial", "failed")
MAX_AGENT_ID = 255

_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Run:
    """A validated run. `actions_json` is the agent's own JSON text, untouched."""

    agent_id: str
    status: str
    actions_json: str
    summary: str | None
    silent: bool
    idempotency_key: str | None = None
    id: UUID = field(default_factory=uuid4)

    @property
    def key(self) -> tuple[str, str | None]:
        """The idempotency key in its scope, the agent."""
        return self.agent_id, self.idempotency_key

    def digest(self) -> bytes:
        """SHA-256 of what the agent sent, the same whatever the order of keys and white space."""
        actions = json.loads(self.actions_json, parse_int=Decimal, parse_float=Decimal)
        return hashlib.sha256(_canonical([self.status, actions])).digest()
