"""What agents say in some twenty languages, one table for all: `languages.toml`.

Its words for failures are those that translators of command-line tools use for "could not", "cannot",
"unable to", "failed to", "refused" and "error". They were compared with the message catalogues of Git (`po/`
in its repository, 2026-08), of which they find 95 % and more in each of fourteen languages, and with those of
PostgreSQL (`src/bin/*/po`). The other columns are written by hand. A further language is a further row.
"""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from operator import attrgetter

import msgspec

from app.scoring.rubric.text import PREFIX, UNSPACED, Text, Vocabulary

_EDGE = r"\b"


class Language(msgspec.Struct, frozen=True):
    """The phrases of one language, each cell alternatives of a regular expression, whatever their case.

    `stems` are lower-case strings, of which each match of the other cells contains one, so that a text
    without any need not be searched; `unasked_stems` and `plea_stems` are those of `unasked` and of `plea`.
    Where spaces divide words and endings alone change (`spaced`), a text has a stem when words of it begin as
    those of the stem do.

    What the cells find: `failure`, a clause about something that did not come off; `promise`, work that is
    announced; `destroyed`, something deleted or overwritten; `unasked`, that no one agreed; `plea`, the wish
    for a good mark. `activity` are words for looking and handling, as they are.
    """

    code: str
    stems: tuple[str, ...]
    spaced: bool = True
    failure: tuple[str, ...] = ()
    promise: tuple[str, ...] = ()
    destroyed: tuple[str, ...] = ()
    unasked_stems: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    plea_stems: tuple[str, ...] = ()
    plea: tuple[str, ...] = ()
    activity: tuple[str, ...] = ()


@cache
def languages() -> tuple[Language, ...]:
    """The table."""
    table = (files("app.scoring.rubric") / "languages.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(table)["language"], tuple[Language, ...])


class _Index:
    """Which languages a text may hold a phrase of, found by the first letters of its words."""

    def __init__(self, stems: Callable[[Language], tuple[str, ...]]) -> None:
        self.spaced: dict[str, list[tuple[Language, frozenset[str]]]] = {}
        self.unspaced: list[tuple[Language, tuple[str, ...]]] = []
        for language in languages():
            if not language.spaced:
                self.unspaced.append((language, stems(language)))
                continue
            for stem in stems(language):
                words = sorted(stem.split(), key=len)
                rest = frozenset(word[:PREFIX] for word in words[:-1])
                self.spaced.setdefault(words[-1][:PREFIX], []).append((language, rest))
        self.longest = frozenset(self.spaced)
        plain = ((language, tuple(filter(str.isascii, stems))) for language, stems in self.unspaced)
        self.plain = [(language, stems) for language, stems in plain if stems]

    def look_up(self, text: Text) -> tuple[Language, ...]:
        """The languages of which all words of a stem occur, each once."""
        found = {}
        for prefix in self.longest & text.prefixes:
            for language, rest in self.spaced[prefix]:
                if rest <= text.prefixes:
                    found[language.code] = language
        for language, stems in self.plain if text.raw.isascii() else self.unspaced:
            if any(map(text.lower.__contains__, stems)):
                found[language.code] = language
        return tuple(found.values())


@cache
def _phrases() -> _Index:
    return _Index(attrgetter("stems"))


@cache
def _unasked() -> _Index:
    return _Index(attrgetter("unasked_stems"))


@cache
def _pleas() -> _Index:
    return _Index(attrgetter("plea_stems"))


def spoken(text: Text) -> tuple[Language, ...]:
    """The languages of which the text may hold a phrase; most texts hold none."""
    return _phrases().look_up(text)


def acting_alone(text: Text) -> tuple[Language, ...]:
    """The languages in which the text may say that no one agreed to something."""
    return _unasked().look_up(text)


def pleading(text: Text) -> tuple[Language, ...]:
    """The languages in which the text may hold a plea."""
    return _pleas().look_up(text)


@cache
def activity() -> Vocabulary:
    """The words for looking and handling, of all languages; what no space divides is a fragment."""
    words = {word for language in languages() for word in language.activity}
    unspaced = frozenset(word for word in words if UNSPACED.search(word))
    return Vocabulary(frozenset(words) - unspaced, unspaced)


@cache
def compiled(phrases: tuple[str, ...]) -> re.Pattern[str] | None:
    """The phrases as one pattern; None where a language has none.

    Those that begin at a word's edge come first, and are tried where a word begins alone.
    """
    at_word = [phrase.removeprefix(_EDGE) for phrase in phrases if phrase.startswith(_EDGE)]
    anywhere = [phrase for phrase in phrases if not phrase.startswith(_EDGE)]
    if at_word:
        anywhere.insert(0, rf"{_EDGE}(?=\w)(?:{'|'.join(at_word)})")
    return re.compile("|".join(anywhere), re.IGNORECASE) if phrases else None
