"""Which of many words occur in a text, found in one pass."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

_END = ""
_MOST_KNOWN = 8_192  # pieces of text
_LONGEST_KNOWN = 24  # characters of one


class WordSet:
    """Words to be looked for. One that begins another is found with it."""

    def __init__(self, words: Iterable[str]) -> None:
        known = sorted(words)
        self._longest = max(map(len, known))
        self._implied = {word: [other for other in known if word.startswith(other)] for word in known}
        root: dict[str, Any] = {}
        for word in known:
            node = root
            for char in word:
                node = node.setdefault(char, {})
            node[_END] = {}
        # A tree of prefixes: at each place of the text few branches are tried. Words may overlap.
        self._pattern = re.compile(f"(?=({_alternatives(root)}))")
        self._with_space = [word for word in known if word.split() != [word]]
        self._without: set[str] = set()  # words of prose in which none begins: most of a text

    def in_(self, text: str, stretch: slice) -> Iterator[str]:
        """The words that begin in a `stretch` of `text`, each once."""
        part = text[stretch.start : stretch.stop + self._longest]
        unknown = set(part.split()) - self._without
        found = set(self._pattern.findall(" ".join(unknown)))
        if not found:
            self._learn(unknown)
        found.update(filter(part.__contains__, self._with_space))
        return iter({word for longest in found for word in self._implied[longest]})

    def _learn(self, pieces: set[str]) -> None:
        if len(self._without) + len(pieces) > _MOST_KNOWN:
            self._without.clear()
        prose = [piece for piece in pieces if piece[:-1].isalpha() and len(piece) <= _LONGEST_KNOWN]
        self._without.update(prose[:_MOST_KNOWN])

    def places(self, text: str) -> Iterator[int]:
        """Where in `text` one of the words begins."""
        return (match.start() for match in self._pattern.finditer(text))


def _alternatives(node: dict[str, Any]) -> str:
    branches = [re.escape(char) + _alternatives(rest) for char, rest in node.items() if char != _END]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)})" + ("?" if _END in node else "")
