"""The one list of secrets, and how a text or a field of JSON is searched for all of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache

from app.kit.secrets.commands import COMMANDS
from app.kit.secrets.connections import CONNECTIONS, PAIR
from app.kit.secrets.kind import Certainty, Effort, Kind, Span
from app.kit.secrets.logins import CARD, LOGINS
from app.kit.secrets.named import NAMED, field_name
from app.kit.secrets.personal import PERSONAL
from app.kit.secrets.tokens import TOKENS
from app.kit.secrets.values import weigh_value
from app.kit.secrets.wordset import WordSet
from app.kit.text import folded

CATALOGUE: tuple[Kind, ...] = (*TOKENS, *LOGINS, *CONNECTIONS, PAIR, *COMMANDS, *NAMED)

_HEADER = re.compile(r"(?i)authorization|cookie")
SHORTEST = 6
"""Characters of the shortest text with a secret in it, `pin123`."""

_STRETCH = 16_384
"""Characters that are searched for all kinds before the next ones are, so that the rest may be left."""

MOST_PLACES = 8_000
"""Places of a text, or of a document, at which a pattern is tried or a match weighed: 8 µs each at most,
beside a tenth of a microsecond for each character. Prose about passwords has one in 14 characters (the
chapter on leaks of `docs/reference/scoring.md`), all pages one in 115, reports one in 190 (`tests/data`)."""

UNSEARCHED = "text that was not searched"
"""The kind of what is behind `MOST_PLACES`. It is masked, since a secret may be in it, and is no leak."""


class _Index:
    """Kinds by the words that announce them."""

    def __init__(self, kinds: Iterable[Kind], *, only_ascii: bool = False) -> None:
        self._kinds: dict[str, list[Kind]] = defaultdict(list)
        for kind in kinds:
            for word in kind.words:
                if word.isascii() or not only_ascii:
                    self._kinds[word].append(kind)
        self._words = WordSet(self._kinds)

    def spans(self, text: str, stretch: slice, lower: str, effort: Effort) -> Iterator[Span]:
        for word in self._words.in_(lower, stretch):
            for kind in self._kinds[word]:
                yield from kind.spans(text, stretch, lower, word, effort)


_ANNOUNCED = tuple(kind for kind in CATALOGUE if kind.words)


@cache
def _index(*, only_ascii: bool) -> _Index:
    """Made when a text of the sort is first searched: each takes as long as all that a command loads."""
    return _Index(_ANNOUNCED, only_ascii=only_ascii)


def find_secrets(text: str, effort: Effort | None = None) -> Iterator[Span]:
    """Every secret in `text`, in no order; some may overlap. Takes a time that is linear in its length.

    Patterns are tried at `MOST_PLACES`, or as `effort` allows. What is behind them is one more span, of the
    kind `UNSEARCHED`.
    """
    if len(text) < SHORTEST:
        return
    effort = effort or Effort(MOST_PLACES)
    lower = folded(text)
    index = _index(only_ascii=text.isascii())
    has_pair = "@" in text
    for start in range(0, len(text), _STRETCH):
        stretch = slice(start, start + _STRETCH)
        yield from CARD.spans_anywhere(text, stretch, effort)
        if has_pair:
            yield from PAIR.spans_anywhere(text, stretch, effort)
        yield from index.spans(text, stretch, lower, effort)
        if effort.places <= 0:
            yield Span(start, len(text), Certainty.POSSIBLE, UNSEARCHED)
            return


def find_personal(text: str) -> Iterator[Span]:
    """Everything in `text` that tells of a person; see `find_secrets`."""
    effort = Effort(MOST_PLACES)
    for kind in PERSONAL:
        yield from kind.spans_anywhere(text, slice(0, len(text)), effort)
    if effort.places <= 0:
        yield Span(0, len(text), Certainty.POSSIBLE, UNSEARCHED)


def find_leak(text: str) -> str:
    """The name of a kind of which a live secret stands in `text`; empty where there is none."""
    return next((span.kind for span in find_secrets(text) if span.certainty is Certainty.LIVE), "")


def may_name_secret(key: str) -> bool:
    """Whether `weigh_field` may find anything under `key`."""
    return bool(field_name(key) or _HEADER.search(key))


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
