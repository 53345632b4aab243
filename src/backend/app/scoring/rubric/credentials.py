"""Secrets printed in a report, where everybody who reads the log can use them."""

from collections.abc import Iterator

from app.kit.secrets import CARD, Certainty, find_leak, weigh_field
from app.scoring.rubric.facts import Facts
from app.scoring.rubric.payload import Leaf

_NAMES = (("name",), ("key",))


def leaks_credential(facts: Facts) -> str:
    """That a report holds a live secret, in plain words and without it; empty when it holds none.

    What a secret looks like, `kit.secrets` says, for this and for masking alike. Looked at are all prose,
    what a tool printed, and fields by their names.
    """
    for text in facts.texts:
        if kind := find_leak(text.raw):
            return "leaks the number of a payment card" if kind == CARD.name else "leaks a credential"
    leaked = any(weigh_field(name, value) is Certainty.LIVE for name, value in _fields(facts.payload.leaves))
    return "leaks a credential" if leaked else ""


def _fields(leaves: tuple[Leaf, ...]) -> Iterator[tuple[str, str]]:
    """The fields with their names; of a pair of `name` and `value` the value with that name."""
    named = {leaf.group: leaf.value for leaf in leaves if leaf.words in _NAMES}
    for leaf in leaves:
        # A script without small letters is parted where its letters change; see `payload`.
        words = " ".join(leaf.words)
        name = words if words.isascii() else "".join(leaf.words)
        if leaf.words == ("value",):
            name = str(named.get(leaf.group, name))
        if isinstance(leaf.value, str):
            yield name, leaf.value
        elif isinstance(leaf.value, float) and leaf.value.is_integer():
            yield name, f"{leaf.value:.0f}"
