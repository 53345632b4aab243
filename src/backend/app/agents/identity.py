"""The agents that have names of their own."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from app.kit.secrets import redact

BEFORE_ROLE = " -- "
"""What stands between a name and a role."""


class Identity(NamedTuple):
    """How an agent is shown."""

    name: str
    role: str | None

    @property
    def title(self) -> str:
        """The name, with the role where there is one: `Sage -- Backend`."""
        return f"{self.name}{BEFORE_ROLE}{self.role}" if self.role else self.name

    def masked(self) -> "Identity":
        """The identity without secrets, for the public."""
        return _masked(self)


@lru_cache(maxsize=16_384)
def _masked(identity: Identity) -> Identity:
    return Identity(redact(identity.name), redact(identity.role) if identity.role else identity.role)


# The agents that the specification names. It gives Sage's role; those of Aurora, Nova and Atlas are what its
# examples show them do, and the other four are this product's own.
BUILT_IN = {
    "sage": Identity("Sage", "Backend"),
    "aurora": Identity("Aurora", "QA"),
    "nova": Identity("Nova", "Security"),
    "atlas": Identity("Atlas", "Infrastructure"),
    "lyra": Identity("Lyra", "Documentation"),
    "luma": Identity("Luma", "Frontend"),
    "helios": Identity("Helios", "Operations"),
    "scout": Identity("Scout", "Research"),
}
"""Agents that are shown by a name and role of their own, by their ids in small letters."""


def identify(agent_id: str, display_name: str | None = None, role: str | None = None) -> Identity:
    """What is declared wins over what is built in; an unknown agent is called by its id."""
    known = BUILT_IN.get(agent_id.lower(), Identity(agent_id, None))
    return Identity(display_name or known.name, role or known.role)


def identity_of(agent_id: str, known: Mapping[str, Identity]) -> Identity:
    """How the agent is shown, where `known` are those that are declared or sent a heartbeat."""
    return known.get(agent_id) or identify(agent_id)
