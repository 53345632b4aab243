"""How what other programs say is taken in."""

from collections.abc import Mapping
from typing import NamedTuple

MAIN_AGENT = "main"
"""The agent of a gateway that names none: its default one."""


class OpenClawSettings(NamedTuple):
    """`agents` has the log's id for each of OpenClaw's, `timezone` is the gateway's, None if not known."""

    agents: Mapping[str, str]
    timezone: str | None = None
    store_prompts: bool = False

    def agent_id(self, agent: str | None) -> str:
        """The log's id of an agent of OpenClaw."""
        name = agent or MAIN_AGENT
        return self.agents.get(name, name)
