"""Secrets printed in a report, where everybody who reads the log can use them."""

from collections.abc import Iterator
from functools import lru_cache

from app.kit.secrets import CARD, Certainty, find_leak, may_name_secret, weigh_field
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
    """The fields whose names may be a secret's; of a pair of `name` and `value` the value with that name."""
    named: dict[int, object] | None = None
    for leaf in leaves:
        name = _secret_name(leaf.words)
        if leaf.words == ("value",):
            if named is None:
                named = {other.group: other.value for other in leaves if other.words in _NAMES}
            name = str(named.get(leaf.group, name))
        if name and isinstance(leaf.value, str):
            yield name, leaf.value
        elif name and isinstance(leaf.value, float) and leaf.value.is_integer():
            yield name, f"{leaf.value:.0f}"


@lru_cache(maxsize=4096)
def _secret_name(words: tuple[str, ...]) -> str:
    """The name that the words of a key make; empty where it cannot be a secret's."""
    name = " ".join(words)
    # A script without small letters is parted where its letters change; see `payload`.
    name = name if name.isascii() else "".join(words)
    return name if may_name_secret(name) else ""
