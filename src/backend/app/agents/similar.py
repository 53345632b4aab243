"""Ids that look alike: most often one agent that was configured twice, whose runs then are those of two."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from app.kit.invisible import is_unseen


def similar_ids(agent_ids: Iterable[str]) -> Mapping[str, list[str]]:
    """For each id that has them, the others that look like it, sorted: see `folded`."""
    groups: dict[str, set[str]] = defaultdict(set)
    for agent_id in agent_ids:
        groups[folded(agent_id)].add(agent_id)
    return {
        agent_id: sorted(group - {agent_id})
        for group in groups.values()
        if len(group) > 1
        for agent_id in group
    }


def folded(agent_id: str) -> str:
    """`agent_id` without what the eye passes over: case, Unicode's compatible forms, all that is unseen."""
    if agent_id.isascii() and agent_id.isprintable():
        return agent_id.lower().replace(" ", "")
    caseless = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", agent_id).casefold())
    return "".join(character for character in caseless if not is_unseen(character))
