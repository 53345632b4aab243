"""The agents as a list for people: those in trouble first, then all others by name."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents.identity import Identity, identity_of
from app.agents.registry import known_ids
from app.dashboard.verdict import Trouble


class ListedAgent(NamedTuple):
    """An agent, how it is shown, and what is wrong with it, the gravest first."""

    agent_id: str
    identity: Identity
    troubles: Sequence[Trouble]


async def listed_agents(
    session: AsyncSession,
    troubles: Sequence[Trouble],
    known: Mapping[str, Identity],
    search: str | None = None,
) -> list[ListedAgent]:
    """Every agent that reported or is declared, or those whose id, name or role hold `search`, in any case.

    `troubles` come the gravest first, and so do their agents; `known` is how agents are shown.
    """
    of_agents: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        for agent_id in trouble.agent_ids:
            of_agents.setdefault(agent_id, []).append(trouble)
    gravity = {agent_id: place for place, agent_id in enumerate(of_agents)}
    wanted = search.casefold() if search else ""
    agents = [
        ListedAgent(agent_id, identity, of_agents.get(agent_id, ()))
        for agent_id in await known_ids(session)
        if _holds(wanted, agent_id, identity := identity_of(agent_id, known))
    ]
    return sorted(
        agents,
        key=lambda each: (
            gravity.get(each.agent_id, len(gravity)),
            each.identity.name.casefold(),
            each.agent_id,
        ),
    )


def _holds(wanted: str, agent_id: str, identity: Identity) -> bool:
    return not wanted or wanted in f"{agent_id}\n{identity.title}".casefold()
