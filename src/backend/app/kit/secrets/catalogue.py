"""The one list of secrets, and how a text or a field of JSON is searched for all of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from app.kit.secrets.commands import COMMANDS
from app.kit.secrets.connections import CONNECTIONS, PAIR
from app.kit.secrets.kind import Certainty, Kind, Span
from app.kit.secrets.logins import CARD, LOGINS
from app.kit.secrets.named import NAMED, field_name
from app.kit.secrets.personal import PERSONAL
from app.kit.secrets.tokens import TOKENS
from app.kit.secrets.values import weigh_value
from app.kit.secrets.wordset import WordSet

CATALOGUE: tuple[Kind, ...] = (*TOKENS, *LOGINS, *CONNECTIONS, PAIR, *COMMANDS, *NAMED)

# Almost every issued token has such a word in it, and most texts have none.
_LONG_WORD = re.compile(r"[A-Za-z0-9_%-]{16}|-----BEGIN")
_HEADER = re.compile(r"(?i)authorization|cookie")


class _Index:
    """Kinds by the words that announce them."""

    def __init__(self, kinds: Iterable[Kind], *, only_ascii: bool = False) -> None:
        self._kinds: dict[str, list[Kind]] = defaultdict(list)
        for kind in kinds:
            for word in kind.words:
                if word.isascii() or not only_ascii:
                    self._kinds[word].append(kind)
        self._words = WordSet(self._kinds)

    def spans(self, text: str, lower: str) -> Iterator[Span]:
        for word in self._words.in_(lower):
            for kind in self._kinds[word]:
                yield from kind.spans(text, lower, word)


_ISSUED = _Index(TOKENS)
_OTHERS = _Index((*LOGINS, *CONNECTIONS, *COMMANDS, *NAMED))
_OTHERS_IN_ASCII = _Index((*LOGINS, *CONNECTIONS, *COMMANDS, *NAMED), only_ascii=True)


def find_secrets(text: str) -> Iterator[Span]:
    """Every secret in `text`, in no order; some may overlap. Takes a time that is linear in its length."""
    lower = text.lower()
    if len(lower) != len(text):  # as `İ` grows: a place in `lower` has to be one in `text`
        lower = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    yield from CARD.spans_anywhere(text)
    if "@" in text:
        yield from PAIR.spans_anywhere(text)
    if _LONG_WORD.search(text):
        yield from _ISSUED.spans(text, lower)
    yield from (_OTHERS_IN_ASCII if text.isascii() else _OTHERS).spans(text, lower)


def find_personal(text: str) -> Iterator[Span]:
    """Everything in `text` that tells of a person; see `find_secrets`."""
    for kind in PERSONAL:
        yield from kind.spans_anywhere(text)


def find_leak(text: str) -> str:
    """The name of a kind of which a live secret stands in `text`; empty where there is none."""
    return next((span.kind for span in find_secrets(text) if span.certainty is Certainty.LIVE), "")


def weigh_field(key: str, value: str) -> Certainty:
    """How certain it is that what stands under `key` in JSON is a secret for that name, as a whole.

    The key may be in words, in camel case or with any separators.
    """
    if name := field_name(key):
        return weigh_value(name, value)
    if not _HEADER.search(key):
        return Certainty.NONE
    named = f"{key}: "
    behind = (span.certainty for span in find_secrets(named + value) if span.start >= len(named))
    return max(behind, default=Certainty.NONE)
